//! What associations and classifiers say.

use super::{Results, Said, distinct, numbers, p_value, words};
use crate::error::Error;
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Cell, Matrix, MatrixScale, beeswarm, matrix, null_distribution, parts};
use sparkwave_core::table::Table;

pub(super) fn association(results: &Results, summary: &serde_json::Value) -> Result<Said, Error> {
    let Some(table) = results.table("association")? else { return Ok(Said::default()) };
    let name = |key: &str| summary[key].as_str().unwrap_or_default().to_owned();
    let title = (name("rows"), name("columns"));
    let (n, part) = (numbers(&table, "n"), numbers(&table, "part_of_row"));
    let residual = numbers(&table, "adjusted_residual");
    let percent = |row: usize| Cell {
        value: Some(part[row]).filter(|v| v.is_finite()),
        text: vec![percent(part[row]), format!("({})", n[row])],
    };
    let caption = "Part of each row, percent, with counts in brackets.";
    let shares = crossed(&table, ("row", "column"), &title, MatrixScale::Part, "part of the row", percent);
    let (rows, columns) = (distinct(&words(&table, "row")), distinct(&words(&table, "column")));
    let counts: Vec<Vec<u64>> =
        n.chunks(columns.len().max(1)).map(|row| row.iter().map(|n| *n as u64).collect()).collect();
    // Beyond two standard deviations a count is surprising; the colours end at five.
    let surprise = |row: usize| Cell {
        value: Some(residual[row] / 5.0).filter(|v| v.is_finite()),
        text: vec![if residual[row].is_finite() {
            format!("{:+.1}", residual[row]).replace('-', "\u{2212}")
        } else {
            "–".to_owned()
        }],
    };
    let figures = vec![
        matrix("association", &shares, caption.to_owned()),
        parts("association_parts", &rows, &columns, &counts, format!("Parts of {} by {}, percent.", title.1, title.0)),
        matrix(
            "association_residuals",
            &crossed(&table, ("row", "column"), &title, MatrixScale::Signed, "residual / 5", surprise),
            "How many standard deviations each count is from that of independence (adjusted residuals).".to_owned(),
        ),
    ];
    let number = |key: &str| summary[key].as_f64();
    let mut answer = vec![(number("n").map_or("–".to_owned(), |n| n.to_string()), "events".to_owned())];
    if let Some(v) = number("cramers_v") {
        answer.push((format!("{v:.2}"), "Cramer's V, 0 for none to 1".to_owned()));
    }
    if let Some(p) = number("p") {
        answer
            .push((p_value(p).trim_start_matches("p = ").to_owned(), "p of the chi-square test of events".to_owned()));
    }
    let tables = vec![("association", "Counts"), ("post_hoc", "Each column against all others")];
    Ok(Said { title: "Association", answer, figures, tables, ..Said::default() })
}

fn percent(part: f64) -> String {
    if part.is_finite() { format!("{:.0}", 100.0 * part) } else { "–".to_owned() }
}

/// A table of one row a cell as a matrix.
fn crossed(
    table: &Table,
    (row, column): (&str, &str),
    (row_title, column_title): &(String, String),
    scale: MatrixScale,
    value_title: &str,
    cell: impl Fn(usize) -> Cell,
) -> Matrix {
    let (of_row, of_column) = (words(table, row), words(table, column));
    let (rows, columns) = (distinct(&of_row), distinct(&of_column));
    let find = |r: &String, c: &String| (0..of_row.len()).find(|i| (&of_row[*i], &of_column[*i]) == (r, c));
    let cells =
        rows.iter().map(|r| columns.iter().map(|c| find(r, c).map(&cell).unwrap_or_default()).collect()).collect();
    Matrix {
        row_title: row_title.clone(),
        rows,
        column_title: column_title.clone(),
        columns,
        cells,
        scale,
        value_title: value_title.to_owned(),
    }
}

pub(super) fn classifier(results: &Results, summary: &serde_json::Value) -> Result<Said, Error> {
    let empty = Table::new();
    let read = |name: &str| Ok::<_, Error>(results.table(name)?.unwrap_or_else(|| empty.clone()));
    let (confusion, null, shapley) = (read("confusion")?, read("null")?, read("shapley")?);
    let (n, part) = (numbers(&confusion, "n"), numbers(&confusion, "part_of_class"));
    let cell = |row: usize| Cell {
        value: Some(part[row]).filter(|v| v.is_finite()),
        text: vec![percent(part[row]), format!("({})", n[row])],
    };
    let titles = ("Class".to_owned(), "Predicted".to_owned());
    let recalls = crossed(&confusion, ("class", "predicted"), &titles, MatrixScale::Part, "part of the class", cell);
    let n_classes = recalls.rows.len().max(1);
    let accuracy = summary["balanced_accuracy"].as_f64().unwrap_or(f64::NAN);
    let last = recalls.rows.last().cloned().unwrap_or_default();
    let mut figures = vec![matrix(
        "confusion",
        &recalls,
        "Predictions for events of groups that the model had not seen: part of each class, percent, with counts."
            .to_owned(),
    )];
    if null.n_rows() > 0 {
        figures.push(null_distribution(
            "null",
            &numbers(&null, "balanced_accuracy"),
            (accuracy, 1.0 / n_classes as f64),
            "Balanced accuracy",
            "Balanced accuracy with shuffled labels (bars) and with the labels as they are.".to_owned(),
        ));
    }
    figures.extend(swarm(&shapley, &last));
    let chance = format!("balanced accuracy on unseen groups; {:.2} is a guess", 1.0 / n_classes as f64);
    let mut answer = vec![(format!("{accuracy:.3}"), chance)];
    if let Some(p) = summary["p"].as_f64() {
        answer.push((p_value(p).trim_start_matches("p = ").to_owned(), "p against shuffled labels".to_owned()));
    }
    let tables = vec![("importance", "Importance of features"), ("validation", "Folds"), ("confusion", "Predictions")];
    Ok(Said { title: "What tells the classes apart", answer, figures, tables, ..Said::default() })
}

fn swarm(shapley: &Table, class: &str) -> Option<Figure> {
    let prefix = "shapley_";
    let features: Vec<String> =
        shapley.columns().iter().filter_map(|c| c.name.strip_prefix(prefix)).map(str::to_owned).collect();
    let columns = |prefix: &str| -> Vec<Vec<f64>> {
        let columns: Vec<Vec<f64>> = features.iter().map(|f| numbers(shapley, &format!("{prefix}{f}"))).collect();
        (0..shapley.n_rows()).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
    };
    let caption = format!(
        "How features move the answer towards {class} (right) or away from it (left): a dot is an event, its colour where its \
         feature lies among all events."
    );
    let title = format!("Shapley value, towards {class}");
    (!features.is_empty()).then(|| beeswarm("shapley", &features, &columns(""), &columns(prefix), &title, caption))
}
