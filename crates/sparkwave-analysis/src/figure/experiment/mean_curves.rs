//! Mean precision against recall, a curve for each ratio.

use super::super::axis::{LABEL_SIZE, Panel};
use super::super::canvas::{Canvas, Paint, Point, Text};
use super::super::{Figure, palette, precision_recall, projection};
use super::key::{self, Mark};
use super::{COLUMNS, Ratios, Series, push_estimate, repetitions, series, table_of};
use crate::experiment::{Condition, CurvePoint, Estimate, Model, Summary, best_with_unlabeled, published};
use sparkwave_core::table::Value;

const NAME: &str = "experiment_precision_recall";
const SIDE: f64 = 272.0;
const PITCH: (f64, f64) = (360.0, SIDE + 86.0);

/// Draws the mean precision at each recall (figures 3b and c of the paper) with its interval, over lines of equal F1. A
/// curve ends where no network gets further. Published precisions of 1:0 and of the ratio that is best here are open circles.
///
/// The data hold one row a point: `model, subset, ratio, recall, precision, precision_ci_low, precision_ci_high`, and
/// `published_precision` at the recalls where it is known.
pub fn mean_precision_recall(summaries: &[Summary]) -> Figure {
    let all = series(summaries);
    if summaries.iter().all(|s| s.curve.is_empty()) {
        return super::nothing(NAME);
    }
    let ratios = Ratios::of(summaries);
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, 0.0);
    for (i, of_training) in all.iter().enumerate() {
        let (column, row) = ((i % COLUMNS) as f64, (i / COLUMNS) as f64);
        let (left, top) = (58.0 + column * PITCH.0, 34.0 + row * PITCH.1);
        let panel = Panel { left, top, width: SIDE, height: SIDE, x: (0.0, 1.0), y: (0.0, 1.0) };
        draw_panel(&mut canvas, &panel, of_training, &ratios);
    }
    let line = |&ratio: &u32| (Mark::Line(Paint::stroke(ratios.color(ratio), 1.8)), format!("1:{ratio}"));
    let mut entries: Vec<(Mark, String)> = ratios.0.iter().map(line).collect();
    if summaries.iter().any(|s| published::precision(s.condition.model, s.condition.ratio).is_some()) {
        let name = format!("published, {}, 1:0 and the best ratio here", Model::StarDist.name());
        entries.push((Mark::Dot(open(palette::INK)), name));
    }
    let bottom = all.len().div_ceil(COLUMNS) as f64 * PITCH.1;
    canvas.height = key::draw(&mut canvas, 24.0, projection::PAGE_WIDTH - 12.0, bottom, &entries) + 6.0;
    let caption = format!(
        "Mean precision at each recall by the number of unlabeled crops for each positive one; gray lines join points of \
         equal F1. Networks that do not reach a recall count as precision 0 there. {} Published values come from other \
         recordings (figure 3c).",
        repetitions(summaries)
    );
    canvas.into_figure(NAME, caption, Some(table(summaries)))
}

fn open(color: [u8; 3]) -> Paint {
    Paint { fill: Some((palette::PAPER, 1.0)), ..Paint::stroke(color, 1.2) }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, series: &Series<'_>, ratios: &Ratios) {
    canvas.text(Text::new((panel.left, panel.top - 14.0), series.condition.training(), LABEL_SIZE).bold());
    precision_recall::draw_equal_f1(canvas, panel);
    let curves: Vec<(u32, &[CurvePoint])> =
        series.of_ratios.iter().map(|s| (s.condition.ratio, reached(&s.curve))).collect();
    for &(ratio, curve) in &curves {
        let ends = |end: fn(&Estimate) -> Option<f64>| -> Vec<Point> {
            curve.iter().filter_map(|p| Some(panel.at(p.recall, end(&p.precision)?))).collect()
        };
        let mut band = ends(|e| e.interval.map(|i| i.low));
        band.extend(ends(|e| e.interval.map(|i| i.high)).into_iter().rev());
        if band.len() > 2 {
            canvas.polygon(band, Paint::fill(ratios.color(ratio)).faded(0.09));
        }
    }
    for &(ratio, curve) in &curves {
        let points: Vec<Point> = curve.iter().map(|p| panel.at(p.recall, p.precision.value)).collect();
        if points.len() > 1 {
            canvas.polyline(points, Paint::stroke(ratios.color(ratio), 1.8));
        }
    }
    let best = best_with_unlabeled(series.of_ratios.iter().copied()).map(|s| s.condition.ratio);
    for ratio in std::iter::once(0).chain(best) {
        for (recall, precision) in published_points(series.condition.model, ratio) {
            canvas.circle(panel.at(recall, precision), 2.8, open(ratios.color(ratio)));
        }
    }
    panel.draw_x_axis(canvas, "Recall");
    panel.draw_y_axis(canvas, "Precision");
}

/// The points up to the last recall that any network reached.
pub(super) fn reached(curve: &[CurvePoint]) -> &[CurvePoint] {
    let n = curve.iter().rposition(|p| p.precision.value > 0.0).map_or(0, |last| last + 1);
    &curve[..n]
}

fn published_points(model: Model, ratio: u32) -> Vec<(f64, f64)> {
    let precision = published::precision(model, ratio);
    precision.map_or_else(Vec::new, |precision| published::RECALLS.into_iter().zip(precision).collect())
}

fn table(summaries: &[Summary]) -> sparkwave_core::table::Table {
    let rows: Vec<(Condition, CurvePoint)> =
        summaries.iter().flat_map(|s| s.curve.iter().map(|point| (s.condition, *point))).collect();
    let mut table = table_of(&rows);
    table.push("recall", rows.iter().map(|(_, p)| Value::float(p.recall)).collect());
    push_estimate(&mut table, &rows, "precision", |(_, p)| Some(p.precision));
    let known = |(condition, point): &(Condition, CurvePoint)| {
        let points = published_points(condition.model, condition.ratio);
        points.into_iter().find(|(recall, _)| (recall - point.recall).abs() < 1e-9).map(|(_, precision)| precision)
    };
    table.push("published_precision", rows.iter().map(|row| Value::maybe(known(row))).collect());
    table
}
