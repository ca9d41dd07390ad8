//! Shapiro-Wilk: whether values may come from a normal distribution.

use super::{Error, check, is_constant, median};
use serde::Serialize;

const TEST: &str = "Shapiro-Wilk";

/// Most values that the approximation of the p-value was fitted to.
pub const LIMIT: usize = 5000;

/// Result of [`shapiro_wilk`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ShapiroWilk {
    /// The statistic, in 0..=1; 1 is perfectly normal.
    pub w: f64,
    /// Probability of a W as small from normal values.
    pub p: f64,
    /// Number of values.
    pub n: usize,
}

/// Tests normality (Shapiro and Wilk 1965, coefficients and p-value of Royston, Applied Statistics 1995, 44, 547).
///
/// Equal to R's `shapiro.test`. SciPy 1.17 takes its normal quantiles from algorithm AS 111, good to 1e-9, and its p-values
/// differ from these by up to a relative 1e-6 for that reason alone.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below 3 values; [`Error::TooMany`] above [`LIMIT`], where SciPy computes on with
/// a warning; [`Error::NoSpread`] if all values are the same, where SciPy reports W = 1, p = 1.
pub fn shapiro_wilk(values: &[f64]) -> Result<ShapiroWilk, Error> {
    check(TEST, &[values], 3)?;
    if values.len() > LIMIT {
        return Err(Error::TooMany { test: TEST, what: "values", limit: LIMIT, found: values.len() });
    }
    if is_constant(values) {
        return Err(Error::NoSpread { test: TEST, what: "the values" });
    }
    // The statistic does not depend on location and scale, but the library takes a range below 1e-10 for none at all, and
    // an offset costs digits.
    let centre = median(values).unwrap_or(0.0);
    let scale = values.iter().fold(0.0_f64, |scale, v| scale.max((v - centre).abs()));
    let scaled: Vec<f64> = values.iter().map(|v| (v - centre) / scale).collect();
    let result =
        anofox_statistics::shapiro_wilk(&scaled).map_err(|_| Error::NoSpread { test: TEST, what: "the values" })?;
    Ok(ShapiroWilk { w: result.statistic, p: result.p_value, n: values.len() })
}
