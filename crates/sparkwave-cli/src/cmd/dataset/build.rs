//! `sparkwave dataset build`

use crate::cmd::Running;
use crate::output;
use crate::progress::Terminal;
use sparkwave::dataset::BuildDataset;
use std::path::PathBuf;

/// Turn finished runs of `sparks run`, with a person's verdicts on their events, into a training file
///
/// Verdicts stand in verdicts.csv in the folder of a run: event_id, verdict (accept, reject or unsure). Events without a
/// verdict are accepted. Recordings of one animal, coverslip or neuron stay in one fold; a recording that is given twice is
/// refused, whatever its files are called.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders of finished runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The training file
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file of that name
    #[arg(long)]
    overwrite: bool,
    /// Where recordings come from: CSV with a column run (the name of a run's folder) and any of animal, coverslip, neuron
    #[arg(long, value_name = "FILE")]
    recordings: Option<PathBuf>,
    /// Part of the events to set aside for validation
    #[arg(long, value_name = "X", default_value_t = 0.2)]
    valid: f64,
    /// Seed of the draw of what is set aside
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let request = BuildDataset {
        runs: args.runs.clone(),
        recordings: args.recordings.clone(),
        valid: args.valid,
        seed: args.seed,
    };
    let built = sparkwave::dataset::build(&request, &args.out, args.overwrite, args.running.threads(), &terminal);
    terminal.finish();
    let built = built?;
    let ([train, valid], [train_events, valid_events]) = (built.n_recordings, built.n_events);
    if args.running.json {
        output::json(&serde_json::json!({
            "out": args.out,
            "train": {"n_recordings": train, "n_events": train_events},
            "valid": {"n_recordings": valid, "n_events": valid_events},
            "n_left_out": built.n_left_out,
        }));
        return Ok(());
    }
    output::line(&format!(
        "{}: train {train} recordings, {train_events} events; valid {valid} recordings, {valid_events} events; {} events \
         left out by verdict",
        args.out.display(),
        built.n_left_out
    ));
    Ok(())
}
