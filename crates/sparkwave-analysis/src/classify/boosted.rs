//! Boosted trees: many small trees, each correcting the sum of those before it.
//!
//! They grow on the same [`super::tree`] as the decision tree, so that Shapley values need no second code, and their
//! predictions can be held to scikit-learn's. Packages for boosting keep their trees to themselves.

use serde::Serialize;

use super::Error;
use super::decision::{check_limits, class_weights};
use super::events::check_labels;
use super::tree::{Sorted, Targets, Tree, TreeLimits, grow};

/// How trees are boosted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BoostedParams {
    /// Number of trees.
    pub n_trees: usize,
    /// How much of its correction each tree makes, above 0 to 1.
    pub learning_rate: f64,
    /// How far each grows.
    pub limits: TreeLimits,
    /// Whether both classes weigh the same, however many events they have.
    pub is_balanced: bool,
}

impl Default for BoostedParams {
    /// 100 trees of depth 3 at a rate of 0.1 (the defaults of scikit-learn), leaves of 1 event, classes balanced.
    fn default() -> Self {
        let limits = TreeLimits { max_depth: 3, min_split: 2, min_leaf: 1 };
        Self { n_trees: 100, learning_rate: 0.1, limits, is_balanced: true }
    }
}

/// A sum of trees: the log-odds of the second of two classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoostedTrees {
    /// The log-odds before the first tree.
    pub(super) offset: f64,
    /// Trees of one output each, the learning rate in their values.
    pub(super) trees: Vec<Tree>,
}

/// A probability is kept this far from 0 and 1 before its odds are taken, as scikit-learn does.
const SMALLEST_PROBABILITY: f64 = f32::EPSILON as f64;
/// A leaf whose events leave nothing to correct corrects nothing.
const NO_CURVATURE: f64 = 1e-150;

impl BoostedTrees {
    /// The log-odds before the first tree.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The trees, of one output each.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Friedman 2001 (Ann. Stat. 29, 1189, algorithm 5): each tree grows towards the residuals `y - p`, and its leaves take
    /// one Newton step of the logistic loss.
    pub(super) fn fit(
        sorted: &Sorted,
        labels: &[usize],
        n_classes: usize,
        is_used: &[bool],
        params: &BoostedParams,
    ) -> Result<Self, Error> {
        check_limits(&params.limits)?;
        check_labels(labels, n_classes)?;
        if n_classes != 2 {
            return Err(Error::TwoClasses { found: n_classes });
        }
        if !(params.learning_rate > 0.0 && params.learning_rate <= 1.0) {
            let (name, expected) = ("learning_rate", "above 0 to 1");
            return Err(Error::Parameter { name, expected, found: params.learning_rate });
        }
        let n = labels.len();
        let weights = class_weights(labels, n_classes, is_used, params.is_balanced);
        let used: Vec<usize> = (0..n).filter(|&row| is_used[row]).collect();
        let total: f64 = used.iter().map(|&row| weights[row]).sum();
        let of_second: f64 = used.iter().map(|&row| weights[row] * labels[row] as f64).sum();
        let prior = (of_second / total).clamp(SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY);
        let offset = (prior / (1.0 - prior)).ln();

        let mut log_odds = vec![offset; n];
        let mut residuals = vec![0.0; n];
        let mut trees = Vec::with_capacity(params.n_trees);
        for _ in 0..params.n_trees {
            for &row in &used {
                residuals[row] = labels[row] as f64 - probability(log_odds[row]);
            }
            let targets = Targets { values: &residuals, n_outputs: 1, weights: &weights };
            let mut tree = grow(sorted, &targets, is_used, &params.limits);
            let leaf_of: Vec<usize> = used.iter().map(|&row| tree.leaf(|f| sorted.value(row, f))).collect();
            let mut steps = vec![(0.0, 0.0); tree.nodes.len()];
            for (&row, &leaf) in used.iter().zip(&leaf_of) {
                let p = labels[row] as f64 - residuals[row];
                steps[leaf].0 += weights[row] * residuals[row];
                steps[leaf].1 += weights[row] * p * (1.0 - p);
            }
            for (node, (slope, curvature)) in tree.nodes.iter_mut().zip(steps) {
                // Inner nodes have no events of their own, hence 0.
                let step = if curvature < NO_CURVATURE { 0.0 } else { slope / curvature };
                node.value = vec![params.learning_rate * step];
            }
            for (&row, &leaf) in used.iter().zip(&leaf_of) {
                log_odds[row] += tree.nodes[leaf].value[0];
            }
            trees.push(tree);
        }
        Ok(Self { offset, trees })
    }
}

/// The probability of log-odds.
pub(super) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
