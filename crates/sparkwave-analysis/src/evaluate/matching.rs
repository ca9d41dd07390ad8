//! Pairing of truths with predictions.
//!
//! Two rules. [`match_within`] is the one to use: space and time have limits of their own, a pair outside either is
//! impossible, as many pairs as possible are made, and among all ways to make that many the nearest is chosen.
//! [`match_published`] repeats the rule behind the published mSCT scores (Digital Discovery 2025, 4, 105-119), which adds
//! frames and pixels into one distance and may make fewer pairs than possible.

mod assignment;
mod candidates;
mod cardinality;
mod published;

pub use published::{PUBLISHED_DISTANCE, match_published};

use sparkwave_core::recording::PixelSize;
use sparkwave_core::units::{Micrometers, Seconds};

use super::Error;
use super::points::Detection;

pub(super) use cardinality::greedy_by_rank;

/// Default limit in the image plane, 0.96 um: the published 6 px at 0.16 um per pixel.
pub const DEFAULT_SPACE: Micrometers = Micrometers::new(0.96);
/// Default limit in time, 0.6 s: the published 6 frames at 10 Hz.
pub const DEFAULT_TIME: Seconds = Seconds::new(0.6);
/// Default limit in the image plane where the pixel size is unknown, in pixels.
pub const DEFAULT_SPACE_PX: f64 = 6.0;
/// Default limit in time where the frame interval is unknown, in frames.
pub const DEFAULT_TIME_FRAMES: f64 = 6.0;

/// A distance this much below a limit, relatively, counts as equal to it, hence as outside: 0.96 um / 0.16 um must not
/// be one rounding error more than 6 px.
const ROUNDING: f64 = 1e-9;

/// How far a prediction may lie from a truth, separately in space and in time.
///
/// Both limits are strict, as in the published rule: a pair exactly at a limit (up to a relative 1e-9) is impossible.
/// In space the limit is a circle in micrometres, so an ellipse in pixels where pixels are oblong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    y_px: f64,
    x_px: f64,
    time_frames: f64,
}

impl Limits {
    /// Limits in pixels and frames; `None` unless both are finite and greater than zero.
    pub fn new(space_px: f64, time_frames: f64) -> Option<Self> {
        Self::elliptic(space_px, space_px, time_frames)
    }

    /// Limits in micrometres and seconds, converted by the calibration of the recording; `None` unless all are finite
    /// and greater than zero. Frames that were not taken regularly count as if each lasted `frame_interval`.
    pub fn physical(space: Micrometers, time: Seconds, pixel_size: PixelSize, frame_interval: Seconds) -> Option<Self> {
        Self::elliptic(
            space.get() / pixel_size.y.get(),
            space.get() / pixel_size.x.get(),
            time.get() / frame_interval.get(),
        )
    }

    /// The defaults: [`DEFAULT_SPACE`] and [`DEFAULT_TIME`], each replaced by [`DEFAULT_SPACE_PX`] or
    /// [`DEFAULT_TIME_FRAMES`] where the calibration it needs is unknown (or not greater than zero).
    pub fn default_for(pixel_size: Option<PixelSize>, frame_interval: Option<Seconds>) -> Self {
        let interval_s = frame_interval.map(Seconds::get).filter(|s| s.is_finite() && *s > 0.0);
        Self {
            y_px: pixel_size.map_or(DEFAULT_SPACE_PX, |p| DEFAULT_SPACE.get() / p.y.get()),
            x_px: pixel_size.map_or(DEFAULT_SPACE_PX, |p| DEFAULT_SPACE.get() / p.x.get()),
            time_frames: interval_s.map_or(DEFAULT_TIME_FRAMES, |s| DEFAULT_TIME.get() / s),
        }
    }

    fn elliptic(y_px: f64, x_px: f64, time_frames: f64) -> Option<Self> {
        let valid = |v: f64| v.is_finite() && v > 0.0;
        (valid(y_px) && valid(x_px) && valid(time_frames)).then_some(Self { y_px, x_px, time_frames })
    }

    /// The limit along rows and along columns, in pixels.
    pub fn space_px(&self) -> (f64, f64) {
        (self.y_px, self.x_px)
    }

    /// The limit in time, in frames.
    pub fn time_frames(&self) -> f64 {
        self.time_frames
    }

    /// What it costs to pair two points: their distance with each limit as the unit of its axis, in 0..sqrt 2; `None`
    /// if a limit is reached.
    fn cost(&self, a: &Detection, b: &Detection) -> Option<f64> {
        let space = ((a.y_px - b.y_px) / self.y_px).hypot((a.x_px - b.x_px) / self.x_px);
        let time = ((a.t_frame - b.t_frame) / self.time_frames).abs();
        (space < 1.0 - ROUNDING && time < 1.0 - ROUNDING).then(|| space.hypot(time))
    }
}

/// A truth and the prediction that found it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// 0-based position among the truths.
    pub truth: usize,
    /// 0-based position among the predictions.
    pub prediction: usize,
    /// Distance in the image plane, in pixels.
    pub distance_px: f64,
    /// Frame of the prediction minus frame of the truth.
    pub delay_frames: f64,
}

impl Pair {
    fn of(truths: &[Detection], predictions: &[Detection], truth: usize, prediction: usize) -> Self {
        let (t, p) = (&truths[truth], &predictions[prediction]);
        Self {
            truth,
            prediction,
            distance_px: (t.y_px - p.y_px).hypot(t.x_px - p.x_px),
            delay_frames: p.t_frame - t.t_frame,
        }
    }
}

/// Pairs truths with predictions one to one inside the limits: first as many pairs as possible, then at the smallest
/// total distance, where each limit is the unit of its axis.
///
/// Memory and time follow the number of possible pairs, not the product of the list lengths. Points with a coordinate
/// that is not finite have no partner. Scores are not looked at.
///
/// Returns the pairs in the order of the truths.
///
/// # Errors
/// [`Error::TooManyCandidates`] if more than 50 million pairs are possible.
pub fn match_within(truths: &[Detection], predictions: &[Detection], limits: &Limits) -> Result<Vec<Pair>, Error> {
    let candidates = candidates::within(truths, predictions, limits)?;
    let assigned = assignment::cheapest_largest(&candidates, predictions.len());
    let pairs = assigned.into_iter().enumerate().filter_map(|(truth, prediction)| Some((truth, prediction?)));
    Ok(pairs.map(|(truth, prediction)| Pair::of(truths, predictions, truth, prediction)).collect())
}

/// For every prediction the truths within the limits, ascending.
///
/// # Errors
/// As [`match_within`].
pub(super) fn truths_within(
    truths: &[Detection],
    predictions: &[Detection],
    limits: &Limits,
) -> Result<Vec<Vec<u32>>, Error> {
    let candidates = candidates::within(predictions, truths, limits)?;
    Ok(candidates.into_iter().map(|row| row.into_iter().map(|c| c.column).collect()).collect())
}

#[cfg(test)]
mod tests;
