//! From the seconds of a recording to its waves: the stages of finding, in order.

use super::config::WavesConfig;
use super::seeds::{self, Seeds};
use super::shape::{self, Shaped};
use crate::error::Error;
use ndarray::Array2;
use sparkwave_core::axes::PointYx;
use sparkwave_core::progress::Progress;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::source::FrameSource;
use sparkwave_core::wave::{Cortex, Interval, Midline, Waveform};
use sparkwave_imgproc::register::{Drift, estimate_drift};
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::waves::accept::{Travel, objection, score_threshold, travel};
use sparkwave_imgproc::waves::bands::{BandParams, bands};
use sparkwave_imgproc::waves::cells::{Cells, block_means};
use sparkwave_imgproc::waves::cortex::{Evidence, propose_midline, propose_window, window_at_pixels};
use sparkwave_imgproc::waves::fronts::{Front, candidates};
use sparkwave_imgproc::waves::light::{common_change, remove};
use sparkwave_imgproc::waves::reflectance::{Reflectance, survey};
use sparkwave_imgproc::waves::rise::evidence;
use sparkwave_imgproc::waves::timing::{Course, noise_covariance, retime};
use sparkwave_imgproc::waves::track::{Following, follow};
use sparkwave_imgproc::waves::waveform::{rising_lags, waveform};
use sparkwave_imgproc::waves::{self, WaveParams};

/// The recording in which waves are looked for.
pub(super) struct Setting<'a> {
    /// One plane a time bin, counts; NaN in bins without frames.
    pub(super) seconds: &'a dyn FrameSource,
    /// Length of a time bin, s.
    pub(super) bin_s: f64,
    /// Start of bin 0, s since the first frame; at most one bin before it.
    pub(super) start_s: f64,
}

/// What a person says about a recording.
#[derive(Default)]
pub(super) struct Guidance {
    /// The window `[Y, X]`.
    pub(super) inside: Option<Array2<bool>>,
    /// The midline.
    pub(super) midline: Option<Midline>,
    /// What is to be followed.
    pub(super) prompts: Vec<Prompt>,
}

/// What was found, and what later stages need to know about the recording.
pub(super) struct Found {
    /// Where the content of each second lies, relative to the median position.
    pub(super) drift: Drift,
    /// Mean of the registered seconds `[Y, X]`, counts.
    pub(super) rest: Array2<f32>,
    /// The common relative change of each bin.
    pub(super) light: Vec<f32>,
    /// Window and midline.
    pub(super) cortex: Cortex,
    /// What told the window; `None` if a person did.
    pub(super) window_evidence: Option<Evidence>,
    /// The intervals of the rate map.
    pub(super) intervals: Vec<Interval>,
    /// Bins from one end of an interval to the other.
    pub(super) step: usize,
    /// Waves and episodes.
    pub(super) shaped: Shaped,
    /// What was seen and is no wave, with the reason.
    pub(super) rejected: Vec<Rejected>,
    /// True for the bins without frames.
    pub(super) missing: Vec<bool>,
}

/// A candidate that is no wave.
pub(super) struct Rejected {
    /// First arrival, s since the first frame.
    pub(super) start_s: f64,
    /// How it travels.
    pub(super) travel: Travel,
    /// Why it is no wave.
    pub(super) reason: &'static str,
}

/// A candidate of fewer cells is noise whatever it does, and is not followed.
const MIN_SEED_CELLS: usize = 5;
/// Least distance between two maxima of one cell, s.
const MAXIMA_APART_S: f64 = 4.0;
/// While a wave passes, from before its arrival to after it, a cell does not tell of the light, s.
const BUSY_S: (f64, f64) = (-12.0, 60.0);
/// Lags over which the mean time course of a wave is taken, s; it is quiet until the third number.
const COURSE_S: (f64, f64, f64) = (-30.0, 90.0, -12.0);
/// Part of its steepest rise at which the course of a wave still counts as rising.
const RISING_FRACTION: f64 = 0.15;
/// How often the course of a wave is taken and its arrivals are told from it.
const TIMING_PASSES: usize = 3;

/// Finds the waves of a recording.
pub(super) fn find(
    setting: &Setting<'_>,
    config: &WavesConfig,
    guidance: &Guidance,
    progress: &dyn Progress,
) -> Result<Found, Error> {
    let Setting { seconds, bin_s, start_s } = *setting;
    let params = &config.waves;
    let sampling = waves::sampling(seconds.recording(), bin_s);
    let mut drift = estimate_drift(seconds, &config.register, sampling, progress)?;
    centre(&mut drift);
    let cell_px = (sampling.px(params.cell_um).round() as usize).max(1);
    let surveyed = survey(seconds, &drift, cell_px, progress)?;
    let (rest, mut cells) = (surveyed.rest, surveyed.cells);

    progress.begin("cortex", 1);
    let (height, width) = rest.dim();
    let (window, window_evidence) = match &guidance.inside {
        Some(inside) => (cells_inside(inside, cell_px), None),
        None => {
            let (window, evidence) = propose_window(&cells, bin_s);
            (window, Some(evidence))
        }
    };
    progress.advance(1);

    progress.begin("find", 2);
    let eye = Eye { window: &window, cell_px, sampling, params };
    let (step, intervals) = intervals(&cells, setting, config.interval_s);
    let seeds = Seeds { prompts: &guidance.prompts, intervals: &intervals, start_s };
    // The first look does not know yet which cells are under a wave; the second does.
    let mut light = common_change(&cells, &window, |_, _, _| false);
    remove(&mut cells, &light);
    let (first_look, _) = eye.look(&cells, &seeds);
    progress.advance(1);
    let bins = |s: f64| (s / bin_s) as f32;
    let is_busy = |waves: &[Front], bin: usize, y: usize, x: usize| {
        let since = |f: &Front| bin as f32 + 0.5 - f.arrival[[y, x]];
        waves.iter().any(|f| (bins(BUSY_S.0)..=bins(BUSY_S.1)).contains(&since(f)))
    };
    let rest_of_light = common_change(&cells, &window, |bin, y, x| is_busy(&first_look, bin, y, x));
    remove(&mut cells, &rest_of_light);
    light.iter_mut().zip(&rest_of_light).for_each(|(l, r)| *l += r);
    let (fronts, mut rejected) = eye.look(&cells, &seeds);
    rejected.iter_mut().for_each(|r| r.start_s += start_s);
    progress.advance(1);

    // A wave may prove cortex where the proposal saw none; a person's window stands.
    let inside = guidance.inside.clone().unwrap_or_else(|| {
        let mut reached = window.clone();
        fronts.iter().for_each(|f| f.cells().for_each(|at| reached[at] = true));
        window_at_pixels(&reached, cell_px, height, width)
    });
    let midline = guidance.midline.or_else(|| propose_midline(&rest, &inside, sampling.pixel_um));
    let recording = Reflectance { seconds, drift: &drift, rest: &rest, light: &light };
    let noise = noise_covariance(&cells, &window, bin_s, |bin, y, x| !is_busy(&fronts, bin, y, x));
    let mean_course = |front: &Front| {
        let in_bins = |s: f64| (s / bin_s).round() as i64;
        waveform(&cells, front, bin_s, (in_bins(COURSE_S.0), in_bins(COURSE_S.1)), in_bins(COURSE_S.2))
    };
    let to_find = |of: &Waveform| noise.as_ref().and_then(|noise| Course::new(of, noise, bin_s));
    let mut read = Vec::new();
    progress.begin("bands", fronts.len() as u64);
    for mut front in fronts {
        let mut course = mean_course(&front);
        for _ in 0..TIMING_PASSES {
            let Some(found) = to_find(&course) else { break };
            front = retime(&front, &cells, &found);
            course = mean_course(&front);
        }
        if let Some(lags_s) = rising_lags(&course, config.interval_s, RISING_FRACTION) {
            let smooth_px = sampling.px(params.smooth_um);
            let how = BandParams { cell_px, bin_s, start_s, smooth_px, fraction: params.band_fraction, lags_s };
            if let Some(found) =
                bands(&front, &recording, &inside, &intervals, &how, to_find(&course).as_ref(), progress)?
            {
                read.push((front, course, found));
            }
        }
        progress.advance(1);
    }
    let shaped = shape::shape(read, &intervals, setting, sampling, (height, width));
    let cortex = Cortex { inside, midline };
    let missing = cells.missing;
    Ok(Found { drift, rest, light, cortex, window_evidence, intervals, step, shaped, rejected, missing })
}

/// What stays the same from one look at the cells to the next.
struct Eye<'a> {
    window: &'a Array2<bool>,
    cell_px: usize,
    sampling: Sampling,
    params: &'a WaveParams,
}

impl Eye<'_> {
    /// The fronts that are waves, in order of their first arrival, and what is not.
    fn look(&self, cells: &Cells, seeds: &Seeds<'_>) -> (Vec<Front>, Vec<Rejected>) {
        let Self { window, cell_px, sampling, params } = *self;
        let bins = |s: f64| s / sampling.interval_s;
        let cell_mm = cell_px as f64 * sampling.pixel_um / 1000.0;
        let half = (bins(params.rise_s).round() as usize).max(1);
        let z = evidence(cells, half);
        let apart = (bins(MAXIMA_APART_S).round() as usize).max(1);
        let max_step = bins(cell_mm / (params.min_speed_mm_min / 60.0));
        let found = candidates(&z.smooth, params.seed_sd as f32, apart, max_step);
        let scores: Vec<f64> = found.iter().map(|f| travel(f, cell_px, sampling, params).score).collect();
        let hours = cells.dim().0 as f64 * sampling.interval_s / 3600.0;
        let threshold = score_threshold(&scores, hours, params.false_per_hour);
        let following = Following {
            min_sd: params.follow_sd as f32,
            window: bins(5.0),
            tolerance: bins(3.0),
            max_step,
            split: bins(params.split_s),
            min_cells: (params.min_area_mm2 / (cell_mm * cell_mm)).ceil() as usize,
        };
        let prompted = seeds.fronts(&z.smooth, cell_px, sampling.interval_s);
        let mut started: Vec<Front> = prompted.clone();
        started.extend(found.into_iter().filter(|f| f.n_cells() >= MIN_SEED_CELLS));
        let (mut fronts, mut rejected) = (Vec::new(), Vec::new());
        for mut front in follow(started, &z, window, &following) {
            let travel = travel(&front, cell_px, sampling, params);
            let wanted = prompted.iter().any(|p| seeds::grew_from(&front, p, following.tolerance));
            match objection(&travel, threshold, params).filter(|_| !wanted) {
                None => {
                    seeds.take_away(&mut front, cell_px, sampling.interval_s);
                    fronts.push(front);
                }
                Some(reason) => {
                    let start_s = front.arrival_quantile(0.0).unwrap_or(0.0) * sampling.interval_s;
                    rejected.push(Rejected { start_s, travel, reason });
                }
            }
        }
        let first = |f: &Front| f.arrival_quantile(0.0).unwrap_or(f64::INFINITY);
        fronts.sort_by(|a, b| first(a).total_cmp(&first(b)));
        rejected.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        (fronts, rejected)
    }
}

/// The cells of which at least half lies inside.
fn cells_inside(inside: &Array2<bool>, cell_px: usize) -> Array2<bool> {
    block_means(inside.mapv(|m| if m { 1.0 } else { 0.0 }).view(), cell_px).mapv(|v| v >= 0.5)
}

/// Displacements relative to the median position: the first second may have been taken in the middle of a breath.
fn centre(drift: &mut Drift) {
    let median = |of: fn(&PointYx) -> f64| {
        let mut values: Vec<f64> = drift.displacements.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let rest = PointYx { y: median(|d| d.y), x: median(|d| d.x) };
    for d in &mut drift.displacements {
        *d = PointYx { y: d.y - rest.y, x: d.x - rest.x };
    }
}

/// The intervals of the rate map, and the number of bins from one end to the other: interval `i` runs from bin `i * k` to
/// bin `(i + 1) * k`.
fn intervals(cells: &Cells, setting: &Setting<'_>, interval_s: f64) -> (usize, Vec<Interval>) {
    let k = ((interval_s / setting.bin_s).round() as usize).max(1);
    let n = cells.missing.len();
    let centre = |bin: usize| setting.start_s + (bin as f64 + 0.5) * setting.bin_s;
    let interval = |i: usize| {
        let (from, to) = (i * k, (i + 1) * k);
        let valid = !cells.missing[from] && !cells.missing[to];
        Interval { start_s: centre(from), end_s: centre(to), valid }
    };
    (k, (0..n.saturating_sub(1) / k).map(interval).collect())
}
