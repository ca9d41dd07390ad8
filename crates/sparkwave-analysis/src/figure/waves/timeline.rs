//! The recording at a glance: activity, episodes, motion and gaps over hours.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Polyline, Text};
use super::super::{Figure, Scale, axis, drift, font, palette, projection};
use sparkwave_core::axes::PointYx;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Episode, Interval};

const LEFT: f64 = 72.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 626.0;
const EVIDENCE_HEIGHT: f64 = 130.0;
const MOTION_HEIGHT: f64 = 80.0;
const GAP: f64 = 22.0;
/// Half of the smallest range of motion shown, px.
const SMALLEST_SHIFT_PX: f64 = 0.5;
/// Distance of the lines that hatch a gap.
const HATCH: f64 = 5.0;

/// What a timeline shows.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    /// The intervals of the recording.
    pub intervals: &'a [Interval],
    /// One value an interval, such as the mean rate of the cortex or the evidence for a wave; NaN where unknown.
    pub evidence: &'a [f64],
    /// What `evidence` is, with its unit, as the title of an axis.
    pub evidence_title: &'a str,
    /// The episodes.
    pub episodes: &'a [Episode],
    /// Shift of the image and the time it belongs to, s since the first frame, in order of time.
    pub motion: &'a [(f64, PointYx)],
    /// Pixel size, if known.
    pub pixel_size: Option<PixelSize>,
}

impl Timeline<'_> {
    /// First and last time, s.
    fn range_s(&self) -> (f64, f64) {
        let starts = self.intervals.first().map(|i| i.start_s).into_iter().chain(self.motion.first().map(|m| m.0));
        let ends = self.intervals.last().map(|i| i.end_s).into_iter().chain(self.motion.last().map(|m| m.0));
        let (start, end) = (starts.fold(f64::INFINITY, f64::min), ends.fold(f64::NEG_INFINITY, f64::max));
        if end > start { (start, end) } else { (0.0, 1.0) }
    }

    /// Stretches without data, s.
    fn gaps(&self) -> Vec<(f64, f64)> {
        let mut gaps: Vec<(f64, f64)> = Vec::new();
        for interval in self.intervals.iter().filter(|i| !i.valid) {
            match gaps.last_mut() {
                Some(gap) if interval.start_s <= gap.1 => gap.1 = interval.end_s,
                _ => gaps.push((interval.start_s, interval.end_s)),
            }
        }
        gaps
    }
}

/// A unit of time for axes and its length in seconds.
fn time_unit(length_s: f64) -> (f64, &'static str) {
    if length_s >= 2.0 * 3600.0 {
        (3600.0, "h")
    } else if length_s >= 300.0 {
        (60.0, "min")
    } else {
        (1.0, "s")
    }
}

/// Draws the evidence of every interval with the episodes shaded and numbered, the motion below, and gaps hatched.
///
/// The data hold one row an interval: `frame, t_start_s, t_end_s, valid, evidence`.
pub fn timeline(recording: &Timeline<'_>) -> Figure {
    let (start_s, end_s) = recording.range_s();
    let (unit_s, unit) = time_unit(end_s - start_s);
    let x = (start_s / unit_s, end_s / unit_s);
    let known = || recording.evidence.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (known().fold(0.0, f64::min), known().fold(0.0, f64::max));
    let margin = if high > low { 0.06 * (high - low) } else { 1.0 };
    let upper =
        Panel { left: LEFT, top: TOP, width: WIDTH, height: EVIDENCE_HEIGHT, x, y: (low - margin, high + margin) };
    let has_motion = !recording.motion.is_empty();
    let lower = Panel { top: upper.bottom() + GAP, height: MOTION_HEIGHT, ..upper };
    let lower = Panel { y: shift_range(recording.motion), ..lower };
    let bottom = if has_motion { lower } else { upper };
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, bottom.bottom() + 44.0);
    canvas.text(Text::new((12.0, 18.0), "Recording", LABEL_SIZE).bold());
    let place = |panel: &Panel, (from, to): (f64, f64)| (panel.at(from / unit_s, 0.0).0, panel.at(to / unit_s, 0.0).0);
    let panels = if has_motion { vec![upper, lower] } else { vec![upper] };
    for panel in &panels {
        for gap in recording.gaps() {
            draw_hatched(&mut canvas, panel, place(panel, gap));
        }
        for episode in recording.episodes {
            let (from, to) = place(panel, (episode.start_s, episode.end_s));
            let (from, to) = (from.clamp(panel.left, panel.right()), to.clamp(panel.left, panel.right()));
            let shade = Paint::fill(palette::VERMILLION).faded(0.25);
            canvas.rect((from, panel.top), (to - from).max(1.0), panel.height, shade);
        }
    }
    number_episodes(&mut canvas, recording.episodes, &upper, unit_s);
    canvas.line(upper.at(x.0, 0.0), upper.at(x.1, 0.0), Paint::stroke(palette::FAINT, 0.9));
    let times: Vec<f64> = recording.intervals.iter().map(|i| (i.start_s + i.end_s) / 2.0 / unit_s).collect();
    let values: Vec<f64> = recording
        .intervals
        .iter()
        .enumerate()
        .map(|(i, interval)| recording.evidence.get(i).copied().filter(|_| interval.valid).unwrap_or(f64::NAN))
        .collect();
    for points in drift::runs(&values, |i, v| upper.at(times[i], v)) {
        canvas.polyline(points, Paint::stroke(palette::INK, 1.1));
    }
    upper.draw_y_axis(&mut canvas, recording.evidence_title);
    if has_motion {
        draw_motion(&mut canvas, &lower, recording.motion, unit_s);
        draw_motion_key(&mut canvas, lower.top - 8.0);
        lower.draw_y_axis(&mut canvas, "Shift (px)");
    }
    bottom.draw_x_axis(&mut canvas, &format!("Time since the first frame ({unit})"));
    let mut table = Table::new();
    table.push("frame", (0..values.len()).map(|i| Value::Int(i as i64)).collect());
    table.push("t_start_s", recording.intervals.iter().map(|i| Value::float(i.start_s)).collect());
    table.push("t_end_s", recording.intervals.iter().map(|i| Value::float(i.end_s)).collect());
    table.push("valid", recording.intervals.iter().map(|i| Value::Bool(i.valid)).collect());
    table.push("evidence", values.iter().map(|&v| Value::float(v)).collect());
    canvas.into_figure("timeline", timeline_caption(recording), Some(table))
}

/// Draws the shift of the image against time, in pixels and, where pixels are square and their size known, in micrometres.
///
/// The data hold `t_s, y_px, x_px`.
pub fn motion_trace(recording: &Timeline<'_>) -> Figure {
    let (start_s, end_s) = recording.range_s();
    let (unit_s, unit) = time_unit(end_s - start_s);
    let scale = Scale { pixel_size: recording.pixel_size, frame_interval: None };
    let square = recording.pixel_size.filter(|_| (scale.aspect() - 1.0).abs() < 1e-6);
    let panel = Panel {
        left: LEFT,
        top: TOP,
        width: if square.is_some() { WIDTH - 48.0 } else { WIDTH },
        height: 170.0,
        x: (start_s / unit_s, end_s / unit_s),
        y: shift_range(recording.motion),
    };
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, panel.bottom() + 44.0);
    canvas.text(Text::new((12.0, 18.0), "Motion", LABEL_SIZE).bold());
    for (from, to) in recording.gaps() {
        draw_hatched(&mut canvas, &panel, (panel.at(from / unit_s, 0.0).0, panel.at(to / unit_s, 0.0).0));
    }
    draw_motion(&mut canvas, &panel, recording.motion, unit_s);
    draw_motion_key(&mut canvas, 30.0);
    panel.draw_x_axis(&mut canvas, &format!("Time since the first frame ({unit})"));
    panel.draw_y_axis(&mut canvas, "Shift (px)");
    if let Some(size) = square {
        let um = size.x.get();
        panel.draw_right_axis(&mut canvas, (panel.y.0 * um, panel.y.1 * um), "Shift (µm)");
    }
    let sizes = recording.motion.iter().map(|(_, shift)| shift.y.hypot(shift.x)).filter(|v| v.is_finite());
    let largest = sizes.fold(0.0, f64::max);
    let mut caption = format!(
        "Shift of the image against the reference, n\u{a0}=\u{a0}{}. The largest is {} px",
        recording.motion.len(),
        axis::brief(largest)
    );
    if let Some(size) = square {
        caption.push_str(&format!(" ({} µm)", axis::brief(largest * size.x.get())));
    }
    caption.push('.');
    let mut table = Table::new();
    table.push("t_s", recording.motion.iter().map(|m| Value::float(m.0)).collect());
    table.push("y_px", recording.motion.iter().map(|m| Value::float(m.1.y)).collect());
    table.push("x_px", recording.motion.iter().map(|m| Value::float(m.1.x)).collect());
    canvas.into_figure("motion", caption, Some(table))
}

/// The episodes' numbers above the panel, leaving out those that have no room beside their left neighbour.
fn number_episodes(canvas: &mut Canvas, episodes: &[Episode], panel: &Panel, unit_s: f64) {
    let mut taken = f64::NEG_INFINITY;
    for episode in episodes {
        let label = episode.id.to_string();
        let half = font::width(&label, TICK_SIZE, true) / 2.0;
        let (x, _) = panel.at((episode.start_s + episode.end_s) / 2.0 / unit_s, 0.0);
        if x - half > taken && x >= panel.left && x <= panel.right() {
            let text = Text::new((x, panel.top - 5.0), label, TICK_SIZE).anchored(Anchor::Middle).bold();
            canvas.text(text);
            taken = x + half + 4.0;
        }
    }
}

fn shift_range(motion: &[(f64, PointYx)]) -> (f64, f64) {
    let values = || motion.iter().flat_map(|(_, shift)| [shift.y, shift.x]).filter(|v| v.is_finite());
    let (low, high) = (values().fold(-SMALLEST_SHIFT_PX, f64::min), values().fold(SMALLEST_SHIFT_PX, f64::max));
    let margin = 0.06 * (high - low);
    (low - margin, high + margin)
}

const MOTION_NAMES: [&str; 2] = ["y (down)", "x (right)"];

fn motion_paint(axis: usize) -> Paint {
    match axis {
        0 => Paint::stroke(palette::BLUE, 1.2),
        _ => Paint::stroke(palette::VERMILLION, 1.2).dashed(5.0, 2.5),
    }
}

fn draw_motion(canvas: &mut Canvas, panel: &Panel, motion: &[(f64, PointYx)], unit_s: f64) {
    canvas.line(panel.at(panel.x.0, 0.0), panel.at(panel.x.1, 0.0), Paint::stroke(palette::FAINT, 0.9));
    let series: [Vec<f64>; 2] = [motion.iter().map(|m| m.1.y).collect(), motion.iter().map(|m| m.1.x).collect()];
    for (i, values) in series.iter().enumerate() {
        for points in drift::runs(values, |k, v| panel.at(motion[k].0 / unit_s, v)) {
            canvas.polyline(points, motion_paint(i));
        }
    }
}

fn draw_motion_key(canvas: &mut Canvas, y: f64) {
    for (i, name) in MOTION_NAMES.into_iter().enumerate() {
        let x = LEFT + 8.0 + 100.0 * i as f64;
        canvas.line((x, y), (x + 22.0, y), motion_paint(i));
        canvas.text(Text::new((x + 28.0, y + 4.0), name, TICK_SIZE));
    }
}

/// Fills a stretch of a panel with slanted lines, cut at its edges.
fn draw_hatched(canvas: &mut Canvas, panel: &Panel, (from, to): (f64, f64)) {
    let (from, to) = (from.clamp(panel.left, panel.right()), to.clamp(panel.left, panel.right()));
    let to = to.max(from + 1.0);
    canvas.rect((from, panel.top), to - from, panel.height, Paint::fill(palette::FAINT).faded(0.35));
    let (width, height) = (to - from, panel.height);
    let n = ((width + height) / HATCH) as usize;
    // The line x + y = s, both from the upper left corner, inside the rectangle.
    let line = |s: f64| Polyline {
        points: vec![
            (from + s.min(width), panel.top + (s - width).max(0.0)),
            (from + (s - height).max(0.0), panel.top + s.min(height)),
        ],
        closed: false,
    };
    let lines: Vec<Polyline> = (1..=n).map(|i| line(i as f64 * HATCH)).collect();
    if !lines.is_empty() {
        canvas.path(lines, Paint::stroke(palette::QUIET, 0.7).faded(0.7));
    }
}

fn timeline_caption(recording: &Timeline<'_>) -> String {
    let mut caption = match recording.episodes.len() {
        0 => "The whole recording. No episodes were found.".to_owned(),
        1 => "The whole recording. The only episode is shaded.".to_owned(),
        n => format!("The whole recording. The {n} episodes are shaded and numbered."),
    };
    if !recording.motion.is_empty() {
        caption.push_str(" Below: shift of the image.");
    }
    let gaps = recording.gaps();
    if !gaps.is_empty() {
        let total: f64 = gaps.iter().map(|(from, to)| to - from).sum();
        caption.push_str(&format!(" Hatched: no data, {} s in all.", axis::brief(total)));
    }
    caption
}
