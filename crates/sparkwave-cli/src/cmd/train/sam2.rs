//! `sparkwave train sam2`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use sparkwave::nn::sam2::TuneConfig;
use sparkwave::train::sam2::TuneRun;
use std::path::PathBuf;

/// Fine-tune mask decoder and memory of SAM 2 on verified clips; the result is a checkpoint for `propagate --model`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint of SAM 2 or 2.1 to begin with
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// Verified clips: segments with ISAT labels that a person saved (those of propagate --isat are not, until they are looked at
    /// and saved in ISAT; those of waves run are taken as they are), or folders `frames` and `masks` with PNG images of the same
    /// names
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    out: Out,
    /// Steps of the optimizer
    #[arg(long, value_name = "N", default_value_t = TuneConfig::default().steps)]
    steps: usize,
    /// Step size of Adam
    #[arg(long, value_name = "X", default_value_t = TuneConfig::default().learning_rate)]
    learning_rate: f64,
    /// Frames that are shown at a step
    #[arg(long, value_name = "N", default_value_t = TuneConfig::default().clip_frames)]
    clip_frames: usize,
    /// Edge of the image that the network sees, a multiple of 32
    #[arg(long, value_name = "PX", default_value_t = TuneConfig::default().image_px)]
    image_px: usize,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Steps between validations on clips that are held out; 0 validates at the end only
    #[arg(long, value_name = "N", default_value_t = 200)]
    validate_every: usize,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value_t = 100)]
    checkpoint_every: usize,
    #[command(flatten)]
    running: Running,
}

pub(super) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let run = TuneRun {
        base: args.base.clone(),
        data: args.data.clone(),
        validate_every: args.validate_every,
        checkpoint_every: args.checkpoint_every,
        tune: TuneConfig {
            steps: args.steps,
            learning_rate: args.learning_rate,
            clip_frames: args.clip_frames,
            image_px: args.image_px,
            seed: args.seed,
        },
    };
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let tuned = sparkwave::train::sam2::run(&run, out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let tuned = tuned?;
    if args.running.json {
        let (dice, step) = (tuned.best.map(|b| b.dice), tuned.best.map(|b| b.step));
        output::json(&serde_json::json!({ "out": out, "loss": tuned.loss, "dice": dice, "step": step }));
        return Ok(());
    }
    let model = out.join("best.safetensors");
    match tuned.best {
        Some(b) => output::line(&format!(
            "{}: Dice {:.3} on clips that were held out, after {} steps",
            model.display(),
            b.dice,
            b.step
        )),
        None => output::line(&format!("{} (too few clips, so none was held out)", model.display())),
    }
    Ok(())
}
