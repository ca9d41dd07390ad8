//! Objects followed through a movie by SAM 2 (Ravi et al. 2024, arXiv 2408.00714): a person points at something in some
//! frames, and it is found in the others, forwards and backwards, by a memory of where it was.
//!
//! The semantics are those of the published video predictor; what it leaves to its callers is fixed here: memories are kept
//! only while they can still be asked for, frames are given one by one and never held, objects may come at any time.

mod bank;
mod holes;
mod image;
mod picture;
mod tracker;
mod tuning;

#[cfg(test)]
mod clips;
#[cfg(test)]
mod golden;

pub use self::bank::Direction;
pub use self::image::{ImagePredictor, Proposal};
pub use self::tracker::{Followed, Tracker, TrackerParams};
pub use self::tuning::{Drawn, Frame, TuneConfig, Tuning};
pub use crate::models::sam2::config::{Sam2Config, Size, Version};
pub use crate::models::sam2::{Mark, Point, Sam2};

/// The arrays of a network before training, drawn from `seed`, named as in a checkpoint.
///
/// # Errors
/// If the image size is outside its range.
pub fn untrained(config: &Sam2Config, seed: u64) -> crate::error::Result<sparkwave_core::weights::Weights> {
    Ok(Sam2::untrained(config, seed, &crate::cpu())?.weights())
}
