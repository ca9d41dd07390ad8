//! The measures of the published MATLAB code for mouse cortex recordings (Scientific Data 2026, doi
//! 10.1038/s41597-026-06580-1), under their published names, for comparison with published numbers only.
//!
//! Points are centroids of masks, 1-based; lengths use 10.5 mm on 512 px whatever the recording, the areas shown on
//! screen 11 mm on 512 px. The centroid of a crescent lies outside it and jumps when a part of the mask vanishes, and
//! the path of a centroid gets longer with noise and with more frames. Times are seconds on one clock, where the
//! published code reads the time of day from file names and goes wrong at midnight. Two columns cannot be what they
//! were: `CoverArea` was the area of a concave hull of the outline's vertices, which masks do not have, and is that of
//! the union of the masks; `Brain_region` came from the text of the label and is the side of the midline.

use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Mask;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Interval, Wave, WaveFrame};

use super::columns::Measured;

/// Edge of a pixel in lengths, speeds and cover areas, mm.
const LENGTH_MM_PER_PX: f64 = 10.5 / 512.0;
/// Edge of a pixel in the areas shown on screen, mm.
const SCREEN_MM_PER_PX: f64 = 11.0 / 512.0;
const S_PER_MIN: f64 = 60.0;

/// The area of a mask as the published videos show it, mm2.
pub(super) fn screen_area_mm2(n_pixels: usize) -> f64 {
    n_pixels as f64 * SCREEN_MM_PER_PX * SCREEN_MM_PER_PX
}

/// Mean position of the pixels of a mask, 0-based.
pub(super) fn centroid(mask: &Mask) -> PointYx {
    let n = mask.n_pixels() as f64;
    let (y, x) = mask.pixels().fold((0.0, 0.0), |(y, x), at| (y + at.0 as f64, x + at.1 as f64));
    PointYx { y: y / n, x: x / n }
}

/// The path of a centroid through the frames in which it is present, `(time in s, centroid)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Path {
    /// Sum of the steps, px.
    length_px: f64,
    /// From the first frame to the last.
    last_time_s: f64,
}

pub(super) fn path(track: &[(f64, PointYx)]) -> Option<Path> {
    let (first, last) = (track.first()?, track.last()?);
    let length_px = track.windows(2).map(|w| step_px(w[0].1, w[1].1)).sum();
    Some(Path { length_px, last_time_s: last.0 - first.0 })
}

impl Path {
    /// Published `Distance`; none for a centroid that never moves.
    pub(super) fn distance_mm(self) -> Option<f64> {
        (self.length_px > 0.0).then_some(self.length_px * LENGTH_MM_PER_PX)
    }

    /// Published `AverageSpeed`.
    pub(super) fn average_speed_mm_min(self) -> Option<f64> {
        Some(self.distance_mm()? / self.last_time_s * S_PER_MIN).filter(|_| self.last_time_s > 0.0)
    }
}

fn step_px(a: PointYx, b: PointYx) -> f64 {
    (a.y - b.y).hypot(a.x - b.x)
}

/// The centroids of a wave at the ends of its intervals, which name the published frames; without those whose time is
/// unknown.
pub(super) fn track(wave: &Wave, intervals: &[Interval]) -> Vec<(f64, PointYx)> {
    wave.frames.iter().filter_map(|f| Some((intervals.get(f.frame)?.end_s, centroid(&f.mask)))).collect()
}

/// `waves_legacy`, one row a wave.
pub(super) fn table(measured: &[Measured], frame_names: &[String]) -> Table {
    let frame_name = |frame: usize| frame_names.get(frame).cloned().unwrap_or_else(|| frame.to_string());
    let clip_name = |m: &Measured| {
        let episode =
            || measured.iter().filter(|o| o.wave.episode_id == m.wave.episode_id).flat_map(|o| &o.wave.frames);
        let first = episode().map(|f| f.frame).min();
        let last = episode().map(|f| f.frame).max();
        first.zip(last).map_or(Value::Empty, |(a, b)| Value::Text(format!("[{}--{}]", frame_name(a), frame_name(b))))
    };
    let point =
        |frame: Option<&WaveFrame>, of: fn(PointYx) -> f64| Value::maybe(frame.map(|f| of(centroid(&f.mask)) + 1.0));
    let path = |m: &Measured| path(&m.track);
    let mut table = Table::new();
    let mut push = |name: &str, value: &dyn Fn(&Measured) -> Value| {
        table.push(name, measured.iter().map(value).collect());
    };
    push("SignalClipsName", &clip_name);
    push("Labelindex", &|m| Value::Text(m.wave.name.clone()));
    push("Brain_region", &|m| m.side());
    push("OrigalPoint_x", &|m| point(m.wave.frames.first(), |c| c.x));
    push("OrigalPoint_y", &|m| point(m.wave.frames.first(), |c| c.y));
    push("EndPoint_x", &|m| point(m.wave.frames.last(), |c| c.x));
    push("EndPoint_y", &|m| point(m.wave.frames.last(), |c| c.y));
    // A constant in the published code.
    push("SignalAmp", &|_| Value::Int(1));
    push("AverageSpeed", &|m| Value::maybe(path(m).and_then(Path::average_speed_mm_min)));
    push("Distance", &|m| Value::maybe(path(m).and_then(Path::distance_mm)));
    push("LastTime", &|m| Value::maybe(path(m).map(|p| p.last_time_s)));
    push("CoverArea", &|m| Value::float(m.cover.area_px as f64 * LENGTH_MM_PER_PX * LENGTH_MM_PER_PX));
    table
}

#[cfg(test)]
mod tests;
