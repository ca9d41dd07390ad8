//! `sparkwave simulate waves`

use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::io::stamp;
use sparkwave::simulate::{RawForm, SimulateWaves};

/// A raw recording of cortex with travelling waves: raw/ or movie.tif, truth.json, masks.tif, rate.tif, arrival.tif
///
/// The scene is a mouse's cortex of 10 x 10 mm with bone edge, midline, vessels and glare, which breathes, drifts and
/// flickers under the lamps. Waves of 2 to 5 mm/min expand from a burr hole within one hemisphere. A frame of 512 x 512
/// pixels takes 0.5 MB: a minute at 60 Hz is 1.9 GB, a minute of per-second means (--seconds) 63 MB.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    out: Out,
    /// Length of the recording, min
    #[arg(long, value_name = "MIN", default_value_t = SimulateWaves::default().duration_s / 60.0)]
    minutes: f64,
    /// Frames per second
    #[arg(long, value_name = "HZ", default_value_t = SimulateWaves::default().frame_rate_hz)]
    rate_hz: f64,
    /// Rows and columns of 10 mm
    #[arg(long, value_name = "PX", default_value_t = SimulateWaves::default().size_px)]
    size: usize,
    /// Number of waves from the burr hole, at most one every 100 s [default: one every 4 min, at least one]
    #[arg(long, value_name = "N")]
    waves: Option<usize>,
    /// How many of these are joined by a second wave, in the other hemisphere, while they travel
    #[arg(long, value_name = "N", default_value_t = SimulateWaves::default().n_overlapping)]
    overlap: usize,
    /// Peak reflectance change in %: one value, or the smallest and the largest as LOW:HIGH
    #[arg(long, value_name = "PCT", value_parser = amplitude, default_value = "0.4:3")]
    amplitude_pct: Amplitude,
    /// Form of the recording
    #[arg(long, value_enum, default_value_t = Raw::Folder)]
    raw: Raw,
    /// Write the mean of every second, in floating point, instead of every frame
    #[arg(long)]
    seconds: bool,
    /// Leave out all frames from START on for LENGTH seconds; may be repeated
    #[arg(long, value_name = "START:LENGTH", value_parser = gap)]
    drop: Vec<Gap>,
    /// Date and time of the first frame
    #[arg(long, value_name = "TIME", value_parser = start, default_value = "2023-09-22T22:14:31")]
    start: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = SimulateWaves::default().seed)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

/// Form of the recording.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Raw {
    /// raw/YYYYMMDD_HHMMSS_fff.tif, one file a frame
    Folder,
    /// movie.tif, with the times of the frames in frame_times.csv
    Stack,
}

/// Smallest and largest, as parts of the light.
#[derive(Clone, Copy, Debug)]
struct Amplitude([f64; 2]);

/// Begin and length, s.
#[derive(Clone, Copy, Debug)]
struct Gap([f64; 2]);

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("expected a number, found '{text}'"))
}

fn amplitude(text: &str) -> Result<Amplitude, String> {
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    Ok(Amplitude([number(low)? / 100.0, number(high)? / 100.0]))
}

fn gap(text: &str) -> Result<Gap, String> {
    let (start, length) = text.split_once(':').ok_or("expected START:LENGTH in seconds, such as 70:3")?;
    Ok(Gap([number(start)?, number(length)?]))
}

/// Seconds since 1970 of a date and time without a zone.
fn start(text: &str) -> Result<f64, String> {
    let compact = text.replace(['-', ':'], "").replace(['T', ' '], "_");
    stamp::seconds(&compact).ok_or_else(|| "expected a date and time such as 2023-09-22T23:50:00".to_owned())
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let terminal = Terminal::new(args.running.quiet);
    let duration_s = 60.0 * args.minutes;
    let request = SimulateWaves {
        duration_s,
        frame_rate_hz: args.rate_hz,
        size_px: args.size,
        // A cast of a negative or impossible length gives 0; the length itself is refused.
        n_waves: args.waves.unwrap_or(((args.minutes / 4.0) as usize).max(1)),
        n_overlapping: args.overlap,
        amplitude: args.amplitude_pct.0,
        started_s: args.start,
        gaps_s: args.drop.iter().map(|gap| gap.0).collect(),
        seconds: args.seconds,
        raw: match args.raw {
            Raw::Folder => RawForm::Folder,
            Raw::Stack => RawForm::Stack,
        },
        seed: args.seed,
    };
    let existing = args.out.existing.existing();
    let simulated = sparkwave::simulate::waves(&request, &args.out.out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let made = simulated?;
    if args.running.json {
        output::json(&serde_json::json!({
            "out": args.out.out, "n_frames": made.n_frames, "n_waves": made.n_waves, "n_episodes": made.n_episodes,
        }));
    } else {
        let what = if args.seconds { "seconds" } else { "frames" };
        let out = args.out.out.display();
        let (waves, episodes) = (output::counted(made.n_waves, "wave"), output::counted(made.n_episodes, "episode"));
        output::line(&format!("{waves} in {episodes}, {} {what} in {out}", made.n_frames));
    }
    Ok(())
}
