//! What a stimulus changed: ratios of after to before with their intervals, and those of the truth where it is known.

use super::axis::{LABEL_SIZE, Panel};
use super::canvas::{Anchor, Canvas, Paint, Text};
use super::{Figure, palette};
use crate::categories::MeanRatio;
use sparkwave_core::table::{Table, Value};

const ROW: f64 = 34.0;
const LABELS: f64 = 200.0;
const WIDTH: f64 = 320.0;
const TOP: f64 = 30.0;
/// The axis reaches at least to a halving and a doubling.
const NARROWEST: f64 = 1.0;

/// Draws the mean ratios on a logarithmic axis; `truth` are those of the simulated events, in the same order.
///
/// The data hold one row a measure: `measure, n_neurons, ratio, ratio_low, ratio_high, true_ratio`.
pub fn mean_ratios(found: &[MeanRatio], truth: Option<&[MeanRatio]>) -> Figure {
    let true_ratio = |i: usize| truth.and_then(|truth| truth.get(i)?.ratio);
    let drawn = found.iter().enumerate().flat_map(|(i, r)| {
        let ends = r.interval.map_or([None; 2], |interval| [Some(interval.low), Some(interval.high)]);
        [r.ratio, true_ratio(i)].into_iter().chain(ends).flatten().map(f64::log2)
    });
    let reach = drawn.filter(|v| v.is_finite()).fold(NARROWEST, |reach, v| reach.max(v.abs())) * 1.05;
    let height = ROW * found.len().max(1) as f64;
    let panel = Panel { left: LABELS, top: TOP, width: WIDTH, height, x: (-reach, reach), y: (0.0, 1.0) };
    let mut canvas = Canvas::new(LABELS + WIDTH + 24.0, panel.bottom() + 42.0);
    canvas.text(Text::new((LABELS, 18.0), "After over before", LABEL_SIZE).bold());
    let x = |ratio: f64| panel.at(ratio.log2().clamp(-reach, reach), 0.0).0;
    canvas.line((x(1.0), TOP), (x(1.0), panel.bottom()), Paint::stroke(palette::QUIET, 1.0).dashed(3.0, 3.0));
    for (i, ratio) in found.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        let label = format!("{} (n = {})", ratio.measure, ratio.n);
        canvas.text(Text::new((LABELS - 10.0, y + 4.0), label, LABEL_SIZE).anchored(Anchor::End));
        if let Some(interval) = ratio.interval {
            canvas.line((x(interval.low), y), (x(interval.high), y), Paint::stroke(palette::BLUE, 1.6));
        }
        if let Some(ratio) = ratio.ratio {
            canvas.circle((x(ratio), y), 4.0, Paint::fill(palette::BLUE));
        }
        if let Some(ratio) = true_ratio(i) {
            canvas.line((x(ratio), y - 9.0), (x(ratio), y + 9.0), Paint::stroke(palette::VERMILLION, 2.0));
        }
    }
    panel.draw_x_axis(&mut canvas, "log2 of the ratio");
    let known = if truth.is_some() { "; upright lines: of the simulated events" } else { "" };
    let caption = format!("Geometric means over neurons with 95 % intervals{known}. Dashed: no change.");
    canvas.into_figure("mean_ratios", caption, Some(table(found, truth)))
}

fn table(found: &[MeanRatio], truth: Option<&[MeanRatio]>) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&MeanRatio) -> Value| {
        table.push(name, found.iter().map(value).collect());
    };
    column("measure", &|r| Value::Text(r.measure.to_owned()));
    column("n_neurons", &|r| Value::Int(r.n as i64));
    column("ratio", &|r| Value::maybe(r.ratio));
    column("ratio_low", &|r| Value::maybe(r.interval.map(|i| i.low)));
    column("ratio_high", &|r| Value::maybe(r.interval.map(|i| i.high)));
    let true_of = |r: &MeanRatio| truth?.iter().find(|t| t.measure == r.measure)?.ratio;
    column("true_ratio", &|r| Value::maybe(true_of(r)));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::bootstrap::Interval;

    #[test]
    fn unknown_ratios_are_left_out_and_wide_ones_fit() {
        let ratio = |ratio: Option<f64>, interval| MeanRatio { measure: "events", n: 3, ratio, interval };
        let found = [ratio(Some(1.5), Some(Interval { low: 0.001, high: 900.0 })), ratio(None, None)];
        let figure = mean_ratios(&found, Some(&[ratio(Some(1.4), None)]));
        assert!(figure.svg.contains("events (n = 3)") && !figure.svg.contains("NaN") && !figure.svg.contains("inf"));
        let data = figure.data.expect("data");
        assert_eq!(data.column("ratio").expect("there")[1], Value::Empty);
        assert_eq!(data.column("true_ratio").expect("there")[0], Value::Float(1.4));
        assert!(mean_ratios(&[], None).svg.contains("svg"));
    }
}
