//! Binary trees that ask one feature at a time.

mod grow;

pub(super) use grow::{Sorted, Targets, grow};

use serde::Serialize;

/// How far a tree grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TreeLimits {
    /// Most questions on the way to a leaf, at most [`TreeLimits::DEEPEST`].
    pub max_depth: usize,
    /// Fewest events that a node asks a question about.
    pub min_split: usize,
    /// Fewest events of a leaf, at least 1.
    pub min_leaf: usize,
}

impl TreeLimits {
    /// The largest depth allowed: the features on a way fit into the bits of a word, and no tree is a ladder of all events.
    pub const DEEPEST: usize = 64;
}

/// A question and where its answers lead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Split {
    /// The feature, 0-based.
    pub feature: usize,
    /// Values up to and including this go left.
    pub threshold: f64,
    /// Index of the left node, above that of the node itself.
    pub left: usize,
    /// Index of the right node.
    pub right: usize,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Its answer, one number an output.
    pub value: Vec<f64>,
    /// Sum of the weights of the events that came here in training.
    pub cover: f64,
    /// Number of these events.
    pub n_events: usize,
    /// Its question; `None` for a leaf.
    pub split: Option<Split>,
}

/// A tree; its root is node 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// All nodes, each before those it leads to.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Index of the leaf that a row of features comes to.
    pub(super) fn leaf(&self, features: impl Fn(usize) -> f64) -> usize {
        let mut at = 0;
        while let Some(split) = self.nodes[at].split {
            at = if features(split.feature) <= split.threshold { split.left } else { split.right };
        }
        at
    }
}
