//! What became of events and sites after a stimulus ([`sparkwave_analysis::categories`]).

use super::pair::{Alignment, Compared, compare};
use super::{Source, text};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::categories::{ActiveSite, Categories, Category, CategoryParams, Offset, SiteCategory};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Two recordings of one field of view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryRequest {
    /// The events before the stimulus: a folder of a run, or a table.
    pub before: Source,
    /// The events after it.
    pub after: Source,
    /// How far the second recording is displaced against the first; found from their mean images if it is not said.
    pub offset: Option<Offset>,
    /// How events are linked.
    pub params: CategoryParams,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryResult {
    /// What became of the events that both recordings could show.
    pub categories: Categories,
    /// What became of their places.
    pub sites: Vec<ActiveSite>,
    /// How the recordings lie to each other.
    pub alignment: Alignment,
}

/// Writes `categories.csv`, a row for each event, `sites.csv`, a row for each site, and `registration.csv`.
///
/// # Errors
/// If a table cannot be read or has no positions in micrometres, the recordings do not show the same, the distance is none,
/// the folder is not free, or a file cannot be written.
pub fn run(
    request: &CategoryRequest,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<CategoryResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    clock.begin("categories", 1);
    let found = compare([&request.before, &request.after], request.offset, &request.params, &clock)?;
    clock.advance(1);
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    folder.write_table("categories", &table(&found), false)?;
    folder.write_table("sites", &site_table(&found), false)?;
    folder.write_table("registration", &found.alignment.table(), false)?;
    let counts: BTreeMap<&str, usize> = Category::ALL.iter().map(|c| (c.name(), found.categories.count(*c))).collect();
    let count = |c: SiteCategory| found.sites.iter().filter(|site| site.category() == c).count();
    let sites: BTreeMap<&str, usize> = SiteCategory::ALL.iter().map(|c| (c.name(), count(*c))).collect();
    let summary = serde_json::json!({
        "counts": counts, "sites": sites, "registration": found.alignment, "params": request.params, "out": folder.path(),
    });
    let files = [found.sides[0].files(), found.sides[1].files()].concat();
    super::record("analyze categories", (0, started), &files, summary, &clock, &folder)?;
    Ok(CategoryResult { categories: found.categories, sites: found.sites, alignment: found.alignment })
}

/// A row for each event: what became of it, its nearest counterpart, and its site.
fn table(found: &Compared) -> Table {
    let id = |side: usize, row: usize| match found.sides[side].table.column("event_id") {
        Some(ids) => ids[row].clone(),
        None => Value::Int(row as i64 + 1),
    };
    let mut nearest: [BTreeMap<usize, (usize, f64)>; 2] = Default::default();
    for link in &found.categories.links {
        let [before, after] = [(0, link.before), (1, link.after)].map(|(side, place)| found.sides[side].shared[place]);
        for (side, own, other) in [(0, before, after), (1, after, before)] {
            let entry = nearest[side].entry(own).or_insert((other, link.distance_um));
            if link.distance_um < entry.1 {
                *entry = (other, link.distance_um);
            }
        }
    }
    let mut site_of: [BTreeMap<usize, i64>; 2] = Default::default();
    for (site, number) in found.sites.iter().zip(1..) {
        for (side, of_side) in site_of.iter_mut().enumerate() {
            of_side.extend(found.rows(site, side).into_iter().map(|row| (row, number)));
        }
    }
    let rows: Vec<(usize, usize)> =
        (0..2).flat_map(|side| (0..found.sides[side].table.n_rows()).map(move |row| (side, row))).collect();
    let partner = |&(side, row): &(usize, usize)| nearest[side].get(&row);
    let mut table = Table::new();
    table.push("table", rows.iter().map(|(side, _)| text(&found.sides[*side].source.name)).collect());
    table.push("event_id", rows.iter().map(|&(side, row)| id(side, row)).collect());
    let category = |&(side, row): &(usize, usize)| found.category(side, row).map_or(Value::Empty, |c| text(c.name()));
    table.push("category", rows.iter().map(category).collect());
    let counterpart = |at: &(usize, usize)| partner(at).map_or(Value::Empty, |(other, _)| id(1 - at.0, *other));
    table.push("counterpart_id", rows.iter().map(counterpart).collect());
    table.push("distance_um", rows.iter().map(|at| Value::maybe(partner(at).map(|(_, d)| *d))).collect());
    let site = |&(side, row): &(usize, usize)| site_of[side].get(&row).map_or(Value::Empty, |site| Value::Int(*site));
    table.push("site_id", rows.iter().map(site).collect());
    table
}

/// A row for each site: where it is before the stimulus, its events on both sides and how high they are.
pub(super) fn site_table(found: &Compared) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn((i64, &ActiveSite)) -> Value| {
        table.push(name, (1..).zip(&found.sites).map(value).collect());
    };
    let mean = |site: &ActiveSite, side: usize| {
        let rows = found.rows(site, side);
        let known: Vec<f64> = rows.into_iter().filter_map(|row| found.sides[side].number("peak_dff", row)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    column("site_id", &|(id, _)| Value::Int(id));
    column("y_um", &|(_, s)| Value::float(s.at.y_um));
    column("x_um", &|(_, s)| Value::float(s.at.x_um));
    column("category", &|(_, s)| text(s.category().name()));
    column("n_before", &|(_, s)| Value::Int(s.before.len() as i64));
    column("n_after", &|(_, s)| Value::Int(s.after.len() as i64));
    column("mean_peak_dff_before", &|(_, s)| Value::maybe(mean(s, 0)));
    column("mean_peak_dff_after", &|(_, s)| Value::maybe(mean(s, 1)));
    table
}

#[cfg(test)]
mod tests {
    use super::super::pair::OffsetSource;
    use super::*;
    use sparkwave_core::progress::Silent;

    #[test]
    fn every_event_has_a_category_and_its_counterpart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("before.csv"), "event_id,y_um,x_um\n1,10,10\n2,30,5\n").expect("room");
        std::fs::write(at("after.csv"), "event_id,y_um,x_um\n5,12.2,10.1\n9,50,50\n").expect("room");
        let source = |name: &str| Source { name: name.into(), path: at(&format!("{name}.csv")) };
        let request = CategoryRequest {
            before: source("before"),
            after: source("after"),
            offset: Some(Offset { y_um: -2.0, x_um: 0.0 }),
            params: CategoryParams::default(),
        };
        let found = run(&request, &at("out"), Existing::Refuse, &Silent).expect("categorized");
        assert_eq!(Category::ALL.map(|c| found.categories.count(c)), [1, 1, 1, 1]);
        assert_eq!((found.sites.len(), found.alignment.source), (3, OffsetSource::Given));
        let text = std::fs::read_to_string(at("out/categories.csv")).expect("there");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("before,1,recurrent before,5,0.2"), "{text}");
        assert!(lines[2].starts_with("before,2,silenced,,") && lines[4].starts_with("after,9,new,,"), "{text}");
        std::fs::write(at("after.csv"), "event_id,y_um,x_um\n5,,\n").expect("room");
        let error = run(&request, &at("none"), Existing::Refuse, &Silent).expect_err("no positions").to_string();
        assert!(error.contains("micrometres") && !at("none").exists(), "{error}");
    }
}
