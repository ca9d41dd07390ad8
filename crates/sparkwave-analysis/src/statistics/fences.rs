//! Tukey's fences.

use super::bootstrap::quantile;
use super::{Error, check};
use serde::Serialize;

/// The width of the published analysis and of box plots, in interquartile ranges.
pub const USUAL: f64 = 1.5;

/// The range outside which a value counts as far out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fences {
    /// Q1 - k (Q3 - Q1).
    pub low: f64,
    /// Q3 + k (Q3 - Q1).
    pub high: f64,
}

impl Fences {
    /// The fences `k` interquartile ranges beyond the quartiles (Tukey 1977), which are linear between order statistics
    /// as NumPy's. The text of the mSCT paper says "from the median", its code measures from the quartiles, as here.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; [`Error::TooFew`] without values; [`Error::OutOfRange`] for a negative `k`.
    pub fn of(values: &[f64], k: f64) -> Result<Self, Error> {
        const TEST: &str = "Tukey's fences";
        check(TEST, &[values], 1)?;
        if !(k.is_finite() && k >= 0.0) {
            return Err(Error::OutOfRange { test: TEST, expected: "a width of at least 0", found: k });
        }
        let mut ascending = values.to_vec();
        ascending.sort_by(f64::total_cmp);
        let (q1, q3) = (quantile(&ascending, 0.25), quantile(&ascending, 0.75));
        Ok(Self { low: q1 - k * (q3 - q1), high: q3 + k * (q3 - q1) })
    }

    /// Whether a value is within, the fences included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}
