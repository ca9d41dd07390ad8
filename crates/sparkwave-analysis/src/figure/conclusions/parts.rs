//! What wholes are made of: stacked bars of proportions, one for each condition or neuron.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Text};
use super::super::{Figure, axis, font, palette};
use sparkwave_core::table::{Table, Value};

const HEIGHT: f64 = 240.0;

/// Draws a bar for each whole, cut into the parts of its counts (`[whole][part]`); wholes without counts have no bar.
///
/// The data hold one row a part: `whole, part, n, proportion`.
pub fn parts(name: &str, wholes: &[String], parts: &[String], counts: &[Vec<u64>], caption: String) -> Figure {
    let totals: Vec<u64> = counts.iter().map(|row| row.iter().sum()).collect();
    if wholes.is_empty() || totals.iter().all(|n| *n == 0) {
        return super::nothing(name);
    }
    let pitch = (560.0 / wholes.len() as f64).clamp(13.0, 84.0);
    let panel = Panel {
        left: 60.0,
        top: 16.0,
        width: pitch * wholes.len() as f64,
        height: HEIGHT,
        x: (0.0, 1.0),
        y: (0.0, 1.0),
    };
    let widest = wholes.iter().map(|w| font::width(w, TICK_SIZE, false)).fold(0.0, f64::max).min(150.0);
    let is_upwards = widest > pitch - 4.0;
    let below = if is_upwards { widest + 14.0 } else { 36.0 };
    let key = parts.iter().map(|p| font::width(p, LABEL_SIZE, false)).fold(0.0, f64::max);
    let mut canvas = Canvas::new(panel.right() + key + 52.0, panel.bottom() + below + 8.0);
    let edge = Paint::stroke(palette::PAPER, 0.8);
    for (i, (whole, row)) in wholes.iter().zip(counts).enumerate() {
        let (left, width) = (panel.left + (i as f64 + 0.11) * pitch, pitch * 0.78);
        let mut below = 0;
        for (part, n) in row.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (from, to) = (below as f64 / totals[i] as f64, (below + n) as f64 / totals[i] as f64);
            let (y0, y1) = (panel.at(0.0, from).1, panel.at(0.0, to).1);
            let fill = Some((palette::group_color(part), 0.85));
            canvas.rect((left, y1), width, y0 - y1, Paint { fill, ..edge });
            if width > 26.0 && y0 - y1 > 13.0 {
                let percent = Text::new(
                    (left + width / 2.0, (y0 + y1) / 2.0 + 4.0),
                    axis::fixed(100.0 * (to - from), 0),
                    TICK_SIZE,
                );
                canvas.text(percent.anchored(Anchor::Middle).haloed());
            }
            below += n;
        }
        let middle = left + width / 2.0;
        let label = font::shortened(whole, TICK_SIZE, false, if is_upwards { 150.0 } else { pitch });
        if is_upwards {
            let at = (middle + font::CAP_HEIGHT * TICK_SIZE / 2.0, panel.bottom() + 7.0);
            canvas.text(Text::new(at, label, TICK_SIZE).anchored(Anchor::End).upwards());
        } else {
            canvas.text(Text::new((middle, panel.bottom() + 16.0), label, TICK_SIZE).anchored(Anchor::Middle));
            let n = Text::new((middle, panel.bottom() + 30.0), format!("n = {}", totals[i]), TICK_SIZE);
            canvas.text(n.anchored(Anchor::Middle).colored(palette::QUIET));
        }
    }
    for (i, part) in parts.iter().enumerate() {
        // From the top down as in the bars.
        let y = panel.top + 10.0 + 20.0 * (parts.len() - 1 - i) as f64;
        canvas.rect((panel.right() + 16.0, y - 9.0), 11.0, 11.0, Paint::fill(palette::group_color(i)).faded(0.85));
        canvas.text(Text::new((panel.right() + 33.0, y), part.clone(), LABEL_SIZE));
    }
    canvas.line((panel.left, panel.bottom()), (panel.right(), panel.bottom()), Paint::stroke(palette::INK, 0.9));
    panel.draw_y_axis(&mut canvas, "Part of events");
    let cells = || (0..wholes.len()).flat_map(|i| (0..parts.len()).map(move |j| (i, j)));
    let n = |(i, j): (usize, usize)| counts.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    let part = |at: (usize, usize)| (totals[at.0] > 0).then(|| n(at) as f64 / totals[at.0] as f64);
    let mut table = Table::new();
    table.push("whole", cells().map(|(i, _)| Value::Text(wholes[i].clone())).collect());
    table.push("part", cells().map(|(_, j)| Value::Text(parts[j].clone())).collect());
    table.push("n", cells().map(|at| Value::Int(n(at) as i64)).collect());
    table.push("proportion", cells().map(|at| Value::maybe(part(at))).collect());
    canvas.into_figure(name, caption, Some(table))
}
