//! Why a computation on pixels failed.

use crate::classic::components::ComponentError;
use crate::classic::trials::TrialError;
use crate::star::StarError;
use sparkwave_core::source::SourceError;

/// Why a computation on pixels failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The movie could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The user asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A region of interest lies outside the image or is empty.
    #[error("background region {found} does not lie inside the image of {height} rows and {width} columns")]
    Region {
        /// The region as the user gave it.
        found: String,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
    /// Two images cannot be put on top of each other.
    #[error(
        "match two images: expected equal sizes of at least {least} x {least} pixels, found {} x {} and {} x {}",
        first.0, first.1, second.0, second.1
    )]
    PairSize {
        /// Rows and columns of the first image.
        first: (usize, usize),
        /// Rows and columns of the second image.
        second: (usize, usize),
        /// Smallest number of rows and columns.
        least: usize,
    },
    /// There is no average over trials.
    #[error(transparent)]
    Trials(#[from] TrialError),
    /// A recording has no components.
    #[error(transparent)]
    Components(#[from] ComponentError),
    /// There are no stars.
    #[error(transparent)]
    Star(#[from] StarError),
}
