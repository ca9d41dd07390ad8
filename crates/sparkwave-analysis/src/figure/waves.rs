//! Pictures of waves: rate maps in colour, the tracking video, and the figures of a recording, an episode and a wave.
//!
//! The image plane is drawn upright in normal gray (vessels dark) with one magnification for all. Lengths are in mm, areas
//! in mm2 and speeds in mm/min; where the pixel size is unknown they are in px, px2 and px/s, and every axis says so.

mod anatomy;
mod colors;
mod course;
mod map;
mod maps;
mod strip;
#[cfg(test)]
mod tests;
mod timeline;
mod tracking;
mod waveform;

pub use anatomy::anatomy_gray;
pub use colors::{ColorMap, rate_colors, symmetric_limit};
pub use course::wave_course;
pub use maps::{cortex_window, isochrones, speed_map, visited_time};
pub use strip::{rate_strip, strip_intervals};
pub use timeline::{Timeline, motion_trace, timeline};
pub use tracking::{Look, TrackingScene, TrackingVideo};
pub use waveform::waveform;

use super::Scale;
use ndarray::Array2;
use sparkwave_core::axes::PointYx;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Cortex, Interval, Wave};

/// The image plane of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Mean image `[Y, X]`, counts.
    pub anatomy: &'a Array2<f32>,
    /// Window and midline, in pixels of the mean image.
    pub cortex: &'a Cortex,
    /// Pixel size, if known.
    pub pixel_size: Option<PixelSize>,
}

/// A wave with what was measured of it, as far as pictures need it.
#[derive(Clone, Debug)]
pub struct WaveTrack<'a> {
    /// The wave.
    pub wave: &'a Wave,
    /// When it began, s since the first frame of the recording.
    pub onset_s: f64,
    /// Where it began, if that could be made out.
    pub origin: Option<PointYx>,
    /// One point an interval in which it was seen, in order of intervals.
    pub points: Vec<TrackPoint>,
}

/// A wave in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackPoint {
    /// Index of the interval.
    pub frame: usize,
    /// Time to which the values belong, s since the first frame of the recording.
    pub t_s: f64,
    /// Number of pixels of its mask.
    pub n_pixels: usize,
    /// Centroid of its mask.
    pub centroid: Option<PointYx>,
    /// Foremost point of its front.
    pub front: Option<PointYx>,
    /// Speed of the front: mm/min if the pixel size is known, otherwise px/s.
    pub speed: Option<f64>,
    /// True if the mask was interpolated.
    pub filled: bool,
}

impl<'a> WaveTrack<'a> {
    /// The wave with its rows of `waves.csv` and `wave_frames.csv`, see [`crate::measure::waves::measure_waves`]. Speeds are
    /// those in mm/min if `is_calibrated`, otherwise those in px/s. What the tables do not know stays unknown; an unknown
    /// onset becomes the earliest arrival.
    pub fn of_tables(wave: &'a Wave, waves: &Table, wave_frames: &Table, is_calibrated: bool) -> Self {
        let number = |table: &Table, name: &str, row: usize| table.column(name)?.get(row)?.as_f64();
        let is_mine = |table: &Table, row: usize| number(table, "wave_id", row) == Some(f64::from(wave.id));
        let point = |table: &Table, row: usize, name: &str| {
            let along = |axis: &str| number(table, &format!("{name}_{axis}_px"), row);
            Some(PointYx { y: along("y")?, x: along("x")? })
        };
        let speed = if is_calibrated { "speed_mm_min" } else { "speed_px_s" };
        let row = (0..waves.n_rows()).find(|&row| is_mine(waves, row));
        let onset_s = row.and_then(|row| number(waves, "onset_s", row)).unwrap_or_else(|| {
            let first = wave.arrival_s.iter().map(|(_, t)| f64::from(t)).fold(f64::INFINITY, f64::min);
            if first.is_finite() { first } else { 0.0 }
        });
        let track_point = |row: usize| {
            Some(TrackPoint {
                frame: number(wave_frames, "frame", row)? as usize,
                t_s: number(wave_frames, "t_s", row)?,
                n_pixels: number(wave_frames, "area_px", row)? as usize,
                centroid: point(wave_frames, row, "centroid"),
                front: point(wave_frames, row, "front"),
                speed: number(wave_frames, speed, row),
                filled: wave_frames.column("filled").and_then(|c| c.get(row)) == Some(&Value::Bool(true)),
            })
        };
        let points =
            (0..wave_frames.n_rows()).filter(|&row| is_mine(wave_frames, row)).filter_map(track_point).collect();
        Self { wave, onset_s, origin: row.and_then(|row| point(waves, row, "origin")), points }
    }
}

const UM_PER_MM: f64 = 1000.0;

impl Field<'_> {
    /// Rows and columns, at least 1 each.
    fn size(&self) -> (f64, f64) {
        let (height, width) = self.anatomy.dim();
        (height.max(1) as f64, width.max(1) as f64)
    }

    fn scale(&self) -> Scale {
        Scale { pixel_size: self.pixel_size, frame_interval: None }
    }

    fn is_inside(&self, at: (usize, usize)) -> bool {
        self.cortex.inside.get(at).copied().unwrap_or(false)
    }

    fn length_unit(&self) -> &'static str {
        if self.pixel_size.is_some() { "mm" } else { "px" }
    }

    fn area_unit(&self) -> &'static str {
        if self.pixel_size.is_some() { "mm²" } else { "px²" }
    }

    fn speed_unit(&self) -> &'static str {
        if self.pixel_size.is_some() { "mm/min" } else { "px/s" }
    }

    /// The area of so many pixels in [`Field::area_unit`].
    fn area(&self, n_pixels: usize) -> f64 {
        let pixel = self.pixel_size.map_or(1.0, |p| p.y.get() * p.x.get() / (UM_PER_MM * UM_PER_MM));
        n_pixels as f64 * pixel
    }

    /// The distance of two points in [`Field::length_unit`].
    fn distance(&self, a: PointYx, b: PointYx) -> f64 {
        let (y, x) = self.pixel_size.map_or((1.0, 1.0), |p| (p.y.get() / UM_PER_MM, p.x.get() / UM_PER_MM));
        ((a.y - b.y) * y).hypot((a.x - b.x) * x)
    }
}

/// The length that most intervals have, s; `None` if there is no valid one.
fn usual_duration_s(intervals: &[Interval]) -> Option<f64> {
    let mut durations: Vec<f64> = intervals.iter().filter(|i| i.valid).map(|i| i.duration_s()).collect();
    durations.sort_by(f64::total_cmp);
    durations.get(durations.len() / 2).copied()
}

/// The title of a scale for rate maps, with its unit.
fn rate_title(intervals: &[Interval]) -> String {
    match usual_duration_s(intervals) {
        Some(seconds) => format!("Reflectance change per {} s (%)", super::axis::brief(seconds)),
        None => "Reflectance change per interval (%)".to_owned(),
    }
}
