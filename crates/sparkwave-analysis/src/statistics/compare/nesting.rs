//! What it would mean to count values of one neuron or animal as independent.

use super::Level;
use super::units::{Tested, Units, key};
use crate::statistics::Error;
use crate::statistics::intraclass::{Intraclass, intraclass};
use serde::Serialize;
use std::collections::BTreeMap;

/// Values of one level within clusters of a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Nesting {
    /// What the values are of: events, or the units.
    pub of: Level,
    /// What they are clustered in.
    pub within: Level,
    /// How much alike they are, within groups.
    pub intraclass: Intraclass,
    /// Whether the test counts these values as independent although they are not.
    pub is_ignored: bool,
}

/// Events within units, and units within what is above them, as far as that is known and defined.
pub(super) fn nesting(units: &Units<'_>, samples: &[Tested]) -> Result<Vec<Nesting>, Error> {
    let mut found = Vec::new();
    if units.level != Level::Event {
        let mut groups = vec![BTreeMap::<Vec<String>, Vec<f64>>::new(); units.groups.len()];
        for (i, row) in units.rows.iter().enumerate() {
            groups[units.group_of_row[i]].entry(key(units.rows, i, units.level)).or_default().push(row.value);
        }
        let groups: Vec<Vec<Vec<f64>>> = groups.into_iter().map(|group| group.into_values().collect()).collect();
        found.extend(defined(Level::Event, units.level, false, &groups)?);
    }
    for (i, level) in units.above().enumerate() {
        let group = |sample: &Tested| {
            let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (cluster, value) in sample.clusters[i].iter().zip(&sample.values) {
                clusters.entry(cluster).or_default().push(*value);
            }
            clusters.into_values().collect()
        };
        let groups: Vec<Vec<Vec<f64>>> = samples.iter().map(group).collect();
        found.extend(defined(units.level, level, true, &groups)?);
    }
    Ok(found)
}

fn defined(of: Level, within: Level, is_ignored: bool, groups: &[Vec<Vec<f64>>]) -> Result<Option<Nesting>, Error> {
    match intraclass(groups) {
        Ok(intraclass) => Ok(Some(Nesting { of, within, intraclass, is_ignored })),
        // One value a cluster, one cluster a group, or no spread: nothing can be said, and nothing is wrong.
        Err(Error::TooFew { .. } | Error::NoSpread { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
