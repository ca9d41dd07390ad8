//! What was found against what chance makes of it.

use super::super::axis::{Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, axis, palette};
use sparkwave_core::table::{Table, Value};

const N_BINS: usize = 30;

/// Draws the histogram of a statistic with shuffled labels, the one that was found, and the one of a guess.
///
/// The data hold one row a bin: `bin_start, bin_end, n`, then `found` and `chance`, the same in each row.
pub fn null_distribution(
    name: &str,
    shuffled: &[f64],
    (found, chance): (f64, f64),
    title: &str,
    caption: String,
) -> Figure {
    let finite: Vec<f64> = shuffled.iter().copied().filter(|v| v.is_finite()).collect();
    let Some(x) = super::room(finite.iter().copied().chain([found, chance])).filter(|_| !finite.is_empty()) else {
        return super::nothing(name);
    };
    let width = (x.1 - x.0) / N_BINS as f64;
    let mut counts = [0usize; N_BINS];
    finite.iter().for_each(|v| counts[(((v - x.0) / width) as usize).min(N_BINS - 1)] += 1);
    let most = counts.iter().copied().max().unwrap_or(1) as f64;
    let panel = Panel { left: 60.0, top: 46.0, width: 360.0, height: 190.0, x, y: (0.0, most * 1.06) };
    let mut canvas = Canvas::new(panel.right() + 24.0, panel.bottom() + 44.0);
    let fill = Some(([0xc4, 0xcc, 0xd4], 1.0));
    for (i, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let (x0, y0) = panel.at(x.0 + i as f64 * width, *n as f64);
        let (x1, y1) = panel.at(x.0 + (i + 1) as f64 * width, 0.0);
        canvas.rect((x0, y0), x1 - x0, y1 - y0, Paint { fill, ..Paint::stroke(palette::PAPER, 0.8) });
    }
    // The later text is above the other one, so that near values leave both readable.
    for (value, label, color, above) in
        [(chance, "guess", palette::QUIET, 8.0), (found, "found", palette::VERMILLION, 24.0)]
    {
        let at = panel.at(value, 0.0).0;
        canvas.line((at, panel.top - above + 2.0), (at, panel.bottom()), Paint::stroke(color, 1.6));
        let text = format!("{label} {}", axis::fixed(value, 3));
        canvas.text(Text::new((at, panel.top - above - 2.0), text, TICK_SIZE).anchored(Anchor::Middle).colored(color));
    }
    panel.draw_x_axis(&mut canvas, title);
    panel.draw_y_axis(&mut canvas, "Permutations");
    let mut table = Table::new();
    table.push("bin_start", (0..N_BINS).map(|i| Value::float(x.0 + i as f64 * width)).collect());
    table.push("bin_end", (0..N_BINS).map(|i| Value::float(x.0 + (i + 1) as f64 * width)).collect());
    table.push("n", counts.iter().map(|n| Value::Int(*n as i64)).collect());
    table.push("found", vec![Value::float(found); N_BINS]);
    table.push("chance", vec![Value::float(chance); N_BINS]);
    canvas.into_figure(name, caption, Some(table))
}
