//! The columns of `waves`: what each is called, means and holds.

use sparkwave_core::axes::PointYx;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Side, Wave};

use super::amplitude::Amplitude;
use super::cover::Cover;
use super::scale::Scale;
use super::travel::Travel;

/// What a column of a table of waves holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Header.
    pub name: &'static str,
    /// Unit of the values; empty for ids, words and truth values, `1` for ratios and counts.
    pub unit: &'static str,
    /// What the column holds.
    pub definition: &'static str,
    /// When a value is empty; an empty string if it never is.
    pub undefined: &'static str,
}

/// A column together with the way to its value.
pub(super) struct Column<M> {
    pub(super) definition: Definition,
    value: fn(&M) -> Value,
}

pub(super) fn column<M>(
    name: &'static str,
    unit: &'static str,
    definition: &'static str,
    undefined: &'static str,
    value: fn(&M) -> Value,
) -> Column<M> {
    Column { definition: Definition { name, unit, definition, undefined }, value }
}

/// The table with one row for each of `rows`.
pub(super) fn table<M>(columns: &[Column<M>], rows: &[M]) -> Table {
    let mut table = Table::new();
    for column in columns {
        table.push(column.definition.name, rows.iter().map(column.value).collect());
    }
    table
}

pub(super) fn count(n: usize) -> Value {
    // A count of things in memory is below 2^63.
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Everything measured of one wave.
pub(super) struct Measured<'a> {
    pub(super) wave: &'a Wave,
    pub(super) scale: Scale,
    /// Start of the first interval with a mask and end of the last.
    pub(super) span_s: Option<(f64, f64)>,
    pub(super) travel: Travel,
    pub(super) cover: Cover,
    pub(super) amplitude: Amplitude,
    /// Centroids of the masks.
    pub(super) track: Vec<(f64, PointYx)>,
    pub(super) cut_at_start: bool,
    pub(super) cut_at_end: bool,
    pub(super) interval_since_previous_s: Option<f64>,
    pub(super) interval_same_side_s: Option<f64>,
}

impl Measured<'_> {
    /// The arrival at the origin or, without a map of arrivals, the start of the first interval.
    pub(super) fn onset_s(&self) -> Option<f64> {
        self.travel.origin.map(|o| o.onset_s).or(self.span_s.map(|s| s.0))
    }

    pub(super) fn side(&self) -> Value {
        match self.cover.side {
            Some(Side::Left) => Value::Text("left".to_owned()),
            Some(Side::Right) => Value::Text("right".to_owned()),
            None => Value::Empty,
        }
    }

    fn mm(&self, length: Option<f64>) -> Value {
        Value::maybe(length.and_then(|l| self.scale.mm(l)))
    }

    fn px(&self, length: Option<f64>) -> Value {
        Value::maybe(length.map(|l| self.scale.px(l)))
    }

    fn mm_min(&self, speed: Option<f64>) -> Value {
        self.mm(speed.map(|s| s * S_PER_MIN))
    }

    fn origin(&self) -> Option<PointYx> {
        self.travel.origin.map(|o| o.at)
    }
}

pub(super) const S_PER_MIN: f64 = 60.0;

fn percent(fraction: Option<f64>) -> Value {
    Value::maybe(fraction.map(|f| 100.0 * f))
}

const NO_TIME: &str = "without the times of its intervals";
const NO_ARRIVAL: &str = "without arrivals";
const NO_ARRIVAL_OR_SIZE: &str = "without pixel size or arrivals";
const NO_FRONT: &str = "where no front can be made out";
const NO_FRONT_OR_SIZE: &str = "without pixel size, and where no front can be made out";
const NO_SIZE: &str = "without pixel size";
const NO_WAVEFORM: &str = "without a time course";

/// The columns of `waves`, in order. A pixel's arrival is when the wave passed it, as the detector gives it; "smoothed"
/// and "local front" refer to planes fitted to the arrivals within 0.2 mm (without pixel size, an eighth of the radius
/// of a disc of the visited area); lengths in px are in geometric means of the edges of a pixel.
pub(super) fn wave_columns<'a>() -> Vec<Column<Measured<'a>>> {
    vec![
        column("wave_id", "", "number of the wave, and its value in masks.tif", "", |m| Value::Int(m.wave.id.into())),
        column("episode_id", "", "episode that it belongs to", "", |m| Value::Int(m.wave.episode_id.into())),
        column("name", "", "name of the wave", "", |m| Value::Text(m.wave.name.clone())),
        column("start_frame", "frame", "first interval with a mask", "", |m| {
            m.wave.frames.first().map_or(Value::Empty, |f| count(f.frame))
        }),
        column("end_frame", "frame", "first interval after the last mask", "", |m| {
            m.wave.frames.last().map_or(Value::Empty, |f| count(f.frame + 1))
        }),
        column("start_s", "s", "start of the first interval with a mask", NO_TIME, |m| {
            Value::maybe(m.span_s.map(|s| s.0))
        }),
        column("end_s", "s", "end of the last interval with a mask", NO_TIME, |m| Value::maybe(m.span_s.map(|s| s.1))),
        column("duration_s", "s", "end_s - start_s", NO_TIME, |m| Value::maybe(m.span_s.map(|s| s.1 - s.0))),
        column("origin_y_px", "px", "row of the apex of the cone of first arrivals", NO_ARRIVAL, |m| {
            Value::maybe(m.origin().map(|o| o.y))
        }),
        column("origin_x_px", "px", "column of that apex", NO_ARRIVAL, |m| Value::maybe(m.origin().map(|o| o.x))),
        column("origin_y_mm", "mm", "origin_y_px times the height of a pixel", NO_ARRIVAL_OR_SIZE, |m| {
            m.mm(m.origin().map(|o| o.y * m.scale.y))
        }),
        column("origin_x_mm", "mm", "origin_x_px times the width of a pixel", NO_ARRIVAL_OR_SIZE, |m| {
            m.mm(m.origin().map(|o| o.x * m.scale.x))
        }),
        column(
            "end_y_mm",
            "mm",
            "row of the last position of the front: middle of the 2 % reached last",
            NO_ARRIVAL_OR_SIZE,
            |m| m.mm(m.travel.end.map(|e| e.y * m.scale.y)),
        ),
        column("end_x_mm", "mm", "column of the last position of the front", NO_ARRIVAL_OR_SIZE, |m| {
            m.mm(m.travel.end.map(|e| e.x * m.scale.x))
        }),
        column(
            "speed_mm_min",
            "mm/min",
            "median over the visited area of the speed of the local front",
            NO_FRONT_OR_SIZE,
            |m| m.mm_min(m.travel.speed.map(|s| s.median)),
        ),
        column(
            "speed_ci_low",
            "mm/min",
            "lower end of its 95 % interval, bootstrap over blocks of tissue",
            "as speed_mm_min, and for fewer than 4 blocks of 0.7 mm",
            |m| m.mm_min(m.travel.speed.and_then(|s| s.interval).map(|i| i.0)),
        ),
        column("speed_ci_high", "mm/min", "upper end of that interval", "as speed_ci_low", |m| {
            m.mm_min(m.travel.speed.and_then(|s| s.interval).map(|i| i.1))
        }),
        column(
            "path_length_mm",
            "mm",
            "length of the line of steepest arrival from origin to end; failing that, of the shortest way in the area",
            NO_ARRIVAL_OR_SIZE,
            |m| m.mm(m.travel.path_length),
        ),
        column("net_displacement_mm", "mm", "straight distance from the origin to the end", NO_ARRIVAL_OR_SIZE, |m| {
            m.mm(m.travel.net_displacement)
        }),
        column(
            "tortuosity",
            "1",
            "path length over net displacement",
            "without arrivals, and if the net displacement is 0",
            |m| Value::maybe(m.travel.tortuosity()),
        ),
        column("cover_area_mm2", "mm2", "area of the union of the masks", NO_SIZE, |m| {
            Value::maybe(m.scale.area_mm2(m.cover.area_px))
        }),
        column("max_area_mm2", "mm2", "area of the largest mask that is not interpolated", NO_SIZE, |m| {
            Value::maybe(m.scale.area_mm2(m.cover.max_area_px))
        }),
        column(
            "peak_drr_pct",
            "%",
            "value of the mean time course farthest from 0, signed, against the level before the wave",
            NO_WAVEFORM,
            |m| percent(m.amplitude.peak_drr),
        ),
        column("time_to_peak_s", "s", "time from arrival to that peak", NO_WAVEFORM, |m| {
            Value::maybe(m.amplitude.time_to_peak_s)
        }),
        column(
            "direction_deg",
            "deg",
            "mean direction of travel over the visited area, counter-clockwise from the picture's right, up being 90",
            "where no front can be made out or the wave spreads to all sides",
            |m| Value::maybe(m.travel.axis.map(|a| a.direction_deg)),
        ),
        column(
            "side",
            "",
            "side of the midline in the picture on which the centroid of the covered area lies",
            "without midline",
            Measured::side,
        ),
        column("end_y_px", "px", "row of the last position of the front", NO_ARRIVAL, |m| {
            Value::maybe(m.travel.end.map(|e| e.y))
        }),
        column("end_x_px", "px", "column of the last position of the front", NO_ARRIVAL, |m| {
            Value::maybe(m.travel.end.map(|e| e.x))
        }),
        column(
            "origin_uncertainty_mm",
            "mm",
            "root mean square shift of the origin, bootstrap over blocks of arrivals",
            "without pixel size, and with too few arrivals for a cone",
            |m| m.mm(m.travel.origin.and_then(|o| o.uncertainty)),
        ),
        column("origin_uncertainty_px", "px", "the same in px", "with too few arrivals for a cone", |m| {
            m.px(m.travel.origin.and_then(|o| o.uncertainty))
        }),
        column("onset_s", "s", "arrival at the origin, from the cone", NO_ARRIVAL, |m| {
            Value::maybe(m.travel.origin.map(|o| o.onset_s))
        }),
        column("last_arrival_s", "s", "smoothed arrival at the last position of the front", NO_ARRIVAL, |m| {
            Value::maybe(m.travel.last_arrival_s)
        }),
        column(
            "sampled_duration_s",
            "s",
            "published duration: from the last mask's end to the first mask's end, one interval short of duration_s",
            NO_TIME,
            |m| Value::maybe(m.track.first().zip(m.track.last()).map(|(a, b)| b.0 - a.0)),
        ),
        column("cut_at_start", "", "true if its first mask is in the first valid interval of the recording", "", |m| {
            Value::Bool(m.cut_at_start)
        }),
        column("cut_at_end", "", "true if its last mask is in the last valid interval of the recording", "", |m| {
            Value::Bool(m.cut_at_end)
        }),
        column("speed_px_s", "px/s", "median speed of the local front in px", NO_FRONT, |m| {
            m.px(m.travel.speed.map(|s| s.median))
        }),
        column(
            "speed_ci_low_px_s",
            "px/s",
            "lower end of its 95 % interval",
            "where no front can be made out, and for fewer than 4 blocks",
            |m| m.px(m.travel.speed.and_then(|s| s.interval).map(|i| i.0)),
        ),
        column("speed_ci_high_px_s", "px/s", "upper end of that interval", "as speed_ci_low_px_s", |m| {
            m.px(m.travel.speed.and_then(|s| s.interval).map(|i| i.1))
        }),
        column("speed_iqr_low", "mm/min", "first quartile of the local speeds", NO_FRONT_OR_SIZE, |m| {
            m.mm_min(m.travel.speed.map(|s| s.quartiles.0))
        }),
        column("speed_iqr_high", "mm/min", "third quartile of the local speeds", NO_FRONT_OR_SIZE, |m| {
            m.mm_min(m.travel.speed.map(|s| s.quartiles.1))
        }),
        column("speed_n", "1", "number of pixels with a local speed", "", |m| count(m.travel.speed.map_or(0, |s| s.n))),
        column(
            "speed_theil_sen_mm_min",
            "mm/min",
            "reciprocal of the Theil-Sen slope of arrival over distance from the origin within the visited area",
            "without pixel size, and for fewer than 8 windows",
            |m| m.mm_min(m.travel.theil_sen.map(|s| s.speed)),
        ),
        column(
            "speed_theil_sen_ci_low",
            "mm/min",
            "lower end of its 95 % interval",
            "as speed_theil_sen_mm_min",
            |m| m.mm_min(m.travel.theil_sen.and_then(|s| s.interval.0)),
        ),
        column(
            "speed_theil_sen_ci_high",
            "mm/min",
            "upper end of its 95 % interval",
            "as speed_theil_sen_mm_min, and if the slowness is not told from 0",
            |m| m.mm_min(m.travel.theil_sen.and_then(|s| s.interval.1)),
        ),
        column("path_length_px", "px", "path length in px", NO_ARRIVAL, |m| m.px(m.travel.path_length)),
        column("net_displacement_px", "px", "net displacement in px", NO_ARRIVAL, |m| m.px(m.travel.net_displacement)),
        column(
            "max_radius_mm",
            "mm",
            "largest distance from the origin within the visited area",
            NO_ARRIVAL_OR_SIZE,
            |m| m.mm(m.travel.max_radius),
        ),
        column("max_radius_px", "px", "the same in px", NO_ARRIVAL, |m| m.px(m.travel.max_radius)),
        column("cover_area_px", "px", "number of pixels of the union of the masks", "", |m| count(m.cover.area_px)),
        column("max_area_px", "px", "number of pixels of the largest mask that is not interpolated", "", |m| {
            count(m.cover.max_area_px)
        }),
        column(
            "max_drr_pct",
            "%",
            "largest value of the mean time course",
            "without a time course, and if it is nowhere positive",
            |m| percent(m.amplitude.highest_drr),
        ),
        column(
            "min_drr_pct",
            "%",
            "smallest value of the mean time course",
            "without a time course, and if it is nowhere negative",
            |m| percent(m.amplitude.lowest_drr),
        ),
        column(
            "half_width_s",
            "s",
            "full width of the mean time course at half of its peak",
            "without a time course, and if it does not fall below half on both sides",
            |m| Value::maybe(m.amplitude.half_width_s),
        ),
        column(
            "auc_pct_s",
            "% s",
            "integral of the mean time course between the changes of sign around its peak",
            NO_WAVEFORM,
            |m| percent(m.amplitude.area_drr_s),
        ),
        column(
            "pixel_peak_max_pct",
            "%",
            "of the peaks of single pixels, the one that 0.5 % exceed",
            "without a map of peaks",
            |m| percent(m.amplitude.largest_pixel_drr),
        ),
        column("pixel_peak_median_pct", "%", "median of the peaks of single pixels", "without a map of peaks", |m| {
            percent(m.amplitude.median_pixel_drr)
        }),
        column(
            "direction_coherence",
            "1",
            "length of the mean unit vector of travel: 1 for a plane wave",
            "as direction_deg",
            |m| Value::maybe(m.travel.axis.map(|a| a.coherence)),
        ),
        column(
            "crosses_midline",
            "",
            "true if more than a twentieth of the covered area lies on the other side",
            "without midline",
            |m| m.cover.crosses_midline.map_or(Value::Empty, Value::Bool),
        ),
        column(
            "touches_border",
            "",
            "true if the covered area reaches the edge of the window or of the image",
            "",
            |m| Value::Bool(m.cover.touches_border),
        ),
        column(
            "interval_since_previous_s",
            "s",
            "time from the onset of the wave before it to its own",
            "for the first wave",
            |m| Value::maybe(m.interval_since_previous_s),
        ),
        column(
            "interval_same_side_s",
            "s",
            "time from the onset of the wave before it on its side to its own",
            "without midline, and for the first wave of a side",
            |m| Value::maybe(m.interval_same_side_s),
        ),
    ]
}
