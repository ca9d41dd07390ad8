//! Permutation tests of means.
//!
//! What is permuted must be exchangeable: give one value for each animal or neuron, not one for each event.

use super::bootstrap::{Resampling, any};
use super::{Error, check};
use rand::Rng;
use serde::Serialize;

/// Result of a permutation test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Permutation {
    /// The mean, or the difference of means, first less second.
    pub difference: f64,
    /// Two-sided p-value: twice the smaller tail, as in SciPy.
    pub p: f64,
    /// Arrangements looked at.
    pub n_permutations: usize,
    /// Whether these were all there are.
    pub is_exact: bool,
}

/// Whether two samples have one mean: values change places between them.
///
/// All arrangements are looked at if there are no more than `resampling.n_resamples`; otherwise as many random ones, and
/// the observed one is counted in (Phipson and Smyth 2010). Its level is not looked at.
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] without values; [`Error::OutOfRange`] for no permutation.
pub fn swap_labels(first: &[f64], second: &[f64], resampling: &Resampling) -> Result<Permutation, Error> {
    const TEST: &str = "permutation test of two groups";
    check(TEST, &[first, second], 1)?;
    let pooled = [first, second].concat();
    let (n, n_first) = (pooled.len(), first.len());
    let total: f64 = pooled.iter().sum();
    let difference = |sum: f64| sum / n_first as f64 - (total - sum) / (n - n_first) as f64;
    let observed = difference(first.iter().sum());
    let scale = pooled.iter().fold(0.0, |scale: f64, v| scale.max(v.abs()));
    let count = arrangements(n, n_first, resampling.n_resamples);
    let Some(count) = count else {
        let drawn = resampling.replicate(|rng| {
            let mut shuffled = pooled.clone();
            for i in 0..n_first {
                shuffled.swap(i, i + any(n - i, rng));
            }
            difference(shuffled[..n_first].iter().sum())
        });
        return sampled(TEST, observed, scale, &drawn);
    };
    let mut null = Vec::with_capacity(count);
    let mut chosen: Vec<usize> = (0..n_first).collect();
    loop {
        null.push(difference(chosen.iter().map(|&i| pooled[i]).sum()));
        // The next combination in lexicographic order: the last index that can still move, moves.
        let Some(i) = (0..n_first).rev().find(|&i| chosen[i] < n - n_first + i) else { break };
        chosen[i] += 1;
        for j in i + 1..n_first {
            chosen[j] = chosen[j - 1] + 1;
        }
    }
    Ok(all(observed, scale, &null))
}

/// Whether differences have the mean 0: each changes its sign. Otherwise as [`swap_labels`].
///
/// # Errors
/// Those of [`swap_labels`].
pub fn flip_signs(differences: &[f64], resampling: &Resampling) -> Result<Permutation, Error> {
    const TEST: &str = "permutation test of differences";
    check(TEST, &[differences], 1)?;
    let n = differences.len();
    let observed = differences.iter().sum::<f64>() / n as f64;
    let scale = differences.iter().fold(0.0, |scale: f64, v| scale.max(v.abs()));
    let signed = |is_flipped: &mut dyn FnMut(usize) -> bool| {
        let sum: f64 = differences.iter().enumerate().map(|(i, d)| if is_flipped(i) { -d } else { *d }).sum();
        sum / n as f64
    };
    match u32::try_from(n).ok().and_then(|n| 1usize.checked_shl(n)).filter(|&all| all <= resampling.n_resamples) {
        Some(count) => {
            let null: Vec<f64> = (0..count).map(|signs| signed(&mut |i| signs >> i & 1 == 1)).collect();
            Ok(all(observed, scale, &null))
        }
        None => {
            let drawn = resampling.replicate(|rng| signed(&mut |_| rng.random()));
            sampled(TEST, observed, scale, &drawn)
        }
    }
}

/// `n` choose `k`, if that is no more than `limit`.
fn arrangements(n: usize, k: usize, limit: usize) -> Option<usize> {
    let mut count: usize = 1;
    for i in 0..k.min(n - k) {
        count = count.checked_mul(n - i)? / (i + 1);
        if count > limit {
            return None;
        }
    }
    Some(count)
}

/// Arrangements with a statistic as small and as large; sums of the same values in another order count as equal.
fn tails(observed: f64, scale: f64, null: &[f64]) -> (usize, usize) {
    let tolerance = 1e-12 * scale;
    let below = null.iter().filter(|v| **v <= observed + tolerance).count();
    let above = null.iter().filter(|v| **v >= observed - tolerance).count();
    (below, above)
}

fn all(observed: f64, scale: f64, null: &[f64]) -> Permutation {
    let (below, above) = tails(observed, scale, null);
    let p = (2.0 * below.min(above) as f64 / null.len() as f64).min(1.0);
    Permutation { difference: observed, p, n_permutations: null.len(), is_exact: true }
}

fn sampled(test: &'static str, observed: f64, scale: f64, null: &[f64]) -> Result<Permutation, Error> {
    if null.is_empty() {
        return Err(Error::OutOfRange { test, expected: "at least one permutation", found: 0.0 });
    }
    let (below, above) = tails(observed, scale, null);
    let p = (2.0 * (below.min(above) + 1) as f64 / (null.len() + 1) as f64).min(1.0);
    Ok(Permutation { difference: observed, p, n_permutations: null.len(), is_exact: false })
}
