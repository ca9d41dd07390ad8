//! Do the same groups come back from other draws of the same events?

use ndarray::ArrayView2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::k_means::{Clustering, KMeansParams, search};
use super::points::{Points, check_labels, sample};

/// How stability is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StabilityParams {
    /// Number of resamples.
    pub n_resamples: usize,
    /// Of more points than this, so many are drawn once, and resampled.
    pub max_points: usize,
    /// How groups are searched for in each; its seed is that of the resamples too.
    pub k_means: KMeansParams,
}

impl Default for StabilityParams {
    /// 50 resamples of at most 5,000 points, 3 restarts.
    fn default() -> Self {
        Self { n_resamples: 50, max_points: 5_000, k_means: KMeansParams { n_restarts: 3, ..KMeansParams::default() } }
    }
}

/// How stable groups are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stability {
    /// For each group the mean over resamples of the Jaccard index with the most similar group found there, 0..=1; `None`
    /// if it was never drawn. Above 0.75 is stable, below 0.6 should not be interpreted (Hennig 2007).
    pub jaccard: Vec<Option<f64>>,
    /// Mean over resamples of the adjusted Rand index between the groups and those found there, 1 for the same groups and
    /// about 0 by chance.
    pub adjusted_rand: Option<f64>,
    /// Resamples with at least as many distinct points as groups; the others are left out.
    pub n_resamples: usize,
    /// Points looked at.
    pub n_points: usize,
}

/// Hennig 2007 (Comput. Stat. Data Anal. 52, 258): events are drawn with replacement, as many as there are, and divided
/// anew; groups are compared over the events drawn.
///
/// # Errors
/// As [`super::k_means`], and [`Error::Length`] or [`Error::Label`] unless `clustering` is of the same points.
pub fn stability(
    points: ArrayView2<f64>,
    clustering: &Clustering,
    params: &StabilityParams,
) -> Result<Stability, Error> {
    let all = Points::new(points)?;
    let k = clustering.k();
    check_labels(&clustering.labels, all.len(), k)?;
    let mut rng = ChaCha8Rng::seed_from_u64(params.k_means.seed);
    rng.set_stream(u64::MAX / 2);
    let looked_at = sample(all.len(), params.max_points.max(1), &mut rng);
    let labels: Vec<usize> = looked_at.iter().map(|i| clustering.labels[*i]).collect();
    let (points, n) = (all.take(&looked_at), looked_at.len());
    let resamples: Vec<Option<Comparison>> = (0..params.n_resamples as u64)
        .into_par_iter()
        .map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(params.k_means.seed);
            // Streams from 0 on belong to the searches.
            rng.set_stream(u64::MAX - stream);
            let mut drawn: Vec<usize> = (0..n).map(|_| rng.random_range(0..n as u64) as usize).collect();
            drawn.sort_unstable();
            match search(&points.take(&drawn), k, &params.k_means) {
                Ok(found) => Ok(Some(compare(&drawn, &labels, &found.labels, k))),
                Err(Error::GroupCount { .. }) => Ok(None),
                Err(other) => Err(other),
            }
        })
        .collect::<Result<_, _>>()?;
    let resamples: Vec<Comparison> = resamples.into_iter().flatten().collect();
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Ok(Stability {
        jaccard: (0..k).map(|group| mean(resamples.iter().filter_map(|r| r.jaccard[group]).collect())).collect(),
        adjusted_rand: mean(resamples.iter().filter_map(|r| r.adjusted_rand).collect()),
        n_resamples: resamples.len(),
        n_points: n,
    })
}

struct Comparison {
    jaccard: Vec<Option<f64>>,
    adjusted_rand: Option<f64>,
}

/// Compares two divisions of the points drawn, each point once; `drawn` is ascending.
fn compare(drawn: &[usize], labels: &[usize], found: &[usize], k: usize) -> Comparison {
    let is_new = |i: &usize| *i == 0 || drawn[*i] != drawn[i - 1];
    let pairs: Vec<(usize, usize)> = (0..drawn.len()).filter(is_new).map(|i| (labels[drawn[i]], found[i])).collect();
    let common = Common::count(&pairs, k, k);
    let jaccard = |group: usize| {
        let of_group = common.of_a[group];
        let overlaps = (0..k).map(|other| {
            let both = common.both[group * k + other];
            both as f64 / (of_group + common.of_b[other] - both) as f64
        });
        (of_group > 0).then(|| overlaps.fold(0.0, f64::max))
    };
    Comparison { jaccard: (0..k).map(jaccard).collect(), adjusted_rand: common.adjusted_rand_index() }
}

/// How many points two divisions put where.
struct Common {
    both: Vec<usize>,
    of_a: Vec<usize>,
    of_b: Vec<usize>,
    n: usize,
}

impl Common {
    fn count(pairs: &[(usize, usize)], n_a: usize, n_b: usize) -> Self {
        let mut common = Self { both: vec![0; n_a * n_b], of_a: vec![0; n_a], of_b: vec![0; n_b], n: pairs.len() };
        for &(a, b) in pairs {
            common.both[a * n_b + b] += 1;
            common.of_a[a] += 1;
            common.of_b[b] += 1;
        }
        common
    }

    fn adjusted_rand_index(&self) -> Option<f64> {
        let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
        let sum = |counts: &[usize]| counts.iter().map(|&n| pairs(n)).sum::<f64>();
        if self.n < 2 {
            return None;
        }
        let (both, a, b) = (sum(&self.both), sum(&self.of_a), sum(&self.of_b));
        let expected = a * b / pairs(self.n);
        let largest = (a + b) / 2.0;
        // All in one group, or each alone, on both sides: the same division.
        if largest == expected { Some(1.0) } else { Some((both - expected) / (largest - expected)) }
    }
}

/// Hubert & Arabie 1985 (J. Classif. 2, 193): agreement of two divisions of the same points, 1 if they are the same, 0 on
/// average by chance. `None` for fewer than two points.
///
/// # Errors
/// [`Error::Length`] unless both are equally long; [`Error::Label`] for a label that is not below the number of points.
pub fn adjusted_rand_index(a: &[usize], b: &[usize]) -> Result<Option<f64>, Error> {
    if a.len() != b.len() {
        return Err(Error::Length { what: "labels", expected: a.len(), found: b.len() });
    }
    if let Some(&found) = a.iter().chain(b).find(|label| **label >= a.len()) {
        return Err(Error::Label { last: a.len().saturating_sub(1), found });
    }
    let n_labels = |labels: &[usize]| labels.iter().max().map_or(0, |last| last + 1);
    let pairs: Vec<(usize, usize)> = a.iter().copied().zip(b.iter().copied()).collect();
    Ok(Common::count(&pairs, n_labels(a), n_labels(b)).adjusted_rand_index())
}
