//! `sparkwave dataset split`

use crate::output;
use crate::progress::Terminal;
use std::path::PathBuf;

/// Split a training file anew; recordings of one animal, coverslip or neuron stay in one fold
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The training file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file with the new split
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file of that name
    #[arg(long)]
    overwrite: bool,
    /// Part of the events to set aside for validation
    #[arg(long, value_name = "X", default_value_t = 0.2)]
    valid: f64,
    /// Seed of the draw of what is set aside
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.quiet);
    let done = sparkwave::dataset::split(&args.file, &args.out, args.valid, args.seed, args.overwrite, &terminal);
    terminal.finish();
    done?;
    super::info::folds(&sparkwave::io::msct::list(&args.out)?).iter().for_each(|line| output::line(line));
    Ok(())
}
