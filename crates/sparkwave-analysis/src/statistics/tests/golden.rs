//! Every test against SciPy, statsmodels and scikit-posthocs: `tests/golden/statistics.json`, made by
//! `tests/reference/statistical_tests.py`.

use super::{assert_close, assert_p};
use crate::statistics::bootstrap::Resampling;
use crate::statistics::fences::Fences;
use crate::statistics::multiplicity::Correction;
use crate::statistics::signed_rank::Zeros;
use crate::statistics::t_test::{self, TTest};
use crate::statistics::{Error, anova, contingency, effect, fisher, intraclass, kruskal_wallis, mann_whitney};
use crate::statistics::{mixed_model, permutation, shapiro_wilk, signed_rank};
use serde_json::Value as Json;

/// Relative tolerance of p-values and of statistics above 1.
const TOLERANCE: f64 = 1e-9;

fn golden() -> Json {
    serde_json::from_str(include_str!("../../../tests/golden/statistics.json")).unwrap()
}

/// Numbers; NaN and infinity are written as words.
fn floats(json: &Json) -> Vec<f64> {
    let float = |v: &Json| v.as_f64().unwrap_or_else(|| v.as_str().unwrap().parse().unwrap());
    json.as_array().unwrap().iter().map(float).collect()
}

fn counts(json: &Json) -> Vec<Vec<u64>> {
    let row = |row: &Json| row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    json.as_array().unwrap().iter().map(row).collect()
}

/// Statistic, p and perhaps more against the golden; undefined there is an error here.
#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, Error>, expected: &Json, what: &str, parts: impl Fn(T) -> Vec<f64>) {
    if expected.is_null() {
        assert!(result.is_err(), "{what}: {result:?}, expected undefined");
        return;
    }
    let found = parts(result.unwrap_or_else(|e| panic!("{what}: {e}")));
    let expected = floats(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
        match i {
            1 => assert_p(found, expected, TOLERANCE, what),
            _ => assert_close(found, expected, TOLERANCE, what),
        }
    }
}

#[track_caller]
fn check_effect(found: Option<f64>, expected: &Json, what: &str) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => assert_close(found, expected, TOLERANCE, what),
        (None, None) => {}
        (found, expected) => panic!("{what}: {found:?}, expected {expected:?}"),
    }
}

fn t_parts(test: TTest) -> Vec<f64> {
    vec![test.t, test.p, test.df]
}

#[test]
fn one_sample() {
    let golden = golden();
    for (i, case) in golden["one_sample"].as_array().unwrap().iter().enumerate() {
        let values = floats(&case["values"]);
        let what = |test: &str| format!("{test}, sample {i} of {}", values.len());
        let shapiro = shapiro_wilk::shapiro_wilk(&values);
        check(shapiro, &case["shapiro_wilk"], &what("Shapiro-Wilk"), |test| vec![test.w, test.p]);
        check(t_test::one_sample(&values, 0.0), &case["t"], &what("t"), t_parts);
        if values.iter().all(|v| v.is_finite()) {
            check_effect(effect::cohens_dz(&values), &case["cohens_dz"], &what("dz"));
            check_effect(effect::rank_biserial(&values), &case["rank_biserial"], &what("rank-biserial"));
        }
        let of_zeros = [("wilcox", Zeros::Drop), ("pratt", Zeros::Pratt), ("zsplit", Zeros::Split)];
        use signed_rank::Method::{Asymptotic, Auto, Exact};
        for (zeros_name, zeros) in of_zeros {
            for (name, method) in [("auto", Auto), ("asymptotic", Asymptotic), ("exact", Exact)] {
                let Some(expected) = case["signed_rank"].get(format!("{zeros_name} {name}")) else {
                    if case["signed_rank"].as_object().unwrap().is_empty() {
                        assert!(signed_rank::signed_rank(&values, zeros, method).is_err(), "{}", what("signed rank"));
                    }
                    continue;
                };
                let found = signed_rank::signed_rank(&values, zeros, method);
                check(found, expected, &what(&format!("signed rank {zeros_name} {name}")), |test| vec![test.w, test.p]);
            }
        }
    }
}

#[test]
fn two_samples() {
    let golden = golden();
    for (i, case) in golden["two_samples"].as_array().unwrap().iter().enumerate() {
        let (first, second) = (floats(&case["first"]), floats(&case["second"]));
        let what = |test: &str| format!("{test}, pair {i} of {} and {}", first.len(), second.len());
        check(t_test::welch(&first, &second), &case["welch"], &what("Welch"), t_parts);
        check(t_test::student(&first, &second), &case["student"], &what("Student"), t_parts);
        check(t_test::paired(&first, &second), &case["paired"], &what("paired"), t_parts);
        check_effect(effect::cliffs_delta(&first, &second), &case["cliffs_delta"], &what("delta"));
        if first.iter().chain(&second).all(|v| v.is_finite()) {
            check_effect(effect::cohens_d(&first, &second), &case["cohens_d"], &what("d"));
            check_effect(effect::hedges_g(&first, &second), &case["hedges_g"], &what("g"));
        }
        use mann_whitney::Method::{Asymptotic, Auto, Exact};
        for (name, method) in [("auto", Auto), ("asymptotic", Asymptotic), ("exact", Exact)] {
            let expected = case["mann_whitney"].get(name).unwrap_or(&Json::Null);
            let found = mann_whitney::mann_whitney(&first, &second, method);
            check(found, expected, &what(&format!("Mann-Whitney {name}")), |test| vec![test.u, test.p]);
        }
        let resampling = Resampling { n_resamples: 5000, ..Resampling::default() };
        if !case["permutation"].is_null() {
            let found = permutation::swap_labels(&first, &second, &resampling);
            assert!(found.as_ref().unwrap().is_exact);
            check(found, &case["permutation"], &what("permutation"), |test| vec![test.difference, test.p]);
        }
        if !case["flips"].is_null() {
            let differences: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
            let found = permutation::flip_signs(&differences, &resampling);
            assert!(found.as_ref().unwrap().is_exact);
            check(found, &case["flips"], &what("sign flips"), |test| vec![test.difference, test.p]);
        }
    }
}

#[test]
fn many_groups() {
    let golden = golden();
    for (i, case) in golden["many_groups"].as_array().unwrap().iter().enumerate() {
        let groups: Vec<Vec<f64>> = case["groups"].as_array().unwrap().iter().map(floats).collect();
        let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
        let what = |test: &str| format!("{test}, case {i} of {} groups", groups.len());
        check(anova::one_way(&groups), &case["anova"], &what("ANOVA"), |test| vec![test.f, test.p, test.eta_squared]);
        let kruskal = kruskal_wallis::kruskal_wallis(&groups);
        check(kruskal, &case["kruskal"], &what("Kruskal-Wallis"), |test| vec![test.h, test.p]);
        check_effect(anova::brown_forsythe(&groups).ok(), &case["brown_forsythe"], &what("Brown-Forsythe"));

        let tukey = anova::tukey_hsd(&groups);
        match case["tukey"].as_array() {
            None => assert!(tukey.is_err(), "{}", what("Tukey")),
            Some(expected) => {
                for (pair, expected) in tukey.unwrap().iter().zip(expected) {
                    let expected = floats(expected);
                    assert_close(pair.statistic, expected[0], TOLERANCE, &what("Tukey q"));
                    assert_close(pair.p_adjusted, expected[1], TOLERANCE, &what("Tukey p"));
                }
            }
        }
        for (name, correction) in [("dunn", Correction::None), ("dunn_holm", Correction::Holm)] {
            let found = kruskal_wallis::dunn(&groups, correction);
            let p =
                |pairs: Vec<_>| pairs.iter().map(|pair: &super::super::pairwise::Pairwise| pair.p_adjusted).collect();
            check(found, &case[name], &what(name), p);
        }
    }
}

#[test]
fn tables_of_counts() {
    let golden = golden();
    for (i, case) in golden["tables"].as_array().unwrap().iter().enumerate() {
        let table = counts(&case["counts"]);
        let what = format!("table {i}");
        check(contingency::chi_square(&table), &case["chi2"], &what, |test| {
            vec![test.chi2, test.p, test.df, test.cramers_v, test.smallest_expected]
        });
        if let Some([columns, p, adjusted]) = case["one_vs_rest"].as_array().map(Vec::as_slice) {
            let found = contingency::one_vs_rest(&table, Correction::BenjaminiHochberg).unwrap();
            assert_eq!(found.iter().map(|test| test.column as f64).collect::<Vec<_>>(), floats(columns), "{what}");
            for ((test, p), adjusted) in found.iter().zip(floats(p)).zip(floats(adjusted)) {
                assert_p(test.test.p, p, TOLERANCE, &what);
                assert_p(test.p_adjusted, adjusted, TOLERANCE, &what);
            }
        }
    }
    for case in golden["fisher"].as_array().unwrap() {
        let table = counts(&case["counts"]);
        let found = fisher::fisher_exact([[table[0][0], table[0][1]], [table[1][0], table[1][1]]]);
        if table.concat().iter().all(|n| *n == 0) {
            assert!(found.is_err());
            continue;
        }
        let found = found.unwrap();
        assert_p(found.p, case["p"].as_f64().unwrap(), TOLERANCE, &format!("Fisher of {table:?}"));
        check_effect(found.odds_ratio, &case["odds_ratio"], &format!("odds ratio of {table:?}"));
    }
}

#[test]
fn families_and_fences() {
    let golden = golden();
    for case in golden["families"].as_array().unwrap() {
        for (name, correction) in [("holm", Correction::Holm), ("fdr_bh", Correction::BenjaminiHochberg)] {
            let found = correction.adjust(&floats(&case["p"])).unwrap();
            for (found, expected) in found.into_iter().zip(floats(&case[name])) {
                assert_p(found, expected, TOLERANCE, name);
            }
        }
    }
    for case in golden["fences"].as_array().unwrap() {
        let (fences, quartiles) = (Fences::of(&floats(&case["values"]), 1.5).unwrap(), floats(&case["quartiles"]));
        let reach = 1.5 * (quartiles[1] - quartiles[0]);
        assert_close(fences.low, quartiles[0] - reach, TOLERANCE, "lower fence");
        assert_close(fences.high, quartiles[1] + reach, TOLERANCE, "upper fence");
    }
}

#[test]
fn clusters() {
    let golden = golden();
    for case in golden["intraclass"].as_array().unwrap() {
        let (group, y) = (floats(&case["group"]), floats(&case["y"]));
        let cluster: Vec<usize> = floats(&case["cluster"]).into_iter().map(|c| c as usize).collect();
        let mut groups = vec![vec![Vec::new(); cluster.iter().max().unwrap() + 1]; 2];
        for i in 0..y.len() {
            groups[group[i] as usize][cluster[i]].push(y[i]);
        }
        let (found, expected) = (intraclass::intraclass(&groups).unwrap(), floats(&case["expected"]));
        assert_close(found.icc, expected[0], TOLERANCE, "intraclass correlation");
        assert_close(found.design_effect, expected[1], TOLERANCE, "design effect");
    }
    for case in golden["mixed"].as_array().unwrap() {
        let cluster: Vec<usize> = floats(&case["cluster"]).into_iter().map(|c| c as usize).collect();
        let (x, z, y) = (floats(&case["x"]), floats(&case["z"]), floats(&case["y"]));
        let design = ndarray::Array2::from_shape_fn((y.len(), 3), |(i, j)| [1.0, x[i], z[i]][j]);
        let model = mixed_model::random_intercept(&y, design.view(), &cluster).unwrap();
        assert_close(model.log_likelihood, case["log_likelihood"].as_f64().unwrap(), TOLERANCE, "log likelihood");
        let variances = floats(&case["variances"]);
        assert_close(model.variance_between, variances[0], TOLERANCE, "variance between");
        assert_close(model.variance_within, variances[1], TOLERANCE, "variance within");
        let expected = floats(&case["coefficients"]).into_iter().zip(floats(&case["errors"])).zip(floats(&case["p"]));
        for (found, ((value, error), p)) in model.coefficients.iter().zip(expected) {
            assert_close(found.value, value, TOLERANCE, "coefficient");
            assert_close(found.standard_error, error, TOLERANCE, "standard error");
            assert_p(found.p, p, 1e-7, "coefficient");
        }
    }
}
