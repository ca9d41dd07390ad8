//! What marks mean, in lines below the panels.

use super::super::axis::LABEL_SIZE;
use super::super::canvas::{Canvas, Paint, Point, Rgb, Text};
use super::super::font;
use super::draw_published;

const LINE: f64 = 20.0;
const SAMPLE: f64 = 24.0;
const GAP: f64 = 16.0;

/// A mark with its meaning.
pub(super) enum Mark {
    Line(Paint),
    Dot(Paint),
    Published(Rgb),
}

/// Draws the entries from `top` on between both edges, in as many lines as they need; gives the lower end.
pub(super) fn draw(canvas: &mut Canvas, left: f64, right: f64, top: f64, entries: &[(Mark, String)]) -> f64 {
    let (mut x, mut y) = (left, top);
    for (mark, label) in entries {
        let width = SAMPLE + 6.0 + font::width(label, LABEL_SIZE, false);
        if x > left && x + width > right {
            (x, y) = (left, y + LINE);
        }
        draw_entry(canvas, (x, y + LINE / 2.0), mark, label);
        x += width + GAP;
    }
    y + LINE
}

fn draw_entry(canvas: &mut Canvas, (x, y): Point, mark: &Mark, label: &str) {
    let middle = (x + SAMPLE / 2.0, y);
    match mark {
        Mark::Line(paint) => canvas.line((x, y), (x + SAMPLE, y), *paint),
        Mark::Dot(paint) => canvas.circle(middle, 3.0, *paint),
        Mark::Published(color) => draw_published(canvas, middle, *color),
    }
    canvas.text(Text::new((x + SAMPLE + 6.0, y + 4.0), label, LABEL_SIZE));
}
