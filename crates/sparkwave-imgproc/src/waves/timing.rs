//! When a wave reaches a place, told by the whole of its course.
//!
//! The steepest rise of a single trace moves by a second or two with every cycle of vasomotion that happens to run
//! through it. The whole course of the wave is far better to tell from such fluctuations: its rise lasts longer than half
//! a cycle, and it does not come back down with the next. The arrival at a place is the shift at which the wave's mean
//! course, with a height and a level of its own, explains the trace best, errors being as likely as the covariance of the
//! recording's quiet parts says (the matched filter in coloured noise; Turin, IRE Trans. Inf. Theory 1960, 6, 311).

use crate::waves::cells::Cells;
use crate::waves::fronts::Front;
use crate::waves::rise::vertex;
use crate::waves::track::smooth;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::Array2;
use rayon::prelude::*;
use sparkwave_core::wave::Waveform;

/// Lags over which a course is compared, from this long before the arrival to as long after it, s.
const REACH_S: f64 = 18.0;
/// Largest shift against the present arrival, s.
const MAX_SHIFT_S: f64 = 5.0;
/// Step of the shifts that are tried, bins.
const STEP_BINS: f64 = 0.25;
/// White noise that is taken to be there besides, a part of the variance: keeps the covariance invertible.
const WHITE_PART: f64 = 1e-3;
/// Width of the neighbourhood of cells that share a shift, cells.
const SHARE_CELLS: f64 = 1.5;
/// A course of which a level explains all but this part does not change.
const LEVEL_PART: f64 = 1e-6;
/// Cells quiet in fewer pairs of bins than this tell nothing about the noise.
const MIN_PAIRS: f64 = 1000.0;

/// Covariance of a quiet cell with itself `0, 1, ...` bins later, over cells of `voters` and the bins for which
/// `quiet(bin, y, x)`; long enough for [`Course::new`]. `None` where too little is quiet.
///
/// Sums over pairs are divided by the number of quiet values, not by that of pairs: such a sequence belongs to a
/// covariance matrix without negative eigenvalues, whatever is left out.
pub fn noise_covariance(
    cells: &Cells,
    voters: &Array2<bool>,
    bin_s: f64,
    quiet: impl Fn(usize, usize, usize) -> bool + Sync,
) -> Option<Vec<f64>> {
    let n_lags = 2 * reach_bins(bin_s) + 1;
    let places: Vec<(usize, usize)> =
        voters.indexed_iter().filter(|(at, v)| **v && cells.usable[*at]).map(|(at, _)| at).collect();
    let of_cell = |&(y, x): &(usize, usize)| -> (Vec<f64>, f64) {
        let is_quiet: Vec<bool> = (0..cells.dim().0).map(|bin| !cells.missing[bin] && quiet(bin, y, x)).collect();
        let values =
            || is_quiet.iter().enumerate().map(|(bin, q)| if *q { f64::from(cells.values[[bin, y, x]]) } else { 0.0 });
        let n = is_quiet.iter().filter(|q| **q).count() as f64;
        let level = values().sum::<f64>() / n.max(1.0);
        let trace: Vec<f64> = values().zip(&is_quiet).map(|(v, q)| if *q { v - level } else { 0.0 }).collect();
        let lagged = |lag: usize| trace.iter().zip(trace.iter().skip(lag)).map(|(a, b)| a * b).sum();
        ((0..n_lags).map(lagged).collect(), n)
    };
    let found: Vec<(Vec<f64>, f64)> = places.par_iter().map(of_cell).collect();
    let n: f64 = found.iter().map(|f| f.1).sum();
    let covariance: Vec<f64> = (0..n_lags).map(|lag| found.iter().map(|f| f.0[lag]).sum::<f64>() / n).collect();
    (n >= MIN_PAIRS && covariance[0] > 0.0).then_some(covariance)
}

fn reach_bins(bin_s: f64) -> usize {
    ((REACH_S / bin_s).round() as usize).max(3)
}

/// The course of a wave as something to look for.
pub struct Course {
    /// Bins before and after the arrival over which traces are compared.
    pub reach: usize,
    /// The mean course at lags of whole bins from `first_lag` on, and where between them it is steepest.
    mean: Vec<f64>,
    first_lag: f64,
    arrival: f64,
    shifts: Vec<f64>,
    /// One filter a shift: its product with a trace is the height times the energy.
    filters: Vec<Vec<f64>>,
    energies: Vec<f64>,
}

/// Where a course was found in a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Later than the centre of the trace, bins.
    pub shift: f64,
    /// Height in units of the mean course.
    pub height: f64,
    /// What it explains: twice the logarithm of the ratio of the likelihoods with and without it.
    pub gain: f64,
}

impl Course {
    /// The mean course of a wave, its arrival being where it is steepest, in noise of the given covariance. `None` if the
    /// course is too short or does not change.
    pub fn new(waveform: &Waveform, covariance: &[f64], bin_s: f64) -> Option<Self> {
        let reach = reach_bins(bin_s);
        let n = 2 * reach + 1;
        if covariance.len() < n {
            return None;
        }
        let first_lag = waveform.lag_s.first()? / bin_s;
        let slopes: Vec<f32> = waveform.drr.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
        let near_zero = |i: &usize| (*i as f64 + 0.5 + first_lag).abs() <= MAX_SHIFT_S / bin_s;
        let steepest = (0..slopes.len()).filter(near_zero).max_by(|a, b| slopes[*a].total_cmp(&slopes[*b]))?;
        let arrival = vertex(&slopes, steepest) + 0.5 + first_lag;
        let white = |i: usize, j: usize| if i == j { WHITE_PART * covariance[0] } else { 0.0 };
        let noise = Mat::from_fn(n, n, |i, j| covariance[i.abs_diff(j)] + white(i, j)).llt(Side::Lower).ok()?;
        let whitened = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let solved = noise.solve(Mat::from_fn(n, 1, |i, _| of(i)));
            (0..n).map(|i| solved[(i, 0)]).collect()
        };
        let level = whitened(&|_| 1.0);
        let level_energy: f64 = level.iter().sum();
        let steps = (MAX_SHIFT_S / bin_s / STEP_BINS).round() as i64;
        let shifts: Vec<f64> = (-steps..=steps).map(|i| i as f64 * STEP_BINS).collect();
        let (mut filters, mut energies) = (Vec::new(), Vec::new());
        for shift in &shifts {
            let course: Vec<f64> =
                (0..n).map(|i| at(&waveform.drr, i as f64 - reach as f64 - shift + arrival - first_lag)).collect();
            let mut filter = whitened(&|i| course[i]);
            let seen: f64 = filter.iter().zip(&course).map(|(f, c)| f * c).sum();
            // Blind to the level of the trace.
            let blind = filter.iter().sum::<f64>() / level_energy;
            filter.iter_mut().zip(&level).for_each(|(f, l)| *f -= blind * l);
            let energy: f64 = filter.iter().zip(&course).map(|(f, c)| f * c).sum();
            if !(energy.is_finite() && energy > LEVEL_PART * seen) {
                return None;
            }
            filters.push(filter);
            energies.push(energy);
        }
        Some(Self { reach, mean: waveform.drr.clone(), first_lag, arrival, shifts, filters, energies })
    }

    /// The mean course so many bins after its arrival, dR/R0.
    pub fn value(&self, lag: f64) -> f64 {
        at(&self.mean, lag + self.arrival - self.first_lag)
    }

    /// Finds the course in a trace of `2 * reach + 1` values, one a bin; `None` if it is nowhere in it.
    pub fn find(&self, trace: &[f32]) -> Option<Match> {
        let product = |filter: &Vec<f64>| filter.iter().zip(trace).map(|(f, v)| f * f64::from(*v)).sum::<f64>();
        let heights: Vec<f64> =
            self.filters.iter().zip(&self.energies).map(|(f, energy)| product(f) / energy).collect();
        // A course upside down is none.
        let gains: Vec<f32> =
            heights.iter().zip(&self.energies).map(|(h, energy)| (h.max(0.0).powi(2) * energy) as f32).collect();
        let best = (0..gains.len()).max_by(|a, b| gains[*a].total_cmp(&gains[*b])).filter(|i| gains[*i] > 0.0)?;
        let shift = self.shifts[0] + vertex(&gains, best) * STEP_BINS;
        let shift = shift.clamp(self.shifts[0], -self.shifts[0]);
        Some(Match { shift, height: heights[best], gain: gains[best].into() })
    }
}

/// A value between samples on a cubic through four of them (Catmull-Rom); beyond the ends the last one.
fn at(samples: &[f64], position: f64) -> f64 {
    let last = samples.len() - 1;
    let below = position.floor().clamp(0.0, last as f64);
    let f = (position - below).clamp(0.0, 1.0);
    let sample = |i: i64| samples[(below as i64 + i).clamp(0, last as i64) as usize];
    let (a, b, c, d) = (sample(-1), sample(0), sample(1), sample(2));
    b + 0.5 * f * (c - a + f * (2.0 * a - 5.0 * b + 4.0 * c - d + f * (3.0 * (b - c) + d - a)))
}

/// A front whose arrivals are where the course fits best the mean trace of each cell and its neighbours, each shifted to
/// its own arrival, smoothed on planes.
pub fn retime(front: &Front, cells: &Cells, course: &Course) -> Front {
    let (n, height, width) = cells.dim();
    let found: Vec<((usize, usize), Match)> = front
        .cells()
        .collect::<Vec<_>>()
        .into_par_iter()
        .filter_map(|(y, x)| {
            let mut sums = vec![0.0f32; 2 * course.reach + 1];
            let mut total = 0.0;
            for ny in y.saturating_sub(2)..(y + 3).min(height) {
                for nx in (x.saturating_sub(2)..(x + 3).min(width)).filter(|nx| front.arrival[[ny, *nx]].is_finite()) {
                    let (dy, dx) = (ny as f64 - y as f64, nx as f64 - x as f64);
                    let weight = (-0.5 * (dy * dy + dx * dx) / (SHARE_CELLS * SHARE_CELLS)).exp() as f32;
                    total += weight;
                    for (i, sum) in sums.iter_mut().enumerate() {
                        // The centre of bin k is at k + 1/2.
                        let position = f64::from(front.arrival[[ny, nx]]) + i as f64 - course.reach as f64 - 0.5;
                        let below = position.floor().clamp(0.0, (n.max(2) - 2) as f64);
                        let above = (position - below).clamp(0.0, 1.0) as f32;
                        let t = below as usize;
                        let next = (t + 1).min(n - 1);
                        *sum +=
                            weight * (cells.values[[t, ny, nx]] * (1.0 - above) + cells.values[[next, ny, nx]] * above);
                    }
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= total);
            Some(((y, x), course.find(&sums)?))
        })
        .collect();
    let mut out = front.clone();
    for (at, found) in found {
        out.arrival[at] += found.shift as f32;
    }
    smooth(&out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waves::waveform::waveform;
    use ndarray::Array3;

    const BINS: usize = 260;

    /// A wave of 1 that rises over some 10 s and fades slowly, from 5 mm/min to the right on 18 x 12 cells, and vasomotion.
    fn recording(vasomotion: f64) -> Cells {
        let course = |lag: f64| (1.0 / (1.0 + (-lag / 2.5).exp())) * (-(lag.max(0.0) / 40.0).powi(2)).exp();
        let counts = Array3::from_shape_fn((BINS, 12, 18), |(t, y, x)| {
            let now = t as f64 + 0.5;
            let beat = (0.63 * now + 0.1 * y as f64).sin() + 0.6 * (0.5 * now - 0.15 * x as f64).sin();
            (1000.0 * (1.0 + 0.03 * course(now - time(x)) + vasomotion * beat)) as f32
        });
        Cells::new(counts, 8)
    }

    fn time(x: usize) -> f64 {
        120.0 + 2.5 * x as f64
    }

    fn front(error: impl Fn(usize, usize) -> f64) -> Front {
        let mut front = Front::none(12, 18);
        for y in 0..12 {
            for x in 0..18 {
                front.arrival[[y, x]] = (time(x) + error(y, x)) as f32;
                front.strength[[y, x]] = 6.0;
            }
        }
        front
    }

    fn retimed(cells: &Cells, start: Front) -> Front {
        let quiet = |bin: usize, _: usize, x: usize| (bin as f64) < time(x) - 20.0;
        let all = Array2::from_elem((12, 18), true);
        let covariance = noise_covariance(cells, &all, 1.0, quiet).expect("much is quiet");
        (0..3).fold(start, |front, _| {
            let mean = waveform(cells, &front, 1.0, (-30, 90), -12);
            retime(&front, cells, &Course::new(&mean, &covariance, 1.0).expect("it rises"))
        })
    }

    /// Mean and standard deviation of the arrival errors.
    fn errors(front: &Front) -> (f64, f64) {
        let errors: Vec<f64> = front.cells().map(|at| f64::from(front.arrival[at]) - time(at.1)).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        (mean, (errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / errors.len() as f64).sqrt())
    }

    #[test]
    fn arrivals_that_follow_vasomotion_come_back_to_the_wave() {
        // As steepest rises do: all that arrives during one cycle is drawn to its rise.
        let drawn = front(|y, x| 1.5 * (0.63 * time(x) + 0.1 * y as f64).sin());
        let before = errors(&drawn);
        let (mean, sd) = errors(&retimed(&recording(0.0015), drawn));
        assert!(before.1 > 1.0 && sd < 0.25 && mean.abs() < 0.6, "{before:?} to {mean} {sd}");
    }

    #[test]
    fn arrivals_without_noise_are_where_the_course_is_steepest() {
        let (mean, sd) = errors(&retimed(&recording(1e-5), front(|y, x| ((y * 5 + x * 3) % 7) as f64 * 0.4 - 1.2)));
        assert!(mean.abs() < 0.3 && sd < 0.1, "{mean} {sd}");
    }

    #[test]
    fn an_empty_or_level_course_is_none_and_quiet_parts_are_needed() {
        let level = Waveform { lag_s: (-30..60).map(f64::from).collect(), drr: vec![0.01; 90] };
        let covariance: Vec<f64> = (0..60).map(|lag| 0.9f64.powi(lag)).collect();
        assert!(Course::new(&level, &covariance, 1.0).is_none());
        assert!(Course::new(&Waveform::default(), &covariance, 1.0).is_none());
        let all = Array2::from_elem((12, 18), true);
        assert!(noise_covariance(&recording(0.001), &all, 1.0, |_, _, _| false).is_none());
    }
}
