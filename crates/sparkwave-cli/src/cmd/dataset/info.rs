//! `sparkwave dataset info`

use crate::output;
use sparkwave::io::msct;
use std::path::PathBuf;

/// List the recordings of a training file
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
        let streams: Vec<_> = streams
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
        output::json(&serde_json::json!({"streams": streams}));
        return Ok(());
    }
    for s in &streams {
        let neuron = s.origin.neuron.as_deref().unwrap_or("neuron unknown");
        output::line(&format!(
            "{}/{}: {} frames of {} x {}, {} events, {neuron}",
            s.fold, s.stream, s.shape.n_frames, s.shape.height, s.shape.width, s.n_events
        ));
    }
    for fold in ["train", "valid"] {
        let of = streams.iter().filter(|s| s.fold == fold);
        output::line(&format!(
            "{fold}: {} recordings, {} events",
            of.clone().count(),
            of.map(|s| s.n_events).sum::<usize>()
        ));
    }
    Ok(())
}
