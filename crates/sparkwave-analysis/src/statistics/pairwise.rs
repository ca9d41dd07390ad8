//! A comparison of two groups among several.

use serde::Serialize;

/// Two of several groups after a test of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pairwise {
    /// 0-based first group.
    pub first: usize,
    /// 0-based second group, above the first.
    pub second: usize,
    /// Second less first: of means (Tukey) or of mean ranks (Dunn).
    pub difference: f64,
    /// The studentised range q (Tukey) or z (Dunn), with the sign of the difference.
    pub statistic: f64,
    /// P-value of this comparison alone; `None` where only the family has one (Tukey).
    pub p: Option<f64>,
    /// P-value corrected for the number of comparisons.
    pub p_adjusted: f64,
}
