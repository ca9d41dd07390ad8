//! How the measures of events are distributed.

use super::axis::{self, Panel, TICK_SIZE};
use super::canvas::{Anchor, Canvas, Paint, Text};
use super::{Figure, palette, projection};
use sparkwave_core::table::{Table, Value};

/// What is shown: alternatives in order of preference (column, axis title); the first with a value is taken.
const QUANTITIES: &[&[(&str, &str)]] = &[
    &[("peak_dff", "Amplitude (ΔF/F₀)")],
    &[("duration_s", "Duration (s)"), ("n_frames", "Duration (frames)")],
    &[("area_um2", "Area (µm²)"), ("area_px", "Area (px)")],
    &[("inter_event_interval_s", "Inter-event interval (s)")],
    &[("rise_time_s", "Rise time (s)")],
    &[("decay_time_s", "Decay time (s)")],
    &[("half_width_s", "Width at half maximum (s)")],
    &[("score", "Score")],
];
const COLUMNS: usize = 3;
const CELL: (f64, f64) = (240.0, 190.0);
const MOST_BINS: usize = 40;

/// Draws histograms of amplitude, duration, area, inter-event interval and kinetics: whichever of the known columns are
/// in the table and hold a number, physical units before pixels and frames. Each states its n and its median.
///
/// Bins are as wide as Freedman and Diaconis (1981), `2 IQR / n^(1/3)`, or Sturges (1926), `range / (log2 n + 1)`, advise,
/// whichever is narrower; where all values are multiples of one step, as durations
/// are of the frame interval, bins are whole steps centred on the multiples. The data hold one row a bin:
/// `quantity, bin_start, bin_end, n_events`.
pub fn distributions(table: &Table) -> Figure {
    let shown: Vec<(&str, &str, Vec<f64>)> =
        QUANTITIES.iter().filter_map(|alternatives| first_known(table, alternatives)).collect();
    let n_rows = shown.len().div_ceil(COLUMNS).max(1);
    let n_columns = shown.len().clamp(1, COLUMNS);
    let mut canvas = Canvas::new(
        (CELL.0 * n_columns as f64).max(CELL.0),
        if shown.is_empty() { 60.0 } else { CELL.1 * n_rows as f64 },
    );
    if shown.is_empty() {
        canvas.text(Text::new((20.0, 34.0), "No measures to show.", axis::LABEL_SIZE).colored(palette::QUIET));
    }
    let mut bins: Vec<(&str, Bin)> = Vec::new();
    for (i, (name, title, values)) in shown.iter().enumerate() {
        let corner = ((i % COLUMNS) as f64 * CELL.0, (i / COLUMNS) as f64 * CELL.1);
        let histogram = histogram(values);
        draw(&mut canvas, corner, title, values, &histogram);
        bins.extend(histogram.into_iter().map(|bin| (*name, bin)));
    }
    let caption = if shown.is_empty() {
        "Distributions of the measures: no event has any.".to_owned()
    } else {
        "Distributions of the measures over events; dashed lines are medians. Events without a value are not counted."
            .to_owned()
    };
    debug_assert!(canvas.width <= projection::PAGE_WIDTH);
    canvas.into_figure("distributions", caption, Some(data(&bins)))
}

/// The first alternative that has a number, with its numbers sorted.
fn first_known<'a>(table: &Table, alternatives: &[(&'a str, &'a str)]) -> Option<(&'a str, &'a str, Vec<f64>)> {
    alternatives.iter().find_map(|&(name, title)| {
        let mut values: Vec<f64> =
            table.column(name)?.iter().filter_map(Value::as_f64).filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some((name, title, values))
    })
}

/// Values from `start` to before `end`; the last bin holds its end as well.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bin {
    start: f64,
    end: f64,
    n: usize,
}

/// The histogram of sorted, finite values, at least one.
fn histogram(values: &[f64]) -> Vec<Bin> {
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Vec::new() };
    let spread = quantile(values, 0.75) - quantile(values, 0.25);
    let n = values.len() as f64;
    let sturges = (high - low) / (n.log2() + 1.0);
    let freedman_diaconis = 2.0 * spread / n.cbrt();
    let mut width = if freedman_diaconis > 0.0 { freedman_diaconis.min(sturges) } else { sturges };
    width = width.max((high - low) / MOST_BINS as f64);
    let mut start = low;
    if let Some(step) = common_step(values) {
        width = (width / step).round().max(1.0) * step;
        start = low - step / 2.0;
    }
    if width.is_nan() || width <= low.abs() * 1e-12 {
        // One value only: a bin of arbitrary width around it.
        width = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        start = low - width / 2.0;
    }
    let n_bins = (((high - start) / width).ceil() as usize).clamp(1, MOST_BINS + 1);
    let mut bins: Vec<Bin> = (0..n_bins)
        .map(|i| Bin { start: start + i as f64 * width, end: start + (i + 1) as f64 * width, n: 0 })
        .collect();
    for value in values {
        let index = (((value - start) / width) as usize).min(n_bins - 1);
        bins[index].n += 1;
    }
    bins
}

/// The step of which all differences between sorted values are multiples, if there is one that is coarse enough to
/// matter: distinct values must be at most a quarter of the values.
fn common_step(values: &[f64]) -> Option<f64> {
    let (low, high) = (*values.first()?, *values.last()?);
    let tolerance = (high - low) * 1e-6;
    let mut gaps = values.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > tolerance);
    let first = gaps.next()?;
    let (n_gaps, step) = gaps.fold((1usize, first), |(n, step), gap| (n + 1, step.min(gap)));
    let is_multiple = |value: f64| {
        let multiples = (value - low) / step;
        (multiples - multiples.round()).abs() < 0.02
    };
    (n_gaps < values.len().div_ceil(4) && values.iter().all(|&v| is_multiple(v))).then_some(step)
}

/// Quantile of sorted values, linear between neighbours.
fn quantile(values: &[f64], q: f64) -> f64 {
    let position = q * (values.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (position - below as f64) * (values[above] - values[below])
}

fn draw(canvas: &mut Canvas, (left, top): (f64, f64), title: &str, values: &[f64], bins: &[Bin]) {
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return };
    let most = bins.iter().map(|bin| bin.n).max().unwrap_or(1).max(1) as f64;
    let panel = Panel {
        left: left + 56.0,
        top: top + 26.0,
        width: CELL.0 - 56.0 - 14.0,
        height: CELL.1 - 26.0 - 44.0,
        x: (first.start, last.end),
        y: (0.0, most * 1.04),
    };
    let style = Paint { fill: Some(([0x9a, 0xb8, 0xd0], 1.0)), ..Paint::stroke(palette::PAPER, 0.8) };
    for bin in bins.iter().filter(|bin| bin.n > 0) {
        let (x0, y0) = panel.at(bin.start, bin.n as f64);
        let (x1, y1) = panel.at(bin.end, 0.0);
        canvas.rect((x0, y0), x1 - x0, y1 - y0, style);
    }
    let median = quantile(values, 0.5);
    let (x, _) = panel.at(median, 0.0);
    canvas.line((x, panel.top), (x, panel.bottom()), Paint::stroke(palette::VERMILLION, 1.3).dashed(4.0, 2.5));
    let note = format!("n = {}, median {}", values.len(), axis::brief(median));
    canvas.text(Text::new((panel.right(), top + 16.0), note, TICK_SIZE).anchored(Anchor::End));
    panel.draw_x_axis(canvas, title);
    panel.draw_y_axis(canvas, "Events");
}

fn data(bins: &[(&str, Bin)]) -> Table {
    let mut table = Table::new();
    table.push("quantity", bins.iter().map(|(name, _)| Value::Text((*name).to_owned())).collect());
    table.push("bin_start", bins.iter().map(|(_, bin)| Value::float(bin.start)).collect());
    table.push("bin_end", bins.iter().map(|(_, bin)| Value::float(bin.end)).collect());
    table.push("n_events", bins.iter().map(|(_, bin)| Value::Int(bin.n as i64)).collect());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bin() {
        // Squares: skewed, all distinct.
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * i) * 0.01).collect();
        let bins = histogram(&values);
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<usize>(), 200);
        assert!(bins.len() > 4 && bins.len() <= MOST_BINS + 1, "{}", bins.len());
        assert!(bins.windows(2).all(|w| (w[0].end - w[1].start).abs() < 1e-9));
    }

    #[test]
    fn durations_fall_on_whole_frames() {
        // Multiples of 0.1 s: every bin must hold the same number of possible durations, or the histogram is a comb.
        let values: Vec<f64> = (0..120).map(|i| 0.1 * f64::from(2 + i / 10)).collect();
        let bins = histogram(&values);
        let multiples: Vec<f64> = bins.iter().map(|bin| (bin.end - bin.start) / 0.1).collect();
        assert!(multiples.iter().all(|m| (m - m.round()).abs() < 1e-6), "{multiples:?}");
        let inner: Vec<usize> = bins[..bins.len() - 1].iter().map(|bin| bin.n).collect();
        assert!(inner.windows(2).all(|w| w[0] == w[1]), "{inner:?}");
    }

    #[test]
    fn a_single_value_has_a_bin_around_it() {
        for value in [0.0, 3.0, -2.0] {
            let bins = histogram(&[value; 5]);
            assert_eq!(bins.iter().map(|bin| bin.n).sum::<usize>(), 5, "{bins:?}");
            assert!(bins[0].start < value && value < bins[0].end, "{bins:?}");
        }
    }

    #[test]
    fn quantiles_agree_with_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0.25, 0.5, 0.75]) = 1.75, 3.0, 5.0
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.25, 0.5, 0.75].map(|q| quantile(&values, q)), [1.75, 3.0, 5.0]);
    }

    #[test]
    fn unknown_and_absent_columns_are_left_out() {
        let mut table = Table::new();
        table.push("area_um2", vec![Value::Empty, Value::Empty]);
        table.push("area_px", vec![Value::Int(4), Value::Int(9)]);
        table.push("duration_s", vec![Value::Empty, Value::Float(0.4)]);
        let figure = distributions(&table);
        assert!(figure.svg.contains("Area (px)") && !figure.svg.contains("µm²"));
        assert!(figure.svg.contains("n = 1, median 0.4") && !figure.svg.contains("Amplitude"));
    }
}
