//! The Mann-Whitney U test of two independent samples.

pub use super::Method;

use super::{Error, Null, check};
use anofox_statistics::{Alternative, mann_whitney_u};
use serde::Serialize;

const TEST: &str = "Mann-Whitney U test";

/// The smaller sample of an exact p-value has at most this many values, as in SciPy.
pub const EXACT_LIMIT: usize = 8;

/// Result of [`mann_whitney`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MannWhitney {
    /// Pairs in which the value of the first sample is larger, ties counting one half.
    pub u: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// How the p-value was found.
    pub null: Null,
}

/// Whether a value of one sample tends to be larger than one of the other.
///
/// [`Method::Auto`] is exact if no values tie and the smaller sample has at most [`EXACT_LIMIT`]; beyond 10,000 pairs of
/// values it is asymptotic, where SciPy counts on. [`Method::Exact`] counts all arrangements, only without ties and up to as
/// many pairs. [`Method::Asymptotic`] is the normal approximation with continuity correction and the variance corrected for
/// ties. If all values are the same, p is 1.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] without values; for [`Method::Exact`] [`Error::TooMany`] beyond 10,000 pairs of
/// values and [`Error::Design`] with ties: SciPy then reports a p-value of a null distribution that does not apply.
pub fn mann_whitney(first: &[f64], second: &[f64], method: Method) -> Result<MannWhitney, Error> {
    const LIMIT: usize = 10_000;
    check(TEST, &[first, second], 1)?;
    let n_pairs = first.len().saturating_mul(second.len());
    let mut pooled = [first, second].concat();
    pooled.sort_by(f64::total_cmp);
    let is_tied = pooled.windows(2).any(|pair| pair[0] == pair[1]);
    let is_exact = match method {
        Method::Auto => !is_tied && first.len().min(second.len()) <= EXACT_LIMIT && n_pairs <= LIMIT,
        Method::Exact if is_tied => {
            return Err(Error::Design { test: "exact Mann-Whitney U test", design: "values that tie".to_owned() });
        }
        Method::Exact if n_pairs > LIMIT => {
            return Err(Error::TooMany {
                test: TEST,
                what: "pairs of values for an exact p-value",
                limit: LIMIT,
                found: n_pairs,
            });
        }
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let result = mann_whitney_u(first, second, Alternative::TwoSided, true, is_exact, None, None)
        .map_err(|_| Error::NoSpread { test: TEST, what: "the values" })?;
    let null = if is_exact { Null::Exact } else { Null::Asymptotic };
    Ok(MannWhitney { u: result.statistic, p: result.p_value.min(1.0), null })
}
