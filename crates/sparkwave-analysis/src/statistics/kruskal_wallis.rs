//! The Kruskal-Wallis test of several groups, and Dunn's comparisons after it.

use super::multiplicity::Correction;
use super::pairwise::Pairwise;
use super::{Error, check, is_constant};
use anofox_statistics::PAdjustMethod;
use serde::Serialize;

/// Result of [`kruskal_wallis`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KruskalWallis {
    /// The statistic, corrected for ties.
    pub h: f64,
    /// Groups less one.
    pub df: f64,
    /// P-value of the chi-square distribution.
    pub p: f64,
    /// H / (n - 1), the part of the variance of ranks between groups, 0..=1 (Tomczak and Tomczak 2014).
    pub epsilon_squared: f64,
}

/// Whether values of some group tend to be larger.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below 2 groups or with an empty one; [`Error::NoSpread`] if all values are the
/// same.
pub fn kruskal_wallis(groups: &[&[f64]]) -> Result<KruskalWallis, Error> {
    const TEST: &str = "Kruskal-Wallis test";
    let pooled = checked(TEST, groups)?;
    let no_spread = Error::NoSpread { test: TEST, what: "the values" };
    let result = anofox_statistics::kruskal_wallis(groups).map_err(|_| no_spread)?;
    // Equal mean ranks may come out a rounding error below 0.
    let h = result.statistic.max(0.0);
    Ok(KruskalWallis { h, df: result.df, p: result.p_value.min(1.0), epsilon_squared: h / (pooled.len() - 1) as f64 })
}

/// Every two groups by the difference of their mean ranks (Dunn 1964), corrected for ties.
///
/// # Errors
/// Those of [`kruskal_wallis`].
pub fn dunn(groups: &[&[f64]], correction: Correction) -> Result<Vec<Pairwise>, Error> {
    const TEST: &str = "Dunn's test";
    let pooled = checked(TEST, groups)?;
    let label = |(group, values): (usize, &&[f64])| std::iter::repeat_n(group, values.len());
    let labels: Vec<usize> = groups.iter().enumerate().flat_map(label).collect();
    let result = anofox_statistics::dunn_test(&pooled, &labels, PAdjustMethod::None)
        .map_err(|_| Error::NoSpread { test: TEST, what: "the values" })?;
    let p: Vec<f64> = result.comparisons.iter().map(|pair| pair.p_value.min(1.0)).collect();
    let adjusted = correction.adjust(&p)?;
    let pairs = result.comparisons.into_iter().zip(p).zip(adjusted).map(|((pair, p), p_adjusted)| Pairwise {
        first: pair.group1,
        second: pair.group2,
        difference: pair.estimate,
        statistic: pair.statistic,
        p: Some(p),
        p_adjusted,
    });
    Ok(pairs.collect())
}

/// All values, if the test is defined for them.
fn checked(test: &'static str, groups: &[&[f64]]) -> Result<Vec<f64>, Error> {
    if groups.len() < 2 {
        return Err(Error::TooFew { test, what: "groups", needed: 2, found: groups.len() });
    }
    check(test, groups, 1)?;
    let pooled = groups.concat();
    if is_constant(&pooled) { Err(Error::NoSpread { test, what: "the values" }) } else { Ok(pooled) }
}
