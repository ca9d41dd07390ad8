//! Categories: what became of events after a stimulus.
//!
//! Two recordings of one field of view, before and after. An event before the stimulus with a counterpart after it is
//! *recurrent*, without one *silenced*; an event after it with a counterpart is recurrent too, without one *new*
//! (Digital Discovery 2025, 4, 105-119, section 2.9.2). [`categorize`] finds them, [`category_table`] and [`association`]
//! cross them with subtypes, and [`fold_changes`] compares their numbers neuron by neuron. [`active_sites`] asks the same of
//! places instead of events, and [`conclude`] whether anything changed over all neurons.

mod association;
mod fold_change;
mod links;
mod neurons;
mod sites;
#[cfg(test)]
mod tests;

pub use association::{association, category_table};
pub use fold_change::{Counts, FoldChange, FoldChangeParams, Zeros, fold_changes};
pub use links::{Categories, CategoryParams, DEFAULT_DISTANCE, Link, Rule, categorize};
pub use neurons::{Conclusion, MEASURES, MeanRatio, NeuronChange, conclude};
pub use sites::{ActiveSite, SiteCategory, active_sites};

use serde::Serialize;

/// A position in the plane, in micrometres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Down from the first row.
    pub y_um: f64,
    /// Right from the first column.
    pub x_um: f64,
}

/// How far the second recording is displaced against the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Offset {
    /// What is added to y after the stimulus to get y before it.
    pub y_um: f64,
    /// The same for x.
    pub x_um: f64,
}

/// What became of an event, or what it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Category {
    /// Before the stimulus, without counterpart after it (S).
    Silenced,
    /// Before the stimulus, with a counterpart (Rb).
    RecurrentBefore,
    /// After the stimulus, without counterpart before it (N).
    New,
    /// After the stimulus, with a counterpart (Ra).
    RecurrentAfter,
}

impl Category {
    /// All four, in the order of their tables.
    pub const ALL: [Self; 4] = [Self::Silenced, Self::RecurrentBefore, Self::New, Self::RecurrentAfter];

    /// The name in tables and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::RecurrentBefore => "recurrent before",
            Self::New => "new",
            Self::RecurrentAfter => "recurrent after",
        }
    }
}

/// Why events could not be categorized.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A position or the offset is NaN or infinite.
    #[error("categories: position {index} (0-based) {recording}: expected finite micrometres, found {y_um}, {x_um}")]
    NotFinite {
        /// `"before"` or `"after"`.
        recording: &'static str,
        /// 0-based position in that list.
        index: usize,
        /// Its y, with the offset.
        y_um: f64,
        /// Its x, with the offset.
        x_um: f64,
    },
    /// The distance is no distance.
    #[error("categories: expected a distance above 0 um, found {found}")]
    Distance {
        /// The distance.
        found: f64,
    },
    /// Events are so crowded, or the distance so large, that the possible pairs do not fit.
    #[error("categories: expected at most {limit} pairs within the distance, found more; use a smaller distance")]
    TooManyLinks {
        /// Largest number of pairs.
        limit: usize,
    },
    /// Subtypes are of other events than categories.
    #[error("categories: expected subtypes of {expected} events {recording}, found {found}")]
    Subtypes {
        /// `"before"` or `"after"`.
        recording: &'static str,
        /// Number of events.
        expected: usize,
        /// Number of subtypes given.
        found: usize,
    },
}
