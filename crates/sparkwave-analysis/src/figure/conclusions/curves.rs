//! Curves over a number in panels side by side: silhouette, inertia, gap and stability over the number of subtypes; scores
//! over frames.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Canvas, Paint, Point, Text};
use super::super::{Figure, font, palette};
use sparkwave_core::table::{Table, Value};

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name; empty if it is the only one.
    pub name: String,
    /// Points (x, y, error): an error of `None` draws no bar. Points that are not finite are left out.
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// A panel.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePanel {
    /// Above it.
    pub title: String,
    /// Title of the x axis.
    pub x_title: String,
    /// Title of the y axis.
    pub y_title: String,
    /// Ends of the y axis; those of the values if there are none.
    pub y_range: Option<(f64, f64)>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// An x that is marked, such as the number that was chosen.
    pub marked: Option<f64>,
}

const COLUMNS: usize = 2;
const PITCH: (f64, f64) = (350.0, 240.0);
/// Longer curves have no dots.
const MOST_DOTS: usize = 40;

/// Draws panels, two side by side. Panels without points are left out.
///
/// The data hold one row a point: `panel, curve, x, y, error`.
pub fn curves(name: &str, panels: &[CurvePanel], caption: String) -> Figure {
    let is_known = |p: &&(f64, f64, Option<f64>)| p.0.is_finite() && p.1.is_finite();
    let known = |panel: &CurvePanel| panel.curves.iter().flat_map(|c| c.points.iter().filter(is_known)).count();
    let panels: Vec<&CurvePanel> = panels.iter().filter(|panel| known(panel) > 0).collect();
    if panels.is_empty() {
        return super::nothing(name);
    }
    let n_rows = panels.len().div_ceil(COLUMNS);
    let mut canvas = Canvas::new(PITCH.0 * panels.len().min(COLUMNS) as f64, PITCH.1 * n_rows as f64);
    for (i, content) in panels.iter().enumerate() {
        let (left, top) = ((i % COLUMNS) as f64 * PITCH.0 + 64.0, (i / COLUMNS) as f64 * PITCH.1 + 34.0);
        draw(&mut canvas, (left, top), content);
    }
    type Rows<'a> = Vec<(&'a str, &'a str, (f64, f64, Option<f64>))>;
    let rows: Rows<'_> = panels
        .iter()
        .flat_map(|p| p.curves.iter().map(move |c| (p.title.as_str(), c)))
        .flat_map(|(panel, c)| c.points.iter().filter(is_known).map(move |point| (panel, c.name.as_str(), *point)))
        .collect();
    let mut table = Table::new();
    table.push("panel", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
    table.push("curve", rows.iter().map(|r| Value::Text(r.1.to_owned())).collect());
    table.push("x", rows.iter().map(|r| Value::float(r.2.0)).collect());
    table.push("y", rows.iter().map(|r| Value::float(r.2.1)).collect());
    table.push("error", rows.iter().map(|r| Value::maybe(r.2.2)).collect());
    canvas.into_figure(name, caption, Some(table))
}

fn draw(canvas: &mut Canvas, (left, top): Point, content: &CurvePanel) {
    let points = || content.curves.iter().flat_map(|c| &c.points).filter(|p| p.0.is_finite() && p.1.is_finite());
    let ends = points().flat_map(|p| [p.1 - p.2.unwrap_or(0.0), p.1 + p.2.unwrap_or(0.0)]);
    let (Some(x), Some(y)) = (super::room(points().map(|p| p.0)), content.y_range.or_else(|| super::room(ends))) else {
        return;
    };
    let panel = Panel { left, top, width: PITCH.0 - 64.0 - 20.0, height: PITCH.1 - 34.0 - 50.0, x, y };
    canvas.text(Text::new((left, top - 14.0), content.title.clone(), LABEL_SIZE).bold());
    if let Some(marked) = content.marked.filter(|m| *m >= x.0 && *m <= x.1) {
        let at = panel.at(marked, y.0).0;
        canvas.line((at, top), (at, panel.bottom()), Paint::stroke(palette::VERMILLION, 1.2).dashed(4.0, 2.5));
    }
    for (i, curve) in content.curves.iter().enumerate() {
        let color = palette::group_color(i);
        let known: Vec<&(f64, f64, Option<f64>)> =
            curve.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
        let line: Vec<Point> = known.iter().map(|p| panel.at(p.0, p.1)).collect();
        if line.len() > 1 {
            canvas.polyline(line.clone(), Paint::stroke(color, 1.6));
        }
        for (point, at) in known.iter().zip(&line).filter(|_| line.len() <= MOST_DOTS) {
            if let Some(error) = point.2.filter(|e| e.is_finite()) {
                let (low, high) = (panel.at(point.0, point.1 - error), panel.at(point.0, point.1 + error));
                canvas.line(low, high, Paint::stroke(color, 1.1));
            }
            canvas.circle(*at, 2.6, Paint::fill(color));
        }
    }
    // Names stand beside the title, from the right, where no curve can cross them.
    let mut right = panel.right();
    for (i, curve) in content.curves.iter().enumerate().rev().filter(|(_, c)| !c.name.is_empty()) {
        let y = top - 14.0;
        let start = right - font::width(&curve.name, TICK_SIZE, false);
        canvas.text(Text::new((start, y), curve.name.clone(), TICK_SIZE));
        canvas.line((start - 18.0, y - 4.0), (start - 4.0, y - 4.0), Paint::stroke(palette::group_color(i), 1.6));
        right = start - 30.0;
    }
    panel.draw_x_axis(canvas, &content.x_title);
    panel.draw_y_axis(canvas, &content.y_title);
}
