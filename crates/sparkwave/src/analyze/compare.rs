//! Comparison of groups: tables of events become p-values with the reasons for them ([`sparkwave_analysis::statistics`]).

use super::{Source, text};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::statistics::compare::family::{Family, Member, compare_all};
use sparkwave_analysis::statistics::compare::{Comparison, Level, Options, Row};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareRequest {
    /// The tables, in the order in which groups are compared.
    pub tables: Vec<Source>,
    /// The columns that are compared; every column of numbers that is no number, place or time if none is named.
    pub measures: Vec<String>,
    /// The column that tells the group.
    pub group: Option<String>,
    /// The column that tells the neuron.
    pub neuron: Option<String>,
    /// The column that tells the animal.
    pub animal: Option<String>,
    /// How.
    pub options: Options,
}

/// Whether a column of our tables says which, when or where, not how much.
fn is_place(name: &str) -> bool {
    let is_part = |part: &&str| name.starts_with(*part) || name.ends_with(&format!("_{part}"));
    name.ends_with("_frame") || ["id", "y_", "x_"].iter().any(is_part)
}

/// Compares, and writes `comparison.csv`, `samples.csv`, `units.csv`, `pairwise.csv`, `dropped.csv`, `comparison.json` and `methods.txt`.
///
/// # Errors
/// If a table cannot be read or lacks a column, nothing can be compared, the folder is not free, or a file cannot be
/// written.
pub fn run(request: &CompareRequest, out: &Path, existing: Existing, progress: &dyn Progress) -> Result<Family, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let tables: Vec<(&Source, Table)> = request.tables.iter().zip(super::read(&request.tables)?).collect();
    let names = measures(request, &tables)?;
    let mut measures = Vec::with_capacity(names.len());
    for name in names {
        let rows = rows(request, &tables, &name)?;
        measures.push((name, rows));
    }
    clock.begin("compare", 1);
    let family = compare_all(&measures, &request.options)?;
    clock.advance(1);
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    folder.write_table("comparison", &comparison_table(&family), false)?;
    folder.write_table("samples", &sample_table(&family), false)?;
    folder.write_table("units", &unit_table(&family, &measures), false)?;
    folder.write_table("pairwise", &pairwise_table(&family), false)?;
    folder.write_table("dropped", &dropped_table(&family), false)?;
    let json = serde_json::to_string_pretty(&family).expect("numbers and words are JSON");
    folder.write("comparison.json", json.as_bytes())?;
    folder.write("methods.txt", methods(&family).as_bytes())?;
    let seed = request.options.resampling.seed;
    let summary = serde_json::json!({"n_measures": family.members.len(), "out": folder.path()});
    super::record("analyze compare", (seed, started), &request.tables, summary, &clock, &folder)?;
    Ok(family)
}

/// The columns that are compared.
fn measures(request: &CompareRequest, tables: &[(&Source, Table)]) -> Result<Vec<String>, Error> {
    if !request.measures.is_empty() {
        return Ok(request.measures.clone());
    }
    let levels: BTreeSet<&String> = [&request.group, &request.neuron, &request.animal].into_iter().flatten().collect();
    let first = tables.first().map(|(_, table)| table);
    let of_numbers = first.into_iter().flat_map(Table::columns).filter(|column| {
        let values = column.values.iter().filter(|v| **v != Value::Empty);
        let is_measured = values.clone().all(|v| v.as_f64().is_some()) && values.count() > 0;
        is_measured && !is_place(&column.name) && !levels.contains(&column.name)
    });
    let in_all = |name: &str| tables.iter().all(|(_, table)| table.column(name).is_some());
    let names: Vec<String> = of_numbers.map(|c| c.name.clone()).filter(|name| in_all(name)).collect();
    if names.is_empty() {
        let expected = "a column of numbers that all tables have";
        return Err(Error::Parameter { name: "measure", expected, found: "none".into() });
    }
    Ok(names)
}

/// The rows of all tables in which a measure is known.
fn rows(request: &CompareRequest, tables: &[(&Source, Table)], measure: &str) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (source, table) in tables {
        let column = |name: &str| {
            table.column(name).ok_or_else(|| Error::Config {
                path: source.path.clone(),
                message: format!("expected a column {name}"),
            })
        };
        let maybe = |name: &Option<String>| name.as_deref().map(&column).transpose();
        let values = column(measure)?;
        let (groups, neurons, animals) = (maybe(&request.group)?, maybe(&request.neuron)?, maybe(&request.animal)?);
        let word = |column: Option<&[Value]>, i: usize| match column.map(|c| &c[i]) {
            None | Some(Value::Empty) => None,
            Some(value) => Some(value.to_string()),
        };
        for (i, value) in values.iter().enumerate() {
            let group = if request.group.is_some() { word(groups, i) } else { Some(source.name.clone()) };
            if let (Some(value), Some(group)) = (value.as_f64(), group) {
                rows.push(Row { value, group, neuron: word(neurons, i), animal: word(animals, i) });
            }
        }
    }
    Ok(rows)
}

fn compared(family: &Family) -> Vec<(&Member, &Comparison)> {
    family.members.iter().filter_map(|m| Some((m, m.comparison.as_ref()?))).collect()
}

/// A row for each measure.
fn comparison_table(family: &Family) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&Member) -> Value| {
        table.push(name, family.members.iter().map(value).collect());
    };
    let of = |value: &dyn Fn(&Comparison) -> Value, m: &Member| m.comparison.as_ref().map_or(Value::Empty, value);
    column("measure", &|m| text(&m.measure));
    column("unit", &|m| of(&|c| text(c.unit.name()), m));
    column("test", &|m| of(&|c| text(c.outcome.test.name()), m));
    column("statistic", &|m| of(&|c| Value::float(c.outcome.value), m));
    column("p", &|m| of(&|c| Value::float(c.outcome.p), m));
    column("p_adjusted", &|m| Value::maybe(m.p_adjusted));
    column("effect", &|m| of(&|c| c.effect.map_or(Value::Empty, |e| text(e.name)), m));
    column("effect_size", &|m| of(&|c| Value::maybe(c.effect.map(|e| e.estimate.value)), m));
    column("effect_low", &|m| of(&|c| Value::maybe(c.effect.and_then(|e| Some(e.estimate.interval?.low))), m));
    column("effect_high", &|m| of(&|c| Value::maybe(c.effect.and_then(|e| Some(e.estimate.interval?.high))), m));
    column("reason", &|m| of(&|c| text(&c.reason), m));
    column("undefined", &|m| m.undefined.as_ref().map_or(Value::Empty, text));
    table
}

/// A row for each group, or for the changes between two.
fn sample_table(family: &Family) -> Table {
    let rows: Vec<_> = compared(family).into_iter().flat_map(|(m, c)| c.samples.iter().map(move |s| (m, s))).collect();
    let count = |n: Option<usize>| n.map_or(Value::Empty, |n| Value::Int(n as i64));
    let mut table = Table::new();
    table.push("measure", rows.iter().map(|(m, _)| text(&m.measure)).collect());
    table.push("sample", rows.iter().map(|(_, s)| text(&s.name)).collect());
    table.push("n_events", rows.iter().map(|(_, s)| count(Some(s.n_events))).collect());
    table.push("n_neurons", rows.iter().map(|(_, s)| count(s.n_neurons)).collect());
    table.push("n_animals", rows.iter().map(|(_, s)| count(s.n_animals)).collect());
    table.push("n_tested", rows.iter().map(|(_, s)| count(Some(s.n))).collect());
    table.push("mean", rows.iter().map(|(_, s)| Value::maybe(s.mean)).collect());
    table.push("sd", rows.iter().map(|(_, s)| Value::maybe(s.sd)).collect());
    table.push("median", rows.iter().map(|(_, s)| Value::maybe(s.median)).collect());
    table
}

/// A row for each unit in each group: the mean of its rows, those included that were left out of the test.
fn unit_table(family: &Family, measures: &[(String, Vec<Row>)]) -> Table {
    let mut units: Vec<(&str, Mean)> = Vec::new();
    for (member, comparison) in compared(family) {
        let rows = measures.iter().find(|(name, _)| *name == member.measure).map_or(&[][..], |(_, rows)| rows);
        units.extend(means(rows, comparison.unit).into_iter().map(|mean| (member.measure.as_str(), mean)));
    }
    let mut table = Table::new();
    table.push("measure", units.iter().map(|u| text(u.0)).collect());
    table.push("group", units.iter().map(|u| text(&u.1.group)).collect());
    table.push("unit", units.iter().map(|u| text(&u.1.unit)).collect());
    table.push("value", units.iter().map(|u| Value::float(u.1.sum / u.1.n as f64)).collect());
    table
}

/// The rows of a unit in a group.
struct Mean {
    group: String,
    unit: String,
    sum: f64,
    n: usize,
}

/// Units by group, in the order of their first rows.
fn means(rows: &[Row], level: Level) -> Vec<Mean> {
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut means: Vec<Mean> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let unit = match level {
            Level::Event => (i + 1).to_string(),
            Level::Neuron => row.animal.iter().chain(&row.neuron).cloned().collect::<Vec<_>>().join("/"),
            Level::Animal => row.animal.clone().unwrap_or_default(),
        };
        let next = means.len();
        let place = *places.entry((row.group.clone(), unit.clone())).or_insert(next);
        if place == next {
            means.push(Mean { group: row.group.clone(), unit, sum: 0.0, n: 0 });
        }
        means[place].sum += row.value;
        means[place].n += 1;
    }
    means
}

/// A row for every two of several groups.
fn pairwise_table(family: &Family) -> Table {
    let rows: Vec<_> = compared(family).into_iter().flat_map(|(m, c)| c.pairwise.iter().map(move |p| (m, p))).collect();
    let mut table = Table::new();
    table.push("measure", rows.iter().map(|(m, _)| text(&m.measure)).collect());
    table.push("first", rows.iter().map(|(_, p)| text(&p.first)).collect());
    table.push("second", rows.iter().map(|(_, p)| text(&p.second)).collect());
    table.push("difference", rows.iter().map(|(_, p)| Value::float(p.difference)).collect());
    table.push("statistic", rows.iter().map(|(_, p)| Value::float(p.statistic)).collect());
    table.push("p", rows.iter().map(|(_, p)| Value::maybe(p.p)).collect());
    table.push("p_adjusted", rows.iter().map(|(_, p)| Value::float(p.p_adjusted)).collect());
    table
}

/// A row for each unit that was left out.
fn dropped_table(family: &Family) -> Table {
    let rows: Vec<_> = compared(family).into_iter().flat_map(|(m, c)| c.dropped.iter().map(move |d| (m, d))).collect();
    let reason = |reason| serde_json::to_string(reason).expect("numbers and words are JSON").replace('"', "");
    let mut table = Table::new();
    table.push("measure", rows.iter().map(|(m, _)| text(&m.measure)).collect());
    table.push("unit", rows.iter().map(|(_, d)| text(&d.unit)).collect());
    table.push("sample", rows.iter().map(|(_, d)| text(&d.sample)).collect());
    table.push("value", rows.iter().map(|(_, d)| Value::maybe(d.value)).collect());
    table.push("reason", rows.iter().map(|(_, d)| text(reason(&d.reason))).collect());
    table
}

/// What belongs into a Methods section, and what a reader must know.
pub(super) fn methods(family: &Family) -> String {
    let mut text = String::new();
    for (member, comparison) in compared(family) {
        text += &format!("{}: {}\n", member.measure, comparison.methods);
        for warning in &comparison.warnings {
            text += &format!("  Warning: {warning}\n");
        }
    }
    for member in &family.members {
        if let Some(why) = &member.undefined {
            text += &format!("{}: not compared: {why}\n", member.measure);
        }
    }
    if family.members.len() > 1 {
        text += &format!("{}\n", family.methods);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;

    #[test]
    fn two_tables_are_compared_with_a_trail() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let table = |shift: f64| {
            let rows = (0..40).map(|i| {
                let (neuron, wobble) = (i / 5, f64::from(i * 7919 % 97) / 97.0);
                format!("{},{},{},n{neuron}\n", i + 1, 1.0 + wobble + shift + f64::from(neuron) * 0.1, 2.0 + wobble)
            });
            format!("event_id,peak_dff,duration_s,neuron\n{}", rows.collect::<String>())
        };
        std::fs::write(at("before.csv"), table(0.0)).expect("room");
        std::fs::write(at("after.csv"), table(1.0)).expect("room");
        let source = |name: &str| Source { name: name.into(), path: at(&format!("{name}.csv")) };
        let request = CompareRequest {
            tables: vec![source("before"), source("after")],
            measures: Vec::new(),
            group: None,
            neuron: Some("neuron".into()),
            animal: None,
            options: Options::default(),
        };
        let family = run(&request, &at("out"), Existing::Refuse, &Silent).expect("compared");
        let names: Vec<&str> = family.members.iter().map(|m| m.measure.as_str()).collect();
        assert_eq!(names, ["peak_dff", "duration_s"], "numbers of events are no measure");
        let first = family.members[0].comparison.as_ref().expect("compared");
        assert_eq!((first.samples[0].n, first.samples[0].n_events), (8, 40));
        assert!(family.members[0].p_adjusted.expect("a p-value") < 0.01);
        let methods = std::fs::read_to_string(at("out/methods.txt")).expect("there");
        assert!(methods.contains("peak_dff") && methods.contains("Holm"), "{methods}");
        let units = sparkwave_io::csv::read_table(&at("out/units.csv")).expect("there");
        assert_eq!(units.n_rows(), 2 * 2 * 8, "of two measures and two groups");
        for name in ["comparison.csv", "samples.csv", "pairwise.csv", "dropped.csv", "comparison.json", "run.json"] {
            assert!(at("out").join(name).is_file(), "{name}");
        }
        let lacking = CompareRequest { measures: vec!["area_um2".into()], ..request };
        let error = run(&lacking, &at("none"), Existing::Refuse, &Silent).expect_err("no such column").to_string();
        assert!(error.contains("area_um2") && !at("none").exists(), "{error}");
    }
}
