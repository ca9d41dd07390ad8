//! K-means: as many groups as asked for, each point in that of the nearest centre, each centre the mean of its points.

mod centres;
mod exchange;
mod lloyd;
mod seeding;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use ndarray::ArrayView2;

use super::Error;
use super::points::{Points, sample, squared_distance};
use lloyd::Partition;

/// Of more points than this, searches look at so many; the best centres then settle on all points. What a centre of a
/// thousand points or more gains from others is far below what a search more can find.
const MAX_SEARCHED: usize = 20_000;

/// How groups are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KMeansParams {
    /// Number of searches from different seeds, at least 1; the one of least inertia is kept.
    pub n_restarts: usize,
    /// Most rounds of a search.
    pub max_rounds: usize,
    /// A search ends early when the squared movement of all centres falls below this part of the mean variance of the
    /// features; the best one is then continued until no point changes its group.
    pub tolerance: f64,
    /// Seed of the random streams.
    pub seed: u64,
}

impl Default for KMeansParams {
    /// 10 searches of at most 300 rounds, tolerance 1e-4 (the defaults of the published library), seed 0.
    fn default() -> Self {
        Self { n_restarts: 10, max_rounds: 300, tolerance: 1e-4, seed: 0 }
    }
}

/// Points in groups, the largest group first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clustering {
    /// The mean of each group, `[K][M]`.
    pub centres: Vec<Vec<f64>>,
    /// Group of each point, 0-based.
    pub labels: Vec<usize>,
    /// Number of points of each group, never 0, not rising.
    pub sizes: Vec<usize>,
    /// Sum over points of the squared distance to the centre of their group.
    pub inertia: f64,
    /// False if the rounds ended before the groups were settled.
    pub is_settled: bool,
}

impl Clustering {
    /// Number of groups.
    pub fn k(&self) -> usize {
        self.centres.len()
    }
}

/// Divides points `[N, M]` into `k` groups.
///
/// Centres start by greedy k-means++ (Arthur & Vassilvitskii 2007, SODA, 1027) and move by Lloyd's rounds, with the
/// bounds of Hamerly 2010 (SDM, 130), which leave out distances that cannot matter. The single moves of Hartigan & Wong 1979
/// (Appl. Stat. 28, 100) then find better groups where Lloyd's rounds are stuck. Of more than 20,000 points, so many are
/// searched, and the best centres found are moved by Lloyd's rounds over all points. Groups are numbered by falling size, equally large ones by their centres, so that a partition always has the same numbers.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`], and [`Error::GroupCount`] unless there are at least `k` distinct points.
pub fn k_means(points: ArrayView2<f64>, k: usize, params: &KMeansParams) -> Result<Clustering, Error> {
    search(&Points::new(points)?, k, params)
}

/// [`k_means`] for each number of groups.
///
/// # Errors
/// As [`k_means`].
pub fn k_means_range(points: ArrayView2<f64>, ks: &[usize], params: &KMeansParams) -> Result<Vec<Clustering>, Error> {
    let points = Points::new(points)?;
    ks.par_iter().map(|&k| search(&points, k, params)).collect()
}

/// For each point the nearest centre, the first of equally near ones, which puts events that the groups were not found on
/// into them.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Nothing`] without points or centres, and [`Error::Length`] for centres with other
/// features.
pub fn assign(points: ArrayView2<f64>, centres: &[Vec<f64>]) -> Result<Vec<usize>, Error> {
    let points = Points::new(points)?;
    if centres.is_empty() {
        return Err(Error::Nothing { n: 0, n_features: points.n_features() });
    }
    if let Some(other) = centres.iter().find(|c| c.len() != points.n_features()) {
        return Err(Error::Length { what: "features", expected: points.n_features(), found: other.len() });
    }
    Ok(points.rows().map(|point| nearest(point, centres).0).collect())
}

/// The nearest centre and its squared distance.
fn nearest(point: &[f64], centres: &[Vec<f64>]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (i, centre) in centres.iter().enumerate() {
        let squared = squared_distance(point, centre);
        if squared < best.1 {
            best = (i, squared);
        }
    }
    best
}

pub(super) fn search(points: &Points, k: usize, params: &KMeansParams) -> Result<Clustering, Error> {
    let n_distinct = points.n_distinct(k.max(1));
    if k == 0 || n_distinct < k {
        return Err(Error::GroupCount { found: k, n: points.len(), n_distinct });
    }
    let best = if points.len() > MAX_SEARCHED {
        let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
        rng.set_stream(u64::MAX / 2);
        let some = points.take(&sample(points.len(), MAX_SEARCHED, &mut rng));
        // Where few points are distinct, a sample may miss some of them.
        if some.n_distinct(k) < k { best_of(points, k, params) } else { best_of(&some, k, params) }
    } else {
        best_of(points, k, params)
    };
    Ok(numbered_by_size(lloyd::settle(points, best.centres, params.max_rounds, 0.0)))
}

/// The search of least inertia, continued until no single point changes its group.
fn best_of(points: &Points, k: usize, params: &KMeansParams) -> Partition {
    let mean_variance = (0..points.n_features()).map(|j| variance(points, j)).sum::<f64>() / points.n_features() as f64;
    let enough = params.tolerance * mean_variance;
    let searches: Vec<Partition> = (0..params.n_restarts.max(1) as u64)
        .into_par_iter()
        .map(|restart| {
            let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
            rng.set_stream(restart);
            let found = lloyd::settle(points, seeding::centres(points, k, &mut rng), params.max_rounds, enough);
            exchange::exchange(points, found, params.max_rounds)
        })
        .collect();
    // Of equal ones the first.
    let best = searches.into_iter().reduce(|best, next| if next.inertia < best.inertia { next } else { best });
    let best = best.expect("there is at least one search");
    exchange::exchange(points, lloyd::settle(points, best.centres, params.max_rounds, 0.0), params.max_rounds)
}

fn variance(points: &Points, feature: usize) -> f64 {
    let n = points.len() as f64;
    let mean = points.column(feature).sum::<f64>() / n;
    points.column(feature).map(|v| (v - mean) * (v - mean)).sum::<f64>() / n
}

fn numbered_by_size(partition: Partition) -> Clustering {
    let Partition { centres, mut labels, inertia, is_settled } = partition;
    let mut sizes = vec![0usize; centres.len()];
    labels.iter().for_each(|&label| sizes[label] += 1);
    let by_centre = |a: &[f64], b: &[f64]| {
        let unequal = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        unequal.unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|&a, &b| sizes[b].cmp(&sizes[a]).then_with(|| by_centre(&centres[a], &centres[b])));
    let mut new_label = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| new_label[old] = new);
    labels.iter_mut().for_each(|label| *label = new_label[*label]);
    Clustering {
        centres: order.iter().map(|&old| centres[old].clone()).collect(),
        sizes: order.iter().map(|&old| sizes[old]).collect(),
        labels,
        inertia,
        is_settled,
    }
}
