//! When fronts arrive: the eikonal equation `|grad T| = slowness`, solved in the order of time.
//!
//! Second-order fast marching (Sethian 1999, SIAM Review 41, 199) of all fronts through one queue, so that a front
//! stops where another passed less than the refractory time ago: fronts that meet put each other out.

use crate::axes::PointYx;
use ndarray::Array2;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A front that starts at a point and expands.
pub(super) struct Front {
    /// When it starts, s.
    pub(super) start_s: f64,
    /// Where, in grid points.
    pub(super) origin: PointYx,
    /// Time to cross a grid step, s `[Y, X]`; infinite where the front cannot go.
    pub(super) slowness: Array2<f32>,
}

/// Around the origin the front is a circle: its curvature is beyond what the grid resolves.
const SEED_RADIUS: f64 = 6.0;

impl Front {
    /// Distance of a cell from the origin, in grid steps.
    fn distance(&self, (y, x): (usize, usize)) -> f64 {
        (y as f64 - self.origin.y).hypot(x as f64 - self.origin.x)
    }
}

struct Arrival {
    at_s: f64,
    front: u32,
    cell: (u32, u32),
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Arrival {}
impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Arrival {
    /// The earliest is the greatest, as the heap gives the greatest first; ties in a fixed order.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |a: &Self| (a.front, a.cell);
        other.at_s.total_cmp(&self.at_s).then_with(|| key(other).cmp(&key(self)))
    }
}

/// Time of arrival of every front at every grid point, s `[Y, X]`, NaN where it never comes.
pub(super) fn arrivals(fronts: &[Front], refractory_s: f64) -> Vec<Array2<f32>> {
    let Some(first) = fronts.first() else { return Vec::new() };
    let shape = first.slowness.dim();
    let mut times: Vec<Array2<f64>> = fronts.iter().map(|_| Array2::from_elem(shape, f64::INFINITY)).collect();
    let mut settled: Vec<Array2<bool>> = fronts.iter().map(|_| Array2::from_elem(shape, false)).collect();
    let mut last_passage = Array2::from_elem(shape, f64::NEG_INFINITY);
    let mut queue = BinaryHeap::new();
    for (k, front) in fronts.iter().enumerate() {
        for (cell, at_s) in seeds(front) {
            times[k][cell] = at_s;
            queue.push(Arrival { at_s, front: k as u32, cell: (cell.0 as u32, cell.1 as u32) });
        }
    }
    while let Some(Arrival { at_s, front, cell }) = queue.pop() {
        let (k, cell) = (front as usize, (cell.0 as usize, cell.1 as usize));
        // Outdated entries are passed over: a cell is queued again whenever its time falls.
        if settled[k][cell] || at_s > times[k][cell] {
            continue;
        }
        if at_s < last_passage[cell] + refractory_s {
            times[k][cell] = f64::INFINITY;
            continue;
        }
        settled[k][cell] = true;
        last_passage[cell] = at_s;
        for next in neighbours(cell, shape) {
            let slowness = f64::from(fronts[k].slowness[next]);
            if settled[k][next] || !slowness.is_finite() || fronts[k].distance(next) <= SEED_RADIUS {
                continue;
            }
            let time = solve(&times[k], &settled[k], next, slowness);
            if time < times[k][next] {
                times[k][next] = time;
                queue.push(Arrival { at_s: time, front, cell: (next.0 as u32, next.1 as u32) });
            }
        }
    }
    let settle = |(times, settled): (Array2<f64>, Array2<bool>)| {
        ndarray::Zip::from(&times).and(&settled).map_collect(|&t, &s| if s { t as f32 } else { f32::NAN })
    };
    times.into_iter().zip(settled).map(settle).collect()
}

fn seeds(front: &Front) -> Vec<((usize, usize), f64)> {
    let (height, width) = front.slowness.dim();
    let span = |c: f64, n: usize| {
        let low = (c - SEED_RADIUS).ceil().clamp(0.0, n as f64) as usize;
        let high = ((c + SEED_RADIUS).floor() + 1.0).clamp(0.0, n as f64) as usize;
        low..high.max(low)
    };
    let mut found = Vec::new();
    for y in span(front.origin.y, height) {
        for x in span(front.origin.x, width) {
            let distance = front.distance((y, x));
            let slowness = f64::from(front.slowness[[y, x]]);
            if distance <= SEED_RADIUS && slowness.is_finite() {
                found.push(((y, x), front.start_s + slowness * distance));
            }
        }
    }
    found
}

fn neighbours((y, x): (usize, usize), (height, width): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let up = y.checked_sub(1).map(|y| (y, x));
    let left = x.checked_sub(1).map(|x| (y, x));
    let down = (y + 1 < height).then_some((y + 1, x));
    let right = (x + 1 < width).then_some((y, x + 1));
    [up, left, down, right].into_iter().flatten()
}

/// The upwind solution at a cell: along each axis from the earlier settled neighbour, by the second-order difference if
/// the one behind it is settled as well.
fn solve(times: &Array2<f64>, settled: &Array2<bool>, (y, x): (usize, usize), slowness: f64) -> f64 {
    let (height, width) = times.dim();
    let at = |y: Option<usize>, x: Option<usize>| -> Option<f64> {
        let cell = (y.filter(|&y| y < height)?, x.filter(|&x| x < width)?);
        settled[cell].then(|| times[cell])
    };
    let vertical = [
        (at(y.checked_sub(1), Some(x)), at(y.checked_sub(2), Some(x))),
        (at(Some(y + 1), Some(x)), at(Some(y + 2), Some(x))),
    ];
    let horizontal = [
        (at(Some(y), x.checked_sub(1)), at(Some(y), x.checked_sub(2))),
        (at(Some(y), Some(x + 1)), at(Some(y), Some(x + 2))),
    ];
    // Each axis contributes weight (T - level)².
    let term = |sides: [(Option<f64>, Option<f64>); 2]| {
        let earliest = sides.into_iter().filter_map(|(near, far)| Some((near?, far)));
        earliest.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(near, far)| match far {
            Some(far) if far <= near => (2.25, (4.0 * near - far) / 3.0, near),
            _ => (1.0, near, near),
        })
    };
    let one_axis = |(weight, level, _): (f64, f64, f64)| level + slowness / f64::sqrt(weight);
    match (term(vertical), term(horizontal)) {
        (Some(a), Some(b)) => {
            let weight = a.0 + b.0;
            let mean = (a.0 * a.1 + b.0 * b.1) / weight;
            let spread = a.0 * b.0 * (a.1 - b.1).powi(2) / weight;
            let root = (slowness * slowness - spread) / weight;
            let time = mean + root.max(0.0).sqrt();
            // The front must come from both neighbours, else it comes from the earlier alone.
            if root >= 0.0 && time >= a.2.max(b.2) { time } else { one_axis(a).min(one_axis(b)) }
        }
        (Some(a), None) | (None, Some(a)) => one_axis(a),
        (None, None) => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(n: usize, start_s: f64, y: f64, x: f64, slowness: f32) -> Front {
        Front { start_s, origin: PointYx { y, x }, slowness: Array2::from_elem((n, n), slowness) }
    }

    #[test]
    fn at_uniform_speed_fronts_are_circles() {
        let front = uniform(301, 7.0, 150.3, 140.0, 0.4);
        let times = &arrivals(&[front], 60.0)[0];
        for ((y, x), &t) in times.indexed_iter() {
            let distance = (y as f64 - 150.3).hypot(x as f64 - 140.0);
            let expected = 0.4 * distance;
            assert!((f64::from(t) - 7.0 - expected).abs() <= 0.01 * expected + 1e-5, "{y} {x}: {t} {expected}");
        }
    }

    #[test]
    fn a_front_goes_around_an_obstacle() {
        let mut front = uniform(101, 0.0, 50.0, 20.0, 1.0);
        front.slowness.slice_mut(ndarray::s![0..81, 49..52]).fill(f32::INFINITY);
        let times = &arrivals(&[front], 0.0)[0];
        assert!(times[[50, 50]].is_nan());
        // From the origin to the two corners of the gap below the wall, then straight.
        let detour = 31f64.hypot(29.0) + 2.0 + 31f64.hypot(29.0);
        assert!((f64::from(times[[50, 80]]) - detour).abs() < 0.03 * detour, "{}", times[[50, 80]]);
    }

    #[test]
    fn fronts_that_meet_put_each_other_out_and_a_late_one_follows() {
        let fronts = [
            uniform(101, 0.0, 50.0, 20.0, 1.0),
            uniform(101, 0.0, 50.0, 80.0, 1.0),
            uniform(101, 300.0, 50.0, 20.0, 1.0),
            uniform(101, 30.0, 50.0, 20.0, 1.0),
        ];
        let times = arrivals(&fronts, 60.0);
        for x in 0..101 {
            let (from_left, from_right) = (times[0][[50, x]], times[1][[50, x]]);
            assert_eq!(from_left.is_nan(), x > 50, "{x}");
            assert!(from_left.is_nan() != from_right.is_nan(), "{x} belongs to one of the two");
        }
        assert!(times[2].iter().all(|t| t.is_finite()), "after the refractory time the cortex is free");
        assert!(times[3].iter().all(|t| t.is_nan()), "30 s after a wave it is not");
    }
}
