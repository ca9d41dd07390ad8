//! Features of events, and which of them say the same ([`sparkwave_analysis::features`]).

use super::{Source, text};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::features::{
    Feature, FeatureTable, PUBLISHED, Reason, SPARKS, Screen, ScreenParams, WAVES, screen,
};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::Path;
use std::time::Instant;

/// Which features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Of synaptic transients, in micrometres and seconds.
    #[default]
    Sparks,
    /// The eight published ones of these, in voxels and frames.
    Published,
    /// Of waves.
    Waves,
}

impl Set {
    fn features(self) -> &'static [Feature] {
        match self {
            Self::Sparks => SPARKS,
            Self::Published => PUBLISHED,
            Self::Waves => WAVES,
        }
    }
}

/// The events of several tables in the space of their features.
pub(super) struct Events {
    /// Of each event, its table and its row there.
    pub(super) places: Vec<(usize, usize)>,
    pub(super) features: FeatureTable,
}

impl Events {
    pub(super) fn of(tables: &[Table], set: Set) -> Result<Self, Error> {
        let mut columns: Vec<(String, Vec<Option<f64>>)> =
            set.features().iter().map(|f| (f.name.to_owned(), Vec::new())).collect();
        let mut places = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let derived = FeatureTable::derive(table, set.features())?;
            for ((_, column), more) in columns.iter_mut().zip(derived.columns()) {
                column.extend(more);
            }
            places.extend((0..table.n_rows()).map(|row| (i, row)));
        }
        Ok(Self { places, features: FeatureTable::new(columns)? })
    }

    /// Columns that say which event a row is of: its table, and its id there if it has one.
    pub(super) fn identify(&self, sources: &[Source], tables: &[Table], rows: &[usize]) -> Table {
        let mut table = Table::new();
        let places = || rows.iter().map(|&row| self.places[row]);
        table.push("table", places().map(|(i, _)| Value::Text(sources[i].name.clone())).collect());
        let id = |(i, row): (usize, usize)| match tables[i].column("event_id").or_else(|| tables[i].column("wave_id")) {
            Some(ids) => ids[row].clone(),
            None => Value::Int(row as i64 + 1),
        };
        table.push("event_id", places().map(id).collect());
        table
    }
}

/// What is computed, and how it is screened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureRequest {
    /// The tables.
    pub tables: Vec<Source>,
    /// Which features.
    pub set: Set,
    /// Which of them say the same.
    pub screen: ScreenParams,
}

/// Writes `features.csv`, `correlations.csv`, `dropped.csv` and `definitions.csv`.
///
/// # Errors
/// If a table cannot be read or lacks a column, the folder is not free, or a file cannot be written.
pub fn run(request: &FeatureRequest, out: &Path, existing: Existing, progress: &dyn Progress) -> Result<Screen, Error> {
    let (sources, set) = (&request.tables, request.set);
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let tables = super::read(sources)?;
    clock.begin("features", 1);
    let events = Events::of(&tables, set)?;
    let screened = screen(&events.features, &request.screen);
    clock.advance(1);
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    let rows: Vec<usize> = (0..events.features.n_rows()).collect();
    let mut table = events.identify(sources, &tables, &rows);
    for (name, column) in events.features.names().iter().zip(events.features.columns()) {
        table.push(name.clone(), column.iter().map(|v| Value::maybe(*v)).collect());
    }
    folder.write_table("features", &table, false)?;
    folder.write_table("correlations", &correlation_table(&screened), false)?;
    folder.write_table("dropped", &dropped_table(&screened), false)?;
    folder.write_table("definitions", &definition_table(set), false)?;
    let summary = serde_json::json!({"n_events": rows.len(), "kept": screened.kept, "out": folder.path()});
    super::record("analyze features", (0, started), sources, summary, &clock, &folder)?;
    Ok(screened)
}

fn correlation_table(screened: &Screen) -> Table {
    let mut table = Table::new();
    table.push("a", screened.pairs.iter().map(|p| text(&p.a)).collect());
    table.push("b", screened.pairs.iter().map(|p| text(&p.b)).collect());
    table.push("r", screened.pairs.iter().map(|p| Value::maybe(p.r)).collect());
    table.push("n", screened.pairs.iter().map(|p| Value::Int(p.n as i64)).collect());
    table
}

fn dropped_table(screened: &Screen) -> Table {
    let why = |reason: &Reason| match reason {
        Reason::Unknown { n_unknown } => format!("unknown of {n_unknown} events"),
        Reason::Constant => "the same for all events".to_owned(),
        Reason::Correlated { with, r } => format!("correlated with {with} (r = {r:.3})"),
    };
    let mut table = Table::new();
    table.push("feature", screened.dropped.iter().map(|d| text(&d.feature)).collect());
    table.push("reason", screened.dropped.iter().map(|d| Value::Text(why(&d.reason))).collect());
    table
}

fn definition_table(set: Set) -> Table {
    let features = set.features();
    let mut table = Table::new();
    table.push("feature", features.iter().map(|f| text(f.name)).collect());
    table.push("unit", features.iter().map(|f| text(f.unit)).collect());
    table.push("definition", features.iter().map(|f| text(f.definition)).collect());
    table.push("unknown_if", features.iter().map(|f| text(f.undefined)).collect());
    table.push("published_as", features.iter().map(|f| f.published.map_or(Value::Empty, text)).collect());
    table
}
