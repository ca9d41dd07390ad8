//! The gap statistic: are groups tighter than those of points without any?

use ndarray::ArrayView2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::k_means::{KMeansParams, search};
use super::map::Principal;
use super::points::{Points, sample};

/// How the gap is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GapParams {
    /// Sets of points without groups.
    pub n_references: usize,
    /// Of more points than this, so many are drawn and looked at.
    pub max_points: usize,
    /// How groups are searched for, in the points and in the references alike; its seed is that of the references too.
    pub k_means: KMeansParams,
}

impl Default for GapParams {
    /// 20 references, 5,000 points, 3 restarts.
    fn default() -> Self {
        let k_means = KMeansParams { n_restarts: 3, ..KMeansParams::default() };
        Self { n_references: 20, max_points: 5_000, k_means }
    }
}

/// The gap at one number of groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GapAt {
    /// Number of groups.
    pub k: usize,
    /// Natural logarithm of the inertia.
    pub log_inertia: f64,
    /// Mean over the references of theirs, minus it.
    pub gap: f64,
    /// Standard error: population standard deviation over the references times sqrt(1 + 1 / n).
    pub error: f64,
}

/// Gaps over the number of groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// One for each number of groups.
    pub at: Vec<GapAt>,
    /// The first number of groups whose gap is not smaller than the next one's less its error; `None` if each is.
    pub k: Option<usize>,
    /// Points looked at.
    pub n_points: usize,
}

/// Tibshirani, Walther & Hastie 2001 (J. R. Stat. Soc. B 63, 411), for each number of groups in `ks`, which rise by 1. A
/// range that starts at 1 can answer that there are no groups.
///
/// References are uniform in the smallest box along the principal axes that holds the points, version (b) of the paper.
/// Numbers at which a group is a single point repeated, so that the inertia is 0, are left out.
///
/// # Errors
/// As [`super::k_means`], and [`Error::Components`].
pub fn gap_statistic(points: ArrayView2<f64>, ks: &[usize], params: &GapParams) -> Result<Gap, Error> {
    let all = Points::new(points)?;
    let mut rng = ChaCha8Rng::seed_from_u64(params.k_means.seed);
    rng.set_stream(u64::MAX);
    let points = all.take(&sample(all.len(), params.max_points.max(1), &mut rng));
    let ranges = Principal::of(&points)?.ranges(&points);
    let references: Vec<Points> = (0..params.n_references.max(1) as u64)
        .map(|stream| {
            rng.set_stream(u64::MAX - 1 - stream);
            let drawn = ndarray::Array2::from_shape_fn((points.len(), ranges.len()), |(_, j)| {
                let (low, high) = ranges[j];
                low + rng.random::<f64>() * (high - low)
            });
            Points::new(drawn.view())
        })
        .collect::<Result<_, _>>()?;
    let measured: Vec<Option<GapAt>> = ks
        .par_iter()
        .map(|&k| {
            let found = search(&points, k, &params.k_means)?.inertia;
            let expected = references.par_iter().map(|r| Ok(search(r, k, &params.k_means)?.inertia.ln()));
            let expected: Vec<f64> = expected.collect::<Result<_, Error>>()?;
            let n = expected.len() as f64;
            let mean = expected.iter().sum::<f64>() / n;
            let variance = expected.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n;
            let (gap, error) = (mean - found.ln(), (variance * (1.0 + 1.0 / n)).sqrt());
            Ok(gap.is_finite().then_some(GapAt { k, log_inertia: found.ln(), gap, error }))
        })
        .collect::<Result<_, Error>>()?;
    let at: Vec<GapAt> = measured.into_iter().flatten().collect();
    let is_enough = |two: &&[GapAt]| two[0].gap >= two[1].gap - two[1].error;
    let k = at.windows(2).find(is_enough).map(|two| two[0].k);
    Ok(Gap { at, k, n_points: points.len() })
}
