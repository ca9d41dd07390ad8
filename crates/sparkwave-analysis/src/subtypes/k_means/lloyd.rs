//! Lloyd's rounds: points to the nearest centre, centres to the mean of their points, until nothing changes.

use super::centres::Centres;
use crate::subtypes::points::{Points, squared_distance};
use multiversion::multiversion;

/// Points in groups.
pub(super) struct Partition {
    pub(super) centres: Vec<Vec<f64>>,
    pub(super) labels: Vec<usize>,
    pub(super) inertia: f64,
    pub(super) is_settled: bool,
}

/// What is known of the distances of a point without measuring them again (Hamerly 2010): no more than `upper` to the
/// centre of its group, no less than `lower` to any other.
#[derive(Clone, Copy)]
struct Bounds {
    upper: f64,
    lower: f64,
}

const UNKNOWN: Bounds = Bounds { upper: f64::INFINITY, lower: 0.0 };

/// A bound this much short of what it says, relatively, says nothing: rounding must not decide which centre is nearest.
const ROUNDING: f64 = 1e-12;

/// Moves centres until no point changes its group, or the sum of their squared movements is at most `enough`, or for
/// `max_rounds`. No group ends empty: one that does takes the point that is farthest from its centre.
pub(super) fn settle(points: &Points, mut centres: Vec<Vec<f64>>, max_rounds: usize, enough: f64) -> Partition {
    let mut labels = vec![0; points.len()];
    let mut bounds = vec![UNKNOWN; points.len()];
    let mut is_settled = false;
    for round in 0..max_rounds.max(1) {
        let has_changed = regroup(points, &centres, &mut labels, &mut bounds);
        if fill_empty(points, &centres, &mut labels) {
            bounds.fill(UNKNOWN);
        } else if !has_changed && round > 0 {
            is_settled = true;
            break;
        }
        let moved = means(points, &labels, centres.len());
        let steps: Vec<f64> = centres.iter().zip(&moved).map(|(a, b)| squared_distance(a, b).sqrt()).collect();
        centres = moved;
        let largest = steps.iter().copied().fold(0.0, f64::max);
        for (bounds, &label) in bounds.iter_mut().zip(&labels) {
            bounds.upper += steps[label];
            bounds.lower -= largest;
        }
        if steps.iter().map(|s| s * s).sum::<f64>() <= enough {
            is_settled = largest == 0.0;
            break;
        }
    }
    Partition { inertia: inertia(points, &labels, &centres), centres, labels, is_settled }
}

/// Puts every point into the group of the nearest centre; tells whether one changed.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn regroup(points: &Points, centres: &[Vec<f64>], labels: &mut [usize], bounds: &mut [Bounds]) -> bool {
    // A point nearer to its centre than half the way from there to the next centre has no nearer one.
    let half_way: Vec<f64> = (0..centres.len())
        .map(|i| {
            let others = centres.iter().enumerate().filter(|(j, _)| *j != i);
            0.5 * others.map(|(_, c)| squared_distance(&centres[i], c)).fold(f64::INFINITY, f64::min).sqrt()
        })
        .collect();
    let (side_by_side, mut squared) = (Centres::new(centres), Vec::new());
    let mut has_changed = false;
    for ((point, label), bounds) in points.rows().zip(labels).zip(bounds) {
        let safe = half_way[*label].max(bounds.lower) * (1.0 - ROUNDING);
        if bounds.upper < safe {
            continue;
        }
        bounds.upper = squared_distance(point, &centres[*label]).sqrt();
        if bounds.upper < safe {
            continue;
        }
        side_by_side.squared_distances(point, &mut squared);
        let (best, nearest, second) = two_nearest(&squared);
        *bounds = Bounds { upper: nearest.sqrt(), lower: second.sqrt() };
        has_changed |= *label != best;
        *label = best;
    }
    has_changed
}

/// The nearest centre, the first of equally near ones, with its squared distance and that of the second nearest.
#[inline(always)]
fn two_nearest(squared: &[f64]) -> (usize, f64, f64) {
    let (mut best, mut nearest, mut second) = (0, f64::INFINITY, f64::INFINITY);
    for (i, &squared) in squared.iter().enumerate() {
        if squared < nearest {
            (best, nearest, second) = (i, squared, nearest);
        } else {
            second = second.min(squared);
        }
    }
    (best, nearest, second)
}

/// Gives each empty group the point that is farthest from its centre, the first of equally far ones, out of the groups
/// that keep another one. Tells whether there was an empty group.
fn fill_empty(points: &Points, centres: &[Vec<f64>], labels: &mut [usize]) -> bool {
    let mut sizes = vec![0usize; centres.len()];
    labels.iter().for_each(|&label| sizes[label] += 1);
    let empty: Vec<usize> = (0..sizes.len()).filter(|&group| sizes[group] == 0).collect();
    for &group in &empty {
        let mut farthest = None;
        for (i, point) in points.rows().enumerate() {
            let squared = squared_distance(point, &centres[labels[i]]);
            if sizes[labels[i]] > 1 && farthest.is_none_or(|(_, most)| squared > most) {
                farthest = Some((i, squared));
            }
        }
        if let Some((i, _)) = farthest {
            sizes[labels[i]] -= 1;
            sizes[group] += 1;
            labels[i] = group;
        }
    }
    !empty.is_empty()
}

/// The mean of each group; none is empty.
pub(super) fn means(points: &Points, labels: &[usize], k: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; points.n_features()]; k];
    let mut sizes = vec![0usize; k];
    for (point, &label) in points.rows().zip(labels) {
        sizes[label] += 1;
        sums[label].iter_mut().zip(point).for_each(|(sum, v)| *sum += v);
    }
    for (sum, size) in sums.iter_mut().zip(sizes) {
        sum.iter_mut().for_each(|s| *s /= size as f64);
    }
    sums
}

/// Sum of the squared distances of points to the centres of their groups.
pub(super) fn inertia(points: &Points, labels: &[usize], centres: &[Vec<f64>]) -> f64 {
    points.rows().zip(labels).map(|(point, &label)| squared_distance(point, &centres[label])).sum()
}
