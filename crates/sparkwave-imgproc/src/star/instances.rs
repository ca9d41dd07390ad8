//! From what a network predicts to objects.

use super::StarError;
use super::rays::Rays;
use super::render::{Fill, labels};
use super::stars::{MIN_DISTANCE_PX, Stars};
use super::suppress::suppress;
use ndarray::{Array3, ArrayView3, ArrayView4};
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Voxel;

/// Most voxels above the threshold: each brings a row of distances.
const MAX_CANDIDATES: usize = 1 << 23;

/// How objects are found in a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstanceParams {
    /// Voxels whose object probability is larger are candidates, 0 to 1.
    pub probability: f32,
    /// An object is dropped if it shares more than this part of its volume, or of theirs, with a more probable one.
    pub overlap: f32,
    /// Voxels of the prediction at each border that are no candidates.
    pub border: usize,
}

impl Default for InstanceParams {
    fn default() -> Self {
        Self { probability: 0.5, overlap: 0.4, border: 2 }
    }
}

/// Objects in a volume.
#[derive(Clone, Debug)]
pub struct Instances<'a> {
    /// The polyhedra in order of falling probability; object `i` has label `i + 1`.
    pub stars: Stars<'a>,
    /// The labels [T, Y, X]; 0 where there is no object.
    pub labels: Array3<u32>,
}

/// The voxels above the threshold with their star distances.
///
/// `probability` is `[T/g, Y/g, X/g]`, `distances` the same and rays, for voxels that are `grid` pixels apart. Fails if the
/// shapes do not fit, if a distance of a candidate is not a number or longer than [`MAX_DISTANCE_PX`](super::MAX_DISTANCE_PX), or if there are
/// more than 8 million candidates.
pub fn candidates<'a>(
    probability: ArrayView3<f32>,
    distances: ArrayView4<f32>,
    rays: &'a Rays,
    grid: [usize; 3],
    params: &InstanceParams,
) -> Result<Stars<'a>, StarError> {
    let n: [usize; 3] = probability.dim().into();
    let expected = (n[0], n[1], n[2], rays.len());
    if distances.dim() != expected {
        return Err(StarError::Shape { expected, found: distances.dim() });
    }
    if grid.contains(&0) {
        return Err(StarError::Grid { found: grid });
    }
    let inner = |axis: usize, i: usize| i >= params.border && i + params.border < n[axis];
    let found: Vec<[usize; 3]> = probability
        .indexed_iter()
        .filter(|((t, y, x), p)| **p > params.probability && inner(0, *t) && inner(1, *y) && inner(2, *x))
        .map(|((t, y, x), _)| [t, y, x])
        .collect();
    if found.len() > MAX_CANDIDATES {
        return Err(StarError::Candidates { found: found.len(), most: MAX_CANDIDATES });
    }
    let pixel = |i: usize, step: usize| i.saturating_mul(step).min(u32::MAX as usize) as u32;
    let centres = found
        .iter()
        .map(|[t, y, x]| Voxel { t: pixel(*t, grid[0]), y: pixel(*y, grid[1]), x: pixel(*x, grid[2]) })
        .collect();
    let scores = found.iter().map(|at| probability[*at]).collect();
    let rows = found.iter().flat_map(|&[t, y, x]| distances.slice_move(ndarray::s![t, y, x, ..]));
    // A comparison that keeps what is not a number, which `Stars` refuses.
    let rows = rows.map(|&d| if d < MIN_DISTANCE_PX { MIN_DISTANCE_PX } else { d }).collect();
    Stars::new(rays, centres, scores, rows)
}

/// The objects of a prediction in a volume of this shape, [T, Y, X].
///
/// `probability` is `[T/g, Y/g, X/g]`, `distances` the same and rays, for voxels that are `grid` pixels apart; see
/// [`candidates`] for errors. Labels are those of `StarDist3D.predict_instances`. A polyhedron that is hidden behind more
/// probable ones or lies between all voxels is none of the objects.
pub fn instances<'a>(
    probability: ArrayView3<f32>,
    distances: ArrayView4<f32>,
    rays: &'a Rays,
    grid: [usize; 3],
    shape: [usize; 3],
    params: &InstanceParams,
) -> Result<Instances<'a>, StarError> {
    let candidates = candidates(probability, distances, rays, grid, params)?;
    let stars = candidates.select(&suppress(&candidates, params.overlap));
    let mut labels = labels(&stars, shape, Fill::Full, None);
    let mut visible = vec![false; stars.len() + 1];
    labels.iter().for_each(|&label| visible[label as usize] = true);
    let shown: Vec<usize> = (0..stars.len()).filter(|&i| visible[i + 1]).collect();
    if shown.len() < stars.len() {
        let mut renamed = vec![0; stars.len() + 1];
        shown.iter().enumerate().for_each(|(new, &old)| renamed[old + 1] = new as u32 + 1);
        labels.mapv_inplace(|label| renamed[label as usize]);
    }
    Ok(Instances { stars: stars.select(&shown), labels })
}
