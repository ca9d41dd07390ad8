//! The answer before everything else.

use super::Report;
use crate::figure::axis;
use sparkwave_core::table::{Table, Value};

/// The header's numbers: events, rate, median amplitude, median duration, each with its unit.
pub(super) fn answer(report: &Report<'_>) -> String {
    let n = report.events.n_rows();
    let mut out = String::from("<ul class=\"answer\">\n");
    push(&mut out, &n.to_string(), if n == 1 { "event" } else { "events" });
    match report.rate_per_min_100um2.filter(|rate| rate.is_finite()) {
        Some(rate) => push(&mut out, &axis::brief(rate), "events per minute and 100 µm²"),
        None => push(&mut out, "–", "rate unknown: it needs pixel size and frame interval"),
    }
    if let Some(amplitude) = median(numbers(report.events, "peak_dff")) {
        push(&mut out, &axis::brief(amplitude), "median amplitude, ΔF/F₀");
    }
    if let Some(duration) = median(numbers(report.events, "duration_s")) {
        push(&mut out, &format!("{} s", axis::brief(duration)), "median duration");
    } else if let Some(duration) = median(frames(report.events)) {
        push(&mut out, &axis::brief(duration), "median duration, frames");
    }
    out.push_str("</ul>\n");
    out
}

fn push(out: &mut String, number: &str, unit: &str) {
    out.push_str(&format!("<li><strong>{number}</strong> <span>{unit}</span></li>\n"));
}

fn numbers(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).map_or_else(Vec::new, |values| values.iter().filter_map(Value::as_f64).collect())
}

/// Durations in frames.
fn frames(table: &Table) -> Vec<f64> {
    let (Some(starts), Some(ends)) = (table.column("t_start_frame"), table.column("t_end_frame")) else {
        return Vec::new();
    };
    starts.iter().zip(ends).filter_map(|(start, end)| Some(end.as_f64()? - start.as_f64()?)).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (n > 0).then(|| (values[(n - 1) / 2] + values[n / 2]) / 2.0)
}

/// A value as it stands in a short table: floats with four decimals at most.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Float(float) => {
            let text = format!("{float:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_even_and_odd_numbers() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn without_calibration_durations_are_frames_and_the_rate_is_unknown() {
        let mut events = Table::new();
        events.push("t_start_frame", vec![Value::Int(3), Value::Int(10)]);
        events.push("t_end_frame", vec![Value::Int(7), Value::Int(18)]);
        events.push("duration_s", vec![Value::Empty, Value::Empty]);
        let answer = answer(&Report::new("r", &events));
        assert!(answer.contains("<strong>6</strong> <span>median duration, frames"), "{answer}");
        assert!(answer.contains("rate unknown"), "{answer}");
    }
}
