//! Rows to units, units to samples.

use super::{Change, Design, Dropped, Level, Normality, Options, Reason, Row, Sample};
use crate::statistics::fences::Fences;
use crate::statistics::shapiro_wilk::shapiro_wilk;
use crate::statistics::{Error, mean, median, squares};
use std::collections::{BTreeMap, BTreeSet};

const TEST: &str = "comparison";

/// The mean of the rows of one unit in one group.
struct Unit {
    /// Animal and neuron, as far as they tell this unit from others; the row of an event.
    key: Vec<String>,
    group: usize,
    value: f64,
    animal: Option<String>,
    neuron: Option<Vec<String>>,
}

/// All units of all groups.
pub(super) struct Units<'a> {
    pub level: Level,
    pub groups: Vec<String>,
    /// Levels that every row knows, above the event.
    pub known: Vec<Level>,
    /// The group of each row.
    pub group_of_row: Vec<usize>,
    pub rows: &'a [Row],
    units: Vec<Unit>,
}

/// What is tested: the units of a group, or the changes of units.
pub(super) struct Tested {
    pub name: String,
    pub values: Vec<f64>,
    /// For each level above the unit, in the order of `Units::above`, the cluster of each value.
    pub clusters: Vec<Vec<String>>,
    keys: Vec<String>,
    n_events: usize,
    n_neurons: Option<usize>,
    n_animals: Option<usize>,
}

impl<'a> Units<'a> {
    pub(super) fn of(rows: &'a [Row], options: &Options) -> Result<Self, Error> {
        if let Some(index) = rows.iter().position(|row| !row.value.is_finite()) {
            return Err(Error::NotFinite { test: TEST, sample: 0, index, found: rows[index].value });
        }
        let mut groups: Vec<String> = Vec::new();
        let mut group_of_row = Vec::with_capacity(rows.len());
        for row in rows {
            let group = groups.iter().position(|g| *g == row.group).unwrap_or_else(|| {
                groups.push(row.group.clone());
                groups.len() - 1
            });
            group_of_row.push(group);
        }
        if groups.len() < 2 {
            return Err(Error::TooFew { test: TEST, what: "groups", needed: 2, found: groups.len() });
        }
        let known: Vec<Level> =
            [Level::Neuron, Level::Animal].into_iter().filter(|level| n_unknown(rows, *level) == 0).collect();
        let level = options.unit.unwrap_or(known.last().copied().unwrap_or(Level::Event));
        let is_paired = options.design != Design::Unpaired;
        if is_paired && options.unit == Some(Level::Event) {
            return Err(Error::Design { test: "a paired comparison", design: "single events".to_owned() });
        }
        // Events have no partner of their own.
        let needed = if is_paired && level == Level::Event { Level::Neuron } else { level };
        if needed != Level::Event && !known.contains(&needed) {
            return Err(Error::UnknownLevel { test: TEST, level: needed.name(), n_unknown: n_unknown(rows, needed) });
        }
        if is_paired && groups.len() != 2 {
            let design = format!("{} groups; pairs have two", groups.len());
            return Err(Error::Design { test: "a paired comparison", design });
        }

        let mut of_units: BTreeMap<(usize, Vec<String>), Vec<usize>> = BTreeMap::new();
        for (i, &group) in group_of_row.iter().enumerate() {
            of_units.entry((group, key(rows, i, level))).or_default().push(i);
        }
        let unit = |((group, key), members): ((usize, Vec<String>), Vec<usize>)| {
            let values: Vec<f64> = members.iter().map(|&i| rows[i].value).collect();
            let value = mean(&values)?;
            let first = &rows[*members.first()?];
            let neuron = first.neuron.as_ref().map(|_| self::key(rows, members[0], Level::Neuron));
            Some(Unit { key, group, value, animal: first.animal.clone(), neuron })
        };
        let mut units: Vec<Unit> = of_units.into_iter().filter_map(unit).collect();
        if level == Level::Event {
            // Names of rows sort as text; the rows have an order of their own.
            units.sort_by_key(|unit| (unit.group, unit.key[0].len(), unit.key[0].clone()));
        }
        Ok(Self { level, groups, known, group_of_row, rows, units })
    }

    /// Known levels above the unit.
    pub(super) fn above(&self) -> impl Iterator<Item = Level> {
        self.known.iter().copied().filter(|level| *level > self.level)
    }

    /// Units that are in more than one group.
    pub(super) fn n_shared(&self) -> usize {
        let mut groups: BTreeMap<&[String], usize> = BTreeMap::new();
        self.units.iter().for_each(|unit| *groups.entry(&unit.key).or_default() += 1);
        groups.values().filter(|n| **n > 1).count()
    }

    /// What is tested, and what is left out of it.
    pub(super) fn samples(&self, options: &Options) -> Result<(Vec<Tested>, Vec<Dropped>), Error> {
        let mut dropped = Vec::new();
        let mut samples = match options.design {
            Design::Paired(change) => vec![self.changes(change, &mut dropped)],
            Design::Unpaired => (0..self.groups.len()).map(|group| self.group(group)).collect(),
        };
        if let Some(k) = options.fences {
            for sample in &mut samples {
                sample.fence(k, &mut dropped)?;
            }
        }
        Ok((samples, dropped))
    }

    fn group(&self, group: usize) -> Tested {
        let members = || self.units.iter().filter(|unit| unit.group == group);
        let values = members().map(|unit| unit.value).collect();
        self.tested(self.groups[group].clone(), values, &members().collect::<Vec<_>>(), &[group])
    }

    fn changes(&self, change: Change, dropped: &mut Vec<Dropped>) -> Tested {
        let [first, second] = [&self.groups[0], &self.groups[1]];
        let name = match change {
            Change::Difference => format!("{second} - {first}"),
            Change::FoldChange => format!("({second} - {first}) / {first}"),
            Change::LogRatio => format!("ln({second} / {first})"),
        };
        let of_group = |group: usize| -> BTreeMap<&[String], &Unit> {
            self.units.iter().filter(|unit| unit.group == group).map(|unit| (unit.key.as_slice(), unit)).collect()
        };
        let (before, after) = (of_group(0), of_group(1));
        let mut drop = |unit: &Unit, value, reason| {
            dropped.push(Dropped { unit: unit.key.join("/"), sample: name.clone(), value, reason });
        };
        let (mut values, mut members) = (Vec::new(), Vec::new());
        for (key, unit) in &before {
            match after.get(key).map(|partner| change.of(unit.value, partner.value)) {
                None => drop(unit, Some(unit.value), Reason::NoPartner),
                Some(None) => drop(unit, None, Reason::NoChange),
                Some(Some(value)) => {
                    values.push(value);
                    members.push(*unit);
                }
            }
        }
        for (_, unit) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            drop(unit, Some(unit.value), Reason::NoPartner);
        }
        self.tested(name, values, &members, &[0, 1])
    }

    fn tested(&self, name: String, values: Vec<f64>, members: &[&Unit], groups: &[usize]) -> Tested {
        let rows = || (0..self.rows.len()).filter(|i| groups.contains(&self.group_of_row[*i]));
        let n_of = |level: Level| {
            let is_known = self.known.contains(&level);
            is_known.then(|| rows().map(|i| key(self.rows, i, level)).collect::<BTreeSet<_>>().len())
        };
        let cluster = |unit: &&Unit, level: Level| match level {
            Level::Animal => unit.animal.clone().unwrap_or_default(),
            Level::Neuron | Level::Event => unit.neuron.as_ref().map_or_else(String::new, |key| key.join("/")),
        };
        Tested {
            name,
            values,
            clusters: self.above().map(|level| members.iter().map(|unit| cluster(unit, level)).collect()).collect(),
            keys: members.iter().map(|unit| unit.key.join("/")).collect(),
            n_events: rows().count(),
            n_neurons: n_of(Level::Neuron),
            n_animals: n_of(Level::Animal),
        }
    }
}

impl Tested {
    /// Drops values outside Tukey's fences.
    fn fence(&mut self, k: f64, dropped: &mut Vec<Dropped>) -> Result<(), Error> {
        let fences = Fences::of(&self.values, k)?;
        let is_kept: Vec<bool> = self.values.iter().map(|value| fences.contains(*value)).collect();
        for i in (0..is_kept.len()).filter(|i| !is_kept[*i]) {
            dropped.push(Dropped {
                unit: self.keys[i].clone(),
                sample: self.name.clone(),
                value: Some(self.values[i]),
                reason: Reason::Outside(fences),
            });
        }
        keep(&mut self.values, &is_kept);
        keep(&mut self.keys, &is_kept);
        self.clusters.iter_mut().for_each(|clusters| keep(clusters, &is_kept));
        Ok(())
    }

    pub(super) fn normality(&self) -> Normality {
        Normality { sample: self.name.clone(), test: shapiro_wilk(&self.values).ok() }
    }

    pub(super) fn summary(&self) -> Sample {
        let n = self.values.len();
        Sample {
            name: self.name.clone(),
            n_events: self.n_events,
            n_neurons: self.n_neurons,
            n_animals: self.n_animals,
            n,
            mean: mean(&self.values),
            sd: (n > 1).then(|| (squares(&self.values) / (n - 1) as f64).sqrt()),
            median: median(&self.values),
        }
    }
}

/// What tells the unit of row `i` at this level from others: neurons may have the same name in two animals.
pub(super) fn key(rows: &[Row], i: usize, level: Level) -> Vec<String> {
    match level {
        Level::Event => vec![i.to_string()],
        Level::Neuron => rows[i].animal.iter().chain(&rows[i].neuron).cloned().collect(),
        Level::Animal => rows[i].animal.iter().cloned().collect(),
    }
}

fn n_unknown(rows: &[Row], level: Level) -> usize {
    let is_unknown = |row: &&Row| match level {
        Level::Event => false,
        Level::Neuron => row.neuron.is_none(),
        Level::Animal => row.animal.is_none(),
    };
    rows.iter().filter(is_unknown).count()
}

fn keep<T>(items: &mut Vec<T>, is_kept: &[bool]) {
    let mut kept = is_kept.iter();
    items.retain(|_| kept.next().copied().unwrap_or(true));
}
