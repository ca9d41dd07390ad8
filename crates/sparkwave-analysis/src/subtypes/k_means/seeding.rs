//! Where the centres start.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::subtypes::points::{Points, squared_distances};

/// `k` distinct points by greedy k-means++ (Arthur & Vassilvitskii 2007, SODA, 1027, section 5): the first drawn alike, each
/// next one by its squared distance to the nearest centre so far, and of `2 + ln k` such draws the one that leaves the
/// smallest sum of these distances. There must be `k` distinct points.
pub(super) fn centres(points: &Points, k: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let n = points.len();
    let n_draws = 2 + (k as f64).ln() as usize;
    let first = rng.random_range(0..n as u64) as usize;
    let mut chosen = vec![first];
    let mut squared = squared_to(points, first);
    let mut cumulative = Vec::with_capacity(n);
    while chosen.len() < k {
        cumulative.clear();
        let mut total = 0.0;
        cumulative.extend(squared.iter().map(|s| {
            total += s;
            total
        }));
        let mut best: Option<(usize, Vec<f64>, f64)> = None;
        for _ in 0..n_draws {
            let at = rng.random::<f64>() * total;
            // The first point at which the sum rises above; rounding may leave none, then the last that is no centre.
            let drawn = cumulative.partition_point(|c| *c <= at);
            let candidate = if drawn < n { drawn } else { cumulative.partition_point(|c| *c < total) };
            let mut left = squared_to(points, candidate);
            left.iter_mut().zip(&squared).for_each(|(new, old)| *new = new.min(*old));
            let sum = left.iter().sum::<f64>();
            if best.as_ref().is_none_or(|best| sum < best.2) {
                best = Some((candidate, left, sum));
            }
        }
        let (candidate, left, _) = best.expect("there are at least two draws");
        chosen.push(candidate);
        squared = left;
    }
    chosen.into_iter().map(|i| points.row(i).to_vec()).collect()
}

fn squared_to(points: &Points, centre: usize) -> Vec<f64> {
    let mut squared = vec![0.0; points.len()];
    squared_distances(points, 0, points.row(centre), &mut squared);
    squared
}
