//! `sparkwave predict`

use crate::cmd::{Device, RunFlags, sparks};
use sparkwave::sparks::{Detector, Keep};
use std::path::PathBuf;

/// Run a network over a movie: probability.tif, labels.tif, events.csv and the rest of what `sparks run` writes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset); not needed with --config
    #[arg(required_unless_present = "config")]
    movie: Option<PathBuf>,
    /// The network: a name of `models list`, or a file of weights [default: unet]
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Lowest peak probability of an event [default: that of the model's card]
    #[arg(long, value_name = "X")]
    threshold: Option<f64>,
    #[command(flatten)]
    flags: RunFlags<Device>,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let mut config = sparks::begin(&args.flags, args.movie.as_deref(), Detector::Network)?;
    if args.model.is_some() {
        config.model.clone_from(&args.model);
    }
    config.threshold = args.threshold.or(config.threshold);
    if !config.keep.contains(&Keep::Probability) {
        config.keep.push(Keep::Probability);
    }
    sparks::run(config, &args.flags)
}
