//! Event-related averages: what the recording does, on average, around the onsets of trials.
//!
//! A trial is a window of frames around the frame in which its onset falls. Its relative change is R / R0 - 1, with R0
//! the mean of a baseline window of the same trial (Grinvald et al. 1986, doi 10.1038/324361a0: the signal is a fraction
//! of a percent of the light, and drifts from trial to trial).

use crate::error::Error;
use crate::register::Drift;
use crate::traces::registered_frame;
use ndarray::{Array2, Array3, Axis, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use std::collections::VecDeque;

/// Most values of an average, lags times pixels: 20 bytes each are held.
pub const MAX_VALUES: usize = 1 << 27;

/// The windows of a trial, s relative to its onset.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrialParams {
    /// How long before the onset a trial begins.
    pub pre_s: f64,
    /// How long after the onset it ends.
    pub post_s: f64,
    /// Where the baseline window begins; negative before the onset.
    pub baseline_from_s: f64,
    /// Where the baseline window ends.
    pub baseline_to_s: f64,
}

impl Default for TrialParams {
    fn default() -> Self {
        Self { pre_s: 10.0, post_s: 60.0, baseline_from_s: -10.0, baseline_to_s: 0.0 }
    }
}

/// Why there is no average.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The windows make no sense at the interval of the recording.
    #[error(
        "trials from {} s before to {} s after their onset, baseline from {} s to {} s: expected a baseline of at least \
         one frame of {interval_s} s inside the trial", .params.pre_s, .params.post_s, .params.baseline_from_s,
        .params.baseline_to_s
    )]
    Windows {
        /// The windows.
        params: TrialParams,
        /// Frame interval, s.
        interval_s: f64,
    },
    /// The average is too large.
    #[error("{n_lags} frames a trial of {n_pixels} pixels are more than {MAX_VALUES} values")]
    TooLarge {
        /// Frames of a trial.
        n_lags: usize,
        /// Pixels of a frame.
        n_pixels: usize,
    },
    /// There is nothing to average.
    #[error("none of {n_trials} trials is complete: {n_cut} reach beyond the recording, {n_gaps} have gaps")]
    NoTrial {
        /// Trials that were asked for.
        n_trials: usize,
        /// Trials that are cut.
        n_cut: usize,
        /// Trials with a gap.
        n_gaps: usize,
    },
}

/// Why a trial does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its window reaches beyond the recording.
    Cut,
    /// A frame of its window holds no value.
    Gap,
}

/// A trial that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// Its index in the list of onsets.
    pub trial: usize,
    /// Why.
    pub reason: Reason,
}

/// An average over trials.
#[derive(Clone, Debug)]
pub struct TrialAverage {
    /// Time from the frame of the onset, s; one a lag.
    pub lags_s: Vec<f64>,
    /// Mean dR/R0 over trials `[L, Y, X]`; NaN where any trial has no value or its R0 is not positive.
    pub mean: Array3<f32>,
    /// Standard deviation over trials `[L, Y, X]` with n - 1 in its denominator; NaN where `mean` is, and everywhere with
    /// fewer than two trials.
    pub sd: Array3<f32>,
    /// Trials that count: the same at every lag, as incomplete ones are left out whole.
    pub n_trials: usize,
    /// Trials that do not, in the order of the list.
    pub excluded: Vec<Excluded>,
}

/// Averages the registered frames around `onsets_s`, given in s since the start of the first frame, in any order;
/// trials may overlap. A frame without a finite value is a gap.
///
/// Every frame that belongs to a trial is read once; as many as a trial is long are held, and two sums.
///
/// # Errors
/// If the windows make no sense, no trial is complete, the average would be too large, the recording cannot be read or
/// the user cancels.
pub fn average(
    frames: &dyn FrameSource,
    drift: &Drift,
    interval_s: f64,
    onsets_s: &[f64],
    params: &TrialParams,
    progress: &dyn Progress,
) -> Result<TrialAverage, Error> {
    let shape = frames.shape();
    let windows = Windows::new(params, interval_s)?;
    let n_lags = windows.n_lags();
    if n_lags.saturating_mul(shape.frame_len()) > MAX_VALUES {
        return Err(TrialError::TooLarge { n_lags, n_pixels: shape.frame_len() }.into());
    }
    let mut excluded = Vec::new();
    // First frame of every complete trial, with its index.
    let mut trials: Vec<(usize, usize)> = Vec::new();
    for (trial, onset_s) in onsets_s.iter().enumerate() {
        match windows.first_frame(*onset_s, interval_s, shape.n_frames) {
            Some(first) => trials.push((first, trial)),
            None => excluded.push(Excluded { trial, reason: Reason::Cut }),
        }
    }
    trials.sort_unstable();

    progress.begin("average", trials.len() as u64);
    let mut sums = Sums::new((n_lags, shape.height, shape.width));
    let mut held = Held { first: 0, planes: VecDeque::new() };
    for &(first, trial) in &trials {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        held.move_to(Span::new(first, first + n_lags), |frame| {
            registered_frame(frames, drift, frame, Span::new(0, shape.height))
        })?;
        if held.planes.iter().any(|plane| plane.iter().all(|v| !v.is_finite())) {
            excluded.push(Excluded { trial, reason: Reason::Gap });
        } else {
            sums.add(&held.planes, windows.baseline);
        }
        progress.advance(1);
    }
    excluded.sort_unstable_by_key(|e| e.trial);
    if sums.n_trials == 0 {
        let n_gaps = excluded.iter().filter(|e| e.reason == Reason::Gap).count();
        let n_cut = excluded.len() - n_gaps;
        return Err(TrialError::NoTrial { n_trials: onsets_s.len(), n_cut, n_gaps }.into());
    }
    let lags_s = (0..n_lags).map(|lag| (lag as f64 - windows.n_before as f64) * interval_s).collect();
    let (mean, sd) = sums.mean_and_sd();
    Ok(TrialAverage { lags_s, mean, sd, n_trials: sums.n_trials, excluded })
}

/// The windows of a trial in frames.
struct Windows {
    n_before: usize,
    n_after: usize,
    /// Baseline, as lags from the start of the trial.
    baseline: Span,
}

impl Windows {
    fn new(params: &TrialParams, interval_s: f64) -> Result<Self, TrialError> {
        let refused = TrialError::Windows { params: *params, interval_s };
        let frame = |s: f64| (s / interval_s).round();
        let (from, to) = (frame(-params.pre_s), frame(params.post_s));
        let baseline = (frame(params.baseline_from_s), frame(params.baseline_to_s));
        // Written so that a NaN is refused; beyond 2^53 frames are not integers.
        let ordered = from <= baseline.0 && baseline.0 < baseline.1 && baseline.1 <= to;
        if !(interval_s > 0.0 && from <= 0.0 && to > 0.0 && ordered && to - from < 9e15) {
            return Err(refused);
        }
        let lag = |frame: f64| (frame - from) as usize;
        Ok(Self { n_before: lag(0.0), n_after: to as usize, baseline: Span::new(lag(baseline.0), lag(baseline.1)) })
    }

    fn n_lags(&self) -> usize {
        self.n_before + self.n_after
    }

    /// The first frame of the trial with this onset, if it lies inside a recording of `n_frames`.
    fn first_frame(&self, onset_s: f64, interval_s: f64, n_frames: usize) -> Option<usize> {
        // An onset at the very end of a frame, up to rounding, belongs to the next.
        let onset = (onset_s / interval_s + 1e-6).floor();
        let first = onset - self.n_before as f64;
        (first >= 0.0 && onset + self.n_after as f64 <= n_frames as f64).then_some(first as usize)
    }
}

/// The frames of one trial.
struct Held {
    first: usize,
    planes: VecDeque<Array2<f32>>,
}

impl Held {
    /// Moves on to the frames of a trial that does not begin before the last one, reading those that are new.
    fn move_to(
        &mut self,
        frames: Span,
        read: impl Fn(usize) -> Result<Array2<f32>, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let n_past = (frames.start - self.first).min(self.planes.len());
        self.planes.drain(..n_past);
        self.first = frames.start;
        let new = frames.start + self.planes.len()..frames.end;
        let planes: Vec<_> = new.into_par_iter().map(read).collect::<Result<_, _>>()?;
        self.planes.extend(planes);
        Ok(())
    }
}

/// Sums over trials.
struct Sums {
    n_trials: usize,
    sum: Array3<f64>,
    squares: Array3<f64>,
}

impl Sums {
    fn new(size: (usize, usize, usize)) -> Self {
        Self { n_trials: 0, sum: Array3::zeros(size), squares: Array3::zeros(size) }
    }

    /// Adds the relative changes of a trial. Changes are small beside 1, so that plain sums of squares lose nothing.
    fn add(&mut self, trial: &VecDeque<Array2<f32>>, baseline: Span) {
        let mut rest = Array2::<f64>::zeros(self.sum.index_axis(Axis(0), 0).dim());
        for plane in trial.range(baseline.range()) {
            Zip::from(&mut rest).and(plane).for_each(|r, &v| *r += f64::from(v));
        }
        let n = baseline.len() as f64;
        rest.mapv_inplace(|sum| if sum > 0.0 { sum / n } else { f64::NAN });
        let sums = self.sum.axis_iter_mut(Axis(0)).into_par_iter().zip(self.squares.axis_iter_mut(Axis(0)));
        sums.enumerate().for_each(|(lag, (sum, squares))| {
            Zip::from(sum).and(squares).and(&trial[lag]).and(&rest).for_each(|sum, squares, &v, &rest| {
                let change = f64::from(v) / rest - 1.0;
                *sum += change;
                *squares += change * change;
            });
        });
        self.n_trials += 1;
    }

    fn mean_and_sd(&self) -> (Array3<f32>, Array3<f32>) {
        let n = self.n_trials as f64;
        let sd = Zip::from(&self.sum).and(&self.squares).map_collect(|sum, squares| {
            if self.n_trials < 2 {
                return f32::NAN;
            }
            let variance = (squares - sum * sum / n) / (n - 1.0);
            // Rounding may make it slightly negative; a NaN stays one.
            if variance < 0.0 { 0.0 } else { variance.sqrt() as f32 }
        });
        (self.sum.mapv(|sum| (sum / n) as f32), sd)
    }
}

#[cfg(test)]
mod tests;
