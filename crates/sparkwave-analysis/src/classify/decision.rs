//! A decision tree of classes.

use serde::Serialize;

use super::events::check_labels;
use super::tree::{Sorted, Tree, TreeLimits, grow};
use super::{Error, tree};

/// How a decision tree grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionTreeParams {
    /// How far it grows.
    pub limits: TreeLimits,
    /// Whether every class weighs the same, however many events it has; otherwise every event does.
    pub is_balanced: bool,
}

impl Default for DecisionTreeParams {
    /// As published: depth 5, splits of 2 events or more, leaves of 1, classes balanced.
    fn default() -> Self {
        Self { limits: TreeLimits { max_depth: 5, min_split: 2, min_leaf: 1 }, is_balanced: true }
    }
}

/// A tree whose leaves hold the probability of each class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionTree {
    pub(super) tree: Tree,
}

impl DecisionTree {
    /// The tree; its outputs are the classes.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn fit(
        sorted: &Sorted,
        labels: &[usize],
        n_classes: usize,
        is_used: &[bool],
        params: &DecisionTreeParams,
    ) -> Result<Self, Error> {
        check_limits(&params.limits)?;
        check_labels(labels, n_classes)?;
        let weights = class_weights(labels, n_classes, is_used, params.is_balanced);
        let mut values = vec![0.0; labels.len() * n_classes];
        labels.iter().enumerate().for_each(|(row, label)| values[row * n_classes + label] = 1.0);
        let targets = tree::Targets { values: &values, n_outputs: n_classes, weights: &weights };
        Ok(Self { tree: grow(sorted, &targets, is_used, &params.limits) })
    }
}

/// # Errors
/// [`Error::Parameter`].
pub(super) fn check_limits(limits: &TreeLimits) -> Result<(), Error> {
    let checks = [
        ("max_depth", limits.max_depth, "0 to 64", limits.max_depth <= TreeLimits::DEEPEST),
        ("min_split", limits.min_split, "2 or more", limits.min_split >= 2),
        ("min_leaf", limits.min_leaf, "1 to 1,000,000,000", (1..=1_000_000_000).contains(&limits.min_leaf)),
    ];
    match checks.into_iter().find(|(_, _, _, is_good)| !is_good) {
        Some((name, found, expected, _)) => Err(Error::Parameter { name, expected, found: found as f64 }),
        None => Ok(()),
    }
}

/// The weight of each event: 1 or, balanced, (events used) / (classes among them times the events of its class), so that
/// the mean weight is 1.
pub(super) fn class_weights(labels: &[usize], n_classes: usize, is_used: &[bool], is_balanced: bool) -> Vec<f64> {
    if !is_balanced {
        return vec![1.0; labels.len()];
    }
    let mut counts = vec![0usize; n_classes];
    labels.iter().zip(is_used).filter(|(_, used)| **used).for_each(|(&label, _)| counts[label] += 1);
    let n: usize = counts.iter().sum();
    let n_present = counts.iter().filter(|count| **count > 0).count();
    labels.iter().map(|&label| n as f64 / (n_present * counts[label].max(1)) as f64).collect()
}
