//! Figures of the experiment on positive and unlabeled crops: those of the paper (Digital Discovery 2025, 4, 105-119,
//! figures 3 and 4), with intervals on ours and the published numbers as open marks.
//!
//! Every figure has a panel for each kind of network and part of the recordings among the summaries, in their order.

mod against_ratio;
mod key;
mod matrix;
mod mean_curves;
mod ridgelines;
#[cfg(test)]
mod tests;

pub use against_ratio::scores_against_ratio;
pub use matrix::{Metric, amplitude_matrix};
pub use mean_curves::mean_precision_recall;
pub use ridgelines::dice_ridgelines;

use super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::canvas::{Anchor, Canvas, Paint, Point, Rgb, Text};
use super::{Figure, font, palette, projection};
use crate::experiment::{Condition, Estimate, Model, Summary};
use sparkwave_core::table::{Table, Value};

/// Panels side by side.
const COLUMNS: usize = 2;

/// All figures of the experiment, in the order of the paper.
pub fn figures(summaries: &[Summary]) -> Vec<Figure> {
    vec![
        mean_precision_recall(summaries),
        amplitude_matrix(summaries, Metric::Recall),
        amplitude_matrix(summaries, Metric::Precision),
        amplitude_matrix(summaries, Metric::Accuracy),
        scores_against_ratio(summaries),
        dice_ridgelines(summaries),
    ]
}

/// The ratios of one kind of network on one part of the recordings.
struct Series<'a> {
    condition: Condition,
    of_ratios: Vec<&'a Summary>,
}

fn series(summaries: &[Summary]) -> Vec<Series<'_>> {
    let mut series: Vec<Series<'_>> = Vec::new();
    for summary in summaries {
        let Condition { model, subset, .. } = summary.condition;
        match series.iter_mut().find(|s| s.condition.model == model && s.condition.subset == subset) {
            Some(found) => found.of_ratios.push(summary),
            None => series.push(Series { condition: summary.condition, of_ratios: vec![summary] }),
        }
    }
    series
}

/// All ratios, rising.
struct Ratios(Vec<u32>);

impl Ratios {
    fn of(summaries: &[Summary]) -> Self {
        let mut ratios: Vec<u32> = summaries.iter().map(|s| s.condition.ratio).collect();
        ratios.sort_unstable();
        ratios.dedup();
        Self(ratios)
    }

    fn position(&self, ratio: u32) -> Option<usize> {
        self.0.binary_search(&ratio).ok()
    }

    /// Ink for 1:0, then dark blue to orange with more unlabeled crops.
    fn color(&self, ratio: u32) -> Rgb {
        let with_unlabeled: Vec<u32> = self.0.iter().copied().filter(|&r| r > 0).collect();
        match with_unlabeled.binary_search(&ratio) {
            Ok(i) => palette::time_color(i as f64 / (with_unlabeled.len().max(2) - 1) as f64),
            Err(_) => palette::INK,
        }
    }

    /// An axis on which the ratios are equally far apart; the panel's x runs from -0.5 to their number less 0.5.
    fn draw_axis(&self, canvas: &mut Canvas, panel: &Panel) {
        canvas.line((panel.left, panel.bottom()), (panel.right(), panel.bottom()), Paint::stroke(palette::INK, 0.9));
        for (i, ratio) in self.0.iter().enumerate() {
            let (x, y) = panel.at(i as f64, panel.y.0);
            canvas.line((x, y), (x, y + 4.0), Paint::stroke(palette::INK, 0.9));
            canvas.text(Text::new((x, y + 15.0), ratio.to_string(), TICK_SIZE).anchored(Anchor::Middle));
        }
        let middle = panel.left + panel.width / 2.0;
        let title = "Unlabeled crops for each positive one";
        canvas.text(Text::new((middle, panel.bottom() + 31.0), title, LABEL_SIZE).anchored(Anchor::Middle));
    }
}

/// Writes what the labels of the rows are beside them, upwards, where there is room for it.
fn draw_rows_title(canvas: &mut Canvas, (x, y): Point, height: f64) {
    let title = "Positive : unlabeled";
    if font::width(title, LABEL_SIZE, false) < height {
        canvas.text(Text::new((x, y + height / 2.0), title, LABEL_SIZE).anchored(Anchor::Middle).upwards());
    }
}

/// The colour of a kind of network.
fn model_color(model: Model) -> Rgb {
    match model {
        Model::UNet => palette::BLUE,
        Model::StarDist => palette::VERMILLION,
    }
}

/// An open mark: published.
fn draw_published(canvas: &mut Canvas, (x, y): Point, color: Rgb) {
    let size = 4.5;
    let outline = vec![(x, y - size), (x + size, y), (x, y + size), (x - size, y)];
    let paint = Paint { fill: Some((palette::PAPER, 1.0)), ..Paint::stroke(color, 1.5) };
    canvas.polygon(outline, paint);
}

/// A canvas without panels, which says why.
fn nothing(name: &str) -> Figure {
    let mut canvas = Canvas::new(projection::PAGE_WIDTH / 2.0, 60.0);
    canvas.text(Text::new((20.0, 34.0), "No results to show.", LABEL_SIZE).colored(palette::QUIET));
    canvas.into_figure(name, "No cell of the experiment has such a result.".to_owned(), Some(Table::new()))
}

/// How often what is shown was repeated, as a sentence.
fn repetitions(summaries: &[Summary]) -> String {
    let range = |n: fn(&Summary) -> usize, noun: &str| {
        let (least, most) = summaries.iter().map(n).fold((usize::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
        match (least, most) {
            (1, 1) => format!("1 {noun}"),
            (least, most) if least == most => format!("{most} {noun}s"),
            (least, most) => format!("{least} to {most} {noun}s"),
        }
    };
    let level = summaries.first().map_or(0.0, |s| s.level);
    format!(
        "Averages over {} for each ratio on {}; {} % intervals from resampled movies, draws of the training recordings and \
         seeds.",
        range(|s| s.n_networks, "network"),
        range(|s| s.n_movies, "test movie"),
        (level * 1e4).round() / 100.0
    )
}

/// Starts a table with the columns `model, subset, ratio`.
fn table_of<T>(rows: &[(Condition, T)]) -> Table {
    let mut table = Table::new();
    table.push("model", rows.iter().map(|(c, _)| Value::Text(c.model.name().to_owned())).collect());
    table.push("subset", rows.iter().map(|(c, _)| Value::float(c.subset)).collect());
    table.push("ratio", rows.iter().map(|(c, _)| Value::Int(i64::from(c.ratio))).collect());
    table
}

/// Adds a number with its interval: `name, name_ci_low, name_ci_high`.
fn push_estimate<T>(table: &mut Table, rows: &[T], name: &str, estimate: impl Fn(&T) -> Option<Estimate>) {
    let interval = |row: &T| estimate(row).and_then(|e| e.interval);
    table.push(name, rows.iter().map(|row| Value::maybe(estimate(row).map(|e| e.value))).collect());
    table.push(format!("{name}_ci_low"), rows.iter().map(|r| Value::maybe(interval(r).map(|i| i.low))).collect());
    table.push(format!("{name}_ci_high"), rows.iter().map(|r| Value::maybe(interval(r).map(|i| i.high))).collect());
}
