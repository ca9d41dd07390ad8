//! Closed forms and properties of what has no golden, and what is refused.

use super::assert_close;
use crate::statistics::bootstrap::{Interval, Resampling};
use crate::statistics::effect::Effect;
use crate::statistics::intraclass::intraclass;
use crate::statistics::mixed_model::random_intercept;
use crate::statistics::multiplicity::Correction;
use crate::statistics::permutation::{flip_signs, swap_labels};
use crate::statistics::signed_rank::{Method, Zeros, signed_rank};
use crate::statistics::{Error, Null, anova, cluster, contingency, mann_whitney, shapiro_wilk, t_test};
use ndarray::Array2;
use proptest::prelude::{Strategy, any, prop, proptest};

/// Values with some likeness inside each of `n_clusters` clusters, without a random stream.
fn clusters(n_clusters: usize, n: usize) -> Vec<Vec<f64>> {
    let value = |c: usize, i: usize| ((c * 37 + 11) % 17) as f64 + 0.3 * ((c * 7 + i * 13 + 5) % 11) as f64;
    (0..n_clusters).map(|c| (0..n).map(|i| value(c, i)).collect()).collect()
}

fn grand_mean(groups: &[Vec<f64>]) -> Option<f64> {
    crate::statistics::mean(&groups[0])
}

fn width(interval: Interval) -> f64 {
    interval.high - interval.low
}

#[test]
fn a_balanced_mixed_model_is_the_analysis_of_variance() {
    // Searle, Casella and McCulloch 1992, section 4.4: within = W, between = (B - W) / n.
    let clusters = clusters(7, 5);
    let flat = clusters.concat();
    let labels: Vec<usize> = (0..flat.len()).map(|i| i / 5).collect();
    let model = random_intercept(&flat, Array2::ones((flat.len(), 1)).view(), &labels).unwrap();
    let found = intraclass(std::slice::from_ref(&clusters)).unwrap();
    let within = clusters.iter().map(|c| crate::statistics::squares(c)).sum::<f64>() / 28.0;
    let means: Vec<f64> = clusters.iter().map(|c| crate::statistics::mean(c).unwrap()).collect();
    let between = 5.0 * crate::statistics::squares(&means) / 6.0;
    assert_close(model.variance_within, within, 1e-10, "within");
    assert_close(model.variance_between, (between - within) / 5.0, 1e-10, "between");
    assert_close(model.icc(), found.icc, 1e-10, "both estimators of the intraclass correlation");
    let mean = crate::statistics::mean(&flat).unwrap();
    assert_close(model.coefficients[0].value, mean, 1e-12, "the intercept is the mean");
    assert_close(model.coefficients[0].standard_error, (between / 35.0).sqrt(), 1e-10, "of means of clusters");
    // The standard error is that of n / design effect independent values.
    let variance = model.variance_between + model.variance_within;
    assert_close(variance / found.effective_n, between / 35.0, 1e-10, "effective number");
}

#[test]
fn mixed_models_refuse_what_they_cannot_fit() {
    let ones = Array2::ones((6, 1));
    let y = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
    let refused = |y: &[f64], x: &Array2<f64>, c: &[usize]| random_intercept(y, x.view(), c).unwrap_err();
    assert!(matches!(refused(&y[..5], &ones, &[0, 0, 1, 1, 2, 2]), Error::Lengths { .. }));
    assert!(matches!(refused(&y, &ones, &[0; 6]), Error::TooFew { what: "clusters", .. }));
    assert!(matches!(refused(&y, &ones, &[0, 1, 2, 3, 4, 5]), Error::TooFew { .. }));
    assert!(matches!(refused(&[0.1; 6], &ones, &[0, 0, 1, 1, 2, 2]), Error::NoSpread { .. }));
    assert!(matches!(refused(&[1.0, 1.0, 2.0, 2.0, 5.0, 5.0], &ones, &[0, 0, 1, 1, 2, 2]), Error::NoSpread { .. }));
    let twice = Array2::from_shape_fn((6, 3), |(i, j)| [1.0, y[i], 2.0 + 3.0 * y[i]][j]);
    assert!(matches!(
        refused(&[1.0, 3.0, 2.0, 6.0, 4.0, 4.5], &twice, &[0, 0, 1, 1, 2, 2]),
        Error::RankDeficient { .. }
    ));
    let mut bad = y;
    bad[2] = f64::NAN;
    assert!(matches!(refused(&bad, &ones, &[0, 0, 1, 1, 2, 2]), Error::NotFinite { sample: 0, index: 2, .. }));
}

#[test]
fn equal_values_of_a_cluster_are_one_value() {
    let clusters: Vec<Vec<f64>> = (0..6).map(|c| vec![f64::from(c); 10]).collect();
    let found = intraclass(&[clusters]).unwrap();
    assert_close(found.icc, 1.0, 1e-12, "icc");
    assert_close(found.design_effect, 10.0, 1e-12, "design effect");
    assert_close(found.effective_n, 6.0, 1e-12, "six clusters are six values");
    let opposed = [vec![vec![-1.0, 1.0], vec![-2.0, 2.0], vec![-3.0, 3.0]]];
    assert_eq!(intraclass(&opposed).unwrap().design_effect, 1.0, "negative correlations count as none");
    assert!(matches!(intraclass(&[vec![vec![1.0, 2.0]]]), Err(Error::TooFew { .. })));
    assert!(matches!(intraclass(&[vec![vec![1.0], vec![2.0]]]), Err(Error::TooFew { .. })));
    assert!(matches!(intraclass(&[vec![vec![1.0; 3], vec![1.0; 3]]]), Err(Error::NoSpread { .. })));
}

#[test]
fn the_cluster_bootstrap_is_as_wide_as_the_clusters_are_few() {
    let groups = [clusters(12, 20)];
    let resampling = Resampling { n_resamples: 2000, ..Resampling::default() };
    let whole = cluster::bootstrap(&groups, grand_mean, &resampling).unwrap();
    let single: Vec<Vec<f64>> = groups[0].concat().into_iter().map(|v| vec![v]).collect();
    let events = cluster::bootstrap(&[single], grand_mean, &resampling).unwrap();
    assert_eq!(whole.value, events.value);
    let found = intraclass(&groups).unwrap();
    let ratio = width(whole.interval.unwrap()) / width(events.interval.unwrap());
    assert!((ratio / found.design_effect.sqrt() - 1.0).abs() < 0.1, "{ratio}, {}", found.design_effect.sqrt());
    // The bootstrap variance of a mean of means is sum of squares / n^2.
    let means: Vec<f64> = groups[0].iter().map(|c| crate::statistics::mean(c).unwrap()).collect();
    let expected = 2.0 * 1.96 * (crate::statistics::squares(&means) / 144.0).sqrt();
    assert!((width(whole.interval.unwrap()) / expected - 1.0).abs() < 0.06);
    assert_eq!(cluster::bootstrap(&[clusters(1, 5)], grand_mean, &resampling).unwrap().interval, None);
    assert!(cluster::bootstrap(&[Vec::new()], grand_mean, &resampling).is_none());
}

#[test]
fn resamples_do_not_depend_on_threads() {
    let (first, second) = (clusters(6, 3).concat(), clusters(5, 4).concat());
    let resampling = Resampling { n_resamples: 300, ..Resampling::default() };
    let everything = || {
        (
            Effect::CliffsDelta.estimate(&first, &second, &resampling),
            swap_labels(&first, &second, &resampling).unwrap(),
            flip_signs(&first, &resampling).unwrap(),
            cluster::bootstrap(&[clusters(6, 3)], grand_mean, &resampling),
        )
    };
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(single.install(everything), everything());
    let other = Resampling { seed: 1, ..resampling };
    let estimate = Effect::CliffsDelta.estimate(&first, &second, &resampling);
    assert_ne!(Effect::CliffsDelta.estimate(&first, &second, &other), estimate);
}

#[test]
fn random_permutations_come_close_to_all_of_them() {
    let (first, second) = ([1.0, 4.0, 2.5, 3.0, 6.0, 2.0, 0.5], [3.5, 5.0, 7.0, 4.5, 8.0, 2.2, 6.6]);
    let few = Resampling { n_resamples: 3000, ..Resampling::default() };
    let (random, all) = (
        swap_labels(&first, &second, &few).unwrap(),
        swap_labels(&first, &second, &Resampling { n_resamples: 4000, ..few }).unwrap(),
    );
    assert!(!random.is_exact && all.is_exact && all.n_permutations == 3432);
    assert!((random.p - all.p).abs() < 0.02, "{} {}", random.p, all.p);
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let (random, all) = (
        flip_signs(&differences, &Resampling { n_resamples: 100, ..few }).unwrap(),
        flip_signs(&differences, &few).unwrap(),
    );
    assert!(!random.is_exact && all.is_exact && all.n_permutations == 128);
    assert!((random.p - all.p).abs() < 0.06, "{} {}", random.p, all.p);
    let none = Resampling { n_resamples: 0, ..few };
    assert!(matches!(swap_labels(&first, &second, &none), Err(Error::OutOfRange { .. })));
}

#[test]
fn many_differences_of_one_sign_have_the_p_of_a_coin() {
    let rising: Vec<f64> = (1..=20).map(f64::from).collect();
    let found = signed_rank(&rising, Zeros::Drop, Method::Auto).unwrap();
    assert_eq!((found.null, found.w, found.w_plus), (Null::Exact, 0.0, 210.0));
    assert_close(found.p, 2f64.powi(-19), 1e-15, "2 / 2^20");
    let tied = [2.0; 12];
    assert_close(
        signed_rank(&tied, Zeros::Drop, Method::Exact).unwrap().p,
        2f64.powi(-11),
        1e-15,
        "ties are exact too",
    );
    let many: Vec<f64> = (1..=1001).map(f64::from).collect();
    assert!(matches!(signed_rank(&many, Zeros::Drop, Method::Exact), Err(Error::TooMany { .. })));
}

#[test]
fn what_is_undefined_says_why() {
    assert!(matches!(shapiro_wilk::shapiro_wilk(&[1.0, 2.0]), Err(Error::TooFew { needed: 3, found: 2, .. })));
    assert!(matches!(shapiro_wilk::shapiro_wilk(&[1.0; 9]), Err(Error::NoSpread { .. })));
    assert!(matches!(shapiro_wilk::shapiro_wilk(&vec![0.5; 5001]), Err(Error::TooMany { limit: 5000, .. })));
    assert!(matches!(t_test::paired(&[1.0, 2.0], &[1.0]), Err(Error::Lengths { .. })));
    assert!(matches!(t_test::one_sample(&[1.0, 2.0], f64::NAN), Err(Error::NotFinite { .. })));
    let error = t_test::welch(&[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err();
    let text = "Welch's t-test: expected finite values, found NaN at 1 of sample 0 (both 0-based)";
    assert_eq!(error.to_string(), text);
    let exact = mann_whitney::mann_whitney(&[1.0, 2.0], &[2.0, 3.0], mann_whitney::Method::Exact);
    assert!(matches!(exact, Err(Error::Design { .. })));
    assert!(matches!(anova::one_way(&[&[1.0, 2.0]]), Err(Error::TooFew { what: "groups", .. })));
    assert!(matches!(contingency::chi_square(&[vec![1, 2], vec![3]]), Err(Error::Lengths { .. })));
    let margin = contingency::chi_square(&[vec![1, 0], vec![3, 0]]);
    assert!(matches!(margin, Err(Error::EmptyMargin { line: "column", index: 1, .. })));
    assert!(matches!(Correction::Holm.adjust(&[0.5, f64::NAN]), Err(Error::OutOfRange { .. })));
    assert_eq!(Correction::None.adjust(&[0.5, 0.01]).unwrap(), [0.5, 0.01]);
}

#[test]
fn clusters_of_counts_widen_the_interval_of_cramers_v() {
    // Ten neurons, each wholly of one class: events tell no more than neurons.
    let neuron = |c: usize| {
        let mut table = vec![vec![0, 0], vec![0, 0]];
        table[c % 2][usize::from((c / 2) % 3 == c % 2)] = 30;
        table
    };
    let neurons: Vec<Vec<Vec<u64>>> = (0..10).map(neuron).collect();
    let mut events = Vec::new();
    for neuron in &neurons {
        for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for _ in 0..neuron[row][column] {
                let mut one = vec![vec![0, 0], vec![0, 0]];
                one[row][column] = 1;
                events.push(one);
            }
        }
    }
    let resampling = Resampling::default();
    let (of_neurons, of_events) =
        (contingency::cramers_v(&neurons, &resampling).unwrap(), contingency::cramers_v(&events, &resampling).unwrap());
    assert_eq!(of_neurons.value, of_events.value);
    assert!(width(of_neurons.interval.unwrap()) > 3.0 * width(of_events.interval.unwrap()));
    assert!(contingency::cramers_v(&[], &resampling).is_err());
}

#[test]
fn intervals_of_effects_hold_the_effect_of_separated_groups() {
    let (low, high) = (clusters(1, 9).concat(), clusters(1, 9).concat().iter().map(|v| v + 100.0).collect::<Vec<_>>());
    let found = Effect::CliffsDelta.estimate(&high, &low, &Resampling::default()).unwrap();
    assert_eq!((found.value, found.interval), (1.0, Some(Interval { low: 1.0, high: 1.0 })));
    assert_eq!(Effect::CohensD.of(&[1.0, 1.0], &[2.0, 2.0]), None);
    assert_eq!(Effect::HedgesG.of(&[1.0], &[2.0]), None);
    assert_eq!(Effect::CohensDz.of(&[1.0], &[]), None);
    assert_eq!(Effect::RankBiserial.of(&[0.0, 0.0], &[]), None);
    assert_eq!(Effect::CliffsDelta.of(&[], &[1.0]), None);
    assert!(Effect::HedgesG.of(&[1.0, 2.0, 4.0], &[3.0, 4.0]).unwrap().abs() > 0.0);
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-20i32..20).prop_map(|v| f64::from(v) / 2.0), 1..14)
}

proptest! {
    #[test]
    fn the_order_of_samples_turns_signs_and_nothing_else(a in values(), b in values()) {
        use mann_whitney::{Method::Auto, mann_whitney};
        let (ab, ba) = (mann_whitney(&a, &b, Auto).unwrap(), mann_whitney(&b, &a, Auto).unwrap());
        assert_close(ab.p, ba.p, 1e-12, "p");
        assert_close(ab.u + ba.u, (a.len() * b.len()) as f64, 1e-12, "U");
        for effect in [Effect::CohensD, Effect::HedgesG, Effect::CliffsDelta] {
            match (effect.of(&a, &b), effect.of(&b, &a)) {
                (Some(ab), Some(ba)) => assert_close(ab, -ba, 1e-12, effect.name()),
                (ab, ba) => assert_eq!(ab, ba),
            }
        }
    }

    #[test]
    fn nothing_is_ever_nan(a in values(), b in values(), seed in any::<u64>()) {
        let resampling = Resampling { n_resamples: 20, seed, ..Resampling::default() };
        let is_p = |p: f64| assert!((0.0..=1.0).contains(&p), "{p}");
        if let Ok(test) = shapiro_wilk::shapiro_wilk(&a) { is_p(test.p) }
        let tests = [t_test::welch(&a, &b), t_test::student(&a, &b), t_test::paired(&a, &b), t_test::one_sample(&a, 1.0)];
        for test in tests.into_iter().flatten() {
            is_p(test.p);
            assert!(test.t.is_finite() && test.df.is_finite());
        }
        for zeros in [Zeros::Drop, Zeros::Pratt, Zeros::Split] {
            for method in [Method::Exact, Method::Asymptotic] {
                if let Ok(test) = signed_rank(&a, zeros, method) { is_p(test.p) }
            }
        }
        is_p(swap_labels(&a, &b, &resampling).unwrap().p);
        is_p(flip_signs(&a, &resampling).unwrap().p);
        if let Ok(test) = anova::one_way(&[&a, &b]) { is_p(test.p) }
        if let Ok(pairs) = anova::tukey_hsd(&[&a, &b]) { is_p(pairs[0].p_adjusted) }
    }

    #[test]
    fn adjusted_p_values_are_no_smaller_and_keep_their_order(p in prop::collection::vec(0.0f64..=1.0, 0..20)) {
        for correction in [Correction::Holm, Correction::BenjaminiHochberg] {
            let adjusted = correction.adjust(&p).unwrap();
            for i in 0..p.len() {
                assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                assert!((0..p.len()).all(|j| p[i] > p[j] || adjusted[i] <= adjusted[j]));
            }
        }
    }
}
