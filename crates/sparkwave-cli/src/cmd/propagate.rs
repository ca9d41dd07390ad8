//! `sparkwave propagate`

use crate::cmd::{CalibrationFlags, ExportName, Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::propagate::{Course, Display, EMBEDDED, IsatFolder, Merge, PropagateConfig, Stop};
use std::path::PathBuf;

/// Follow objects from prompts through a movie: masks/, labels.tif, objects.csv, frames.csv, overlay.mp4
///
/// Prompts are JSON: {"frames": N, "prompts": [{"frame": 0, "object": 1, "points": [{"y": 10, "x": 12}, {"y": 40, "x": 3,
/// "positive": false}], "box": {"y0": .., "x0": .., "y1": .., "x1": ..}, "mask": "file.png"}]}; points, boxes and masks, alone or
/// together, in any frames, of any number of objects. Or they are labels of ISAT, a file or a folder: every frame that a person
/// labelled is known, followed from, and holds nothing else. Masks given by themselves, labels of ISAT and masks with "verified":
/// true stand as they are. Every object is followed from its first prompt to either side; what is said of it in later frames is
/// taken up there: a point, also a negative one by itself, corrects what was followed.
///
/// objects.csv says of every mask how far it is to be trusted: the overlap that the network expects, how probable the object is
/// there, how well it agrees with the frame before, how fast it moves, whether it is doubtful, and why. frames.csv says which
/// frames show too little to be used, and why; their masks are filled from the neighbours and marked. A run that was interrupted, or
/// stopped to be asked (--stop-at-doubt), goes on with --resume: with the same prompts, and others from there on. To correct
/// earlier frames, run again with --overwrite.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset)
    #[arg(value_name = "FRAMES")]
    movie: PathBuf,
    /// What to follow, and from where: prompts as JSON, or labels of ISAT
    #[arg(long, value_name = "FILE|FOLDER")]
    prompts: PathBuf,
    /// Who follows: embedded, the small network inside the program; sam2.1-hiera-tiny or another name of `models list`, got by
    /// `models get`; or a checkpoint of SAM 2 or 2.1 (.pt, .safetensors)
    #[arg(long, value_name = "NAME|FILE", default_value = EMBEDDED)]
    model: PathBuf,
    #[command(flatten)]
    out: Out,
    /// Pixels along each edge of what SAM 2 sees, a multiple of 32; 512 is five times faster than 1024 and coarser [default: what
    /// the checkpoint was fine-tuned with, or 1024]
    #[arg(long, value_name = "N")]
    image_px: Option<usize>,
    /// First frame to be followed to, 0-based [default: the movie's]
    #[arg(long, value_name = "FRAME")]
    first: Option<usize>,
    /// Last frame to be followed to [default: the movie's]
    #[arg(long, value_name = "FRAME")]
    last: Option<usize>,
    /// In which direction
    #[arg(long, value_enum, default_value_t = Direction::Both)]
    direction: Direction,
    /// Values that are shown black and white, as LOW,HIGH [default: 0.1 and 99.9 percentile]
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_display, allow_hyphen_values = true)]
    display: Option<Display>,
    /// Masks that are trusted less than this are doubtful, 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.5)]
    doubt: f32,
    /// Objects whose middle moves faster are doubtful; needs pixel size and frame interval
    #[arg(long, value_name = "MM_MIN")]
    max_speed: Option<f64>,
    /// Stop at the first doubtful frame
    #[arg(long)]
    stop_at_doubt: bool,
    /// Frames of less than this part of the contrast or detail of those around them are not used; 0 uses all that show anything
    #[arg(long, value_name = "X", default_value_t = 0.25)]
    blank_below: f64,
    /// Fill gaps of up to so many unused frames from their neighbours
    #[arg(long, value_name = "N", default_value_t = 10)]
    fill: usize,
    /// Also write frames and ISAT labels as a data set, isat/
    #[arg(long)]
    isat: bool,
    /// Further formats of the data set: coco, youtube-vis, labelme
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    export: Vec<ExportName>,
    /// Also write ISAT labels into this folder, beside the images and labels there; the frames of --prompts stay as they are
    #[arg(long, value_name = "FOLDER")]
    isat_into: Option<PathBuf>,
    /// Which labels in that folder give way [default: fill]
    #[arg(long, value_enum, requires = "isat_into")]
    merge: Option<MergeName>,
    #[command(flatten)]
    calibration: CalibrationFlags,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MergeName {
    /// None: only frames without labels get some
    Fill,
    /// Those that no person has seen
    Unverified,
    /// All
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Direction {
    /// From the first prompt to the end, then back to the beginning
    Both,
    /// From the first prompt to the end
    Forwards,
    /// From the last prompt to the beginning
    Backwards,
}

fn parse_display(text: &str) -> Result<Display, String> {
    let numbers: Vec<f32> = text
        .split(',')
        .map(|n| n.trim().parse().map_err(|_| n))
        .collect::<Result<_, _>>()
        .map_err(|n| format!("expected two numbers such as 100,4000, found {n:?}"))?;
    match numbers[..] {
        [black, white] if black < white && (white - black).is_finite() => Ok(Display { black, white }),
        _ => Err("expected a number and a larger one, such as 100,4000".into()),
    }
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let config = PropagateConfig {
        image_px: args.image_px,
        first_frame: args.first,
        last_frame: args.last,
        course: match args.direction {
            Direction::Both => Course::Both,
            Direction::Forwards => Course::Forwards,
            Direction::Backwards => Course::Backwards,
        },
        display: args.display,
        doubt: args.doubt,
        max_speed_mm_min: args.max_speed,
        stop_at_doubt: args.stop_at_doubt,
        blank_below: args.blank_below,
        fill_frames: args.fill,
        isat: args.isat,
        export: args.export.iter().map(|e| e.export()).collect(),
        isat_into: args.isat_into.clone().map(|folder| IsatFolder {
            folder,
            merge: match args.merge.unwrap_or(MergeName::Fill) {
                MergeName::Fill => Merge::Fill,
                MergeName::Unverified => Merge::Unverified,
                MergeName::All => Merge::All,
            },
        }),
        pixel_size_um: args.calibration.pixel_size_um,
        frame_interval_s: args.calibration.frame_interval_s,
        ..PropagateConfig::new(&args.movie, &args.prompts, &args.model)
    };
    let terminal = Terminal::new(args.running.quiet);
    let existing = args.out.existing.existing();
    let result = sparkwave::propagate::run(&config, &args.out.out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let result = result?;
    if args.running.json {
        output::json(&serde_json::to_value(&result.record)?);
        return Ok(());
    }
    let objects = output::counted(result.n_objects, "object");
    let frames = output::counted(result.n_frames, "frame");
    let doubtful = match result.doubtful.as_slice() {
        [] => "no mask is doubtful".to_owned(),
        [first, rest @ ..] => format!("{} doubtful, the first {first}", output::counted(rest.len() + 1, "frame")),
    };
    let blank = match result.n_blank {
        0 => String::new(),
        n => format!(", {} unused, {} of them filled", output::counted(n, "blank frame"), result.n_filled),
    };
    let video = args.out.out.join("overlay.mp4");
    output::line(&format!(
        "{objects} in {frames}{blank} in {:.1} s; {doubtful}; look at {}",
        result.record.wall_s,
        video.display()
    ));
    if let Some(Stop { frame, object, why }) = result.stopped_at {
        let advice = "add a prompt in that frame and go on with --resume";
        output::line(&format!("stopped at frame {frame}, as object {object} is doubtful ({why}): {advice}"));
    }
    Ok(())
}
