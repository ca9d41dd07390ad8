//! The commands, and the arguments that several of them share.

pub(crate) mod convert;
pub(crate) mod dataset;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod info;
pub(crate) mod simulate;
pub(crate) mod sparks;
pub(crate) mod train;
pub(crate) mod waves;

use clap::ValueEnum;
use sparkwave::run_folder::Existing;
use std::path::PathBuf;

/// Where the files of a run go.
#[derive(Debug, clap::Args)]
pub(crate) struct Out {
    /// Folder for the results; created if absent
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) existing: ExistingFlags,
}

/// What to do with a folder that is not empty.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ExistingFlags {
    /// Finish a run with the same parameters: keep its finished files, make the missing ones
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the files of an earlier run
    #[arg(long)]
    overwrite: bool,
}

impl ExistingFlags {
    pub(crate) fn existing(self) -> Existing {
        match (self.resume, self.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        }
    }
}

/// Calibration that the user states.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CalibrationFlags {
    /// Pixel size over that of the file, um
    #[arg(long, value_name = "UM")]
    pub(crate) pixel_size_um: Option<f64>,
    /// Frame interval over that of the file, s
    #[arg(long, value_name = "S")]
    pub(crate) frame_interval_s: Option<f64>,
}

/// How a command runs and talks.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Running {
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Running {
    pub(crate) fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// The processor
    Cpu,
}
