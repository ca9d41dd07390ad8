//! `sparkwave simulate sparks`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use sparkwave::simulate::{SimulatePair, SimulateSparks};

/// A movie of miniature synaptic calcium transients: movie.tif, labels.tif, events.csv, drift.csv
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    scene: Scene,
    /// Two movies of one neuron, in before/ and after/, with the truth of each site in sites.csv; the options below change
    /// what happens in between
    #[arg(long)]
    pair: bool,
    #[command(flatten)]
    stimulus: Stimulus,
    #[command(flatten)]
    running: Running,
}

/// What happens between the two movies of a pair.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Stimulus {
    /// Transients per minute if all sites were active and unchanged
    #[arg(long, value_name = "N", requires = "pair", default_value_t = SimulatePair::default().events_per_minute)]
    events_per_minute: f64,
    /// Number of sites
    #[arg(long, value_name = "N", requires = "pair", default_value_t = SimulatePair::default().n_sites)]
    sites: usize,
    /// Part of the sites that fall silent
    #[arg(long, value_name = "PART", requires = "pair", default_value_t = SimulatePair::default().silenced)]
    silenced: f64,
    /// Part of the sites that are silent before and active after
    #[arg(long, value_name = "PART", requires = "pair", default_value_t = SimulatePair::default().new)]
    new: f64,
    /// Part of the lasting sites whose rate changes
    #[arg(long, value_name = "PART", requires = "pair", default_value_t = SimulatePair::default().rate_part)]
    rate_part: f64,
    /// Their rate after over that before
    #[arg(long, value_name = "X", requires = "pair", default_value_t = SimulatePair::default().rate_factor)]
    rate_factor: f64,
    /// Part of the lasting sites whose peak dF/F0 changes
    #[arg(long, value_name = "PART", requires = "pair", default_value_t = SimulatePair::default().amplitude_part)]
    amplitude_part: f64,
    /// Their peak dF/F0 after over that before
    #[arg(long, value_name = "X", requires = "pair", default_value_t = SimulatePair::default().amplitude_factor)]
    amplitude_factor: f64,
    /// Largest displacement of the stage on either axis, px
    #[arg(long, value_name = "PX", requires = "pair", default_value_t = SimulatePair::default().shift_px)]
    shift_px: f64,
}

impl Stimulus {
    fn request(self, recording: SimulateSparks) -> SimulatePair {
        SimulatePair {
            events_per_minute: self.events_per_minute,
            n_sites: self.sites,
            silenced: self.silenced,
            new: self.new,
            rate_part: self.rate_part,
            rate_factor: self.rate_factor,
            amplitude_part: self.amplitude_part,
            amplitude_factor: self.amplitude_factor,
            shift_px: self.shift_px,
            recording,
        }
    }
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
    if args.pair {
        let request = args.stimulus.request(request);
        let simulated = sparkwave::simulate::pair(&request, &args.out.out, existing, args.running.threads(), &terminal);
        terminal.finish();
        let pair = simulated?;
        let [before, after] = [pair.before.truth().len(), pair.after.truth().len()];
        if args.running.json {
            output::json(&serde_json::json!({
                "out": args.out.out, "n_events_before": before, "n_events_after": after, "n_sites": pair.sites.len(),
                "shift_y_px": pair.shift.y, "shift_x_px": pair.shift.x,
            }));
        } else {
            let sites = args.out.out.join("sites.csv");
            output::line(&format!(
                "{before} events before, {after} after; what became of sites is in {}",
                sites.display()
            ));
        }
        return Ok(());
    }
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
