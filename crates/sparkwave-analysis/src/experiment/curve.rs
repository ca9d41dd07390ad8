//! Curves of several movies at common recalls.

use crate::evaluate::detection::{PrPoint, published_average_precision, published_thresholds};

/// Number of recalls at which curves are averaged: 0.01, 0.02, ... 1.
pub const RECALLS: usize = 100;

/// The recall at a position of an averaged curve, `0..RECALLS`.
pub fn recall(position: usize) -> f64 {
    (position + 1) as f64 / RECALLS as f64
}

/// Precision at the common recalls: that of the first threshold, from the highest one down, at which the recall is
/// reached, and 0 at a recall that is not reached. The area under these steps is the average precision, so the area under
/// a mean of them is the mean average precision, up to the width of a step.
pub(super) fn at_recalls(curve: &[PrPoint]) -> [f64; RECALLS] {
    let mut precision = [0.0; RECALLS];
    let mut position = 0;
    for point in curve {
        // The slack lets 3 of 10 reach the recall 0.3 that was computed otherwise.
        while position < RECALLS && recall(position) <= point.recall + 1e-9 {
            precision[position] = point.precision;
            position += 1;
        }
    }
    precision
}

/// Precision and recall at the published thresholds, falling; both 0 where nothing is kept. `None` if a score is outside
/// 0..=1.
pub(super) fn at_published_thresholds(curve: &[PrPoint]) -> Option<Vec<(f64, f64)>> {
    if !curve.iter().all(|point| (0.0..=1.0).contains(&point.threshold)) {
        return None;
    }
    let at = |threshold: f64| {
        let n_kept = curve.partition_point(|point| point.threshold >= threshold);
        n_kept.checked_sub(1).map_or((0.0, 0.0), |last| (curve[last].precision, curve[last].recall))
    };
    Some(published_thresholds().map(at).collect())
}

/// The published average precision of one network from its [`at_published_thresholds`] on each movie; `None` if one of
/// them is unknown.
pub(super) fn published_ap<'a>(movies: impl Iterator<Item = Option<&'a [(f64, f64)]>>) -> Option<f64> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    let mut n_movies = 0.0;
    for movie in movies {
        let movie = movie?;
        sums.resize(movie.len(), (0.0, 0.0));
        sums.iter_mut().zip(movie).for_each(|(sum, (p, r))| *sum = (sum.0 + p, sum.1 + r));
        n_movies += 1.0;
    }
    published_average_precision(sums.into_iter().map(|(p, r)| (p / n_movies, r / n_movies)).collect())
}
