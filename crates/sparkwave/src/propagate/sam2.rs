//! SAM 2 as a propagator: it is shown pictures, and told points, boxes and masks.

use super::Display;
use super::propagator::{Direction, Followed, Propagator};
use crate::error::Error;
use ndarray::{Array2, Array3, ArrayView2};
use sparkwave_core::axes::PointYx;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
use sparkwave_nn::sam2::{Mark, Point, Sam2, Sam2Config, Tracker, TrackerParams};
use std::path::Path;

/// Of hundreds of frames that a person verified each frame rests on so many, as it was trained with few, and more take longer.
const NEAREST_PROMPTS: usize = 16;

/// The text of a fine-tuned checkpoint that says with how many pixels along each edge.
pub(crate) const IMAGE_PX: &str = "image_px";
/// What the published checkpoints were trained with.
const PUBLISHED_PX: usize = 1024;

/// A tracker, and how it is shown pixels.
pub(super) struct Sam2Propagator {
    tracker: Tracker,
    shape: Sam2Config,
    display: Display,
}

impl Sam2Propagator {
    /// From a checkpoint of SAM 2 or 2.1, read from the file `model`, shown images of `image_px` pixels an edge, or as they
    /// were in its training.
    pub(super) fn open(
        weights: Weights,
        model: &Path,
        image_px: Option<usize>,
        movie: MovieShape,
        display: Display,
    ) -> Result<Self, Error> {
        let trained = || weights.texts.get(IMAGE_PX).and_then(|px| px.parse().ok());
        let image_px = image_px.or_else(trained).unwrap_or(PUBLISHED_PX);
        let shape = Sam2Config::of(&weights, image_px).ok_or_else(|| Error::Config {
            path: model.to_path_buf(),
            message: "expected a checkpoint of SAM 2 or 2.1, found other arrays".into(),
        })?;
        let network = Sam2::load(&shape, &weights, &sparkwave_nn::cpu()).map_err(|e| Error::of_weights(model, e))?;
        drop(weights);
        let size = [movie.height, movie.width];
        let params = TrackerParams { nearest_prompts: Some(NEAREST_PROMPTS), ..TrackerParams::default() };
        let tracker = Tracker::new(network, params, movie.n_frames, size)?;
        Ok(Self { tracker, shape, display })
    }

    /// A frame as the network is shown it, `[3, y, x]`.
    fn image(&self, pixels: ArrayView2<'_, f32>) -> Array3<f32> {
        let (height, width) = pixels.dim();
        Array3::from_shape_fn((3, height, width), |(_, y, x)| self.display.shade(pixels[[y, x]]))
    }
}

impl Propagator for Sam2Propagator {
    fn looks_ahead(&self) -> usize {
        0
    }

    fn knows_ahead(&self) -> bool {
        true
    }

    /// Only what says nothing by itself, as of what is said of later frames the published predictor makes use in earlier ones.
    fn waits(&self, prompt: &Prompt, begins: bool) -> bool {
        let nothing_inside = prompt.positive.is_empty() && prompt.bounds.is_none() && prompt.mask.is_none();
        !begins && nothing_inside && !prompt.is_absence()
    }

    fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<(), Error> {
        let image = self.image(pixels);
        let mask = prompt.mask.as_ref().map(|mask| mask.to_image(pixels.nrows(), pixels.ncols()));
        let nowhere = prompt.is_absence().then(|| Array2::from_elem(pixels.dim(), false));
        if let Some(mask) = mask.or(nowhere) {
            self.tracker.mask(prompt.object, prompt.frame, image.view(), mask.view())?;
        }
        let points = points(prompt);
        if !points.is_empty() {
            self.tracker.point(prompt.object, prompt.frame, image.view(), &points)?;
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
        _after: &[ArrayView2<'_, f32>],
        direction: Direction,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Result<Vec<Followed>, Error> {
        let image = self.image(pixels);
        let mut found = self.tracker.step(frame, image.view(), direction)?;
        found.retain(|followed| wanted(followed.object));
        Ok(found)
    }

    fn state(&self) -> Weights {
        self.tracker.state()
    }

    fn restore(&mut self, state: &Weights) -> Result<(), Error> {
        Ok(self.tracker.restore(state)?)
    }

    fn description(&self) -> serde_json::Value {
        serde_json::json!({"sam2": self.shape, "display": self.display})
    }
}

/// The corners of the box, which come first, and the points.
fn points(prompt: &Prompt) -> Vec<Point> {
    let point = |p: PointYx, mark| Point { x_px: p.x as f32, y_px: p.y as f32, mark };
    let corners = prompt.bounds.iter().flat_map(|b| [point(b.from, Mark::FirstCorner), point(b.to, Mark::LastCorner)]);
    let inside = prompt.positive.iter().map(|p| point(*p, Mark::Inside));
    let outside = prompt.negative.iter().map(|p| point(*p, Mark::Outside));
    corners.chain(inside).chain(outside).collect()
}
