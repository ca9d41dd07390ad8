//! Precision against recall.

use super::axis::{self, LABEL_SIZE, Panel, TICK_SIZE};
use super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::{Figure, font, palette};
use sparkwave_core::table::{Table, Value};

/// Draws a precision-recall curve, points `(recall, precision)` in the order of the thresholds, both in 0..=1, over lines
/// of equal F1. The best F1 is marked. Nothing is drawn beyond the measured points.
///
/// The data hold one row a point: `recall, precision, f1`.
pub fn precision_recall(curve: &[(f64, f64)], ap: Option<f64>, title: &str) -> Figure {
    let panel = Panel { left: 60.0, top: 34.0, width: 340.0, height: 340.0, x: (0.0, 1.0), y: (0.0, 1.0) };
    let mut canvas = Canvas::new(440.0, panel.bottom() + 42.0);
    draw_equal_f1(&mut canvas, &panel);
    let known: Vec<(f64, f64)> = curve.iter().copied().filter(|(r, p)| r.is_finite() && p.is_finite()).collect();
    let points: Vec<Point> = known.iter().map(|&(recall, precision)| panel.at(recall, precision)).collect();
    if points.len() > 1 {
        canvas.polyline(points, Paint::stroke(palette::BLUE, 1.8));
    }
    let best = known.iter().copied().max_by(|&a, &b| f1(a).total_cmp(&f1(b)));
    if let Some(best) = best {
        draw_best(&mut canvas, &panel, best);
    }
    panel.draw_x_axis(&mut canvas, "Recall");
    panel.draw_y_axis(&mut canvas, "Precision");
    let ap_text = ap.filter(|ap| ap.is_finite()).map(|ap| format!("AP = {}", axis::fixed(ap, 3)));
    let ap_width = ap_text.as_ref().map_or(0.0, |text| font::width(text, LABEL_SIZE, false) + 16.0);
    let title = font::shortened(title, LABEL_SIZE, true, panel.width - ap_width);
    canvas.text(Text::new((panel.left, 20.0), title, LABEL_SIZE).bold());
    if let Some(text) = &ap_text {
        canvas.text(Text::new((panel.right(), 20.0), text, LABEL_SIZE).anchored(Anchor::End));
    }
    let mut caption =
        format!("Precision and recall at {} thresholds; gray lines join points of equal F1.", known.len());
    if let Some(best) = best {
        caption.push_str(&format!(" The dot marks the best F1, {}.", axis::fixed(f1(best), 3)));
    }
    if let Some(text) = &ap_text {
        caption.push_str(&format!(" {text} (average precision)."));
    }
    canvas.into_figure("precision_recall", caption, Some(table(&known)))
}

/// Harmonic mean of recall and precision; 0 if both are 0.
fn f1((recall, precision): (f64, f64)) -> f64 {
    if recall + precision > 0.0 { 2.0 * recall * precision / (recall + precision) } else { 0.0 }
}

/// Precision that gives F1 = f at a recall: p = f r / (2 r - f), from F1 = 2 p r / (p + r).
pub(super) fn draw_equal_f1(canvas: &mut Canvas, panel: &Panel) {
    for f in [0.2, 0.4, 0.6, 0.8] {
        let first = f / (2.0 - f);
        let at = |i: i32| {
            // Closer together at first, where the line is steep.
            let recall = first + (1.0 - first) * (f64::from(i) / 60.0).powi(3);
            panel.at(recall, f * recall / (2.0 * recall - f))
        };
        canvas.polyline((0..=60).map(at).collect(), Paint::stroke(palette::FAINT, 0.9));
        let (_, y) = panel.at(1.0, f / (2.0 - f));
        let label = Text::new((panel.right() + 5.0, y + 4.0), axis::fixed(f, 1), TICK_SIZE).colored(palette::QUIET);
        canvas.text(label);
    }
    canvas.text(Text::new((panel.right() + 5.0, panel.top + 6.0), "F1", TICK_SIZE).colored(palette::QUIET));
}

fn draw_best(canvas: &mut Canvas, panel: &Panel, best: (f64, f64)) {
    let at = panel.at(best.0, best.1);
    canvas.circle(at, 4.5, Paint::fill(palette::PAPER));
    canvas.circle(at, 3.2, Paint::fill(palette::VERMILLION));
    let is_right = best.0 > 0.6;
    let (anchor, x) = if is_right { (Anchor::End, at.0 - 9.0) } else { (Anchor::Start, at.0 + 9.0) };
    let y = if best.1 > 0.12 { at.1 + 16.0 } else { at.1 - 9.0 };
    let label = Text::new((x, y), format!("best F1 = {}", axis::fixed(f1(best), 3)), TICK_SIZE);
    canvas.text(label.anchored(anchor).haloed());
}

fn table(points: &[(f64, f64)]) -> Table {
    let mut table = Table::new();
    table.push("recall", points.iter().map(|p| Value::float(p.0)).collect());
    table.push("precision", points.iter().map(|p| Value::float(p.1)).collect());
    table.push("f1", points.iter().map(|&p| Value::float(f1(p))).collect());
    table
}
