//! Statistical tests, effect sizes and intervals, and the trail of decisions that leads to one.
//!
//! [`compare`] takes rows of values with their group, neuron and animal, chooses a test, and tells why, on what, and with
//! which caveats. The other modules hold one test or one idea each and can be used alone.
//!
//! - All tests are two-sided, and their p-values and statistics are those of SciPy 1.17 (goldens in `tests/golden`).
//! - Undefined is `None` or an [`Error`], never NaN; values that are not finite are refused.
//! - Nothing is random without a seed, and no result depends on the number of threads.

pub mod agreement;
pub mod anova;
pub mod bootstrap;
pub mod cluster;
pub mod compare;

pub mod contingency;
pub mod effect;
pub mod fences;
pub mod fisher;
pub mod intraclass;
pub mod kruskal_wallis;
pub mod mann_whitney;
pub mod mixed_model;
pub mod multiplicity;
pub mod pairwise;
pub mod permutation;
pub(crate) mod ranks;
pub mod shapiro_wilk;
pub mod signed_rank;
pub mod t_test;

use serde::Serialize;

/// How a p-value is found; see the tests for when each can be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Exact for few values, as far as ties allow; otherwise asymptotic.
    #[default]
    Auto,
    /// All arrangements counted.
    Exact,
    /// The limiting distribution.
    Asymptotic,
}

/// Whether a p-value comes from all arrangements of the data or from a limiting distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Null {
    /// Every arrangement counted.
    Exact,
    /// The limiting distribution.
    Asymptotic,
}

/// Why a statistic is not defined for these data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite.
    #[error("{test}: expected finite values, found {found} at {index} of sample {sample} (both 0-based)")]
    NotFinite {
        /// The test.
        test: &'static str,
        /// 0-based sample.
        sample: usize,
        /// 0-based position in it.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A sample is too small.
    #[error("{test}: expected at least {needed} {what}, found {found}")]
    TooFew {
        /// The test.
        test: &'static str,
        /// What is counted.
        what: &'static str,
        /// Smallest number.
        needed: usize,
        /// Number present.
        found: usize,
    },
    /// A sample is larger than the test is calibrated for.
    #[error("{test}: expected at most {limit} {what}, found {found}")]
    TooMany {
        /// The test.
        test: &'static str,
        /// What is counted.
        what: &'static str,
        /// Largest number.
        limit: usize,
        /// Number present.
        found: usize,
    },
    /// The values do not differ where the statistic divides by their spread.
    #[error("{test}: undefined, since {what} do not differ")]
    NoSpread {
        /// The test.
        test: &'static str,
        /// Which values.
        what: &'static str,
    },
    /// Lists that belong together have different lengths.
    #[error("{test}: expected lists of one length, found {first} and {second}")]
    Lengths {
        /// The test.
        test: &'static str,
        /// Length of the first list.
        first: usize,
        /// Length of the other.
        second: usize,
    },
    /// A row or column of a contingency table is empty, so nothing is expected there.
    #[error("{test}: expected counts in every row and column, found none in {line} {index} (0-based)")]
    EmptyMargin {
        /// The test.
        test: &'static str,
        /// `"row"` or `"column"`.
        line: &'static str,
        /// 0-based position.
        index: usize,
    },
    /// Columns of a design are linear combinations of one another.
    #[error("{test}: column {column} (0-based) of the design follows from those before it")]
    RankDeficient {
        /// The test.
        test: &'static str,
        /// 0-based column.
        column: usize,
    },
    /// A level of the data is needed and not known for every row.
    #[error("{test}: expected the {level} of every row, found {n_unknown} rows without")]
    UnknownLevel {
        /// The test.
        test: &'static str,
        /// `"neuron"` or `"animal"`.
        level: &'static str,
        /// Rows without it.
        n_unknown: usize,
    },
    /// The test that was asked for does not fit the design.
    #[error("{test} does not fit {design}")]
    Design {
        /// The test.
        test: &'static str,
        /// The design.
        design: String,
    },
    /// A number that is not what an option or a p-value may be.
    #[error("{test}: expected {expected}, found {found}")]
    OutOfRange {
        /// The test or option.
        test: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
}

/// Refuses samples with values that are not finite or with fewer than `needed` of them.
fn check(test: &'static str, samples: &[&[f64]], needed: usize) -> Result<(), Error> {
    for (sample, values) in samples.iter().enumerate() {
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { test, sample, index, found: values[index] });
        }
        if values.len() < needed {
            return Err(Error::TooFew { test, what: "values", needed, found: values.len() });
        }
    }
    Ok(())
}

/// Whether all values are the same; exact, where a computed variance may be a rounding error above 0.
fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

/// Mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sum of squared deviations from the mean; 0 of fewer than two values.
pub(crate) fn squares(values: &[f64]) -> f64 {
    let mean = mean(values).unwrap_or(0.0);
    values.iter().map(|v| (v - mean) * (v - mean)).sum()
}

/// Median; `None` of nothing.
fn median(values: &[f64]) -> Option<f64> {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    (!ascending.is_empty()).then(|| bootstrap::quantile(&ascending, 0.5))
}

#[cfg(test)]
mod tests;
