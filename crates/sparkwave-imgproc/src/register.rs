//! Rigid registration: how far did the field of view drift, and the frames put back in place.

pub mod drift;
pub mod pair;
pub mod resample;
pub mod shift;
mod spectrum;

pub use drift::{Drift, RegisterParams, estimate_drift};
