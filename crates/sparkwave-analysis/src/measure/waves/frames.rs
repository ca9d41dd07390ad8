//! `wave_frames`: a wave interval by interval.

use ndarray::Array2;
use sparkwave_core::axes::PointYx;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Interval, WaveFrame};

use super::columns::{self, Column, Measured, S_PER_MIN, column, count};
use super::domain::{self, SIDES_AND_CORNERS};
use super::legacy;
use super::scale::Scale;
use super::speed::quantile;
use super::travel::Travel;

/// Everything measured of a wave in one interval.
pub(super) struct FrameMeasured<'a> {
    wave_id: u32,
    scale: Scale,
    frame: &'a WaveFrame,
    t_s: Option<f64>,
    area_px: usize,
    centroid: PointYx,
    front: Option<PointYx>,
    /// Median local speed of the fronts that pass in this interval, units of length per second.
    speed: Option<f64>,
    /// Step of the centroid from the frame before over the time between, units of length per second.
    centroid_speed: Option<f64>,
    n_components: usize,
    largest_component_px: usize,
}

/// Measures the frames of all waves and makes their table.
pub(super) fn table(measured: &[Measured], intervals: &[Interval]) -> Table {
    let rows: Vec<FrameMeasured> = measured.iter().flat_map(|m| measure(m, intervals)).collect();
    columns::table(&frame_columns(), &rows)
}

fn measure<'a>(m: &Measured<'a>, intervals: &[Interval]) -> Vec<FrameMeasured<'a>> {
    let near_way = corridor(&m.travel);
    let mut speeds: Vec<(f64, f64)> = m
        .travel
        .fronts
        .at
        .iter()
        .filter_map(|front| front.as_ref().and_then(|f| Some((f.arrival_s, f.speed?))))
        .collect();
    speeds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut previous: Option<(f64, PointYx)> = None;
    let mut rows = Vec::with_capacity(m.wave.frames.len());
    for frame in &m.wave.frames {
        let interval = intervals.get(frame.frame).copied();
        let centroid = legacy::centroid(&frame.mask);
        let here = interval.map(|i| (i.end_s, centroid));
        let parts = domain::components(frame.mask.bits(), &SIDES_AND_CORNERS);
        rows.push(FrameMeasured {
            wave_id: m.wave.id,
            scale: m.scale,
            frame,
            t_s: interval.map(|i| i.end_s),
            area_px: frame.mask.n_pixels(),
            centroid,
            front: front_point(&m.travel, frame, &near_way),
            speed: interval.filter(|_| !frame.filled).and_then(|i| median_between(&speeds, i)),
            centroid_speed: previous.zip(here).and_then(|(a, b)| centroid_speed(a, b, m.scale)),
            n_components: parts.len(),
            largest_component_px: parts.iter().map(Vec::len).max().unwrap_or(0),
        });
        previous = here.or(previous);
    }
    rows
}

/// Published speed with the declared pixel size: a step over the true time that it took; a centroid that stays has
/// none.
fn centroid_speed(from: (f64, PointYx), to: (f64, PointYx), scale: Scale) -> Option<f64> {
    let (seconds, step) = (to.0 - from.0, scale.distance(from.1, to.1));
    (seconds > 0.0 && step > 0.0).then(|| step / seconds)
}

/// Median speed of the fronts that arrive within an interval; `speeds` are `(arrival, speed)` in order of arrival.
fn median_between(speeds: &[(f64, f64)], interval: Interval) -> Option<f64> {
    let first = speeds.partition_point(|s| s.0 < interval.start_s);
    let last = speeds.partition_point(|s| s.0 < interval.end_s).max(first);
    let mut passing: Vec<f64> = speeds[first..last].iter().map(|s| s.1).collect();
    passing.sort_by(f64::total_cmp);
    quantile(&passing, 0.5)
}

/// The pixels of the crop within half a window of the way from the origin to the end.
fn corridor(travel: &Travel) -> Array2<bool> {
    let mut near = Array2::from_elem(travel.fronts.at.dim(), false);
    let (height, width) = near.dim();
    let [hy, hx] = travel.fronts.half_window_px;
    for at in &travel.way {
        let (y, x) = (at.y.round().max(0.0) as usize, at.x.round().max(0.0) as usize);
        let rows = y.saturating_sub(hy).min(height)..(y + hy + 1).min(height);
        let columns = x.saturating_sub(hx).min(width)..(x + hx + 1).min(width);
        near.slice_mut(ndarray::s![rows, columns]).fill(true);
    }
    near
}

/// The leading edge on the axis of travel: of the mask's pixels beside the way from the origin to the end, the one that
/// the wave reached last (smoothed arrival); of all its pixels if the way does not cross the mask.
fn front_point(travel: &Travel, frame: &WaveFrame, near_way: &Array2<bool>) -> Option<PointYx> {
    let fronts = &travel.fronts;
    let reached = frame.mask.pixels().filter_map(|(y, x)| {
        let at = (y.checked_sub(fronts.y0)?, x.checked_sub(fronts.x0)?);
        let front = fronts.at.get(at)?.as_ref()?;
        Some((near_way[at], front.arrival_s, PointYx { y: y as f64, x: x as f64 }))
    });
    reached.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))).map(|r| r.2)
}

impl FrameMeasured<'_> {
    fn mm_min(&self, speed: Option<f64>) -> Value {
        Value::maybe(speed.and_then(|s| self.scale.mm(s * S_PER_MIN)))
    }

    fn px_s(&self, speed: Option<f64>) -> Value {
        Value::maybe(speed.map(|s| self.scale.px(s)))
    }
}

/// The columns of `wave_frames`, in order.
pub(super) fn frame_columns<'a>() -> Vec<Column<FrameMeasured<'a>>> {
    vec![
        column("wave_id", "", "number of the wave", "", |f| Value::Int(f.wave_id.into())),
        column("frame", "frame", "interval", "", |f| count(f.frame.frame)),
        column("t_s", "s", "end of the interval", "without the times of the intervals", |f| Value::maybe(f.t_s)),
        column("area_mm2", "mm2", "area of the mask", "without pixel size", |f| {
            Value::maybe(f.scale.area_mm2(f.area_px))
        }),
        column("centroid_y_px", "px", "row of the mean position of the mask", "", |f| Value::float(f.centroid.y)),
        column("centroid_x_px", "px", "column of the mean position of the mask", "", |f| Value::float(f.centroid.x)),
        column(
            "front_y_px",
            "px",
            "row of the pixel of the mask on the way from origin to end that was reached last",
            "without arrivals",
            |f| Value::maybe(f.front.map(|p| p.y)),
        ),
        column("front_x_px", "px", "column of that pixel", "without arrivals", |f| Value::maybe(f.front.map(|p| p.x))),
        column(
            "speed_mm_min",
            "mm/min",
            "median speed of the local fronts that pass in the interval",
            "without pixel size, if none passes and if the mask is interpolated",
            |f| f.mm_min(f.speed),
        ),
        column(
            "speed_legacy_mm_min",
            "mm/min",
            "published definition, declared pixel size: step of the centroid from the last mask over the time",
            "without pixel size, for the first frame and if the centroid stays",
            |f| f.mm_min(f.centroid_speed),
        ),
        column("n_components", "1", "number of parts of the mask, corners joining", "", |f| count(f.n_components)),
        column("filled", "", "true if nothing was measured and the mask is interpolated", "", |f| {
            Value::Bool(f.frame.filled)
        }),
        column("area_px", "px", "number of pixels of the mask", "", |f| count(f.area_px)),
        column("largest_component_px", "px", "number of pixels of the largest part", "", |f| {
            count(f.largest_component_px)
        }),
        column(
            "speed_px_s",
            "px/s",
            "speed_mm_min in px/s",
            "if no front passes and if the mask is interpolated",
            |f| f.px_s(f.speed),
        ),
        column(
            "speed_legacy_px_s",
            "px/s",
            "speed_legacy_mm_min in px/s",
            "for the first frame and if the centroid stays",
            |f| f.px_s(f.centroid_speed),
        ),
        column(
            "area_screen_legacy_mm2",
            "mm2",
            "area as the published videos show it, at 11/512 mm a pixel whatever the recording",
            "",
            |f| Value::float(legacy::screen_area_mm2(f.area_px)),
        ),
    ]
}
