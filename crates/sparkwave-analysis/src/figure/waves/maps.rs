//! Maps of a wave over the cortex: arrival, speed, time of stay; and the window itself.

use super::super::canvas::{Canvas, Paint, Point, Text};
use super::super::{Figure, axis, contour, palette, scale_bar};
use super::map::{FieldPanel, LineLabels};
use super::{Field, WaveTrack};
use sparkwave_core::mask::Patch;
use sparkwave_core::table::{Table, Value};

const MARGIN: f64 = 12.0;
/// Side of the image plane in these figures: two figures share a page.
const SIDE: f64 = 420.0;
/// Room for the colour bar and its axis.
const BAR: f64 = 92.0;
/// Room for the title and for the scale bar.
const TITLE: f64 = 24.0;
const FOOT: f64 = 34.0;
/// Opacity of a map over the anatomy.
const OPACITY: f64 = 0.78;
/// Lines in a map of arrivals.
const N_ISOCHRONES: f64 = 12.0;
/// Shorter pieces of line, in px, are specks of noise.
const SHORTEST_LINE_PX: f64 = 8.0;

/// Where the front of a wave was at one time.
#[derive(Clone, Debug)]
pub(super) struct Isochrone {
    /// Time since onset.
    pub(super) lag_s: f64,
    /// Lines `(x, y)` in pixels of the image.
    pub(super) lines: Vec<Vec<Point>>,
}

/// A round time step that gives at most twelve isochrones over this many seconds.
pub(super) fn isochrone_step_s(duration_s: f64) -> f64 {
    if duration_s.is_finite() && duration_s > 0.0 { axis::round_up(duration_s / N_ISOCHRONES) } else { 1.0 }
}

/// The isochrones of a wave every `step_s`, of the arrivals averaged over 5 px.
pub(super) fn isochrone_lines(track: &WaveTrack<'_>, step_s: f64) -> Vec<Isochrone> {
    let arrival = contour::smoothed(&track.wave.arrival_s);
    let last = arrival.iter().map(|(_, t)| f64::from(t) - track.onset_s).fold(0.0, f64::max);
    // A step that is too fine for the wave would only waste time.
    let n = if step_s > 0.0 { (last / step_s).clamp(0.0, 1000.0) as usize } else { 0 };
    let line = |i: usize| {
        let lag = i as f64 * step_s;
        let mut lines = contour::isolines(&arrival, (track.onset_s + lag) as f32);
        lines.retain(|line| contour::length(line) >= SHORTEST_LINE_PX);
        Isochrone { lag_s: lag, lines }
    };
    (1..=n).map(line).filter(|i| !i.lines.is_empty()).collect()
}

/// Draws when a wave arrived where: arrival times since its onset in colour, isochrones with their times, the origin as a
/// cross, window, midline and scale bar.
///
/// The data hold one row an isochrone: `t_s` (since onset), `area_px` and `area_mm2` reached until then (empty without
/// pixel size).
pub fn isochrones(field: &Field<'_>, track: &WaveTrack<'_>) -> Figure {
    let name = &track.wave.name;
    let lags = || track.wave.arrival_s.iter().map(|(_, t)| f64::from(t) - track.onset_s);
    let last = lags().fold(0.0, f64::max);
    let step = isochrone_step_s(last);
    let (mut canvas, plane) = page(field, &format!("Wave {name}: arrival"), BAR);
    plane.draw_image(&mut canvas, field, |(y, x)| {
        let lag = f64::from(track.wave.arrival_s.at(y, x)?) - track.onset_s;
        Some((palette::time_color(part(lag, (0.0, last))), OPACITY))
    });
    plane.draw_cortex(&mut canvas, field, 1.0);
    let isochrones = isochrone_lines(track, step);
    let mut labels = LineLabels::default();
    if let Some(origin) = track.origin {
        labels.avoid(plane.at(origin), 7.0);
    }
    for Isochrone { lines, .. } in &isochrones {
        canvas.path(plane.lines(lines), Paint::stroke(palette::PAPER, 1.3));
    }
    for Isochrone { lag_s, lines } in &isochrones {
        labels.draw(&mut canvas, &plane.lines(lines), &format!("{} s", axis::brief(*lag_s)));
    }
    if let Some(origin) = track.origin {
        plane.draw_origin(&mut canvas, origin, 4.5);
    }
    if lags().next().is_some() {
        plane.draw_color_bar(&mut canvas, (0.0, last), "Arrival after onset (s)", palette::time_color);
    }
    plane.draw_scale_bar(&mut canvas, field);
    let mut table = Table::new();
    let reached: Vec<(f64, usize)> =
        isochrones.iter().map(|i| (i.lag_s, lags().filter(|t| *t <= i.lag_s).count())).collect();
    table.push("t_s", reached.iter().map(|r| Value::float(r.0)).collect());
    table.push("area_px", reached.iter().map(|r| Value::Int(r.1 as i64)).collect());
    let mm2 = |n: usize| Value::maybe(field.pixel_size.map(|_| field.area(n)));
    table.push("area_mm2", reached.iter().map(|r| mm2(r.1)).collect());
    let mut caption = format!("Wave {name}: when it arrived at each place it visited, in seconds after its onset.");
    if isochrones.is_empty() {
        caption.push_str(" Too little is visited for isochrones.");
    } else {
        caption.push_str(&format!(
            " White lines are isochrones every {} s, drawn from arrival times averaged over 5 px.",
            axis::brief(step)
        ));
    }
    if track.origin.is_some() {
        caption.push_str(" The cross is the estimated origin.");
    }
    caption.push_str(&surroundings(field));
    canvas.into_figure(&format!("isochrones_{}", file_part(name)), caption, Some(table))
}

/// Draws the local speed of a wave: mm/min with a pixel size, otherwise px/s, undefined where the map holds NaN.
///
/// Colours end at the 2 % and 98 % quantiles. The data hold quantiles: `quantile, speed_mm_min, speed_px_s`, of which one
/// is empty.
pub fn speed_map(field: &Field<'_>, track: &WaveTrack<'_>, speed: &Patch) -> Figure {
    let name = &track.wave.name;
    let mut ascending: Vec<f64> = speed.iter().map(|(_, v)| f64::from(v)).collect();
    ascending.sort_by(f64::total_cmp);
    let quantile = |q: f64| ascending.get((q * ascending.len().saturating_sub(1) as f64).round() as usize).copied();
    let range = (quantile(0.02).unwrap_or(0.0), quantile(0.98).unwrap_or(0.0));
    let (mut canvas, plane) = page(field, &format!("Wave {name}: speed"), BAR);
    plane
        .draw_image(&mut canvas, field, |(y, x)| Some((speed_color(part(f64::from(speed.at(y, x)?), range)), OPACITY)));
    plane.draw_cortex(&mut canvas, field, 1.0);
    if let Some(origin) = track.origin {
        plane.draw_origin(&mut canvas, origin, 4.5);
    }
    let unit = field.speed_unit();
    if !ascending.is_empty() {
        plane.draw_color_bar(&mut canvas, range, &format!("Local speed ({unit})"), speed_color);
    }
    plane.draw_scale_bar(&mut canvas, field);
    let mut table = Table::new();
    let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95];
    let column =
        |known: bool| quantiles.iter().map(|&q| if known { Value::maybe(quantile(q)) } else { Value::Empty }).collect();
    table.push("quantile", quantiles.iter().map(|&q| Value::float(q)).collect());
    table.push("speed_mm_min", column(field.pixel_size.is_some()));
    table.push("speed_px_s", column(field.pixel_size.is_none()));
    let mut caption = format!("Wave {name}: local speed of the front, one over the slope of the arrival times.");
    match (quantile(0.25), quantile(0.5), quantile(0.75)) {
        (Some(low), Some(median), Some(high)) => caption.push_str(&format!(
            " Median {} {unit}, half of the places between {} and {} {unit}, n\u{a0}=\u{a0}{}\u{a0}px; colours end at the 2 % and 98 % \
             quantiles. Places without colour have no slope that could be told from noise.",
            axis::brief(median),
            axis::brief(low),
            axis::brief(high),
            ascending.len()
        )),
        _ => caption.push_str(" It could not be made out anywhere."),
    }
    caption.push_str(&surroundings(field));
    canvas.into_figure(&format!("speed_{}", file_part(name)), caption, Some(table))
}

/// Draws how long each place lay inside the masks of a wave, s; undefined where it never did. See
/// [`crate::measure::waves::visited_time_map`].
pub fn visited_time(field: &Field<'_>, track: &WaveTrack<'_>, stay_s: &Patch) -> Figure {
    let name = &track.wave.name;
    let longest = f64::from(stay_s.iter().map(|(_, t)| t).fold(0.0, f32::max));
    let n_visited = stay_s.iter().count();
    let (mut canvas, plane) = page(field, &format!("Wave {name}: time inside its mask"), BAR);
    plane.draw_image(&mut canvas, field, |(y, x)| {
        Some((speed_color(part(f64::from(stay_s.at(y, x)?), (0.0, longest))), OPACITY))
    });
    plane.draw_cortex(&mut canvas, field, 1.0);
    if let Some(origin) = track.origin {
        plane.draw_origin(&mut canvas, origin, 4.5);
    }
    if longest > 0.0 {
        plane.draw_color_bar(&mut canvas, (0.0, longest), "Time inside the mask (s)", speed_color);
    }
    plane.draw_scale_bar(&mut canvas, field);
    let caption = format!(
        "Wave {name}: how long each place lay inside its mask, the band where the reflectance rises. Coloured area: {} \
         {}.{}",
        axis::brief(field.area(n_visited)),
        field.area_unit(),
        surroundings(field)
    );
    canvas.into_figure(&format!("visited_{}", file_part(name)), caption, None)
}

/// Draws the mean image with the window and the midline that were proposed for it.
pub fn cortex_window(field: &Field<'_>) -> Figure {
    let (mut canvas, plane) = page(field, "Cortex", MARGIN);
    plane.draw_image(&mut canvas, field, |_| None);
    plane.draw_cortex(&mut canvas, field, 1.6);
    plane.draw_scale_bar(&mut canvas, field);
    let n_inside = field.anatomy.indexed_iter().filter(|(at, _)| field.is_inside(*at)).count();
    let mut caption = match n_inside {
        0 => "Mean image. No window was found.".to_owned(),
        n => format!(
            "Mean image; what lies outside the window is faded. The window covers {} {}.",
            axis::brief(field.area(n)),
            field.area_unit()
        ),
    };
    caption.push_str(&surroundings(field));
    canvas.into_figure("cortex", caption, None)
}

/// A titled page with the image plane on it and so much room on its right.
fn page(field: &Field<'_>, title: &str, right: f64) -> (Canvas, FieldPanel) {
    let plane = FieldPanel::new(field, (MARGIN, MARGIN + TITLE - 6.0), SIDE);
    let mut canvas = Canvas::new(MARGIN + SIDE + right, plane.panel.bottom() + FOOT);
    canvas.text(Text::new((MARGIN, MARGIN + 8.0), title, axis::LABEL_SIZE).bold());
    (canvas, plane)
}

/// Where `value` lies in a range; the middle if the range is empty.
fn part(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
}

/// Viridis: larger is lighter, told apart by colour-blind readers.
fn speed_color(position: f64) -> [u8; 3] {
    let color = colorous::VIRIDIS.eval_continuous(position.clamp(0.0, 1.0));
    [color.r, color.g, color.b]
}

/// What window, midline and bar are, for a caption.
fn surroundings(field: &Field<'_>) -> String {
    let has_window = field.cortex.inside.iter().any(|inside| *inside);
    let mut text = match (has_window, field.cortex.midline) {
        (true, Some(_)) => " The thin line is the outline of the window, the dashed one the midline.".to_owned(),
        (true, None) => " The thin line is the outline of the window.".to_owned(),
        (false, Some(_)) => " The dashed line is the midline.".to_owned(),
        (false, None) => String::new(),
    };
    text.push_str(&format!(" Scale bar: {}.", scale_bar::any_label(&field.scale(), field.size().1)));
    if field.pixel_size.is_none() {
        text.push_str(" The pixel size is unknown.");
    }
    text
}

/// A wave's name as part of a file name.
pub(super) fn file_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
