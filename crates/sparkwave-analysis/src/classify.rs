//! What tells categories of events apart: trees, how well they do, and which features they use.
//!
//! [`Model::fit`] grows a decision tree as published (Digital Discovery 2025, 4, 105-119, section 2.9.4) or boosted trees.
//! [`cross_validate`] says how well such a model does on neurons it has not seen, against models that learned shuffled
//! labels: the published trees were tested on other events of the same neurons and reached a balanced accuracy of 0.52 to
//! 0.64, which the publication does not tell. Only then is it worth asking what a model looks at: [`path_dependent`] and
//! [`interventional`] give exact Shapley values.
//!
//! The number of threads changes no result.

mod boosted;
mod decision;
mod events;
mod folds;
mod model;
mod score;
mod shap;
#[cfg(test)]
mod tests;
mod tree;
mod validate;

pub use boosted::{BoostedParams, BoostedTrees};
pub use decision::{DecisionTree, DecisionTreeParams};
pub use events::LabelledEvents;
pub use folds::grouped_folds;
pub use model::{Model, ModelParams};
pub use score::Confusion;
pub use shap::{Explanation, Importance, interventional, path_dependent};
pub use tree::{Node, Split, Tree, TreeLimits};
pub use validate::{Null, Shuffle, Validation, ValidationParams, Warning, cross_validate};

/// Why events could not be told apart.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to learn from.
    #[error("classify: expected events with features, found {n} events with {n_features}")]
    Nothing {
        /// Number of events.
        n: usize,
        /// Number of features.
        n_features: usize,
    },
    /// A feature is NaN or infinite.
    #[error("classify: event {row} (0-based), feature {feature}: expected a finite number, found {found}")]
    NotFinite {
        /// 0-based row.
        row: usize,
        /// Its name or, where features have none, its 0-based number.
        feature: String,
        /// Its value.
        found: f64,
    },
    /// Lists of different length.
    #[error("classify: expected {expected} {what}, found {found}")]
    Length {
        /// What there are too many or too few of.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A label without class.
    #[error("classify: expected labels 0 to {last}, found {found}")]
    Label {
        /// The largest label.
        last: usize,
        /// The label.
        found: usize,
    },
    /// No event of a class.
    #[error("classify: expected events of every class in {place}, found none of {class}")]
    EmptyClass {
        /// Where they were looked for.
        place: String,
        /// The class.
        class: String,
    },
    /// A model that knows two classes only.
    #[error("classify: boosted trees: expected 2 classes, found {found}")]
    TwoClasses {
        /// Number of classes.
        found: usize,
    },
    /// Fewer groups than folds, or fewer than two folds.
    #[error("classify: expected 2 to {n_groups} folds of {n_groups} groups, found {found}")]
    Folds {
        /// Number of groups.
        n_groups: usize,
        /// Number of folds.
        found: usize,
    },
    /// A parameter out of its range.
    #[error("classify: expected {name} {expected}, found {found}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: f64,
    },
}
