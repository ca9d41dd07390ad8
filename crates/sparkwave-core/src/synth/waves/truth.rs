//! What is true of the waves: where each is seen rising, and how it travelled.

use super::clock::Clock;
use super::course::CourseTable;
use super::grid::Grid;
use super::plan::PlannedWave;
use super::spread::Spread;
use crate::axes::PointYx;
use crate::mask::{Mask, Patch};
use crate::wave::{Interval, WaveFrame};
use ndarray::{Array2, Zip};

/// Seconds from the earlier to the later bin of an interval (paper: every fifth per-second frame).
pub const INTERVAL_S: usize = 5;
/// A wave's mask is where it rises by at least this part of its peak rise.
pub const MASK_FRACTION: f64 = 0.35;
/// Quantile of a robust maximum.
const ROBUST: f64 = 0.99;

/// A wave that happened.
#[derive(Clone, Debug)]
pub struct TrueWave {
    /// 1-based, in order of start; also the value of its pixels in `masks.tif`.
    pub id: u32,
    /// The episode it belongs to; 0 if it is never seen rising.
    pub episode_id: u32,
    /// What was planned.
    pub plan: PlannedWave,
    /// Where it starts, px.
    pub origin_px: PointYx,
    /// Where it starts, mm from the centre of the first pixel.
    pub origin_mm: PointYx,
    /// Earliest arrival at a pixel that it visits, s.
    pub start_s: f64,
    /// Latest arrival, s.
    pub end_s: f64,
    /// Median of 1/|grad T| over the pixels that it visits, mm/min.
    pub speed_mm_min: f64,
    /// Area that it visits, mm².
    pub cover_area_mm2: f64,
    /// Robust maximum (99th percentile over the visited pixels) of its peak relative reflectance change.
    pub peak_drr: f64,
    /// Robust maximum of its rise in an interval, relative reflectance change.
    pub peak_rise_drr: f64,
    /// When it arrives (the steepest rise) at each pixel, s since the first frame.
    pub arrival_s: Patch,
    /// Its peak relative reflectance change at each pixel.
    pub peak: Patch,
    /// Its masks, without the pixels that another wave owns.
    pub frames: Vec<WaveFrame>,
}

/// A stretch of time during which one wave is seen, or several that overlap.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueEpisode {
    /// 1-based, in order of time.
    pub id: u32,
    /// First interval in which a wave is seen.
    pub start_frame: usize,
    /// One after the last.
    pub end_frame: usize,
    /// Earliest arrival of its waves, s.
    pub start_s: f64,
    /// End of its last interval, s.
    pub end_s: f64,
    /// Its waves, by id.
    pub waves: Vec<u32>,
}

/// The intervals of a recording: from the middle of second `5 i` to that of second `5 (i + 1)`.
pub(super) fn intervals(clock: &Clock) -> Vec<Interval> {
    let frames = clock.per_second();
    let n = frames.len().saturating_sub(1) / INTERVAL_S;
    let interval = |i: usize| {
        let (a, b) = (i * INTERVAL_S, (i + 1) * INTERVAL_S);
        Interval { start_s: a as f64 + 0.5, end_s: b as f64 + 0.5, valid: frames[a] > 0 && frames[b] > 0 }
    };
    (0..n).map(interval).collect()
}

/// A wave cropped to the pixels of the field that it visits.
struct Seen<'a> {
    arrival_s: Patch,
    /// Same box as the arrival; 0 where there is none.
    peak: Array2<f32>,
    table: &'a CourseTable,
    active_s: (f64, f64),
}

impl<'a> Seen<'a> {
    fn of(spread: &Spread, table: &'a CourseTable, grid: &Grid) -> Self {
        let arrival_s = Patch::of_image(&spread.arrival_s.slice(grid.field()).to_owned());
        let (height, width) = arrival_s.values.dim();
        let (y0, x0) = (arrival_s.y0, arrival_s.x0);
        let peak = spread.amplitude.slice(grid.field());
        let peak = peak.slice(ndarray::s![y0..y0 + height, x0..x0 + width]).to_owned();
        Self { arrival_s, peak, table, active_s: spread.active_s }
    }

    /// Intervals in which it can change anything.
    fn intervals(&self, n: usize) -> std::ops::Range<usize> {
        let first = (self.active_s.0 / INTERVAL_S as f64).floor().max(1.0) as usize - 1;
        let last = (self.active_s.1 / INTERVAL_S as f64).ceil().max(0.0) as usize + 1;
        first.min(n)..last.min(n)
    }

    /// Its rise over an interval, on its box.
    fn rise(&self, i: usize) -> Array2<f32> {
        let (from, to) = ((i * INTERVAL_S) as f32 + 0.5, ((i + 1) * INTERVAL_S) as f32 + 0.5);
        Zip::from(&self.arrival_s.values).and(&self.peak).map_collect(|&arrival, &peak| {
            if peak > 0.0 { peak * (self.table.at(to - arrival) - self.table.at(from - arrival)) } else { 0.0 }
        })
    }

    /// Robust maximum over the visited pixels of their largest rise.
    fn peak_rise(&self, n_intervals: usize) -> f32 {
        let mut largest = Array2::<f32>::zeros(self.peak.dim());
        for i in self.intervals(n_intervals) {
            Zip::from(&mut largest).and(&self.rise(i)).for_each(|m, &r| *m = m.max(r));
        }
        let visited = Zip::from(&largest).and(&self.peak).map_collect(|&m, &p| if p > 0.0 { m } else { f32::NAN });
        robust_maximum(visited.iter().copied())
    }
}

/// The 99th percentile of the finite values; 0 if there are none.
fn robust_maximum(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    values.sort_by(f32::total_cmp);
    let rank = ((values.len() as f64 - 1.0).max(0.0) * ROBUST).round() as usize;
    values.get(rank).copied().unwrap_or(0.0)
}

/// The truth of every wave; episodes are not known yet.
pub(super) fn waves(spreads: &[Spread], tables: &[CourseTable], n_intervals: usize, grid: &Grid) -> Vec<TrueWave> {
    let seen: Vec<Seen<'_>> = spreads.iter().zip(tables).map(|(s, t)| Seen::of(s, t, grid)).collect();
    let peak_rises: Vec<f32> = seen.iter().map(|s| s.peak_rise(n_intervals)).collect();
    let mut frames: Vec<Vec<WaveFrame>> = vec![Vec::new(); seen.len()];
    for i in 0..n_intervals {
        let rising =
            seen.iter().enumerate().filter(|(k, s)| s.intervals(n_intervals).contains(&i) && peak_rises[*k] > 0.0);
        let bands: Vec<(usize, Vec<Rising>)> = rising.map(|(k, s)| (k, band(s, i, peak_rises[k]))).collect();
        for (k, mask) in owned(bands) {
            frames[k].push(WaveFrame { frame: i, mask, filled: false });
        }
    }
    let each = spreads.iter().zip(seen).zip(peak_rises).zip(frames).enumerate();
    each.map(|(k, (((spread, seen), peak_rise), frames))| {
        let times = || seen.arrival_s.iter().map(|(_, t)| f64::from(t));
        let peak = seen.peak.mapv(|p| if p > 0.0 { p } else { f32::NAN });
        TrueWave {
            id: k as u32 + 1,
            episode_id: 0,
            plan: spread.plan,
            origin_px: PointYx { y: spread.origin_mm.y / grid.mm_per_px, x: spread.origin_mm.x / grid.mm_per_px },
            origin_mm: spread.origin_mm,
            start_s: times().fold(f64::INFINITY, f64::min),
            end_s: times().fold(f64::NEG_INFINITY, f64::max),
            speed_mm_min: median_speed(&seen.arrival_s, grid.mm_per_px),
            cover_area_mm2: times().count() as f64 * grid.mm_per_px * grid.mm_per_px,
            peak_drr: f64::from(robust_maximum(peak.iter().copied())),
            peak_rise_drr: f64::from(peak_rise),
            peak: Patch { y0: seen.arrival_s.y0, x0: seen.arrival_s.x0, values: peak },
            arrival_s: seen.arrival_s,
            frames,
        }
    })
    .collect()
}

/// Median over the visited pixels of 1/|grad T|, by central differences, mm/min.
fn median_speed(arrival_s: &Patch, mm_per_px: f64) -> f64 {
    let times = &arrival_s.values;
    let (height, width) = times.dim();
    let mut speeds: Vec<f64> = Vec::new();
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let dy = f64::from(times[[y + 1, x]] - times[[y - 1, x]]) / 2.0;
            let dx = f64::from(times[[y, x + 1]] - times[[y, x - 1]]) / 2.0;
            let slowness = dy.hypot(dx);
            if slowness > 0.0 {
                speeds.push(60.0 * mm_per_px / slowness);
            }
        }
    }
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A pixel of a band and its rise.
type Rising = ((usize, usize), f32);

/// The largest 8-connected region in which a wave rises enough, in pixels of the field.
fn band(seen: &Seen<'_>, i: usize, peak_rise: f32) -> Vec<Rising> {
    let rise = seen.rise(i);
    let least = MASK_FRACTION as f32 * peak_rise;
    let enough = rise.mapv(|r| r >= least);
    let place = |cell: (usize, usize)| ((cell.0 + seen.arrival_s.y0, cell.1 + seen.arrival_s.x0), rise[cell]);
    largest_region(enough).into_iter().map(place).collect()
}

/// The largest 8-connected region of `true`; of equal ones the first, row by row.
fn largest_region(mut open: Array2<bool>) -> Vec<(usize, usize)> {
    let (height, width) = open.dim();
    let mut largest = Vec::new();
    for start in ndarray::indices((height, width)) {
        if !open[start] {
            continue;
        }
        open[start] = false;
        let mut region = vec![start];
        let mut next = 0;
        while let Some(&(y, x)) = region.get(next) {
            next += 1;
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    if std::mem::take(&mut open[[ny, nx]]) {
                        region.push((ny, nx));
                    }
                }
            }
        }
        if region.len() > largest.len() {
            largest = region;
        }
    }
    largest
}

/// Gives every pixel to the wave that rises most there.
fn owned(bands: Vec<(usize, Vec<Rising>)>) -> Vec<(usize, Mask)> {
    let mut strongest = std::collections::BTreeMap::<(usize, usize), (f32, usize)>::new();
    if bands.len() > 1 {
        for (k, band) in &bands {
            for &(pixel, rise) in band {
                let owner = strongest.entry(pixel).or_insert((rise, *k));
                if rise > owner.0 {
                    *owner = (rise, *k);
                }
            }
        }
    }
    let is_own = |pixel: &(usize, usize), k: usize| strongest.get(pixel).is_none_or(|owner| owner.1 == k);
    let mask = |(k, band): (usize, Vec<Rising>)| {
        let pixels = band.into_iter().map(|(pixel, _)| pixel).filter(|pixel| is_own(pixel, k));
        Some((k, Mask::of_pixels(pixels)?))
    };
    bands.into_iter().filter_map(mask).collect()
}

/// Which wave owns each pixel in an interval, or 0.
pub(super) fn labels(waves: &[TrueWave], i: usize, shape: (usize, usize)) -> Array2<u32> {
    let mut labels = Array2::zeros(shape);
    for wave in waves {
        if let Some(frame) = wave.frames.iter().find(|frame| frame.frame == i) {
            frame.mask.pixels().for_each(|pixel| labels[pixel] = wave.id);
        }
    }
    labels
}

/// Merges waves whose masks overlap in time.
pub(super) fn episodes(waves: &[TrueWave], intervals: &[Interval]) -> Vec<TrueEpisode> {
    let mut episodes: Vec<TrueEpisode> = Vec::new();
    let mut seen: Vec<(usize, usize, &TrueWave)> = waves
        .iter()
        .filter_map(|wave| Some((wave.frames.first()?.frame, wave.frames.last()?.frame + 1, wave)))
        .collect();
    seen.sort_by_key(|&(start, _, wave)| (start, wave.id));
    for (start_frame, end_frame, wave) in seen {
        match episodes.last_mut() {
            Some(episode) if start_frame < episode.end_frame => {
                episode.end_frame = episode.end_frame.max(end_frame);
                episode.start_s = episode.start_s.min(wave.start_s);
                episode.waves.push(wave.id);
            }
            _ => {
                let (id, start_s) = (episodes.len() as u32 + 1, wave.start_s);
                episodes.push(TrueEpisode { id, start_frame, end_frame, start_s, end_s: 0.0, waves: vec![wave.id] });
            }
        }
    }
    for episode in &mut episodes {
        episode.end_s = intervals[episode.end_frame - 1].end_s;
    }
    episodes
}

/// Tells every wave its episode.
pub(super) fn with_episodes(mut waves: Vec<TrueWave>, episodes: &[TrueEpisode]) -> Vec<TrueWave> {
    for wave in &mut waves {
        wave.episode_id = episodes.iter().find(|e| e.waves.contains(&wave.id)).map_or(0, |e| e.id);
    }
    waves
}

#[cfg(test)]
mod tests;
