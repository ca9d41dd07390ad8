//! Seeded resampling and percentile intervals.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// How the intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Resampling {
    /// Number of resamples.
    pub n_resamples: usize,
    /// Probability inside the interval, in 0..1.
    pub level: f64,
    /// Seed of the random stream; the same seed gives the same intervals at any thread count.
    pub seed: u64,
}

impl Default for Resampling {
    /// 95 % intervals from 1000 resamples, seed 0.
    fn default() -> Self {
        Self { n_resamples: 1000, level: 0.95, seed: 0 }
    }
}

impl Resampling {
    /// What `draw` makes of each resample, in their order.
    pub(crate) fn replicate<T: Send>(&self, draw: impl Fn(&mut ChaCha8Rng) -> T + Sync) -> Vec<T> {
        (0..self.n_resamples as u64)
            .into_par_iter()
            .map(|stream| {
                // One stream for each resample: the result cannot depend on which thread draws it.
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(stream);
                draw(&mut rng)
            })
            .collect()
    }
}

/// A percentile interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The percentile interval of resampled values; those in which the value is undefined are left out.
    pub(crate) fn percentile(resampled: impl IntoIterator<Item = Option<f64>>, level: f64) -> Option<Self> {
        let mut values: Vec<f64> = resampled.into_iter().flatten().collect();
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
        (!values.is_empty()).then(|| Self { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail) })
    }
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its interval; `None` where nothing was repeated: one network on one movie, one animal.
    pub interval: Option<Interval>,
}

impl std::fmt::Display for Estimate {
    /// `0.590 (0.551 to 0.624)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.value)?;
        self.interval.map_or(Ok(()), |interval| write!(f, " ({:.3} to {:.3})", interval.low, interval.high))
    }
}

/// An index below `n`, the same on machines of any word length.
pub(crate) fn any(n: usize, rng: &mut ChaCha8Rng) -> usize {
    rng.random_range(0..n as u64) as usize
}

/// The quantile `q` in 0..1 of ascending values, linear between order statistics; 0 for no values.
pub(crate) fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return 0.0 };
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    ascending[below] + (ascending[above] - ascending[below]) * (position - below as f64)
}
