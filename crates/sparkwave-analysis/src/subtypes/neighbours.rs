//! A picture of points in which neighbours stay neighbours.
//!
//! This is t-SNE, of one class with UMAP and with the PHATE map of the publication. Of the packages that make such maps, only
//! `bhtsne` can make one twice: it takes the places that points start from, here their principal components, and then draws
//! nothing at random. The one of UMAP draws from the operating system and lets threads race; the one of PHATE lets the linear
//! algebra of the whole program run on all threads.

use bhtsne::{Neighbor, tSNE};
use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::map::Principal;
use super::points::{Points, sample, squared_distances};

/// How a map of neighbours is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NeighbourMapParams {
    /// Of more points than this, so many are drawn and mapped.
    pub max_points: usize,
    /// How many neighbours of a point count, roughly; at most a third of the points do.
    pub perplexity: usize,
    /// Rounds of the descent; in the first 250 neighbours attract each other twelve times as strongly.
    pub n_rounds: usize,
    /// Seed of the draw.
    pub seed: u64,
}

impl Default for NeighbourMapParams {
    /// 2,000 points, perplexity 30 (that of scikit-learn and openTSNE), 750 rounds (that of openTSNE), seed 0.
    fn default() -> Self {
        Self { max_points: 2_000, perplexity: 30, n_rounds: 750, seed: 0 }
    }
}

/// Points in a plane. Only which points are near each other means something: distances between groups, their sizes and the
/// directions of the axes do not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeighbourMap {
    /// 0-based rows of the points that were mapped, ascending.
    pub rows: Vec<usize>,
    /// Where each of them lies.
    pub positions: Vec<[f64; 2]>,
    /// The perplexity that was used.
    pub perplexity: usize,
}

/// Fewer points than this have no map.
const FEWEST: usize = 10;
/// Forces of points farther away than their spread over this are summed up (Barnes & Hut).
const THETA: f64 = 0.5;
/// Standard deviation of the first coordinate at the start, so small that neighbours find each other.
const SPREAD: f64 = 1e-4;

/// Maps points `[N, M]` by t-SNE (van der Maaten 2014, J. Mach. Learn. Res. 15, 3221) from their two largest principal
/// components on, which keeps what is far apart on its side (Kobak & Linderman 2021, Nat. Biotechnol. 39, 156). Give standard
/// scores. `None` for fewer than ten points, or if all are the same.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`], [`Error::Components`], and [`Error::NeighbourMap`] without a thread to run on or
/// for points too far apart for their distances to be numbers.
pub fn neighbour_map(points: ArrayView2<f64>, params: &NeighbourMapParams) -> Result<Option<NeighbourMap>, Error> {
    let all = Points::new(points)?;
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let rows = sample(all.len(), params.max_points.max(FEWEST), &mut rng);
    let points = all.take(&rows);
    let n = points.len();
    let fail = |reason: String| Error::NeighbourMap { n, reason };
    if n < FEWEST {
        return Ok(None);
    }
    let perplexity = params.perplexity.clamp(1, (n - 1) / 3);
    let neighbours = nearest(&points, 3 * perplexity);
    // Before the components: of such points these would say that all are the same.
    if !neighbours.iter().flatten().all(|neighbour| neighbour.distance.is_finite()) {
        return Err(fail("expected distances below 1e154, found larger ones".to_owned()));
    }
    let Some(start) = Principal::of(&points)?.plane(&points, SPREAD) else { return Ok(None) };
    // The package sums in an order that depends on threads: on one thread there is one order.
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one_thread = one_thread.map_err(|e| fail(format!("expected a thread, found {e}")))?;
    let embedding = one_thread.install(|| {
        let items: Vec<&[f64]> = points.rows().collect();
        let mut map: tSNE<'_, f64, &[f64], 2> = tSNE::new(&items);
        map.perplexity(perplexity as f64).epochs(params.n_rounds).initial_embedding(start.concat());
        map.barnes_hut_with_neighbors(THETA, &neighbours);
        map.embedding()
    });
    if !embedding.iter().all(|v| v.is_finite()) {
        return Err(fail("expected places, found numbers that are not finite".to_owned()));
    }
    let positions = embedding.chunks_exact(2).map(|at| [at[0], at[1]]).collect();
    Ok(Some(NeighbourMap { rows, positions, perplexity }))
}

/// For each point the `k` nearest other ones, equally near ones by row.
fn nearest(points: &Points, k: usize) -> Vec<Vec<Neighbor<f64>>> {
    let of_point = |i: usize| {
        let mut squared = vec![0.0; points.len()];
        squared_distances(points, 0, points.row(i), &mut squared);
        let mut others: Vec<usize> = (0..points.len()).filter(|j| *j != i).collect();
        others.sort_unstable_by(|&a, &b| squared[a].total_cmp(&squared[b]).then(a.cmp(&b)));
        others.truncate(k);
        others.into_iter().map(|index| Neighbor { index, distance: squared[index].sqrt() }).collect()
    };
    (0..points.len()).into_par_iter().map(of_point).collect()
}
