//! `sparkwave dataset simulate`

use crate::cmd::Running;
use crate::output;
use crate::progress::Terminal;
use sparkwave::dataset::SimulateDataset;
use std::path::PathBuf;

/// Simulate recordings of many microscopes, prepared as `sparks run` does, with every event known
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The training file
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file of that name
    #[arg(long)]
    overwrite: bool,
    /// Recordings to learn from
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().train)]
    train: usize,
    /// Recordings to validate on
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().valid)]
    valid: usize,
    /// Frames of each
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().n_frames)]
    frames: usize,
    /// Rows and columns of each
    #[arg(long, value_name = "PX", default_value_t = SimulateDataset::default().edge)]
    edge: usize,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().seed)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let request = SimulateDataset {
        train: args.train,
        valid: args.valid,
        n_frames: args.frames,
        edge: args.edge,
        seed: args.seed,
    };
    let done = sparkwave::dataset::simulate(&request, &args.out, args.overwrite, args.running.threads(), &terminal);
    terminal.finish();
    done?;
    let n_events: usize = sparkwave::io::msct::list(&args.out)?.iter().map(|s| s.n_events).sum();
    if args.running.json {
        output::json(&serde_json::json!({"out": args.out, "n_events": n_events}));
    } else {
        output::line(&format!("{} recordings, {n_events} events in {}", args.train + args.valid, args.out.display()));
    }
    Ok(())
}
