//! Scores of detected events as points: counts, precision and recall, curves, average precision and intervals.

mod bootstrap;
mod curve;

pub use super::matching::{Limits, Pair};
pub use super::points::Detection;
pub use crate::statistics::bootstrap::{Interval, Resampling};
pub use bootstrap::{Intervals, bootstrap};
pub use curve::PrPoint;
pub(crate) use curve::{published_average_precision, published_thresholds};

use super::Error;
use super::matching;

/// Which truths and predictions may be paired, and how the ratios are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Separate limits in space and time, the largest matching at the smallest total distance, exact ratios.
    Physical(Limits),
    /// The published rule: [`matching::match_published`], and 1e-6 added to every denominator.
    Paper,
}

/// How well predictions agree with the truth.
///
/// A ratio whose denominator is zero is undefined, `None`, in [`Mode::Physical`]: precision without predictions, recall
/// without truths, F1 without either. In [`Mode::Paper`] the published 1e-6 in the denominator makes all of them 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Pairs.
    pub tp: usize,
    /// Predictions without partner.
    pub fp: usize,
    /// Truths without partner.
    pub fn_: usize,
    /// tp / (tp + fp).
    pub precision: Option<f64>,
    /// tp / (tp + fn).
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).
    pub f1: Option<f64>,
    /// Who was paired with whom, in the order of the truths.
    pub pairs: Vec<Pair>,
    /// Average precision, the sum of (R_n - R_(n-1)) P_n over `curve`, without any extrapolation: recall that is not
    /// reached contributes nothing. `None` without truths, or if a prediction has no score; 0 without predictions.
    pub ap: Option<f64>,
    /// Average precision as published: precision and recall (with 1e-6 in the denominators) at 100 thresholds 0.01..0.99,
    /// in the order of falling thresholds cut before the first point of largest recall, precision interpolated linearly
    /// at 100 recalls 0..1 and **held at its first and last value outside the range reached**, then summed as in `ap`.
    /// Optimistic for that reason. Where scores lie outside 0..1, the thresholds are the quantiles 0.01..0.99 of the
    /// scores (linear interpolation between order statistics). `None` where `ap` is, and if the cut leaves no point.
    /// Pairs follow the mode.
    pub ap_paper: Option<f64>,
    /// Precision and recall by falling threshold, predictions at or above the threshold being kept. In
    /// [`Mode::Physical`] one point for each distinct score, and `tp` is the size of the largest matching at that
    /// threshold; in [`Mode::Paper`] one point for each of the 100 published thresholds. Empty where `ap` is `None`.
    pub curve: Vec<PrPoint>,
    /// What the intervals resample.
    sample: curve::Sample,
}

/// Scores predictions against the truth.
///
/// Scores of the truths are not looked at. Average precision and the curve need a score on every prediction.
///
/// # Errors
/// [`Error::NotFinite`] for a coordinate, or a score of a prediction, that is NaN or infinite;
/// [`Error::TooManyCandidates`] in [`Mode::Physical`] with limits far too wide; [`Error::TooLargeForPublishedRule`] in
/// [`Mode::Paper`].
pub fn evaluate(truths: &[Detection], predictions: &[Detection], mode: &Mode) -> Result<Scores, Error> {
    check_finite("truth", truths, false)?;
    check_finite("prediction", predictions, true)?;

    let pairs = match mode {
        Mode::Physical(limits) => matching::match_within(truths, predictions, limits)?,
        Mode::Paper => matching::match_published(truths, predictions)?,
    };
    let (tp, n_truths) = (pairs.len(), truths.len());
    let ratios = Ratios::of(tp, predictions.len(), n_truths, mode);
    let mut scores = Scores {
        tp,
        fp: predictions.len() - tp,
        fn_: n_truths - tp,
        precision: ratios.precision,
        recall: ratios.recall,
        f1: ratios.f1,
        ap: None,
        ap_paper: None,
        curve: Vec::new(),
        sample: curve::Sample::unranked(predictions.len(), &pairs, n_truths),
        pairs,
    };
    let Some(ranking) = curve::Ranking::of(predictions) else { return Ok(scores) };
    match mode {
        Mode::Physical(limits) => {
            let truths_of = matching::truths_within(truths, predictions, limits)?;
            let is_hit = matching::greedy_by_rank(&truths_of, n_truths, ranking.order());
            scores.sample = curve::Sample::ranked(&ranking, &is_hit, n_truths);
            if n_truths > 0 {
                scores.curve = scores.sample.curve();
                scores.ap = Some(curve::average_precision(&scores.curve));
                scores.ap_paper = scores.sample.published_average_precision();
            }
        }
        Mode::Paper => {
            let mut is_hit = vec![false; predictions.len()];
            scores.pairs.iter().for_each(|pair| is_hit[pair.prediction] = true);
            scores.sample = curve::Sample::ranked(&ranking, &is_hit, n_truths);
            if n_truths > 0 {
                scores.curve = curve::published_curve(truths, predictions, &ranking)?;
                scores.ap = Some(curve::average_precision(&scores.curve));
                scores.ap_paper = curve::published_average_precision(
                    scores.curve.iter().map(|point| (point.precision, point.recall)).collect(),
                );
            }
        }
    }
    Ok(scores)
}

fn check_finite(list: &'static str, detections: &[Detection], with_scores: bool) -> Result<(), Error> {
    for (index, d) in detections.iter().enumerate() {
        let score = d.score.filter(|_| with_scores).unwrap_or(0.0);
        for (column, found) in [("t_frame", d.t_frame), ("y_px", d.y_px), ("x_px", d.x_px), ("score", score)] {
            if !found.is_finite() {
                return Err(Error::NotFinite { list, index, column, found });
            }
        }
    }
    Ok(())
}

/// Ratios of counts.
struct Ratios {
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

impl Ratios {
    fn of(tp: usize, n_predictions: usize, n_truths: usize, mode: &Mode) -> Self {
        match mode {
            Mode::Physical(_) => Self::exact(tp, n_predictions, n_truths),
            Mode::Paper => {
                let (precision, recall) =
                    (curve::published_ratio(tp, n_predictions), curve::published_ratio(tp, n_truths));
                let f1 = 2.0 * precision * recall / (precision + recall + curve::PUBLISHED_EPSILON);
                Self { precision: Some(precision), recall: Some(recall), f1: Some(f1) }
            }
        }
    }

    fn exact(tp: usize, n_predictions: usize, n_truths: usize) -> Self {
        Self {
            precision: ratio(tp, n_predictions),
            recall: ratio(tp, n_truths),
            f1: ratio(2 * tp, n_predictions + n_truths),
        }
    }
}

/// `part / whole`, undefined for an empty whole.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
