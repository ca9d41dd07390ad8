//! Bootstrap intervals of detection scores.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::curve::{self, Sample};
use super::{Ratios, Scores};

/// How the intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// A percentile interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Intervals of the scores; `None` where the score itself is undefined or no resample defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Of the precision.
    pub precision: Option<Interval>,
    /// Of the recall.
    pub recall: Option<Interval>,
    /// Of F1.
    pub f1: Option<Interval>,
    /// Of the average precision.
    pub ap: Option<Interval>,
    /// Of the published average precision.
    pub ap_paper: Option<Interval>,
}

/// Percentile bootstrap intervals of the scores.
///
/// **What is resampled:** the outcomes, with replacement, as many as there are: a truth with the prediction that found
/// it, a prediction without truth, a truth without prediction. The matching is not repeated, and thresholds of the
/// published average precision stay those of the original. The intervals therefore tell how far the scores depend on the
/// events that this recording happened to hold. They say nothing about other recordings, and they are too narrow where
/// events come in bursts, since outcomes are drawn as if independent.
///
/// Resamples in which a score is undefined (no predictions drawn, no truths drawn) are left out for that score. Ratios
/// are exact ones in both modes; the 1e-6 of the published precision, recall and F1 is below what is resolved here.
pub fn bootstrap(scores: &Scores, resampling: &Resampling) -> Intervals {
    let replicates: Vec<[Option<f64>; 5]> = (0..resampling.n_resamples as u64)
        .into_par_iter()
        .map_init(Drawn::default, |drawn, stream| {
            // One stream for each resample: the result cannot depend on which thread draws it.
            let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
            rng.set_stream(stream);
            drawn.draw(&scores.sample, &mut rng);
            drawn.measures(&scores.sample)
        })
        .collect();
    let interval = |measure: usize, value: Option<f64>| {
        value?;
        let mut values: Vec<f64> = replicates.iter().filter_map(|r| r[measure]).collect();
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - resampling.level.clamp(0.0, 1.0)) / 2.0;
        (!values.is_empty()).then(|| Interval { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail) })
    };
    Intervals {
        precision: interval(0, scores.precision),
        recall: interval(1, scores.recall),
        f1: interval(2, scores.f1),
        ap: interval(3, scores.ap),
        ap_paper: interval(4, scores.ap_paper),
    }
}

/// How often each outcome was drawn.
#[derive(Default)]
struct Drawn {
    predictions: Vec<u32>,
    missed: usize,
}

impl Drawn {
    fn draw(&mut self, sample: &Sample, rng: &mut ChaCha8Rng) {
        let n_predictions = sample.is_hit.len();
        let n_hits = sample.is_hit.iter().filter(|&&hit| hit).count();
        let n_outcomes = n_predictions + sample.n_truths - n_hits;
        self.predictions.clear();
        self.predictions.resize(n_predictions, 0);
        self.missed = 0;
        for _ in 0..n_outcomes {
            let outcome = rng.random_range(0..n_outcomes as u64) as usize;
            match self.predictions.get_mut(outcome) {
                Some(count) => *count += 1,
                None => self.missed += 1,
            }
        }
    }

    /// Precision, recall, F1, average precision, published average precision.
    fn measures(&self, sample: &Sample) -> [Option<f64>; 5] {
        let hits = || self.predictions.iter().zip(&sample.is_hit).map(|(&n, &hit)| if hit { n as usize } else { 0 });
        let n_predictions: usize = self.predictions.iter().map(|&n| n as usize).sum();
        let tp: usize = hits().sum();
        let n_truths = tp + self.missed;
        let Ratios { precision, recall, f1 } = Ratios::exact(tp, n_predictions, n_truths);
        let is_ranked = sample.scores.len() == self.predictions.len() && n_truths > 0;
        if !is_ranked {
            return [precision, recall, f1, None, None];
        }

        let (mut ap, mut tp, mut reached, mut n_kept) = (0.0, 0, 0, 0);
        // tp and number kept among the first n predictions of the sample.
        let mut of_first = Vec::with_capacity(self.predictions.len() + 1);
        of_first.push((0, 0));
        for (i, (&n, hit)) in self.predictions.iter().zip(hits()).enumerate() {
            n_kept += n as usize;
            tp += hit;
            of_first.push((tp, n_kept));
            if tp > reached && sample.ends_tie(i) {
                ap += (tp - reached) as f64 / n_truths as f64 * (tp as f64 / n_kept as f64);
                reached = tp;
            }
        }
        let points = sample.n_kept.iter().map(|&n| {
            let (tp, n_kept) = of_first[n];
            (curve::published_ratio(tp, n_kept), curve::published_ratio(tp, n_truths))
        });
        [precision, recall, f1, Some(ap), curve::published_average_precision(points.collect())]
    }
}

/// The quantile `q` in 0..1 of ascending values, linear between order statistics; 0 for no values.
pub(crate) fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return 0.0 };
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    ascending[below] + (ascending[above] - ascending[below]) * (position - below as f64)
}
