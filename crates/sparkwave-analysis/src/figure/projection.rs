//! The field with everything that was found in it.

use super::axis::Panel;
use super::bitmap::Bitmap;
use super::canvas::{Canvas, Paint, Polyline, Stroke};
use super::gray::{self, Pool, Window};
use super::{Figure, Scale, outline, palette, scale_bar};
use ndarray::Array2;
use sparkwave_core::event::Event;
use sparkwave_core::table::{Table, Value};

/// Width of a figure that spans the page: two journal columns (190 mm).
pub(super) const PAGE_WIDTH: f64 = 720.0;
/// Largest height of an image in a figure.
const TALLEST: f64 = 720.0;
/// Quantiles of the projection that become white and black.
const WINDOW: (f64, f64) = (0.005, 0.998);
const MARGIN: f64 = 12.0;

/// Draws a projection of the movie over time `[Y, X]` in inverted gray and the footprints of the events on it, coloured
/// by the time of their peak. With a pixel size there is a scale bar, otherwise axes in pixels.
///
/// The data hold one row an event: `event_id, t_peak_frame, t_peak_s, y_px, x_px, area_px` (the time in seconds empty
/// if the frame interval is unknown). A projection without pixels gives an empty field.
pub fn max_projection(projection: &Array2<f32>, events: &[Event], scale: &Scale) -> Figure {
    let (height_px, width_px) = projection.dim();
    let (n_y, n_x) = (height_px.max(1) as f64, width_px.max(1) as f64);
    let is_calibrated = scale.pixel_size.is_some();
    let left = if is_calibrated { MARGIN } else { 62.0 };
    let bar_space = if events.is_empty() { MARGIN } else { 92.0 };
    let zoom = ((PAGE_WIDTH - left - bar_space) / n_x).min(TALLEST / (n_y * scale.aspect()));
    let field = Panel {
        left,
        top: MARGIN,
        width: n_x * zoom,
        height: n_y * scale.aspect() * zoom,
        // Pixel 0 is centred on 0, so the image begins half a pixel before.
        x: (-0.5, n_x - 0.5),
        y: (n_y - 0.5, -0.5),
    };
    let mut canvas = Canvas::new(field.right() + bar_space, field.bottom() + 46.0);
    draw_field(&mut canvas, &field, projection);
    if is_calibrated {
        scale_bar::draw(&mut canvas, scale, n_x, zoom, (field.right(), field.bottom() + 14.0));
    } else {
        field.draw_x_axis(&mut canvas, "x (px)");
        field.draw_y_axis(&mut canvas, "y (px)");
    }
    let (per_frame, unit) = scale.per_frame();
    let times: Vec<f64> = events.iter().map(|event| f64::from(event.peak.t) * per_frame).collect();
    let range = times.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &t| (a.min(t), b.max(t)));
    draw_footprints(&mut canvas, &field, events, |i| relative(times[i], range));
    if !events.is_empty() {
        draw_color_bar(&mut canvas, &field, range, &format!("Peak time ({unit})"));
    }
    let caption = caption(events.len(), scale, n_x);
    canvas.into_figure("max_projection", caption, Some(positions(events, scale)))
}

/// Where `time` lies in its range; the middle if all times are the same.
fn relative(time: f64, (first, last): (f64, f64)) -> f64 {
    if last > first { (time - first) / (last - first) } else { 0.5 }
}

fn draw_field(canvas: &mut Canvas, field: &Panel, projection: &Array2<f32>) {
    if !projection.is_empty() {
        let window = Window::of(projection, WINDOW.0, WINDOW.1);
        let bitmap = gray::inverted(&gray::fitted(projection, Pool::Mean).view(), window);
        canvas.image((field.left, field.top), field.width, field.height, bitmap, true);
    }
    canvas.rect((field.left, field.top), field.width, field.height, Paint::stroke(palette::QUIET, 0.8));
}

/// Outlines with a white rim that sets them off from dark dendrites; all rims lie below all colours.
fn draw_footprints(canvas: &mut Canvas, field: &Panel, events: &[Event], position: impl Fn(usize) -> f64) {
    let footprints: Vec<Vec<Polyline>> = events
        .iter()
        .map(|event| outline::lines(&outline::polygons(event.footprint()), |(x, y)| field.at(x - 0.5, y - 0.5)))
        .collect();
    if !footprints.is_empty() {
        canvas.path(footprints.concat(), Paint::stroke(palette::PAPER, 3.0).faded(0.8));
    }
    for (i, lines) in footprints.into_iter().enumerate() {
        let color = palette::time_color(position(i));
        let stroke = Stroke { color, opacity: 1.0, width: 1.3, dash: None };
        canvas.path(lines, Paint { fill: Some((color, 0.2)), stroke: Some(stroke) });
    }
}

fn draw_color_bar(canvas: &mut Canvas, field: &Panel, range: (f64, f64), title: &str) {
    let bar = Panel {
        left: field.right() + 16.0,
        top: field.top,
        width: 12.0,
        height: field.height.min(260.0),
        x: (0.0, 1.0),
        y: range,
    };
    let ramp = Bitmap::vertical_ramp(256, palette::time_color);
    canvas.image((bar.left, bar.top), bar.width, bar.height, ramp, true);
    canvas.rect((bar.left, bar.top), bar.width, bar.height, Paint::stroke(palette::INK, 0.9));
    bar.draw_right_axis(canvas, range, title);
}

fn caption(n_events: usize, scale: &Scale, width_px: f64) -> String {
    let mut caption = "Projection of the registered movie over time, inverted gray. ".to_owned();
    caption.push_str(&match n_events {
        0 => "No events were found.".to_owned(),
        1 => "The outline is the footprint of the only event.".to_owned(),
        n => format!("Outlines are the footprints of {n} events, coloured by the time of their peak."),
    });
    match scale_bar::length_um(scale, width_px) {
        Some(length_um) => caption.push_str(&format!(" Scale bar: {}.", scale_bar::label(length_um))),
        None => caption.push_str(" The pixel size is unknown."),
    }
    caption
}

/// One row an event with the place and time of its peak.
pub(super) fn positions(events: &[Event], scale: &Scale) -> Table {
    let mut table = Table::new();
    let column = |value: fn(&Event) -> i64| events.iter().map(|event| Value::Int(value(event))).collect();
    table.push("event_id", column(|event| i64::from(event.id)));
    table.push("t_peak_frame", column(|event| i64::from(event.peak.t)));
    let seconds = |event: &Event| Value::maybe(scale.frame_interval.map(|dt| f64::from(event.peak.t) * dt.get()));
    table.push("t_peak_s", events.iter().map(seconds).collect());
    table.push("y_px", column(|event| i64::from(event.peak.y)));
    table.push("x_px", column(|event| i64::from(event.peak.x)));
    table.push("area_px", column(|event| event.footprint().len() as i64));
    table
}
