//! Recordings with known truth, as files.
//!
//! [`sparks`] makes a movie of synaptic calcium transients, [`pair`] two of one neuron before and after a stimulus,
//! [`waves`] a raw recording of intrinsic optical signal.

mod pair;
mod sparks;
mod waves;

pub use pair::{SimulatePair, pair};
pub(crate) use sparks::labels_u16;
pub use sparks::{SimulateSparks, sparks};
pub use waves::{RawForm, SimulateWaves, SimulatedWaves, waves};

/// Frames simulated side by side.
const BATCH: usize = 16;
