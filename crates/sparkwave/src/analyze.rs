//! Analyses of tables that runs left: what a paper concludes from them.

pub mod association;
pub mod categories;
pub mod change;
pub mod classify;
pub mod compare;
pub mod features;
mod join;
mod pair;
pub mod report;
pub mod subtypes;

pub use pair::{Alignment, OffsetSource};

use crate::error::Error;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::RunFolder;
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::PathBuf;
use std::time::Instant;

/// A table of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// What its rows have in common, such as a treatment.
    pub name: String,
    /// CSV.
    pub path: PathBuf,
}

/// Reads tables.
fn read(sources: &[Source]) -> Result<Vec<Table>, Error> {
    sources.iter().map(|source| Ok(sparkwave_io::csv::read_table(&source.path)?)).collect()
}

/// Words as a cell of a table.
fn text(words: impl Into<String>) -> Value {
    Value::Text(words.into())
}

/// Writes `run.json`.
fn record(
    command: &str,
    (seed, started): (u64, Instant),
    sources: &[Source],
    summary: serde_json::Value,
    clock: &StageClock<'_>,
    folder: &RunFolder,
) -> Result<(), Error> {
    let mut record = RunRecord::new(command, seed, rayon::current_num_threads());
    for source in sources {
        record.inputs.push(input_record(&source.path, &|| clock.is_cancelled())?);
    }
    record.finish(started, clock, summary, folder)
}
