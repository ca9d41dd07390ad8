//! The numbers of the mSCT paper and of its notebooks, from its own data. Counts of events are those of 17 control and of
//! 36 cLTP neurons, before and ten minutes after; read out of the vector figures and the notebooks of the repository.

use super::assert_close;
use crate::statistics::Null;
use crate::statistics::agreement::Agreement;
use crate::statistics::bootstrap::quantile;
use crate::statistics::compare::{Change, Design, Options, Row, Test, Warning, compare};
use crate::statistics::contingency::{chi_square, one_vs_rest};
use crate::statistics::fences::{Fences, USUAL};
use crate::statistics::mann_whitney::{self, mann_whitney};
use crate::statistics::multiplicity::Correction;
use crate::statistics::shapiro_wilk::shapiro_wilk;
use crate::statistics::signed_rank::{Method, Zeros, signed_rank};
use crate::statistics::t_test;

const CONTROL: [[f64; 17]; 2] = [
    [9., 43., 48., 22., 13., 58., 101., 26., 54., 106., 198., 90., 39., 53., 76., 74., 144.],
    [21., 67., 86., 82., 27., 64., 70., 12., 47., 79., 148., 61., 30., 52., 70., 93., 114.],
];

#[rustfmt::skip]
const CLTP: [[f64; 36]; 2] = [
    [48., 40., 33., 14., 175., 40., 30., 26., 23., 33., 142., 132., 203., 69., 51., 165., 162., 11., 126., 60., 10., 32.,
     60., 21., 32., 40., 110., 24., 31., 37., 79., 66., 63., 75., 43., 62.],
    [42., 104., 61., 46., 127., 58., 29., 19., 29., 63., 81., 98., 223., 80., 107., 128., 97., 27., 168., 78., 19., 66.,
     53., 35., 70., 47., 49., 34., 20., 59., 171., 62., 88., 125., 22., 40.],
];

/// Silenced and new events.
#[rustfmt::skip]
const SILENCED_NEW: [[f64; 36]; 2] = [
    [42., 23., 22., 8., 106., 26., 22., 23., 18., 22., 106., 97., 118., 44., 21., 89., 107., 11., 91., 41., 8., 18., 42.,
     19., 20., 24., 87., 20., 22., 23., 36., 46., 47., 40., 31., 43.],
    [34., 81., 51., 40., 83., 41., 19., 15., 19., 56., 53., 73., 149., 48., 59., 48., 61., 27., 115., 51., 17., 49., 38.,
     33., 59., 37., 30., 30., 13., 44., 118., 44., 66., 76., 11., 27.],
];

/// Recurrent events, before and after.
#[rustfmt::skip]
const RECURRENT: [[f64; 31]; 2] = [
    [6., 17., 11., 6., 69., 14., 8., 5., 11., 36., 35., 85., 25., 30., 76., 55., 35., 19., 14., 18., 12., 16., 23., 9., 14.,
     43., 20., 16., 35., 12., 19.],
    [8., 23., 10., 6., 44., 17., 10., 10., 7., 28., 25., 74., 32., 48., 80., 36., 53., 27., 17., 15., 11., 10., 19., 7.,
     15., 53., 18., 22., 49., 11., 13.],
];

const SILENCED: [u64; 5] = [470, 747, 255, 28, 63];
const NEW: [u64; 5] = [553, 781, 259, 115, 107];
const RECURRENT_BEFORE: [u64; 5] = [220, 350, 162, 54, 19];
const RECURRENT_AFTER: [u64; 5] = [214, 306, 172, 74, 44];

fn changes<const N: usize>(counts: &[[f64; N]; 2], change: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    counts[0].iter().zip(&counts[1]).map(|(before, after)| change(*before, *after)).collect()
}

fn fold_changes<const N: usize>(counts: &[[f64; N]; 2]) -> Vec<f64> {
    changes(counts, |before, after| (after - before) / before)
}

/// Values within 1.5 interquartile ranges of these two quantiles.
fn within(values: &[f64], low: f64, high: f64) -> Vec<f64> {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    let reach = 1.5 * (quantile(&ascending, 0.75) - quantile(&ascending, 0.25));
    let (low, high) = (quantile(&ascending, low) - reach, quantile(&ascending, high) + reach);
    values.iter().copied().filter(|v| (low..=high).contains(v)).collect()
}

#[test]
fn wilcoxon_of_fold_changes_of_control_neurons() {
    // No fold changes tie: SciPy's automatic p-value is the exact one, and so is the published.
    let changes = fold_changes(&CONTROL);
    assert_close(signed_rank(&changes, Zeros::Drop, Method::Auto).unwrap().p, 0.644, 5e-4, "published as 0.644");
    assert_close(signed_rank(&changes, Zeros::Drop, Method::Asymptotic).unwrap().p, 0.619, 5e-4, "not this one");
    // No neuron was dropped here: the fences that were applied to silenced and new events would leave 16.
    assert_eq!(within(&changes, 0.25, 0.75).len(), 16);
}

#[test]
fn wilcoxon_of_fold_changes_of_cltp_neurons() {
    // Two fold changes tie: automatically, SciPy takes the normal approximation, without continuity correction.
    let changes = fold_changes(&CLTP);
    let found = signed_rank(&changes, Zeros::Drop, Method::Auto).unwrap();
    assert_eq!(found.null, Null::Asymptotic);
    assert_close(found.p, 0.0087, 5e-5, "published as 0.0087");
    // SciPy's own exact p-value, of ranks as if nothing tied, is 0.00776.
    let exact = signed_rank(&changes, Zeros::Drop, Method::Exact).unwrap();
    assert_close(exact.p, 0.00766, 5e-6, "ties counted in");
}

#[test]
fn the_published_effect_depends_on_the_fold_change() {
    // Not published: recomputed from the same counts.
    let p = |change: fn(f64, f64) -> f64| signed_rank(&changes(&CLTP, change), Zeros::Drop, Method::Auto).unwrap().p;
    assert_close(p(|before, after| after - before), 0.16, 5e-3, "differences");
    assert_close(p(|before, after| (after / before).ln()), 0.044, 5e-4, "log ratios");
    let groups = mann_whitney(&fold_changes(&CLTP), &fold_changes(&CONTROL), mann_whitney::Method::Auto).unwrap();
    assert_close(groups.p, 0.45, 5e-3, "cLTP against control, which was never tested");
}

#[test]
fn wilcoxon_of_new_against_silenced_after_fences() {
    let all = fold_changes(&SILENCED_NEW);
    let fences = Fences::of(&all, USUAL).unwrap();
    let kept: Vec<f64> = all.iter().copied().filter(|v| fences.contains(*v)).collect();
    assert_eq!((all.len(), kept.len()), (36, 35));
    // Published: not normal, on z-scores, to which the test is blind; hence Wilcoxon.
    assert_close(shapiro_wilk(&kept).unwrap().p, 0.014, 5e-4, "Shapiro-Wilk");
    let found = signed_rank(&kept, Zeros::Drop, Method::Auto).unwrap();
    assert_eq!(found.w, 168.5);
    assert_close(found.p, 0.016414, 5e-7, "published as 0.0164");
}

#[test]
fn fences_are_measured_from_the_quartiles_though_the_paper_says_median() {
    // From the median, two points more would go, and p would be another.
    let p = |kept: &[f64]| signed_rank(kept, Zeros::Drop, Method::Auto).unwrap().p;
    let new = within(&fold_changes(&SILENCED_NEW), 0.5, 0.5);
    assert_eq!(new.len(), 34);
    assert_close(p(&new), 0.0274, 5e-5, "published as 0.0164");
    let recurrent = within(&fold_changes(&RECURRENT), 0.5, 0.5);
    assert_eq!(recurrent.len(), 30);
    assert_close(t_test::one_sample(&recurrent, 0.0).unwrap().p, 0.543, 5e-4, "published as 0.297");
}

#[test]
fn t_test_of_recurrent_events() {
    let all = fold_changes(&RECURRENT);
    assert_close(shapiro_wilk(&all).unwrap().p, 0.070, 5e-4, "Shapiro-Wilk");
    let found = t_test::one_sample(&all, 0.0).unwrap();
    assert_close(found.t, 1.060298, 5e-7, "t");
    assert_close(found.p, 0.297471, 5e-7, "published as 0.297");
}

/// Chi-square p, one-vs-rest p and the latter by Benjamini-Hochberg as printed, and Cramer's V. The paper reports the post
/// hoc p-values without correction; its notebook computes the adjusted ones and throws them away. None has a continuity
/// correction, though SciPy's default for the 2 x 2 tables would.
#[track_caller]
fn check(first: [u64; 5], second: [u64; 5], p: f64, post_hoc: [f64; 5], adjusted: [f64; 5], v: f64) {
    let printed = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 0.03, "{found:e}, published {expected:e}");
    };
    let table = [first.to_vec(), second.to_vec()];
    let whole = chi_square(&table).unwrap();
    printed(whole.p, p);
    assert_eq!(whole.df, 4.0);
    assert_close(whole.cramers_v, v, 5e-5, "Cramer's V");
    for (found, (p, adjusted)) in
        one_vs_rest(&table, Correction::BenjaminiHochberg).unwrap().iter().zip(post_hoc.into_iter().zip(adjusted))
    {
        printed(found.test.p, p);
        printed(found.p_adjusted, adjusted);
    }
}

fn sum(a: [u64; 5], b: [u64; 5]) -> [u64; 5] {
    std::array::from_fn(|i| a[i] + b[i])
}

#[test]
fn proportions_before_and_after() {
    check(
        sum(SILENCED, RECURRENT_BEFORE),
        sum(NEW, RECURRENT_AFTER),
        5.41e-11,
        [0.950, 4.71e-4, 0.263, 5.88e-9, 1.28e-4],
        [0.950, 7.8e-4, 0.329, 2.9e-8, 3.2e-4],
        0.1039,
    );
}

#[test]
fn proportions_silenced_and_new() {
    check(
        SILENCED,
        NEW,
        7.24e-11,
        [0.802, 5.56e-3, 0.0990, 6.11e-11, 0.0134],
        [0.802, 0.0139, 0.124, 3.1e-10, 0.0224],
        0.1257,
    );
}

#[test]
fn proportions_silenced_and_recurrent() {
    check(
        SILENCED,
        RECURRENT_BEFORE,
        5.16e-10,
        [0.164, 0.0461, 0.0211, 5.70e-10, 0.0352],
        [0.164, 0.0576, 0.0529, 2.8e-9, 0.0576],
        0.1442,
    );
}

#[test]
fn proportions_new_and_recurrent() {
    check(
        NEW,
        RECURRENT_AFTER,
        5.57e-6,
        [0.0351, 0.0116, 8.62e-6, 0.0104, 0.638],
        [0.0439, 0.0194, 4.3e-5, 0.0194, 0.638],
        0.1064,
    );
}

#[test]
fn proportions_recurrent_before_and_after() {
    check(
        RECURRENT_BEFORE,
        RECURRENT_AFTER,
        2.57e-3,
        [0.680, 0.0197, 0.582, 0.0710, 1.43e-3],
        [0.680, 0.0492, 0.680, 0.118, 7.2e-3],
        0.1007,
    );
}

/// One row for each neuron and time.
fn rows<const N: usize>(counts: &[[f64; N]; 2]) -> Vec<Row> {
    let of = |(group, values): (&str, &[f64; N])| -> Vec<Row> {
        let row = |(i, value): (usize, &f64)| Row {
            value: *value,
            group: group.to_owned(),
            neuron: Some(format!("{i:02}")),
            animal: None,
        };
        values.iter().enumerate().map(row).collect()
    };
    ["before", "after"].into_iter().zip(counts).flat_map(of).collect()
}

#[test]
fn the_published_options_make_the_published_choices() {
    let published = Options::published();
    let found = compare("Number of events", &rows(&SILENCED_NEW), &published).unwrap();
    assert_eq!((found.outcome.test, found.samples[0].n, found.dropped.len()), (Test::SignedRank, 35, 1));
    assert_close(found.outcome.p, 0.016414, 5e-7, "published as 0.0164");
    let found = compare("Number of events", &rows(&RECURRENT), &published).unwrap();
    assert_eq!((found.outcome.test, found.samples[0].n), (Test::PairedT, 31));
    assert_close(found.outcome.p, 0.297471, 5e-7, "published as 0.297");
    // All neurons were kept for the number of events.
    let unfenced = Options { fences: None, ..published };
    let found = compare("Number of events", &rows(&CLTP), &unfenced).unwrap();
    assert_eq!((found.outcome.test, found.samples[0].n), (Test::SignedRank, 36));
    assert_close(found.outcome.p, 0.0087, 5e-5, "published as 0.0087");
    assert!(found.warnings.contains(&Warning::FoldChange));
    // By our choices nothing is dropped, and the effect is half as clear.
    let ours = Options { design: Design::Paired(Change::LogRatio), ..Options::default() };
    let found = compare("Number of events", &rows(&CLTP), &ours).unwrap();
    assert!(found.outcome.p > 0.03 && found.dropped.is_empty(), "{}", found.outcome.p);
}

#[test]
fn dice_of_expert_masks() {
    // Sizes of both masks and of what they share, inter and intra expert; dice as printed in the figures.
    let masks = [
        (111, 153, 110, 0.8333),
        (64, 61, 58, 0.928),
        (16, 94, 16, 0.2909),
        (46, 55, 46, 0.9109),
        (108, 30, 29, 0.4203),
        (72, 76, 68, 0.9189),
        (108, 497, 108, 0.3570),
    ];
    for (first, second, both, printed) in masks {
        let found = Agreement { both, first_only: first - both, second_only: second - both, neither: 1_000_000_000 };
        assert_close(found.dice().unwrap(), printed, 5e-5, "dice");
        assert_close(
            found.iou().unwrap(),
            found.dice().unwrap() / (2.0 - found.dice().unwrap()),
            1e-12,
            "J = D / (2 - D)",
        );
        assert_close(found.kappa().unwrap(), found.dice().unwrap(), 1e-6, "nearly all is background");
    }
    assert_eq!((Agreement::default().dice(), Agreement::default().kappa()), (None, None), "0 in the published code");
    // Cohen 1960 as in many textbooks: 20 both, 5 and 10 one only, 15 neither.
    let textbook = Agreement { both: 20, first_only: 5, second_only: 10, neither: 15 };
    assert_close(textbook.kappa().unwrap(), 0.4, 1e-12, "kappa");
}
