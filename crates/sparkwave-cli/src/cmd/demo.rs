//! `sparkwave demo`

use crate::cmd::simulate::Scene;
use crate::cmd::{ExistingFlags, Running, evaluate};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::simulate::SimulateWaves;
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
    /// Waves of reflectance that travel across cortex
    Waves,
}

/// Length of the demonstration of waves, s: one that travels, another that overlaps it, and quiet time on either side.
const WAVES_S: f64 = 420.0;

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match args.what {
        What::Sparks => sparks(args),
        What::Waves => waves(args),
    }
}

fn waves(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let seed = args.scene.request().seed;
    let request = SimulateWaves {
        duration_s: WAVES_S,
        n_waves: 1,
        n_overlapping: 1,
        amplitude: [0.02, 0.03],
        seconds: true,
        seed,
        ..SimulateWaves::default()
    };
    let existing = args.existing.existing();
    let demo = sparkwave::demo::waves(&request, &args.out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let demo = demo?;
    let columns = demo.scores.columns();
    if args.running.json {
        let row = |i: usize| -> serde_json::Map<String, serde_json::Value> {
            columns.iter().map(|c| (c.name.clone(), serde_json::json!(c.values[i].as_f64()))).collect()
        };
        output::json(&serde_json::json!({
            "out": args.out,
            "report": demo.report,
            "n_waves": demo.run.waves.len(),
            "wall_s": demo.run.record.wall_s,
            "scores": (0..demo.scores.n_rows()).map(row).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let (n, wall) = (demo.run.waves.len(), demo.run.record.wall_s);
    output::line(&format!("{n} waves found in {wall:.1} s, scored against the simulation:"));
    let name_width = columns.iter().map(|c| c.name.len()).max().unwrap_or(0);
    for column in columns {
        let values: Vec<String> = column
            .values
            .iter()
            .map(|v| match v.as_f64() {
                Some(v) if v.fract() != 0.0 => format!("{v:>8.3}"),
                Some(v) => format!("{v:>8}"),
                None => format!("{:>8}", "-"),
            })
            .collect();
        output::line(&format!("{:name_width$} {}", column.name, values.join(" ")));
    }
    output::line(&format!("report     {}", demo.report.display()));
    Ok(())
}

fn sparks(args: &Args) -> anyhow::Result<()> {
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
