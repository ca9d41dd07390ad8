//! Classes of events compared between groups.

use super::methods::{list, p_value};
use super::{Design, Level, Options};
use crate::statistics::Error;
use crate::statistics::bootstrap::{Estimate, any};
use crate::statistics::contingency::{ChiSquare, OneVsRest, chi_square, cramers_v, one_vs_rest};
use crate::statistics::multiplicity::Correction;
use rand::Rng;
use serde::Serialize;
use std::collections::BTreeMap;

/// An event of a class and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The class.
    pub class: String,
    /// The group.
    pub group: String,
    /// The neuron. Names need not be unique beyond an animal.
    pub neuron: Option<String>,
    /// The animal.
    pub animal: Option<String>,
}

/// What [`compare_proportions`] found, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proportions {
    /// Groups, in the order of their first rows: the rows of the table.
    pub groups: Vec<String>,
    /// Classes, sorted: the columns of the table.
    pub classes: Vec<String>,
    /// Counts of events.
    pub counts: Vec<Vec<u64>>,
    /// Chi-square test of the events as if independent, as published.
    pub events: ChiSquare,
    /// Every class against the others, likewise.
    pub one_vs_rest: Vec<OneVsRest>,
    /// Correction of those.
    pub correction: Correction,
    /// Cramer's V with its interval over units.
    pub cramers_v: Estimate,
    /// What was permuted and resampled.
    pub unit: Level,
    /// Units.
    pub n_units: usize,
    /// P-value of the same statistic when groups are exchanged between units (within them, in a paired design), which
    /// events of one unit cannot inflate; `None` if the unit is the event.
    pub p_units: Option<f64>,
    /// Factor by which the statistic of the events is inflated because events of one unit are alike; `None` if the unit is
    /// the event, or a group has a single one.
    pub design_effect: Option<f64>,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// The sentences for a Methods section.
    pub methods: String,
}

/// Compares the proportions of classes between groups, with events as published and with units as it should be. Of `options`
/// the design, unit, correction and resampling count; how a pair becomes one number does not.
///
/// The p-value over units counts the observed arrangement in (Phipson and Smyth 2010). The design effect is the mean one of
/// Rao and Scott (Journal of the American Statistical Association 1981, 76, 221): of each proportion the variance between
/// units over that of as many independent events.
///
/// # Errors
/// [`Error::UnknownLevel`] if rows do not all know the unit; [`Error::Design`] for pairs of other than two groups or of single
/// events; those of the chi-square test.
pub fn compare_proportions(rows: &[Classified], options: &Options) -> Result<Proportions, Error> {
    const TEST: &str = "comparison of proportions";
    let knows = |level: Level| rows.iter().all(|row| name(row, level).is_some());
    let highest = [Level::Animal, Level::Neuron].into_iter().find(|level| knows(*level)).unwrap_or(Level::Event);
    let unit = options.unit.unwrap_or(highest);
    if !knows(unit) {
        let n_unknown = rows.iter().filter(|row| name(row, unit).is_none()).count();
        return Err(Error::UnknownLevel { test: TEST, level: unit.name(), n_unknown });
    }
    let mut groups: Vec<String> = Vec::new();
    for row in rows {
        if !groups.contains(&row.group) {
            groups.push(row.group.clone());
        }
    }
    let is_paired = options.design != Design::Unpaired;
    if is_paired && (groups.len() != 2 || unit == Level::Event) {
        let design = format!("{} groups of {}s", groups.len(), unit.name());
        return Err(Error::Design { test: "a paired comparison", design });
    }
    let mut classes: Vec<String> = rows.iter().map(|row| row.class.clone()).collect();
    classes.sort();
    classes.dedup();

    // One table for each unit; single events each have their own.
    let empty = vec![vec![0u64; classes.len()]; groups.len()];
    let mut of_units: BTreeMap<Vec<String>, Vec<Vec<u64>>> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        let key = if unit == Level::Event { vec![i.to_string()] } else { name(row, unit).unwrap_or_default() };
        let group = groups.iter().position(|group| *group == row.group).unwrap_or_default();
        let class = classes.binary_search(&row.class).unwrap_or_default();
        of_units.entry(key).or_insert_with(|| empty.clone())[group][class] += 1;
    }
    let tables: Vec<Vec<Vec<u64>>> = of_units.into_values().collect();
    let counts = sum(&empty, tables.iter());
    let events = chi_square(&counts)?;
    let permuted = if unit == Level::Event { Vec::new() } else { permutations(&tables, &empty, options) };
    let p_units = (!permuted.is_empty()).then(|| {
        let n_above = permuted.iter().filter(|chi2| **chi2 >= events.chi2 * (1.0 - 1e-12)).count();
        (n_above + 1) as f64 / (permuted.len() + 1) as f64
    });
    let design_effect = if unit == Level::Event { None } else { design_effect(&tables, &counts, is_paired) };
    let mut proportions = Proportions {
        one_vs_rest: one_vs_rest(&counts, options.correction)?,
        cramers_v: cramers_v(&tables, &options.resampling)?,
        correction: options.correction,
        n_units: tables.len(),
        groups,
        classes,
        counts,
        events,
        unit,
        p_units,
        design_effect,
        warnings: Vec::new(),
        methods: String::new(),
    };
    proportions.warnings = warnings(&proportions);
    proportions.methods = methods(&proportions, options);
    Ok(proportions)
}

/// The statistic with groups exchanged: within each unit if paired, between units otherwise.
fn permutations(tables: &[Vec<Vec<u64>>], empty: &[Vec<u64>], options: &Options) -> Vec<f64> {
    // A unit with events in several groups is one part of each; the parts exchange places.
    let parts: Vec<(usize, Vec<u64>)> = tables
        .iter()
        .flat_map(|table| table.iter().cloned().enumerate())
        .filter(|(_, counts)| counts.iter().any(|n| *n > 0))
        .collect();
    let drawn = options.resampling.replicate(|rng| {
        let mut total = empty.to_vec();
        let mut add = |group: usize, counts: &[u64]| {
            total[group].iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        };
        if options.design != Design::Unpaired {
            for table in tables {
                let shift = usize::from(rng.random::<bool>());
                table.iter().enumerate().for_each(|(group, counts)| add((group + shift) % 2, counts));
            }
        } else {
            let mut groups: Vec<usize> = parts.iter().map(|(group, _)| *group).collect();
            for i in (1..groups.len()).rev() {
                groups.swap(i, any(i + 1, rng));
            }
            parts.iter().zip(groups).for_each(|((_, counts), group)| add(group, counts));
        }
        chi_square(&total).ok().map(|test| test.chi2)
    });
    drawn.into_iter().flatten().collect()
}

/// The mean over proportions of their variance between units, over that of independent events.
fn design_effect(tables: &[Vec<Vec<u64>>], counts: &[Vec<u64>], is_paired: bool) -> Option<f64> {
    let n_classes = counts[0].len();
    let sizes: Vec<f64> = counts.iter().map(|row| row.iter().sum::<u64>() as f64).collect();
    let total: f64 = sizes.iter().sum();
    let part = |group: usize, class: usize| counts[group][class] as f64 / sizes[group];
    // What a unit adds to the error of a proportion of its group.
    let error = |table: &Vec<Vec<u64>>, group: usize, class: usize| {
        let n = table[group].iter().sum::<u64>() as f64;
        (table[group][class] as f64 - part(group, class) * n) / sizes[group]
    };
    let independent = |group: usize, class: usize| part(group, class) * (1.0 - part(group, class)) / sizes[group];
    // Errors of one kind for each unit that has any; `None` of a single unit.
    let variance = |errors: Vec<f64>| {
        let m = errors.len() as f64;
        (m > 1.0).then(|| m / (m - 1.0) * errors.iter().map(|e| e * e).sum::<f64>())
    };
    let is_in = |table: &&Vec<Vec<u64>>, group: usize| table[group].iter().any(|n| *n > 0);
    let of_class = |class: usize| -> Option<f64> {
        if is_paired {
            let errors = tables.iter().map(|table| error(table, 1, class) - error(table, 0, class));
            let alone = independent(0, class) + independent(1, class);
            let pooled = (counts[0][class] + counts[1][class]) as f64 / total;
            return Some((1.0 - pooled) * if alone > 0.0 { variance(errors.collect())? / alone } else { 1.0 });
        }
        let of_group = |(group, size): (usize, &f64)| -> Option<f64> {
            let errors = tables.iter().filter(|table| is_in(table, group)).map(|table| error(table, group, class));
            let alone = independent(group, class);
            let of_one = if alone > 0.0 { variance(errors.collect())? / alone } else { 1.0 };
            Some((1.0 - size / total) * (1.0 - part(group, class)) * of_one)
        };
        sizes.iter().enumerate().map(of_group).sum()
    };
    let sum: f64 = (0..n_classes).map(of_class).sum::<Option<f64>>()?;
    let df = (n_classes - 1) * if is_paired { 1 } else { counts.len() - 1 };
    Some(sum / df as f64)
}

fn sum<'a>(empty: &[Vec<u64>], tables: impl Iterator<Item = &'a Vec<Vec<u64>>>) -> Vec<Vec<u64>> {
    let mut total = empty.to_vec();
    for table in tables {
        for (sums, counts) in total.iter_mut().zip(table) {
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        }
    }
    total
}

/// What tells a unit from others; `None` if not known.
fn name(row: &Classified, level: Level) -> Option<Vec<String>> {
    match level {
        Level::Event => Some(Vec::new()),
        Level::Neuron => row.neuron.as_ref().map(|neuron| row.animal.iter().chain([neuron]).cloned().collect()),
        Level::Animal => row.animal.as_ref().map(|animal| vec![animal.clone()]),
    }
}

fn warnings(found: &Proportions) -> Vec<String> {
    let mut warnings = Vec::new();
    match (found.p_units, found.design_effect) {
        (Some(p_units), Some(effect)) if effect > 1.0 => warnings.push(format!(
            "the chi-square test counts {} events of {} {}s as independent, which overstates the evidence {effect:.1} \
             times (as if {:.0} events); over {}s {}",
            found.events.n,
            found.n_units,
            found.unit.name(),
            found.events.n as f64 / effect,
            found.unit.name(),
            p_value(p_units),
        )),
        (None, _) => warnings.push(format!("the chi-square test counts {} events as independent", found.events.n)),
        _ => {}
    }
    if found.events.smallest_expected < 5.0 {
        let smallest = found.events.smallest_expected;
        warnings.push(format!("the smallest expected count is {smallest:.1}; below 5 the chi-square p-value is rough"));
    }
    if found.events.p <= 0.05 && found.cramers_v.value < 0.1 {
        warnings.push(format!("the effect is tiny: Cramer's V {:.2}", found.cramers_v.value));
    }
    warnings
}

fn methods(found: &Proportions, options: &Options) -> String {
    let unit = found.unit.name();
    let n: Vec<String> = found.counts.iter().map(|row| row.iter().sum::<u64>().to_string()).collect();
    let mut text = format!(
        "The proportions of {} classes were compared between {} (n = {} events) by a chi-square test without continuity \
         correction: chi2({}) = {:.2}, {}; Cramer's V {:.2}",
        found.classes.len(),
        list(&found.groups),
        list(&n),
        found.events.df,
        found.events.chi2,
        p_value(found.events.p),
        found.cramers_v.value,
    );
    if let Some(interval) = found.cramers_v.interval {
        let level = 100.0 * options.resampling.level;
        text += &format!(" ({level} % bootstrap interval over {unit}s {:.2} to {:.2})", interval.low, interval.high);
    }
    text += ".";
    if let Some(p) = found.p_units {
        let how = if options.design == Design::Unpaired { "between" } else { "within" };
        text += &format!(" With groups permuted {how} {} {unit}s, {}.", found.n_units, p_value(p));
    }
    text + &format!(" Single classes were tested against all others with {}.", found.correction.name())
}
