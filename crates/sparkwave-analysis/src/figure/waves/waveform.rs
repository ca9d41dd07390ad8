//! The mean time course of a wave at one place.

use super::super::axis::{LABEL_SIZE, Panel};
use super::super::canvas::{Canvas, Paint, Text};
use super::super::{Figure, axis, drift, palette};
use super::maps;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Wave, Waveform};

const LEFT: f64 = 64.0;
const TOP: f64 = 34.0;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 190.0;

/// The largest excursion of a course and the time it stays beyond half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Peak {
    lag_s: f64,
    drr: f64,
    /// Between which lags the course is beyond half of the peak, if both crossings lie inside it.
    half: Option<(f64, f64)>,
}

/// Draws relative reflectance change in per cent against the time since arrival, with its peak and its width at half of
/// the peak. The data hold `lag_s, drr_pct`.
pub fn waveform(wave: &Wave) -> Figure {
    let name = &wave.name;
    let course = &wave.waveform;
    let percent: Vec<f64> = course.drr.iter().map(|v| 100.0 * v).collect();
    let mut canvas = Canvas::new(LEFT + WIDTH + 20.0, TOP + HEIGHT + 44.0);
    canvas.text(Text::new((12.0, 18.0), format!("Wave {name}: mean time course"), LABEL_SIZE).bold());
    let finite = || percent.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
    let margin = if high > low { 0.1 * (high - low) } else { 1.0 };
    let ends = (course.lag_s.first().copied().unwrap_or(0.0), course.lag_s.last().copied().unwrap_or(0.0));
    let panel = Panel {
        left: LEFT,
        top: TOP,
        width: WIDTH,
        height: HEIGHT,
        x: if ends.1 > ends.0 { ends } else { (ends.0, ends.0 + 1.0) },
        y: (low - margin, high + margin),
    };
    canvas.line(panel.at(panel.x.0, 0.0), panel.at(panel.x.1, 0.0), Paint::stroke(palette::FAINT, 0.9));
    if panel.x.0 < 0.0 && panel.x.1 > 0.0 {
        canvas.line(panel.at(0.0, panel.y.0), panel.at(0.0, panel.y.1), Paint::stroke(palette::FAINT, 0.9));
    }
    let peak = peak(course);
    if let Some(Peak { drr, half: Some((from, to)), .. }) = peak {
        let level = 50.0 * drr;
        canvas.line(panel.at(from, level), panel.at(to, level), Paint::stroke(palette::VERMILLION, 1.6));
        for lag in [from, to] {
            let (x, y) = panel.at(lag, level);
            canvas.line((x, y - 4.0), (x, y + 4.0), Paint::stroke(palette::VERMILLION, 1.6));
        }
    }
    for points in drift::runs(&percent, |i, v| panel.at(course.lag_s.get(i).copied().unwrap_or(0.0), v)) {
        canvas.polyline(points, Paint::stroke(palette::INK, 1.5));
    }
    if let Some(Peak { lag_s, drr, .. }) = peak {
        canvas.circle(panel.at(lag_s, 100.0 * drr), 3.4, Paint::fill(palette::VERMILLION));
    }
    panel.draw_x_axis(&mut canvas, "Time since arrival (s)");
    panel.draw_y_axis(&mut canvas, "ΔR/R (%)");
    let mut table = Table::new();
    table.push("lag_s", course.lag_s.iter().map(|&t| Value::float(t)).collect());
    let drr = |i: usize| Value::maybe(percent.get(i).copied());
    table.push("drr_pct", (0..course.lag_s.len()).map(drr).collect());
    canvas.into_figure(&format!("waveform_{}", maps::file_part(name)), caption(name, peak), Some(table))
}

fn caption(name: &str, peak: Option<Peak>) -> String {
    let Some(peak) = peak else {
        return format!("Wave {name}: its mean time course is not known.");
    };
    let mut caption = format!(
        "Wave {name}: relative reflectance change, averaged over the places it visits after shifting each to its arrival. \
         Peak {} % at {} s (dot)",
        axis::brief(100.0 * peak.drr),
        axis::brief(peak.lag_s)
    );
    caption.push_str(&match peak.half {
        Some((from, to)) => format!("; width at half of the peak {} s (bar).", axis::brief(to - from)),
        None => "; it does not fall to half of the peak within the time shown.".to_owned(),
    });
    caption
}

/// The peak of a course, by size whatever its sign; `None` if nothing is known or nothing changes.
fn peak(course: &Waveform) -> Option<Peak> {
    let samples: Vec<(f64, f64)> = course
        .lag_s
        .iter()
        .zip(&course.drr)
        .map(|(t, v)| (*t, *v))
        .filter(|(t, v)| t.is_finite() && v.is_finite())
        .collect();
    let (i, &(lag_s, drr)) = samples.iter().enumerate().max_by(|a, b| a.1.1.abs().total_cmp(&b.1.1.abs()))?;
    if drr == 0.0 {
        return None;
    }
    // Where the course passes half of the peak, between two samples in a row.
    let crossing = |inner: (f64, f64), outer: (f64, f64)| {
        let (u, v) = (inner.1 / drr, outer.1 / drr);
        (u >= 0.5 && v < 0.5).then(|| inner.0 + (outer.0 - inner.0) * (u - 0.5) / (u - v))
    };
    let before = (1..=i).rev().find_map(|k| crossing(samples[k], samples[k - 1]));
    let after = (i + 1..samples.len()).find_map(|k| crossing(samples[k - 1], samples[k]));
    Some(Peak { lag_s, drr, half: before.zip(after) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(sign: f64) -> Waveform {
        // From 0 at -10 s to 4 % at 10 s and back to 0 at 50 s: half of the peak at 0 s and at 30 s.
        let lag_s: Vec<f64> = (-4..=12).map(|i| f64::from(i) * 5.0).collect();
        let value = |t: f64| if t < 10.0 { (t + 10.0) / 20.0 } else { (50.0 - t) / 40.0 };
        Waveform { drr: lag_s.iter().map(|&t| sign * 0.04 * value(t).max(0.0)).collect(), lag_s }
    }

    #[test]
    fn a_triangle_has_half_its_base_as_width_whatever_its_sign() {
        for sign in [1.0, -1.0] {
            let peak = peak(&triangle(sign)).expect("a peak");
            assert!((peak.drr - sign * 0.04).abs() < 1e-12 && peak.lag_s == 10.0, "{peak:?}");
            let (from, to) = peak.half.expect("both crossings");
            assert!(from.abs() < 1e-9 && (to - 30.0).abs() < 1e-9, "{peak:?}");
        }
    }

    #[test]
    fn a_course_that_is_cut_has_no_width_and_a_flat_one_no_peak() {
        let mut cut = triangle(1.0);
        cut.lag_s.truncate(8);
        cut.drr.truncate(8);
        assert_eq!(peak(&cut).expect("a peak").half, None);
        assert_eq!(peak(&Waveform { lag_s: vec![0.0, 1.0], drr: vec![0.0, f64::NAN] }), None);
        assert_eq!(peak(&Waveform::default()), None);
    }
}
