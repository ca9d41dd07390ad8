//! Motion of the sample.

use super::axis::{LABEL_SIZE, Panel};
use super::canvas::{Canvas, Paint, Point, Text};
use super::{Figure, Scale, palette, projection};
use sparkwave_core::axes::PointYx;
use sparkwave_core::table::{Table, Value};

/// Half of the smallest range shown: less than this is not worth looking at.
const SMALLEST_RANGE_PX: f64 = 0.5;
/// Beyond this number of points a line is drawn through the extremes of neighbouring frames.
const MOST_POINTS: usize = 1500;

/// Draws the estimated shift of each frame, y and x against time, in pixels on the left and, where the pixels are square
/// and their size known, in micrometres on the right.
///
/// The data hold one row a frame: `frame, t_s, y_px, x_px`.
pub fn drift(shifts: &[PointYx], scale: &Scale) -> Figure {
    let (per_frame, time_unit) = scale.per_frame();
    let values = || shifts.iter().flat_map(|shift| [shift.y, shift.x]).filter(|v| v.is_finite());
    let low = values().fold(-SMALLEST_RANGE_PX, f64::min);
    let high = values().fold(SMALLEST_RANGE_PX, f64::max);
    let margin = 0.05 * (high - low);
    let square = scale.pixel_size.filter(|size| (size.y.get() / size.x.get() - 1.0).abs() < 1e-6);
    let panel = Panel {
        left: 72.0,
        top: 30.0,
        width: if square.is_some() { 572.0 } else { 620.0 },
        height: 190.0,
        x: (0.0, (shifts.len().saturating_sub(1)).max(1) as f64 * per_frame),
        y: (low - margin, high + margin),
    };
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, panel.bottom() + 42.0);
    canvas.line(panel.at(panel.x.0, 0.0), panel.at(panel.x.1, 0.0), Paint::stroke(palette::FAINT, 0.9));
    let y: Vec<f64> = shifts.iter().map(|shift| shift.y).collect();
    let x: Vec<f64> = shifts.iter().map(|shift| shift.x).collect();
    let paints = [Paint::stroke(palette::BLUE, 1.4), Paint::stroke(palette::VERMILLION, 1.4).dashed(5.0, 2.5)];
    let names = ["y (down)", "x (right)"];
    for (i, series) in [&y, &x].into_iter().enumerate() {
        for points in runs(series, |frame, value| panel.at(frame as f64 * per_frame, value)) {
            canvas.polyline(points, paints[i]);
        }
        let key = panel.left + 8.0 + 110.0 * i as f64;
        canvas.line((key, 16.0), (key + 22.0, 16.0), paints[i]);
        canvas.text(Text::new((key + 28.0, 20.0), names[i], LABEL_SIZE));
    }
    panel.draw_x_axis(&mut canvas, &format!("Time ({time_unit})"));
    panel.draw_y_axis(&mut canvas, "Shift (px)");
    if let Some(size) = square {
        let um = size.x.get();
        panel.draw_right_axis(&mut canvas, (panel.y.0 * um, panel.y.1 * um), "Shift (µm)");
    }
    let largest = shifts.iter().map(|shift| shift.y.hypot(shift.x)).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let mut caption = format!("Estimated shift of each frame, n = {} frames.", shifts.len());
    caption.push_str(&format!(" The largest is {} px", super::axis::brief(largest)));
    if let Some(size) = square {
        caption.push_str(&format!(" ({} µm)", super::axis::brief(largest * size.x.get())));
    }
    caption.push('.');
    canvas.into_figure("drift", caption, Some(table(shifts, scale)))
}

/// Unbroken pieces of a series, broken where a value is unknown. Long series are drawn through the smallest and the
/// largest value of each group of frames, so that no excursion is lost.
pub(super) fn runs(series: &[f64], at: impl Fn(usize, f64) -> Point) -> Vec<Vec<Point>> {
    let group = (2 * series.len()).div_ceil(MOST_POINTS).max(1);
    let mut runs: Vec<Vec<Point>> = Vec::new();
    let mut current: Vec<Point> = Vec::new();
    for (i, chunk) in series.chunks(group).enumerate() {
        let known = || chunk.iter().enumerate().filter(|(_, v)| v.is_finite()).map(|(k, &v)| (i * group + k, v));
        let (Some(low), Some(high)) =
            (known().min_by(|a, b| a.1.total_cmp(&b.1)), known().max_by(|a, b| a.1.total_cmp(&b.1)))
        else {
            runs.push(std::mem::take(&mut current));
            continue;
        };
        let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        current.push(at(first.0, first.1));
        if first.0 != second.0 {
            current.push(at(second.0, second.1));
        }
    }
    runs.push(current);
    runs.retain(|run| !run.is_empty());
    runs
}

fn table(shifts: &[PointYx], scale: &Scale) -> Table {
    let mut table = Table::new();
    table.push("frame", (0..shifts.len()).map(|i| Value::Int(i as i64)).collect());
    let seconds = |i: usize| Value::maybe(scale.frame_interval.map(|dt| i as f64 * dt.get()));
    table.push("t_s", (0..shifts.len()).map(seconds).collect());
    table.push("y_px", shifts.iter().map(|shift| Value::float(shift.y)).collect());
    table.push("x_px", shifts.iter().map(|shift| Value::float(shift.x)).collect());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_excursion_survives_thinning_and_gaps_break_the_line() {
        let mut series = vec![0.0; 100_000];
        series[77_777] = 9.0;
        let points: Vec<Point> = runs(&series, |frame, value| (frame as f64, value)).concat();
        assert!(points.len() <= 2 * MOST_POINTS && points.contains(&(77_777.0, 9.0)));
        let broken = runs(&[1.0, f64::NAN, 2.0, 3.0], |frame, value| (frame as f64, value));
        assert_eq!(broken, [vec![(0.0, 1.0)], vec![(2.0, 2.0), (3.0, 3.0)]]);
    }
}
