//! Features: the numbers by which events are compared, grouped and told apart.
//!
//! [`SPARKS`] and [`WAVES`] define them and say how each follows from the tables of [`crate::measure`];
//! [`FeatureTable::derive`] computes them. Before they are compared, [`screen`] drops those that say the same as another
//! one, [`FeatureTable::complete`] leaves out the events of which one is unknown, and [`Standardization`] gives all of
//! them the same weight.
//!
//! The published features of miniature synaptic calcium transients (Digital Discovery 2025, 4, 105-119, section 2.9) count
//! voxels and frames, so they change with the magnification and the frame rate. Those here are in micrometres and seconds;
//! [`PUBLISHED`] has the eight of the publication as they were.

mod correlation;
mod definition;
mod standard;
mod table;
#[cfg(test)]
mod tests;

pub use correlation::{Correlation, Dropped, Method, Reason, Screen, ScreenParams, correlations, screen};
pub use definition::{CLUSTERING, Feature, PUBLISHED, SPARKS, WAVES};
pub use standard::{Deviation, Scale, Standardization};
pub use table::{Complete, FeatureTable, Unknown};

/// Why features could not be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column that a feature is computed from is not in the table.
    #[error("features: expected a column {column} for the feature {feature}, found none")]
    MissingColumn {
        /// The feature.
        feature: String,
        /// The column it needs.
        column: &'static str,
    },
    /// A cell holds words or a truth value.
    #[error("features: row {row} (1-based, header not counted), column {column}: expected a number, found {found}")]
    NotANumber {
        /// 1-based row, without the header.
        row: usize,
        /// Column name.
        column: &'static str,
        /// What the cell holds.
        found: String,
    },
    /// A feature was asked for that is not in the table.
    #[error("features: expected one of {known}, found {name}")]
    UnknownFeature {
        /// What was asked for.
        name: String,
        /// The features there are.
        known: String,
    },
    /// Two features have one name.
    #[error("features: expected distinct names, found {name} twice")]
    Repeated {
        /// The name.
        name: String,
    },
    /// Columns differ in length.
    #[error("features: expected {expected} rows in {feature}, found {found}")]
    Length {
        /// The feature.
        feature: String,
        /// Rows of the first feature.
        expected: usize,
        /// Its own rows.
        found: usize,
    },
    /// A standardization is applied to other features than it was fitted to.
    #[error("features: expected {expected}, as the standardization was fitted, found {found}")]
    OtherFeatures {
        /// The features of the fit.
        expected: String,
        /// Those of the table.
        found: String,
    },
}
