//! Synthetic recordings whose truth is known.
//!
//! A scene is a deterministic function of (parameters, seed). Frames are made on demand, in any order and on any
//! thread, and are always the same bytes, so a movie of any length needs the memory of its static structure only.
//!
//! * [`sparks`]: miniature synaptic calcium transients on a branching dendrite.
//! * [`camera`]: the electron-multiplying camera that turns light into counts.

pub mod camera;
pub mod sparks;

pub use sparks::{EventKind, SparksError, SparksParams, SparksScene, SparksSource, TrueEvent};
