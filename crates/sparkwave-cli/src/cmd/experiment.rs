//! `sparkwave experiment`

use crate::cmd::{Device, Running, train};
use crate::output;
use crate::progress::Terminal;
use sparkwave::experiment::PuExperiment;

/// Repeat published experiments
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Pu(Box<PuArgs>),
}

/// Do unlabeled crops help? A network for every ratio, part of the recordings, draw and seed, scored on test recordings
///
/// The training file needs the folds train, valid and test (`dataset simulate --known idt --test 6` makes one whose training
/// labels miss what a threshold misses). Ends in summary.csv, answer.txt and figures; Ctrl-C, then --resume, goes on.
#[derive(Debug, clap::Args)]
struct PuArgs {
    #[command(flatten)]
    files: train::Files,
    /// Unlabeled crops for each event
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0,1,4,16,64")]
    ratios: Vec<usize>,
    /// Seeds of training
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// Parts of the recordings to learn from
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1")]
    parts: Vec<f64>,
    /// Draws of each part below 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    draws: u64,
    #[command(flatten)]
    training: train::Training,
    #[command(flatten)]
    running: Running<Device>,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let What::Pu(args) = &args.what;
    let config = match &args.files.config {
        Some(path) => PuExperiment::read(path)?,
        None => PuExperiment {
            ratios: args.ratios.clone(),
            seeds: args.seeds.clone(),
            parts: args.parts.clone(),
            draws: args.draws,
            train: args.training.run(train::Model::Unet3d, args.files.data.clone().unwrap_or_default()),
        },
    };
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.files.out.out, args.files.out.existing.existing());
    let done = sparkwave::experiment::run(&config, out, existing, args.running.compute(), &terminal);
    terminal.finish();
    let done = done?;
    if args.running.json {
        output::json(&serde_json::json!({"out": out, "n_networks": done.n_networks, "answers": done.answers}));
        return Ok(());
    }
    done.answers.iter().for_each(|answer| output::line(answer));
    output::line(&format!("{} networks; look at {}", done.n_networks, out.join("figures").display()));
    Ok(())
}
