//! Detections as points in frames and pixels, and how they are read from a table.

use std::collections::HashMap;

use sparkwave_core::table::{Table, Value};

use super::Error;

/// One event as a point: when and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Frame, 0-based; fractions are allowed.
    pub t_frame: f64,
    /// Row in pixels; pixel centres are integers.
    pub y_px: f64,
    /// Column in pixels; pixel centres are integers.
    pub x_px: f64,
    /// Evidence on any scale, larger is surer. Needed for curves and average precision only.
    pub score: Option<f64>,
}

impl Detection {
    /// A detection without a score.
    pub fn new(t_frame: f64, y_px: f64, x_px: f64) -> Self {
        Self { t_frame, y_px, x_px, score: None }
    }

    /// The same detection with a score.
    pub fn scored(self, score: f64) -> Self {
        Self { score: Some(score), ..self }
    }
}

/// Reads a list of detections from a table, one a row, in the order of the rows.
///
/// Columns: `t_frame` or, without it, `t_peak_frame`; `y_px`; `x_px`; and `score` where there is one. With `imagej` the
/// columns are those of an ImageJ point list instead, `Slice`, `Y` and `X`, and `Slice`, which counts from 1, becomes a
/// 0-based frame. Text that reads as a number counts as that number.
///
/// # Errors
/// [`Error::MissingColumns`] with the columns found; [`Error::Cell`] for a cell that is empty, not a finite number, or a
/// slice below 1; [`Error::Repeated`] for a second row at exactly the same frame, row and column. Within a `score`
/// column every row needs a value.
pub fn detections_from_table(table: &Table, imagej: bool) -> Result<Vec<Detection>, Error> {
    let (frame_names, y_name, x_name): (&[&str], _, _) =
        if imagej { (&["Slice"], "Y", "X") } else { (&["t_frame", "t_peak_frame"], "y_px", "x_px") };
    let frame_column = frame_names.iter().find_map(|&name| Some((name, table.column(name)?)));
    let (Some((t_name, t)), Some(y), Some(x)) = (frame_column, table.column(y_name), table.column(x_name)) else {
        let found: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
        return Err(Error::MissingColumns {
            expected: format!("{}, {y_name}, {x_name}", frame_names.join(" or ")),
            found: if found.is_empty() { "none".to_owned() } else { found.join(", ") },
        });
    };
    let score = table.column("score");

    let mut first_rows: HashMap<[u64; 3], usize> = HashMap::with_capacity(table.n_rows());
    (0..table.n_rows())
        .map(|i| {
            let row = i + 1;
            let slice_or_frame = number(&t[i], row, t_name)?;
            if imagej && slice_or_frame < 1.0 {
                return Err(cell(&t[i], row, t_name, "a slice number of at least 1"));
            }
            let detection = Detection {
                t_frame: if imagej { slice_or_frame - 1.0 } else { slice_or_frame },
                y_px: number(&y[i], row, y_name)?,
                x_px: number(&x[i], row, x_name)?,
                score: score.map(|score| number(&score[i], row, "score")).transpose()?,
            };
            // Adding 0 makes -0 and 0, which are the same place, the same key.
            let key = [detection.t_frame, detection.y_px, detection.x_px].map(|v| (v + 0.0).to_bits());
            match first_rows.insert(key, row) {
                Some(first) => Err(Error::Repeated { row, first }),
                None => Ok(detection),
            }
        })
        .collect()
}

fn number(value: &Value, row: usize, column: &str) -> Result<f64, Error> {
    let parsed = match value {
        Value::Text(text) => text.trim().parse::<f64>().ok(),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Empty => value.as_f64(),
    };
    parsed.filter(|v| v.is_finite()).ok_or_else(|| cell(value, row, column, "a finite number"))
}

fn cell(value: &Value, row: usize, column: &str, expected: &'static str) -> Error {
    let found = match value {
        Value::Empty => "nothing".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => value.to_string(),
    };
    Error::Cell { row, column: column.to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn table(columns: &[(&str, Vec<Value>)]) -> Table {
        let mut table = Table::new();
        for (name, values) in columns {
            table.push(*name, values.clone());
        }
        table
    }

    fn floats(values: &[f64]) -> Vec<Value> {
        values.iter().map(|&v| Value::Float(v)).collect()
    }

    #[test]
    fn reads_our_own_events_and_plain_points() {
        let events = table(&[
            ("event_id", vec![Value::Int(1), Value::Int(2)]),
            ("t_peak_frame", vec![Value::Int(3), Value::Text(" 4 ".into())]),
            ("y_px", floats(&[1.5, 2.0])),
            ("x_px", floats(&[0.0, 7.25])),
            ("score", floats(&[0.5, 9.0])),
        ]);
        let expected = [Detection::new(3.0, 1.5, 0.0).scored(0.5), Detection::new(4.0, 2.0, 7.25).scored(9.0)];
        assert_eq!(detections_from_table(&events, false).unwrap(), expected);
        let both = table(&[
            ("t_peak_frame", floats(&[9.0])),
            ("t_frame", floats(&[3.5])),
            ("y_px", floats(&[1.0])),
            ("x_px", floats(&[2.0])),
        ]);
        assert_eq!(detections_from_table(&both, false).unwrap(), [Detection::new(3.5, 1.0, 2.0)]);
    }

    #[test]
    fn an_imagej_slice_counts_from_one() {
        let points = table(&[("Slice", floats(&[1.0, 600.0])), ("Y", floats(&[5.0, 6.0])), ("X", floats(&[7.0, 8.0]))]);
        let expected = [Detection::new(0.0, 5.0, 7.0), Detection::new(599.0, 6.0, 8.0)];
        assert_eq!(detections_from_table(&points, true).unwrap(), expected);
        let zero = table(&[("Slice", floats(&[0.0])), ("Y", floats(&[5.0])), ("X", floats(&[7.0]))]);
        let message = detections_from_table(&zero, true).unwrap_err().to_string();
        assert!(message.contains("row 1") && message.contains("Slice") && message.contains("found 0"), "{message}");
    }

    #[test]
    fn missing_columns_are_answered_with_those_found() {
        let message =
            detections_from_table(&table(&[("Slice", vec![]), ("Y", vec![])]), false).unwrap_err().to_string();
        assert_eq!(message, "read detections: expected columns t_frame or t_peak_frame, y_px, x_px, found Slice, Y");
        let message = detections_from_table(&Table::new(), true).unwrap_err().to_string();
        assert_eq!(message, "read detections: expected columns Slice, Y, X, found none");
    }

    #[test]
    fn a_bad_cell_names_its_row_and_column() {
        for bad in [Value::Empty, Value::Text("nan".into()), Value::Text("".into()), Value::Bool(true)] {
            let points = table(&[
                ("t_frame", floats(&[1.0, 2.0])),
                ("y_px", vec![Value::Float(0.0), bad.clone()]),
                ("x_px", floats(&[0.0, 0.0])),
            ]);
            let error = detections_from_table(&points, false).unwrap_err();
            assert!(matches!(&error, Error::Cell { row: 2, column, .. } if column == "y_px"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_repeated_point_names_both_rows() {
        let points = table(&[
            ("t_frame", floats(&[1.0, 0.0, 1.0])),
            ("y_px", floats(&[2.0, -0.0, 2.0])),
            ("x_px", floats(&[3.0, 0.0, 3.0])),
        ]);
        assert_eq!(detections_from_table(&points, false), Err(Error::Repeated { row: 3, first: 1 }));
    }
}
