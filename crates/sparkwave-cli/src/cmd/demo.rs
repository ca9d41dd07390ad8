//! `sparkwave demo`

use crate::cmd::simulate::Scene;
use crate::cmd::{ExistingFlags, Running, evaluate};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::demo::{StimulusDemo, StimulusResult};
use sparkwave::simulate::SimulateWaves;
use std::path::{Path, PathBuf};

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
    /// Neurons of the simulated stimulus that ends the demonstration of sparks; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 8)]
    neurons: usize,
    /// Let the simulated stimulus do nothing: then nothing should be found
    #[arg(long)]
    null: bool,
    #[command(flatten)]
    running: Running,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Miniature synaptic calcium transients; ends in a comparison of neurons before and after a stimulus
    Sparks,
    /// That comparison alone
    Stimulus,
    /// Waves of reflectance that travel across cortex
    Waves,
}

/// Length of the demonstration of waves, s: one that travels, another that overlaps it, and quiet time on either side.
const WAVES_S: f64 = 420.0;

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match args.what {
        What::Sparks => sparks(args),
        What::Stimulus => stimulus(args),
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
    let demo = demo.and_then(|demo| Ok((demo, compare_neurons(args, &args.out.join("stimulus"), &terminal)?)));
    terminal.finish();
    let (demo, stimulus) = demo?;
    if args.running.json {
        output::json(&serde_json::json!({
            "out": args.out,
            "report": demo.report,
            "n_events": demo.run.events.len(),
            "wall_s": demo.run.record.wall_s,
            "scores": evaluate::to_json(&demo.scores),
            "stimulus": stimulus.as_ref().map(to_json),
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
    if let Some(result) = stimulus {
        output::line("");
        print(&result);
    }
    Ok(())
}

fn stimulus(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let result = compare_neurons(args, &args.out, &terminal);
    terminal.finish();
    match result? {
        Some(result) if args.running.json => output::json(&to_json(&result)),
        Some(result) => print(&result),
        None => output::line("no neurons, no comparison"),
    }
    Ok(())
}

/// The comparison before and after a stimulus, unless it is left out.
fn compare_neurons(args: &Args, out: &Path, terminal: &Terminal) -> Result<Option<StimulusResult>, sparkwave::Error> {
    if args.neurons == 0 {
        return Ok(None);
    }
    let seed = args.scene.request().seed;
    let request = if args.null { StimulusDemo::without_effect(seed) } else { StimulusDemo::new(seed) };
    let request = StimulusDemo { n_neurons: args.neurons, ..request };
    let existing = args.existing.existing();
    sparkwave::demo::stimulus(&request, out, existing, args.running.threads(), terminal).map(Some)
}

fn print(result: &StimulusResult) {
    output::line("a simulated stimulus, neurons before and after:");
    result.found.sentences.iter().for_each(|sentence| output::line(sentence));
    let worst = result.offset_errors_um.iter().copied().fold(0.0, f64::max);
    output::line(&format!("Recordings were registered to each other within {worst:.2} um of the truth."));
    output::line(&format!("report     {}", result.report.display()));
}

fn to_json(result: &StimulusResult) -> serde_json::Value {
    serde_json::json!({
        "report": result.report,
        "neurons": result.found.neurons,
        "truth": result.truth,
        "conclusion": result.found.conclusion,
        "sentences": result.found.sentences,
        "offset_errors_um": result.offset_errors_um,
    })
}
