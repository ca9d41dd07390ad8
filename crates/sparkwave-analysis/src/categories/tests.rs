#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn sites(positions: &[(f64, f64)]) -> Vec<Site> {
    positions.iter().map(|&(y_um, x_um)| Site { y_um, x_um }).collect()
}

fn by(rule: Rule) -> CategoryParams {
    CategoryParams { rule, ..CategoryParams::default() }
}

use Category::{New, RecurrentAfter, RecurrentBefore, Silenced};

#[test]
fn one_event_after_makes_a_whole_burst_recurrent_by_the_published_rule_only() {
    let before = sites(&[(0.0, 0.0), (0.0, 0.3), (0.0, 0.5), (9.0, 9.0)]);
    let after = sites(&[(0.0, 0.6), (20.0, 20.0)]);
    let all = categorize(&before, &after, Offset::default(), &by(Rule::AllWithin)).unwrap();
    assert_eq!(all.before, [RecurrentBefore, RecurrentBefore, RecurrentBefore, Silenced]);
    assert_eq!(all.after, [RecurrentAfter, New]);
    assert_eq!(all.links.iter().map(|l| (l.before, l.after)).collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(Category::ALL.map(|c| all.count(c)), [1, 3, 1, 1]);
    let one = categorize(&before, &after, Offset::default(), &by(Rule::OneToOne)).unwrap();
    assert_eq!(one.before, [Silenced, Silenced, RecurrentBefore, Silenced], "the nearest");
    assert_eq!(one.links.len(), 1);
    assert!((one.links[0].distance_um - 0.1).abs() < 1e-12);
}

#[test]
fn one_to_one_makes_as_many_pairs_as_possible() {
    // The nearest pair is (0, 0), but taking it leaves the other two events alone.
    let before = sites(&[(0.0, 0.0), (0.0, 0.9)]);
    let after = sites(&[(0.0, 0.1), (0.0, -0.8)]);
    let found = categorize(&before, &after, Offset::default(), &by(Rule::OneToOne)).unwrap();
    assert_eq!(found.links.iter().map(|l| (l.before, l.after)).collect::<Vec<_>>(), [(0, 1), (1, 0)]);
}

#[test]
fn six_pixels_are_outside_and_the_offset_is_added_to_the_positions_after() {
    for rule in [Rule::AllWithin, Rule::OneToOne] {
        let recurs = |after: f64, offset: f64| {
            let offset = Offset { y_um: 0.0, x_um: offset };
            let found = categorize(&sites(&[(1.0, 1.0)]), &sites(&[(1.0, after)]), offset, &by(rule)).unwrap();
            found.before[0] == RecurrentBefore
        };
        assert!(!recurs(1.0 + 6.0 * 0.16, 0.0));
        assert!(recurs(1.0 + 5.99 * 0.16, 0.0));
        assert!(recurs(6.0, -5.0) && !recurs(6.0, 5.0));
    }
}

#[test]
fn what_is_no_position_or_distance_is_refused() {
    let near = |params: &CategoryParams, after: &[Site]| categorize(&[], after, Offset::default(), params).unwrap_err();
    let bad = near(&CategoryParams::default(), &sites(&[(0.0, 0.0), (f64::NAN, 1.0)]));
    assert_eq!(bad.to_string(), "categories: position 1 (0-based) after: expected finite micrometres, found NaN, 1");
    for distance_um in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let params = CategoryParams { distance_um, ..CategoryParams::default() };
        assert!(matches!(near(&params, &[]), Error::Distance { .. }));
    }
    let none = categorize(&[], &[], Offset::default(), &CategoryParams::default()).unwrap();
    assert!(none.before.is_empty() && none.links.is_empty());
}

#[test]
fn categories_and_subtypes_crossed() {
    let before = sites(&[(0.0, 0.0), (0.0, 0.5), (9.0, 9.0), (30.0, 30.0)]);
    let after = sites(&[(0.0, 0.1), (0.0, 0.45), (20.0, 20.0), (9.0, 9.1)]);
    let found = categorize(&before, &after, Offset::default(), &by(Rule::AllWithin)).unwrap();
    let (of_before, of_after) = ([Some(0), Some(0), Some(1), Some(1)], [Some(0), Some(1), Some(1), None]);
    let table = category_table(&found, &of_before, &of_after, 2).unwrap();
    assert_eq!(table.rows, ["silenced", "recurrent before", "new", "recurrent after"]);
    assert_eq!(table.counts, [[0, 1], [2, 1], [0, 1], [1, 1]]);
    let every = association(&found, &found.links, &of_before, &of_after, 2).unwrap();
    assert_eq!(every.counts, [[2, 2], [0, 0]]);
    let nearest = association(&found, &found.nearest_links(), &of_before, &of_after, 2).unwrap();
    assert_eq!(nearest.counts, [[1, 1], [0, 0]]);
    assert_eq!(nearest.row_proportions, [[Some(0.5), Some(0.5)], [None, None]]);
    assert!(matches!(association(&found, &[], &of_before, &[], 2), Err(Error::Subtypes { expected: 4, .. })));
}

#[test]
fn changes_of_numbers_by_hand() {
    let neurons: Vec<Counts> = [(10, 20), (10, 5), (0, 4), (4, 0), (0, 0)]
        .iter()
        .enumerate()
        .map(|(i, &(before, after))| Counts { neuron: i.to_string(), before, after })
        .collect();
    let exact = fold_changes(&neurons, &FoldChangeParams { zeros: Zeros::Undefined, min_events: 5 });
    let published: Vec<_> = exact.iter().map(|f| f.published).collect();
    assert_eq!(published, [Some(1.0), Some(-0.5), None, Some(-1.0), None]);
    let logs: Vec<_> = exact.iter().map(|f| f.log2_ratio).collect();
    assert_eq!(logs, [Some(1.0), Some(-1.0), None, None, None]);
    assert_eq!(exact.iter().map(|f| f.has_enough).collect::<Vec<_>>(), [true, true, false, false, false]);
    let added = fold_changes(&neurons, &FoldChangeParams::default());
    let logs: Vec<_> = added.iter().map(|f| f.log2_ratio).collect();
    assert_eq!(
        logs,
        [
            Some((20.5f64 / 10.5).log2()),
            Some((5.5f64 / 10.5).log2()),
            Some(9f64.log2()),
            Some((1.0f64 / 9.0).log2()),
            None
        ]
    );
}

#[test]
fn the_published_numbers_of_silenced_and_new_events() {
    // 36 neurons (text output of the published notebook, Digital Discovery 2025, 4, 105-119).
    let silenced = [
        42, 23, 22, 8, 106, 26, 22, 23, 18, 22, 106, 97, 118, 44, 21, 89, 107, 11, 91, 41, 8, 18, 42, 19, 20, 24, 87,
        20, 22, 23, 36, 46, 47, 40, 31, 43,
    ];
    let new = [
        34, 81, 51, 40, 83, 41, 19, 15, 19, 56, 53, 73, 149, 48, 59, 48, 61, 27, 115, 51, 17, 49, 38, 33, 59, 37, 30,
        30, 13, 44, 118, 44, 66, 76, 11, 27,
    ];
    assert_eq!((silenced.iter().sum::<usize>(), new.iter().sum::<usize>()), (1563, 1815));
    let neurons: Vec<Counts> =
        silenced.iter().zip(new).map(|(&before, after)| Counts { neuron: String::new(), before, after }).collect();
    let changes = fold_changes(&neurons, &FoldChangeParams::default());
    assert!(changes.iter().all(|c| c.has_enough));
    let mean = |value: fn(&FoldChange) -> Option<f64>| changes.iter().filter_map(value).sum::<f64>() / 36.0;
    // The published measure makes more of a rise than of a fall: its mean is 0.568, the logarithm's 0.333, a factor of 1.26.
    assert!((mean(|c| c.published) - 0.568).abs() < 5e-4, "{}", mean(|c| c.published));
    assert!((mean(|c| c.log2_ratio) - 0.333).abs() < 5e-4, "{}", mean(|c| c.log2_ratio));
}

proptest! {
    #[test]
    fn rules_agree_on_what_they_must(
        before in prop::collection::vec((0.0..5.0f64, 0.0..5.0f64), 0..20),
        after in prop::collection::vec((0.0..5.0f64, 0.0..5.0f64), 0..20),
    ) {
        let (before, after) = (sites(&before), sites(&after));
        let all = categorize(&before, &after, Offset::default(), &by(Rule::AllWithin)).unwrap();
        let one = categorize(&before, &after, Offset::default(), &by(Rule::OneToOne)).unwrap();
        let near = |a: &Site, b: &Site| (a.y_um - b.y_um).hypot(a.x_um - b.x_um) < 0.96;
        for (site, category) in before.iter().zip(&all.before) {
            prop_assert_eq!(*category == RecurrentBefore, after.iter().any(|other| near(site, other)));
        }
        prop_assert!(one.links.iter().all(|link| all.links.iter().any(|l| (l.before, l.after) == (link.before, link.after))));
        prop_assert_eq!(one.count(RecurrentBefore), one.count(RecurrentAfter));
        prop_assert_eq!(one.links.is_empty(), all.links.is_empty());
        // The other way round, everything is the other way round.
        let turned = categorize(&after, &before, Offset::default(), &by(Rule::AllWithin)).unwrap();
        prop_assert_eq!(turned.count(New), all.count(Silenced));
        prop_assert_eq!(turned.count(Silenced), all.count(New));
    }
}
