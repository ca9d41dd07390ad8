//! Bootstrap intervals of detection scores.

use rand_chacha::ChaCha8Rng;

use super::curve::{self, Sample};
use super::{Ratios, Scores};
use crate::statistics::bootstrap::{Interval, Resampling, any};

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
    let replicates: Vec<[Option<f64>; 5]> = resampling.replicate(|rng| {
        let mut drawn = Drawn::default();
        drawn.draw(&scores.sample, rng);
        drawn.measures(&scores.sample)
    });
    let interval = |measure: usize, value: Option<f64>| {
        value?;
        Interval::percentile(replicates.iter().map(|r| r[measure]), resampling.level)
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
            match self.predictions.get_mut(any(n_outcomes, rng)) {
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
