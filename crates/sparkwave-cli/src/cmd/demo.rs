//! `sparkwave demo`

use crate::cmd::simulate::Scene;
use crate::cmd::{ExistingFlags, Running, evaluate};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use std::path::PathBuf;

/// Simulate a recording, run the whole pipeline on it, score it and write the report
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to demonstrate
    #[arg(value_enum, default_value_t = What::Sparks)]
    what: What,
    /// Folder for the results
    #[arg(short, long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    #[command(flatten)]
    existing: ExistingFlags,
    #[command(flatten)]
    scene: Scene,
    #[command(flatten)]
    running: Running,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Miniature synaptic calcium transients
    Sparks,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let What::Sparks = args.what;
    let terminal = Terminal::new(args.running.quiet);
    let request = args.scene.request();
    let existing = args.existing.existing();
    let demo = sparkwave::demo::sparks(&request, &args.out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let demo = demo?;
    if args.running.json {
        output::json(&serde_json::json!({
            "out": args.out,
            "report": demo.report,
            "n_events": demo.run.events.len(),
            "wall_s": demo.run.record.wall_s,
            "scores": evaluate::to_json(&demo.scores),
        }));
        return Ok(());
    }
    output::line(&format!(
        "{} events found in {:.1} s, scored against the simulation:",
        demo.run.events.len(),
        demo.run.record.wall_s
    ));
    evaluate::print(&demo.scores);
    output::line(&format!("report     {}", demo.report.display()));
    Ok(())
}
