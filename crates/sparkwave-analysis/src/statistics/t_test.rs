//! Student's t-tests of means.

use super::{Error, check, is_constant};
use anofox_statistics::{Alternative, TTestKind};
use serde::Serialize;

/// Result of a t-test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TTest {
    /// The statistic.
    pub t: f64,
    /// Degrees of freedom; not whole after Welch.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// The mean less the expected one, or the difference of means, first less second.
    pub difference: f64,
}

/// Whether the mean is `expected`.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below 2 values; [`Error::NoSpread`] if all values are the same.
pub fn one_sample(values: &[f64], expected: f64) -> Result<TTest, Error> {
    const TEST: &str = "one-sample t-test";
    check(TEST, &[values, &[expected]], 1)?;
    let deviations: Vec<f64> = values.iter().map(|v| v - expected).collect();
    of_differences(TEST, &deviations)
}

/// Whether pairs differ in the mean.
///
/// # Errors
/// [`Error::Lengths`]; otherwise those of [`one_sample`], of the differences.
pub fn paired(first: &[f64], second: &[f64]) -> Result<TTest, Error> {
    const TEST: &str = "paired t-test";
    if first.len() != second.len() {
        return Err(Error::Lengths { test: TEST, first: first.len(), second: second.len() });
    }
    check(TEST, &[first, second], 2)?;
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    of_differences(TEST, &differences)
}

/// Whether two samples differ in the mean, each with a variance of its own (Welch 1947).
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below 2 values; [`Error::NoSpread`] if neither sample has any.
pub fn welch(first: &[f64], second: &[f64]) -> Result<TTest, Error> {
    two_samples("Welch's t-test", first, second, TTestKind::Welch)
}

/// Whether two samples of one variance differ in the mean.
///
/// # Errors
/// Those of [`welch`].
pub fn student(first: &[f64], second: &[f64]) -> Result<TTest, Error> {
    two_samples("Student's t-test", first, second, TTestKind::Student)
}

fn two_samples(test: &'static str, first: &[f64], second: &[f64], kind: TTestKind) -> Result<TTest, Error> {
    check(test, &[first, second], 2)?;
    if is_constant(first) && is_constant(second) {
        return Err(Error::NoSpread { test, what: "the values of either sample" });
    }
    run(test, first, second, kind)
}

fn of_differences(test: &'static str, differences: &[f64]) -> Result<TTest, Error> {
    check(test, &[differences], 2)?;
    if is_constant(differences) {
        return Err(Error::NoSpread { test, what: "the differences" });
    }
    // One sample is a pair with zeros.
    run(test, differences, &vec![0.0; differences.len()], TTestKind::Paired)
}

fn run(test: &'static str, first: &[f64], second: &[f64], kind: TTestKind) -> Result<TTest, Error> {
    let no_spread = Error::NoSpread { test, what: "the values" };
    let result = anofox_statistics::t_test(first, second, kind, Alternative::TwoSided, 0.0, None)
        .map_err(|_| no_spread.clone())?;
    let difference = result.mean_x - result.mean_y.unwrap_or(0.0);
    // Squares of tiny or huge values may leave the range of floating point.
    let is_defined = result.statistic.is_finite() && result.p_value.is_finite();
    if is_defined {
        Ok(TTest { t: result.statistic, df: result.df, p: result.p_value, difference })
    } else {
        Err(no_spread)
    }
}
