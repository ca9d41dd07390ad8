//! The drift of a whole movie against a robust reference.
//!
//! 1. A few dozen frames, spread evenly over the movie, are aligned to the mean of a short run in its middle.
//! 2. Their pixel-wise median is the reference: a transient in one of them leaves no trace in it. Aligning and taking
//!    the median is done twice, so that the second reference is as sharp as the frames.
//! 3. Every frame is compared with the reference ([`super::shift`]). Frames that hardly correlate with it (a shutter,
//!    a bubble) are flagged and take the displacement interpolated from their neighbours.
//! 4. Displacements are reported relative to frame 0, as the published annotator aligns to the first frame.

use super::resample::read_displaced;
use super::shift::{Reference, Weighting};
use crate::error::Error;
use crate::sampling::Sampling;
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::{PointYx, Span};
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;

/// Parameters of registration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegisterParams {
    /// Whether frames are registered at all.
    pub enabled: bool,
    /// Largest displacement looked for on either axis, µm.
    pub max_shift_um: f64,
    /// Standard deviation of the smoothing that suppresses pixel noise, µm: about the optical resolution.
    pub smooth_um: f64,
    /// Structure much larger than this, such as uneven illumination, does not count, µm.
    pub highpass_um: f64,
    /// Frames whose correlation with the reference is below this fraction of the median correlation are flagged.
    pub min_relative_correlation: f64,
}

impl Default for RegisterParams {
    fn default() -> Self {
        Self { enabled: true, max_shift_um: 4.0, smooth_um: 0.2, highpass_um: 4.0, min_relative_correlation: 0.3 }
    }
}

/// The drift of a movie.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Displacement of the content of each frame relative to frame 0, px: what lies at `(y, x)` in frame 0 lies at
    /// `(y + dy, x + dx)` in this frame.
    pub displacements: Vec<PointYx>,
    /// Normalised correlation of each frame with the reference.
    pub correlations: Vec<f64>,
    /// Frames whose displacement was interpolated.
    pub flagged: Vec<usize>,
}

impl Drift {
    /// No drift in any of `n_frames` frames.
    pub fn none(n_frames: usize) -> Self {
        Self { displacements: vec![PointYx::default(); n_frames], correlations: vec![1.0; n_frames], flagged: vec![] }
    }
}

/// Frames that vote on the reference: enough for a clean median, few enough to hold in memory.
const N_SAMPLES: usize = 41;
/// Frames averaged for the first alignment: long enough to beat the noise, short enough not to drift.
const N_SEED: usize = 9;
/// Images smaller than this hold too little structure to register.
const MIN_SIDE: usize = 8;

/// Estimates the drift of `source`.
///
/// # Errors
/// If the source cannot be read or the user cancels.
pub fn estimate_drift(
    source: &dyn FrameSource,
    params: &RegisterParams,
    sampling: Sampling,
    progress: &dyn Progress,
) -> Result<Drift, Error> {
    let shape = source.shape();
    progress.begin("register", shape.n_frames as u64);
    if !params.enabled || shape.n_frames < 2 || shape.height.min(shape.width) < MIN_SIDE {
        progress.advance(shape.n_frames as u64);
        return Ok(Drift::none(shape.n_frames));
    }
    let px = |um: f64| um / sampling.pixel_um;
    let limit = (shape.height.min(shape.width) as f64 / 2.0 - 1.0).max(1.0);
    let max_shift = px(params.max_shift_um).clamp(1.0, limit);
    let weighting = Weighting::BandPass { low_px: px(params.smooth_um), high_px: px(params.highpass_um) };
    let whole = Span::new(0, shape.height);
    let frame = |t: usize| -> Result<Array2<f32>, Error> {
        Ok(source.read(Span::new(t, t + 1), whole)?.to_f32().index_axis_move(Axis(0), 0))
    };

    let reference = {
        let n = N_SAMPLES.min(shape.n_frames);
        let samples: Vec<Array2<f32>> =
            (0..n).into_par_iter().map(|i| frame(i * (shape.n_frames - 1) / (n - 1))).collect::<Result<_, _>>()?;
        let middle = shape.n_frames / 2;
        let seed_span = Span::new(middle, middle + 1).widened(N_SEED / 2, shape.n_frames);
        let seed = source.read(seed_span, whole)?.to_f32().mean_axis(Axis(0)).expect("the span holds a frame");
        let mut reference = Reference::new(seed.view(), weighting, true);
        for _ in 0..2 {
            let aligned: Vec<Array2<f32>> = samples
                .par_iter()
                .map(|s| {
                    let found = reference.displacement_of(s.view(), max_shift);
                    read_displaced(s.view(), found.displacement)
                })
                .collect();
            reference = Reference::new(median(&aligned).view(), weighting, true);
        }
        reference
    };

    let mut matches = Vec::with_capacity(shape.n_frames);
    for batch in batches(shape.n_frames) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let found: Vec<_> = batch
            .range()
            .into_par_iter()
            .map(|t| Ok(reference.displacement_of(frame(t)?.view(), max_shift)))
            .collect::<Result<_, Error>>()?;
        matches.extend(found);
        progress.advance(batch.len() as u64);
    }
    let correlations: Vec<f64> = matches.iter().map(|m| m.correlation).collect();
    let mut displacements: Vec<PointYx> = matches.iter().map(|m| m.displacement).collect();
    let flagged = flag(&correlations, params.min_relative_correlation);
    interpolate(&mut displacements, &flagged);
    let origin = displacements[0];
    for d in &mut displacements {
        *d = PointYx { y: d.y - origin.y, x: d.x - origin.x };
    }
    Ok(Drift { displacements, correlations, flagged })
}

/// Spans of frames that are read and reduced together: a fixed size, so that results do not depend on threads.
pub(crate) fn batches(n_frames: usize) -> impl Iterator<Item = Span> {
    const FRAMES: usize = 32;
    (0..n_frames.div_ceil(FRAMES)).map(move |i| Span::new(i * FRAMES, ((i + 1) * FRAMES).min(n_frames)))
}

/// Pixel-wise median of images of one size.
fn median(images: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = images.iter().map(|i| i.view()).collect();
    let stack: Array3<f32> = ndarray::stack(Axis(2), &views).expect("the images are of one size");
    let (height, width, _) = stack.dim();
    let values: Vec<f32> = stack
        .as_standard_layout()
        .as_slice()
        .expect("standard layout is contiguous")
        .par_chunks(images.len())
        .map(|pixel| {
            let mut pixel = pixel.to_vec();
            let middle = pixel.len() / 2;
            *pixel.select_nth_unstable_by(middle, f32::total_cmp).1
        })
        .collect();
    Array2::from_shape_vec((height, width), values).expect("one median per pixel")
}

fn flag(correlations: &[f64], min_relative: f64) -> Vec<usize> {
    let mut sorted = correlations.to_vec();
    sorted.sort_by(f64::total_cmp);
    let limit = min_relative * sorted[sorted.len() / 2];
    (0..correlations.len()).filter(|&t| correlations[t] < limit).collect()
}

/// Replaces flagged displacements by linear interpolation between their unflagged neighbours.
fn interpolate(displacements: &mut [PointYx], flagged: &[usize]) {
    let good: Vec<usize> = (0..displacements.len()).filter(|t| flagged.binary_search(t).is_err()).collect();
    for &t in flagged {
        let after = good.partition_point(|&g| g < t);
        let before = after.checked_sub(1).map(|i| good[i]);
        displacements[t] = match (before, good.get(after).copied()) {
            (Some(a), Some(b)) => {
                let f = (t - a) as f64 / (b - a) as f64;
                let (from, to) = (displacements[a], displacements[b]);
                PointYx { y: from.y + f * (to.y - from.y), x: from.x + f * (to.x - from.x) }
            }
            (Some(a), None) => displacements[a],
            (None, Some(b)) => displacements[b],
            (None, None) => PointYx::default(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flagged_frames_take_their_neighbours_displacement() {
        let mut d: Vec<PointYx> = (0..5).map(|t| PointYx { y: f64::from(t), x: 9.0 }).collect();
        d[2] = PointYx { y: 77.0, x: -77.0 };
        d[4] = d[2];
        let correlations = [0.9, 0.8, 0.01, 0.9, -0.2];
        let flagged = flag(&correlations, 0.3);
        assert_eq!(flagged, [2, 4]);
        interpolate(&mut d, &flagged);
        assert_eq!(d[2], PointYx { y: 2.0, x: 9.0 });
        assert_eq!(d[4], d[3]);
    }
}
