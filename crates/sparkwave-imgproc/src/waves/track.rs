//! Following a front: from the cells that are sure outwards to all that it reaches, and apart where two meet.
//!
//! The arrival time of a wave is a smooth function of position. A cell beside the front is expected to be reached when
//! a plane through its neighbours says so; if its evidence has a maximum near that time, the front has reached it. This
//! is how an annotator follows a dim band from frame to frame, and it needs much less evidence than starting one does.
//! All fronts grow in turns, and a maximum belongs to the first that takes it.

use crate::waves::fronts::Front;
use crate::waves::plane;
use crate::waves::rise::{Evidence, trace_of, vertex};
use ndarray::{Array2, Array3};
use std::collections::BTreeSet;

/// How fronts are followed; times in bins.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    /// Evidence that a cell needs, standard deviations.
    pub min_sd: f32,
    /// How far from the expected time a maximum is looked for, bins.
    pub window: f64,
    /// Difference from the expected time up to which two fronts count as one, bins.
    pub tolerance: f64,
    /// Largest difference between neighbouring cells of one front, bins.
    pub max_step: f64,
    /// A basin of arrival times is a wave of its own if it is this deep, bins ...
    pub split: f64,
    /// ... and has this many cells.
    pub min_cells: usize,
}

/// Width of the planes that predict the neighbours, cells.
const PREDICT_CELLS: f64 = 1.5;
/// Width of the planes that smooth the final arrival times, cells.
const SMOOTH_CELLS: f64 = 0.9;
/// Width of the neighbourhood that refines an arrival time, cells.
const REFINE_CELLS: f64 = 1.0;
/// Part of the evidence that a cell needs which must be its own.
const OWN_PART: f32 = 0.8;
/// Residual of a plane above which it is trusted less, bins; at twice this it is not trusted.
const CUSP_BINS: f64 = 1.2;
/// Neighbourhoods that hold fewer sure cells than this predict nothing (sum of Gaussian weights times evidence).
const MIN_SUPPORT: f64 = 4.0;

/// Follows all fronts at once over the cells of `inside`, joins those that turn out to be one, parts those that hold
/// two sources, and smooths their arrival times.
pub fn follow(mut fronts: Vec<Front>, evidence: &Evidence, inside: &Array2<bool>, how: &Following) -> Vec<Front> {
    let mut owned = Owned::default();
    for (id, front) in fronts.iter().enumerate() {
        front.cells().for_each(|at| owned.take(id, at, f64::from(front.arrival[at])));
    }
    let (height, width) = inside.dim();
    // A front cannot need more rounds than there are cells along the longest way through the grid.
    for _ in 0..2 * (height + width) {
        let mut grew = false;
        for (id, front) in fronts.iter_mut().enumerate() {
            grew |= grow(id, front, &evidence.smooth, inside, how, &mut owned);
        }
        if !grew {
            break;
        }
    }
    let mut whole: Vec<Front> = Vec::new();
    for front in join(fronts, how) {
        whole.extend(part(prune(front, how), how));
    }
    whole.into_iter().map(|front| smooth(&refine(&smooth(&front), &evidence.own, how))).collect()
}

/// Which front has taken which maxima.
#[derive(Default)]
struct Owned(BTreeSet<(usize, usize, i64, usize)>);

/// Maxima of one cell closer than this are one, bins.
const SAME_MAXIMUM: i64 = 3;

impl Owned {
    fn take(&mut self, id: usize, (y, x): (usize, usize), time: f64) {
        self.0.insert((y, x, time.round() as i64, id));
    }

    fn by_another(&self, id: usize, (y, x): (usize, usize), time: f64) -> bool {
        let t = time.round() as i64;
        let near = (y, x, t - SAME_MAXIMUM, 0)..=(y, x, t + SAME_MAXIMUM, usize::MAX);
        self.0.range(near).any(|(.., owner)| *owner != id)
    }
}

/// One ring of growth; true if a cell was added.
fn grow(
    id: usize,
    front: &mut Front,
    evidence: &Array3<f32>,
    inside: &Array2<bool>,
    how: &Following,
    owned: &mut Owned,
) -> bool {
    let mut added = Vec::new();
    for at in rim(front, inside) {
        let Some(plane) = plane::fit(&front.arrival, &front.strength, at, PREDICT_CELLS, false) else { continue };
        if plane.weight < MIN_SUPPORT {
            continue;
        }
        let Some((time, height)) = best_maximum(&trace_of(evidence, at.0, at.1), plane.value, how) else { continue };
        if !owned.by_another(id, at, time) {
            added.push((at, time, height));
        }
    }
    for &(at, time, height) in &added {
        front.arrival[at] = time as f32;
        front.strength[at] = height;
        owned.take(id, at, time);
    }
    !added.is_empty()
}

/// The cells inside that the front has not reached and that touch one it has.
fn rim(front: &Front, inside: &Array2<bool>) -> Vec<(usize, usize)> {
    let cells: BTreeSet<(usize, usize)> = front.cells().flat_map(|at| neighbours(at, inside.dim())).collect();
    cells.into_iter().filter(|&at| inside[at] && !front.arrival[at].is_finite()).collect()
}

/// The cells of eight around one.
fn neighbours((y, x): (usize, usize), (height, width): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |ny| (x.saturating_sub(1)..(x + 2).min(width)).map(move |nx| (ny, nx)))
        .filter(move |at| *at != (y, x))
}

/// The local maximum near the expected time that is strongest after a Gaussian discount of its distance.
fn best_maximum(trace: &[f32], expected: f64, how: &Following) -> Option<(f64, f32)> {
    let first = (expected - how.window).ceil().max(1.0) as usize;
    let last = ((expected + how.window).floor().max(0.0) as usize).min(trace.len().saturating_sub(2));
    let discount = |t: usize| (-0.5 * ((t as f64 - expected) / (0.7 * how.window)).powi(2)).exp();
    let is_maximum = |t: &usize| trace[*t] >= trace[*t - 1] && trace[*t] > trace[*t + 1] && trace[*t] >= how.min_sd;
    let best = (first..=last)
        .filter(is_maximum)
        .max_by(|&a, &b| (f64::from(trace[a]) * discount(a)).total_cmp(&(f64::from(trace[b]) * discount(b))))?;
    Some((vertex(trace, best), trace[best]))
}

/// Joins fronts that arrive at neighbouring or common cells at the same time.
fn join(fronts: Vec<Front>, how: &Following) -> Vec<Front> {
    let mut whole: Vec<Front> = Vec::new();
    for mut front in fronts {
        // Joining may bring a third within reach, so the whole list is looked through again each time.
        while let Some(i) = whole.iter().position(|other| is_same(other, &front, how)) {
            let other = whole.swap_remove(i);
            for at in other.cells() {
                if other.strength[at] > front.strength[at] {
                    front.strength[at] = other.strength[at];
                    front.arrival[at] = other.arrival[at];
                }
            }
        }
        whole.push(front);
    }
    whole
}

/// True if along most of their common border two fronts arrive as one: at each cell of one that touches the other, a
/// plane through the other agrees.
fn is_same(a: &Front, b: &Front, how: &Following) -> bool {
    const MIN_BORDER: usize = 6;
    let (mut n, mut agree) = (0, 0);
    for at in b.cells() {
        if !neighbours(at, a.arrival.dim()).any(|near| a.arrival[near].is_finite()) {
            continue;
        }
        n += 1;
        let plane = plane::fit(&a.arrival, &a.strength, at, PREDICT_CELLS, false);
        let time = f64::from(b.arrival[at]);
        agree += usize::from(plane.is_some_and(|p| p.weight >= MIN_SUPPORT && (p.value - time).abs() <= how.tolerance));
    }
    n >= MIN_BORDER && 2 * agree >= n
}

/// Gives up cells that hang together with fewer than three neighbours. A plane would be the wrong judge here: it does
/// not fit the origin of a wave, where times rise on all sides.
fn prune(mut front: Front, how: &Following) -> Front {
    for _ in 0..2 {
        let near =
            |a: (usize, usize), b: (usize, usize)| (front.arrival[a] - front.arrival[b]).abs() <= how.max_step as f32;
        let wrong: Vec<(usize, usize)> = front
            .cells()
            .filter(|&at| neighbours(at, front.arrival.dim()).filter(|n| near(at, *n)).count() < 3)
            .collect();
        for at in wrong {
            front.arrival[at] = f32::NAN;
            front.strength[at] = 0.0;
        }
    }
    front
}

/// Parts a front that holds several sources: basins of the arrival time that are deep and large enough, by flooding
/// from the earliest cell to the latest (the watershed with persistence of [`crate::link::basins`], in the plane).
fn part(front: Front, how: &Following) -> Vec<Front> {
    let flood = smooth(&front);
    let mut order: Vec<(usize, usize)> = flood.cells().collect();
    order.sort_by(|a, b| flood.arrival[*a].total_cmp(&flood.arrival[*b]).then(a.cmp(b)));
    let mut basin = Array2::<usize>::from_elem(flood.arrival.dim(), usize::MAX);
    let mut source: Vec<f64> = Vec::new();
    let mut size: Vec<usize> = Vec::new();
    let mut into: Vec<usize> = Vec::new();
    let root = |into: &[usize], mut b: usize| {
        while into[b] != b {
            b = into[b];
        }
        b
    };
    for &at in &order {
        let level = f64::from(flood.arrival[at]);
        let mut touching: Vec<usize> =
            neighbours(at, basin.dim()).filter(|n| basin[*n] != usize::MAX).map(|n| root(&into, basin[n])).collect();
        touching.sort_unstable();
        touching.dedup();
        let Some(&earliest) = touching.iter().min_by(|a, b| source[**a].total_cmp(&source[**b])) else {
            basin[at] = source.len();
            into.push(source.len());
            source.push(level);
            size.push(1);
            continue;
        };
        // A basin that is too shallow or too small where it meets an earlier one is part of it.
        for &later in touching.iter().filter(|b| **b != earliest) {
            if level - source[later] < how.split || size[later] < how.min_cells {
                into[later] = earliest;
                size[earliest] += size[later];
            }
        }
        // A cell between two waves goes down the steepest slope.
        let down = neighbours(at, basin.dim())
            .filter(|n| basin[*n] != usize::MAX)
            .min_by(|a, b| flood.arrival[*a].total_cmp(&flood.arrival[*b]))
            .map_or(earliest, |n| root(&into, basin[n]));
        basin[at] = down;
        size[down] += 1;
    }
    let roots: BTreeSet<usize> = (0..into.len()).map(|b| root(&into, b)).collect();
    let keep = |wanted: usize| {
        let mut own = front.clone();
        for at in front.cells() {
            if basin[at] == usize::MAX || root(&into, basin[at]) != wanted {
                own.arrival[at] = f32::NAN;
                own.strength[at] = 0.0;
            }
        }
        own
    };
    roots.into_iter().map(keep).filter(|f| f.n_cells() >= how.min_cells.min(front.n_cells())).collect()
}

/// Arrival times from the evidence of each cell and its neighbours, each neighbour's shifted by how much later the front
/// reaches it. Evidence that was smoothed as it stands mixes phases, and where a wave fades the stronger side wins: the
/// front would seem to arrive early. Shifted evidence has one phase, however uneven the wave is. Cells that have hardly any
/// evidence of their own only seemed to be reached because their neighbours were.
fn refine(front: &Front, own: &Array3<f32>, how: &Following) -> Front {
    let (n, height, width) = own.dim();
    let mut out = front.clone();
    let reach = how.window.ceil() as isize;
    for (y, x) in front.cells() {
        let time = f64::from(front.arrival[[y, x]]);
        let mut sums = vec![0.0f32; (2 * reach + 1) as usize];
        let neighbourhood = (y.saturating_sub(2)..(y + 3).min(height))
            .flat_map(|ny| (x.saturating_sub(2)..(x + 3).min(width)).map(move |nx| (ny, nx)))
            .filter(|near| front.arrival[*near].is_finite());
        for near in neighbourhood {
            let (dy, dx) = (near.0 as f64 - y as f64, near.1 as f64 - x as f64);
            let weight = (-0.5 * (dy * dy + dx * dx) / (REFINE_CELLS * REFINE_CELLS)).exp() as f32;
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = f64::from(front.arrival[near]) + (i as isize - reach) as f64;
                let below = at.floor();
                if below < 0.0 || below as usize + 1 >= n {
                    continue;
                }
                let (t, above) = (below as usize, (at - below) as f32);
                *sum += weight * (own[[t, near.0, near.1]] * (1.0 - above) + own[[t + 1, near.0, near.1]] * above);
            }
        }
        let middle = 1..sums.len().saturating_sub(1);
        if let Some(best) = middle
            .filter(|&i| sums[i] >= sums[i - 1] && sums[i] > sums[i + 1])
            .max_by(|&a, &b| sums[a].total_cmp(&sums[b]))
        {
            out.arrival[[y, x]] = (time + vertex(&sums, best) - reach as f64) as f32;
        }
        if strength_at(own, (y, x), f64::from(out.arrival[[y, x]])) < OWN_PART * how.min_sd {
            out.arrival[[y, x]] = f32::NAN;
            out.strength[[y, x]] = 0.0;
        }
    }
    out
}

/// The evidence of a cell alone around a time.
fn strength_at(own: &Array3<f32>, (y, x): (usize, usize), time: f64) -> f32 {
    let t = time.round().max(0.0) as usize;
    (t.saturating_sub(1)..(t + 2).min(own.dim().0)).map(|t| own[[t, y, x]]).fold(0.0, f32::max)
}

/// Arrival times on local planes; every cell of the front and its holes of one cell get one.
pub(super) fn smooth(front: &Front) -> Front {
    let mut out = Front::none(front.arrival.dim().0, front.arrival.dim().1);
    for (at, _) in front.arrival.indexed_iter() {
        let n_around = neighbours(at, front.arrival.dim()).filter(|n| front.arrival[*n].is_finite()).count();
        if !front.arrival[at].is_finite() && n_around < 5 {
            continue;
        }
        if let Some(plane) = plane::fit(&front.arrival, &front.strength, at, SMOOTH_CELLS, true) {
            // Where no plane fits, at the cusp of an origin and the crest where waves meet, the cell's own time stands.
            let own = f64::from(front.arrival[at]);
            let trust = if own.is_finite() { (2.0 - plane.residual / CUSP_BINS).clamp(0.0, 1.0) } else { 1.0 };
            out.arrival[at] = (trust * plane.value + (1.0 - trust) * if own.is_finite() { own } else { 0.0 }) as f32;
            out.strength[at] = front.strength[at].max(f32::MIN_POSITIVE);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waves::fronts::candidates;

    const HOW: Following =
        Following { min_sd: 2.5, window: 5.0, tolerance: 3.0, max_step: 6.0, split: 8.0, min_cells: 10 };

    fn follow_all(z: Array3<f32>) -> Vec<Front> {
        let seeds = candidates(&z, 4.0, 4, 8.0);
        let inside = Array2::from_elem((24, 24), true);
        follow(seeds, &Evidence { own: z.clone(), smooth: z }, &inside, &HOW)
    }

    /// Evidence of height `height(y, x)` that passes each cell at the earliest of `times(y, x)`.
    fn passing(n: usize, time: impl Fn(f64, f64) -> f64, height: impl Fn(usize, usize) -> f32) -> Array3<f32> {
        Array3::from_shape_fn((160, n, n), |(t, y, x)| {
            let d = t as f64 - time(y as f64, x as f64);
            height(y, x) * (-0.5 * (d / 3.0).powi(2)).exp() as f32
        })
    }

    #[test]
    fn a_front_is_followed_to_where_it_is_too_weak_to_start() {
        let z = passing(24, |y, x| 20.0 + 3.0 * y.hypot(x), |y, x| if y + x < 12 { 8.0 } else { 3.0 });
        assert_eq!(candidates(&z, 4.0, 4, 8.0).len(), 1);
        let found = follow_all(z);
        assert_eq!(found.len(), 1);
        assert!(found[0].n_cells() > 550, "{} of 576", found[0].n_cells());
        let worst = found[0]
            .cells()
            .filter(|(y, x)| y + x > 3)
            .map(|(y, x)| (f64::from(found[0].arrival[[y, x]]) - 20.0 - 3.0 * (y as f64).hypot(x as f64)).abs());
        assert!(worst.fold(0.0, f64::max) < 0.8);
    }

    #[test]
    fn two_waves_that_meet_are_two() {
        let time = |y: f64, x: f64| {
            let first = 20.0 + 3.0 * (y - 4.0).hypot(x - 4.0);
            first.min(35.0 + 3.0 * (y - 18.0).hypot(x - 19.0))
        };
        let z = passing(24, time, |_, _| 8.0);
        assert_eq!(candidates(&z, 4.0, 4, 8.0).len(), 1, "they touch where they meet");
        let found = follow_all(z);
        assert_eq!(found.len(), 2);
        let starts: Vec<f64> = found.iter().map(|f| f.arrival_quantile(0.0).expect("not empty")).collect();
        assert!((starts[0] - 20.0).abs() < 3.0 && (starts[1] - 35.0).abs() < 3.0, "{starts:?}");
        let both = found[0].cells().filter(|at| found[1].arrival[*at].is_finite()).count();
        assert!(both < 40, "{both} cells in common");
    }

    #[test]
    fn a_wave_that_fades_does_not_seem_to_speed_up() {
        // Evidence that was smoothed over cells while the wave fades by a factor of e every two cells.
        let own = passing(24, |_, x| 20.0 + 4.0 * x, |_, x| 40.0 * (-(x as f32) / 6.0).exp());
        let mut blurred = own.clone();
        for mut plane in blurred.outer_iter_mut() {
            let mut pixels: Vec<f32> = plane.iter().copied().collect();
            let kernel = crate::filter::gaussian::Kernel::new(1.2);
            crate::filter::gaussian::smooth(&mut pixels, 24, &kernel, &mut Default::default());
            plane.iter_mut().zip(pixels).for_each(|(p, v)| *p = v);
        }
        let seeds = candidates(&blurred, 4.0, 4, 8.0);
        let inside = Array2::from_elem((24, 24), true);
        let found = follow(seeds, &Evidence { own, smooth: blurred }, &inside, &HOW);
        let time = |x: usize| f64::from(found[0].arrival[[12, x]]);
        assert!((time(12) - 68.0).abs() < 0.25, "{}", time(12));
    }

    #[test]
    fn one_wave_that_bends_is_one() {
        let z = passing(24, |y, x| 20.0 + 3.0 * y + 0.1 * (x - 12.0).powi(2), |_, _| 8.0);
        let found = follow_all(z);
        assert_eq!(found.len(), 1);
    }
}
