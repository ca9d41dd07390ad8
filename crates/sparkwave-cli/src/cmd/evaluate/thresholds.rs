//! `sparkwave evaluate thresholds`

use crate::cmd::Running;
use crate::output;
use crate::progress::Terminal;
use sparkwave::thresholds::{ThresholdRequest, best, table};
use std::path::PathBuf;

/// Score a probability movie at a hundred thresholds: components above each, found in one labelling
///
/// Components smaller than 3 frames, rows or columns are left out, as published. What `sparks run` makes of a movie is also
/// split at its peaks; its own threshold is chosen by `train`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Probabilities (`sparks run --keep probability`, `predict`), 0 to 1
    #[arg(value_name = "PROBABILITY")]
    probability: PathBuf,
    /// Table of true events
    #[arg(long, value_name = "T.csv")]
    truth: PathBuf,
    /// The published rule: distance below 6 with frames and pixels weighted alike
    #[arg(long)]
    paper: bool,
    /// Table with ImageJ's columns Slice, Y, X (slices counted from 1)
    #[arg(long)]
    imagej: bool,
    /// File for the table of all thresholds (CSV)
    #[arg(long, value_name = "FILE.csv")]
    table: Option<PathBuf>,
    #[command(flatten)]
    running: Running,
}

pub(super) fn execute(args: &Args) -> anyhow::Result<()> {
    let request = ThresholdRequest {
        probability: args.probability.clone(),
        truth: args.truth.clone(),
        paper: args.paper,
        imagej: args.imagej,
    };
    let terminal = Terminal::new(args.running.quiet);
    let scores = sparkwave::thresholds::run(&request, args.running.threads(), &terminal);
    terminal.finish();
    let scores = scores?;
    if let Some(path) = &args.table {
        sparkwave::io::csv::write_table(&table(&scores), path)?;
    }
    if args.running.json {
        let row = |s: &sparkwave::thresholds::AtThreshold| {
            serde_json::json!({
                "threshold": s.threshold, "tp": s.tp, "fp": s.fp, "fn": s.fn_,
                "precision": s.precision, "recall": s.recall, "f1": s.f1,
            })
        };
        output::json(&serde_json::json!({
            "best": best(&scores).map(row),
            "thresholds": scores.iter().map(row).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let number = |n: Option<f64>| n.map_or_else(|| "undefined".to_owned(), |n| format!("{n:.4}"));
    output::line("threshold       n  precision     recall         f1");
    for s in scores.iter().step_by(9) {
        let [precision, recall, f1] = [s.precision, s.recall, s.f1].map(number);
        output::line(&format!("{:>9.3} {:>7} {precision:>10} {recall:>10} {f1:>10}", s.threshold, s.tp + s.fp));
    }
    match best(&scores) {
        Some(s) => output::line(&format!("best: {:.3}, F1 {}", s.threshold, number(s.f1))),
        None => output::line("no events, neither true nor found"),
    }
    Ok(())
}
