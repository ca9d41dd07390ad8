//! What the page's script works on, as JSON.

use super::{Report, Trace};
use serde_json::{Map, Value as Json, json};
use sparkwave_core::table::{Column, Value};

/// Columns shown at first; of a group the first that holds a value.
const SHOWN: &[&[&str]] = &[
    &["event_id"],
    &["region_id"],
    &["t_peak_s", "t_peak_frame"],
    &["duration_s", "n_frames"],
    &["y_um", "y_px"],
    &["x_um", "x_px"],
    &["area_um2", "area_px", "n_voxels"],
    &["peak_dff"],
    &["score"],
    &["burst"],
];

/// The data, safe inside a `script` element: without `<`, `>` and `&`, which are escaped as JSON allows.
pub(super) fn json(report: &Report<'_>) -> String {
    let columns = report.events.columns();
    let shown = shown(columns);
    let columns: Vec<Json> = columns
        .iter()
        .map(|column| {
            let values: Vec<Json> = column.values.iter().map(value).collect();
            json!({ "name": column.name, "shown": shown.contains(&column.name.as_str()), "values": values })
        })
        .collect();
    let crops: Map<String, Json> =
        report.crops.iter().map(|(id, png)| (id.to_string(), Json::String(base64(png)))).collect();
    let traces: Map<String, Json> = report
        .traces
        .iter()
        .map(|trace| {
            let (first, values) = around(trace);
            let dff: Vec<Json> = values.iter().map(|&v| rounded(f64::from(v), 4)).collect();
            let content = json!({ "first": first, "start": trace.start_frame, "end": trace.end_frame, "dff": dff });
            (trace.event_id.to_string(), content)
        })
        .collect();
    let interval = report.scale.frame_interval.map(|interval| interval.get());
    let all = json!({ "columns": columns, "crops": crops, "traces": traces, "frame_interval_s": interval });
    escape(&all.to_string())
}

/// The part of a trace that the page draws, with its first frame: the event, and on each side twice its duration but at
/// least 30 frames. Whole traces of thousands of events would be most of the page.
fn around(trace: &Trace) -> (usize, &[f32]) {
    let margin = 2 * trace.end_frame.saturating_sub(trace.start_frame).max(15);
    let local = |frame: usize| frame.saturating_sub(trace.first_frame).min(trace.dff.len());
    let first = local(trace.start_frame.saturating_sub(margin));
    let last = local(trace.end_frame.saturating_add(margin)).max(first);
    (trace.first_frame + first, &trace.dff[first..last])
}

/// JSON with the characters escaped that could end a `script` element or confuse a JavaScript parser.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn value(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Int(i) => json!(i),
        Value::Float(x) => rounded(*x, 7),
        Value::Bool(b) => json!(b),
        Value::Text(text) => json!(text),
    }
}

/// A number with so many significant digits; null if it is not finite.
fn rounded(value: f64, digits: usize) -> Json {
    format!("{value:.*e}", digits - 1).parse::<f64>().ok().filter(|v| v.is_finite()).map_or(Json::Null, |v| json!(v))
}

/// Names of the columns shown at first; the first eight if none is known.
fn shown(columns: &[Column]) -> Vec<&str> {
    let has_value = |name: &&&str| {
        columns.iter().any(|c| c.name == **name && (c.values.is_empty() || c.values.iter().any(|v| *v != Value::Empty)))
    };
    let known: Vec<&str> = SHOWN.iter().filter_map(|group| group.iter().find(has_value).copied()).collect();
    if known.is_empty() { columns.iter().take(8).map(|c| c.name.as_str()).collect() } else { known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_end_inside_the_data_cannot_end_the_script() {
        let escaped = escape(&json!("</script><!--\u{2028}&").to_string());
        assert!(!escaped.contains(['<', '>', '&', '\u{2028}']), "{escaped}");
        let back: String = serde_json::from_str(&escaped).expect("still JSON");
        assert_eq!(back, "</script><!--\u{2028}&");
    }

    #[test]
    fn a_trace_is_cut_to_the_surroundings_of_its_event() {
        let dff: Vec<f32> = (0..600u16).map(f32::from).collect();
        let mut trace = Trace { event_id: 1, first_frame: 100, dff, start_frame: 300, end_frame: 305 };
        let (first, values) = around(&trace);
        assert_eq!((first, values.len(), values[0]), (270, 65, 170.0));
        (trace.start_frame, trace.end_frame) = (110, 150);
        let (first, values) = around(&trace);
        assert_eq!((first, values.len(), values[0]), (100, 130, 0.0));
        (trace.start_frame, trace.end_frame) = (5000, 5010);
        assert!(around(&trace).1.is_empty());
    }

    #[test]
    fn numbers_keep_their_digits_and_unknown_is_null() {
        assert_eq!(rounded(0.1234567891, 7), json!(0.1234568));
        assert_eq!(rounded(123456789.0, 4), json!(123500000.0));
        assert_eq!(rounded(f64::NAN, 4), Json::Null);
    }
}
