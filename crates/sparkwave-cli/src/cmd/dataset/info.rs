//! `sparkwave dataset info`

use crate::output;
use sparkwave::io::msct;
use std::path::PathBuf;

/// List the recordings of a training file, and what its folds should not share
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The training file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the list as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let streams = msct::list(&args.file)?;
    if args.json {
        let rows: Vec<_> = streams
            .iter()
            .map(|s| {
                serde_json::json!({
                    "fold": s.fold, "stream": s.stream,
                    "n_frames": s.shape.n_frames, "height": s.shape.height, "width": s.shape.width,
                    "n_events": s.n_events, "has_foreground": s.has_foreground,
                    "animal": s.origin.animal, "coverslip": s.origin.coverslip, "neuron": s.origin.neuron,
                    "normalisation": s.origin.normalisation, "sha256": s.origin.sha256,
                })
            })
            .collect();
        let leaks = sparkwave::dataset::leaks(&streams);
        output::json(&serde_json::json!({"streams": rows, "leaks": leaks}));
        return Ok(());
    }
    for s in &streams {
        let neuron = s.origin.neuron.as_deref().unwrap_or("neuron unknown");
        output::line(&format!(
            "{}/{}: {} frames of {} x {}, {} events, {neuron}",
            s.fold, s.stream, s.shape.n_frames, s.shape.height, s.shape.width, s.n_events
        ));
    }
    folds(&streams).iter().for_each(|line| output::line(line));
    let leaks = sparkwave::dataset::leaks(&streams);
    leaks.iter().for_each(|leak| output::line(&format!("leak: {leak}")));
    if leaks.is_empty() {
        output::line("no leak between folds is known");
    }
    Ok(())
}

/// A line for each fold: those that training knows, then others.
pub(super) fn folds(streams: &[msct::StreamInfo]) -> Vec<String> {
    let mut names = vec!["train", "valid"];
    for stream in streams {
        if !names.contains(&stream.fold.as_str()) {
            names.push(&stream.fold);
        }
    }
    let fold = |fold: &&str| {
        let of = streams.iter().filter(|s| s.fold == *fold);
        let n_events: usize = of.clone().map(|s| s.n_events).sum();
        format!("{fold}: {} recordings, {n_events} events", of.count())
    };
    names.iter().map(fold).collect()
}
