//! Tables of events with what other analyses said of the same events.

use super::Source;
use crate::error::Error;
use sparkwave_core::table::{Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Says of an event of which table and which event it is.
type Key = (String, String);

/// A table with the rows of its events.
struct Joined {
    path: PathBuf,
    table: Table,
    rows: BTreeMap<Key, usize>,
}

/// The events of several tables, one after the other, with the columns of these and of tables that are joined to them.
///
/// An event is known by the columns `table` (otherwise the name of its source) and `event_id` (or `wave_id`), as
/// `subtypes.csv` and `categories.csv` have them.
pub(super) struct Rows {
    sources: Vec<(Source, Table)>,
    joined: Vec<Joined>,
    keys: Vec<Key>,
    tables: BTreeSet<String>,
}

impl Rows {
    /// Reads tables of events and those to be joined.
    ///
    /// # Errors
    /// If a file cannot be read, or a joined table has no events.
    pub(super) fn read(sources: &[Source], joins: &[PathBuf]) -> Result<Self, Error> {
        let read: Vec<(Source, Table)> = sources.iter().cloned().zip(super::read(sources)?).collect();
        let mut keys = Vec::new();
        for (source, table) in &read {
            keys.extend((0..table.n_rows()).map(|row| key(table, Some(&source.name), row)));
        }
        let keys: Vec<Key> = keys.into_iter().flatten().collect();
        let tables = keys.iter().map(|key| key.0.clone()).collect();
        let of_one = if read.len() == 1 { read[0].0.name.clone() } else { String::new() };
        let joined = joins.iter().map(|path| join(path, &of_one)).collect::<Result<_, _>>()?;
        Ok(Self { sources: read, joined, keys, tables })
    }

    /// Number of events.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The tables that were given.
    pub(super) fn tables(&self) -> Vec<Table> {
        self.sources.iter().map(|(_, table)| table.clone()).collect()
    }

    /// A column of all events, empty where it is unknown. `table` is the table that an event is of; `counterpart.NAME` is that of the counterpart in the other of two
    /// tables, which the column `counterpart_id` of `categories.csv` names.
    ///
    /// # Errors
    /// If no table has it.
    pub(super) fn column(&self, name: &str) -> Result<Vec<Value>, Error> {
        if let Some(name) = name.strip_prefix("counterpart.") {
            return self.of_counterparts(name);
        }
        let is_known = |name: &str| self.sources.iter().any(|(_, table)| table.column(name).is_some());
        if name == "table" && !is_known(name) {
            return Ok(self.keys.iter().map(|key| Value::Text(key.0.clone())).collect());
        }
        let in_joined = self.joined.iter().any(|joined| joined.table.column(name).is_some());
        if !is_known(name) && !in_joined {
            let path = self.sources.first().map_or_else(PathBuf::new, |(source, _)| source.path.clone());
            let known: BTreeSet<&str> = self
                .sources
                .iter()
                .map(|(_, table)| table)
                .chain(self.joined.iter().map(|joined| &joined.table))
                .flat_map(Table::columns)
                .map(|column| column.name.as_str())
                .collect();
            let known: Vec<&str> = known.into_iter().collect();
            let message = format!("expected a column {name} here or in a joined table, found {}", known.join(", "));
            return Err(Error::Config { path, message });
        }
        let mut keys = self.keys.iter();
        let mut values = Vec::with_capacity(self.len());
        for (_, table) in &self.sources {
            let own = table.column(name);
            for (row, key) in (0..table.n_rows()).zip(&mut keys) {
                let value = own.map(|column| column[row].clone());
                values.push(value.or_else(|| self.looked_up(name, key)).unwrap_or(Value::Empty));
            }
        }
        Ok(values)
    }

    fn of_counterparts(&self, name: &str) -> Result<Vec<Value>, Error> {
        let (own, ids) = (self.column(name)?, self.column("counterpart_id")?);
        if self.tables.len() != 2 {
            let found = self.tables.len().to_string();
            return Err(Error::Parameter {
                name: "tables",
                expected: "two, before and after, for counterparts",
                found,
            });
        }
        let rows: BTreeMap<&Key, usize> = self.keys.iter().enumerate().map(|(row, key)| (key, row)).collect();
        let value = |(key, id): (&Key, &Value)| {
            let other = self.tables.iter().find(|table| **table != key.0).filter(|_| *id != Value::Empty)?;
            rows.get(&(other.clone(), id.to_string())).map(|row| own[*row].clone())
        };
        Ok(self.keys.iter().zip(&ids).map(|at| value(at).unwrap_or(Value::Empty)).collect())
    }

    fn looked_up(&self, name: &str, key: &Key) -> Option<Value> {
        let known = |joined: &Joined| Some(joined.table.column(name)?[*joined.rows.get(key)?].clone());
        self.joined.iter().find_map(known)
    }

    /// The files, joined ones included.
    pub(super) fn inputs(&self) -> Vec<Source> {
        let joined = self.joined.iter().map(|j| Source { name: "joined".to_owned(), path: j.path.clone() });
        self.sources.iter().map(|(source, _)| source.clone()).chain(joined).collect()
    }
}

/// A value as words, `None` where it is unknown.
pub(super) fn word(value: &Value) -> Option<String> {
    (*value != Value::Empty).then(|| value.to_string())
}

/// The event of a row; rows without id have their 1-based number.
fn key(table: &Table, name: Option<&str>, row: usize) -> Option<Key> {
    let cell = |name: &str| table.column(name).and_then(|column| word(&column[row]));
    let of_table = cell("table").or_else(|| name.map(str::to_owned))?;
    Some((of_table, cell("event_id").or_else(|| cell("wave_id")).unwrap_or_else(|| (row + 1).to_string())))
}

fn join(path: &Path, of_one: &str) -> Result<Joined, Error> {
    let table = sparkwave_io::csv::read_table(path)?;
    if table.column("event_id").or_else(|| table.column("wave_id")).is_none() {
        let message = "expected a column event_id or wave_id to join by, found neither".to_owned();
        return Err(Error::Config { path: path.to_path_buf(), message });
    }
    let rows = (0..table.n_rows()).filter_map(|row| Some((key(&table, Some(of_one), row)?, row))).collect();
    Ok(Joined { path: path.to_path_buf(), table, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_joined_and_counterparts_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("before.csv"), "event_id,peak_dff\n1,0.5\n2,0.7\n").expect("room");
        std::fs::write(at("after.csv"), "event_id,peak_dff\n1,0.4\n7,0.9\n").expect("room");
        let categories = "table,event_id,category,counterpart_id\nbefore,1,recurrent before,7\nbefore,2,silenced,\n\
                          after,1,new,\nafter,7,recurrent after,1\n";
        std::fs::write(at("categories.csv"), categories).expect("room");
        std::fs::write(at("subtypes.csv"), "table,event_id,subtype\nbefore,1,3\nafter,7,2\nafter,1,1\n").expect("room");
        let source = |name: &str| Source { name: name.into(), path: at(&format!("{name}.csv")) };
        let joins = [at("categories.csv"), at("subtypes.csv")];
        let rows = Rows::read(&[source("before"), source("after")], &joins).expect("tables");
        let words =
            |name: &str| -> Vec<String> { rows.column(name).expect("known").iter().map(ToString::to_string).collect() };
        assert_eq!(words("peak_dff"), ["0.5", "0.7", "0.4", "0.9"]);
        assert_eq!(words("table"), ["before", "before", "after", "after"]);
        assert_eq!(words("subtype"), ["3", "", "1", "2"]);
        assert_eq!(words("counterpart.subtype"), ["2", "", "", "3"]);
        let error = rows.column("colour").expect_err("no such column").to_string();
        assert!(error.contains("colour") && error.contains("peak_dff") && error.contains("category"), "{error}");
        let error = Rows::read(&[source("before")], &[at("none.csv")]).err().expect("no file").to_string();
        assert!(error.contains("none.csv"), "{error}");
    }
}
