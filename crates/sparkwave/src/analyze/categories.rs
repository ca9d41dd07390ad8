//! What became of events after a stimulus ([`sparkwave_analysis::categories`]).

use super::Source;
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::categories::{Categories, Category, CategoryParams, Offset, Site, categorize};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Two recordings of one field of view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryRequest {
    /// The events before the stimulus.
    pub before: Source,
    /// The events after it.
    pub after: Source,
    /// How far the second recording is displaced against the first.
    pub offset: Offset,
    /// How events are linked.
    pub params: CategoryParams,
}

/// Writes `categories.csv`, a row for each event.
///
/// # Errors
/// If a table cannot be read or has no positions in micrometres, the distance is none, the folder is not free, or a file
/// cannot be written.
pub fn run(
    request: &CategoryRequest,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<Categories, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let sources = [request.before.clone(), request.after.clone()];
    let tables = super::read(&sources)?;
    let sites = [sites(&tables[0], &sources[0])?, sites(&tables[1], &sources[1])?];
    clock.begin("categories", 1);
    let found = categorize(&sites[0], &sites[1], request.offset, &request.params)?;
    clock.advance(1);
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    folder.write_table("categories", &table(&found, &sources, &tables), false)?;
    let counts: BTreeMap<&str, usize> = Category::ALL.iter().map(|c| (c.name(), found.count(*c))).collect();
    let summary = serde_json::json!({"counts": counts, "params": found.params, "out": folder.path()});
    super::record("analyze categories", (0, started), &sources, summary, &clock, &folder)?;
    Ok(found)
}

/// The positions of all events.
fn sites(table: &Table, source: &Source) -> Result<Vec<Site>, Error> {
    let fail = |message: String| Error::Config { path: source.path.clone(), message };
    let column = |name: &str| table.column(name).ok_or_else(|| fail(format!("expected a column {name}")));
    let (y, x) = (column("y_um")?, column("x_um")?);
    let site = |(i, (y, x)): (usize, (&Value, &Value))| match (y.as_f64(), x.as_f64()) {
        (Some(y_um), Some(x_um)) => Ok(Site { y_um, x_um }),
        _ => Err(fail(format!("expected a position in micrometres in row {} (is the pixel size known?)", i + 1))),
    };
    y.iter().zip(x).enumerate().map(site).collect()
}

/// A row for each event: what became of it, and its nearest counterpart.
fn table(found: &Categories, sources: &[Source; 2], tables: &[Table]) -> Table {
    let id = |recording: usize, row: usize| match tables[recording].column("event_id") {
        Some(ids) => ids[row].clone(),
        None => Value::Int(row as i64 + 1),
    };
    let mut nearest: [BTreeMap<usize, (usize, f64)>; 2] = Default::default();
    for link in &found.links {
        for (side, own, other) in [(0, link.before, link.after), (1, link.after, link.before)] {
            let entry = nearest[side].entry(own).or_insert((other, link.distance_um));
            if link.distance_um < entry.1 {
                *entry = (other, link.distance_um);
            }
        }
    }
    let of_side = |side: usize, n: usize| (0..n).map(move |row| (side, row));
    let rows: Vec<(usize, usize)> = of_side(0, found.before.len()).chain(of_side(1, found.after.len())).collect();
    let category = |&(side, row): &(usize, usize)| if side == 0 { found.before[row] } else { found.after[row] };
    let partner = |&(side, row): &(usize, usize)| nearest[side].get(&row);
    let mut table = Table::new();
    table.push("table", rows.iter().map(|(side, _)| Value::Text(sources[*side].name.clone())).collect());
    table.push("event_id", rows.iter().map(|&(side, row)| id(side, row)).collect());
    table.push("category", rows.iter().map(|at| Value::Text(category(at).name().to_owned())).collect());
    let counterpart = |at: &(usize, usize)| partner(at).map_or(Value::Empty, |(other, _)| id(1 - at.0, *other));
    table.push("counterpart_id", rows.iter().map(counterpart).collect());
    table.push("distance_um", rows.iter().map(|at| Value::maybe(partner(at).map(|(_, d)| *d))).collect());
    table
}

#[cfg(test)]
mod tests {
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
            offset: Offset { y_um: -2.0, x_um: 0.0 },
            params: CategoryParams::default(),
        };
        let found = run(&request, &at("out"), Existing::Refuse, &Silent).expect("categorized");
        assert_eq!(Category::ALL.map(|c| found.count(c)), [1, 1, 1, 1]);
        let text = std::fs::read_to_string(at("out/categories.csv")).expect("there");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("before,1,recurrent before,5,0.2"), "{text}");
        assert!(lines[2].starts_with("before,2,silenced,,") && lines[4].starts_with("after,9,new,,"), "{text}");
        std::fs::write(at("after.csv"), "event_id,y_um,x_um\n5,,\n").expect("room");
        let error = run(&request, &at("none"), Existing::Refuse, &Silent).expect_err("no positions").to_string();
        assert!(error.contains("micrometres") && !at("none").exists(), "{error}");
    }
}
