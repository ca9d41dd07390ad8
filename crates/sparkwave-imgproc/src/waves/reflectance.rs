//! Relative reflectance: the seconds of a recording, put back in place and divided by the image at rest.

use crate::error::Error;
use crate::register::Drift;
use crate::traces::registered_frame;
use crate::waves::cells::{Cells, block_means};
use ndarray::{Array2, Array3, Axis, Zip};
use rayon::prelude::*;
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;

/// Seconds held at a time: a fixed number, so that sums do not depend on the number of threads.
const BATCH: usize = 16;

/// The image at rest of a recording and its coarse copy.
pub struct Survey {
    /// Mean of the registered seconds `[Y, X]`, counts; NaN where there never was a finite value.
    pub rest: Array2<f32>,
    /// Every second on the coarse grid, relative to its mean.
    pub cells: Cells,
}

/// Reads the recording once: its mean image and its cells of `cell_px` pixels.
///
/// `seconds` holds one plane a time bin; a bin without frames is a plane of NaN.
///
/// # Errors
/// If the recording cannot be read or the user cancels.
pub fn survey(
    seconds: &dyn FrameSource,
    drift: &Drift,
    cell_px: usize,
    progress: &dyn Progress,
) -> Result<Survey, Error> {
    let shape = seconds.shape();
    let size = (shape.height, shape.width);
    let grid = (shape.n_frames, shape.height.div_ceil(cell_px), shape.width.div_ceil(cell_px));
    progress.begin("survey", shape.n_frames as u64);
    let mut sum = Array2::<f64>::zeros(size);
    let mut n = Array2::<u32>::zeros(size);
    let mut coarse = Array3::<f32>::zeros(grid);
    for start in (0..shape.n_frames).step_by(BATCH) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let bins = Span::new(start, (start + BATCH).min(shape.n_frames));
        let planes: Vec<(Array2<f32>, Array2<f32>)> = bins
            .range()
            .into_par_iter()
            .map(|bin| {
                let plane = registered_frame(seconds, drift, bin, Span::new(0, shape.height))?;
                let means = block_means(plane.view(), cell_px);
                Ok((plane, means))
            })
            .collect::<Result<_, Error>>()?;
        for (bin, (plane, means)) in bins.range().zip(planes) {
            coarse.index_axis_mut(Axis(0), bin).assign(&means);
            Zip::from(&mut sum).and(&mut n).and(&plane).par_for_each(|s, n, &v| {
                if v.is_finite() {
                    *s += f64::from(v);
                    *n += 1;
                }
            });
        }
        progress.advance(bins.len() as u64);
    }
    let rest = Zip::from(&sum).and(&n).map_collect(|s, &n| if n == 0 { f32::NAN } else { (s / f64::from(n)) as f32 });
    Ok(Survey { rest, cells: Cells::new(coarse, cell_px) })
}

/// Relative reflectance changes at full resolution.
pub struct Reflectance<'a> {
    /// One plane a time bin, counts.
    pub seconds: &'a dyn FrameSource,
    /// Where the content of each plane lies.
    pub drift: &'a Drift,
    /// The image at rest `[Y, X]`, counts.
    pub rest: &'a Array2<f32>,
    /// What all of the cortex does at once, as a relative change; one value a bin ([`super::light`]).
    pub light: &'a [f32],
}

impl Reflectance<'_> {
    /// dR/R0 of a time bin `[Y, X]`, without what all of the cortex does at once; NaN where nothing was measured.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn plane(&self, bin: usize) -> Result<Array2<f32>, Error> {
        let rows = Span::new(0, self.seconds.shape().height);
        let mut plane = registered_frame(self.seconds, self.drift, bin, rows)?;
        let light = self.light[bin];
        Zip::from(&mut plane).and(self.rest).for_each(|v, &rest| {
            *v = if rest > 0.0 { *v / rest - 1.0 - light } else { f32::NAN };
        });
        Ok(plane)
    }
}
