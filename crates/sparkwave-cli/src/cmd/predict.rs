//! `sparkwave predict`

use crate::cmd::{Common, RunFlags};
use crate::output::counted;
use crate::progress::Terminal;
use sparkwave::sparks::{Detector, Keep, SparksConfig};
use std::path::PathBuf;

/// Run a network over a movie: probability.tif, labels.tif, events.csv and the rest of what `sparks run` writes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset); not needed with --config
    #[arg(required_unless_present = "config")]
    movie: Option<PathBuf>,
    /// The network: a name of `models list`, or a file of weights
    #[arg(long, value_name = "MODEL", default_value = "unet")]
    model: PathBuf,
    /// Lowest peak probability of an event [default: that of the model's card]
    #[arg(long, value_name = "X")]
    threshold: Option<f64>,
    #[command(flatten)]
    flags: RunFlags,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let flags = &args.flags;
    let mut config = match (&flags.config, &args.movie) {
        (Some(file), _) => SparksConfig::read(file)?,
        (None, movie) => {
            let movie = movie.as_deref().unwrap_or(".".as_ref());
            let mut config = SparksConfig::new(movie, Detector::Network);
            config.model = Some(args.model.clone());
            config
        }
    };
    if let Some(movie) = &args.movie {
        config.input.clone_from(movie);
    }
    config.threshold = args.threshold.or(config.threshold);
    if !config.keep.contains(&Keep::Probability) {
        config.keep.push(Keep::Probability);
    }
    flags.put_over(Common {
        parquet: &mut config.parquet,
        seed: &mut config.seed,
        pixel_size_um: &mut config.pixel_size_um,
        frame_interval_s: &mut config.frame_interval_s,
    });
    let terminal = Terminal::new(flags.running.quiet);
    let (existing, threads) = (flags.out.existing.existing(), flags.running.threads());
    let run = sparkwave::sparks::run(&config, &flags.out.out, existing, threads, &terminal);
    terminal.finish();
    let result = run?;
    flags.tell(&result.record, &counted(result.events.len(), "event"))
}
