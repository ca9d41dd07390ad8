//! Precision and recall over thresholds, and the two definitions of average precision.

use crate::evaluate::Error;
use crate::evaluate::matching::{Pair, match_published};

use super::Detection;

/// Added to denominators by the published code.
pub(super) const PUBLISHED_EPSILON: f64 = 1e-6;
/// Number of thresholds, and of recalls, of the published curve.
const N_PUBLISHED: usize = 100;

/// Precision and recall at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrPoint {
    /// Predictions with this score or a larger one are kept.
    pub threshold: f64,
    /// tp / (tp + fp).
    pub precision: f64,
    /// tp / number of truths.
    pub recall: f64,
    /// Pairs among the predictions kept.
    pub tp: usize,
    /// Predictions kept and not paired.
    pub fp: usize,
}

/// `part / (whole + 1e-6)`, as published.
pub(super) fn published_ratio(part: usize, whole: usize) -> f64 {
    part as f64 / (whole as f64 + PUBLISHED_EPSILON)
}

/// The published thresholds, falling: 0.99..0.01.
pub(crate) fn published_thresholds() -> impl Iterator<Item = f64> {
    (0..N_PUBLISHED).rev().map(|i| 0.01 + i as f64 * 0.98 / (N_PUBLISHED - 1) as f64)
}

/// Predictions by falling score.
pub(super) struct Ranking {
    order: Vec<usize>,
    /// Scores in that order.
    scores: Vec<f64>,
}

impl Ranking {
    /// Ranks predictions; `None` if one has no score. Equal scores keep the order of the list, which no result depends on.
    pub(super) fn of(predictions: &[Detection]) -> Option<Self> {
        let by_index: Option<Vec<f64>> = predictions.iter().map(|p| p.score).collect();
        let by_index = by_index?;
        let mut order: Vec<usize> = (0..by_index.len()).collect();
        order.sort_by(|&a, &b| by_index[b].total_cmp(&by_index[a]));
        let scores = order.iter().map(|&i| by_index[i]).collect();
        Some(Self { order, scores })
    }

    /// Indices of predictions, surest first.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The published thresholds, falling: 0.99..0.01, or those quantiles of the scores if a score is outside 0..1.
    fn published_thresholds(&self) -> Vec<f64> {
        let grid = published_thresholds();
        let is_probability = self.scores.iter().all(|s| (0.0..=1.0).contains(s));
        if is_probability {
            return grid.collect();
        }
        let ascending: Vec<f64> = self.scores.iter().rev().copied().collect();
        grid.map(|q| crate::statistics::bootstrap::quantile(&ascending, q)).collect()
    }

    /// How many predictions have at least this score.
    fn n_kept(&self, threshold: f64) -> usize {
        self.scores.partition_point(|&s| s >= threshold)
    }
}

/// Predictions with their outcome, by falling score, and how many truths there are.
///
/// `is_hit` is such that the true positives at any threshold are the hits at or above it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Scores, falling; empty if the predictions have none.
    pub(super) scores: Vec<f64>,
    /// For each prediction, whether it counts as true positive.
    pub(super) is_hit: Vec<bool>,
    /// Truths, found or not.
    pub(super) n_truths: usize,
    /// How many of the predictions are kept at each published threshold, by falling threshold.
    pub(super) n_kept: Vec<usize>,
}

impl Sample {
    /// Outcomes without ranks.
    pub(super) fn unranked(n_predictions: usize, pairs: &[Pair], n_truths: usize) -> Self {
        let is_hit = (0..n_predictions).map(|i| i < pairs.len()).collect();
        Self { scores: Vec::new(), is_hit, n_truths, n_kept: Vec::new() }
    }

    /// Outcomes by rank; `is_hit` is indexed like the predictions.
    pub(super) fn ranked(ranking: &Ranking, is_hit: &[bool], n_truths: usize) -> Self {
        Self {
            scores: ranking.scores.clone(),
            is_hit: ranking.order.iter().map(|&i| is_hit[i]).collect(),
            n_truths,
            n_kept: ranking.published_thresholds().into_iter().map(|t| ranking.n_kept(t)).collect(),
        }
    }

    /// True if rank `i` is the last of its score, where a threshold can stand.
    pub(super) fn ends_tie(&self, i: usize) -> bool {
        self.scores.get(i + 1) != Some(&self.scores[i])
    }

    /// One point for each distinct score, falling. Needs at least one truth.
    pub(super) fn curve(&self) -> Vec<PrPoint> {
        let mut tp = 0;
        let mut curve = Vec::new();
        for (i, &threshold) in self.scores.iter().enumerate() {
            tp += usize::from(self.is_hit[i]);
            if self.ends_tie(i) {
                let n_kept = i + 1;
                curve.push(PrPoint {
                    threshold,
                    precision: tp as f64 / n_kept as f64,
                    recall: tp as f64 / self.n_truths as f64,
                    tp,
                    fp: n_kept - tp,
                });
            }
        }
        curve
    }

    /// The published average precision of these outcomes.
    pub(super) fn published_average_precision(&self) -> Option<f64> {
        let mut tp_of_first = vec![0usize];
        for &hit in &self.is_hit {
            tp_of_first.push(tp_of_first[tp_of_first.len() - 1] + usize::from(hit));
        }
        let point = |&n: &usize| (published_ratio(tp_of_first[n], n), published_ratio(tp_of_first[n], self.n_truths));
        published_average_precision(self.n_kept.iter().map(point).collect())
    }
}

/// Sum of (R_n - R_(n-1)) P_n by falling threshold, with R_0 = 0.
pub(super) fn average_precision(curve: &[PrPoint]) -> f64 {
    let mut reached = 0.0;
    // Not `sum`, which gives -0 for a curve without points.
    curve.iter().fold(0.0, |area, point| {
        let gain = point.recall - std::mem::replace(&mut reached, point.recall);
        area + gain * point.precision
    })
}

/// The published curve: the matching repeated at each of 100 thresholds, falling.
pub(super) fn published_curve(
    truths: &[Detection],
    predictions: &[Detection],
    ranking: &Ranking,
) -> Result<Vec<PrPoint>, Error> {
    let ranked: Vec<Detection> = ranking.order.iter().map(|&i| predictions[i]).collect();
    let mut curve: Vec<PrPoint> = Vec::with_capacity(N_PUBLISHED);
    for threshold in ranking.published_thresholds() {
        let n = ranking.n_kept(threshold);
        let same = curve.last().filter(|point| point.tp + point.fp == n).map(|point| point.tp);
        let tp = same.map_or_else(|| match_published(truths, &ranked[..n]).map(|pairs| pairs.len()), Ok)?;
        let (precision, recall) = (published_ratio(tp, n), published_ratio(tp, truths.len()));
        curve.push(PrPoint { threshold, precision, recall, tp, fp: n - tp });
    }
    Ok(curve)
}

/// The published average precision of (precision, recall) pairs by falling threshold; see [`super::Scores::ap_paper`].
pub(crate) fn published_average_precision(mut points: Vec<(f64, f64)>) -> Option<f64> {
    let mut largest: Option<(usize, f64)> = None;
    for (i, &(_, recall)) in points.iter().enumerate() {
        if largest.is_none_or(|(_, r)| recall > r) {
            largest = Some((i, recall));
        }
    }
    points.truncate(largest?.0);
    // Recall falls with the threshold only where the published matching loses pairs; interpolation needs it ordered.
    points.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (first, last) = (points.first()?, points.last()?);
    let step = 1.0 / (N_PUBLISHED - 1) as f64;
    let precision_at = |recall: f64| {
        let right = points.partition_point(|p| p.1 <= recall);
        match (right.checked_sub(1), points.get(right)) {
            (None, _) => first.0,
            (Some(_), None) => last.0,
            (Some(left), Some(&(p1, r1))) => {
                let (p0, r0) = points[left];
                p0 + (p1 - p0) / (r1 - r0) * (recall - r0)
            }
        }
    };
    Some((1..N_PUBLISHED).map(|i| step * precision_at(i as f64 * step)).sum())
}
