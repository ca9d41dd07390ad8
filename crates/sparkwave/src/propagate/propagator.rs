//! The seam between a run and whoever follows the objects in it.
//!
//! Above it stand, the same for all: which frames are shown and in what order, frames that show nothing, what a person has
//! verified, who owns a pixel, how far a mask is to be trusted, files, stopping and going on. Below it stands a memory of
//! objects that is shown one frame after the other.

use super::Display;
use super::mask_track::{EMBEDDED, MaskTrack};
use super::sam2::Sam2Propagator;
use crate::error::Error;
use ndarray::{Array2, ArrayView2};
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
pub use sparkwave_nn::sam2::{Direction, Followed};
use std::path::{Path, PathBuf};

/// Follows objects through a movie whose frames come one by one.
pub trait Propagator {
    /// How many of the frames that follow are looked at with one.
    fn looks_ahead(&self) -> usize;

    /// Whether it makes use of what is said of later frames, so that it follows an object to frames before anything was said of
    /// it, too, on the way forwards.
    fn knows_ahead(&self) -> bool;

    /// Whether a prompt waits until its frame is reached, as it corrects what was followed to there; the others come before the
    /// first step, in the order of frames. `begins` is whether it is where its object is followed from.
    fn waits(&self, prompt: &Prompt, begins: bool) -> bool;

    /// Learns what was said of an object in a frame, whose values as they were recorded are `pixels` `[y, x]` (NaN where there
    /// are none): before the first step, or right after the step to this frame.
    ///
    /// # Errors
    /// If the frame is beyond the movie, or of another size.
    fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<(), Error>;

    /// What is known of an object in a frame of which something was just said.
    fn told(&self, object: u32, frame: usize) -> Option<Followed>;

    /// Follows objects to a frame, the next in a direction of those that show something; there may be gaps. `after` are those
    /// that will be shown after it, [`Propagator::looks_ahead`] of them, or fewer at the end. Gives `wanted` objects of which
    /// something was said, in whichever frames it can follow them from; what was said of this one stands.
    ///
    /// # Errors
    /// As [`Propagator::prompt`].
    fn step(
        &mut self,
        frame: usize,
        pixels: ArrayView2<'_, f32>,
        after: &[ArrayView2<'_, f32>],
        direction: Direction,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Result<Vec<Followed>, Error>;

    /// What came of the steps and corrections so far, as named arrays; what was said before the first step is not among it.
    fn state(&self) -> Weights;

    /// Goes on from what [`Propagator::state`] gave, after the same prompts but for corrections: all steps that follow are the
    /// same then, bit for bit.
    ///
    /// # Errors
    /// If it is not the state of this movie and these objects.
    fn restore(&mut self, state: &Weights) -> Result<(), Error>;

    /// Which one it is and its parameters, for the record of the run.
    fn description(&self) -> serde_json::Value;
}

/// The file of a propagator; `None` of the one inside the program.
///
/// # Errors
/// If it is the name of a published model that was not got yet.
pub(crate) fn file(model: &Path) -> Result<Option<PathBuf>, Error> {
    if model == Path::new(EMBEDDED) { Ok(None) } else { crate::models::locate(model).map(Some) }
}

/// The propagator of this name or file for a movie of this shape; images of `image_px` pixels an edge and `display` are for
/// those that look at pictures.
///
/// # Errors
/// If there is none of this name, or its file is not what it should be.
pub(crate) fn propagator(
    model: &Path,
    image_px: Option<usize>,
    movie: MovieShape,
    display: Display,
) -> Result<Box<dyn Propagator>, Error> {
    let Some(checkpoint) = file(model)? else { return Ok(Box::new(MaskTrack::embedded(movie)?)) };
    let weights = sparkwave_io::weights::read(&checkpoint)?;
    Ok(if MaskTrack::is_of(&weights) {
        Box::new(MaskTrack::open(&weights, &checkpoint, movie)?)
    } else {
        Box::new(Sam2Propagator::open(weights, &checkpoint, image_px, movie, display)?)
    })
}

/// The object of each pixel, the surest one; 0 where there is none.
pub(crate) fn owners(found: &[Followed], size: (usize, usize)) -> Array2<u32> {
    let mut labels = Array2::zeros(size);
    let mut surest = Array2::<f32>::zeros(size);
    for object in found {
        for ((label, best), &logit) in labels.iter_mut().zip(&mut surest).zip(&object.logits) {
            if logit > *best {
                (*label, *best) = (object.object, logit);
            }
        }
    }
    labels
}
