//! Where and when a wave began: the apex of the cone that its first arrivals form.
//!
//! Near its origin `o` a wave spreads at one speed in all the directions open to it, `T(q) = T0 + s |q - o|`. The cone
//! is fitted by least squares to the trusted arrivals of the first fifth of the visited area: its mantle tells more of the
//! apex than its tip, where an arrival map is rounded off by whatever smoothing made it. For a given `o` the fit is linear
//! in `T0` and `s`, so that `o` is searched for directly: over the visited area on a grid, then in steps that are halved.
//! The origin is confined to the visited area, which keeps it where the sector is narrow or the fronts are
//! nearly straight and the apex is badly determined along the direction of travel. It may lie on the edge of that area,
//! as it does where the wave enters from outside the window or spreads to one side only.
//!
//! The minimiser of the arrival map itself is not used: it follows the single most extreme error of the map.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::PointYx;

use super::domain;
use super::scale::Scale;
use super::slowness::Fronts;

/// The origin of a wave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Origin {
    /// In pixels of the image.
    pub(super) at: PointYx,
    /// Time of arrival there, s.
    pub(super) onset_s: f64,
    /// Root mean square distance of bootstrapped origins, in units of length.
    pub(super) uncertainty: Option<f64>,
}

/// Part of the visited area whose arrivals are used.
const EARLY_FRACTION: f64 = 0.2;
/// At least this area, in squares of the half window.
const MIN_EARLY_WINDOWS: usize = 4;
/// Arrivals that a cone needs.
const MIN_PIXELS: usize = 24;
/// At most so many arrivals are fitted, evenly picked.
const MAX_PIXELS: usize = 3000;
/// Candidates along the longer side of the early area in the first search.
const GRID: usize = 16;
/// The search ends at steps of 1/8 pixel.
const LAST_STEP_PX: f64 = 0.125;
const N_RESAMPLES: u64 = 60;
const SEED: u64 = 0;
const MIN_BLOCKS: usize = 4;

/// Finds the origin; `None` for an empty map. If the arrivals are too few for a cone, it is the mean place of the
/// earliest ones, without uncertainty.
pub(super) fn find(fronts: &Fronts, scale: Scale) -> Option<Origin> {
    let early = early_pixels(fronts);
    let stride = early.len().div_ceil(MAX_PIXELS).max(1);
    let arrivals: Vec<Arrival> = early
        .iter()
        .filter(|&&at| fronts.trusted[at])
        .step_by(stride)
        .map(|&(y, x)| Arrival { y: y as f64, x: x as f64, time: fronts.arrival_s[[y, x]], weight: 1.0 })
        .collect();
    if arrivals.len() < MIN_PIXELS {
        return earliest(fronts);
    }
    let search = Search { fronts, scale };
    let start = search.on_grid(&early, &arrivals)?;
    let at = search.refine(start, fronts.half_window / 2.0, &arrivals);
    let cone = search.cone(at, &arrivals)?;
    Some(Origin {
        at: PointYx { y: at.y + fronts.y0 as f64, x: at.x + fronts.x0 as f64 },
        onset_s: cone.onset_s,
        uncertainty: uncertainty(&search, at, &arrivals),
    })
}

/// The largest connected part of the pixels that are reached first.
fn early_pixels(fronts: &Fronts) -> Vec<(usize, usize)> {
    let mut reached: Vec<(f64, (usize, usize))> =
        fronts.at.indexed_iter().filter_map(|(at, front)| Some((front.as_ref()?.arrival_s, at))).collect();
    reached.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let [hy, hx] = fronts.half_window_px;
    let n = ((EARLY_FRACTION * reached.len() as f64) as usize).max(MIN_EARLY_WINDOWS * hy * hx);
    let first: Vec<(usize, usize)> = reached.iter().take(n).map(|r| r.1).collect();
    domain::largest_component(&first, fronts.at.dim())
}

/// The mean place of the pixels with the earliest arrival.
fn earliest(fronts: &Fronts) -> Option<Origin> {
    let first = fronts.arrival_s.iter().copied().filter(|t| t.is_finite()).min_by(f64::total_cmp)?;
    let pixels: Vec<(usize, usize)> =
        fronts.arrival_s.indexed_iter().filter(|(_, t)| **t == first).map(|(at, _)| at).collect();
    let n = pixels.len() as f64;
    let y = pixels.iter().map(|p| (p.0 + fronts.y0) as f64).sum::<f64>() / n;
    let x = pixels.iter().map(|p| (p.1 + fronts.x0) as f64).sum::<f64>() / n;
    Some(Origin { at: PointYx { y, x }, onset_s: first, uncertainty: None })
}

/// An arrival in pixels of the crop.
#[derive(Clone, Copy)]
struct Arrival {
    y: f64,
    x: f64,
    time: f64,
    weight: f64,
}

/// The cone with a given apex.
struct Cone {
    onset_s: f64,
    /// Weighted sum of squared residuals.
    misfit: f64,
}

struct Search<'a> {
    fronts: &'a Fronts,
    scale: Scale,
}

impl Search<'_> {
    /// The best cone with its apex at `apex`; `None` if the apex is outside the visited area.
    fn cone(&self, apex: PointYx, arrivals: &[Arrival]) -> Option<Cone> {
        let (y, x) = (apex.y.round(), apex.x.round());
        let inside = y >= 0.0 && x >= 0.0 && *self.fronts.domain.get((y as usize, x as usize))?;
        if !inside {
            return None;
        }
        let radius = |a: &Arrival| ((a.y - apex.y) * self.scale.y).hypot((a.x - apex.x) * self.scale.x);
        let total: f64 = arrivals.iter().map(|a| a.weight).sum();
        let mean_r = arrivals.iter().map(|a| a.weight * radius(a)).sum::<f64>() / total;
        let mean_t = arrivals.iter().map(|a| a.weight * a.time).sum::<f64>() / total;
        let (mut rr, mut rt, mut tt) = (0.0, 0.0, 0.0);
        for a in arrivals {
            let (r, t) = (radius(a) - mean_r, a.time - mean_t);
            rr += a.weight * r * r;
            rt += a.weight * r * t;
            tt += a.weight * t * t;
        }
        // Waves run away from their origin: a cone that opens downwards explains nothing.
        let slowness = if rr > 0.0 { (rt / rr).max(0.0) } else { 0.0 };
        Some(Cone { onset_s: mean_t - slowness * mean_r, misfit: tt - slowness * rt.max(0.0) })
    }

    /// The best apex on a coarse grid over the early area.
    fn on_grid(&self, early: &[(usize, usize)], arrivals: &[Arrival]) -> Option<PointYx> {
        let span = |values: &dyn Fn(&(usize, usize)) -> usize| {
            let (low, high) = early.iter().map(values).fold((usize::MAX, 0), |(l, h), v| (l.min(v), h.max(v)));
            high.saturating_sub(low) + 1
        };
        let spacing = span(&|p| p.0).max(span(&|p| p.1)).div_ceil(GRID).max(1);
        let candidates = early.iter().filter(|(y, x)| y % spacing == 0 && x % spacing == 0);
        // A small or thin area may hold no node of the grid.
        let nodes: Vec<(usize, usize)> = candidates.copied().chain(early.first().copied()).collect();
        let apex = |(y, x): (usize, usize)| PointYx { y: y as f64, x: x as f64 };
        let scored = nodes.into_iter().filter_map(|at| Some((self.cone(apex(at), arrivals)?.misfit, apex(at))));
        scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|best| best.1)
    }

    /// Moves an apex to the best of its neighbours, in steps that are halved when none is better.
    fn refine(&self, start: PointYx, first_step: f64, arrivals: &[Arrival]) -> PointYx {
        let misfit = |at: PointYx| self.cone(at, arrivals).map_or(f64::INFINITY, |c| c.misfit);
        let (mut best, mut lowest) = (start, misfit(start));
        let mut step = (first_step / self.scale.y.max(self.scale.x)).max(LAST_STEP_PX);
        while step >= LAST_STEP_PX {
            let moves =
                [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)];
            let neighbours = moves.map(|(dy, dx)| PointYx { y: best.y + dy * step, x: best.x + dx * step });
            let better = neighbours.into_iter().map(|at| (misfit(at), at)).min_by(|a, b| a.0.total_cmp(&b.0));
            match better.filter(|(m, _)| *m < lowest) {
                Some((m, at)) => (lowest, best) = (m, at),
                None => step /= 2.0,
            }
        }
        best
    }
}

/// How far the origin moves when blocks of arrivals, a window wide, are drawn with replacement (60 draws, seed 0):
/// neighbouring arrivals share their errors.
fn uncertainty(search: &Search, at: PointYx, arrivals: &[Arrival]) -> Option<f64> {
    let [hy, hx] = search.fronts.half_window_px.map(|h| 2.0 * h as f64);
    let block = |a: &Arrival| ((a.y / hy) as usize, (a.x / hx) as usize);
    let mut names: Vec<(usize, usize)> = arrivals.iter().map(block).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < MIN_BLOCKS {
        return None;
    }
    let squared: f64 = (0..N_RESAMPLES)
        .map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(SEED);
            rng.set_stream(stream);
            let mut drawn = vec![0.0; names.len()];
            (0..names.len()).for_each(|_| drawn[rng.random_range(0..names.len())] += 1.0);
            let weighted = |a: &Arrival| Arrival { weight: drawn[names.partition_point(|n| *n < block(a))], ..*a };
            let resample: Vec<Arrival> = arrivals.iter().map(weighted).filter(|a| a.weight > 0.0).collect();
            let moved = search.refine(at, search.fronts.half_window / 2.0, &resample);
            search.scale.distance(moved, at).powi(2)
        })
        .sum();
    Some((squared / N_RESAMPLES as f64).sqrt())
}
