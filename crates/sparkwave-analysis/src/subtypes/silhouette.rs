//! Silhouette: how much nearer points are to their own group than to the next one.

use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::points::{Points, check_labels, sample, squared_distance};

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
    let points = Points::new(points)?;
    // No more groups than points: labels are indices into what is allocated.
    check_labels(labels, points.len(), points.len())?;
    let k = labels.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0usize; k];
    labels.iter().for_each(|&label| sizes[label] += 1);
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return Ok(None);
    }
    let n = points.len();
    let is_sampled = n > params.max_exact;
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let chosen = sample(n, if is_sampled { params.n_sampled.max(1) } else { n }, &mut rng);
    let widths: Vec<f64> = chosen.par_iter().map(|&i| width(&points, labels, &sizes, i)).collect();

    let mut of_group = vec![(0.0, 0usize); k];
    for (&i, width) in chosen.iter().zip(&widths) {
        let group = &mut of_group[labels[i]];
        *group = (group.0 + width, group.1 + 1);
    }
    let mean = |(sum, n): (f64, usize)| (n > 0).then(|| sum / n as f64);
    Ok(Some(Silhouette {
        mean: widths.iter().sum::<f64>() / widths.len() as f64,
        of_group: of_group.into_iter().map(mean).collect(),
        n_points: widths.len(),
        is_sampled,
    }))
}

fn width(points: &Points, labels: &[usize], sizes: &[usize], i: usize) -> f64 {
    let own = labels[i];
    if sizes[own] < 2 {
        return 0.0;
    }
    let mut sums = vec![0.0; sizes.len()];
    for (point, &label) in points.rows().zip(labels) {
        sums[label] += squared_distance(points.row(i), point).sqrt();
    }
    let within = sums[own] / (sizes[own] - 1) as f64;
    let others = sums.iter().zip(sizes).enumerate().filter(|(group, (_, size))| *group != own && **size > 0);
    let next = others.map(|(_, (sum, size))| sum / *size as f64).fold(f64::INFINITY, f64::min);
    let larger = within.max(next);
    if larger > 0.0 { (next - within) / larger } else { 0.0 }
}
