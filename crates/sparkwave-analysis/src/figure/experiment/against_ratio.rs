//! Scores against the number of unlabeled crops.

use super::super::axis::{LABEL_SIZE, Panel};
use super::super::canvas::{Canvas, Paint, Text};
use super::super::{Figure, palette, projection};
use super::key::{self, Mark};
use super::{COLUMNS, Ratios, Series, draw_published, model_color, push_estimate, repetitions, series, table_of};
use crate::experiment::{Condition, Estimate, Model, Summary, published};
use sparkwave_core::table::{Table, Value};

const NAME: &str = "experiment_scores";
const SIZE: (f64, f64) = (284.0, 170.0);
const PITCH: (f64, f64) = (356.0, SIZE.1 + 82.0);
/// Dashes by the part of the recordings, the smallest first.
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((6.0, 3.0)), Some((2.0, 2.5)), Some((10.0, 2.0))];

/// A score, how to read it and what was published.
struct Score {
    column: &'static str,
    title: &'static str,
    ours: fn(&Summary) -> Option<Estimate>,
    published: fn(Model, u32) -> Option<f64>,
}

const SCORES: [Score; 4] = [
    Score { column: "ap", title: "Average precision", ours: |s| s.ap, published: |_, _| None },
    Score {
        column: "ap_paper",
        title: "AP as published (extrapolated)",
        ours: |s| s.ap_paper,
        published: published::ap,
    },
    Score { column: "f1", title: "F1 at the network's threshold", ours: |s| s.f1, published: published::f1 },
    Score {
        column: "missed_dim_part",
        title: "Part of dim events missed",
        ours: |s| s.missed_dim_part,
        published: published::missed_dim_part,
    },
];

/// Draws average precision, F1 and the part of the dim events (dF/F0 below 1) that were missed against the ratio
/// (figures 3f and g of the paper), with intervals; published numbers are open diamonds.
///
/// The data hold one row a condition: `model, subset, ratio`, then `ap, ap_paper, f1, missed_dim_part, missed_dim`, each
/// followed by `_ci_low` and `_ci_high`, all but the last also by `_published`.
pub fn scores_against_ratio(summaries: &[Summary]) -> Figure {
    if summaries.is_empty() {
        return super::nothing(NAME);
    }
    let (all, ratios) = (series(summaries), Ratios::of(summaries));
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, 0.0);
    for (i, score) in SCORES.iter().enumerate() {
        let (column, row) = ((i % COLUMNS) as f64, (i / COLUMNS) as f64);
        let corner = (62.0 + column * PITCH.0, 34.0 + row * PITCH.1);
        draw_panel(&mut canvas, corner, score, &all, &ratios);
    }
    let subsets = subsets(&all);
    let mut entries: Vec<(Mark, String)> =
        all.iter().map(|s| (Mark::Line(line(&s.condition, &subsets)), s.condition.training())).collect();
    let mut models: Vec<Model> = all.iter().map(|s| s.condition.model).collect();
    models.dedup();
    let is_known = |model: Model| {
        SCORES.iter().any(|score| ratios.0.iter().any(|&ratio| (score.published)(model, ratio).is_some()))
    };
    for model in models.into_iter().filter(|&model| is_known(model)) {
        let theirs = Condition { model, subset: published::SUBSET, ratio: 0 };
        entries.push((Mark::Published(model_color(model)), format!("published, {}", theirs.training())));
    }
    let bottom = 4.0 + SCORES.len().div_ceil(COLUMNS) as f64 * PITCH.1;
    canvas.height = key::draw(&mut canvas, 24.0, projection::PAGE_WIDTH - 12.0, bottom, &entries) + 6.0;
    let caption = format!(
        "Scores by the number of unlabeled crops for each positive one; dim events have ΔF/F₀ below 1. {} Published: AP \
         from the text (section 3.2), F1 and missed events of one network for each ratio (figures 3f and g), all on other \
         recordings.",
        repetitions(summaries)
    );
    canvas.into_figure(NAME, caption, Some(table(summaries)))
}

/// The parts of the recordings, rising.
fn subsets(all: &[Series<'_>]) -> Vec<f64> {
    let mut subsets: Vec<f64> = all.iter().map(|s| s.condition.subset).collect();
    subsets.sort_by(f64::total_cmp);
    subsets.dedup();
    subsets
}

fn line(condition: &Condition, subsets: &[f64]) -> Paint {
    let paint = Paint::stroke(model_color(condition.model), 1.5);
    let position = subsets.iter().position(|&s| s == condition.subset).unwrap_or(0);
    DASHES[position % DASHES.len()].map_or(paint, |(dash, gap)| paint.dashed(dash, gap))
}

fn draw_panel(canvas: &mut Canvas, (left, top): (f64, f64), score: &Score, all: &[Series<'_>], ratios: &Ratios) {
    let known = |s: &Series<'_>| -> Vec<(usize, Estimate)> {
        s.of_ratios.iter().filter_map(|s| Some((ratios.position(s.condition.ratio)?, (score.ours)(s)?))).collect()
    };
    let published = |model: Model| -> Vec<(usize, f64)> {
        let at = |(i, &ratio): (usize, &u32)| Some((i, (score.published)(model, ratio)?));
        ratios.0.iter().enumerate().filter_map(at).collect()
    };
    let models: std::collections::BTreeSet<Model> = all.iter().map(|s| s.condition.model).collect();
    let ends = |(_, e): (usize, Estimate)| e.interval.map_or([e.value; 2], |i| [i.low, i.high]);
    let mut values: Vec<f64> = all.iter().flat_map(known).flat_map(ends).collect();
    let has_ours = !values.is_empty();
    if has_ours {
        values.extend(models.iter().flat_map(|&m| published(m)).map(|(_, value)| value));
    }
    let (low, high) = values.iter().fold((1.0f64, 0.0f64), |(low, high), &v| (low.min(v), high.max(v)));
    let y = if has_ours { ((low - 0.04).max(0.0), (high + 0.04).min(1.02)) } else { (0.0, 1.0) };
    let x = (-0.5, ratios.0.len() as f64 - 0.5);
    let panel = Panel { left, top, width: SIZE.0, height: SIZE.1, x, y };
    canvas.text(Text::new((panel.left, panel.top - 14.0), score.title, LABEL_SIZE).bold());
    ratios.draw_axis(canvas, &panel);
    panel.draw_y_axis(canvas, "");
    if !has_ours {
        let at = (panel.left + panel.width / 2.0, panel.top + panel.height / 2.0);
        canvas.text(Text::new(at, "Not known", LABEL_SIZE).colored(palette::QUIET).anchored(super::Anchor::Middle));
        return;
    }
    let subsets = subsets(all);
    // Side by side, so that intervals do not hide each other.
    let step = (0.36 / all.len() as f64).min(0.12);
    for (k, of_training) in all.iter().enumerate() {
        let shift = (k as f64 - (all.len() - 1) as f64 / 2.0) * step;
        let color = model_color(of_training.condition.model);
        let points = known(of_training);
        let at = |i: usize, value: f64| panel.at(i as f64 + shift, value);
        canvas.polyline(points.iter().map(|&(i, e)| at(i, e.value)).collect(), line(&of_training.condition, &subsets));
        for &(i, estimate) in &points {
            if let Some(interval) = estimate.interval {
                canvas.line(at(i, interval.low), at(i, interval.high), Paint::stroke(color, 1.1));
            }
            canvas.circle(at(i, estimate.value), 2.8, Paint::fill(color));
        }
    }
    // Right of ours.
    let shift = (all.len() + 1) as f64 / 2.0 * step + 0.06;
    for &model in &models {
        for (i, value) in published(model) {
            draw_published(canvas, panel.at(i as f64 + shift, value), model_color(model));
        }
    }
}

fn table(summaries: &[Summary]) -> Table {
    let rows: Vec<(Condition, &Summary)> = summaries.iter().map(|s| (s.condition, s)).collect();
    let mut table = table_of(&rows);
    for score in &SCORES {
        push_estimate(&mut table, &rows, score.column, |(_, s)| (score.ours)(s));
        let published = rows.iter().map(|(c, _)| Value::maybe((score.published)(c.model, c.ratio))).collect();
        table.push(format!("{}_published", score.column), published);
    }
    push_estimate(&mut table, &rows, "missed_dim", |(_, s)| s.missed_dim);
    table
}
