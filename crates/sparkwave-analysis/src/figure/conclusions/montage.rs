//! Events as small pictures, those of a group in a row.

use super::super::axis::{LABEL_SIZE, TICK_SIZE};
use super::super::canvas::{Canvas, Paint, Text};
use super::super::gray::{self, Window};
use super::super::{Clip, Figure, Scale, filmstrip, outline, palette, scale_bar};
use ndarray::{Array2, Axis, s};
use sparkwave_core::table::{Table, Value};

/// An event to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Above the picture.
    pub title: String,
    /// Its pixels, mask and trace.
    pub clip: Clip,
    /// What a pixel and a frame of its recording are worth.
    pub scale: Scale,
}

/// Side of a picture, of the page and of the clip.
const SIDE: f64 = 96.0;
const SIDE_PX: usize = 40;
const LEFT: f64 = 96.0;
const TOP: f64 = 10.0;
const PITCH: (f64, f64) = (176.0, 206.0);
const TRACE: (f64, f64) = (132.0, 48.0);
/// Contrast: the darkest quarter white, the brightest thousandth black.
const CONTRAST: (f64, f64) = (0.25, 0.999);

/// Draws a row for each group (name, events): of each event the maximum over its frames with the outline of its footprint
/// and a scale bar, and below it dF/F0 of the footprint with its frames shaded.
///
/// The data hold the traces: `group, event, frame, t_s, dff`.
pub fn montage(name: &str, groups: &[(String, Vec<Shown>)], caption: String) -> Figure {
    let widest = groups.iter().map(|(_, shown)| shown.len()).max().unwrap_or(0);
    if widest == 0 {
        return super::nothing(name);
    }
    let mut canvas = Canvas::new(LEFT + PITCH.0 * widest as f64, TOP + PITCH.1 * groups.len() as f64);
    for (row, (group, shown)) in groups.iter().enumerate() {
        let top = TOP + PITCH.1 * row as f64;
        canvas.circle((10.0, top + 26.0), 4.0, Paint::fill(palette::group_color(row)));
        canvas.text(Text::new((20.0, top + 30.0), group.clone(), LABEL_SIZE).bold());
        for (column, event) in shown.iter().enumerate() {
            let left = LEFT + PITCH.0 * column as f64;
            canvas.text(Text::new((left, top + 10.0), event.title.clone(), TICK_SIZE));
            picture(&mut canvas, event, (left, top + 16.0));
            let (_, unit) = event.scale.per_frame();
            let y = top + 16.0 + SIDE + 18.0;
            canvas.text(Text::new((left, y), format!("ΔF/F₀, time ({unit})"), TICK_SIZE).colored(palette::QUIET));
            filmstrip::draw_trace(&mut canvas, &event.clip, &event.scale, (left, y + 6.0, TRACE.0, TRACE.1));
        }
    }
    canvas.into_figure(name, caption, Some(traces(groups)))
}

/// The brightest of each pixel over the event's frames, around the event.
fn picture(canvas: &mut Canvas, event: &Shown, (left, top): (f64, f64)) {
    let clip = &event.clip;
    let footprint = clip.mask.fold_axis(Axis(0), false, |seen, inside| *seen || *inside);
    let inside: Vec<(usize, usize)> =
        footprint.indexed_iter().filter(|(_, inside)| **inside).map(|(at, _)| at).collect();
    let (height, width) = footprint.dim();
    if inside.is_empty() || clip.pixels.dim() != clip.mask.dim() {
        return;
    }
    let start = |middle: usize, size: usize| middle.saturating_sub(SIDE_PX / 2).min(size.saturating_sub(SIDE_PX));
    let mean = |of: fn(&(usize, usize)) -> usize| inside.iter().map(of).sum::<usize>() / inside.len();
    let (y0, x0) = (start(mean(|at| at.0), height), start(mean(|at| at.1), width));
    let (y1, x1) = ((y0 + SIDE_PX).min(height), (x0 + SIDE_PX).min(width));
    let seen: Array2<f32> = clip
        .pixels
        .axis_iter(Axis(0))
        .zip(clip.mask.axis_iter(Axis(0)))
        .filter(|(_, mask)| mask.iter().any(|inside| *inside))
        .fold(Array2::from_elem((y1 - y0, x1 - x0), f32::MIN), |mut brightest, (frame, _)| {
            brightest.zip_mut_with(&frame.slice(s![y0..y1, x0..x1]), |b, v| *b = b.max(*v));
            brightest
        });
    let zoom = SIDE / (x1 - x0) as f64;
    let tall = zoom * event.scale.aspect();
    let window = Window::of(&seen, CONTRAST.0, CONTRAST.1);
    let (width, height) = (zoom * (x1 - x0) as f64, (tall * (y1 - y0) as f64).min(SIDE));
    canvas.image((left, top), width, height, gray::inverted(&seen.view(), window), false);
    canvas.rect((left, top), width, height, Paint::stroke(palette::FAINT, 0.6));
    let shown = inside.iter().filter(|(y, x)| (y0..y1).contains(y) && (x0..x1).contains(x));
    let polygons = outline::polygons(shown.map(|(y, x)| ((y - y0) as u32, (x - x0) as u32)));
    let lines = outline::lines(&polygons, |(x, y)| (left + x * zoom, top + y * height / (y1 - y0) as f64));
    canvas.path(lines, Paint::stroke(palette::VERMILLION, 1.2));
    scale_bar::draw_any(canvas, &event.scale, 2.0 * (x1 - x0) as f64, zoom, (left + width + 62.0, top + height - 18.0));
}

fn traces(groups: &[(String, Vec<Shown>)]) -> Table {
    let samples: Vec<(&str, &Shown, usize, f32)> = groups
        .iter()
        .flat_map(|(group, shown)| shown.iter().map(move |event| (group.as_str(), event)))
        .flat_map(|(group, event)| {
            let first = event.clip.trace_first_frame;
            event.clip.trace.iter().enumerate().map(move |(i, dff)| (group, event, first + i, *dff))
        })
        .collect();
    let seconds = |event: &Shown, frame: usize| event.scale.frame_interval.map(|dt| frame as f64 * dt.get());
    let mut table = Table::new();
    table.push("group", samples.iter().map(|s| Value::Text(s.0.to_owned())).collect());
    table.push("event", samples.iter().map(|s| Value::Text(s.1.title.clone())).collect());
    table.push("frame", samples.iter().map(|s| Value::Int(s.2 as i64)).collect());
    table.push("t_s", samples.iter().map(|s| Value::maybe(seconds(s.1, s.2))).collect());
    table.push("dff", samples.iter().map(|s| Value::float(s.3)).collect());
    table
}
