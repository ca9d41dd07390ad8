//! Measures of waves in physical units.
//!
//! [`measure_waves`] turns waves into the rows of `waves.csv`, `wave_frames.csv` and `waves_legacy.csv`. What a column
//! means, its unit and when it is empty stand in [`wave_columns`] and [`wave_frame_columns`].
//!
//! Everything about propagation comes from the arrival map, the time at which the wave passed each pixel, and not from
//! the centroids of masks: the speed is the median over the visited area of `1 / |grad T|`, the origin the apex of the
//! cone of first arrivals, the path the line of steepest arrival. The centroid numbers of published work are kept
//! beside them under names with `legacy`.
//!
//! Calibration is data: without a pixel size the columns in millimetres are empty and those in pixels are filled;
//! without the time of an interval the columns in seconds that need it are. Times are seconds since the first frame, so
//! midnight, clock changes and missing seconds need no care here: durations are differences of the intervals' own ends.

mod amplitude;
mod columns;
mod cover;
mod curved;
mod domain;
mod frames;
mod geodesic;
mod legacy;
mod origin;
mod scale;
mod slowness;
mod speed;
mod theil_sen;
mod trajectory;
mod travel;

pub use columns::Definition;
pub use cover::visited_time_map;

use ndarray::Array2;
use rayon::prelude::*;
use sparkwave_core::mask::Patch;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::Table;
use sparkwave_core::wave::{Cortex, Interval, Wave};

use columns::Measured;
use scale::Scale;

/// The recording in which waves were found. Unknown is `None` or empty; the columns that need it are then empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaveSetting<'a> {
    /// Number of rows of the image.
    pub height: usize,
    /// Number of columns of the image.
    pub width: usize,
    /// The intervals of the recording; masks refer to them by position.
    pub intervals: &'a [Interval],
    /// Edge lengths of a pixel.
    pub pixel_size: Option<PixelSize>,
    /// Window and midline.
    pub cortex: Option<&'a Cortex>,
    /// Names of the intervals' frames for `waves_legacy`, by position; an interval without one is named by its number.
    pub frame_names: &'a [String],
}

/// The tables of waves.
#[derive(Clone, Debug, PartialEq)]
pub struct WaveTables {
    /// One row a wave.
    pub waves: Table,
    /// One row for each mask of each wave.
    pub wave_frames: Table,
    /// One row a wave, by the definitions and under the names of the published code.
    pub waves_legacy: Table,
}

/// The columns of [`WaveTables::waves`], in order.
pub fn wave_columns() -> impl Iterator<Item = Definition> {
    columns::wave_columns().into_iter().map(|c| c.definition)
}

/// The columns of [`WaveTables::wave_frames`], in order.
pub fn wave_frame_columns() -> impl Iterator<Item = Definition> {
    frames::frame_columns().into_iter().map(|c| c.definition)
}

/// Measures every wave, in the order given. All waves are taken to come from one recording: intervals between waves and
/// the names of clips look at them all.
///
/// Same waves, same bytes, at any thread count.
pub fn measure_waves(waves: &[Wave], setting: &WaveSetting) -> WaveTables {
    let scale = Scale::new(setting.pixel_size);
    let valid = || setting.intervals.iter().enumerate().filter(|(_, i)| i.valid).map(|(frame, _)| frame);
    let (first_valid, last_valid) = (valid().next(), valid().next_back());
    let mut measured: Vec<Measured> = waves
        .par_iter()
        .map(|wave| {
            let frames = wave.frames.first().zip(wave.frames.last()).map(|(a, b)| (a.frame, b.frame));
            let interval = |frame: usize| setting.intervals.get(frame);
            Measured {
                wave,
                scale,
                span_s: frames.and_then(|(a, b)| Some((interval(a)?.start_s, interval(b)?.end_s))),
                travel: travel::measure(&wave.arrival_s, scale),
                cover: cover::measure(wave, (setting.height, setting.width), setting.cortex),
                amplitude: amplitude::measure(wave),
                track: legacy::track(wave, setting.intervals),
                cut_at_start: frames.zip(first_valid).is_some_and(|(f, first)| f.0 <= first),
                cut_at_end: frames.zip(last_valid).is_some_and(|(f, last)| f.1 >= last),
                interval_since_previous_s: None,
                interval_same_side_s: None,
            }
        })
        .collect();
    let since: Vec<_> =
        measured.iter().map(|m| (since_previous(m, &measured, false), since_previous(m, &measured, true))).collect();
    for (m, (any, same_side)) in measured.iter_mut().zip(since) {
        (m.interval_since_previous_s, m.interval_same_side_s) = (any, same_side);
    }
    WaveTables {
        waves: columns::table(&columns::wave_columns(), &measured),
        wave_frames: frames::table(&measured, setting.intervals),
        waves_legacy: legacy::table(&measured, setting.frame_names),
    }
}

/// Time from the latest onset before a wave's to its own, of all waves or of those on its side of the midline.
fn since_previous(wave: &Measured, all: &[Measured], same_side: bool) -> Option<f64> {
    let onset_s = wave.onset_s()?;
    if same_side && wave.cover.side.is_none() {
        return None;
    }
    let others = all.iter().filter(|o| !same_side || o.cover.side == wave.cover.side);
    let earlier = others.filter_map(Measured::onset_s).filter(|o| *o < onset_s);
    earlier.max_by(f64::total_cmp).map(|previous_s| onset_s - previous_s)
}

/// The speed of the local front at each pixel: in mm/min with a pixel size, else in px/s. NaN where no front can be
/// made out. Half the edge of the window of a fit is 0.5 mm, or 0.31 radii of a disc of the visited area.
pub fn local_speed_map(arrival_s: &Patch, pixel_size: Option<PixelSize>) -> Patch {
    let scale = Scale::new(pixel_size);
    let (fronts, _) = travel::fronts(arrival_s, scale);
    let per_unit = if scale.is_calibrated() { columns::S_PER_MIN } else { 1.0 };
    let mut values = Array2::from_elem(fronts.at.dim(), f32::NAN);
    fronts.with_speed().for_each(|(at, speed)| values[at] = (speed * per_unit) as f32);
    Patch { y0: fronts.y0, x0: fronts.x0, values }
}

#[cfg(test)]
mod tests;
