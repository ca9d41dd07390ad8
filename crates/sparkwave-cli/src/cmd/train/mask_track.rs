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
    /// Parameters of an earlier run (its run.toml); other arguments are then ignored
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Weights to begin with, of an earlier run
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Simulated recordings of waves to learn from
    #[arg(long, value_name = "N", default_value_t = MaskTrackRun::default().recordings)]
    recordings: usize,
    /// Simulated movies of other things that move
    #[arg(long, value_name = "N", default_value_t = MaskTrackRun::default().shapes)]
    shapes: usize,
    /// Edge of their frames, px
    #[arg(long, value_name = "PX", default_value_t = MaskTrackRun::default().edge_px)]
    edge: usize,
    /// Steps of the optimizer
    #[arg(long, value_name = "N", default_value_t = MaskTrainingConfig::default().steps)]
    steps: usize,
    /// Examples a step
    #[arg(long, value_name = "N", default_value_t = MaskTrainingConfig::default().batch)]
    batch: usize,
    /// Step size of Adam at first; it falls along half a cosine
    #[arg(long, value_name = "X", default_value_t = MaskTrainingConfig::default().learning_rate)]
    learning_rate: f64,
    /// Steps between validations and checkpoints
    #[arg(long, value_name = "N", default_value_t = MaskTrackRun::default().checkpoint_every)]
    checkpoint_every: usize,
    /// Seed of recordings, movies, initial weights and examples
    #[arg(long, value_name = "N", default_value_t = MaskTrainingConfig::default().seed)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

impl Args {
    fn run(&self) -> anyhow::Result<MaskTrackRun> {
        if let Some(path) = &self.config {
            return Ok(MaskTrackRun::read(path)?);
        }
        Ok(MaskTrackRun {
            base: self.base.clone(),
            recordings: self.recordings,
            shapes: self.shapes,
            edge_px: self.edge,
            checkpoint_every: self.checkpoint_every,
            train: MaskTrainingConfig {
                steps: self.steps,
                batch: self.batch,
                learning_rate: self.learning_rate,
                seed: self.seed,
            },
        })
    }
}

pub(super) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let best = sparkwave::train::mask_track::run(&args.run()?, out, existing, args.running.threads(), &terminal);
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
