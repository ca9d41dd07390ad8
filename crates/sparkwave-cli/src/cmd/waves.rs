//! `sparkwave waves run`, and the classic analyses beside it.

mod classic;

use crate::cmd::{Common, ExportName, RunFlags};
use crate::output::counted;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::waves::{Colors, Keep, Propagator, WavesConfig};
use std::path::PathBuf;

/// Find waves of reflectance that travel across cortex
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Run(Box<RunArgs>),
    Components(classic::ComponentsArgs),
    Average(classic::AverageArgs),
}

/// From raw frames to episodes.csv, waves.csv, masks.tif, videos, a data set and report.html
#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Raw recording: folder of frames, TIFF or OME-TIFF stack, OME-Zarr, HDF5 (file.h5::dataset); not needed with
    /// --config
    #[arg(required_unless_present = "config")]
    raw: Option<PathBuf>,
    /// Time over which a frame of the rate map is a difference, s [default: 5]
    #[arg(long, value_name = "S")]
    interval_s: Option<f64>,
    /// Length of the time bins that frames are averaged over, s [default: 1]
    #[arg(long, value_name = "S")]
    bin_s: Option<f64>,
    /// False waves to expect in an hour of recording [default: 0.1]
    #[arg(long, value_name = "RATE")]
    false_per_hour: Option<f64>,
    /// Part of a wave's peak rise that a pixel's rise reaches inside its mask [default: 0.35]
    #[arg(long, value_name = "FRACTION")]
    band_fraction: Option<f64>,
    /// Cortical window: corners as y,x y,x y,x ... in pixels [default: proposed from the recording]
    #[arg(long, value_name = "POLYGON", value_parser = parse_points)]
    window: Option<Points>,
    /// Midline: its ends as y,x y,x in pixels [default: proposed from the recording]
    #[arg(long, value_name = "ENDS", value_parser = parse_points)]
    midline: Option<Points>,
    /// Prompts as JSON: what else is to be followed, and from where
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Who outlines the waves: embedded, by arrival times; mask-track, the small network inside the program; or a checkpoint of
    /// SAM 2 (a name of `models list`, or a file) [default: embedded]
    #[arg(long, value_name = "NAME|FILE")]
    propagator: Option<PathBuf>,
    /// Colours of the rate maps [default: diverging]
    #[arg(long, value_enum)]
    colors: Option<ColorsName>,
    /// Also write the frames of the published program, and draw the videos in its look
    #[arg(long)]
    legacy: bool,
    /// Draw no tracking videos
    #[arg(long)]
    no_videos: bool,
    /// Movies to keep: amplitude, registered
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    keep: Vec<KeepName>,
    /// Further formats of the labelled segments: coco, youtube-vis, labelme
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    export: Vec<ExportName>,
    #[command(flatten)]
    flags: RunFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColorsName {
    /// Red rises, blue falls
    Diverging,
    /// The rainbow of the published frames
    Jet,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeepName {
    /// amplitude.tif: dR/R0 of every time bin
    Amplitude,
    /// registered.tif: time bins put back in place, counts
    Registered,
}

/// Points as rows and columns, px.
type Points = std::sync::Arc<Vec<[f64; 2]>>;

fn parse_points(text: &str) -> Result<Points, String> {
    let expected = || "expected points as y,x separated by spaces, for example \"10,20 10,400 300,400\"".to_owned();
    let point = |pair: &str| -> Option<[f64; 2]> {
        let (y, x) = pair.split_once(',')?;
        Some([y.trim().parse().ok()?, x.trim().parse().ok()?])
    };
    let points: Vec<[f64; 2]> =
        text.split_whitespace().map(|p| point(p).ok_or_else(expected)).collect::<Result<_, _>>()?;
    if points.len() < 2 { Err(expected()) } else { Ok(points.into()) }
}

/// The configuration file, if any, with the arguments over it.
fn resolve(args: &RunArgs) -> anyhow::Result<WavesConfig> {
    let mut config = match (&args.flags.config, &args.raw) {
        (Some(file), _) => WavesConfig::read(file)?,
        (None, raw) => WavesConfig::new(raw.as_deref().unwrap_or(".".as_ref())),
    };
    if let Some(raw) = &args.raw {
        config.input.clone_from(raw);
    }
    config.interval_s = args.interval_s.unwrap_or(config.interval_s);
    config.bin_s = args.bin_s.unwrap_or(config.bin_s);
    config.waves.false_per_hour = args.false_per_hour.unwrap_or(config.waves.false_per_hour);
    config.waves.band_fraction = args.band_fraction.unwrap_or(config.waves.band_fraction);
    if let Some(points) = &args.window {
        config.window = Some(points.to_vec());
    }
    if let Some(points) = &args.midline {
        let ends: [[f64; 2]; 2] = points.as_slice().try_into().map_err(|_| sparkwave::Error::Parameter {
            name: "--midline",
            expected: "two points",
            found: format!("{}", points.len()),
        })?;
        config.midline = Some(ends);
    }
    if args.prompts.is_some() {
        config.prompts.clone_from(&args.prompts);
    }
    if let Some(propagator) = &args.propagator {
        config.propagator = match propagator.to_str() {
            Some("embedded") => Propagator::Embedded,
            Some("mask-track") => Propagator::MaskTrack,
            _ => Propagator::Checkpoint(propagator.clone()),
        };
    }
    if let Some(colors) = args.colors {
        config.colors = match colors {
            ColorsName::Diverging => Colors::Diverging,
            ColorsName::Jet => Colors::Jet,
        };
    }
    if !args.keep.is_empty() {
        let keep = |k: &KeepName| match k {
            KeepName::Amplitude => Keep::Amplitude,
            KeepName::Registered => Keep::Registered,
        };
        config.keep = args.keep.iter().map(keep).collect();
    }
    if !args.export.is_empty() {
        config.export = args.export.iter().map(|e| e.export()).collect();
    }
    config.legacy |= args.legacy;
    config.videos &= !args.no_videos;
    args.flags.put_over(Common {
        parquet: &mut config.parquet,
        seed: &mut config.seed,
        pixel_size_um: &mut config.pixel_size_um,
        frame_interval_s: &mut config.frame_interval_s,
    });
    Ok(config)
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Run(args) => run(args),
        What::Components(args) => classic::components(args),
        What::Average(args) => classic::average(args),
    }
}

fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = resolve(args)?;
    let flags = &args.flags;
    let terminal = Terminal::new(flags.running.quiet);
    let (existing, threads) = (flags.out.existing.existing(), flags.running.threads());
    let run = sparkwave::waves::run(&config, &flags.out.out, existing, threads, &terminal);
    terminal.finish();
    let result = run?;
    let (waves, episodes) = (counted(result.waves.len(), "wave"), counted(result.episodes.len(), "episode"));
    flags.tell(&result.record, &format!("{waves} in {episodes}"))
}
