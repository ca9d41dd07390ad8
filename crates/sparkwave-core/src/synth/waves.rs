//! Recordings of intrinsic optical signal with waves that travel across the cortex, with known truth.
//!
//! The scene imitates a mouse's head from above through the opened scalp: 10 x 10 mm on 512 x 512 pixels at 60 Hz under
//! green light (Scientific Data 2026, 10.1038/s41597-026-06580-1). Each field of [`WavesParams`] names its source.
//!
//! How a frame is made: the reflectance at rest (cortex, vessels, midline, bone, glare) is multiplied by one plus the
//! relative changes of that moment (waves, vasomotion, pulse), displaced as a whole by breathing, heartbeat and drift,
//! multiplied by the light, which stands still, and passed through the camera. [`WavesScene::second`] gives the mean of
//! a second directly, at the cost of a few frames instead of sixty.
//!
//! A wave starts at a site and arrives where the eikonal equation says, at a speed that varies smoothly from place to
//! place, inside one hemisphere and one sector. It arrives when the reflectance rises most steeply.
//!
//! Truth is in the coordinates of the scene at rest, whose displacement is zero on average, and free of noise and
//! motion. Interval `i` is the change from second `5 i` to second `5 (i + 1)`. A wave's mask in an interval is the
//! largest connected region where its reflectance rises by at least [`MASK_FRACTION`] of the wave's peak rise, which is
//! the 99th percentile, over the pixels that it visits, of their largest rise in any interval. Where two waves overlap
//! the larger rise owns the pixel.

mod anatomy;
mod clock;
mod course;
mod eikonal;
mod field;
mod grid;
mod light;
mod motion;
mod params;
mod plan;
mod scene;
mod source;
mod spread;
mod truth;
mod vessels;

pub use course::Course;
pub use params::{Gap, WavesError, WavesParams};
pub use plan::PlannedWave;
pub use scene::WavesScene;
pub use source::{Sampling, WavesSource};
pub use truth::{INTERVAL_S, MASK_FRACTION, TrueEpisode, TrueWave};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Independent random streams of one seed: what is drawn for one purpose never shifts what is drawn for another.
#[derive(Clone, Copy)]
enum Stream {
    Anatomy,
    Vessels,
    Plan,
    Speed(usize),
    Motion,
    Light,
    Clock,
    Second(usize),
    Frame(usize),
}

fn random_stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    const SPEEDS: u64 = 1 << 10;
    const SECONDS: u64 = 1 << 20;
    const FRAMES: u64 = 1 << 32;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match stream {
        Stream::Anatomy => 0,
        Stream::Vessels => 1,
        Stream::Plan => 2,
        Stream::Motion => 3,
        Stream::Light => 4,
        Stream::Clock => 5,
        Stream::Speed(wave) => SPEEDS + wave as u64,
        Stream::Second(bin) => SECONDS + bin as u64,
        Stream::Frame(t) => FRAMES + t as u64,
    });
    rng
}
