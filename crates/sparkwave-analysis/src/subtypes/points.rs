//! Points in rows, and what is drawn of them.

use std::collections::BTreeSet;

use multiversion::multiversion;
use ndarray::ArrayView2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Error;

/// Finite points, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Points {
    values: Vec<f64>,
    n_features: usize,
}

impl Points {
    /// Takes `[N, M]` values.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; [`Error::Nothing`] if N or M is 0.
    pub(super) fn new(values: ArrayView2<f64>) -> Result<Self, Error> {
        let (n, n_features) = values.dim();
        if n == 0 || n_features == 0 {
            return Err(Error::Nothing { n, n_features });
        }
        if let Some(((row, feature), &found)) = values.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { row, feature, found });
        }
        Ok(Self { values: values.iter().copied().collect(), n_features })
    }

    /// The named rows, which may repeat.
    pub(super) fn take(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { values, n_features: self.n_features }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.n_features
    }

    pub(super) fn n_features(&self) -> usize {
        self.n_features
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.n_features..(i + 1) * self.n_features]
    }

    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.n_features)
    }

    pub(super) fn column(&self, feature: usize) -> impl Iterator<Item = f64> + '_ {
        self.rows().map(move |row| row[feature])
    }

    /// Number of distinct points, or `enough` if there are at least so many.
    pub(super) fn n_distinct(&self, enough: usize) -> usize {
        let mut seen = BTreeSet::new();
        for row in self.rows() {
            // Adding 0 makes the two zeros one.
            seen.insert(row.iter().map(|v| (v + 0.0).to_bits()).collect::<Vec<_>>());
            if seen.len() == enough {
                break;
            }
        }
        seen.len()
    }
}

/// Squared Euclidean distance, in four sums that a processor forms side by side.
#[inline(always)]
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a_fours, b_fours) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = a_fours.remainder().iter().zip(b_fours.remainder());
    let rest: f64 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_fours.zip(b_fours) {
        for i in 0..4 {
            let difference = a[i] - b[i];
            sums[i] += difference * difference;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Squared distances of points `from..from + out.len()` to `other`.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn squared_distances(points: &Points, from: usize, other: &[f64], out: &mut [f64]) {
    for (out, point) in out.iter_mut().zip(points.rows().skip(from)) {
        *out = squared_distance(point, other);
    }
}

/// `n` distinct numbers below `below`, ascending; all of them if `n` is not smaller.
pub(super) fn sample(below: usize, n: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    if n >= below {
        return (0..below).collect();
    }
    // Floyd's algorithm: Bentley & Floyd 1987, Communications of the ACM 30, 754.
    let mut drawn = BTreeSet::new();
    for last in below - n..below {
        let candidate = rng.random_range(0..=last as u64) as usize;
        if !drawn.insert(candidate) {
            drawn.insert(last);
        }
    }
    drawn.into_iter().collect()
}

/// That there is a label for each of `n` points, and that all are below `k`.
///
/// # Errors
/// [`Error::Length`] and [`Error::Label`].
pub(super) fn check_labels(labels: &[usize], n: usize, k: usize) -> Result<(), Error> {
    if labels.len() != n {
        return Err(Error::Length { what: "labels", expected: n, found: labels.len() });
    }
    match labels.iter().find(|label| **label >= k) {
        Some(&found) => Err(Error::Label { last: k.saturating_sub(1), found }),
        None => Ok(()),
    }
}
