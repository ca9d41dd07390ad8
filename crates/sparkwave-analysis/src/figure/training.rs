//! How a network learned: its loss at every step, and what it was worth on whole recordings.

use super::axis::{LABEL_SIZE, Panel};
use super::canvas::{Canvas, Paint, Point, Text};
use super::{Figure, palette};
use sparkwave_core::table::{Table, Value};

/// Points of the smoothed curve.
const POINTS: usize = 300;

/// Draws the losses of the steps 1, 2, ... (means over a 300th of the run, values that are not numbers left out) above
/// a score on the validation recordings, from 0 to 1, `(step, score)`.
///
/// The data hold one row a validation: `step` and the name of the score.
pub fn training_losses(losses: &[f32], score: &str, validations: &[(usize, f64)]) -> Figure {
    let n_steps = losses.len().max(validations.iter().map(|v| v.0).max().unwrap_or(0)).max(1) as f64;
    let smooth = smoothed(losses);
    let highest = smooth.iter().map(|(_, l)| *l).fold(0.0, f64::max);
    let top = if highest > 0.0 { 1.05 * highest } else { 1.0 };
    let above = Panel { left: 70.0, top: 34.0, width: 420.0, height: 170.0, x: (0.0, n_steps), y: (0.0, top) };
    let below = Panel { top: above.bottom() + 46.0, y: (0.0, 1.0), ..above };
    let mut canvas = Canvas::new(520.0, below.bottom() + 42.0);
    canvas.text(Text::new((above.left, 20.0), "Training", LABEL_SIZE).bold());
    let curve: Vec<Point> = smooth.iter().map(|&(step, loss)| above.at(step, loss)).collect();
    if curve.len() > 1 {
        canvas.polyline(curve, Paint::stroke(palette::BLUE, 1.4));
    }
    above.draw_x_axis(&mut canvas, "");
    above.draw_y_axis(&mut canvas, "Loss");
    let known: Vec<(usize, f64)> = validations.iter().copied().filter(|v| v.1.is_finite()).collect();
    let points: Vec<Point> = known.iter().map(|&(step, score)| below.at(step as f64, score.clamp(0.0, 1.0))).collect();
    points.iter().for_each(|&p| canvas.circle(p, 2.5, Paint::fill(palette::BLUE)));
    if points.len() > 1 {
        canvas.polyline(points, Paint::stroke(palette::BLUE, 1.4));
    }
    below.draw_x_axis(&mut canvas, "Step");
    below.draw_y_axis(&mut canvas, score);
    let caption = format!(
        "Loss of {} steps, smoothed, and {} on whole validation recordings at {} of them.",
        losses.len(),
        score.to_lowercase(),
        known.len()
    );
    let mut table = Table::new();
    table.push("step", known.iter().map(|v| Value::Int(v.0 as i64)).collect());
    table.push(score.to_lowercase().replace(' ', "_"), known.iter().map(|v| Value::float(v.1)).collect());
    canvas.into_figure("losses", caption, Some(table))
}

/// Means over runs of steps, each at the middle of its run.
fn smoothed(losses: &[f32]) -> Vec<(f64, f64)> {
    let size = losses.len().div_ceil(POINTS).max(1);
    let mean = |(i, run): (usize, &[f32])| {
        let known: Vec<f64> = run.iter().map(|l| f64::from(*l)).filter(|l| l.is_finite()).collect();
        let step = (i * size) as f64 + (run.len() as f64 + 1.0) / 2.0;
        (!known.is_empty()).then(|| (step, known.iter().sum::<f64>() / known.len() as f64))
    };
    losses.chunks(size).enumerate().filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_smoothed_to_its_means() {
        assert_eq!(smoothed(&[1.0, 2.0, f32::NAN]), [(1.0, 1.0), (2.0, 2.0)]);
        let long: Vec<f32> = (0..3000).map(|i| i as f32).collect();
        let smooth = smoothed(&long);
        assert_eq!((smooth.len(), smooth[0]), (300, (5.5, 4.5)));
        let figure = training_losses(&long, "Average precision", &[(1000, 0.5), (3000, 0.75)]);
        assert!(figure.svg.contains("Average precision"));
        let _ = training_losses(&[], "Dice", &[]);
    }
}
