//! The published global normalisation, kept for models that were trained on it.
//!
//! `(I(t, y, x) - b(t)) / G`: `b` is the arPLS baseline (λ = 1e3, tolerance 1e-6, at most 100 iterations) of the mean
//! of each frame, `G` the mean of all voxels above the triangle threshold of the whole movie. Only the drift of the
//! whole field is removed and the static image stays, so this is **not** the dF/F0 of the paper's eq. 1 that its text
//! describes.

use super::arpls::{self, ArplsParams, Deviation};
use crate::error::Error;
use crate::register::drift::batches;
use crate::threshold::{Histogram, triangle};
use rayon::prelude::*;
use sparkwave_core::axes::Span;
use sparkwave_core::source::FrameSource;

/// The global normalisation of a movie: apply it with [`GlobalNormalisation::apply`].
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalNormalisation {
    /// Baseline of the frame means, one per frame, counts.
    pub baseline: Vec<f64>,
    /// Mean of the voxels above the triangle threshold, counts; 1 for a movie without contrast.
    pub foreground_mean: f64,
}

impl GlobalNormalisation {
    /// Fits the normalisation in three passes over the movie. Voxels that are not finite are left out.
    ///
    /// # Errors
    /// If the movie cannot be read.
    pub fn fit(source: &dyn FrameSource) -> Result<Self, Error> {
        let shape = source.shape();
        let frame_statistics = |t: usize| -> Result<(f32, f32, f64), Error> {
            let pixels = source.read(Span::new(t, t + 1), Span::new(0, shape.height))?.to_f32();
            let (mut low, mut high, mut sum, mut n) = (f32::INFINITY, f32::NEG_INFINITY, 0.0, 0u64);
            for &v in pixels.iter().filter(|v| v.is_finite()) {
                (low, high, sum, n) = (low.min(v), high.max(v), sum + f64::from(v), n + 1);
            }
            Ok((low, high, sum / n.max(1) as f64))
        };
        let per_frame: Vec<_> = (0..shape.n_frames).into_par_iter().map(frame_statistics).collect::<Result<_, _>>()?;
        let low = per_frame.iter().map(|f| f.0).fold(f32::INFINITY, f32::min);
        let high = per_frame.iter().map(|f| f.1).fold(f32::NEG_INFINITY, f32::max);
        let means: Vec<f64> = per_frame.iter().map(|f| f.2).collect();
        let published =
            ArplsParams { lambda: 1e3, tolerance: 1e-6, max_iterations: 100, deviation: Deviation::Population };
        let baseline = arpls::baseline(&means, published);
        if low >= high {
            return Ok(Self { baseline, foreground_mean: 1.0 });
        }
        let mut histogram = Histogram::empty(f64::from(low), f64::from(high));
        for batch in batches(shape.n_frames) {
            let pixels = source.read(batch, Span::new(0, shape.height))?.to_f32();
            pixels.iter().for_each(|&v| histogram.add(v));
        }
        let theta = triangle(&histogram);
        let (mut sum, mut n) = (0.0, 0u64);
        for batch in batches(shape.n_frames) {
            let pixels = source.read(batch, Span::new(0, shape.height))?.to_f32();
            for &v in pixels.iter().filter(|v| f64::from(**v) > theta) {
                (sum, n) = (sum + f64::from(v), n + 1);
            }
        }
        Ok(Self { baseline, foreground_mean: if n == 0 { 1.0 } else { sum / n as f64 } })
    }

    /// Normalises the pixels of frame `t` in place.
    pub fn apply(&self, t: usize, pixels: &mut [f32]) {
        let (b, g) = (self.baseline[t], self.foreground_mean);
        pixels.iter_mut().for_each(|v| *v = ((f64::from(*v) - b) / g) as f32);
    }
}
