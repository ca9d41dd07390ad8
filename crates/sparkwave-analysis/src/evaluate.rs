//! Scores of predictions against truth.
//!
//! [`points`] holds a detection and reads it from a table, [`matching`] pairs truths with predictions, and [`detection`]
//! counts, ranks and puts intervals around the counts. Of masks, [`overlap`] says who lies over whom, [`boundary`] how far
//! outlines are apart; on these stand [`segmentation`], [`tracking`] and, between observers, [`agreement`].

pub mod agreement;
pub mod boundary;
pub mod detection;
pub mod matching;
pub mod overlap;
pub mod points;
pub mod segmentation;
pub mod tracking;
pub mod waves;

/// Why predictions could not be scored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A coordinate or score is NaN or infinite.
    #[error("evaluate: {column} of {list} {index} (0-based): expected a finite number, found {found}")]
    NotFinite {
        /// `"truth"` or `"prediction"`.
        list: &'static str,
        /// 0-based position in that list.
        index: usize,
        /// The offending field of the detection.
        column: &'static str,
        /// Its value.
        found: f64,
    },
    /// The published rule needs every cost between truths and predictions at once.
    #[error(
        "match by the published rule: expected at most {limit} truth-prediction pairs, found {n_truths} truths and \
         {n_predictions} predictions; use the physical mode"
    )]
    TooLargeForPublishedRule {
        /// Truths with a partner.
        n_truths: usize,
        /// Predictions with a partner.
        n_predictions: usize,
        /// Largest allowed product of the two.
        limit: usize,
    },
    /// The limits are so wide, or the points so crowded, that the possible pairs do not fit.
    #[error("match within limits: expected at most {limit} possible pairs, found more; use narrower limits")]
    TooManyCandidates {
        /// Largest number of possible pairs.
        limit: usize,
    },
    /// A table lacks the columns of a detection list.
    #[error("read detections: expected columns {expected}, found {found}")]
    MissingColumns {
        /// The columns that are needed.
        expected: String,
        /// The columns that the table has.
        found: String,
    },
    /// A cell of a table is not what a detection needs.
    #[error(
        "read detections: row {row} (1-based, header not counted), column {column}: expected {expected}, found {found}"
    )]
    Cell {
        /// 1-based row, without the header.
        row: usize,
        /// Column name.
        column: String,
        /// What the cell should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// Images that should show the same differ in size.
    #[error(
        "evaluate: expected images of one size, found {} x {} and {} x {} (height x width)",
        truth.0, truth.1, found.0, found.1
    )]
    Shapes {
        /// Height and width of the first.
        truth: (usize, usize),
        /// Height and width of the second.
        found: (usize, usize),
    },
    /// Two rows of a table are the same point.
    #[error(
        "read detections: expected distinct points, found row {row} to repeat row {first} (1-based, header not counted)"
    )]
    Repeated {
        /// The later row.
        row: usize,
        /// The earlier row with the same frame, row and column.
        first: usize,
    },
}
