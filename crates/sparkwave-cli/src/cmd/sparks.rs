//! `sparkwave sparks run`

use crate::cmd::{Common, Device, RunFlags};
use crate::output::counted;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::imgproc::background::Rectangle;
use sparkwave::imgproc::baseline::BaselineMethod;
use sparkwave::imgproc::threshold::Threshold;
use sparkwave::models::SHIPPED;
use sparkwave::sparks::{Detector, Keep, SparksConfig};
use std::path::{Path, PathBuf};

/// Find miniature synaptic calcium transients
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Run(Box<RunArgs>),
}

/// From a raw movie to events.csv, labels.tif, figures and report.html
#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset); not needed with --config
    #[arg(required_unless_present = "config")]
    movie: Option<PathBuf>,
    /// How events are found: by a network, a name of `models list` or a file of weights; matched (matched filter); or idt
    /// (intensity-based detection threshold, as published) [default: unet]
    #[arg(long, value_name = "NAME|FILE", value_parser = parse_detector)]
    detector: Option<DetectorName>,
    /// Expected share of false events (matched only) [default: 0.05]
    #[arg(long, value_name = "RATE", conflicts_with = "threshold")]
    fdr: Option<f64>,
    /// Evidence that an event needs: standard deviations of the noise [default: from --fdr for matched, 4 for idt], or the
    /// probability that a network gives [default: the best on its validation recordings]
    #[arg(long, value_name = "X")]
    threshold: Option<f64>,
    /// Pixels that are searched: triangle, otsu, all, or an intensity above background [default: all,
    /// triangle for idt]
    #[arg(long, value_name = "RULE", value_parser = parse_foreground)]
    foreground: Option<Threshold>,
    /// Background region as y0:y1,x0:x1 in pixels [default: the darkest 5 % of the mean image]
    #[arg(long, value_name = "REGION", value_parser = parse_region)]
    background: Option<Rectangle>,
    /// How F0 is estimated [default: arpls]
    #[arg(long, value_enum)]
    baseline: Option<BaselineName>,
    /// Do not register the frames
    #[arg(long)]
    no_register: bool,
    /// Do not split bursts and touching events (idt only: the published behaviour)
    #[arg(long)]
    no_split: bool,
    /// Movies to keep: registered, dff, normalized, probability (of a network)
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    keep: Vec<KeepName>,
    #[command(flatten)]
    flags: RunFlags<Device>,
}

#[derive(Clone, Debug)]
enum DetectorName {
    Matched,
    Idt,
    Network(PathBuf),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BaselineName {
    /// Asymmetrically reweighted penalised least squares
    Arpls,
    /// Running percentile
    Percentile,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeepName {
    /// registered.tif: frames put back in place, counts
    Registered,
    /// dff.tif: dF/F0
    Dff,
    /// normalized.tif: the published global normalisation
    Normalized,
    /// probability.tif: what a network says of each pixel
    Probability,
}

fn parse_foreground(text: &str) -> Result<Threshold, String> {
    match text {
        "triangle" => Ok(Threshold::Triangle),
        "otsu" => Ok(Threshold::Otsu),
        "all" => Ok(Threshold::All),
        number => match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Threshold::Manual(value)),
            _ => Err("expected triangle, otsu, all or a number".to_owned()),
        },
    }
}

fn parse_detector(text: &str) -> Result<DetectorName, String> {
    match text {
        "matched" => Ok(DetectorName::Matched),
        "idt" => Ok(DetectorName::Idt),
        name if SHIPPED.iter().any(|s| s.name == name) => Ok(DetectorName::Network(name.into())),
        file if file.contains('.') => Ok(DetectorName::Network(file.into())),
        _ => Err("expected matched, idt, a name of `models list` or a file of weights (.safetensors)".to_owned()),
    }
}

fn parse_region(text: &str) -> Result<Rectangle, String> {
    let expected = || "expected y0:y1,x0:x1, for example 10:60,400:500".to_owned();
    let pair = |part: &str| -> Option<(usize, usize)> {
        let (a, b) = part.split_once(':')?;
        Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
    };
    let (rows, columns) = text.split_once(',').ok_or_else(expected)?;
    match (pair(rows), pair(columns)) {
        (Some((y0, y1)), Some((x0, x1))) if y0 < y1 && x0 < x1 => Ok(Rectangle { y0, y1, x0, x1 }),
        _ => Err(expected()),
    }
}

/// The configuration file, if any, with the arguments over it.
fn resolve(args: &RunArgs) -> anyhow::Result<SparksConfig> {
    let (detector, model) = match &args.detector {
        None => (None, None),
        Some(DetectorName::Matched) => (Some(Detector::Matched), None),
        Some(DetectorName::Idt) => (Some(Detector::Idt), None),
        Some(DetectorName::Network(file)) => (Some(Detector::Network), Some(file.clone())),
    };
    let mut config = begin(&args.flags, args.movie.as_deref(), detector.unwrap_or_default())?;
    if let Some(detector) = detector {
        config.detector = detector;
    }
    if model.is_some() {
        config.model = model;
    }
    if let Some(rate) = args.fdr {
        if config.detector != Detector::Matched {
            let found = config.detector_name();
            return Err(sparkwave::Error::Parameter { name: "fdr", expected: "--detector matched", found }.into());
        }
        config.matched.false_discovery_rate = rate;
        config.matched.threshold = None;
    }
    if let Some(threshold) = args.threshold {
        match config.detector {
            Detector::Matched => config.matched.threshold = Some(threshold),
            Detector::Idt => config.idt.detect_sd = threshold,
            Detector::Network => config.threshold = Some(threshold),
        }
    }
    if let Some(foreground) = args.foreground {
        config.foreground.threshold = foreground;
    }
    if let Some(method) = args.baseline {
        config.baseline.method = match method {
            BaselineName::Arpls => BaselineMethod::Arpls,
            BaselineName::Percentile => BaselineMethod::Percentile,
        };
    }
    if !args.keep.is_empty() {
        let keep = |k: &KeepName| match k {
            KeepName::Registered => Keep::Registered,
            KeepName::Dff => Keep::Dff,
            KeepName::Normalized => Keep::Normalized,
            KeepName::Probability => Keep::Probability,
        };
        config.keep = args.keep.iter().map(keep).collect();
    }
    config.background = args.background.or(config.background);
    config.register.enabled &= !args.no_register;
    config.idt.split &= !args.no_split;
    Ok(config)
}

/// The configuration file, if any, or the defaults of a detector, for this movie.
pub(crate) fn begin(
    flags: &RunFlags<Device>,
    movie: Option<&Path>,
    detector: Detector,
) -> anyhow::Result<SparksConfig> {
    let mut config = match &flags.config {
        Some(file) => SparksConfig::read(file)?,
        None => SparksConfig::new(movie.unwrap_or(".".as_ref()), detector),
    };
    if let Some(movie) = movie {
        config.input = movie.to_path_buf();
    }
    Ok(config)
}

/// Runs with what every run takes put over the configuration, and tells how it went.
pub(crate) fn run(mut config: SparksConfig, flags: &RunFlags<Device>) -> anyhow::Result<()> {
    flags.put_over(Common {
        parquet: &mut config.parquet,
        seed: &mut config.seed,
        pixel_size_um: &mut config.pixel_size_um,
        frame_interval_s: &mut config.frame_interval_s,
    });
    let terminal = Terminal::new(flags.running.quiet);
    let (existing, compute) = (flags.out.existing.existing(), flags.running.compute());
    let run = sparkwave::sparks::run(&config, &flags.out.out, existing, compute, &terminal);
    terminal.finish();
    let result = run?;
    flags.tell(&result.record, &counted(result.events.len(), "event"))
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let What::Run(args) = &args.what;
    run(resolve(args)?, &args.flags)
}
