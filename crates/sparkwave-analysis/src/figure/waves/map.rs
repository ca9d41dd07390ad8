//! The image plane as a panel of a figure.

use super::super::axis::Panel;
use super::super::bitmap::{Bitmap, Samples};
use super::super::canvas::{Canvas, Paint, Point, Polyline, Rgb, Stroke, Text};
use super::super::{axis, contour, font, palette, scale_bar};
use super::{Field, anatomy_gray};
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Mask;
use sparkwave_core::wave::WaveFrame;

/// Pixels of a picture per unit of the canvas: more than a page can show.
const FINEST: f64 = 2.2;
/// How far the gray below a map is lifted towards white, so that dark lines stand out; outside the window and inside.
const LIFT: [f64; 2] = [0.6, 0.35];

/// Where the image plane lies on the canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldPanel {
    pub(super) panel: Panel,
    /// Canvas units per column.
    pub(super) zoom: f64,
}

impl FieldPanel {
    /// The plane at a corner, as large as fits a square of this side.
    pub(super) fn new(field: &Field<'_>, (left, top): Point, side: f64) -> Self {
        let (n_y, n_x) = field.size();
        let aspect = field.scale().aspect();
        let zoom = side / n_x.max(n_y * aspect);
        let panel = Panel {
            left,
            top,
            width: n_x * zoom,
            height: n_y * aspect * zoom,
            // Pixel 0 is centred on 0, so the image begins half a pixel before.
            x: (-0.5, n_x - 0.5),
            y: (n_y - 0.5, -0.5),
        };
        Self { panel, zoom }
    }

    pub(super) fn at(&self, point: PointYx) -> Point {
        self.panel.at(point.x, point.y)
    }

    /// Lines in image coordinates `(x, y)` on the canvas.
    pub(super) fn lines(&self, lines: &[Vec<Point>]) -> Vec<Polyline> {
        let place = |line: &Vec<Point>| Polyline {
            points: line.iter().map(|&(x, y)| self.panel.at(x, y)).collect(),
            closed: line.len() > 2 && line.first() == line.last(),
        };
        lines.iter().map(place).collect()
    }

    /// The cortex in gray with a map laid over it: `color` gives a pixel's colour and its opacity.
    pub(super) fn draw_image(
        &self,
        canvas: &mut Canvas,
        field: &Field<'_>,
        color: impl Fn((usize, usize)) -> Option<(Rgb, f64)>,
    ) {
        let gray = anatomy_gray(field.anatomy, &field.cortex.inside);
        let (height, width) = gray.dim();
        if !gray.is_empty() {
            let shown = FINEST * self.panel.height.max(self.panel.width);
            let step = (height.max(width) as f64 / shown).ceil().max(1.0) as usize;
            let (rows, columns) = (height.div_ceil(step), width.div_ceil(step));
            let mut pixels = Vec::with_capacity(3 * rows * columns);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let at = ((row * step + step / 2).min(height - 1), (column * step + step / 2).min(width - 1));
                let lift = LIFT[usize::from(field.is_inside(at))];
                let below = f64::from(gray[at]) * (1.0 - lift) + 255.0 * lift;
                pixels.extend(match color(at) {
                    Some((color, opacity)) => blended(below, color, opacity),
                    None => [below.round() as u8; 3],
                });
            }
            let bitmap = Bitmap { width: columns, height: rows, pixels: Samples::Rgb(pixels) };
            let Panel { left, top, width, height, .. } = self.panel;
            canvas.image((left, top), width, height, bitmap, true);
        }
        self.draw_frame(canvas);
    }

    fn draw_frame(&self, canvas: &mut Canvas) {
        let Panel { left, top, width, height, .. } = self.panel;
        canvas.rect((left, top), width, height, Paint::stroke(palette::QUIET, 0.8));
    }

    /// The outline of the window; empty if there is none.
    pub(super) fn window(&self, field: &Field<'_>) -> Vec<Polyline> {
        Mask::of_image(&field.cortex.inside).map_or_else(Vec::new, |mask| self.lines(&contour::outlines(&mask)))
    }

    /// Window and midline.
    pub(super) fn draw_cortex(&self, canvas: &mut Canvas, field: &Field<'_>, width: f64) {
        let window = self.window(field);
        let midline = field.cortex.midline.map(|m| vec![self.at(m.from), self.at(m.to)]);
        if !window.is_empty() {
            canvas.path(window.clone(), Paint::stroke(palette::PAPER, width + 1.6).faded(0.8));
            canvas.path(window, Paint::stroke(palette::INK, width));
        }
        if let Some(line) = midline {
            canvas.polyline(line.clone(), Paint::stroke(palette::PAPER, width + 1.6).faded(0.8));
            canvas.polyline(line, Paint::stroke(palette::INK, width).dashed(7.0, 3.5));
        }
    }

    /// The outline of a mask in its wave's colour on a dark rim; dashed if the mask was interpolated.
    pub(super) fn draw_mask(&self, canvas: &mut Canvas, frame: &WaveFrame, color: Rgb, width: f64) {
        let lines = self.lines(&contour::outlines(&frame.mask));
        draw_rimmed(canvas, lines, color, width, frame.filled);
    }

    /// A cross where a wave began.
    pub(super) fn draw_origin(&self, canvas: &mut Canvas, origin: PointYx, size: f64) {
        let (x, y) = self.at(origin);
        let cross = |half: f64| {
            let arm = |dx: f64, dy: f64| Polyline { points: vec![(x - dx, y - dy), (x + dx, y + dy)], closed: false };
            vec![arm(half, half), arm(half, -half)]
        };
        canvas.path(cross(size + 1.0), Paint::stroke(palette::PAPER, size * 0.9));
        canvas.path(cross(size), Paint::stroke(palette::INK, size * 0.45));
    }

    /// The scale bar below the lower right corner, in px if the pixel size is unknown.
    pub(super) fn draw_scale_bar(&self, canvas: &mut Canvas, field: &Field<'_>) {
        let end = (self.panel.right(), self.panel.bottom() + 11.0);
        scale_bar::draw_any(canvas, &field.scale(), field.size().1, self.zoom, end);
    }

    /// A vertical colour bar on the right with its axis; `color` gets 0 at the bottom and 1 at the top.
    pub(super) fn draw_color_bar(
        &self,
        canvas: &mut Canvas,
        range: (f64, f64),
        title: &str,
        color: impl Fn(f64) -> Rgb,
    ) {
        let bar = Panel {
            left: self.panel.right() + 16.0,
            top: self.panel.top,
            width: 12.0,
            height: self.panel.height.min(260.0),
            x: (0.0, 1.0),
            y: range,
        };
        canvas.image((bar.left, bar.top), bar.width, bar.height, Bitmap::vertical_ramp(256, color), true);
        canvas.rect((bar.left, bar.top), bar.width, bar.height, Paint::stroke(palette::INK, 0.9));
        bar.draw_right_axis(canvas, range, title);
    }
}

/// A colour laid over gray.
pub(super) fn blended(below: f64, color: Rgb, opacity: f64) -> Rgb {
    color.map(|c| (below + (f64::from(c) - below) * opacity).round() as u8)
}

/// Lines in a colour on a dark rim, seen on light and on dark ground.
pub(super) fn draw_rimmed(canvas: &mut Canvas, lines: Vec<Polyline>, color: Rgb, width: f64, is_dashed: bool) {
    if lines.is_empty() {
        return;
    }
    let rim = Stroke { color: palette::INK, opacity: 0.75, width: width + 1.4, dash: None };
    canvas.path(lines.clone(), Paint { fill: None, stroke: Some(rim) });
    let paint = Paint::stroke(color, width);
    canvas.path(lines, if is_dashed { paint.dashed(4.0 * width, 2.5 * width) } else { paint });
}

/// What is written along lines, at places that keep their distance.
#[derive(Debug, Default)]
pub(super) struct LineLabels {
    taken: Vec<(Point, f64)>,
}

impl LineLabels {
    /// Keeps labels off a place.
    pub(super) fn avoid(&mut self, at: Point, radius: f64) {
        self.taken.push((at, radius));
    }

    /// Writes a label on the longest of the lines where there is room for it, or not at all.
    pub(super) fn draw(&mut self, canvas: &mut Canvas, lines: &[Polyline], label: &str) {
        let size = axis::TICK_SIZE - 0.5;
        let radius = font::width(label, size, false) / 2.0 + 4.0;
        let mut longest: Vec<&Polyline> = lines.iter().collect();
        longest.sort_by(|a, b| contour::length(&b.points).total_cmp(&contour::length(&a.points)));
        for line in longest {
            if contour::length(&line.points) < 3.0 * radius {
                return;
            }
            let n = line.points.len();
            // From the middle outwards.
            let places = (0..n).map(|i| n / 2 + if i % 2 == 0 { n - i / 2 } else { n + i.div_ceil(2) });
            for at in places.map(|i| line.points[i % n]) {
                if self.taken.iter().all(|(other, r)| (at.0 - other.0).hypot(at.1 - other.1) > r + radius) {
                    let below = (at.0, at.1 + font::CAP_HEIGHT * size / 2.0);
                    let text = Text::new(below, label, size).anchored(super::super::canvas::Anchor::Middle);
                    canvas.text(text.haloed());
                    self.avoid(at, radius);
                    return;
                }
            }
        }
    }
}
