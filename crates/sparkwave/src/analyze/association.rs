//! Whether two classifications of events go together ([`sparkwave_analysis::statistics::compare::proportions`]).

use super::join::{Rows, word};
use super::{Source, text};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::statistics::compare::Options;
use sparkwave_analysis::statistics::compare::proportions::{Classified, Proportions, compare_proportions};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is crossed, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AssociationRequest {
    /// Tables of events.
    pub tables: Vec<Source>,
    /// Tables with more columns for the same events, such as `subtypes.csv` and `categories.csv`.
    pub joins: Vec<PathBuf>,
    /// The column whose values are the rows; the table if it is not said.
    pub rows: Option<String>,
    /// The column whose values are the columns.
    pub columns: String,
    /// The column that tells the neuron.
    pub neuron: Option<String>,
    /// The column that tells the animal.
    pub animal: Option<String>,
    /// Unit, correction and resampling.
    pub options: Options,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Association {
    /// Counts, tests and what a reader must know.
    pub found: Proportions,
    /// Events of which either is unknown, which are not counted.
    pub n_unknown: usize,
}

/// Writes `association.csv`, `post_hoc.csv`, `association.json` and `methods.txt`.
///
/// # Errors
/// If a table cannot be read or lacks a column, there are fewer than two rows or columns, the folder is not free, or a file
/// cannot be written.
pub fn run(
    request: &AssociationRequest,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<Association, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let rows = Rows::read(&request.tables, &request.joins)?;
    let groups = rows.column(request.rows.as_deref().unwrap_or("table"))?;
    let classes = rows.column(&request.columns)?;
    let level = |name: &Option<String>| name.as_deref().map(|name| rows.column(name)).transpose();
    let (neurons, animals) = (level(&request.neuron)?, level(&request.animal)?);
    let of = |column: &Option<Vec<Value>>, row: usize| column.as_ref().and_then(|c| word(&c[row]));
    let classified = |row: usize| {
        let (group, class) = (word(&groups[row])?, word(&classes[row])?);
        Some(Classified { class, group, neuron: of(&neurons, row), animal: of(&animals, row) })
    };
    let known: Vec<Classified> = (0..rows.len()).filter_map(classified).collect();
    clock.begin("association", 1);
    let found = compare_proportions(&known, &request.options)?;
    clock.advance(1);
    let association = Association { found, n_unknown: rows.len() - known.len() };
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    folder.write_table("association", &association.table(), false)?;
    folder.write_table("post_hoc", &association.post_hoc_table(), false)?;
    let json = serde_json::to_string_pretty(&association.found).expect("numbers and words are JSON");
    folder.write("association.json", json.as_bytes())?;
    folder.write("methods.txt", association.methods().as_bytes())?;
    let seed = request.options.resampling.seed;
    let summary = serde_json::json!({
        "rows": request.rows.as_deref().unwrap_or("table"), "columns": request.columns, "n": known.len(),
        "n_unknown": association.n_unknown, "p": association.found.events.p,
        "cramers_v": association.found.cramers_v.value, "out": folder.path(),
    });
    super::record("analyze association", (seed, started), &rows.inputs(), summary, &clock, &folder)?;
    Ok(association)
}

impl Association {
    /// A row for each cell: counts, parts of its row and of its column, what independence would give, and how many standard
    /// deviations the count is away from it (adjusted residual; Haberman 1973, Biometrics 29, 205).
    pub fn table(&self) -> Table {
        let Proportions { groups, classes, counts, .. } = &self.found;
        let of_row: Vec<f64> = counts.iter().map(|row| row.iter().sum::<u64>() as f64).collect();
        let of_column: Vec<f64> =
            (0..classes.len()).map(|j| counts.iter().map(|row| row[j]).sum::<u64>() as f64).collect();
        let total: f64 = of_row.iter().sum();
        let cells = || (0..groups.len()).flat_map(|i| (0..classes.len()).map(move |j| (i, j)));
        let n = |(i, j): (usize, usize)| counts[i][j] as f64;
        let expected = |(i, j): (usize, usize)| of_row[i] * of_column[j] / total;
        let residual = |at: (usize, usize)| {
            let variance = expected(at) * (1.0 - of_row[at.0] / total) * (1.0 - of_column[at.1] / total);
            (n(at) - expected(at)) / variance.sqrt()
        };
        let mut table = Table::new();
        table.push("row", cells().map(|(i, _)| text(&groups[i])).collect());
        table.push("column", cells().map(|(_, j)| text(&classes[j])).collect());
        table.push("n", cells().map(|(i, j)| Value::Int(counts[i][j] as i64)).collect());
        table.push("part_of_row", cells().map(|at| Value::float(n(at) / of_row[at.0])).collect());
        table.push("part_of_column", cells().map(|at| Value::float(n(at) / of_column[at.1])).collect());
        table.push("expected", cells().map(|at| Value::float(expected(at))).collect());
        table.push("adjusted_residual", cells().map(|at| Value::float(residual(at))).collect());
        table
    }

    /// A row for each column against all others.
    fn post_hoc_table(&self) -> Table {
        let tests = &self.found.one_vs_rest;
        let mut table = Table::new();
        table.push("column", tests.iter().map(|t| text(&self.found.classes[t.column])).collect());
        table.push("chi2", tests.iter().map(|t| Value::float(t.test.chi2)).collect());
        table.push("df", tests.iter().map(|t| Value::float(t.test.df)).collect());
        table.push("p", tests.iter().map(|t| Value::float(t.test.p)).collect());
        table.push("p_adjusted", tests.iter().map(|t| Value::float(t.p_adjusted)).collect());
        table.push("cramers_v", tests.iter().map(|t| Value::float(t.test.cramers_v)).collect());
        table
    }

    fn methods(&self) -> String {
        let mut methods = format!("{}\n", self.found.methods);
        for warning in &self.found.warnings {
            methods += &format!("  Warning: {warning}\n");
        }
        if self.n_unknown > 0 {
            methods += &format!("{} events of which either is unknown were not counted.\n", self.n_unknown);
        }
        methods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;

    /// The published counts of subtypes among silenced and new events.
    #[test]
    fn the_published_association_of_subtypes_with_categories() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let mut csv = String::from("event_id,category,subtype\n");
        let counts = [("silenced", [470, 747, 255, 28, 63]), ("new", [553, 781, 259, 115, 107])];
        let mut id = 0;
        for (category, counts) in counts {
            for (subtype, n) in counts.into_iter().enumerate() {
                for _ in 0..n {
                    id += 1;
                    csv += &format!("{id},{category},{subtype}\n");
                }
            }
        }
        csv += "9999,,2\n";
        std::fs::write(at("events.csv"), csv).expect("room");
        let request = AssociationRequest {
            tables: vec![Source { name: "all".into(), path: at("events.csv") }],
            joins: Vec::new(),
            rows: Some("category".into()),
            columns: "subtype".into(),
            neuron: None,
            animal: None,
            options: Options::default(),
        };
        let association = run(&request, &at("out"), Existing::Refuse, &Silent).expect("counts");
        assert_eq!((association.n_unknown, association.found.events.n), (1, 3378));
        let p = association.found.events.p;
        assert!((p / 7.24e-11 - 1.0).abs() < 5e-3, "{p}");
        let fourth = association.found.one_vs_rest[3];
        assert!((fourth.test.p / 6.11e-11 - 1.0).abs() < 5e-3, "{fourth:?}");
        let table = association.table();
        assert_eq!(table.n_rows(), 10);
        let residual = table.column("adjusted_residual").expect("a column")[3].as_f64().expect("known");
        assert!((residual * residual - fourth.test.chi2).abs() < 1e-9, "a 2 x 2 table says the same: {residual}");
        let methods = std::fs::read_to_string(at("out/methods.txt")).expect("there");
        assert!(methods.contains("as independent") && methods.contains("1 events of which"), "{methods}");
        let one = AssociationRequest { columns: "category".into(), rows: None, ..request };
        assert!(run(&one, &at("none"), Existing::Refuse, &Silent).is_err(), "a single row");
    }
}
