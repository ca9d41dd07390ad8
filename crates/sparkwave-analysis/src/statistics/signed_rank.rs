//! Wilcoxon's signed-rank test of paired differences.
//!
//! Our own code: the library has neither the other treatments of zeros nor an exact null distribution where differences
//! tie, and quietly takes the limiting one instead.

pub use super::Method;
use super::ranks::{midranks, tie_sum};

use super::{Error, Null, check};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

const TEST: &str = "Wilcoxon signed-rank test";

/// Most differences of an exact p-value without ties and zeros, as in SciPy.
pub const EXACT_LIMIT: usize = 50;
/// Most differences of an exact p-value with ties or zeros, as in SciPy.
pub const EXACT_LIMIT_TIES: usize = 13;

/// What becomes of differences that are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zeros {
    /// They are left out (Wilcoxon 1945).
    #[default]
    Drop,
    /// They are ranked, and their ranks left out (Pratt 1959; variance of Cureton 1967).
    Pratt,
    /// They are ranked, and their ranks shared between both signs.
    Split,
}

/// Result of [`signed_rank`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignedRank {
    /// The smaller of the two sums of ranks, as SciPy reports it.
    pub w: f64,
    /// Sum of ranks of positive differences.
    pub w_plus: f64,
    /// Sum of ranks of negative differences.
    pub w_minus: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Differences that are not 0.
    pub n: usize,
    /// Differences that are 0.
    pub n_zeros: usize,
    /// How the p-value was found.
    pub null: Null,
}

/// Whether differences lie symmetrically around 0.
///
/// [`Method::Auto`] is exact up to [`EXACT_LIMIT`] differences, or [`EXACT_LIMIT_TIES`] if some tie or are 0.
/// [`Method::Exact`] counts all signs, ties and zeros included. [`Method::Asymptotic`] is the normal approximation with the
/// variance corrected for ties, without continuity correction.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] without a difference; [`Error::NoSpread`] if all are 0, where SciPy reports p = 1
/// or NaN; [`Error::TooMany`] for [`Method::Exact`] above 1000 differences.
pub fn signed_rank(differences: &[f64], zeros: Zeros, method: Method) -> Result<SignedRank, Error> {
    check(TEST, &[differences], 1)?;
    let n_zeros = differences.iter().filter(|d| **d == 0.0).count();
    if n_zeros == differences.len() {
        return Err(Error::NoSpread { test: TEST, what: "the pairs" });
    }
    let ranked: Vec<f64> = differences.iter().copied().filter(|d| zeros != Zeros::Drop || *d != 0.0).collect();
    let (ranks, mut ties) = midranks(&ranked.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let sum = |sign: fn(f64) -> bool| ranked.iter().zip(&ranks).filter(|(d, _)| sign(**d)).map(|(_, r)| r).sum::<f64>();
    let shared = if zeros == Zeros::Split { sum(|d| d == 0.0) / 2.0 } else { 0.0 };
    let (w_plus, w_minus) = (sum(|d| d > 0.0) + shared, sum(|d| d < 0.0) + shared);

    let is_plain = n_zeros == 0 && ties.iter().all(|&t| t == 1);
    let is_exact = match method {
        Method::Auto => differences.len() <= if is_plain { EXACT_LIMIT } else { EXACT_LIMIT_TIES },
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let p = if is_exact {
        let signed = ranked.iter().zip(&ranks).filter(|(d, _)| **d != 0.0).map(|(_, r)| *r);
        exact(&signed.collect::<Vec<_>>(), w_plus - shared)?
    } else {
        if zeros == Zeros::Pratt && n_zeros > 0 {
            // Zeros come first and are not part of the correction for ties.
            ties.remove(0);
        }
        let dropped = if zeros == Zeros::Pratt { n_zeros as f64 } else { 0.0 };
        let n = ranked.len() as f64;
        let mean = (n * (n + 1.0) - dropped * (dropped + 1.0)) / 4.0;
        let of = |n: f64| n * (n + 1.0) * (2.0 * n + 1.0);
        let sd = ((of(n) - of(dropped) - tie_sum(&ties) / 2.0) / 24.0).sqrt();
        (2.0 * Normal::standard().sf(((w_plus - mean) / sd).abs())).min(1.0)
    };
    let null = if is_exact { Null::Exact } else { Null::Asymptotic };
    let n = differences.len() - n_zeros;
    Ok(SignedRank { w: w_plus.min(w_minus), w_plus, w_minus, p, n, n_zeros, null })
}

/// Two-sided p-value over all signs of these ranks.
fn exact(ranks: &[f64], w_plus: f64) -> Result<f64, Error> {
    const LIMIT: usize = 1000;
    if ranks.len() > LIMIT {
        return Err(Error::TooMany {
            test: TEST,
            what: "differences for an exact p-value",
            limit: LIMIT,
            found: ranks.len(),
        });
    }
    // Midranks are halves: twice them are whole, and each takes either sign with probability one half.
    let doubled: Vec<usize> = ranks.iter().map(|r| (2.0 * r).round() as usize).collect();
    let largest: usize = doubled.iter().sum();
    let mut probability = vec![0.0; largest + 1];
    probability[0] = 1.0;
    let mut reached = 0;
    for &rank in &doubled {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = if sum >= rank { probability[sum - rank] } else { 0.0 };
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    let found = (2.0 * w_plus).round() as usize;
    let below: f64 = probability[..=found.min(largest)].iter().sum();
    let above: f64 = probability[found.min(largest)..].iter().sum();
    Ok((2.0 * below.min(above)).min(1.0))
}
