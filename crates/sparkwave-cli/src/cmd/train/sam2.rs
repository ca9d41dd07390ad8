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
    /// Repeat a run: its run.toml; arguments given beside it win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The checkpoint of SAM 2 or 2.1 to begin with
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    base: Option<PathBuf>,
    /// Verified clips: segments with ISAT labels that a person saved (those of propagate --isat are not, until they are looked at
    /// and saved in ISAT; those of waves run are taken as they are), or folders `frames` and `masks` with PNG images of the same
    /// names
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    data: Option<PathBuf>,
    #[command(flatten)]
    out: Out,
    /// Steps of the optimizer [default: 1000]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Step size of Adam [default: 0.00001]
    #[arg(long, value_name = "X")]
    learning_rate: Option<f64>,
    /// Frames that are shown at a step [default: 4]
    #[arg(long, value_name = "N")]
    clip_frames: Option<usize>,
    /// Edge of the image that the network sees, a multiple of 32 [default: 512]
    #[arg(long, value_name = "PX")]
    image_px: Option<usize>,
    /// Seed of what is drawn [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Steps between validations on clips that are held out; 0 validates at the end only [default: 200]
    #[arg(long, value_name = "N")]
    validate_every: Option<usize>,
    /// Steps between checkpoints [default: 100]
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<usize>,
    #[command(flatten)]
    running: Running,
}

/// The configuration file, if any, with the arguments over it.
fn resolve(args: &Args) -> anyhow::Result<TuneRun> {
    let mut run = match &args.config {
        Some(file) => TuneRun::read(file)?,
        None => TuneRun::new("".as_ref(), "".as_ref()),
    };
    args.base.iter().for_each(|base| run.base.clone_from(base));
    args.data.iter().for_each(|data| run.data.clone_from(data));
    run.validate_every = args.validate_every.unwrap_or(run.validate_every);
    run.checkpoint_every = args.checkpoint_every.unwrap_or(run.checkpoint_every);
    run.tune = TuneConfig {
        steps: args.steps.unwrap_or(run.tune.steps),
        learning_rate: args.learning_rate.unwrap_or(run.tune.learning_rate),
        clip_frames: args.clip_frames.unwrap_or(run.tune.clip_frames),
        image_px: args.image_px.unwrap_or(run.tune.image_px),
        seed: args.seed.unwrap_or(run.tune.seed),
    };
    Ok(run)
}

pub(super) fn execute(args: &Args) -> anyhow::Result<()> {
    let run = resolve(args)?;
    let terminal = Terminal::new(args.running.quiet);
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
