#![allow(clippy::unwrap_used)]

use super::family::compare_all;
use super::proportions::{Classified, compare_proportions};
use super::*;
use crate::statistics::{Null, anova, mann_whitney, signed_rank, t_test};

fn row(value: f64, group: &str, neuron: &str, animal: &str) -> Row {
    let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    Row { value, group: group.to_owned(), neuron: known(neuron), animal: known(animal) }
}

/// One row for each value, of a neuron each.
fn rows(group: &str, values: &[f64]) -> Vec<Row> {
    values.iter().enumerate().map(|(i, value)| row(*value, group, &format!("{group}{i}"), "")).collect()
}

/// Before and after, one row for each neuron and time.
fn pairs(before: &[f64], after: &[f64]) -> Vec<Row> {
    let of = |group: &'static str, values: &[f64]| -> Vec<Row> {
        values.iter().enumerate().map(|(i, value)| row(*value, group, &format!("n{i}"), "")).collect()
    };
    [of("before", before), of("after", after)].concat()
}

const NORMAL: [f64; 8] = [1.1, 2.3, 2.9, 3.6, 4.2, 4.9, 5.7, 6.8];
const OTHER: [f64; 8] = [3.0, 4.4, 5.1, 5.6, 6.3, 6.8, 7.7, 9.1];
const SKEWED: [f64; 8] = [0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.7, 40.0];

fn quick() -> Options {
    Options { resampling: Resampling { n_resamples: 200, ..Resampling::default() }, ..Options::default() }
}

#[test]
fn two_normal_groups_are_compared_by_welch() {
    let found = compare("Amplitude", &[rows("a", &NORMAL), rows("b", &OTHER)].concat(), &quick()).unwrap();
    let expected = t_test::welch(&OTHER, &NORMAL).unwrap();
    assert_eq!((found.outcome.test, found.outcome.value, found.outcome.p), (Test::WelchT, expected.t, expected.p));
    assert_eq!((found.unit, found.samples[1].n, found.dropped.len()), (Level::Neuron, 8, 0));
    let effect = found.effect.unwrap();
    assert!(effect.name == "Hedges' g" && effect.estimate.value > 0.0, "the second group is larger");
    assert!(effect.estimate.interval.unwrap().low < effect.estimate.value);
    assert!(found.warnings.is_empty() && found.nesting.is_empty());
    let expected = "Amplitude was compared between a and b (n = 8 neurons and n = 8 neurons) with a two-sided Welch's \
                    t-test, chosen because Shapiro-Wilk did not reject normality (smallest p = 0.999): t(14) = 2.18, p = 0.0466; Hedges' g 1.03 (95 % bootstrap interval over neurons ";
    assert!(found.methods.starts_with(expected), "{}", found.methods);
}

#[test]
fn skewed_groups_are_compared_by_ranks() {
    let found = compare("Area", &[rows("a", &NORMAL), rows("b", &SKEWED)].concat(), &quick()).unwrap();
    let expected = mann_whitney::mann_whitney(&SKEWED, &NORMAL, mann_whitney::Method::Auto).unwrap();
    assert_eq!(
        (found.outcome.test, found.outcome.p, found.outcome.null),
        (Test::MannWhitney, expected.p, Some(expected.null))
    );
    assert!(found.reason.starts_with("Shapiro-Wilk rejected normality of b (p = "), "{}", found.reason);
    assert_eq!(found.effect.unwrap().name, "Cliff's delta");
    // Asked for, a test is run whatever the normality.
    let asked = Options { test: Some(Test::StudentT), ..quick() };
    let found = compare("Area", &[rows("a", &NORMAL), rows("b", &SKEWED)].concat(), &asked).unwrap();
    assert_eq!((found.outcome.test, found.reason.as_str()), (Test::StudentT, "it was asked for"));
    assert!(matches!(found.warnings[..], [Warning::UnequalVariances { .. }]) || found.warnings.is_empty());
    let asked = Options { test: Some(Test::Permutation), ..quick() };
    let found = compare("Area", &[rows("a", &NORMAL), rows("b", &SKEWED)].concat(), &asked).unwrap();
    assert_eq!((found.outcome.statistic, found.outcome.null), ("difference", None));
    assert!(found.methods.contains("with random permutations"));
}

#[test]
fn few_units_cannot_be_tested_for_normality_nor_reach_significance() {
    let found = compare("Rate", &[rows("a", &[1.0, 2.0]), rows("b", &[5.0, 6.0, 7.0])].concat(), &quick()).unwrap();
    assert_eq!(found.reason, "normality of a could not be tested");
    assert_eq!((found.outcome.test, found.outcome.null), (Test::MannWhitney, Some(Null::Exact)));
    let [Warning::CannotReach { smallest_p }] = found.warnings[..] else { panic!("{:?}", found.warnings) };
    assert!((smallest_p - 0.2).abs() < 1e-12 && (found.outcome.p - 0.2).abs() < 1e-12, "2 of 10 arrangements");
    let pairs = pairs(&[1.0, 2.0, 3.0, 9.0, 30.0], &[1.1, 2.2, 4.3, 11.0, 90.0]);
    let asked = Options { design: Design::Paired(Change::Difference), test: Some(Test::SignedRank), ..quick() };
    let found = compare("Rate", &pairs, &asked).unwrap();
    assert_eq!((found.outcome.p, &found.warnings[..]), (0.0625, &[Warning::CannotReach { smallest_p: 0.0625 }][..]));
}

#[test]
fn pairs_are_compared_by_their_changes_and_those_without_are_told() {
    let mut rows = pairs(&[10.0, 20.0, 30.0, 40.0, 0.0, 50.0], &[15.0, 22.0, 41.0, 47.0, 5.0, 61.0]);
    rows.push(row(7.0, "before", "lost", ""));
    rows.push(row(8.0, "after", "gained", ""));
    let options = Options { design: Design::Paired(Change::LogRatio), ..quick() };
    let found = compare("Number of events", &rows, &options).unwrap();
    let reasons: Vec<(&str, Reason)> = found.dropped.iter().map(|d| (d.unit.as_str(), d.reason)).collect();
    assert_eq!(reasons, [("lost", Reason::NoPartner), ("n4", Reason::NoChange), ("gained", Reason::NoPartner)]);
    let changes = [1.5f64.ln(), 1.1f64.ln(), (41.0f64 / 30.0).ln(), (47.0f64 / 40.0).ln(), (61.0f64 / 50.0).ln()];
    let expected = t_test::one_sample(&changes, 0.0).unwrap();
    assert_eq!((found.outcome.test, found.samples[0].n), (Test::PairedT, 5));
    assert!((found.outcome.p - expected.p).abs() < 1e-12);
    assert_eq!(found.samples[0].name, "ln(after / before)");
    let end = " 2 neurons without partner were left out. 1 neuron without defined change was left out.";
    assert!(found.methods.ends_with(end), "{}", found.methods);
    let start =
        "The log ratio of Number of events within neurons, ln(after / before), was compared with 0 (n = 5 neurons";
    assert!(found.methods.starts_with(start), "{}", found.methods);
    let difference = Options { design: Design::Paired(Change::Difference), test: Some(Test::SignFlips), ..quick() };
    let found = compare("Number of events", &rows, &difference).unwrap();
    assert_eq!((found.outcome.p, found.outcome.null), (1.0 / 32.0, Some(Null::Exact)), "2 / 2^6, all six rise");
}

#[test]
fn events_of_few_neurons_raise_a_warning_with_what_they_would_inflate() {
    // Five neurons a group, forty events each, nearly the same within a neuron.
    let event = |group: &'static str, neuron: usize, i: usize| {
        let value =
            (neuron * 7 % 5) as f64 + 0.1 * ((i * 3 + neuron) % 7) as f64 + if group == "b" { 0.6 } else { 0.0 };
        row(value, group, &format!("{group}{neuron}"), "")
    };
    let rows: Vec<Row> =
        ["a", "b"].into_iter().flat_map(|g| (0..5).flat_map(move |n| (0..40).map(move |i| event(g, n, i)))).collect();
    let events = Options { unit: Some(Level::Event), ..quick() };
    let (events, neurons) = (compare("Area", &rows, &events).unwrap(), compare("Area", &rows, &quick()).unwrap());
    assert!(events.outcome.p < 0.01 && neurons.outcome.p > 0.4, "{} {}", events.outcome.p, neurons.outcome.p);
    let [Warning::Nested { n, n_clusters, icc, design_effect, effective_n, .. }] = events.warnings[..] else {
        panic!("{:?}", events.warnings)
    };
    assert_eq!((n, n_clusters), (400, 10));
    assert!(icc > 0.95 && design_effect > 37.0 && effective_n < 11.0, "{icc} {design_effect} {effective_n}");
    let text = events.warnings[0].to_string();
    assert!(text.starts_with("400 events from 10 neurons are counted as independent"), "{text}");
    // With neurons as units the same number is told, and not warned of.
    assert_eq!(neurons.nesting[0].intraclass, events.nesting[0].intraclass);
    assert!(!neurons.nesting[0].is_ignored && neurons.warnings.is_empty());
    assert_eq!((neurons.samples[0].n, neurons.samples[0].n_events, neurons.samples[0].n_neurons), (5, 200, Some(5)));
    assert!(
        neurons.methods.contains("(n = 5 neurons (200 events) and n = 5 neurons (200 events))"),
        "{}",
        neurons.methods
    );
    assert!(neurons.methods.ends_with("Events of one neuron were averaged first."), "{}", neurons.methods);

    let mixed = Options { test: Some(Test::MixedModel), ..quick() };
    let mixed = compare("Area", &rows, &mixed).unwrap();
    assert!((mixed.outcome.p - neurons.outcome.p).abs() < 0.05, "{} {}", mixed.outcome.p, neurons.outcome.p);
    assert_eq!(mixed.warnings, [Warning::FewClusters { n: 10 }]);
    let standardised = mixed.effect.unwrap().estimate;
    assert!(standardised.interval.unwrap().low < 0.0 && standardised.value > 0.0);

    let unknown: Vec<Row> = rows.iter().map(|r| Row { neuron: None, ..r.clone() }).collect();
    assert_eq!(compare("Area", &unknown, &quick()).unwrap().warnings, [Warning::NoLevels { n: 400 }]);
}

#[test]
fn neurons_of_one_animal_are_not_independent_either() {
    let value = |animal: usize, neuron: usize| (animal * 5 % 7) as f64 + 0.2 * ((neuron * 5 + animal) % 4) as f64;
    let neuron = |animal: usize, neuron: usize| {
        let group = if animal.is_multiple_of(2) { "a" } else { "b" };
        row(value(animal, neuron), group, &format!("n{neuron}"), &format!("m{animal}"))
    };
    let rows: Vec<Row> = (0..6).flat_map(|animal| (0..5).map(move |n| neuron(animal, n))).collect();
    let animals = compare("Rate", &rows, &quick()).unwrap();
    assert_eq!((animals.unit, animals.samples[0].n, animals.samples[0].n_neurons), (Level::Animal, 3, Some(15)));
    let neurons = compare("Rate", &rows, &Options { unit: Some(Level::Neuron), ..quick() }).unwrap();
    assert_eq!(neurons.samples[0].n, 15, "neurons of the same name in other animals are others");
    assert!(matches!(
        neurons.warnings[..],
        [Warning::Nested { of: Level::Neuron, within: Level::Animal, n: 30, n_clusters: 6, .. }]
    ));
    assert!(neurons.methods.contains("n = 15 neurons (3 animals)"), "{}", neurons.methods);
    let shared: Vec<Row> = rows.iter().map(|r| Row { animal: Some("m".to_owned()), ..r.clone() }).collect();
    let shared = compare("Rate", &shared, &Options { unit: Some(Level::Neuron), ..quick() }).unwrap();
    assert!(shared.warnings.contains(&Warning::Shared { unit: Level::Neuron, n: 5 }));
}

#[test]
fn several_groups_have_every_two_compared() {
    let third: Vec<f64> = NORMAL.iter().map(|v| v + 0.2).collect();
    let normal = [rows("a", &NORMAL), rows("b", &OTHER), rows("c", &third)].concat();
    let found = compare("Area", &normal, &quick()).unwrap();
    assert_eq!((found.outcome.test, found.outcome.df.as_slice()), (Test::Anova, &[2.0, 21.0][..]));
    let tukey = anova::tukey_hsd(&[&NORMAL, &OTHER, &third]).unwrap();
    for (pair, expected) in found.pairwise.iter().zip(&tukey) {
        assert_eq!((pair.p_adjusted, pair.p), (expected.p_adjusted, None));
    }
    assert_eq!((found.pairwise[1].first.as_str(), found.pairwise[1].second.as_str()), ("a", "c"));
    assert!((found.pairwise[1].difference - 0.2).abs() < 1e-12 && found.correction.is_none());
    assert!(found.methods.contains("with a one-way ANOVA, chosen because"), "{}", found.methods);
    assert!(found.methods.ends_with("Pairs of groups were compared by Tukey's HSD."), "{}", found.methods);

    let skewed = [rows("a", &NORMAL), rows("b", &OTHER), rows("c", &SKEWED)].concat();
    let found = compare("Area", &skewed, &quick()).unwrap();
    assert_eq!((found.outcome.test, found.correction), (Test::KruskalWallis, Some(Correction::Holm)));
    assert!(found.pairwise.iter().all(|pair| pair.p_adjusted >= pair.p.unwrap()));
    assert!(found.methods.contains("Dunn's test with Holm's correction"), "{}", found.methods);
    assert_eq!(found.effect.unwrap().name, "epsilon squared");
}

#[test]
fn fences_drop_only_on_request_and_say_what() {
    let rows = [rows("a", &NORMAL), rows("b", &SKEWED)].concat();
    assert!(compare("Area", &rows, &quick()).unwrap().dropped.is_empty());
    let found = compare("Area", &rows, &Options { fences: Some(1.5), ..quick() }).unwrap();
    assert_eq!((found.dropped.len(), found.dropped[0].unit.as_str(), found.dropped[0].value), (1, "b7", Some(40.0)));
    assert!(matches!(found.dropped[0].reason, Reason::Outside(fences) if fences.high < 2.0));
    assert_eq!(found.samples[1].n, 7);
    assert!(found.warnings.contains(&Warning::Fenced { k: 1.5 }));
    let end = "1 neuron beyond Tukey's fences (1.5 interquartile ranges outside the quartiles) was left out.";
    assert!(found.methods.ends_with(end), "{}", found.methods);
}

#[test]
fn families_are_corrected_by_default_and_survive_what_is_undefined() {
    let of = |second: &[f64]| [rows("a", &NORMAL), rows("b", second)].concat();
    let constant = [rows("a", &[1.0; 4]), rows("b", &[1.0; 4])].concat();
    let constant: Vec<Row> = constant.into_iter().map(|r| Row { neuron: None, ..r }).collect();
    let asked = Options { test: Some(Test::WelchT), ..quick() };
    let measures = [("area".to_owned(), of(&OTHER)), ("flat".to_owned(), constant), ("rate".to_owned(), of(&SKEWED))];
    let found = compare_all(&measures, &asked).unwrap();
    let p: Vec<f64> = found.members.iter().filter_map(|m| Some(m.comparison.as_ref()?.outcome.p)).collect();
    let adjusted: Vec<Option<f64>> = found.members.iter().map(|m| m.p_adjusted).collect();
    assert_eq!(adjusted, [Some((2.0 * p[0]).min(1.0)), None, Some(p[1].max(2.0 * p[0]))], "Holm");
    assert!(found.members[1].undefined.as_ref().unwrap().contains("do not differ"));
    assert_eq!(found.methods, "The p-values of 2 measures were adjusted by Holm's correction.");
    assert!(matches!(compare_all(&[], &asked), Err(Error::TooFew { .. })));
}

#[test]
fn what_does_not_fit_is_refused() {
    let two = [rows("a", &NORMAL), rows("b", &OTHER)].concat();
    let refused = |rows: &[Row], options: Options| compare("x", rows, &options).unwrap_err();
    let paired = Design::Paired(Change::Difference);
    assert!(matches!(refused(&two[..8], quick()), Error::TooFew { what: "groups", .. }));
    assert!(matches!(refused(&[], quick()), Error::TooFew { .. }));
    let three = [two.clone(), rows("c", &OTHER)].concat();
    assert!(matches!(refused(&three, Options { design: paired, ..quick() }), Error::Design { .. }));
    assert!(matches!(refused(&three, Options { test: Some(Test::WelchT), ..quick() }), Error::Design { .. }));
    assert!(matches!(refused(&two, Options { test: Some(Test::SignedRank), ..quick() }), Error::Design { .. }));
    let unit = Some(Level::Animal);
    assert!(matches!(refused(&two, Options { unit, ..quick() }), Error::UnknownLevel { n_unknown: 16, .. }));
    let events = Options { design: paired, unit: Some(Level::Event), ..quick() };
    assert!(matches!(refused(&two, events), Error::Design { .. }));
    let unknown: Vec<Row> = two.iter().map(|r| Row { neuron: None, ..r.clone() }).collect();
    assert!(matches!(refused(&unknown, Options { design: paired, ..quick() }), Error::UnknownLevel { .. }));
    let mixed = Options { test: Some(Test::MixedModel), ..quick() };
    assert!(matches!(refused(&unknown, mixed.clone()), Error::UnknownLevel { .. }));
    assert!(matches!(refused(&two, Options { fences: Some(1.5), ..mixed }), Error::Design { .. }));
    let mut bad = two.clone();
    bad[3].value = f64::INFINITY;
    assert!(matches!(refused(&bad, quick()), Error::NotFinite { index: 3, .. }));
    // Pairs without a partner leave nothing to test.
    assert!(matches!(refused(&two, Options { design: paired, ..quick() }), Error::TooFew { .. }));
}

#[test]
fn results_are_plain_data_without_holes() {
    let found = compare("Area", &[rows("a", &NORMAL), rows("b", &SKEWED)].concat(), &quick()).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["outcome"]["test"], "mann_whitney");
    assert_eq!(json["unit"], "neuron");
    assert!(json["effect"]["estimate"]["interval"]["low"].is_number());
    let shuffled: Vec<Row> = [rows("a", &NORMAL), rows("b", &SKEWED)].concat().into_iter().rev().collect();
    let other = compare("Area", &shuffled, &quick()).unwrap();
    assert_eq!(other.outcome.p, found.outcome.p);
    assert_eq!(other.samples[0].name, "b", "groups come in the order of their rows");
}

/// A group, a neuron, and how many of its events are of each class.
type Counts<'a> = (&'a str, &'a str, &'a [(&'a str, usize)]);

fn classified(counts: &[Counts<'_>]) -> Vec<Classified> {
    let of = |(group, neuron, classes): &Counts<'_>| {
        let event = |class: &str| Classified {
            class: class.to_owned(),
            group: (*group).to_owned(),
            neuron: (!neuron.is_empty()).then(|| (*neuron).to_owned()),
            animal: None,
        };
        classes.iter().flat_map(|(class, n)| vec![event(class); *n]).collect::<Vec<_>>()
    };
    counts.iter().flat_map(of).collect()
}

#[test]
fn proportions_of_few_neurons_are_not_those_of_their_events() {
    // Each neuron is nearly of one class; the groups differ by one neuron of six.
    let rows = classified(&[
        ("a", "1", &[("x", 50), ("y", 2)]),
        ("a", "2", &[("x", 50), ("y", 2)]),
        ("a", "3", &[("x", 2), ("y", 50)]),
        ("b", "4", &[("x", 50), ("y", 2)]),
        ("b", "5", &[("x", 2), ("y", 50)]),
        ("b", "6", &[("x", 2), ("y", 50)]),
    ]);
    let found = compare_proportions(&rows, &quick()).unwrap();
    assert_eq!((found.n_units, found.unit, &found.counts), (6, Level::Neuron, &vec![vec![102, 54], vec![54, 102]]));
    assert!(found.events.p < 1e-6, "{}", found.events.p);
    assert!(found.p_units.unwrap() > 0.5, "{:?}", found.p_units);
    // Deviations of the neurons from the shares of their group are 16, 16 and -32 events; m / (m - 1) sum of squares over
    // n p (1 - p) is the design effect of either group.
    let expected = 1.5 * (16.0f64.powi(2) * 2.0 + 32.0f64.powi(2)) / (156.0 * (102.0 / 156.0) * (54.0 / 156.0));
    assert!((found.design_effect.unwrap() - expected).abs() < 1e-9, "{:?}, {expected}", found.design_effect);
    assert!(
        found.warnings[0].starts_with("the chi-square test counts 312 events of 6 neurons"),
        "{}",
        found.warnings[0]
    );
    let events = compare_proportions(&rows, &Options { unit: Some(Level::Event), ..quick() }).unwrap();
    let width = |p: &super::proportions::Proportions| {
        let interval = p.cramers_v.interval.unwrap();
        interval.high - interval.low
    };
    assert!(width(&found) > 2.0 * width(&events));
    assert_eq!((events.p_units, events.design_effect, events.n_units), (None, None, 312));
    assert!(found.methods.contains("With groups permuted between 6 neurons, p = "), "{}", found.methods);
    let animal = Options { unit: Some(Level::Animal), ..quick() };
    assert!(matches!(compare_proportions(&rows, &animal), Err(Error::UnknownLevel { n_unknown: 312, .. })));
}

#[test]
fn proportions_within_neurons_are_permuted_within_them() {
    // Every neuron moves a quarter of its events from x to y: nothing of it is due to differences between neurons.
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let before = |i: usize| -> [(&str, usize); 2] { [("x", 10 + 5 * i), ("y", 10)] };
    let after = |i: usize| -> [(&str, usize); 2] { [("x", 4 + 4 * i), ("y", 20 + i)] };
    let mut counts = Vec::new();
    let tables: Vec<_> = (0..names.len()).map(|i| (before(i), after(i))).collect();
    for (i, (before, after)) in tables.iter().enumerate() {
        counts.push(("before", names[i], &before[..]));
        counts.push(("after", names[i], &after[..]));
    }
    let options = Options { design: Design::Paired(Change::Difference), ..quick() };
    let found = compare_proportions(&classified(&counts), &options).unwrap();
    assert!(found.p_units.unwrap() < 0.03, "{:?}", found.p_units);
    assert!(found.design_effect.unwrap() < 1.0, "{:?}", found.design_effect);
    let mut three = classified(&counts);
    three.extend(classified(&[("later", "1", &[("x", 5)])]));
    assert!(matches!(compare_proportions(&three, &options), Err(Error::Design { .. })));
    assert!(found.methods.contains("permuted within 8 neurons"), "{}", found.methods);
}

#[test]
fn asked_signed_rank_is_the_test_of_the_changes() {
    let found = compare(
        "Rate",
        &pairs(&NORMAL, &OTHER),
        &Options { design: Design::Paired(Change::Difference), test: Some(Test::SignedRank), ..quick() },
    )
    .unwrap();
    let changes: Vec<f64> = NORMAL.iter().zip(OTHER).map(|(a, b)| b - a).collect();
    let expected = signed_rank::signed_rank(&changes, signed_rank::Zeros::Drop, signed_rank::Method::Auto).unwrap();
    assert_eq!((found.outcome.value, found.outcome.p), (expected.w, expected.p));
    assert_eq!(found.effect.unwrap().estimate.value, 1.0, "all rise");
}
