//! `sparkwave dataset simulate`

use crate::cmd::Running;
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::dataset::{Known, SimulateDataset};
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
    /// Recordings to test on, which nothing is chosen on
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().test)]
    test: usize,
    /// Frames of each
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().n_frames)]
    frames: usize,
    /// Rows and columns of each
    #[arg(long, value_name = "PX", default_value_t = SimulateDataset::default().edge)]
    edge: usize,
    /// Which events of the recordings to learn from are labelled
    #[arg(long, value_enum, default_value_t = KnownName::All)]
    known: KnownName,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = SimulateDataset::default().seed)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KnownName {
    /// All that happen
    All,
    /// Those that the published threshold detector finds, without its false ones
    Idt,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let request = SimulateDataset {
        train: args.train,
        valid: args.valid,
        test: args.test,
        n_frames: args.frames,
        edge: args.edge,
        known: match args.known {
            KnownName::All => Known::All,
            KnownName::Idt => Known::Idt,
        },
        seed: args.seed,
    };
    let done = sparkwave::dataset::simulate(&request, &args.out, args.overwrite, args.running.threads(), &terminal);
    terminal.finish();
    done?;
    let n_events: usize = sparkwave::io::msct::list(&args.out)?.iter().map(|s| s.n_events).sum();
    if args.running.json {
        output::json(&serde_json::json!({"out": args.out, "n_events": n_events}));
    } else {
        output::line(&format!(
            "{} recordings, {n_events} events in {}",
            args.train + args.valid + args.test,
            args.out.display()
        ));
    }
    Ok(())
}
