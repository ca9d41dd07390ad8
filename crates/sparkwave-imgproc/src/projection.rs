//! Projections of the registered movie: the images from which background and foreground are found.

use crate::error::Error;
use crate::register::drift::{Drift, batches};
use crate::traces::registered_frame;
use ndarray::{Array2, Zip};
use rayon::prelude::*;
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;

/// Projections of a registered movie, counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Projections {
    /// Mean over time, `[Y, X]`; NaN where any frame was not finite.
    pub mean: Array2<f32>,
    /// Maximum over time, `[Y, X]`; finite values only.
    pub max: Array2<f32>,
    /// Maximum over rows, `[T, X]`; finite values only.
    pub kymograph: Array2<f32>,
}

/// Computes the projections in one pass over the movie.
///
/// # Errors
/// If the movie cannot be read or the user cancels.
pub fn project(source: &dyn FrameSource, drift: &Drift, progress: &dyn Progress) -> Result<Projections, Error> {
    let shape = source.shape();
    let size = (shape.height, shape.width);
    progress.begin("project", shape.n_frames as u64);
    let mut sum = Array2::<f64>::zeros(size);
    let mut max = Array2::from_elem(size, f32::NEG_INFINITY);
    let mut kymograph = Array2::from_elem((shape.n_frames, shape.width), f32::NEG_INFINITY);
    let all_batches: Vec<Span> = batches(shape.n_frames).collect();
    // A few batches at a time are summed in parallel, each by one thread, and added in order: the same sums at any
    // number of threads, with a bounded number of partial images.
    for group in all_batches.chunks(8) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let partial: Vec<_> = group
            .par_iter()
            .map(|batch| {
                let mut sum = Array2::<f64>::zeros(size);
                let mut max = Array2::from_elem(size, f32::NEG_INFINITY);
                let mut lines = Array2::from_elem((batch.len(), shape.width), f32::NEG_INFINITY);
                for (t, mut line) in batch.range().zip(lines.rows_mut()) {
                    let frame = registered_frame(source, drift, t, Span::new(0, shape.height))?;
                    Zip::from(&mut sum).and(&mut max).and(&frame).for_each(|s, m, &v| {
                        *s += f64::from(v);
                        *m = m.max(v);
                    });
                    for row in frame.rows() {
                        Zip::from(&mut line).and(row).for_each(|l, &v| *l = l.max(v));
                    }
                }
                Ok((sum, max, lines))
            })
            .collect::<Result<_, Error>>()?;
        for (batch, (s, m, lines)) in group.iter().zip(partial) {
            sum += &s;
            Zip::from(&mut max).and(&m).for_each(|a, &b| *a = a.max(b));
            kymograph.slice_mut(ndarray::s![batch.range(), ..]).assign(&lines);
            progress.advance(batch.len() as u64);
        }
    }
    let n = shape.n_frames as f64;
    Ok(Projections { mean: sum.mapv(|s| (s / n) as f32), max, kymograph })
}
