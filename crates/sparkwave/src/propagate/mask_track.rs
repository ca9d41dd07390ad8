//! The propagator inside the program, which needs no file, and those that were trained like it: a small network that is shown
//! a frame, those round it and the mask in the one before. It sees the values as they were recorded, so it needs no display.

use super::propagator::{Direction, Followed, Propagator};
use crate::error::Error;
use ndarray::ArrayView2;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
use sparkwave_nn::mask_track::{BESIDE, MaskTracker};
use std::path::Path;

/// What it is called where a file of a model is asked for.
pub const EMBEDDED: &str = "embedded";

/// Made by `models/mask-track.sh`.
const WEIGHTS: &[u8] = include_bytes!("../../models/mask-track.safetensors");

/// The text of a file of weights that holds the card of such a network.
pub(crate) const CARD: &str = "mask_track";

/// A tracker, and what its network is called.
pub(super) struct MaskTrack {
    tracker: MaskTracker,
    card: String,
}

impl MaskTrack {
    /// With the weights inside the program, for a movie of this shape.
    pub(super) fn embedded(movie: MovieShape) -> Result<Self, Error> {
        let file = Path::new(EMBEDDED);
        Self::open(&sparkwave_io::weights::from_bytes(WEIGHTS, file)?, file, movie)
    }

    /// Whether these are weights that `train mask-track` wrote.
    pub(super) fn is_of(weights: &Weights) -> bool {
        weights.texts.contains_key(CARD)
    }

    /// With these weights, read from the file `model`, for a movie of this shape.
    ///
    /// # Errors
    /// If they are not of this network.
    pub(super) fn open(weights: &Weights, model: &Path, movie: MovieShape) -> Result<Self, Error> {
        let tracker = MaskTracker::new(weights, movie.n_frames, [movie.height, movie.width])
            .map_err(|e| Error::of_weights(model, e))?;
        Ok(Self { tracker, card: weights.texts.get(CARD).cloned().unwrap_or_default() })
    }
}

impl Propagator for MaskTrack {
    fn looks_ahead(&self) -> usize {
        BESIDE
    }

    fn knows_ahead(&self) -> bool {
        false
    }

    /// All but the first of an object: what it sees of a frame, it sees in the light of the one before.
    fn waits(&self, _: &Prompt, begins: bool) -> bool {
        !begins
    }

    fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<(), Error> {
        if prompt.is_absence() {
            self.tracker.absent(prompt.object, prompt.frame);
        } else {
            self.tracker.prompt(prompt, pixels)?;
        }
        Ok(())
    }

    fn told(&self, object: u32, frame: usize) -> Option<Followed> {
        self.tracker.told(object, frame)
    }

    fn step(
        &mut self,
        frame: usize,
        pixels: ArrayView2<'_, f32>,
        after: &[ArrayView2<'_, f32>],
        direction: Direction,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Result<Vec<Followed>, Error> {
        Ok(self.tracker.step(frame, pixels, after, direction, wanted)?)
    }

    fn state(&self) -> Weights {
        self.tracker.state()
    }

    fn restore(&mut self, state: &Weights) -> Result<(), Error> {
        Ok(self.tracker.restore(state)?)
    }

    fn description(&self) -> serde_json::Value {
        serde_json::json!({"mask_track": serde_json::from_str(&self.card).unwrap_or(serde_json::Value::Null)})
    }
}
