//! The tables of a wave run that are not measures of waves: time, motion, intervals, episodes, what was rejected.

use super::find::{Found, Rejected};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Episode, Interval};

/// `rate.csv`
pub(super) fn rate(intervals: &[Interval], names: &[String]) -> Table {
    let mut table = Table::new();
    table.push("frame", (0..intervals.len()).map(|i| Value::Int(i as i64)).collect());
    table.push("t_start_s", intervals.iter().map(|i| Value::float(i.start_s)).collect());
    table.push("t_end_s", intervals.iter().map(|i| Value::float(i.end_s)).collect());
    table.push("valid", intervals.iter().map(|i| Value::Bool(i.valid)).collect());
    table.push("name", names.iter().map(|n| Value::Text(n.clone())).collect());
    table
}

/// `motion.csv`: one row a time bin; `light` is the common relative change that was removed.
pub(super) fn motion(found: &Found, start_s: f64, bin_s: f64, pixel_size: Option<PixelSize>) -> Table {
    let drift = &found.drift;
    let n = drift.displacements.len();
    let seen = |bin: usize, v: f64| if found.missing[bin] { Value::Empty } else { Value::float(v) };
    let um = |edge: Option<f64>, px: f64, bin: usize| edge.map_or(Value::Empty, |edge| seen(bin, px * edge));
    let (edge_y, edge_x) = (pixel_size.map(|p| p.y.get()), pixel_size.map(|p| p.x.get()));
    let flagged = |bin: usize| drift.flagged.binary_search(&bin).is_ok() && !found.missing[bin];
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(usize) -> Value| table.push(name, (0..n).map(value).collect());
    column("bin", &|bin| Value::Int(bin as i64));
    column("t_s", &|bin| Value::float(start_s + (bin as f64 + 0.5) * bin_s));
    column("y_px", &|bin| seen(bin, drift.displacements[bin].y));
    column("x_px", &|bin| seen(bin, drift.displacements[bin].x));
    column("y_um", &|bin| um(edge_y, drift.displacements[bin].y, bin));
    column("x_um", &|bin| um(edge_x, drift.displacements[bin].x, bin));
    column("correlation", &|bin| seen(bin, drift.correlations[bin]));
    column("flagged", &|bin| Value::Bool(flagged(bin)));
    column("light", &|bin| seen(bin, f64::from(found.light[bin])));
    table
}

/// `episodes.csv`
pub(super) fn episodes(episodes: &[Episode]) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&Episode) -> Value| {
        table.push(name, episodes.iter().map(value).collect());
    };
    column("episode_id", &|e| Value::Int(e.id.into()));
    column("start_frame", &|e| Value::Int(e.start_frame as i64));
    column("end_frame", &|e| Value::Int(e.end_frame as i64));
    column("start_s", &|e| Value::float(e.start_s));
    column("end_s", &|e| Value::float(e.end_s));
    column("n_waves", &|e| Value::Int(e.n_waves.into()));
    column("level", &|e| Value::Int(e.level.into()));
    column("quality", &|e| Value::float(e.quality));
    column("start_uncertainty_s", &|e| Value::float(e.start_uncertainty_s));
    column("reasons", &|e| Value::Text(e.reasons.join("; ")));
    table
}

/// `rejected.csv`: what was seen and is no wave.
pub(super) fn rejected(rejected: &[Rejected]) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&Rejected) -> Value| {
        table.push(name, rejected.iter().map(value).collect());
    };
    column("start_s", &|r| Value::float(r.start_s));
    column("duration_s", &|r| Value::float(r.travel.duration_s));
    column("area_mm2", &|r| Value::float(r.travel.area_mm2));
    column("speed_mm_min", &|r| Value::maybe(r.travel.speed_mm_min));
    column("score", &|r| Value::float(r.travel.score));
    column("reason", &|r| Value::Text(r.reason.to_owned()));
    table
}
