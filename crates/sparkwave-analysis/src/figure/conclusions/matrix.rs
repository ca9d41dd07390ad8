//! Tables of numbers as coloured cells: correlations, associations, confusions, barcodes.

use super::super::axis::{self, LABEL_SIZE, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, font, palette};
use sparkwave_core::table::{Table, Value};

/// What colours mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A part, 0..=1: white to dark blue.
    Part,
    /// A coefficient, -1..=1: blue over white to red.
    Signed,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What its colour shows; `None` leaves it white.
    pub value: Option<f64>,
    /// What is written in it, in up to two lines.
    pub text: Vec<String>,
}

/// Names and cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// What rows are.
    pub row_title: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// What columns are.
    pub column_title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `[row][column]`.
    pub cells: Vec<Vec<Cell>>,
    /// What colours mean.
    pub scale: Scale,
    /// What the number is that colours show.
    pub value_title: String,
}

const LARGEST: f64 = 640.0;
const LONGEST_NAME: f64 = 170.0;

/// Draws the cells. Names of columns that have no room side by side are written upwards.
///
/// The data hold one row a cell: `row, column, value`.
pub fn matrix(name: &str, matrix: &Matrix, caption: String) -> Figure {
    let (n_rows, n_columns) = (matrix.rows.len(), matrix.columns.len());
    if n_rows == 0 || n_columns == 0 {
        return super::nothing(name);
    }
    let width_of = |name: &String| font::width(name, TICK_SIZE, false).min(LONGEST_NAME);
    let widest = |names: &[String]| names.iter().map(width_of).fold(0.0, f64::max);
    // As wide as the names need if that is not too wide.
    let widest_cell = (widest(&matrix.columns) + 10.0).clamp(64.0, 110.0);
    let cell = ((LARGEST / n_columns as f64).clamp(17.0, widest_cell), (LARGEST / n_rows as f64).clamp(17.0, 40.0));
    let is_upwards = widest(&matrix.columns) > cell.0 - 6.0;
    let below = if is_upwards { widest(&matrix.columns) + 12.0 } else { 18.0 };
    let left = widest(&matrix.rows) + 36.0;
    let top = 14.0;
    let (width, height) = (cell.0 * n_columns as f64, cell.1 * n_rows as f64);
    let bar = (left + width + 22.0, 14.0);
    let mut canvas = Canvas::new((bar.0 + 74.0).max(left + 150.0), (top + height + below + 26.0).max(150.0));
    for (i, row) in matrix.cells.iter().enumerate().take(n_rows) {
        for (j, content) in row.iter().enumerate().take(n_columns) {
            draw_cell(&mut canvas, (left + j as f64 * cell.0, top + i as f64 * cell.1), cell, content, matrix.scale);
        }
    }
    let short = |name: &String| font::shortened(name, TICK_SIZE, false, LONGEST_NAME);
    for (i, name) in matrix.rows.iter().enumerate() {
        let y = top + (i as f64 + 0.5) * cell.1 + font::CAP_HEIGHT * TICK_SIZE / 2.0;
        canvas.text(Text::new((left - 7.0, y), short(name), TICK_SIZE).anchored(Anchor::End));
    }
    for (j, name) in matrix.columns.iter().enumerate() {
        let x = left + (j as f64 + 0.5) * cell.0;
        let text = if is_upwards {
            let at = (x + font::CAP_HEIGHT * TICK_SIZE / 2.0, top + height + 7.0);
            Text::new(at, short(name), TICK_SIZE).anchored(Anchor::End).upwards()
        } else {
            Text::new((x, top + height + 15.0), short(name), TICK_SIZE).anchored(Anchor::Middle)
        };
        canvas.text(text);
    }
    let row_title = Text::new((14.0, top + height / 2.0), matrix.row_title.clone(), LABEL_SIZE);
    canvas.text(row_title.anchored(Anchor::Middle).upwards());
    let below = (left + width / 2.0, top + height + below + 14.0);
    canvas.text(Text::new(below, matrix.column_title.clone(), LABEL_SIZE).anchored(Anchor::Middle));
    draw_bar(&mut canvas, bar, height.clamp(70.0, 130.0), matrix);
    let cells = || (0..n_rows).flat_map(|i| (0..n_columns).map(move |j| (i, j)));
    let value = |(i, j): (usize, usize)| matrix.cells.get(i).and_then(|row| row.get(j)).and_then(|c| c.value);
    let mut table = Table::new();
    table.push("row", cells().map(|(i, _)| Value::Text(matrix.rows[i].clone())).collect());
    table.push("column", cells().map(|(_, j)| Value::Text(matrix.columns[j].clone())).collect());
    table.push("value", cells().map(|at| Value::maybe(value(at))).collect());
    canvas.into_figure(name, caption, Some(table))
}

fn color(scale: Scale, value: f64) -> [u8; 3] {
    match scale {
        Scale::Part => palette::part_color(value),
        Scale::Signed => palette::signed_color(value),
    }
}

fn draw_cell(canvas: &mut Canvas, (x, y): (f64, f64), size: (f64, f64), content: &Cell, scale: Scale) {
    let edge = Paint::stroke(palette::PAPER, 1.0);
    let value = content.value.filter(|v| v.is_finite());
    match value {
        Some(value) => {
            let fill = Some((color(scale, value), 1.0));
            canvas.rect((x, y), size.0, size.1, Paint { fill, ..edge });
        }
        None => canvas.rect((x, y), size.0, size.1, Paint { fill: Some(([0xf4, 0xf4, 0xf4], 1.0)), ..edge }),
    }
    let ink = match (scale, value) {
        (Scale::Part, Some(value)) => palette::text_on_part(value),
        (Scale::Signed, Some(value)) if value.abs() > 0.8 => palette::PAPER,
        _ => palette::INK,
    };
    let n_lines = content.text.len() as f64;
    let text_size = if size.0 < 30.0 || size.1 < 22.0 { 8.0 } else { 10.5 };
    let line = text_size + 2.0;
    for (i, text) in content.text.iter().enumerate() {
        let text = font::shortened(text, text_size, false, size.0);
        let baseline =
            y + size.1 / 2.0 + (i as f64 - (n_lines - 1.0) / 2.0) * line + font::CAP_HEIGHT * text_size / 2.0;
        canvas.text(Text::new((x + size.0 / 2.0, baseline), text, text_size).anchored(Anchor::Middle).colored(ink));
    }
}

/// The colours with their values.
fn draw_bar(canvas: &mut Canvas, (left, top): (f64, f64), height: f64, matrix: &Matrix) {
    let (low, high) = match matrix.scale {
        Scale::Part => (0.0, 1.0),
        Scale::Signed => (-1.0, 1.0),
    };
    const N_STEPS: usize = 32;
    let step = height / N_STEPS as f64;
    for i in 0..N_STEPS {
        let value = high - (high - low) * (i as f64 + 0.5) / N_STEPS as f64;
        canvas.rect((left, top + i as f64 * step), 10.0, step + 0.3, Paint::fill(color(matrix.scale, value)));
    }
    for value in [low, (low + high) / 2.0, high] {
        let y = top + height * (high - value) / (high - low);
        canvas.text(Text::new((left + 14.0, y + 4.0), axis::fixed(value, 1), TICK_SIZE));
    }
    let title = Text::new((left + 50.0, top + height / 2.0), matrix.value_title.clone(), TICK_SIZE);
    canvas.text(title.anchored(Anchor::Middle).upwards());
}
