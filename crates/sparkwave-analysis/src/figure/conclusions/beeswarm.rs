//! Shapley values of every event: which features move the answer, and which way.

use super::super::axis::{self, LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, font, palette};
use super::density;
use sparkwave_core::table::{Table, Value};

const STEP: f64 = 38.0;
/// Of more events than this, evenly spaced ones are drawn; the data hold them all.
const MOST_EVENTS: usize = 1500;

/// Draws a line of dots for each feature, the most important first: a dot is an event, at its Shapley value, coloured by
/// where its feature lies among all events (rank, so that outliers leave colours to the others).
///
/// `values` and `shapley` are `[event][feature]`. The data hold one row a dot: `feature, value, shapley`.
pub fn beeswarm(
    name: &str,
    features: &[String],
    values: &[Vec<f64>],
    shapley: &[Vec<f64>],
    title: &str,
    caption: String,
) -> Figure {
    let importance =
        |feature: usize| shapley.iter().map(|row| row[feature].abs()).sum::<f64>() / shapley.len().max(1) as f64;
    let Some(x) = super::room(shapley.iter().flatten().copied().chain([0.0])).filter(|_| !shapley.is_empty()) else {
        return super::nothing(name);
    };
    let mut order: Vec<usize> = (0..features.len()).collect();
    order.sort_by(|&a, &b| importance(b).total_cmp(&importance(a)));
    let label_width = features.iter().map(|f| font::width(f, TICK_SIZE, false)).fold(0.0, f64::max).min(180.0);
    let height = STEP * features.len() as f64;
    let panel = Panel { left: label_width + 22.0, top: 26.0, width: 400.0, height, x, y: (0.0, 1.0) };
    let mut canvas = Canvas::new(panel.right() + 160.0, panel.bottom() + 44.0);
    let zero = panel.at(0.0, 0.0).0;
    canvas.line((zero, panel.top), (zero, panel.bottom()), Paint::stroke(palette::QUIET, 1.0));
    let heading = Text::new((panel.right() + 12.0, panel.top - 8.0), "mean |value|", TICK_SIZE).colored(palette::QUIET);
    canvas.text(heading);
    let drawn: Vec<usize> = (0..shapley.len()).step_by(shapley.len().div_ceil(MOST_EVENTS).max(1)).collect();
    for (line, &feature) in order.iter().enumerate() {
        let y = panel.top + STEP * (line as f64 + 0.5);
        let label = font::shortened(&features[feature], TICK_SIZE, false, 180.0);
        canvas.text(Text::new((panel.left - 8.0, y + 4.0), label, TICK_SIZE).anchored(Anchor::End));
        let mean = axis::brief(importance(feature));
        canvas.text(Text::new((panel.right() + 12.0, y + 4.0), mean, TICK_SIZE).colored(palette::QUIET));
        let positions = positions(&drawn.iter().map(|&row| values[row][feature]).collect::<Vec<_>>());
        let at: Vec<f64> = drawn.iter().map(|&row| shapley[row][feature]).collect();
        let offsets = density::spread(&at, (x.1 - x.0) * 3.0 / panel.width);
        for ((value, offset), position) in at.iter().zip(offsets).zip(positions) {
            let center = (panel.at(*value, 0.0).0, y + offset * STEP * 0.44);
            canvas.circle(center, 1.7, Paint::fill(palette::level_color(position)).faded(0.75));
        }
    }
    draw_key(&mut canvas, (panel.right() + 92.0, panel.top + 6.0), (height - 12.0).clamp(60.0, 160.0));
    panel.draw_x_axis(&mut canvas, title);
    let cells = || order.iter().flat_map(|&feature| (0..shapley.len()).map(move |row| (feature, row)));
    let mut table = Table::new();
    table.push("feature", cells().map(|(feature, _)| Value::Text(features[feature].clone())).collect());
    table.push("value", cells().map(|(feature, row)| Value::float(values[row][feature])).collect());
    table.push("shapley", cells().map(|(feature, row)| Value::float(shapley[row][feature])).collect());
    canvas.into_figure(name, caption, Some(table))
}

/// Where each value lies among all by rank, 0..=1; 0.5 for equal ones.
fn positions(values: &[f64]) -> Vec<f64> {
    let (ranks, _) = crate::statistics::ranks::midranks(values);
    let last = values.len().saturating_sub(1);
    ranks.into_iter().map(|rank| if last > 0 { (rank - 1.0) / last as f64 } else { 0.5 }).collect()
}

fn draw_key(canvas: &mut Canvas, (left, top): (f64, f64), height: f64) {
    const N_STEPS: usize = 24;
    let step = height / N_STEPS as f64;
    for i in 0..N_STEPS {
        let color = palette::level_color(1.0 - (i as f64 + 0.5) / N_STEPS as f64);
        canvas.rect((left, top + i as f64 * step), 8.0, step + 0.3, Paint::fill(color));
    }
    canvas.text(Text::new((left + 13.0, top + 9.0), "high", TICK_SIZE));
    canvas.text(Text::new((left + 13.0, top + height), "low", TICK_SIZE));
    let title = Text::new((left + 54.0, top + height / 2.0), "Value of the feature", LABEL_SIZE);
    canvas.text(title.anchored(Anchor::Middle).upwards());
}
