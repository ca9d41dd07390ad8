//! Groups, correlations, folds, trees and Shapley values equal those of SciPy, scikit-learn and the shap package.
//!
//! The numbers are in `tests/reference/golden/groups_and_trees.json` at the root of the workspace, written by
//! `groups_and_trees.py` beside it.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use ndarray::{Array2, ArrayView2, s};
use serde_json::Value;
use sparkwave_analysis::classify::{
    BoostedParams, DecisionTreeParams, Explanation, LabelledEvents, Model, ModelParams, TreeLimits, grouped_folds,
    interventional, path_dependent,
};
use sparkwave_analysis::features::{FeatureTable, Method, correlations};
use sparkwave_analysis::subtypes::{KMeansParams, SilhouetteParams, adjusted_rand_index, k_means, map, silhouette};

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/groups_and_trees.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(golden: &Value, name: &str) -> Vec<Value> {
    golden[name].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn labels(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} {expected}");
}

#[test]
fn inertia_is_no_larger_than_in_twenty_restarts_of_scikit_learn() {
    // Twenty restarts find the best groups by luck, on either side: they are compared over all sets, and a hundred of
    // ours, which are still fast, set by set.
    let mut log_ratios = Vec::new();
    for case in cases(&golden(), "groups") {
        let points = matrix(&case["points"]);
        for at in case["by_k"].as_array().unwrap() {
            let theirs = at["inertia"].as_f64().unwrap();
            let inertia = |n_restarts| {
                let params = KMeansParams { n_restarts, ..KMeansParams::default() };
                let found = k_means(points.view(), count(&at["k"]), &params).unwrap();
                assert!(found.is_settled);
                found.inertia
            };
            log_ratios.push((inertia(20) / theirs).ln());
            let ours = inertia(100);
            assert!(ours <= theirs * (1.0 + 1e-9), "{} k {}: {ours} {theirs}", case["kind"], at["k"]);
        }
    }
    let n_worse = log_ratios.iter().filter(|r| **r > 1e-9).count();
    assert!(log_ratios.iter().sum::<f64>() < 0.0 && n_worse <= 2, "{log_ratios:?}");
}

#[test]
fn silhouettes_agreement_and_principal_components() {
    for case in cases(&golden(), "groups") {
        let points = matrix(&case["points"]);
        for at in case["by_k"].as_array().unwrap() {
            let found =
                silhouette(points.view(), &labels(&at["labels"]), &SilhouetteParams::default()).unwrap().unwrap();
            near(found.mean, at["silhouette"].as_f64().unwrap(), 1e-9);
            for (found, expected) in found.of_group.iter().zip(numbers(&at["silhouette_of_group"])) {
                near(found.unwrap(), expected, 1e-9);
            }
        }
        let (a, b) = (labels(&case["by_k"][1]["labels"]), labels(&case["other_labels"]));
        near(adjusted_rand_index(&a, &b).unwrap().unwrap(), case["adjusted_rand_3_other"].as_f64().unwrap(), 1e-12);
        let picture = map(points.view()).unwrap();
        for (i, axis) in picture.axes.iter().enumerate() {
            near(picture.variance_parts[i], numbers(&case["variance_parts"])[i], 1e-12);
            let along: f64 = axis.iter().zip(numbers(&case["axes"][i])).map(|(a, b)| a * b).sum();
            near(along.abs(), 1.0, 1e-10);
        }
    }
}

#[test]
fn correlations_over_the_rows_that_know_both() {
    let golden = &golden()["correlations"];
    let column = |name: &str| {
        let values = golden[name].as_array().unwrap().iter().map(Value::as_f64).collect::<Vec<_>>();
        (name.to_owned(), values)
    };
    let table = FeatureTable::new(vec![column("a"), column("b")]).unwrap();
    for (method, name) in [(Method::Pearson, "pearson"), (Method::Spearman, "spearman")] {
        let found = &correlations(&table, method)[0];
        near(found.r.unwrap(), golden[name].as_f64().unwrap(), 1e-12);
        assert_eq!(found.n, count(&golden["n"]));
    }
}

#[test]
fn folds_of_whole_groups() {
    for case in cases(&golden(), "folds") {
        let found =
            grouped_folds(&labels(&case["labels"]), 2, &labels(&case["groups"]), count(&case["n_folds"])).unwrap();
        assert_eq!(found, labels(&case["folds"]));
    }
}

fn limits(params: &Value) -> TreeLimits {
    let least = |name: &str, otherwise: usize| params[name].as_u64().map_or(otherwise, |v| v as usize);
    TreeLimits {
        max_depth: count(&params["max_depth"]),
        min_split: least("min_split", 2),
        min_leaf: count(&params["min_leaf"]),
    }
}

fn fit(case: &Value, n_classes: usize, params: &ModelParams) -> Model {
    let features = matrix(&case["features"]);
    let n = features.nrows();
    let names = (0..features.ncols()).map(|i| format!("feature {i}")).collect();
    let classes = (0..n_classes).map(|i| format!("class {i}")).collect();
    let events = LabelledEvents::new(features, names, labels(&case["labels"]), classes, vec![0; n]).unwrap();
    Model::fit(&events, params).unwrap()
}

/// The shap package forms interventional values of log-odds up to 5 in single precision.
const SINGLE: f64 = 3e-7;

/// Shapley values equal those of the package, and add up to the answers.
fn check_values(found: &Explanation, expected: &[&Value], tolerance: f64, answers: impl Fn(usize, usize) -> f64) {
    assert_eq!(found.values.len(), expected.len());
    for (output, expected) in expected.iter().enumerate() {
        let expected = matrix(expected);
        assert_eq!(found.values[output].len(), expected.nrows());
        for (row, values) in found.values[output].iter().enumerate() {
            for (feature, value) in values.iter().enumerate() {
                near(*value, expected[[row, feature]], tolerance);
            }
            near(found.base[output] + values.iter().sum::<f64>(), answers(row, output), 1e-9);
        }
    }
}

fn background(case: &Value) -> Array2<f64> {
    matrix(&case["features"]).slice(s![..count(&case["n_background"]), ..]).to_owned()
}

#[test]
fn decision_trees_and_their_shapley_values() {
    for case in cases(&golden(), "trees") {
        let n_classes = count(&case["n_classes"]);
        let is_balanced = case["params"]["is_balanced"].as_bool().unwrap();
        let params = DecisionTreeParams { limits: limits(&case["params"]), is_balanced };
        let model = fit(&case, n_classes, &ModelParams::DecisionTree(params));
        let Model::DecisionTree(tree) = &model else { unreachable!() };
        let n_leaves = tree.tree().nodes().iter().filter(|node| node.split.is_none()).count();
        assert_eq!(n_leaves, count(&case["n_leaves"]), "{}", case["name"]);

        let test = matrix(&case["test"]);
        let test: ArrayView2<f64> = test.view();
        let probabilities = model.probabilities(test).unwrap();
        for (found, expected) in probabilities.iter().flatten().zip(matrix(&case["probabilities"])) {
            near(*found, expected, 1e-12);
        }
        assert_eq!(model.predict(test).unwrap(), labels(&case["predictions"]));

        let outputs = |name: &str| (0..n_classes).map(|class| &case[name][class]).collect::<Vec<_>>();
        let answers = |row: usize, output: usize| probabilities[row][output];
        check_values(&path_dependent(&model, test).unwrap(), &outputs("path_dependent"), 1e-9, answers);
        let by_background = interventional(&model, test, background(&case).view()).unwrap();
        check_values(&by_background, &outputs("interventional"), SINGLE, answers);
        for (row, expected) in case["interventional_by_definition"].as_array().unwrap().iter().enumerate() {
            for ((output, feature), expected) in matrix(expected).indexed_iter() {
                near(by_background.values[output][row][feature], *expected, 1e-12);
            }
        }
        for (found, expected) in by_background.base.iter().zip(numbers(&case["interventional_base"])) {
            near(*found, expected, 1e-12);
        }
    }
}

#[test]
fn boosted_trees_and_their_shapley_values() {
    for case in cases(&golden(), "boosted") {
        let params = BoostedParams {
            n_trees: count(&case["params"]["n_trees"]),
            learning_rate: case["params"]["learning_rate"].as_f64().unwrap(),
            limits: limits(&case["params"]),
            is_balanced: case["params"]["is_balanced"].as_bool().unwrap(),
        };
        let model = fit(&case, 2, &ModelParams::BoostedTrees(params));
        let test = matrix(&case["test"]);
        let log_odds = numbers(&case["log_odds"]);
        for (probabilities, expected) in model.probabilities(test.view()).unwrap().iter().zip(&log_odds) {
            near((probabilities[1] / probabilities[0]).ln(), *expected, 1e-9);
        }
        let answers = |row: usize, _: usize| log_odds[row];
        check_values(&path_dependent(&model, test.view()).unwrap(), &[&case["path_dependent"]], 1e-9, answers);
        let by_background = interventional(&model, test.view(), background(&case).view()).unwrap();
        check_values(&by_background, &[&case["interventional"]], SINGLE, answers);
    }
}
