//! Scores of results against a truth, and of observers against one another.

pub mod agreement;
pub mod detection;
mod groups;
mod label_movie;
pub mod movies;
pub mod segmentation;
pub mod tracking;

pub use detection::{DetectionReport, DetectionRequest, detection};
pub use movies::{MoviesReport, movies};

use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::statistics::bootstrap::Estimate;
use sparkwave_core::table::{Table, Value};
use std::path::Path;

/// Writes tables and figures into a folder, which is created.
///
/// # Errors
/// If the folder is not free, or a file cannot be written.
fn write(
    out: &Path,
    existing: Existing,
    config: &impl serde::Serialize,
    tables: &[(&str, Table)],
    figures: &[Figure],
) -> Result<(), Error> {
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(config)?)?;
    for (name, table) in tables {
        folder.write_table(name, table, false)?;
    }
    figures.iter().try_for_each(|figure| folder.write_figure(figure))?;
    folder.finish();
    Ok(())
}

/// Appends three columns: the value and the ends of its interval.
fn push_estimates(table: &mut Table, name: &str, estimates: &[Option<Estimate>]) {
    let column = |value: &dyn Fn(&Estimate) -> Option<f64>| {
        estimates.iter().map(|e| Value::maybe(e.as_ref().and_then(value))).collect()
    };
    table.push(name, column(&|e| Some(e.value)));
    table.push(format!("{name}_ci_low"), column(&|e| e.interval.map(|i| i.low)));
    table.push(format!("{name}_ci_high"), column(&|e| e.interval.map(|i| i.high)));
}

/// A count as a cell.
fn count(n: impl TryInto<i64>) -> Value {
    n.try_into().map_or(Value::Empty, Value::Int)
}

#[cfg(test)]
mod tests;
