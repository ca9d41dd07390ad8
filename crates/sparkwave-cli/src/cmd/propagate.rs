//! `sparkwave propagate`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::propagate::{Course, Display, PropagateConfig};
use std::path::PathBuf;

/// Follow objects from prompts through a movie with SAM 2: masks/, labels.tif, objects.csv, overlay.mp4
///
/// Prompts are JSON: {"frames": N, "prompts": [{"frame": 0, "object": 1, "points": [{"y": 10, "x": 12}], "box": {"y0": ..,
/// "x0": .., "y1": .., "x1": ..}, "mask": "file.png"}]}, in any frames, of any number of objects. Every mask comes with the
/// overlap that the network expects, how probable the object is there, and how well it agrees with the mask before; doubtful
/// frames are marked, and a prompt in one of them, in the next run, corrects it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset)
    #[arg(value_name = "FRAMES")]
    movie: PathBuf,
    /// What to follow, and from where
    #[arg(long, value_name = "FILE")]
    prompts: PathBuf,
    /// Official checkpoint of SAM 2 or 2.1 (.pt or .safetensors)
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    out: Out,
    /// Pixels along each edge of what the network sees, a multiple of 32; 512 is five times faster and coarser
    #[arg(long, value_name = "N", default_value_t = 1024)]
    image_px: usize,
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
    /// Stop at the first doubtful frame
    #[arg(long)]
    stop_at_doubt: bool,
    /// Also write frames and ISAT labels as a data set
    #[arg(long)]
    isat: bool,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Direction {
    /// From the first prompt to the end, then from there to the beginning
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
        [black, white] if black < white => Ok(Display { black, white }),
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
        stop_at_doubt: args.stop_at_doubt,
        isat: args.isat,
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
    let video = args.out.out.join("overlay.mp4");
    output::line(&format!(
        "{objects} in {frames} in {:.1} s; {doubtful}; look at {}",
        result.record.wall_s,
        video.display()
    ));
    if let Some(frame) = result.stopped_at {
        output::line(&format!("stopped at frame {frame}: add a prompt there and run again"));
    }
    Ok(())
}
