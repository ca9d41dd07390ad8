//! The leading band of a wave in every interval, at full resolution.
//!
//! 1. The arrival times of the coarse grid are enlarged to the pixels.
//! 2. The recording is streamed once over the time of the wave. Each sample is added to the pixel's own clock, lag =
//!    time minus arrival: a sample lies between two whole lags and is shared between them.
//! 3. Every lag is an image of the wave at the same phase everywhere. It is smoothed by a Gaussian over the pixels that
//!    have a sample there, which also bridges gaps of the recording, for other pixels had that phase at another time.
//! 4. What of the wave's mean course is seen on the clock of a pixel tells how high the wave is there, and how much later
//!    it arrives than on the coarse grid.
//! 5. The rise of a pixel over an interval is the mean of two: what is read back from its smoothed clock, which has seen
//!    the place's own course and all that fluctuates besides, and what the mean course of that height predicts, which has
//!    seen neither.
//! 6. The band is where the rise reaches a fraction of the wave's peak rise: the 99 % quantile over the pixels of each
//!    pixel's largest rise.

use crate::error::Error;
use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::waves::cells::enlarge;
use crate::waves::fronts::Front;
use crate::waves::plane;
use crate::waves::reflectance::Reflectance;
use crate::waves::timing::{Course, Match};
use ndarray::{Array2, Array3, Axis, Zip, s};
use rayon::prelude::*;
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::wave::Interval;

/// How bands are read.
#[derive(Clone, Copy, Debug)]
pub struct BandParams {
    /// Edge of a cell of the front, px.
    pub cell_px: usize,
    /// Length of a time bin, s.
    pub bin_s: f64,
    /// Start of bin 0 on the clock of the intervals, s.
    pub start_s: f64,
    /// Standard deviation of the smoothing, px.
    pub smooth_px: f64,
    /// Fraction of the peak rise that a pixel's rise reaches inside the band.
    pub fraction: f64,
    /// Lags that are looked at, from before the arrival to after it, s.
    pub lags_s: (f64, f64),
}

/// A wave at full resolution: where it is in every interval, and what it does there.
#[derive(Clone, Debug)]
pub struct Bands {
    /// First row and column of the box that holds the wave.
    pub corner: (usize, usize),
    /// Arrival `[Y, X]` in the box, s; NaN where it does not arrive.
    pub arrival_s: Array2<f32>,
    /// Largest change against the level before arrival `[Y, X]`, dR/R0, signed; NaN where it does not arrive.
    pub peak: Array2<f32>,
    /// Its peak rise over an interval, dR/R0.
    pub peak_rise: f64,
    /// Per interval that it touches, in order: the interval's index and the rise `[Y, X]` in the band, NaN outside it.
    pub frames: Vec<(usize, Array2<f32>)>,
}

/// Reads the bands of a front.
///
/// Without a `course` arrivals are those of the coarse grid. `inside` marks the pixels that may belong to a wave.
/// Intervals may be of any length; those that are not valid get the band that the wave's own clock predicts.
///
/// # Errors
/// If the recording cannot be read or the user cancels.
pub fn bands(
    front: &Front,
    recording: &Reflectance<'_>,
    inside: &Array2<bool>,
    intervals: &[Interval],
    params: &BandParams,
    course: Option<&Course>,
    progress: &dyn Progress,
) -> Result<Option<Bands>, Error> {
    let Some(place) = Place::of(front, inside, params) else { return Ok(None) };
    let clock = Clock::fill(&place, recording, params, course.map_or(0, |c| c.reach), progress)?;
    let seen = course.map(|course| clock.look_for(course, params));
    let rises: Vec<(usize, Array2<f32>)> = intervals
        .par_iter()
        .enumerate()
        .filter(|(_, interval)| place.touches(**interval, params))
        .map(|(i, interval)| (i, clock.rise(&place, *interval, params, seen.as_ref())))
        .collect();
    let mut highest = Array2::from_elem(place.arrival_s.dim(), f32::NAN);
    for (_, rise) in &rises {
        Zip::from(&mut highest).and(rise).for_each(|h, r| *h = h.max(*r));
    }
    let Some(peak_rise) = quantile(highest.iter().copied(), 0.99).filter(|p| *p > 0.0) else { return Ok(None) };
    let floor = (params.fraction * peak_rise) as f32;
    let frames = rises
        .into_iter()
        .map(|(i, mut rise)| {
            rise.mapv_inplace(|r| if r >= floor { r } else { f32::NAN });
            (i, rise)
        })
        .filter(|(_, rise)| rise.iter().any(|r| r.is_finite()))
        .collect();
    let peak = clock.peak(&place);
    let arrival_s = match seen {
        Some(seen) => place.arrival_s + seen.later_s,
        None => place.arrival_s,
    };
    Ok(Some(Bands { corner: place.corner, arrival_s, peak, peak_rise, frames }))
}

/// The arrival times with a ring of cells around them, continued on planes: between the centres of the outermost cells and
/// their edges the slope must not end, or the front would seem to jump there.
fn with_rim(front: &Front) -> Array2<f32> {
    const PLANE_CELLS: f64 = 1.2;
    let mut out = front.arrival.clone();
    let (height, width) = out.dim();
    for (y, x) in front.cells() {
        for ny in y.saturating_sub(1)..(y + 2).min(height) {
            for nx in x.saturating_sub(1)..(x + 2).min(width) {
                if out[[ny, nx]].is_nan() {
                    let plane = plane::fit(&front.arrival, &front.strength, (ny, nx), PLANE_CELLS, false);
                    out[[ny, nx]] = plane.map_or(front.arrival[[y, x]], |p| p.value as f32);
                }
            }
        }
    }
    out
}

/// Where and when a front arrives, at full resolution, in the box that it needs.
struct Place {
    corner: (usize, usize),
    arrival_s: Array2<f32>,
    first_s: f64,
    last_s: f64,
}

impl Place {
    fn of(front: &Front, inside: &Array2<bool>, params: &BandParams) -> Option<Self> {
        let (height, width) = inside.dim();
        let mut arrival = enlarge(&with_rim(front), params.cell_px, height, width);
        for (at, t) in arrival.indexed_iter_mut() {
            let reached = front.arrival[[at.0 / params.cell_px, at.1 / params.cell_px]].is_finite() && inside[at];
            *t = if reached { (params.start_s + f64::from(*t) * params.bin_s) as f32 } else { f32::NAN };
        }
        let at: Vec<(usize, usize)> = arrival.indexed_iter().filter(|(_, t)| t.is_finite()).map(|(at, _)| at).collect();
        let rows = Span::new(at.iter().map(|p| p.0).min()?, at.iter().map(|p| p.0).max()? + 1);
        let columns = Span::new(at.iter().map(|p| p.1).min()?, at.iter().map(|p| p.1).max()? + 1);
        let arrival_s = arrival.slice(s![rows.range(), columns.range()]).to_owned();
        let finite = || arrival_s.iter().filter(|t| t.is_finite()).map(|t| f64::from(*t));
        let (first_s, last_s) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        Some(Self { corner: (rows.start, columns.start), arrival_s, first_s, last_s })
    }

    /// True if the wave's clock covers the interval somewhere.
    fn touches(&self, interval: Interval, params: &BandParams) -> bool {
        interval.end_s >= self.first_s + params.lags_s.0 && interval.start_s <= self.last_s + params.lags_s.1
    }
}

/// The recording on the clocks of the pixels: `[lag, Y, X]`, smoothed; NaN where nothing was ever measured.
struct Clock {
    first_lag: i64,
    values: Array3<f32>,
    bin_s: f64,
}

impl Clock {
    fn fill(
        place: &Place,
        recording: &Reflectance<'_>,
        params: &BandParams,
        reach: usize,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let (height, width) = place.arrival_s.dim();
        let bins = |s: f64| (s / params.bin_s).round() as i64;
        let reach = reach as i64;
        let (first_lag, last_lag) = (bins(params.lags_s.0).min(-reach), bins(params.lags_s.1).max(reach));
        let n_lags = (last_lag - first_lag + 1).max(2) as usize;
        let mut sums = Array3::<f32>::zeros((n_lags, height, width));
        let mut weights = Array3::<f32>::zeros((n_lags, height, width));
        let n_bins = recording.seconds.shape().n_frames;
        let start = (bins(place.first_s - params.start_s) + first_lag - 1).max(0) as usize;
        let end = ((bins(place.last_s - params.start_s) + last_lag + 2).max(0) as usize).min(n_bins);
        let rows = place.corner.0..place.corner.0 + height;
        let columns = place.corner.1..place.corner.1 + width;
        const BATCH: usize = 8;
        for first in (start..end).step_by(BATCH) {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let planes: Vec<Array2<f32>> = (first..(first + BATCH).min(end))
                .into_par_iter()
                .map(|bin| Ok(recording.plane(bin)?.slice(s![rows.clone(), columns.clone()]).to_owned()))
                .collect::<Result<_, Error>>()?;
            // Rows are independent; within a row the bins are added in order.
            let lines = sums.axis_iter_mut(Axis(1)).into_par_iter().zip(weights.axis_iter_mut(Axis(1)));
            lines.enumerate().for_each(|(y, (mut sums, mut weights))| {
                for (i, plane) in planes.iter().enumerate() {
                    // The centre of bin k is at k + 1/2.
                    let now = (first + i) as f64 + 0.5;
                    for x in 0..width {
                        let (value, arrival_s) = (plane[[y, x]], f64::from(place.arrival_s[[y, x]]));
                        let arrival = (arrival_s - params.start_s) / params.bin_s;
                        let lag = now - arrival - first_lag as f64;
                        if !(value.is_finite() && lag > -1.0 && lag < n_lags as f64) {
                            continue;
                        }
                        let below = lag.floor();
                        let above = (lag - below) as f32;
                        for (l, share) in [(below as i64, 1.0 - above), (below as i64 + 1, above)] {
                            if (0..n_lags as i64).contains(&l) {
                                sums[[l as usize, x]] += share * value;
                                weights[[l as usize, x]] += share;
                            }
                        }
                    }
                }
            });
        }
        let kernel = Kernel::new(params.smooth_px.max(0.3));
        sums.outer_iter_mut().into_par_iter().zip(weights.outer_iter_mut().into_par_iter()).for_each_init(
            Scratch::default,
            |scratch, (mut sums, mut weights)| {
                let sums = sums.as_slice_mut().expect("a plane of a standard array is contiguous");
                let weights = weights.as_slice_mut().expect("a plane of a standard array is contiguous");
                smooth(sums, width, &kernel, scratch);
                smooth(weights, width, &kernel, scratch);
                for (s, w) in sums.iter_mut().zip(weights.iter()) {
                    *s = if *w > 1e-4 { *s / *w } else { f32::NAN };
                }
            },
        );
        Ok(Self { first_lag, values: sums, bin_s: params.bin_s })
    }

    /// The value of a pixel at a time since its arrival, between two lags on a line; NaN beyond them.
    fn at(&self, y: usize, x: usize, since_arrival_s: f64) -> f32 {
        let lag = since_arrival_s / self.bin_s - self.first_lag as f64;
        let last = self.values.dim().0 as f64 - 1.0;
        if !(0.0..=last).contains(&lag) {
            return f32::NAN;
        }
        let below = (lag.floor()).min(last - 1.0);
        let above = (lag - below) as f32;
        let below = below as usize;
        self.values[[below, y, x]] * (1.0 - above) + self.values[[below + 1, y, x]] * above
    }

    fn rise(&self, place: &Place, interval: Interval, params: &BandParams, seen: Option<&Seen<'_>>) -> Array2<f32> {
        Array2::from_shape_fn(place.arrival_s.dim(), |(y, x)| {
            let arrival = f64::from(place.arrival_s[[y, x]]);
            let (from, to) = (interval.start_s - arrival, interval.end_s - arrival);
            if !(from >= params.lags_s.0 && to <= params.lags_s.1) {
                return f32::NAN;
            }
            let measured = self.at(y, x, to) - self.at(y, x, from);
            match seen.and_then(|seen| seen.rise((y, x), from, to, self.bin_s)) {
                Some(predicted) => 0.5 * (measured + predicted),
                None => measured,
            }
        })
    }

    /// Looks for the course of the wave on the clock of each pixel. How much later it arrives is averaged over neighbours
    /// by how much it explains.
    fn look_for<'a>(&self, course: &'a Course, params: &BandParams) -> Seen<'a> {
        let (_, height, width) = self.values.dim();
        let first = (-self.first_lag) as usize - course.reach;
        let found: Vec<Option<Match>> = (0..height * width)
            .into_par_iter()
            .map(|i| {
                let lags = first..=first + 2 * course.reach;
                let trace = self.values.slice(s![lags, i / width, i % width]).to_vec();
                trace.iter().all(|v| v.is_finite()).then(|| course.find(&trace)).flatten()
            })
            .collect();
        let of = |what: fn(Match) -> f64| -> Vec<f32> { found.iter().map(|m| m.map_or(0.0, what) as f32).collect() };
        let (mut shifts, mut gains) = (of(|m| m.shift * m.gain), of(|m| m.gain));
        let (kernel, mut scratch) = (Kernel::new(params.smooth_px.max(0.3)), Scratch::default());
        smooth(&mut shifts, width, &kernel, &mut scratch);
        smooth(&mut gains, width, &kernel, &mut scratch);
        let later = |i: usize| if gains[i] > 0.0 { shifts[i] / gains[i] * self.bin_s as f32 } else { 0.0 };
        let at = |(y, x): (usize, usize)| y * width + x;
        Seen {
            course,
            later_s: Array2::from_shape_fn((height, width), |p| later(at(p))),
            height: Array2::from_shape_fn((height, width), |p| found[at(p)].map_or(f32::NAN, |m| m.height as f32)),
        }
    }

    /// The largest change from the mean over the lags before arrival to any lag after it.
    fn peak(&self, place: &Place) -> Array2<f32> {
        let zero = (-self.first_lag).clamp(1, self.values.dim().0 as i64 - 1) as usize;
        Array2::from_shape_fn(place.arrival_s.dim(), |(y, x)| {
            if !place.arrival_s[[y, x]].is_finite() {
                return f32::NAN;
            }
            let early = self.values.slice(s![..(zero / 2).max(1), y, x]);
            let level = early.sum() / early.len() as f32;
            let changes = self.values.slice(s![zero.., y, x]).mapv(|v| v - level);
            changes.iter().copied().fold(0.0, |best: f32, v| if v.abs() > best.abs() { v } else { best })
        })
    }
}

/// What of a wave's course is seen on the clocks of the pixels.
struct Seen<'a> {
    course: &'a Course,
    /// How much later than its clock says it arrives at each pixel, s.
    later_s: Array2<f32>,
    /// Its height there in units of the mean course; NaN where nothing of it is seen.
    height: Array2<f32>,
}

impl Seen<'_> {
    /// The rise that the mean course predicts between two times on the clock of a pixel, s.
    fn rise(&self, at: (usize, usize), from_s: f64, to_s: f64, bin_s: f64) -> Option<f32> {
        let (height, later) = (self.height[at], f64::from(self.later_s[at]));
        let value = |clock_s: f64| self.course.value((clock_s - later) / bin_s) as f32;
        height.is_finite().then(|| height * (value(to_s) - value(from_s)))
    }
}

/// A quantile of the finite values.
fn quantile(values: impl Iterator<Item = f32>, q: f64) -> Option<f64> {
    let mut finite: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return None;
    }
    let i = ((finite.len() - 1) as f64 * q).round() as usize;
    Some(f64::from(*finite.select_nth_unstable_by(i, f32::total_cmp).1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::wave::Waveform;

    const SIZE: (usize, usize) = (24, 30);

    fn course_of(lag: f64) -> f64 {
        1.0 / (1.0 + (-lag / 2.5).exp()) * (-(lag.max(0.0) / 40.0).powi(2)).exp()
    }

    #[test]
    fn clocks_tell_height_and_lateness_and_less_of_what_fluctuates_besides() {
        let (late, high) = (|x: usize| 0.1 * x as f64 - 1.5, |y: usize| 0.01 + 0.001 * y as f64);
        let beat = |lag: f64| 0.002 * (0.63 * lag + 0.9).sin();
        let values = Array3::from_shape_fn((51, SIZE.0, SIZE.1), |(i, y, x)| {
            let lag = i as f64 - 25.0;
            (high(y) * course_of(lag - late(x)) + beat(lag)) as f32
        });
        let clock = Clock { first_lag: -25, values, bin_s: 1.0 };
        let lags: Vec<f64> = (-30..60).map(f64::from).collect();
        let mean = Waveform { drr: lags.iter().map(|lag| 0.02 * course_of(*lag)).collect(), lag_s: lags };
        // White noise and a fluctuation of 10 s.
        let covariance: Vec<f64> = (0..60).map(|lag| 2e-6 * (0.63 * f64::from(lag)).cos()).collect();
        let course = Course::new(&mean, &covariance, 1.0).expect("it rises");
        let params =
            BandParams { cell_px: 8, bin_s: 1.0, start_s: 0.0, smooth_px: 1.5, fraction: 0.35, lags_s: (-12.0, 12.0) };
        let seen = clock.look_for(&course, &params);
        let arrival_s = Array2::from_elem(SIZE, 100.0f32);
        let place = Place { corner: (0, 0), arrival_s, first_s: 100.0, last_s: 100.0 };
        let interval = Interval { start_s: 96.0, end_s: 101.0, valid: true };
        let measured = clock.rise(&place, interval, &params, None);
        let better = clock.rise(&place, interval, &params, Some(&seen));
        for y in 4..SIZE.0 - 4 {
            for x in 4..SIZE.1 - 4 {
                assert!((f64::from(seen.later_s[[y, x]]) - late(x)).abs() < 0.4, "{y} {x}: {}", seen.later_s[[y, x]]);
                assert!((f64::from(seen.height[[y, x]]) * 0.02 / high(y) - 1.0).abs() < 0.1, "{y} {x}");
                let truth = high(y) * (course_of(1.0 - late(x)) - course_of(-4.0 - late(x)));
                let error = |rise: &Array2<f32>| (f64::from(rise[[y, x]]) - truth).abs();
                assert!(error(&better) < 0.7 * error(&measured), "{y} {x}: {} {}", error(&better), error(&measured));
            }
        }
        let outside = Interval { start_s: 80.0, end_s: 85.0, valid: true };
        assert!(clock.rise(&place, outside, &params, Some(&seen)).iter().all(|r| r.is_nan()));
    }
}
