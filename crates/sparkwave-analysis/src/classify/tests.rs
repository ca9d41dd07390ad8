#![allow(clippy::unwrap_used)]

use ndarray::{Array2, array};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn events(features: Array2<f64>, labels: Vec<usize>, groups: Vec<usize>) -> LabelledEvents {
    let names = (0..features.ncols()).map(|i| format!("f{i}")).collect();
    LabelledEvents::new(features, names, labels, vec!["silenced".to_owned(), "new".to_owned()], groups).unwrap()
}

fn tree(max_depth: usize) -> ModelParams {
    let limits = TreeLimits { max_depth, ..DecisionTreeParams::default().limits };
    ModelParams::DecisionTree(DecisionTreeParams { limits, is_balanced: false })
}

/// Events of 12 neurons; `signal` moves the first feature of the second class.
fn neurons(n: usize, signal: f64, seed: u64) -> LabelledEvents {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<usize> = (0..n).map(|_| usize::from(rng.random::<f64>() < 0.4)).collect();
    let groups = (0..n).map(|i| i % 12).collect();
    let features = Array2::from_shape_fn((n, 3), |(i, j)| {
        rng.random::<f64>() + if j == 0 { signal * labels[i] as f64 } else { 0.0 }
    });
    events(features, labels, groups)
}

#[test]
fn a_question_lies_halfway_and_the_first_feature_wins_a_tie() {
    // Both features divide the classes; the second one is the first one turned round.
    let features = array![[1.0, -1.0], [2.0, -2.0], [5.0, -5.0], [7.0, -7.0]];
    let model = Model::fit(&events(features, vec![0, 0, 1, 1], vec![0; 4]), &tree(5)).unwrap();
    let Model::DecisionTree(found) = &model else { unreachable!() };
    let root = &found.tree().nodes()[0];
    assert_eq!(root.split, Some(Split { feature: 0, threshold: 3.5, left: 1, right: 2 }));
    assert_eq!((root.value.as_slice(), root.cover, root.n_events), ([0.5, 0.5].as_slice(), 4.0, 4));
    assert_eq!(found.tree().nodes().len(), 3, "pure leaves ask nothing");
    assert_eq!(model.predict(array![[3.5, 0.0], [3.6, 0.0]].view()).unwrap(), [0, 1]);
}

#[test]
fn a_tree_asks_on_where_one_question_gains_nothing() {
    // The exclusive or: no single question helps.
    let features = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let labels = vec![0, 1, 1, 0];
    let model = Model::fit(&events(features.clone(), labels.clone(), vec![0; 4]), &tree(2)).unwrap();
    assert_eq!(model.predict(features.view()).unwrap(), labels);
    // The two features share the answer: 1/2 each from a base of 1/2, up or down.
    let found = path_dependent(&model, features.view()).unwrap();
    for (row, values) in found.values[1].iter().enumerate() {
        let sum: f64 = values.iter().sum();
        assert!((found.base[1] + sum - labels[row] as f64).abs() < 1e-12);
    }
}

#[test]
fn limits_of_a_tree() {
    let features = array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]];
    let all = events(features, vec![0, 1, 1, 1, 1, 1], vec![0; 6]);
    let leaves = |max_depth, min_split, min_leaf| {
        let limits = TreeLimits { max_depth, min_split, min_leaf };
        let params = ModelParams::DecisionTree(DecisionTreeParams { limits, is_balanced: false });
        let Model::DecisionTree(found) = Model::fit(&all, &params).unwrap() else { unreachable!() };
        found.tree().nodes().iter().filter(|n| n.split.is_none()).map(|n| n.n_events).collect::<Vec<_>>()
    };
    assert_eq!(leaves(5, 2, 1), [1, 5]);
    assert_eq!(leaves(1, 2, 2), [2, 4]);
    assert_eq!(leaves(0, 2, 1), [6]);
    assert_eq!(leaves(5, 7, 1), [6]);
    assert_eq!(leaves(5, 2, 4), [6]);
    for (limits, name) in [
        (TreeLimits { max_depth: 65, min_split: 2, min_leaf: 1 }, "max_depth"),
        (TreeLimits { max_depth: 5, min_split: 1, min_leaf: 1 }, "min_split"),
        (TreeLimits { max_depth: 5, min_split: 2, min_leaf: 0 }, "min_leaf"),
    ] {
        let params = ModelParams::DecisionTree(DecisionTreeParams { limits, is_balanced: true });
        assert!(matches!(Model::fit(&all, &params), Err(Error::Parameter { name: n, .. }) if n == name));
    }
}

#[test]
fn balanced_classes_weigh_the_same() {
    let features = array![[0.0], [0.0], [0.0], [0.0]];
    let all = events(features.clone(), vec![0, 0, 0, 1], vec![0; 4]);
    let answer = |is_balanced| {
        let limits = DecisionTreeParams::default().limits;
        let params = ModelParams::DecisionTree(DecisionTreeParams { limits, is_balanced });
        Model::fit(&all, &params).unwrap().probabilities(features.view()).unwrap()[0].clone()
    };
    assert_eq!(answer(false), [0.75, 0.25]);
    assert!((answer(true)[0] - 0.5).abs() < 1e-12);
}

#[test]
fn one_boosted_tree_takes_a_newton_step() {
    let features = array![[0.0], [0.0], [1.0], [1.0]];
    let all = events(features.clone(), vec![0, 1, 1, 1], vec![0; 4]);
    let limits = TreeLimits { max_depth: 1, min_split: 2, min_leaf: 1 };
    let params = BoostedParams { n_trees: 1, learning_rate: 0.5, limits, is_balanced: false };
    let model = Model::fit(&all, &ModelParams::BoostedTrees(params)).unwrap();
    let Model::BoostedTrees(found) = &model else { unreachable!() };
    assert!((found.offset() - 3f64.ln()).abs() < 1e-12);
    // p = 3/4: the left leaf has residuals -3/4 and 1/4, the right one 1/4 twice; the curvature is 3/16 an event.
    let steps = [-0.5 / 0.375, 0.5 / 0.375];
    for (leaf, step) in found.trees()[0].nodes()[1..].iter().zip(steps) {
        assert!((leaf.value[0] - 0.5 * step).abs() < 1e-12, "{leaf:?}");
    }
    let values = path_dependent(&model, features.view()).unwrap();
    assert!((values.values[0][3][0] - 0.5 / 0.75).abs() < 1e-12, "the sum of both leaves is 0");
    let three = LabelledEvents::new(
        features,
        vec!["f".to_owned()],
        vec![0, 1, 2, 2],
        ["a", "b", "c"].map(str::to_owned).to_vec(),
        vec![0; 4],
    );
    assert_eq!(Model::fit(&three.unwrap(), &ModelParams::BoostedTrees(params)), Err(Error::TwoClasses { found: 3 }));
}

/// Shapley values by their definition, over all orders, for the mean answer with unknown features from the background.
fn by_definition(model: &Model, row: &[f64], background: &Array2<f64>) -> Vec<f64> {
    let m = row.len();
    let worth = |known: usize| {
        let mixed =
            Array2::from_shape_fn(
                background.dim(),
                |(i, j)| {
                    if known >> j & 1 == 1 { row[j] } else { background[[i, j]] }
                },
            );
        let answers = model.probabilities(mixed.view()).unwrap();
        answers.iter().map(|p| p[1]).sum::<f64>() / answers.len() as f64
    };
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    (0..m)
        .map(|i| {
            let others = (0..1usize << m).filter(|set| set >> i & 1 == 0);
            others
                .map(|set| {
                    let n = set.count_ones() as usize;
                    let weight = factorial(n) * factorial(m - 1 - n) / factorial(m);
                    weight * (worth(set | 1 << i) - worth(set))
                })
                .sum()
        })
        .collect()
}

#[test]
fn interventional_values_are_shapley_values_by_definition() {
    let all = neurons(80, 0.3, 3);
    let model = Model::fit(&all, &tree(6)).unwrap();
    let background = all.features().slice(ndarray::s![..17, ..]).to_owned();
    let rows = all.features().slice(ndarray::s![40..50, ..]).to_owned();
    let found = interventional(&model, rows.view(), background.view()).unwrap();
    for (row, values) in rows.rows().into_iter().zip(&found.values[1]) {
        for (value, expected) in values.iter().zip(by_definition(&model, &row.to_vec(), &background)) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
    }
    assert_eq!(found.importances(1).len(), 3);
    assert!(found.importances(1).windows(2).all(|i| i[0].mean_absolute >= i[1].mean_absolute));
    assert!(found.importances(2).is_empty());
    let narrow = background.slice(ndarray::s![.., ..2]).to_owned();
    assert!(matches!(interventional(&model, rows.view(), narrow.view()), Err(Error::Length { .. })));
}

#[test]
fn values_add_up_to_the_answer_for_deep_trees_and_many() {
    let all = neurons(400, 0.2, 8);
    for params in [tree(64), ModelParams::BoostedTrees(BoostedParams::default())] {
        let model = Model::fit(&all, &params).unwrap();
        let answers = model.probabilities(all.features()).unwrap();
        for found in [
            path_dependent(&model, all.features()).unwrap(),
            interventional(&model, all.features(), all.features()).unwrap(),
        ] {
            let output = found.base.len() - 1;
            for (values, probabilities) in found.values[output].iter().zip(&answers) {
                let sum = found.base[output] + values.iter().sum::<f64>();
                let answer = match &model {
                    Model::DecisionTree(_) => probabilities[1],
                    Model::BoostedTrees(_) => (probabilities[1] / probabilities[0]).ln(),
                };
                assert!((sum - answer).abs() < 1e-9, "{sum} {answer}");
            }
        }
    }
}

#[test]
fn balanced_accuracy_by_hand() {
    let found = Confusion::count(&[0, 0, 0, 0, 1, 1], &[0, 0, 0, 1, 1, 0], 3).unwrap();
    assert_eq!(found.counts, [[3, 1, 0], [1, 1, 0], [0, 0, 0]]);
    assert_eq!(found.recalls(), [Some(0.75), Some(0.5), None]);
    assert_eq!(found.balanced_accuracy(), Some(0.625));
    assert_eq!(Confusion::count(&[], &[], 2).unwrap().balanced_accuracy(), None);
}

#[test]
fn folds_keep_groups_whole() {
    let all = neurons(200, 0.0, 1);
    let folds = grouped_folds(all.labels(), 2, all.groups(), 4).unwrap();
    for group in 0..12 {
        let of_group: Vec<usize> =
            folds.iter().zip(all.groups()).filter(|(_, g)| **g == group).map(|(f, _)| *f).collect();
        assert!(of_group.windows(2).all(|f| f[0] == f[1]));
    }
    assert!((0..4).all(|fold| folds.contains(&fold)));
    let refused = grouped_folds(all.labels(), 2, all.groups(), 13).unwrap_err();
    assert_eq!(refused.to_string(), "classify: expected 2 to 12 folds of 12 groups, found 13");
}

#[test]
fn a_model_of_noise_is_near_chance_and_one_of_a_signal_is_not() {
    let params = ValidationParams { n_permutations: 60, ..ValidationParams::default() };
    let noise = cross_validate(&neurons(300, 0.0, 2), &params).unwrap();
    assert!(matches!(noise.warnings[..], [Warning::NearChance { .. }]), "{:?}", noise.warnings);
    let null = noise.null.unwrap();
    assert!((null.mean - 0.5).abs() < 0.03 && null.p > 0.05, "{} {}", null.mean, null.p);
    assert_eq!(null.balanced_accuracies.len(), 60);

    let signal = cross_validate(&neurons(300, 0.8, 2), &params).unwrap();
    assert!(signal.warnings.is_empty() && signal.balanced_accuracy > 0.8);
    assert_eq!(signal.null.unwrap().p, 1.0 / 61.0);
    assert_eq!(signal.confusion.counts.iter().flatten().sum::<usize>(), 300);
    let message = noise.warnings[0].to_string();
    assert!(message.contains("near chance (0.500; 95 % of shuffled labels"), "{message}");
}

#[test]
fn the_number_of_threads_changes_no_validation() {
    let all = neurons(150, 0.3, 6);
    let model = ModelParams::BoostedTrees(BoostedParams { n_trees: 10, ..BoostedParams::default() });
    let params = ValidationParams { model, n_permutations: 6, ..ValidationParams::default() };
    let in_pool = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| cross_validate(&all, &params).unwrap())
    };
    assert_eq!(in_pool(1), in_pool(3));
}

#[test]
fn what_makes_a_validation_worthless_is_said() {
    let features = Array2::from_shape_fn((24, 1), |(i, _)| i as f64);
    let labels: Vec<usize> = (0..24).map(|i| i / 3 % 2).collect();
    let params = ValidationParams { n_permutations: 3, ..ValidationParams::default() };
    let by_class = events(features.clone(), labels.clone(), (0..24).map(|i| i / 3).collect());
    assert!(cross_validate(&by_class, &params).unwrap().warnings.contains(&Warning::NothingToShuffle));
    let alone = events(features.clone(), labels.clone(), (0..24).collect());
    assert!(cross_validate(&alone, &params).unwrap().warnings.contains(&Warning::EventsAreGroups));
    // One neuron holds all of a class: the fold that tests it cannot be trained.
    let of_one = events(features, labels.clone(), labels.iter().enumerate().map(|(i, l)| l * (i + 1)).collect());
    let refused = cross_validate(&of_one, &ValidationParams { n_folds: 2, ..params }).unwrap_err();
    assert!(matches!(refused, Error::EmptyClass { .. }), "{refused}");
}

#[test]
fn events_that_cannot_be_learned_from_are_refused() {
    let new = |features: Array2<f64>, labels: Vec<usize>| {
        let n = labels.len();
        let names = vec!["area_um2".to_owned()];
        LabelledEvents::new(features, names, labels, vec!["a".to_owned(), "b".to_owned()], vec![0; n]).unwrap_err()
    };
    let bad = new(array![[1.0], [f64::NAN]], vec![0, 1]);
    assert_eq!(bad.to_string(), "classify: event 1 (0-based), feature area_um2: expected a finite number, found NaN");
    assert!(matches!(new(array![[1.0]], vec![0]), Error::EmptyClass { .. }));
    assert!(matches!(new(array![[1.0]], vec![0, 1]), Error::Length { .. }));
    assert!(matches!(new(array![[1.0], [2.0]], vec![0, 2]), Error::Label { last: 1, found: 2 }));
    assert!(matches!(new(Array2::zeros((0, 1)), vec![]), Error::Nothing { .. }));
}
