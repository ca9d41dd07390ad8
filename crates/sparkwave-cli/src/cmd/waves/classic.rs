//! `sparkwave waves components` and `sparkwave waves average`

use crate::cmd::{CalibrationFlags, Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::imgproc::classic::trials::TrialParams;
use sparkwave::provenance::RunRecord;
use sparkwave::waves::classic::{ClassicInput, ComponentsConfig, Method, TrialsConfig};
use std::path::PathBuf;

/// Principal or independent components of a recording: maps and time courses
#[derive(Debug, clap::Args)]
pub(crate) struct ComponentsArgs {
    #[command(flatten)]
    input: Input,
    /// Which components
    #[arg(long, value_enum, default_value_t = MethodName::Pca)]
    method: MethodName,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 8)]
    n: usize,
    /// Seed of the first guess of ICA
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    running: Running,
}

/// Mean response over trials: dR/R0 around their onsets
#[derive(Debug, clap::Args)]
pub(crate) struct AverageArgs {
    #[command(flatten)]
    input: Input,
    /// Onsets: CSV with a column onset_s, s since the first frame
    #[arg(long, value_name = "CSV")]
    trials: PathBuf,
    /// How long before its onset a trial begins, s; also the baseline
    #[arg(long, value_name = "S", default_value_t = TrialParams::default().pre_s)]
    pre_s: f64,
    /// How long after its onset a trial ends, s
    #[arg(long, value_name = "S", default_value_t = TrialParams::default().post_s)]
    post_s: f64,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    running: Running,
}

/// The recording.
#[derive(Debug, clap::Args)]
struct Input {
    /// Raw recording: folder of frames, TIFF or OME-TIFF stack, OME-Zarr, HDF5 (file.h5::dataset)
    raw: PathBuf,
    /// Length of the time bins that frames are averaged over, s
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    bin_s: f64,
    #[command(flatten)]
    calibration: CalibrationFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MethodName {
    /// Principal components
    Pca,
    /// Spatially independent components
    Ica,
}

impl Input {
    fn resolve(&self) -> ClassicInput {
        ClassicInput {
            path: self.raw.clone(),
            pixel_size_um: self.calibration.pixel_size_um,
            frame_interval_s: self.calibration.frame_interval_s,
            bin_s: self.bin_s,
        }
    }
}

pub(super) fn components(args: &ComponentsArgs) -> anyhow::Result<()> {
    let method = match args.method {
        MethodName::Pca => Method::Pca,
        MethodName::Ica => Method::Ica,
    };
    let config = ComponentsConfig { input: args.input.resolve(), method, n: args.n, seed: args.seed };
    let terminal = Terminal::new(args.running.quiet);
    let (existing, threads) = (args.out.existing.existing(), args.running.threads());
    let run = sparkwave::waves::classic::components(&config, &args.out.out, existing, threads, &terminal);
    terminal.finish();
    tell(&run?, &args.running, &args.out)
}

pub(super) fn average(args: &AverageArgs) -> anyhow::Result<()> {
    let windows =
        TrialParams { pre_s: args.pre_s, post_s: args.post_s, baseline_from_s: -args.pre_s, baseline_to_s: 0.0 };
    let config = TrialsConfig { input: args.input.resolve(), onsets: args.trials.clone(), windows };
    let terminal = Terminal::new(args.running.quiet);
    let (existing, threads) = (args.out.existing.existing(), args.running.threads());
    let run = sparkwave::waves::classic::average_trials(&config, &args.out.out, existing, threads, &terminal);
    terminal.finish();
    tell(&run?, &args.running, &args.out)
}

fn tell(record: &RunRecord, running: &Running, out: &Out) -> anyhow::Result<()> {
    if running.json {
        output::json(&serde_json::to_value(record)?);
    } else {
        output::line(&format!("done in {:.1} s; look into {}", record.wall_s, out.out.display()));
    }
    Ok(())
}
