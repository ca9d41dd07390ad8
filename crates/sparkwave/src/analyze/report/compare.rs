//! What a comparison of groups says.

use super::{Results, Said, distinct, numbers, p_value, words};
use crate::error::Error;
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Bracket, Sample, ScoreAxis, paired, samples};
use sparkwave_core::table::Table;
use std::collections::BTreeMap;

/// Measures that are drawn, the first ones.
const MOST_DRAWN: usize = 16;

pub(super) fn say(results: &Results) -> Result<Said, Error> {
    let empty = Table::new();
    let read = |name: &str| Ok::<_, Error>(results.table(name)?.unwrap_or_else(|| empty.clone()));
    let (comparison, units, pairwise) = (read("comparison")?, read("units")?, read("pairwise")?);
    let (sampled, of_measure) = (read("samples")?, words(&comparison, "measure"));
    let (p, p_adjusted) = (numbers(&comparison, "p"), numbers(&comparison, "p_adjusted"));
    let mut figures = Vec::new();
    for (row, measure) in of_measure.iter().enumerate().take(MOST_DRAWN) {
        let corrected = if p_adjusted[row].is_nan() { p[row] } else { p_adjusted[row] };
        if corrected.is_nan() {
            continue;
        }
        let test = &words(&comparison, "test")[row];
        let is_paired = words(&sampled, "measure").iter().filter(|m| *m == measure).count() == 1;
        let of_unit = &words(&comparison, "unit")[row];
        let label = p_value(corrected);
        let groups = groups(&units, measure);
        let caption = format!(
            "{measure} by group: a dot is {}, the bars are medians and quartiles; {test}, {label} after correction.",
            match of_unit.as_str() {
                "animal" => "the mean of an animal",
                "neuron" => "the mean of a neuron",
                _ => "an event",
            }
        );
        figures.push(if is_paired && groups.len() == 2 {
            draw_pairs(measure, &groups, &label, caption)
        } else {
            let brackets = brackets(&pairwise, measure, &groups, &label);
            let shown: Vec<Sample> = groups
                .iter()
                .map(|(name, of)| Sample { name: name.clone(), values: of.values().copied().collect() })
                .collect();
            samples(
                &format!("compare_{measure}"),
                &shown,
                &ScoreAxis { title: measure, range: None },
                &brackets,
                &[],
                caption,
            )
        });
    }
    let smallest = p_adjusted.iter().copied().filter(|p| p.is_finite()).fold(f64::INFINITY, f64::min);
    let n_below = p_adjusted.iter().filter(|p| **p <= 0.05).count();
    let mut answer =
        vec![(format!("{n_below} of {}", of_measure.len()), "measures differ at 0.05 after correction".to_owned())];
    if smallest.is_finite() {
        answer.push((p_value(smallest).trim_start_matches("p = ").to_owned(), "smallest corrected p-value".to_owned()));
    }
    let tables = vec![
        ("comparison", "Tests"),
        ("samples", "Samples"),
        ("pairwise", "Every two groups"),
        ("dropped", "Units that were left out"),
    ];
    Ok(Said { title: "Comparison of groups", answer, figures, tables, ..Said::default() })
}

/// Groups in their order, each unit with its value.
fn groups(units: &Table, measure: &str) -> Vec<(String, BTreeMap<String, f64>)> {
    let (of_measure, of_group) = (words(units, "measure"), words(units, "group"));
    let (unit, value) = (words(units, "unit"), numbers(units, "value"));
    let rows: Vec<usize> = (0..units.n_rows()).filter(|row| of_measure[*row] == measure).collect();
    let names = distinct(&rows.iter().map(|row| of_group[*row].clone()).collect::<Vec<_>>());
    let of = |name: &String| {
        rows.iter().filter(|row| of_group[**row] == *name).map(|row| (unit[*row].clone(), value[*row])).collect()
    };
    names.iter().map(|name| (name.clone(), of(name))).collect()
}

fn draw_pairs(measure: &str, groups: &[(String, BTreeMap<String, f64>)], test: &str, caption: String) -> Figure {
    let ((before, first), (after, second)) = (&groups[0], &groups[1]);
    let pairs: Vec<(String, f64, f64)> =
        first.iter().filter_map(|(unit, value)| Some((unit.clone(), *value, *second.get(unit)?))).collect();
    paired(&format!("compare_{measure}"), &pairs, (before, after), measure, Some(test), caption)
}

/// Of two groups the test, of more every two that differ.
fn brackets(pairwise: &Table, measure: &str, groups: &[(String, BTreeMap<String, f64>)], test: &str) -> Vec<Bracket> {
    if groups.len() == 2 {
        return vec![Bracket { first: 0, second: 1, text: test.to_owned() }];
    }
    let (of_measure, first, second) = (words(pairwise, "measure"), words(pairwise, "first"), words(pairwise, "second"));
    let p = numbers(pairwise, "p_adjusted");
    let number = |name: &String| groups.iter().position(|(group, _)| group == name);
    let bracket = |row: usize| {
        let (first, second) = (number(&first[row])?, number(&second[row])?);
        Some(Bracket { first, second, text: p_value(p[row]) })
    };
    let mut found: Vec<Bracket> = (0..of_measure.len())
        .filter(|row| of_measure[*row] == measure && p[*row] <= 0.05)
        .filter_map(bracket)
        .collect();
    // Short brackets lie below long ones.
    found.sort_by_key(|b| b.first.abs_diff(b.second));
    found
}
