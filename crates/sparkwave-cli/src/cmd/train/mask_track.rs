//! `sparkwave train mask-track`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use sparkwave::nn::mask_track::MaskTrainingConfig;
use sparkwave::train::mask_track::MaskTrackRun;
use std::path::PathBuf;

/// The propagator inside the program: follows objects from a prompt; learns from simulated waves and other things that move
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    out: Out,
    /// Repeat a run: its run.toml; arguments given beside it win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Weights to begin with, of an earlier run
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Simulated recordings of waves to learn from [default: 256]
    #[arg(long, value_name = "N")]
    recordings: Option<usize>,
    /// Simulated movies of other things that move [default: 200]
    #[arg(long, value_name = "N")]
    shapes: Option<usize>,
    /// Edge of their frames, px [default: 192]
    #[arg(long, value_name = "PX")]
    edge: Option<usize>,
    /// Steps of the optimizer [default: 4000]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Examples a step [default: 16]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Step size of Adam at first; it falls along half a cosine [default: 0.002]
    #[arg(long, value_name = "X")]
    learning_rate: Option<f64>,
    /// Steps between validations and checkpoints [default: 500]
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<usize>,
    /// Seed of recordings, movies, initial weights and examples [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    running: Running,
}

/// The configuration file, if any, with the arguments over it.
fn resolve(args: &Args) -> anyhow::Result<MaskTrackRun> {
    let mut run = match &args.config {
        Some(file) => MaskTrackRun::read(file)?,
        None => MaskTrackRun::default(),
    };
    run.base = args.base.clone().or(run.base);
    run.recordings = args.recordings.unwrap_or(run.recordings);
    run.shapes = args.shapes.unwrap_or(run.shapes);
    run.edge_px = args.edge.unwrap_or(run.edge_px);
    run.checkpoint_every = args.checkpoint_every.unwrap_or(run.checkpoint_every);
    run.train = MaskTrainingConfig {
        steps: args.steps.unwrap_or(run.train.steps),
        batch: args.batch.unwrap_or(run.train.batch),
        learning_rate: args.learning_rate.unwrap_or(run.train.learning_rate),
        seed: args.seed.unwrap_or(run.train.seed),
    };
    Ok(run)
}

pub(super) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let best = sparkwave::train::mask_track::run(&resolve(args)?, out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let best = best?;
    if args.running.json {
        let scores = serde_json::json!({ "dice_of_waves": best.waves, "dice_of_shapes": best.shapes });
        output::json(&serde_json::json!({ "out": out, "step": best.step, "scores": scores }));
        return Ok(());
    }
    let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.3}"));
    output::line(&format!(
        "{}: Dice of waves {} and of other things {} after {} steps",
        out.join("best.safetensors").display(),
        number(best.waves),
        number(best.shapes),
        best.step
    ));
    Ok(())
}
