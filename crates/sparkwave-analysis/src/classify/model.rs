//! The two models behind one name.

use ndarray::{ArrayView1, ArrayView2};
use serde::Serialize;

use super::boosted::{BoostedParams, BoostedTrees, probability};
use super::decision::{DecisionTree, DecisionTreeParams};
use super::events::check_features;
use super::tree::{Sorted, Tree};
use super::{Error, LabelledEvents};

/// A kind of model and how it learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum ModelParams {
    /// One tree that can be read.
    DecisionTree(DecisionTreeParams),
    /// Many small ones that do better; two classes only.
    BoostedTrees(BoostedParams),
}

impl Default for ModelParams {
    /// The published decision tree.
    fn default() -> Self {
        Self::DecisionTree(DecisionTreeParams::default())
    }
}

/// A model that has learned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Model {
    /// One tree.
    DecisionTree(DecisionTree),
    /// A sum of trees.
    BoostedTrees(BoostedTrees),
}

impl Model {
    /// Learns from all events.
    ///
    /// # Errors
    /// [`Error::Parameter`], and [`Error::TwoClasses`] for boosted trees of more.
    pub fn fit(events: &LabelledEvents, params: &ModelParams) -> Result<Self, Error> {
        let sorted = Sorted::new(events.features());
        let is_used = vec![true; events.labels().len()];
        Self::fit_to(&sorted, events.labels(), events.classes().len(), &is_used, params)
    }

    /// Learns from the events that `is_used` marks.
    pub(super) fn fit_to(
        sorted: &Sorted,
        labels: &[usize],
        n_classes: usize,
        is_used: &[bool],
        params: &ModelParams,
    ) -> Result<Self, Error> {
        Ok(match params {
            ModelParams::DecisionTree(params) => {
                Self::DecisionTree(DecisionTree::fit(sorted, labels, n_classes, is_used, params)?)
            }
            ModelParams::BoostedTrees(params) => {
                Self::BoostedTrees(BoostedTrees::fit(sorted, labels, n_classes, is_used, params)?)
            }
        })
    }

    /// The probability of each class for each row of `[N, M]` features.
    ///
    /// # Errors
    /// [`Error::Nothing`], [`Error::NotFinite`], and [`Error::Length`] for rows with fewer features than the model asks.
    pub fn probabilities(&self, features: ArrayView2<f64>) -> Result<Vec<Vec<f64>>, Error> {
        self.check(features)?;
        let of_row = |row: ArrayView1<f64>| self.probabilities_of(|feature| row[feature]);
        Ok(features.rows().into_iter().map(of_row).collect())
    }

    /// The most probable class for each row, the first of equally probable ones.
    ///
    /// # Errors
    /// As [`Model::probabilities`].
    pub fn predict(&self, features: ArrayView2<f64>) -> Result<Vec<usize>, Error> {
        Ok(self.probabilities(features)?.iter().map(|p| most_probable(p)).collect())
    }

    pub(super) fn predict_row(&self, features: impl Fn(usize) -> f64) -> usize {
        most_probable(&self.probabilities_of(features))
    }

    fn probabilities_of(&self, features: impl Fn(usize) -> f64) -> Vec<f64> {
        let sum = self.as_sum();
        match self {
            Self::DecisionTree(_) => sum.at(features),
            Self::BoostedTrees(_) => {
                let p = probability(sum.at(features)[0]);
                vec![1.0 - p, p]
            }
        }
    }

    /// The model as the sum that Shapley values are of: probabilities of the classes, or log-odds of the second one.
    pub(super) fn as_sum(&self) -> Sum<'_> {
        match self {
            Self::DecisionTree(model) => {
                let tree = std::slice::from_ref(&model.tree);
                Sum { offset: 0.0, trees: tree, n_outputs: model.tree.nodes[0].value.len() }
            }
            Self::BoostedTrees(model) => Sum { offset: model.offset, trees: &model.trees, n_outputs: 1 },
        }
    }

    /// # Errors
    /// As [`Model::probabilities`].
    pub(super) fn check(&self, features: ArrayView2<f64>) -> Result<(), Error> {
        check_features(features, |feature| feature.to_string())?;
        let splits = self.as_sum().trees.iter().flat_map(Tree::nodes).filter_map(|node| node.split);
        let n_asked = splits.map(|split| split.feature + 1).max().unwrap_or(0);
        let found = features.ncols();
        if found < n_asked { Err(Error::Length { what: "features", expected: n_asked, found }) } else { Ok(()) }
    }
}

/// A constant and trees that are added up.
#[derive(Clone, Copy)]
pub(super) struct Sum<'a> {
    pub(super) offset: f64,
    pub(super) trees: &'a [Tree],
    pub(super) n_outputs: usize,
}

impl Sum<'_> {
    fn at(&self, features: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut outputs = vec![self.offset; self.n_outputs];
        for tree in self.trees {
            let leaf = tree.leaf(&features);
            outputs.iter_mut().zip(&tree.nodes[leaf].value).for_each(|(output, value)| *output += value);
        }
        outputs
    }
}

fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = class;
        }
    }
    best
}
