//! Space against time.

use super::axis::Panel;
use super::canvas::{Canvas, Paint, Polyline};
use super::gray::{self, Pool, Window};
use super::{Figure, Scale, palette, projection};
use ndarray::Array2;
use sparkwave_core::event::Event;

/// Quantiles of the kymograph that become white and black: events are far less than 1 % of it and should be black.
const WINDOW: (f64, f64) = (0.01, 0.9995);
/// Between an event and the lines beside it.
const GAP: f64 = 2.0;
const IMAGE_WIDTH: f64 = 620.0;
/// The image is never flatter or taller than this, however few or many frames there are.
const HEIGHTS: (f64, f64) = (160.0, 860.0);

/// Draws the registered movie's maximum over rows, `[T, X]`, in inverted gray with time running downwards. Two
/// thin lines enclose each event: its columns between them, its frames along them. Axes are in micrometres and seconds where known, otherwise in pixels and frames.
///
/// The data hold one row an event, as in [`super::max_projection`].
pub fn kymograph(kymograph: &Array2<f32>, events: &[Event], scale: &Scale) -> Figure {
    let (n_frames, n_columns) = kymograph.dim();
    let (n_t, n_x) = (n_frames.max(1) as f64, n_columns.max(1) as f64);
    let (per_frame, time_unit) = scale.per_frame();
    let (per_px, x_title) = scale.pixel_size.map_or((1.0, "x (px)"), |size| (size.x.get(), "x (µm)"));
    let panel = Panel {
        left: 72.0,
        top: 12.0,
        width: IMAGE_WIDTH,
        height: (IMAGE_WIDTH / n_x * n_t).clamp(HEIGHTS.0, HEIGHTS.1),
        x: (-0.5 * per_px, (n_x - 0.5) * per_px),
        y: ((n_t - 0.5) * per_frame, -0.5 * per_frame),
    };
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, panel.bottom() + 42.0);
    if !kymograph.is_empty() {
        let window = Window::of(kymograph, WINDOW.0, WINDOW.1);
        let bitmap = gray::inverted(&gray::fitted(kymograph, Pool::Max).view(), window);
        canvas.image((panel.left, panel.top), panel.width, panel.height, bitmap, true);
    }
    for event in events {
        draw_event(&mut canvas, &panel, event, per_frame, per_px);
    }
    panel.draw_x_axis(&mut canvas, x_title);
    panel.draw_y_axis(&mut canvas, &format!("Time ({time_unit})"));
    let marked = if events.is_empty() {
        " No events were found."
    } else {
        " Pairs of thin lines enclose the events and span their frames."
    };
    let caption = format!("Maximum over rows of the registered movie, inverted gray, time downwards.{marked}");
    canvas.into_figure("kymograph", caption, Some(projection::positions(events, scale)))
}

/// The lines keep a gap to the event, so that the event itself stays visible.
fn draw_event(canvas: &mut Canvas, panel: &Panel, event: &Event, per_frame: f64, per_px: f64) {
    let frames = event.frames();
    let columns = || event.voxels.iter().map(|voxel| voxel.x);
    let (first, last) = (columns().min().unwrap_or(event.peak.x), columns().max().unwrap_or(event.peak.x));
    let frame_edge = |frame: usize| (frame as f64 - 0.5) * per_frame;
    let (left, top) = panel.at((f64::from(first) - 0.5) * per_px, frame_edge(frames.start));
    let (right, bottom) = panel.at((f64::from(last) + 0.5) * per_px, frame_edge(frames.end));
    let middle = (top + bottom) / 2.0;
    let half = ((bottom - top) / 2.0).max(1.5);
    let side = |x: f64| {
        let x = x.clamp(panel.left + 0.5, panel.right() - 0.5);
        Polyline { points: vec![(x, middle - half), (x, middle + half)], closed: false }
    };
    canvas.path(vec![side(left - GAP), side(right + GAP)], Paint::stroke(palette::VERMILLION, 1.1));
}
