//! Silhouette: how much nearer points are to their own group than to the next one.

use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

use super::Error;
use super::points::{Points, check_labels, sample, squared_distances};

/// How many points are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SilhouetteParams {
    /// Up to so many points, every one has its silhouette.
    pub max_exact: usize,
    /// Beyond, so many have, drawn without replacement; their distances are still to all points.
    pub n_sampled: usize,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for SilhouetteParams {
    /// Exact to 10,000 points, 1,000 of them beyond, seed 0.
    fn default() -> Self {
        Self { max_exact: 10_000, n_sampled: 1_000, seed: 0 }
    }
}

/// Silhouettes of groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Silhouette {
    /// Mean over the points looked at, -1..=1.
    pub mean: f64,
    /// Mean over those of each group; `None` for a group of which none was drawn.
    pub of_group: Vec<Option<f64>>,
    /// Points looked at.
    pub n_points: usize,
    /// True if they are a sample. The mean then estimates that over all points without bias.
    pub is_sampled: bool,
}

/// Rousseeuw 1987 (J. Comput. Appl. Math. 20, 53): (b - a) / max(a, b), with `a` the mean distance of a point to the others
/// of its group and `b` the smallest mean distance to another group; 0 for a point alone in its group.
///
/// `labels` are those of [`super::Clustering`] for the same points. `None` for a single group, which has no next one.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`], [`Error::Length`] unless there is a label for each point, and
/// [`Error::Label`] for one that is not below the number of points.
pub fn silhouette(
    points: ArrayView2<f64>,
    labels: &[usize],
    params: &SilhouetteParams,
) -> Result<Option<Silhouette>, Error> {
    Ok(silhouettes(points, &[labels], params)?.pop().flatten())
}

/// [`silhouette`] of several divisions of the same points, which share the distances, their greatest cost.
///
/// # Errors
/// As [`silhouette`].
pub fn silhouettes(
    points: ArrayView2<f64>,
    divisions: &[&[usize]],
    params: &SilhouetteParams,
) -> Result<Vec<Option<Silhouette>>, Error> {
    let points = Points::new(points)?;
    let n = points.len();
    // No more groups than points: labels are indices into what is allocated.
    divisions.iter().try_for_each(|labels| check_labels(labels, n, n))?;
    let divisions: Vec<Division<'_>> = divisions.iter().map(|labels| Division::new(labels)).collect();
    let cells = Cells::of(&divisions, n);
    let is_sampled = n > params.max_exact;
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let chosen = sample(n, if is_sampled { params.n_sampled.max(1) } else { n }, &mut rng);
    let widths: Vec<Vec<f64>> = chosen
        .par_iter()
        .map(|&i| {
            let sums = cells.summed_distances(&points, i);
            divisions.iter().enumerate().map(|(d, division)| division.width(i, &cells.of_division(d, &sums))).collect()
        })
        .collect();
    let summary = |(d, division): (usize, &Division<'_>)| {
        let widths = || widths.iter().map(|of_point| of_point[d]);
        let mut of_group = vec![(0.0, 0usize); division.sizes.len()];
        for (&i, width) in chosen.iter().zip(widths()) {
            let group = &mut of_group[division.labels[i]];
            *group = (group.0 + width, group.1 + 1);
        }
        let mean = |(sum, n): (f64, usize)| (n > 0).then(|| sum / n as f64);
        let has_next = division.sizes.iter().filter(|size| **size > 0).count() > 1;
        has_next.then(|| Silhouette {
            mean: widths().sum::<f64>() / chosen.len() as f64,
            of_group: of_group.into_iter().map(mean).collect(),
            n_points: chosen.len(),
            is_sampled,
        })
    };
    Ok(divisions.iter().enumerate().map(summary).collect())
}

/// Points in groups.
struct Division<'a> {
    labels: &'a [usize],
    sizes: Vec<usize>,
}

impl<'a> Division<'a> {
    fn new(labels: &'a [usize]) -> Self {
        let mut sizes = vec![0; labels.iter().max().map_or(0, |last| last + 1)];
        labels.iter().for_each(|&label| sizes[label] += 1);
        Self { labels, sizes }
    }

    /// The silhouette of a point whose distances to each group add up to `sums`.
    fn width(&self, i: usize, sums: &[f64]) -> f64 {
        let own = self.labels[i];
        if self.sizes[own] < 2 {
            return 0.0;
        }
        let within = sums[own] / (self.sizes[own] - 1) as f64;
        let others = sums.iter().zip(&self.sizes).enumerate().filter(|(group, (_, size))| *group != own && **size > 0);
        let next = others.map(|(_, (sum, size))| sum / *size as f64).fold(f64::INFINITY, f64::min);
        let larger = within.max(next);
        if larger > 0.0 { (next - within) / larger } else { 0.0 }
    }
}

/// Points that no division parts: distances to them are added up once for all divisions.
struct Cells {
    /// The cell of each point.
    of_point: Vec<usize>,
    /// For each division the group that each cell is in.
    groups: Vec<Vec<usize>>,
    /// For each division how many groups it has.
    n_groups: Vec<usize>,
}

/// Points measured at a time: their distances stay in the nearest cache.
const BATCH: usize = 1024;

impl Cells {
    fn of(divisions: &[Division<'_>], n: usize) -> Self {
        let labels = |i: usize| divisions.iter().map(|d| d.labels[i]).collect::<Vec<usize>>();
        let mut cells = BTreeMap::new();
        let mut groups = vec![Vec::new(); divisions.len()];
        let of_point = (0..n).map(|i| {
            let next = cells.len();
            *cells.entry(labels(i)).or_insert_with_key(|key| {
                groups.iter_mut().zip(key).for_each(|(groups, &group)| groups.push(group));
                next
            })
        });
        let of_point = of_point.collect();
        Self { of_point, groups, n_groups: divisions.iter().map(|d| d.sizes.len()).collect() }
    }

    /// Sum over the points of each cell of their distances to point `i`.
    fn summed_distances(&self, points: &Points, i: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.groups.first().map_or(0, Vec::len)];
        let mut squared = [0.0; BATCH];
        for (batch, cells) in self.of_point.chunks(BATCH).enumerate() {
            let squared = &mut squared[..cells.len()];
            squared_distances(points, batch * BATCH, points.row(i), squared);
            cells.iter().zip(squared).for_each(|(&cell, squared)| sums[cell] += squared.sqrt());
        }
        sums
    }

    /// Sums over the groups of division `d` from those over cells.
    fn of_division(&self, d: usize, sums: &[f64]) -> Vec<f64> {
        let mut of_group = vec![0.0; self.n_groups[d]];
        self.groups[d].iter().zip(sums).for_each(|(&group, sum)| of_group[group] += sum);
        of_group
    }
}
