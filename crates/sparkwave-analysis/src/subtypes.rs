//! Subtypes: groups of events that look alike.
//!
//! Events are points in the space of their standard scores ([`crate::features`]). [`k_means`] divides them into a given
//! number of groups. How many there are, four answers tell side by side: [`silhouette`], [`elbow`], [`gap_statistic`] and
//! [`stability`]; the publication (Digital Discovery 2025, 4, 105-119, section 2.9.1) took five by the first two, where two
//! had the largest silhouette. [`profile`], [`proportions`], [`examples`], [`map`] and [`neighbour_map`] show what the groups are.
//!
//! Points are `[N, M]`, one row an event, all finite. Everything drawn at random follows from a seed, and the number of
//! threads changes nothing.

mod elbow;
mod gap;
mod k_means;
mod map;
mod neighbours;
mod points;
mod profile;
mod silhouette;
mod stability;
#[cfg(test)]
mod tests;

pub use elbow::{Elbow, elbow};
pub use gap::{Gap, GapAt, GapParams, gap_statistic};
pub use k_means::{Clustering, KMeansParams, assign, k_means, k_means_range};
pub use map::{PrincipalMap, map};
pub use neighbours::{NeighbourMap, NeighbourMapParams, neighbour_map};
pub use profile::{Example, Profile, examples, profile, proportions};
pub use silhouette::{Silhouette, SilhouetteParams, silhouette, silhouettes};
pub use stability::{Stability, StabilityParams, adjusted_rand_index, stability};

/// Why events could not be grouped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A coordinate is NaN or infinite.
    #[error("subtypes: point {row}, feature {feature} (0-based): expected a finite number, found {found}")]
    NotFinite {
        /// 0-based row.
        row: usize,
        /// 0-based feature.
        feature: usize,
        /// Its value.
        found: f64,
    },
    /// There are fewer distinct points than groups.
    #[error("subtypes: expected 1 to {n_distinct} groups of {n} points, {n_distinct} of them distinct, found {found}")]
    GroupCount {
        /// Number of groups asked for.
        found: usize,
        /// Number of points.
        n: usize,
        /// Number of distinct ones, or a larger number if there are enough of them.
        n_distinct: usize,
    },
    /// Labels are for other points.
    #[error("subtypes: expected {expected} {what}, found {found}")]
    Length {
        /// What there are too many or too few of.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A label is none of the groups.
    #[error("subtypes: expected labels 0 to {last}, found {found}")]
    Label {
        /// The largest label.
        last: usize,
        /// The label.
        found: usize,
    },
    /// Points without features, or no points.
    #[error("subtypes: expected points with features, found {n} points with {n_features}")]
    Nothing {
        /// Number of points.
        n: usize,
        /// Number of features.
        n_features: usize,
    },
    /// The principal components did not converge.
    #[error("subtypes: principal components of {n_features} features: expected convergence, found none")]
    Components {
        /// Number of features.
        n_features: usize,
    },
    /// A map of neighbours could not be made.
    #[error("subtypes: map of the neighbours of {n} points: {reason}")]
    NeighbourMap {
        /// Number of points.
        n: usize,
        /// What was expected and what was found.
        reason: String,
    },
}
