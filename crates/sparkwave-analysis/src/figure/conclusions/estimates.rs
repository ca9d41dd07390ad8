//! Numbers with their intervals in rows: kappas, Dice of models and experts.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, axis, font, palette};
use super::Reference;
use crate::statistics::bootstrap::Estimate;
use sparkwave_core::table::{Table, Value};

/// A number with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is of.
    pub name: String,
    /// Rows of one kind have one colour.
    pub kind: String,
    /// The number; `None` if it is undefined.
    pub estimate: Option<Estimate>,
}

const STEP: f64 = 26.0;
const LONGEST_NAME: f64 = 230.0;

/// Draws a row for each number, the interval as a line, and `references` as dashed lines across.
///
/// The data hold one row a number: `name, kind, value, ci_low, ci_high`.
pub fn estimates(
    name: &str,
    rows: &[Row],
    title: &str,
    range: Option<(f64, f64)>,
    references: &[Reference],
    caption: String,
) -> Figure {
    let ends = rows.iter().filter_map(|r| r.estimate).flat_map(|e| {
        let interval = e.interval.map_or([e.value, e.value], |i| [i.low, i.high]);
        [e.value, interval[0], interval[1]]
    });
    let Some(x) = range.or_else(|| super::room(ends.chain(references.iter().map(|r| r.value)))) else {
        return super::nothing(name);
    };
    let mut kinds: Vec<&str> = Vec::new();
    for row in rows {
        if !kinds.contains(&row.kind.as_str()) {
            kinds.push(&row.kind);
        }
    }
    let left =
        rows.iter().map(|r| font::width(&r.name, TICK_SIZE, false)).fold(60.0, f64::max).min(LONGEST_NAME) + 20.0;
    let top = if references.is_empty() { 16.0 } else { 34.0 };
    let height = STEP * rows.len() as f64;
    let panel = Panel { left, top, width: 360.0, height, x, y: (0.0, 1.0) };
    let key = 20.0 * f64::from(u8::from(kinds.len() > 1));
    let mut canvas = Canvas::new(panel.right() + 118.0, panel.bottom() + 44.0 + key);
    for reference in references.iter().filter(|r| r.value.is_finite()) {
        let at = panel.at(reference.value, 0.0).0;
        canvas.line((at, top - 4.0), (at, panel.bottom()), Paint::stroke(palette::QUIET, 1.2).dashed(5.0, 3.0));
        let label = Text::new((at, top - 9.0), reference.label.clone(), TICK_SIZE).anchored(Anchor::Middle);
        canvas.text(label.colored(palette::QUIET));
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + STEP * (i as f64 + 0.5);
        let color = palette::group_color(kinds.iter().position(|kind| *kind == row.kind).unwrap_or(0));
        let label = font::shortened(&row.name, TICK_SIZE, false, LONGEST_NAME);
        canvas.text(Text::new((left - 10.0, y + 4.0), label, TICK_SIZE).anchored(Anchor::End));
        let text = match row.estimate {
            None => "undefined".to_owned(),
            Some(estimate) => {
                let at = |v: f64| panel.at(v.clamp(x.0, x.1), 0.0).0;
                let number = axis::fixed(estimate.value, 2);
                let interval = estimate.interval.map(|i| {
                    canvas.line((at(i.low), y), (at(i.high), y), Paint::stroke(color, 2.0));
                    format!(" ({} to {})", axis::fixed(i.low, 2), axis::fixed(i.high, 2))
                });
                canvas.circle((at(estimate.value), y), 3.6, Paint::fill(color));
                number + &interval.unwrap_or_default()
            }
        };
        canvas.text(Text::new((panel.right() + 10.0, y + 4.0), text, TICK_SIZE).colored(palette::QUIET));
    }
    panel.draw_x_axis(&mut canvas, title);
    let mut at = left;
    for (i, kind) in kinds.iter().enumerate().filter(|_| kinds.len() > 1) {
        let y = panel.bottom() + 52.0;
        canvas.circle((at + 4.0, y - 4.0), 3.6, Paint::fill(palette::group_color(i)));
        canvas.text(Text::new((at + 13.0, y), *kind, LABEL_SIZE));
        at += font::width(kind, LABEL_SIZE, false) + 34.0;
    }
    let mut table = Table::new();
    table.push("name", rows.iter().map(|r| Value::Text(r.name.clone())).collect());
    table.push("kind", rows.iter().map(|r| Value::Text(r.kind.clone())).collect());
    table.push("value", rows.iter().map(|r| Value::maybe(r.estimate.map(|e| e.value))).collect());
    let end = |of: fn(crate::statistics::bootstrap::Interval) -> f64| {
        rows.iter().map(|r| Value::maybe(r.estimate.and_then(|e| e.interval).map(of))).collect()
    };
    table.push("ci_low", end(|i| i.low));
    table.push("ci_high", end(|i| i.high));
    canvas.into_figure(name, caption, Some(table))
}
