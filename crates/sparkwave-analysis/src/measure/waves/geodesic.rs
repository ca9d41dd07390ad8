//! Distances within the visited area: the shortest way that never leaves it.
//!
//! Steps from pixel to pixel overestimate lengths by up to 8 % in directions between the eight neighbours. Here every
//! pixel remembers the anchor at which the way to it last turned; a way is extended straight from that anchor as long
//! as the straight line stays inside (Theta*, Nash et al., Proc. AAAI 2007, 1177-1183). Where the area is convex the
//! distances are exact.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ndarray::Array2;

use super::domain::{self, SIDES_AND_CORNERS};
use super::scale::Scale;

/// The distance of every pixel from `source` within `area`, in units of length; infinite where there is no way.
pub(super) fn distances(area: &Array2<bool>, source: (usize, usize), scale: Scale) -> Array2<f64> {
    let mut distance = Array2::from_elem(area.dim(), f64::INFINITY);
    if !area.get(source).copied().unwrap_or(false) {
        return distance;
    }
    let mut anchor = Array2::from_elem(area.dim(), source);
    let mut settled = Array2::from_elem(area.dim(), false);
    let mut front = BinaryHeap::from([Reverse((Length(0.0), source))]);
    distance[source] = 0.0;
    while let Some(Reverse((_, at))) = front.pop() {
        if std::mem::replace(&mut settled[at], true) {
            continue;
        }
        for next in SIDES_AND_CORNERS.iter().filter_map(|&by| domain::step(at, by, area.dim())) {
            if !area[next] || settled[next] {
                continue;
            }
            let turn = if is_visible(area, anchor[at], next) { anchor[at] } else { at };
            let length = distance[turn] + straight(turn, next, scale);
            if length < distance[next] {
                distance[next] = length;
                anchor[next] = turn;
                front.push(Reverse((Length(length), next)));
            }
        }
    }
    distance
}

fn straight(a: (usize, usize), b: (usize, usize), scale: Scale) -> f64 {
    (a.0.abs_diff(b.0) as f64 * scale.y).hypot(a.1.abs_diff(b.1) as f64 * scale.x)
}

/// True if the pixels nearest to the straight line between two pixels are all inside.
fn is_visible(area: &Array2<bool>, from: (usize, usize), to: (usize, usize)) -> bool {
    let n = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
    let along =
        |a: usize, b: usize, i: usize| (a as f64 + (b as f64 - a as f64) * (i as f64 / n as f64)).round() as usize;
    (1..n).all(|i| area[[along(from.0, to.0, i), along(from.1, to.1, i)]])
}

/// A length that can be ordered.
#[derive(Clone, Copy, PartialEq)]
struct Length(f64);

impl Eq for Length {}

impl PartialOrd for Length {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Length {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use sparkwave_core::recording::PixelSize;
    use sparkwave_core::units::Micrometers;

    use super::*;

    #[test]
    fn in_a_convex_area_they_are_straight_also_for_oblong_pixels() {
        let size = PixelSize::new(Micrometers::new(40.0), Micrometers::new(20.0)).expect("positive");
        for scale in [Scale::new(None), Scale::new(Some(size))] {
            let found = distances(&Array2::from_elem((31, 45), true), (4, 9), scale);
            for (at, d) in found.indexed_iter() {
                let expected = straight((4, 9), at, scale);
                assert!((d - expected).abs() < 1e-12, "{at:?} {d} {expected}");
            }
        }
    }

    #[test]
    fn a_way_leads_around_a_wall_and_nowhere_through_it() {
        let mut area = Array2::from_elem((60, 60), true);
        (0..50).for_each(|y| area[[y, 30]] = false);
        let found = distances(&area, (10, 10), Scale::new(None));
        // Past the end of the wall at row 50.
        let expected = 2.0 * 40f64.hypot(20.0);
        assert!((found[[10, 50]] / expected - 1.0).abs() < 0.02, "{} {expected}", found[[10, 50]]);
        (50..60).for_each(|y| area[[y, 30]] = false);
        assert_eq!(distances(&area, (10, 10), Scale::new(None))[[10, 50]], f64::INFINITY);
        assert_eq!(distances(&area, (0, 30), Scale::new(None))[[0, 0]], f64::INFINITY);
    }
}
