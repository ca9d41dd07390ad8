//! The propagator inside the program, which needs no file: a small network that is shown a frame, the frame before and the mask
//! there. It sees the values as they were recorded, so it needs no display.

use super::propagator::{Direction, Followed, Propagator};
use crate::error::Error;
use ndarray::ArrayView2;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
use sparkwave_nn::mask_track::MaskTracker;
use std::path::Path;

/// What it is called where a file of a model is asked for.
pub const EMBEDDED: &str = "embedded";

/// Made by `models/mask-track.sh`.
const WEIGHTS: &[u8] = include_bytes!("../../models/mask-track.safetensors");

/// A tracker with the weights inside the program.
pub(super) struct Embedded {
    tracker: MaskTracker,
}

impl Embedded {
    /// For a movie of this shape.
    pub(super) fn open(movie: MovieShape) -> Result<Self, Error> {
        let weights = sparkwave_io::weights::from_bytes(WEIGHTS, Path::new(EMBEDDED))?;
        Ok(Self { tracker: MaskTracker::new(&weights, movie.n_frames, [movie.height, movie.width])? })
    }
}

impl Propagator for Embedded {
    fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<(), Error> {
        self.tracker.prompt(prompt, pixels)?;
        Ok(())
    }

    fn step(
        &mut self,
        frame: usize,
        pixels: ArrayView2<'_, f32>,
        direction: Direction,
    ) -> Result<Vec<Followed>, Error> {
        Ok(self.tracker.step(frame, pixels, direction)?)
    }

    fn state(&self) -> Weights {
        self.tracker.state()
    }

    fn restore(&mut self, state: &Weights) -> Result<(), Error> {
        Ok(self.tracker.restore(state)?)
    }

    fn description(&self) -> serde_json::Value {
        serde_json::json!({"embedded": "mask-track"})
    }
}
