//! `sparkwave simulate sparks`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use sparkwave::simulate::SimulateSparks;

/// A movie of miniature synaptic calcium transients: movie.tif, labels.tif, events.csv, drift.csv
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    scene: Scene,
    #[command(flatten)]
    running: Running,
}

/// What is simulated.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Scene {
    /// Number of frames
    #[arg(long, value_name = "N", default_value_t = SimulateSparks::default().n_frames)]
    frames: usize,
    /// Rows
    #[arg(long, value_name = "PX", default_value_t = SimulateSparks::default().height)]
    height: usize,
    /// Columns
    #[arg(long, value_name = "PX", default_value_t = SimulateSparks::default().width)]
    width: usize,
    /// Edge of a pixel, um
    #[arg(long, value_name = "UM", default_value_t = SimulateSparks::default().pixel_size_um)]
    pixel_size_um: f64,
    /// Time between frames, s
    #[arg(long, value_name = "S", default_value_t = SimulateSparks::default().frame_interval_s)]
    frame_interval_s: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = SimulateSparks::default().seed)]
    seed: u64,
}

impl Scene {
    pub(crate) fn request(self) -> SimulateSparks {
        SimulateSparks {
            n_frames: self.frames,
            height: self.height,
            width: self.width,
            pixel_size_um: self.pixel_size_um,
            frame_interval_s: self.frame_interval_s,
            seed: self.seed,
        }
    }
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let existing = args.out.existing.existing();
    let request = args.scene.request();
    let simulated = sparkwave::simulate::sparks(&request, &args.out.out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let events = simulated?;
    if args.running.json {
        output::json(&serde_json::json!({"out": args.out.out, "n_events": events.n_rows()}));
    } else {
        output::line(&format!("{} events in {}", events.n_rows(), args.out.out.join("movie.tif").display()));
    }
    Ok(())
}
