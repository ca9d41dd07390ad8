//! Movies of miniature synaptic calcium transients, with known truth.
//!
//! The scene imitates GCaMP6f in cultured hippocampal neurons under oblique illumination (Digital Discovery 2025, 4,
//! 105, section 2.3): 512 x 512 pixels of 0.16 µm at 10 Hz. Numbers that the paper does not state were measured on its
//! published single-frame crops, renderings and trace; each field of [`SparksParams`] names its source.
//!
//! How a frame is made: the static light (dendrites, spines, haze) stands on a grid of half-pixel pitch in reference
//! coordinates; fluctuations and the transients of that moment are added there; the sum is resampled at the
//! frame's drift, multiplied by illumination, bleaching and flicker, and passed through the camera.
//!
//! What counts as an event's extent: a voxel belongs to an event where the event's own noise-free dF/F0 is at least
//! [`LABEL_MIN_DFF`] and at least [`LABEL_FRACTION`] of the event's peak. F0 is all light without the transient, haze
//! and background included, camera offset excluded. Where two events overlap, the larger dF/F0 owns the voxel.

mod drift;
mod fluctuation;
mod footprint;
mod grid;
mod neuron;
mod pair;
mod params;
mod plan;
mod restlessness;
mod scene;
mod source;
mod structure;
mod transient;
mod truth;
mod variety;

pub use pair::{Change, Fate, PairSite, SparksPair, Stimulus};
pub use params::{SparksError, SparksParams};
pub use scene::SparksScene;
pub use source::SparksSource;
pub use transient::EventKind;
pub use truth::{LABEL_FRACTION, LABEL_MIN_DFF, TrueEvent};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Independent random streams of one seed: what is drawn for one purpose never shifts what is drawn for another.
#[derive(Clone, Copy)]
enum Stream {
    Neuron,
    Illumination,
    Drift,
    Baseline,
    Events,
    Restlessness,
    Stimulus,
    Frame(usize),
}

fn random_stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(match stream {
        Stream::Neuron => 0,
        Stream::Illumination => 1,
        Stream::Drift => 2,
        Stream::Baseline => 3,
        Stream::Events => 4,
        Stream::Restlessness => 5,
        Stream::Stimulus => 6,
        Stream::Frame(t) => 16 + t as u64,
    });
    rng
}
