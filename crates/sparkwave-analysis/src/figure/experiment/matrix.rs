//! How scores depend on amplitude, for each ratio.

use super::super::axis::{LABEL_SIZE, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::super::{Figure, axis, font, palette, projection};
use super::{COLUMNS, draw_rows_title, push_estimate, repetitions, series, table_of};
use crate::experiment::{BinSummary, Condition, DFF_BINS, Estimate, Model, N_DFF_BINS, Outcomes, Summary, published};
use sparkwave_core::table::{Table, Value};

const CELL: (f64, f64) = (41.0, 31.0);
const LEFT: f64 = 58.0;
const PITCH: f64 = 358.0;
const ABOVE: f64 = 30.0;
const BELOW: f64 = 52.0;
/// Size of the intervals in the cells.
const SMALL: f64 = 8.5;

/// What is shown by amplitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// found / (found + missed).
    Recall,
    /// found / (found + spurious).
    Precision,
    /// found / (found + missed + spurious).
    Accuracy,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Precision => "precision",
            Self::Accuracy => "accuracy",
        }
    }

    fn ours(self, bin: &BinSummary) -> Option<Estimate> {
        match self {
            Self::Recall => bin.recall,
            Self::Precision => bin.precision,
            Self::Accuracy => bin.accuracy,
        }
    }

    fn of(self, outcomes: Outcomes) -> Option<f64> {
        match self {
            Self::Recall => outcomes.recall(),
            Self::Precision => outcomes.precision(),
            Self::Accuracy => outcomes.accuracy(),
        }
    }
}

/// A matrix with its title and, row by row, a label and the values.
struct Matrix {
    title: String,
    rows: Vec<(String, [Option<Estimate>; N_DFF_BINS])>,
}

/// Draws a matrix of ratios by amplitude (figures 3d and e of the paper): percent, with intervals below. A dash stands
/// where there were no events. For the 3D U-Net there is a matrix of the published counts.
///
/// The data hold one row a cell: `model, subset, ratio, dff_from, dff_to` (empty for the last class), the metric with
/// `_ci_low` and `_ci_high`, and `published`.
pub fn amplitude_matrix(summaries: &[Summary], metric: Metric) -> Figure {
    let name = format!("experiment_{}_by_dff", metric.name());
    let mut matrices: Vec<Matrix> = series(summaries)
        .iter()
        .map(|series| {
            let row =
                |s: &&Summary| (s.condition.ratio_label(), std::array::from_fn(|bin| metric.ours(&s.by_dff[bin])));
            Matrix { title: series.condition.training(), rows: series.of_ratios.iter().map(row).collect() }
        })
        .collect();
    let is_known = |(_, values): &(String, [Option<Estimate>; N_DFF_BINS])| values.iter().any(Option::is_some);
    if !matrices.iter().flat_map(|matrix| &matrix.rows).any(is_known) {
        return super::nothing(&name);
    }
    if summaries.iter().any(|s| s.condition.model == Model::UNet) {
        matrices.push(published_matrix(metric));
    }
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, 0.0);
    let mut top = 0.0;
    for pair in matrices.chunks(COLUMNS) {
        for (column, matrix) in pair.iter().enumerate() {
            draw(&mut canvas, (LEFT + column as f64 * PITCH, top + ABOVE), matrix);
        }
        let n_rows = pair.iter().map(|matrix| matrix.rows.len()).max().unwrap_or(0);
        top += ABOVE + n_rows as f64 * CELL.1 + BELOW;
    }
    canvas.height = top;
    let caption = format!(
        "{}{} of events by amplitude and by the number of unlabeled crops for each positive one, percent, with intervals. \
         {} Published: counts of one network for each ratio on other recordings (figure 3d).",
        metric.name()[..1].to_uppercase(),
        &metric.name()[1..],
        repetitions(summaries)
    );
    canvas.into_figure(&name, caption, Some(table(summaries, metric)))
}

fn published_matrix(metric: Metric) -> Matrix {
    let row = |ratio: u32| {
        let outcomes = published::outcomes(Model::UNet, ratio)?;
        let value = |bin: usize| metric.of(outcomes[bin]).map(|value| Estimate { value, interval: None });
        Some((format!("1:{ratio}"), std::array::from_fn(value)))
    };
    Matrix {
        title: format!("{}, published (one network each)", Model::UNet.name()),
        rows: published::RATIOS_WITH_OUTCOMES.into_iter().filter_map(row).collect(),
    }
}

fn draw(canvas: &mut Canvas, (left, top): Point, matrix: &Matrix) {
    canvas.text(Text::new((left, top - 12.0), matrix.title.clone(), LABEL_SIZE).bold());
    for (i, (label, values)) in matrix.rows.iter().enumerate() {
        let y = top + i as f64 * CELL.1;
        let middle = y + CELL.1 / 2.0 + font::CAP_HEIGHT * TICK_SIZE / 2.0;
        canvas.text(Text::new((left - 7.0, middle), label, TICK_SIZE).anchored(Anchor::End));
        for (bin, value) in values.iter().enumerate() {
            draw_cell(canvas, (left + bin as f64 * CELL.0, y), *value);
        }
    }
    let bottom = top + matrix.rows.len() as f64 * CELL.1;
    for (bin, (start, _)) in DFF_BINS.iter().enumerate() {
        // Edges of the classes; the last one has no upper edge.
        let x = left + bin as f64 * CELL.0;
        canvas.line((x, bottom), (x, bottom + 4.0), Paint::stroke(palette::INK, 0.9));
        canvas.text(Text::new((x, bottom + 15.0), axis::fixed(*start, 1), TICK_SIZE).anchored(Anchor::Middle));
    }
    let width = CELL.0 * N_DFF_BINS as f64;
    let title = Text::new((left + width / 2.0, bottom + 31.0), "Amplitude (ΔF/F₀)", LABEL_SIZE);
    canvas.text(title.anchored(Anchor::Middle));
    draw_rows_title(canvas, (left - 42.0, top), bottom - top);
}

fn draw_cell(canvas: &mut Canvas, (x, y): Point, value: Option<Estimate>) {
    let middle = x + CELL.0 / 2.0;
    let write = |canvas: &mut Canvas, y: f64, text: String, size: f64, color| {
        canvas.text(Text::new((middle, y), text, size).anchored(Anchor::Middle).colored(color));
    };
    let edge = Paint::stroke(palette::PAPER, 1.0);
    let Some(estimate) = value else {
        canvas.rect((x, y), CELL.0, CELL.1, edge);
        return write(canvas, y + CELL.1 / 2.0 + 4.0, "–".to_owned(), TICK_SIZE, palette::QUIET);
    };
    let part = estimate.value;
    canvas.rect((x, y), CELL.0, CELL.1, Paint { fill: Some((palette::part_color(part), 1.0)), ..edge });
    let color = palette::text_on_part(part);
    let percent = |part: f64| axis::fixed(100.0 * part, 0);
    match estimate.interval {
        Some(interval) => {
            write(canvas, y + 14.0, percent(part), TICK_SIZE, color);
            write(canvas, y + 25.5, format!("{}–{}", percent(interval.low), percent(interval.high)), SMALL, color);
        }
        None => write(canvas, y + CELL.1 / 2.0 + 4.0, percent(part), TICK_SIZE, color),
    }
}

fn table(summaries: &[Summary], metric: Metric) -> Table {
    let rows: Vec<(Condition, (usize, &Summary))> =
        summaries.iter().flat_map(|s| (0..N_DFF_BINS).map(move |bin| (s.condition, (bin, s)))).collect();
    let mut table = table_of(&rows);
    table.push("dff_from", rows.iter().map(|(_, (bin, _))| Value::float(DFF_BINS[*bin].0)).collect());
    table.push("dff_to", rows.iter().map(|(_, (bin, _))| Value::float(DFF_BINS[*bin].1)).collect());
    push_estimate(&mut table, &rows, metric.name(), |(_, (bin, s))| metric.ours(&s.by_dff[*bin]));
    let known =
        |(c, (bin, _)): &(Condition, (usize, &Summary))| metric.of(published::outcomes(c.model, c.ratio)?[*bin]);
    table.push("published", rows.iter().map(|row| Value::maybe(known(row))).collect());
    table
}
