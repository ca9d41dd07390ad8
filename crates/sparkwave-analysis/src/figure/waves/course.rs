//! A wave against time: its area and how far its front is.

use super::super::axis::{LABEL_SIZE, Panel};
use super::super::canvas::{Canvas, Paint, Stroke, Text};
use super::super::{Figure, axis, drift, palette, projection};
use super::{Field, TrackPoint, WaveTrack, maps};
use sparkwave_core::table::{Table, Value};

const HEIGHT: f64 = 170.0;
const WIDTH: f64 = 268.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 34.0;
/// From the left edge of one panel to the next.
const PITCH: f64 = 356.0;

/// Draws area and straight distance of the front from the origin against the time since onset; open circles were interpolated.
///
/// The data hold one row an interval: `frame, t_s` (since onset), `area_px, area_mm2, front_distance_mm,
/// front_distance_px, filled`; what is in the other unit is empty.
pub fn wave_course(field: &Field<'_>, track: &WaveTrack<'_>) -> Figure {
    let name = &track.wave.name;
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, TOP + HEIGHT + 44.0);
    canvas.text(Text::new((12.0, 18.0), format!("Wave {name}: course"), LABEL_SIZE).bold());
    let area = |point: &TrackPoint| Some(field.area(point.n_pixels));
    draw_panel(&mut canvas, LEFT, track, &format!("Area ({})", field.area_unit()), area);
    let title = format!("Front from origin ({})", field.length_unit());
    draw_panel(&mut canvas, LEFT + PITCH, track, &title, |point| front_distance(field, track, point));
    let caption = format!(
        "Wave {name}: area of its mask (left) and straight distance of its foremost point from the origin (right) against the time since onset. \
         Open circles: the mask was interpolated because nothing was measured."
    );
    canvas.into_figure(&format!("course_{}", maps::file_part(name)), caption, Some(table(field, track)))
}

fn front_distance(field: &Field<'_>, track: &WaveTrack<'_>, point: &TrackPoint) -> Option<f64> {
    Some(field.distance(track.origin?, point.front?))
}

fn draw_panel(
    canvas: &mut Canvas,
    left: f64,
    track: &WaveTrack<'_>,
    title: &str,
    value: impl Fn(&TrackPoint) -> Option<f64>,
) {
    let lag = |point: &TrackPoint| point.t_s - track.onset_s;
    let values: Vec<f64> = track.points.iter().map(|point| value(point).unwrap_or(f64::NAN)).collect();
    let lags = track.points.iter().map(lag);
    let first = lags.clone().fold(0.0, f64::min);
    let last = lags.fold(first, f64::max);
    let highest = values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let panel = Panel {
        left,
        top: TOP,
        width: WIDTH,
        height: HEIGHT,
        x: (first, if last > first { last + 0.03 * (last - first) } else { first + 1.0 }),
        y: (0.0, if highest > 0.0 { 1.08 * highest } else { 1.0 }),
    };
    for points in drift::runs(&values, |i, v| panel.at(lag(&track.points[i]), v)) {
        canvas.polyline(points, Paint::stroke(palette::BLUE, 1.4));
    }
    for (point, &v) in track.points.iter().zip(&values).filter(|(_, v)| v.is_finite()) {
        let fill = if point.filled { palette::PAPER } else { palette::BLUE };
        let stroke = Stroke { color: palette::BLUE, opacity: 1.0, width: 1.2, dash: None };
        canvas.circle(panel.at(lag(point), v), 2.8, Paint { fill: Some((fill, 1.0)), stroke: Some(stroke) });
    }
    if !values.iter().any(|v| v.is_finite()) {
        let at = (panel.left + WIDTH / 2.0, TOP + HEIGHT / 2.0);
        let text = Text::new(at, "Not known", axis::LABEL_SIZE).colored(palette::QUIET);
        canvas.text(text.anchored(super::super::canvas::Anchor::Middle));
    }
    panel.draw_x_axis(canvas, "Time since onset (s)");
    panel.draw_y_axis(canvas, title);
}

fn table(field: &Field<'_>, track: &WaveTrack<'_>) -> Table {
    let is_calibrated = field.pixel_size.is_some();
    let distance = |p: &TrackPoint| front_distance(field, track, p);
    let mut table = Table::new();
    let mut push = |name: &str, value: &dyn Fn(&TrackPoint) -> Value| {
        table.push(name, track.points.iter().map(value).collect());
    };
    push("frame", &|p| Value::Int(p.frame as i64));
    push("t_s", &|p| Value::float(p.t_s - track.onset_s));
    push("area_px", &|p| Value::Int(p.n_pixels as i64));
    push("area_mm2", &|p| Value::maybe(is_calibrated.then(|| field.area(p.n_pixels))));
    push("front_distance_mm", &|p| Value::maybe(distance(p).filter(|_| is_calibrated)));
    push("front_distance_px", &|p| Value::maybe(distance(p).filter(|_| !is_calibrated)));
    push("filled", &|p| Value::Bool(p.filled));
    table
}
