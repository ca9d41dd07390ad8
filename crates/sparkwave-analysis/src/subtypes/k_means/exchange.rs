//! Single moves, which lead out of partitions in which Lloyd's rounds are stuck.

use super::centres::Centres;
use super::lloyd::{Partition, inertia, means};
use crate::subtypes::points::Points;
use multiversion::multiversion;

/// A move must lower the inertia by more than this part of what it moves: rounding must not send points to and fro.
const ROUNDING: f64 = 1e-12;

/// Moves single points to other groups as long as that lowers the inertia, in at most `max_rounds` rounds over all points
/// (Hartigan & Wong 1979, Appl. Stat. 28, 100).
///
/// A group of n points pays d2 n / (n + 1) for a new point at a squared distance d2 from its centre, and saves
/// d2 n / (n - 1) by giving one away: its centre moves too, which Lloyd's rounds do not foresee. A point may thus move
/// although another centre is not yet nearer, and where no move helps, none of Lloyd's does.
pub(super) fn exchange(points: &Points, partition: Partition, max_rounds: usize) -> Partition {
    let Partition { mut centres, mut labels, is_settled, .. } = partition;
    let mut sizes = vec![0.0; centres.len()];
    labels.iter().for_each(|&label| sizes[label] += 1.0);
    for _ in 0..max_rounds {
        if !round(points, &mut centres, &mut labels, &mut sizes) {
            break;
        }
    }
    // Moved many times over, the centres have gathered rounding.
    let centres = means(points, &labels, centres.len());
    Partition { inertia: inertia(points, &labels, &centres), centres, labels, is_settled }
}

/// Offers every point a move; tells whether one was made.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn round(points: &Points, centres: &mut [Vec<f64>], labels: &mut [usize], sizes: &mut [f64]) -> bool {
    let (mut side_by_side, mut squared) = (Centres::new(centres), Vec::new());
    let mut has_moved = false;
    for (point, label) in points.rows().zip(labels) {
        let from = *label;
        if sizes[from] < 2.0 {
            continue;
        }
        side_by_side.squared_distances(point, &mut squared);
        let saved = squared[from] * sizes[from] / (sizes[from] - 1.0);
        let mut best = (from, saved * (1.0 - ROUNDING));
        for (to, squared) in squared.iter().enumerate().filter(|(to, _)| *to != from) {
            let paid = squared * sizes[to] / (sizes[to] + 1.0);
            if paid < best.1 {
                best = (to, paid);
            }
        }
        let to = best.0;
        if to != from {
            shift(&mut centres[from], point, -1.0 / (sizes[from] - 1.0));
            shift(&mut centres[to], point, 1.0 / (sizes[to] + 1.0));
            side_by_side.set(from, &centres[from]);
            side_by_side.set(to, &centres[to]);
            sizes[from] -= 1.0;
            sizes[to] += 1.0;
            *label = to;
            has_moved = true;
        }
    }
    has_moved
}

fn shift(centre: &mut [f64], point: &[f64], part: f64) {
    centre.iter_mut().zip(point).for_each(|(c, v)| *c += part * (v - *c));
}
