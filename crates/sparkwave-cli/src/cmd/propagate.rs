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
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset); may be left out with --config
    #[arg(value_name = "FRAMES", required_unless_present = "config")]
    movie: Option<PathBuf>,
    /// What to follow, and from where: prompts as JSON, or labels of ISAT
    #[arg(long, value_name = "FILE|FOLDER", required_unless_present = "config")]
    prompts: Option<PathBuf>,
    /// Who follows: embedded, the small network inside the program; sam2.1-hiera-tiny or another name of `models list`, got by
    /// `models get`; or a checkpoint of SAM 2 or 2.1 (.pt, .safetensors) [default: embedded]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    out: Out,
    /// Repeat a run: its run.toml; arguments given beside it win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write Parquet beside every CSV
    #[arg(long)]
    parquet: bool,
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
    /// In which direction [default: both]
    #[arg(long, value_enum)]
    direction: Option<Direction>,
    /// Values that are shown black and white, as LOW,HIGH [default: 0.1 and 99.9 percentile]
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_display, allow_hyphen_values = true)]
    display: Option<Display>,
    /// Masks that are trusted less than this are doubtful, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "X")]
    doubt: Option<f32>,
    /// Objects whose middle moves faster are doubtful; needs pixel size and frame interval
    #[arg(long, value_name = "MM_MIN")]
    max_speed: Option<f64>,
    /// Stop at the first doubtful frame
    #[arg(long)]
    stop_at_doubt: bool,
    /// Frames of less than this part of the contrast or detail of those around them are not used; 0 uses all that show anything
    /// [default: 0.25]
    #[arg(long, value_name = "X")]
    blank_below: Option<f64>,
    /// Fill gaps of up to so many unused frames from their neighbours [default: 10]
    #[arg(long, value_name = "N")]
    fill: Option<usize>,
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

impl MergeName {
    fn merge(self) -> Merge {
        match self {
            Self::Fill => Merge::Fill,
            Self::Unverified => Merge::Unverified,
            Self::All => Merge::All,
        }
    }
}

impl Direction {
    fn course(self) -> Course {
        match self {
            Self::Both => Course::Both,
            Self::Forwards => Course::Forwards,
            Self::Backwards => Course::Backwards,
        }
    }
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

/// The configuration file, if any, with the arguments over it.
fn resolve(args: &Args) -> anyhow::Result<PropagateConfig> {
    let mut config = match &args.config {
        Some(file) => PropagateConfig::read(file)?,
        None => PropagateConfig::new("".as_ref(), "".as_ref(), EMBEDDED.as_ref()),
    };
    let put = |path: &mut PathBuf, given: &Option<PathBuf>| given.iter().for_each(|given| path.clone_from(given));
    put(&mut config.input, &args.movie);
    put(&mut config.prompts, &args.prompts);
    put(&mut config.model, &args.model);
    config.image_px = args.image_px.or(config.image_px);
    config.first_frame = args.first.or(config.first_frame);
    config.last_frame = args.last.or(config.last_frame);
    config.course = args.direction.map_or(config.course, Direction::course);
    config.display = args.display.or(config.display);
    config.doubt = args.doubt.unwrap_or(config.doubt);
    config.max_speed_mm_min = args.max_speed.or(config.max_speed_mm_min);
    config.stop_at_doubt |= args.stop_at_doubt;
    config.blank_below = args.blank_below.unwrap_or(config.blank_below);
    config.fill_frames = args.fill.unwrap_or(config.fill_frames);
    config.isat |= args.isat;
    if !args.export.is_empty() {
        config.export = args.export.iter().map(|e| e.export()).collect();
    }
    if let Some(folder) = args.isat_into.clone() {
        config.isat_into = Some(IsatFolder { folder, merge: args.merge.map_or(Merge::Fill, MergeName::merge) });
    }
    config.parquet |= args.parquet;
    config.pixel_size_um = args.calibration.pixel_size_um.or(config.pixel_size_um);
    config.frame_interval_s = args.calibration.frame_interval_s.or(config.frame_interval_s);
    Ok(config)
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let config = resolve(args)?;
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
