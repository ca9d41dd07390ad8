//! Corrections of p-values for the number of tests.

use super::Error;
use anofox_statistics::{PAdjustMethod, p_adjust};
use serde::Serialize;

/// Which error rate of a family of tests is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// The probability of any false positive (Holm 1979).
    #[default]
    Holm,
    /// The expected part of false positives among positives (Benjamini and Hochberg 1995).
    BenjaminiHochberg,
    /// None; p-values stay as they are.
    None,
}

impl Correction {
    /// Adjusted p-values in the order of `p`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a p-value that is not in 0..=1, NaN included.
    pub fn adjust(self, p: &[f64]) -> Result<Vec<f64>, Error> {
        if let Some(&found) = p.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::OutOfRange { test: "correction of p-values", expected: "p-values in 0..=1", found });
        }
        Ok(match self {
            Self::Holm => p_adjust(p, PAdjustMethod::Holm),
            Self::BenjaminiHochberg => p_adjust(p, PAdjustMethod::BH),
            Self::None => p.to_vec(),
        })
    }

    /// As a Methods section names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holm => "Holm's correction",
            Self::BenjaminiHochberg => "the Benjamini-Hochberg correction",
            Self::None => "no correction for multiple comparisons",
        }
    }
}
