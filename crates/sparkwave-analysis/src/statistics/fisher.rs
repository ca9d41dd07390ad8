//! Fisher's exact test of a 2 x 2 table.

use super::Error;
use anofox_statistics::Alternative;
use serde::Serialize;

/// Result of [`fisher_exact`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fisher {
    /// Two-sided p-value: tables with these margins that are no more probable.
    pub p: f64,
    /// a d / (b c); `None` if b c is 0.
    pub odds_ratio: Option<f64>,
}

/// Whether rows and columns of the counts `[[a, b], [c, d]]` are independent, given their margins.
///
/// # Errors
/// [`Error::TooFew`] without any count; [`Error::TooMany`] above 10,000,000 counts.
pub fn fisher_exact(table: [[u64; 2]; 2]) -> Result<Fisher, Error> {
    const TEST: &str = "Fisher's exact test";
    const LIMIT: usize = 10_000_000;
    let [[a, b], [c, d]] = table.map(|row| row.map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
    let found = [a, b, c, d].into_iter().fold(0, usize::saturating_add);
    if found > LIMIT {
        return Err(Error::TooMany { test: TEST, what: "counts", limit: LIMIT, found });
    }
    let too_few = Error::TooFew { test: TEST, what: "counts", needed: 1, found };
    let result = anofox_statistics::fisher_exact(&[[a, b], [c, d]], Alternative::TwoSided).map_err(|_| too_few)?;
    let odds_ratio = (b * c > 0).then(|| a as f64 * d as f64 / (b as f64 * c as f64));
    Ok(Fisher { p: result.p_value, odds_ratio })
}
