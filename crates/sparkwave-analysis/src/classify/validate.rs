//! Cross-validation over neurons, and what chance would make of it.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::tree::Sorted;
use super::{Confusion, Error, LabelledEvents, Model, ModelParams, grouped_folds};
use crate::statistics::bootstrap::quantile;

/// Among which events labels are shuffled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Shuffle {
    /// Within each group: do features tell classes apart among the events of a neuron? A neuron keeps its numbers.
    WithinGroups,
    /// Among all events, for groups that hold one class each. Events of a group are then taken as independent, which makes
    /// chance look narrower than it is.
    Everywhere,
}

/// How a model is validated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ValidationParams {
    /// The model.
    pub model: ModelParams,
    /// Number of folds; see [`grouped_folds`].
    pub n_folds: usize,
    /// Number of times the labels are shuffled and everything is repeated.
    pub n_permutations: usize,
    /// How they are shuffled.
    pub shuffle: Shuffle,
    /// A balanced accuracy less than this above 1 / classes draws a warning, however sure it is.
    pub margin: f64,
    /// Seed of the shuffling.
    pub seed: u64,
}

impl Default for ValidationParams {
    /// The published tree in 5 folds, 200 permutations within groups, a margin of 0.1, seed 0.
    fn default() -> Self {
        Self {
            model: ModelParams::default(),
            n_folds: 5,
            n_permutations: 200,
            shuffle: Shuffle::WithinGroups,
            margin: 0.1,
            seed: 0,
        }
    }
}

/// How well a model does on groups that it has not seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validation {
    /// How it was validated.
    pub params: ValidationParams,
    /// Fold of each event.
    pub folds: Vec<usize>,
    /// The class that was predicted for each event by the model that had not seen its fold.
    pub predictions: Vec<usize>,
    /// All these predictions against the classes.
    pub confusion: Confusion,
    /// Their balanced accuracy.
    pub balanced_accuracy: f64,
    /// That of each fold by itself.
    pub of_fold: Vec<f64>,
    /// What chance makes of it; `None` if no permutation was asked for.
    pub null: Option<Null>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
}

/// Balanced accuracy with shuffled labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Null {
    /// All of them, rising.
    pub balanced_accuracies: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their 95 % quantile.
    pub quantile_95: f64,
    /// (1 + permutations at least as good as the labels) / (1 + permutations): Phipson & Smyth 2010 (Stat. Appl. Genet.
    /// Mol. Biol. 9, 39).
    pub p: f64,
}

/// What a reader of a [`Validation`] must know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Warning {
    /// The model does little better than a guess, so what it looks at says little about the classes.
    NearChance {
        /// Its balanced accuracy.
        balanced_accuracy: f64,
        /// 1 / classes.
        chance: f64,
        /// The 95 % quantile with shuffled labels, if there is one.
        quantile_95: Option<f64>,
    },
    /// Labels were shuffled within groups of one class each, which changes nothing: the null is no null.
    NothingToShuffle,
    /// Every event is a group of its own: neurons are split between training and test, as in the publication.
    EventsAreGroups,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NearChance { balanced_accuracy, chance, quantile_95 } => {
                write!(f, "the balanced accuracy on unseen groups, {balanced_accuracy:.3}, is near chance ({chance:.3}")?;
                if let Some(quantile) = quantile_95 {
                    write!(f, "; 95 % of shuffled labels stay at or below {quantile:.3}")?;
                }
                f.write_str("): what the model looks at says little about the classes")
            }
            Self::NothingToShuffle => f.write_str(
                "every group holds one class, so shuffling within groups changes nothing; shuffle everywhere or group by \
                 something else",
            ),
            Self::EventsAreGroups => f.write_str(
                "every event is a group of its own: events of one neuron are in training and in test, and the accuracy is \
                 that of known neurons",
            ),
        }
    }
}

/// Validates a model over [`grouped_folds`], and repeats everything with shuffled labels. Folds stay those of the labels as
/// they were given.
///
/// # Errors
/// [`Error::Folds`]; [`Error::EmptyClass`] if the groups do not allow to train every fold on all classes; and those of
/// [`Model::fit`].
pub fn cross_validate(events: &LabelledEvents, params: &ValidationParams) -> Result<Validation, Error> {
    let (labels, n_classes) = (events.labels(), events.classes().len());
    let folds = grouped_folds(labels, n_classes, events.groups(), params.n_folds)?;
    for fold in 0..params.n_folds {
        let is_trained = |class: usize| labels.iter().zip(&folds).any(|(l, f)| *l == class && *f != fold);
        if let Some(class) = (0..n_classes).find(|&class| !is_trained(class)) {
            let place = format!("training without fold {fold} (0-based)");
            return Err(Error::EmptyClass { place, class: events.classes()[class].clone() });
        }
    }
    let sorted = Sorted::new(events.features());
    let test = |labels: &[usize]| {
        let predictions = predict_folds(&sorted, labels, n_classes, &folds, params)?;
        let confusion = Confusion::count(labels, &predictions, n_classes)?;
        // Every class has events.
        let balanced_accuracy = confusion.balanced_accuracy().unwrap_or(0.0);
        Ok((predictions, confusion, balanced_accuracy))
    };
    let (predictions, confusion, balanced_accuracy) = test(labels)?;

    let of_fold = |fold: usize| {
        let inside = |values: &[usize]| {
            values.iter().zip(&folds).filter(|(_, f)| **f == fold).map(|(v, _)| *v).collect::<Vec<_>>()
        };
        let confusion = Confusion::count(&inside(labels), &inside(&predictions), n_classes)?;
        Ok(confusion.balanced_accuracy().unwrap_or(0.0))
    };
    let of_fold: Vec<f64> = (0..params.n_folds).map(of_fold).collect::<Result<_, Error>>()?;

    let strata = strata(events, params.shuffle);
    let shuffled: Vec<f64> = (0..params.n_permutations as u64)
        .into_par_iter()
        .map(|stream| {
            // One stream for each permutation: the result cannot depend on which thread draws it.
            let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
            rng.set_stream(stream);
            Ok(test(&shuffle(labels, &strata, &mut rng))?.2)
        })
        .collect::<Result<_, Error>>()?;
    let null = (!shuffled.is_empty()).then(|| null(shuffled, balanced_accuracy));

    let chance = 1.0 / n_classes as f64;
    let quantile_95 = null.as_ref().map(|null| null.quantile_95);
    let mut warnings = Vec::new();
    if balanced_accuracy < chance + params.margin || quantile_95.is_some_and(|q| balanced_accuracy <= q) {
        warnings.push(Warning::NearChance { balanced_accuracy, chance, quantile_95 });
    }
    let is_mixed = |rows: &Vec<usize>| rows.iter().any(|&row| labels[row] != labels[rows[0]]);
    if null.is_some() && !strata.iter().any(is_mixed) {
        warnings.push(Warning::NothingToShuffle);
    }
    if by_group(events).len() == labels.len() {
        warnings.push(Warning::EventsAreGroups);
    }
    Ok(Validation { params: *params, folds, predictions, confusion, balanced_accuracy, of_fold, null, warnings })
}

/// For each fold a model of the others predicts it.
fn predict_folds(
    sorted: &Sorted,
    labels: &[usize],
    n_classes: usize,
    folds: &[usize],
    params: &ValidationParams,
) -> Result<Vec<usize>, Error> {
    let mut predictions = vec![0; labels.len()];
    for fold in 0..params.n_folds {
        let is_used: Vec<bool> = folds.iter().map(|f| *f != fold).collect();
        let model = Model::fit_to(sorted, labels, n_classes, &is_used, &params.model)?;
        for row in (0..labels.len()).filter(|&row| !is_used[row]) {
            predictions[row] = model.predict_row(|feature| sorted.value(row, feature));
        }
    }
    Ok(predictions)
}

fn by_group(events: &LabelledEvents) -> BTreeMap<usize, Vec<usize>> {
    let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    events.groups().iter().enumerate().for_each(|(row, &group)| rows.entry(group).or_default().push(row));
    rows
}

/// Rows among which labels are shuffled.
fn strata(events: &LabelledEvents, shuffle: Shuffle) -> Vec<Vec<usize>> {
    match shuffle {
        Shuffle::WithinGroups => by_group(events).into_values().collect(),
        Shuffle::Everywhere => vec![(0..events.labels().len()).collect()],
    }
}

/// Labels in an order of their own within each stratum (Fisher and Yates).
fn shuffle(labels: &[usize], strata: &[Vec<usize>], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut shuffled = labels.to_vec();
    for rows in strata {
        for last in (1..rows.len()).rev() {
            let other = rng.random_range(0..=last as u64) as usize;
            shuffled.swap(rows[last], rows[other]);
        }
    }
    shuffled
}

fn null(mut balanced_accuracies: Vec<f64>, found: f64) -> Null {
    balanced_accuracies.sort_by(f64::total_cmp);
    let n = balanced_accuracies.len() as f64;
    // Sums of the same recalls in another order are equal.
    let n_as_good = balanced_accuracies.iter().filter(|a| **a >= found - 1e-12).count() as f64;
    Null {
        mean: balanced_accuracies.iter().sum::<f64>() / n,
        quantile_95: quantile(&balanced_accuracies, 0.95),
        p: (1.0 + n_as_good) / (1.0 + n),
        balanced_accuracies,
    }
}
