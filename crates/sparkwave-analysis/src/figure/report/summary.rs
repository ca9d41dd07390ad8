//! The answer before everything else.

use super::Report;
use super::page::{median, numbers, push_number};
use crate::figure::axis;
use sparkwave_core::table::Table;

/// The header's numbers: events, rate, median amplitude, median duration, each with its unit.
pub(super) fn answer(report: &Report<'_>) -> String {
    let n = report.events.n_rows();
    let mut out = String::from("<ul class=\"answer\">\n");
    push_number(&mut out, &n.to_string(), if n == 1 { "event" } else { "events" });
    match report.rate_per_min_100um2.filter(|rate| rate.is_finite()) {
        Some(rate) => push_number(&mut out, &axis::brief(rate), "events per minute and 100 µm²"),
        None => push_number(&mut out, "–", "rate unknown: it needs pixel size and frame interval"),
    }
    if let Some(amplitude) = median(numbers(report.events, "peak_dff")) {
        push_number(&mut out, &axis::brief(amplitude), "median amplitude, ΔF/F₀");
    }
    if let Some(duration) = median(numbers(report.events, "duration_s")) {
        push_number(&mut out, &format!("{} s", axis::brief(duration)), "median duration");
    } else if let Some(duration) = median(frames(report.events)) {
        push_number(&mut out, &axis::brief(duration), "median duration, frames");
    }
    out.push_str("</ul>\n");
    out
}

/// Durations in frames.
fn frames(table: &Table) -> Vec<f64> {
    let (Some(starts), Some(ends)) = (table.column("t_start_frame"), table.column("t_end_frame")) else {
        return Vec::new();
    };
    starts.iter().zip(ends).filter_map(|(start, end)| Some(end.as_f64()? - start.as_f64()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::table::Value;

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
