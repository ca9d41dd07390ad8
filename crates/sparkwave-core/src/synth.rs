//! Synthetic recordings whose truth is known.
//!
//! A scene is a deterministic function of (parameters, seed). Frames are made on demand, in any order and on any
//! thread, and are always the same bytes, so a movie of any length needs the memory of its static structure only.
//!
//! * [`sparks`]: miniature synaptic calcium transients on a branching dendrite.
//! * [`waves`]: waves of intrinsic optical signal that travel across the cortex.
//! * [`shapes`]: things that move, in short movies.
//! * [`camera`]: the electron-multiplying camera that turns light into counts.

mod blur;
pub mod camera;
pub mod shapes;
pub mod sparks;
pub mod waves;

pub use shapes::MovingShape;
pub use sparks::{EventKind, SparksError, SparksPair, SparksParams, SparksScene, SparksSource, Stimulus, TrueEvent};
pub use waves::{WavesError, WavesParams, WavesScene, WavesSource};
