//! Points in a plane, coloured by the group that they are in.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Canvas, Paint, Text};
use super::super::{Figure, palette};
use sparkwave_core::table::{Table, Value};

const SIDE: f64 = 400.0;
/// Of more points than this, evenly spaced ones are drawn, a circle each; the data hold them all.
const MOST_POINTS: usize = 6000;

/// Draws points `(x, y, group)`; `groups` names the groups by their 0-based number. Of more than 6,000 points, evenly spaced
/// ones are drawn, as the caption then says.
///
/// The data hold one row a point: `x, y, group`.
pub fn map(
    name: &str,
    points: &[(f64, f64, usize)],
    groups: &[String],
    (x_title, y_title): (&str, &str),
    caption: String,
) -> Figure {
    let finite = || points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    let (Some(x), Some(y)) = (super::room(finite().map(|p| p.0)), super::room(finite().map(|p| p.1))) else {
        return super::nothing(name);
    };
    let panel = Panel { left: 64.0, top: 16.0, width: SIDE, height: SIDE * 0.8, x, y };
    let mut canvas = Canvas::new(panel.right() + 150.0, panel.bottom() + 44.0);
    let n = finite().count();
    let step = n.div_ceil(MOST_POINTS).max(1);
    let caption = if step > 1 { format!("{caption} Drawn: {} of {n}.", n.div_ceil(step)) } else { caption };
    let (radius, opacity) = if n > 1500 { (1.3, 0.45) } else { (2.2, 0.6) };
    for point in finite().step_by(step) {
        let paint = Paint::fill(palette::group_color(point.2)).faded(opacity);
        canvas.circle(panel.at(point.0, point.1), radius, paint);
    }
    for (i, group) in groups.iter().enumerate() {
        let n = points.iter().filter(|p| p.2 == i).count();
        let y = panel.top + 14.0 + 34.0 * i as f64;
        canvas.circle((panel.right() + 22.0, y - 4.0), 4.0, Paint::fill(palette::group_color(i)));
        canvas.text(Text::new((panel.right() + 32.0, y), group.clone(), LABEL_SIZE));
        let n = Text::new((panel.right() + 32.0, y + 14.0), format!("n = {n}"), TICK_SIZE);
        canvas.text(n.colored(palette::QUIET));
    }
    panel.draw_x_axis(&mut canvas, x_title);
    panel.draw_y_axis(&mut canvas, y_title);
    let mut table = Table::new();
    table.push("x", points.iter().map(|p| Value::float(p.0)).collect());
    table.push("y", points.iter().map(|p| Value::float(p.1)).collect());
    let group = |p: &(f64, f64, usize)| groups.get(p.2).map_or(Value::Empty, |g| Value::Text(g.clone()));
    table.push("group", points.iter().map(group).collect());
    canvas.into_figure(name, caption, Some(table))
}
