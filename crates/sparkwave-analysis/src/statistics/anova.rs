//! One-way analysis of variance, and Tukey's comparisons after it.

use super::pairwise::Pairwise;
use super::{Error, check, is_constant};
use anofox_statistics::AnovaKind;
use serde::Serialize;

/// Result of [`one_way`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Anova {
    /// The statistic.
    pub f: f64,
    /// Groups less one.
    pub df_between: f64,
    /// Values less groups.
    pub df_within: f64,
    /// P-value.
    pub p: f64,
    /// Part of the variance between groups, 0..=1.
    pub eta_squared: f64,
}

/// Whether the means of groups differ.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below 2 groups or 2 values in one; [`Error::NoSpread`] if no group has any.
pub fn one_way(groups: &[&[f64]]) -> Result<Anova, Error> {
    const TEST: &str = "one-way ANOVA";
    check_groups(TEST, groups)?;
    let no_spread = Error::NoSpread { test: TEST, what: "the values of any group" };
    let result = anofox_statistics::one_way_anova(groups, AnovaKind::Fisher).map_err(|_| no_spread.clone())?;
    let eta_squared = result.ss_between.zip(result.ss_total).map_or(f64::NAN, |(between, total)| between / total);
    if !(result.statistic.is_finite() && result.p_value.is_finite() && eta_squared.is_finite()) {
        return Err(no_spread);
    }
    let (df_between, df_within) = (result.df_between, result.df_within);
    Ok(Anova { f: result.statistic, df_between, df_within, p: result.p_value, eta_squared })
}

/// Every two groups by Tukey's honest significant difference (Tukey-Kramer for unequal sizes), with the p-value of the
/// studentised range, which already counts all comparisons.
///
/// # Errors
/// Those of [`one_way`].
pub fn tukey_hsd(groups: &[&[f64]]) -> Result<Vec<Pairwise>, Error> {
    const TEST: &str = "Tukey's HSD";
    check_groups(TEST, groups)?;
    let no_spread = Error::NoSpread { test: TEST, what: "the values of any group" };
    let label = |(group, values): (usize, &&[f64])| std::iter::repeat_n(group, values.len());
    let labels: Vec<usize> = groups.iter().enumerate().flat_map(label).collect();
    let result = anofox_statistics::tukey_hsd(&groups.concat(), &labels, 0.95).map_err(|_| no_spread.clone())?;
    let pairs = result.comparisons.into_iter().map(|pair| Pairwise {
        first: pair.group1,
        second: pair.group2,
        difference: pair.estimate,
        statistic: pair.statistic,
        p: None,
        p_adjusted: pair.p_adj.clamp(0.0, 1.0),
    });
    let pairs: Vec<Pairwise> = pairs.collect();
    if pairs.iter().all(|pair| pair.statistic.is_finite()) { Ok(pairs) } else { Err(no_spread) }
}

/// Whether the variances of groups differ, by deviations from the medians (Brown and Forsythe 1974).
///
/// # Errors
/// Those of [`one_way`].
pub fn brown_forsythe(groups: &[&[f64]]) -> Result<f64, Error> {
    const TEST: &str = "Brown-Forsythe test";
    check_groups(TEST, groups)?;
    let no_spread = Error::NoSpread { test: TEST, what: "the deviations from the medians" };
    let result = anofox_statistics::brown_forsythe(groups).map_err(|_| no_spread.clone())?;
    if result.p_value.is_finite() { Ok(result.p_value) } else { Err(no_spread) }
}

fn check_groups(test: &'static str, groups: &[&[f64]]) -> Result<(), Error> {
    if groups.len() < 2 {
        return Err(Error::TooFew { test, what: "groups", needed: 2, found: groups.len() });
    }
    check(test, groups, 2)?;
    if groups.iter().all(|group| is_constant(group)) {
        return Err(Error::NoSpread { test, what: "the values of any group" });
    }
    Ok(())
}
