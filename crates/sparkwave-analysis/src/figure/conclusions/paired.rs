//! The same unit twice: before and after, joined by a line.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, axis, palette};
use sparkwave_core::table::{Table, Value};

const LEFT: f64 = 70.0;
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 250.0;

/// Draws pairs `(unit, before, after)` joined by lines, rising ones red and falling ones blue, with the medians, and beside
/// them the change of each, `after / before` on a logarithmic axis, where doubling and halving are equally far from 1.
///
/// The data hold one row a unit: `unit, before, after, ratio`; the ratio is empty unless both are above 0.
pub fn paired(
    name: &str,
    pairs: &[(String, f64, f64)],
    (before, after): (&str, &str),
    title: &str,
    test: Option<&str>,
    caption: String,
) -> Figure {
    let known: Vec<&(String, f64, f64)> = pairs.iter().filter(|p| p.1.is_finite() && p.2.is_finite()).collect();
    let Some(range) = super::room(known.iter().flat_map(|p| [p.1, p.2])) else { return super::nothing(name) };
    let ratio = |p: &(String, f64, f64)| (p.1 > 0.0 && p.2 > 0.0).then(|| p.2 / p.1);
    let logs: Vec<f64> = known.iter().filter_map(|p| ratio(p)).map(f64::log2).collect();
    let panel = Panel { left: LEFT, top: 30.0, width: WIDTH, height: HEIGHT, x: (0.0, 1.0), y: range };
    let mut canvas = Canvas::new(panel.right() + if logs.is_empty() { 20.0 } else { 190.0 }, panel.bottom() + 44.0);
    let at = |is_after: bool, value: f64| panel.at(if is_after { 0.82 } else { 0.18 }, value);
    for pair in &known {
        let color = if pair.2 >= pair.1 { palette::VERMILLION } else { palette::BLUE };
        let (from, to) = (at(false, pair.1), at(true, pair.2));
        canvas.line(from, to, Paint::stroke(color, 1.0).faded(0.55));
        [from, to].into_iter().for_each(|point| canvas.circle(point, 2.3, Paint::fill(color).faded(0.8)));
    }
    for (is_after, values, label) in [
        (false, known.iter().map(|p| p.1).collect::<Vec<_>>(), before),
        (true, known.iter().map(|p| p.2).collect::<Vec<_>>(), after),
    ] {
        let (x, y) = at(is_after, median(values));
        canvas.line((x - 17.0, y), (x + 17.0, y), Paint::stroke(palette::INK, 2.6));
        canvas.text(Text::new((x, panel.bottom() + 18.0), label, LABEL_SIZE).anchored(Anchor::Middle));
    }
    let n = Text::new((panel.left + WIDTH / 2.0, panel.bottom() + 34.0), format!("n = {}", known.len()), TICK_SIZE);
    canvas.text(n.anchored(Anchor::Middle).colored(palette::QUIET));
    if let Some(test) = test {
        canvas.text(Text::new((panel.left + WIDTH / 2.0, 18.0), test, TICK_SIZE).anchored(Anchor::Middle));
    }
    canvas.line((panel.left, panel.bottom()), (panel.right(), panel.bottom()), Paint::stroke(palette::INK, 0.9));
    panel.draw_y_axis(&mut canvas, title);
    if !logs.is_empty() {
        draw_ratios(&mut canvas, &panel, &logs);
    }
    let mut table = Table::new();
    table.push("unit", pairs.iter().map(|p| Value::Text(p.0.clone())).collect());
    table.push("before", pairs.iter().map(|p| Value::float(p.1)).collect());
    table.push("after", pairs.iter().map(|p| Value::float(p.2)).collect());
    table.push("ratio", pairs.iter().map(|p| Value::maybe(ratio(p))).collect());
    canvas.into_figure(name, caption, Some(table))
}

fn draw_ratios(canvas: &mut Canvas, beside: &Panel, logs: &[f64]) {
    let reach = logs.iter().map(|l| l.abs()).fold(1.0, f64::max).ceil();
    let panel = Panel { left: beside.right() + 78.0, width: 86.0, y: (-reach, reach), ..*beside };
    let middle = panel.left + panel.width / 2.0;
    let one = panel.at(0.0, 0.0).1;
    canvas.line((panel.left, one), (panel.right(), one), Paint::stroke(palette::QUIET, 1.1).dashed(5.0, 3.0));
    let mut ascending = logs.to_vec();
    ascending.sort_by(f64::total_cmp);
    for (value, offset) in ascending.iter().zip(super::density::spread(&ascending, 2.0 * reach * 4.0 / HEIGHT)) {
        let color = if *value >= 0.0 { palette::VERMILLION } else { palette::BLUE };
        canvas.circle((middle + offset * 34.0, panel.at(0.0, *value).1), 2.3, Paint::fill(color).faded(0.8));
    }
    let y = panel.at(0.0, median(ascending)).1;
    canvas.line((middle - 20.0, y), (middle + 20.0, y), Paint::stroke(palette::INK, 2.6));
    canvas.line((panel.left, panel.top), (panel.left, panel.bottom()), Paint::stroke(palette::INK, 0.9));
    let step = (reach / 3.0).ceil().max(1.0) as i32;
    let n_steps = reach as i32 / step;
    for log in (-n_steps..=n_steps).map(|i| i * step) {
        let y = panel.at(0.0, f64::from(log)).1;
        let label = if log >= 0 { axis::fixed(2f64.powi(log), 0) } else { format!("1/{}", 2f64.powi(-log)) };
        canvas.line((panel.left - 4.0, y), (panel.left, y), Paint::stroke(palette::INK, 0.9));
        canvas.text(Text::new((panel.left - 7.0, y + 4.0), label, TICK_SIZE).anchored(Anchor::End));
    }
    let title = Text::new((panel.left - 36.0, panel.top + panel.height / 2.0), "After / before", LABEL_SIZE);
    canvas.text(title.anchored(Anchor::Middle).upwards());
}

/// The middle of at least one value.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    crate::statistics::bootstrap::quantile(&values, 0.5)
}
