//! Groups beside one another: every value, the density, median and quartiles, and which differ.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::super::{Figure, font, palette};
use super::density;
use crate::statistics::bootstrap::quantile;
use sparkwave_core::table::{Table, Value};

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its values; those that are not finite are not drawn.
    pub values: Vec<f64>,
}

/// The axis of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreAxis<'a> {
    /// Its title, with the unit.
    pub title: &'a str,
    /// Its ends; those of the values if there are none.
    pub range: Option<(f64, f64)>,
}

/// What a test says of two groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    /// 0-based number of the one group.
    pub first: usize,
    /// 0-based number of the other.
    pub second: usize,
    /// The corrected p-value, for example.
    pub text: String,
}

/// A value to compare with, drawn across.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The value.
    pub value: f64,
    /// What it is.
    pub label: String,
}

const LEFT: f64 = 64.0;
const HEIGHT: f64 = 250.0;
const BRACKET: f64 = 22.0;
/// More points than this are drawn without rims.
const FEW: usize = 150;

/// Draws groups: each value a dot, the density as an area, median and quartiles as bars, brackets above.
///
/// The data hold one row a value: `group, value`.
pub fn samples(
    name: &str,
    groups: &[Sample],
    axis: &ScoreAxis<'_>,
    brackets: &[Bracket],
    references: &[Reference],
    caption: String,
) -> Figure {
    let finite = |group: &Sample| group.values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>();
    let values: Vec<Vec<f64>> = groups.iter().map(finite).collect();
    let all = || values.iter().flatten().copied().chain(references.iter().map(|r| r.value));
    let Some(range) = axis.range.or_else(|| super::room(all())) else { return super::nothing(name) };
    let pitch = (620.0 / groups.len() as f64).clamp(46.0, 110.0);
    let brackets: Vec<&Bracket> = brackets.iter().filter(|b| b.first.max(b.second) < groups.len()).collect();
    let top = 20.0 + BRACKET * brackets.len() as f64;
    let widest = references.iter().map(|r| font::width(&r.label, TICK_SIZE, false)).fold(0.0, f64::max);
    let panel = Panel { left: LEFT, top, width: pitch * groups.len() as f64, height: HEIGHT, x: (0.0, 1.0), y: range };
    let mut canvas =
        Canvas::new(panel.right() + widest + if widest > 0.0 { 24.0 } else { 16.0 }, panel.bottom() + 48.0);
    let middle = |i: usize| panel.left + (i as f64 + 0.5) * pitch;
    for reference in references.iter().filter(|r| r.value.is_finite()) {
        let y = panel.at(0.0, reference.value).1;
        canvas.line((panel.left, y), (panel.right(), y), Paint::stroke(palette::QUIET, 1.2).dashed(5.0, 3.0));
        canvas.text(
            Text::new((panel.right() + 6.0, y + 4.0), reference.label.clone(), TICK_SIZE).colored(palette::QUIET),
        );
    }
    for (i, values) in values.iter().enumerate() {
        draw_group(&mut canvas, &panel, middle(i), pitch, values, palette::group_color(i));
        let label = font::shortened(&groups[i].name, LABEL_SIZE, false, pitch - 6.0);
        canvas.text(Text::new((middle(i), panel.bottom() + 18.0), label, LABEL_SIZE).anchored(Anchor::Middle));
        let n = Text::new((middle(i), panel.bottom() + 33.0), format!("n = {}", values.len()), TICK_SIZE);
        canvas.text(n.anchored(Anchor::Middle).colored(palette::QUIET));
    }
    for (level, bracket) in brackets.iter().enumerate() {
        let y = top - 6.0 - BRACKET * level as f64;
        draw_bracket(
            &mut canvas,
            (middle(bracket.first.min(bracket.second)), middle(bracket.first.max(bracket.second))),
            y,
            &bracket.text,
        );
    }
    canvas.line((panel.left, panel.bottom()), (panel.right(), panel.bottom()), Paint::stroke(palette::INK, 0.9));
    panel.draw_y_axis(&mut canvas, axis.title);
    let rows: Vec<(&str, f64)> =
        groups.iter().zip(&values).flat_map(|(g, values)| values.iter().map(move |v| (g.name.as_str(), *v))).collect();
    let mut table = Table::new();
    table.push("group", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
    table.push("value", rows.iter().map(|r| Value::float(r.1)).collect());
    canvas.into_figure(name, caption, Some(table))
}

fn draw_group(canvas: &mut Canvas, panel: &Panel, middle: f64, pitch: f64, values: &[f64], color: [u8; 3]) {
    let reach = (pitch * 0.40).min(34.0);
    let y = |value: f64| panel.at(0.0, value).1.clamp(panel.top, panel.bottom());
    let profile = density::profile(values);
    if !profile.is_empty() {
        let right = profile.iter().map(|(v, d)| (middle + reach * d, y(*v)));
        let outline: Vec<Point> = right.chain(profile.iter().rev().map(|(v, d)| (middle - reach * d, y(*v)))).collect();
        canvas.polygon(outline, Paint::fill(color).faded(0.16));
    }
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    // Marks are some four units high.
    let slot = (panel.y.1 - panel.y.0).abs() * 4.0 / panel.height;
    let (radius, opacity) = if values.len() > FEW { (1.4, 0.45) } else { (2.3, 0.75) };
    for (value, offset) in ascending.iter().zip(density::spread(&ascending, slot)) {
        canvas.circle((middle + offset * reach * 0.9, y(*value)), radius, Paint::fill(color).faded(opacity));
    }
    if ascending.len() > 1 {
        let [low, median, high] = [0.25, 0.5, 0.75].map(|q| y(quantile(&ascending, q)));
        let half = reach * 0.42;
        // Pale below, so that they stand out from crowded points.
        for (color, opacity, wider) in [(palette::PAPER, 0.7, 2.4), (palette::INK, 1.0, 0.0)] {
            let rim = |width: f64| Paint::stroke(color, width + wider).faded(opacity);
            canvas.rect((middle - half, high), 2.0 * half, low - high, rim(1.1));
            canvas.line((middle - half, median), (middle + half, median), rim(2.4));
        }
    }
}

fn draw_bracket(canvas: &mut Canvas, (from, to): (f64, f64), y: f64, text: &str) {
    let foot = y + 5.0;
    canvas.polyline(vec![(from, foot), (from, y), (to, y), (to, foot)], Paint::stroke(palette::INK, 0.9));
    canvas.text(Text::new(((from + to) / 2.0, y - 3.5), text, TICK_SIZE).anchored(Anchor::Middle).haloed());
}
