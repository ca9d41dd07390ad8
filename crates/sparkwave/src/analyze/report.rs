//! One page that tells an analysis, drawn from the files that the analysis wrote.
//!
//! Whatever made these files, figures and page follow from them alone: they can be drawn again years later, and of results
//! that were edited.

mod classify;
mod compare;
mod events;
mod examples;

use crate::error::Error;
use crate::provenance::version;
use crate::run_folder::RunFolder;
use sparkwave_analysis::figure::{AnalysisReport, Figure, analysis_report_html};
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};

/// The files of a finished analysis.
struct Results {
    folder: PathBuf,
}

impl Results {
    /// A table of the analysis; `None` if it did not write one.
    fn table(&self, name: &str) -> Result<Option<Table>, Error> {
        let path = self.folder.join(format!("{name}.csv"));
        if path.is_file() { Ok(Some(sparkwave_io::csv::read_table(&path)?)) } else { Ok(None) }
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

/// What an analysis says.
#[derive(Default)]
struct Said {
    title: &'static str,
    answer: Vec<(String, String)>,
    figures: Vec<Figure>,
    tables: Vec<(&'static str, &'static str)>,
    /// Doubts that the files of the analysis do not tell of.
    warnings: Vec<String>,
}

/// Draws the figures of a finished analysis into its folder and writes `report.html`, over an earlier one.
///
/// # Errors
/// If the folder holds no finished analysis, one of its tables cannot be read, or a file cannot be written.
pub fn run(folder: &Path) -> Result<PathBuf, Error> {
    let record = folder.join("run.json");
    let io = |source| sparkwave_io::Error::Io { operation: "read", path: record.clone(), source };
    let text = std::fs::read_to_string(&record).map_err(io)?;
    let fail = |message: String| Error::Config { path: record.clone(), message };
    let run: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| fail(format!("expected the record of a run, found {e}")))?;
    let results = Results { folder: folder.to_path_buf() };
    let said = match run["command"].as_str().unwrap_or_default() {
        "analyze compare" => compare::say(&results)?,
        "analyze features" => events::features(&results)?,
        "analyze subtypes" => events::subtypes(&results, &run["summary"])?,
        "analyze categories" => events::categories(&results)?,
        "analyze association" => classify::association(&results, &run["summary"])?,
        "analyze classify" => classify::classifier(&results, &run["summary"])?,
        other => return Err(fail(format!("expected the record of an analysis, found one of {other:?}"))),
    };
    let methods = results.text("methods.txt");
    let warnings: Vec<String> = methods
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Warning: "))
        .map(str::to_owned)
        .chain(said.warnings)
        .fold(Vec::new(), |mut distinct, warning| {
            if !distinct.contains(&warning) {
                distinct.push(warning);
            }
            distinct
        });
    let sentences: String = methods
        .lines()
        .filter(|line| !line.trim().starts_with("Warning: "))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut tables = Vec::new();
    for (name, title) in &said.tables {
        if let Some(table) = results.table(name)? {
            tables.push(((*title).to_owned(), table));
        }
    }
    let inputs = run["inputs"].as_array().into_iter().flatten().filter_map(|input| input["path"].as_str());
    let mut facts: Vec<(String, String)> = inputs.map(|path| ("Input".to_owned(), path.to_owned())).collect();
    facts.push(("Parameters".to_owned(), results.text("run.toml").trim().replace('\n', "; ")));
    let page = analysis_report_html(&AnalysisReport {
        title: said.title.to_owned(),
        version: version(),
        answer: said.answer,
        warnings: &warnings,
        figures: &said.figures,
        tables: tables.iter().map(|(title, table)| (title.clone(), table)).collect(),
        methods: &sentences,
        facts,
    });
    // Opened as a new run would lose the record: the folder is as the analysis left it.
    let written = RunFolder::finished(folder);
    said.figures.iter().try_for_each(|figure| written.write_figure(figure))?;
    written.write("report.html", page.as_bytes())?;
    Ok(written.file("report.html"))
}

/// The words of a column.
fn words(table: &Table, column: &str) -> Vec<String> {
    table.column(column).map_or_else(Vec::new, |values| values.iter().map(ToString::to_string).collect())
}

/// The numbers of a column, NaN where there is none.
fn numbers(table: &Table, column: &str) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    table.column(column).map_or_else(|| vec![f64::NAN; table.n_rows()], |values| values.iter().map(number).collect())
}

/// Distinct values in their order.
fn distinct(words: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for word in words {
        if !distinct.contains(word) {
            distinct.push(word.clone());
        }
    }
    distinct
}

/// A p-value as it stands in a figure.
fn p_value(p: f64) -> String {
    if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

#[cfg(test)]
mod tests;
