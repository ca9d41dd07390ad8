//! The commands, and the arguments that several of them share.

pub(crate) mod analyze;
pub(crate) mod convert;
pub(crate) mod dataset;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod experiment;
pub(crate) mod info;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod propagate;
pub(crate) mod simulate;
pub(crate) mod sparks;
pub(crate) mod train;
pub(crate) mod waves;

use crate::output;
use clap::ValueEnum;
use sparkwave::Compute;
use sparkwave::export::Export;
use sparkwave::provenance::RunRecord;
use sparkwave::run_folder::Existing;
use std::fmt::Debug;
use std::path::PathBuf;

/// What every run takes beside its recording and its method.
#[derive(Debug, clap::Args)]
pub(crate) struct RunFlags<D: Place = Processor> {
    #[command(flatten)]
    pub(crate) out: Out,
    /// Repeat a run: its run.toml; arguments given beside it win
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write Parquet beside every CSV
    #[arg(long)]
    parquet: bool,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    calibration: CalibrationFlags,
    #[command(flatten)]
    pub(crate) running: Running<D>,
}

/// The parameters that every run has, in its configuration.
pub(crate) struct Common<'a> {
    pub(crate) parquet: &'a mut bool,
    pub(crate) seed: &'a mut u64,
    pub(crate) pixel_size_um: &'a mut Option<f64>,
    pub(crate) frame_interval_s: &'a mut Option<f64>,
}

impl<D: Place> RunFlags<D> {
    /// Puts what is given over a configuration.
    pub(crate) fn put_over(&self, config: Common<'_>) {
        *config.parquet |= self.parquet;
        *config.seed = self.seed.unwrap_or(*config.seed);
        *config.pixel_size_um = self.calibration.pixel_size_um.or(*config.pixel_size_um);
        *config.frame_interval_s = self.calibration.frame_interval_s.or(*config.frame_interval_s);
    }

    /// Tells how the run went: its record as JSON, or what it found and where the report is.
    pub(crate) fn tell(&self, record: &RunRecord, found: &str) -> anyhow::Result<()> {
        if self.running.json {
            output::json(&serde_json::to_value(record)?);
        } else {
            let report = self.out.out.join("report.html");
            output::line(&format!("{found} in {:.1} s; look at {}", record.wall_s, report.display()));
        }
        Ok(())
    }
}

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

/// A further format of labelled frames.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportName {
    /// instances_coco.json beside the labelled frames
    Coco,
    /// youtube_vis.json beside the labelled frames
    YoutubeVis,
    /// LabelMe files in labelme/
    Labelme,
}

impl ExportName {
    pub(crate) fn export(self) -> Export {
        match self {
            Self::Coco => Export::Coco,
            Self::YoutubeVis => Export::YoutubeVis,
            Self::Labelme => Export::Labelme,
        }
    }
}

/// How a command runs and talks; `D` is where it may compute.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Running<D: Place = Processor> {
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: D,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl<D: Place> Running<D> {
    pub(crate) fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }
}

impl Running<Device> {
    pub(crate) fn compute(&self) -> Compute {
        let device = match self.device {
            Device::Cpu => sparkwave::Device::Cpu,
            Device::Gpu => sparkwave::Device::Gpu,
        };
        Compute { threads: self.threads(), device }
    }
}

/// Where a command may compute.
pub(crate) trait Place: ValueEnum + Copy + Debug + Default + Send + Sync + 'static {}

/// Where everything but networks computes.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Processor {
    /// The processor
    #[default]
    Cpu,
}

/// Where a network may compute.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Device {
    /// The processor
    #[default]
    Cpu,
    /// The graphics card (networks only; the program must be built with --features gpu)
    Gpu,
}

impl Place for Processor {}
impl Place for Device {}
