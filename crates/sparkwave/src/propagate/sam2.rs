//! SAM 2 as a propagator: it is shown pictures, and told points, boxes and masks.

use super::Display;
use super::propagator::{Direction, Followed, Propagator};
use crate::error::Error;
use ndarray::{Array3, ArrayView2};
use sparkwave_core::axes::PointYx;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
use sparkwave_nn::sam2::{Mark, Point, Sam2, Sam2Config, Tracker, TrackerParams};
use std::path::Path;

/// A tracker, and how it is shown pixels.
pub(super) struct Sam2Propagator {
    tracker: Tracker,
    shape: Sam2Config,
    display: Display,
}

impl Sam2Propagator {
    /// From a checkpoint of SAM 2 or 2.1, shown images of `image_px` pixels an edge.
    pub(super) fn open(model: &Path, image_px: usize, movie: MovieShape, display: Display) -> Result<Self, Error> {
        let weights = sparkwave_io::weights::read(model)?;
        let shape = Sam2Config::of(&weights, image_px).ok_or_else(|| Error::Config {
            path: model.to_path_buf(),
            message: "expected a checkpoint of SAM 2 or 2.1, found other arrays".into(),
        })?;
        let network = Sam2::load(&shape, &weights, &sparkwave_nn::cpu())?;
        drop(weights);
        let size = [movie.height, movie.width];
        let tracker = Tracker::new(network, TrackerParams::default(), movie.n_frames, size)?;
        Ok(Self { tracker, shape, display })
    }

    /// A frame as the network is shown it, `[3, y, x]`.
    fn image(&self, pixels: ArrayView2<'_, f32>) -> Array3<f32> {
        let (height, width) = pixels.dim();
        Array3::from_shape_fn((3, height, width), |(_, y, x)| self.display.shade(pixels[[y, x]]))
    }
}

impl Propagator for Sam2Propagator {
    fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<(), Error> {
        let (height, width) = pixels.dim();
        let image = self.image(pixels);
        if let Some(mask) = &prompt.mask {
            self.tracker.mask(prompt.object, prompt.frame, image.view(), mask.to_image(height, width).view())?;
        }
        let points = points(prompt);
        if !points.is_empty() {
            self.tracker.point(prompt.object, prompt.frame, image.view(), &points)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        frame: usize,
        pixels: ArrayView2<'_, f32>,
        direction: Direction,
    ) -> Result<Vec<Followed>, Error> {
        let image = self.image(pixels);
        Ok(self.tracker.step(frame, image.view(), direction)?)
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
