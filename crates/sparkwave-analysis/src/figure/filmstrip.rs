//! Example events as frames and traces.

use super::axis::{self, Panel, TICK_SIZE};
use super::canvas::{Anchor, Canvas, Paint, Stroke, Text};
use super::{Clip, Figure, Scale, crop, drift, gray, outline, palette, projection, scale_bar};
use ndarray::Axis;
use sparkwave_core::table::{Table, Value};

/// Side of a frame on the page.
const FRAME: f64 = 54.0;
const GAP: f64 = 3.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 24.0;
const ROW: f64 = 90.0;
/// Rows that fit a page; further clips are left out, and the caption says so.
const MOST_ROWS: usize = 12;
/// Frames of the trace shown on each side of the event, in durations of the event, and at least this many.
const TRACE_CONTEXT: usize = 30;

/// Draws one row an event: eight frames around its peak with the outline of its mask, and dF/F0 of its footprint with
/// the event's frames shaded. All frames have the same magnification; each row has its own contrast.
///
/// At most 12 clips are drawn. The data hold the traces: `event_id, frame, t_s, dff`.
pub fn filmstrips(clips: &[Clip], scale: &Scale) -> Figure {
    let shown = &clips[..clips.len().min(MOST_ROWS)];
    let widest = |axis: usize| shown.iter().map(|clip| clip.pixels.shape()[axis]).max().unwrap_or(1).max(1) as f64;
    let zoom = FRAME / widest(2).max(widest(1) * scale.aspect());
    let n_rows = shown.len().max(1) as f64;
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, TOP + n_rows * ROW + 24.0);
    let strip_right = LEFT + crop::N_FRAMES as f64 * (FRAME + GAP) - GAP;
    let (_, time_unit) = scale.per_frame();
    if shown.is_empty() {
        canvas.text(Text::new((LEFT, TOP + 30.0), "No events to show.", axis::LABEL_SIZE).colored(palette::QUIET));
    } else {
        let title = format!("Frames, time from the peak ({time_unit})");
        canvas.text(Text::new((LEFT, 14.0), title, TICK_SIZE).colored(palette::QUIET));
        let title = format!("ΔF/F₀ against time ({time_unit})");
        canvas.text(Text::new((strip_right + 36.0, 14.0), title, TICK_SIZE).colored(palette::QUIET));
        let bar_width = (FRAME / zoom).min(widest(2)) * 4.0;
        scale_bar::draw(&mut canvas, scale, bar_width, zoom, (strip_right, TOP + n_rows * ROW - 2.0));
    }
    for (row, clip) in shown.iter().enumerate() {
        let top = TOP + row as f64 * ROW;
        canvas.text(
            Text::new((LEFT - 8.0, top + 14.0), format!("#{}", clip.event_id), TICK_SIZE).anchored(Anchor::End).bold(),
        );
        draw_frames(&mut canvas, clip, scale, (top, zoom));
        let panel_left = strip_right + 50.0;
        let trace_panel = (panel_left, top + 1.0, projection::PAGE_WIDTH - panel_left - 12.0, FRAME + 8.0);
        draw_trace(&mut canvas, clip, scale, trace_panel);
    }
    canvas.into_figure("filmstrips", caption(clips.len(), shown.len()), Some(traces(shown, scale)))
}

fn draw_frames(canvas: &mut Canvas, clip: &Clip, scale: &Scale, (top, zoom): (f64, f64)) {
    let (_, height_px, width_px) = clip.pixels.dim();
    if height_px == 0 || width_px == 0 {
        return;
    }
    let (width, height) = (width_px as f64 * zoom, height_px as f64 * zoom * scale.aspect());
    let window = crop::clip_window(clip);
    let (per_frame, _) = scale.per_frame();
    for (i, frame) in crop::strip_frames(clip).into_iter().enumerate() {
        let left = LEFT + i as f64 * (FRAME + GAP);
        let bitmap = gray::inverted(&clip.pixels.index_axis(Axis(0), frame), window);
        canvas.image((left, top), width, height, bitmap, false);
        canvas.rect((left, top), width, height, Paint::stroke(palette::FAINT, 0.6));
        let polygons = outline::polygons(crop::mask_pixels(clip, frame));
        let lines = outline::lines(&polygons, |(x, y)| (left + x * zoom, top + y * zoom * scale.aspect()));
        if !lines.is_empty() {
            canvas.path(lines, Paint::stroke(palette::VERMILLION, 1.2));
        }
        let movie_frame = clip.first_frame + frame;
        let offset = (movie_frame as f64 - clip.peak_frame as f64) * per_frame;
        let is_peak = movie_frame == clip.peak_frame;
        let label =
            Text::new((left + width / 2.0, top + height + 12.0), offset_label(offset, per_frame), TICK_SIZE - 1.0);
        let label = label.anchored(Anchor::Middle);
        canvas.text(if is_peak { label.bold() } else { label.colored(palette::QUIET) });
        if is_peak {
            let y = top + height + 16.5;
            canvas.line((left + width / 2.0 - 6.0, y), (left + width / 2.0 + 6.0, y), Paint::stroke(palette::INK, 1.4));
        }
    }
}

/// Time from the peak, signed, with as many decimals as tell neighbouring frames apart.
fn offset_label(offset: f64, per_frame: f64) -> String {
    let decimals = (-(per_frame.log10() + 1e-9).floor()).clamp(0.0, 4.0) as usize;
    let text = axis::fixed(offset, decimals);
    if offset > 0.0 {
        format!("+{text}")
    } else if offset == 0.0 {
        "0".to_owned()
    } else {
        text
    }
}

/// Draws dF/F0 of the event's footprint around it, its frames shaded, with both axes.
pub(super) fn draw_trace(
    canvas: &mut Canvas,
    clip: &Clip,
    scale: &Scale,
    (left, top, width, height): (f64, f64, f64, f64),
) {
    let (per_frame, _) = scale.per_frame();
    let (start, end) = clip.event_frames();
    let context = TRACE_CONTEXT.max(2 * (end - start));
    let first = start.saturating_sub(context).max(clip.trace_first_frame);
    let last = (end + context).min(clip.trace_first_frame + clip.trace.len());
    let local = |frame: usize| frame.saturating_sub(clip.trace_first_frame).min(clip.trace.len());
    let values: Vec<f64> =
        clip.trace[local(first)..local(last).max(local(first))].iter().map(|&v| f64::from(v)).collect();
    let known = || values.iter().copied().filter(|v| v.is_finite());
    if known().next().is_none() {
        return;
    }
    let low = known().fold(0.0, f64::min);
    let high = known().fold(low + 1e-3, f64::max);
    let margin = 0.06 * (high - low);
    let time = |frame: f64| frame * per_frame;
    let x = (time(first as f64 - 0.5), time(last as f64 - 0.5));
    let panel = Panel { left, top, width, height, x, y: (low - margin, high + margin) };
    let (from, _) = panel.at(time(start as f64 - 0.5), 0.0);
    let (to, _) = panel.at(time(end as f64 - 0.5), 0.0);
    let (from, to) = (from.clamp(left, left + width), to.clamp(left, left + width));
    canvas.rect((from, top), (to - from).max(1.0), height, Paint::fill(palette::VERMILLION).faded(0.2));
    let baseline = Stroke { color: palette::FAINT, opacity: 1.0, width: 0.9, dash: None };
    canvas.line(panel.at(x.0, 0.0), panel.at(x.1, 0.0), Paint { fill: None, stroke: Some(baseline) });
    for points in drift::runs(&values, |i, value| panel.at(time((first + i) as f64), value)) {
        canvas.polyline(points, Paint::stroke(palette::INK, 1.2));
    }
    panel.draw_y_axis(canvas, "");
    panel.draw_x_axis(canvas, "");
}

fn caption(n_clips: usize, n_shown: usize) -> String {
    if n_clips == 0 {
        return "Example events: none were found.".to_owned();
    }
    let mut caption = "Example events. Left: registered frames around the peak, inverted gray, the contrast of each row \
                       its own; the outline is the event's mask, the peak is underlined. Right: dF/F0 averaged over the \
                       event's footprint; its frames are shaded."
        .to_owned();
    if n_shown < n_clips {
        caption.push_str(&format!(" The first {n_shown} of {n_clips} are shown."));
    }
    caption
}

fn traces(clips: &[Clip], scale: &Scale) -> Table {
    let samples = || {
        clips.iter().flat_map(|clip| {
            clip.trace.iter().enumerate().map(|(i, &dff)| (clip.event_id, clip.trace_first_frame + i, dff))
        })
    };
    let mut table = Table::new();
    table.push("event_id", samples().map(|(id, _, _)| Value::Int(i64::from(id))).collect());
    table.push("frame", samples().map(|(_, frame, _)| Value::Int(frame as i64)).collect());
    let seconds = |frame: usize| Value::maybe(scale.frame_interval.map(|dt| frame as f64 * dt.get()));
    table.push("t_s", samples().map(|(_, frame, _)| seconds(frame)).collect());
    table.push("dff", samples().map(|(_, _, dff)| Value::float(dff)).collect());
    table
}
