//! Star distances: how far it is from a voxel to the border of its object along each ray.
//!
//! U. Schmidt et al., "Cell detection with star-convex polygons", MICCAI 2018; M. Weigert et al., WACV 2020. Steps and
//! rounding are those of `star_dist3D` of the StarDist package (its C++ form): a ray is followed in steps of one pixel
//! until the nearest voxel is not of the same object or outside the volume; the distance is that from the voxel at the
//! start to this one. So it is the root of an integer, and overshoots the border by half a pixel on average.

use super::StarError;
use super::polyhedron::round_even;
use super::rays::Rays;
use ndarray::{Array4, ArrayView3};
use rayon::prelude::*;

/// Largest side of a volume, px.
const MAX_SIDE: usize = 1 << 14;

/// Where a ray is after a number of steps.
#[derive(Clone, Copy)]
struct Step {
    /// Offset of the nearest voxel.
    voxel: [i32; 3],
    /// Its distance, px.
    distance: f32,
    /// The position before rounding, if it is so close to the middle between two voxels that it depends on the start to
    /// which of them it is rounded.
    between: Option<[f32; 3]>,
}

/// The star distances `[T/g, Y/g, X/g, rays]` of a label volume `[T, Y, X]` at every `grid`-th voxel, px; 0 on the
/// background, which has label 0.
///
/// Fails if the grid is 0 somewhere, or if a side of the volume is longer than 16384 px.
pub fn star_distances(labels: ArrayView3<u32>, rays: &Rays, grid: [usize; 3]) -> Result<Array4<f32>, StarError> {
    let shape: [usize; 3] = labels.dim().into();
    if grid.contains(&0) {
        return Err(StarError::Grid { found: grid });
    }
    if shape.iter().any(|&n| n > MAX_SIDE) {
        return Err(StarError::Side { found: shape });
    }
    let n: [usize; 3] = std::array::from_fn(|axis| shape[axis].div_ceil(grid[axis]));
    let mut out = Array4::zeros((n[0], n[1], n[2], rays.len()));
    if out.is_empty() {
        return Ok(out);
    }
    let labels = labels.as_standard_layout();
    let labels = labels.as_slice().expect("in standard layout");
    let steps: Vec<Vec<Step>> = rays.vertices().iter().map(|v| steps(*v, shape)).collect();
    let rows = out.as_slice_mut().expect("a new array is contiguous").par_chunks_mut(n[2] * rays.len());
    rows.enumerate().for_each(|(row, out)| {
        let (t, y) = (row / n[1] * grid[0], row % n[1] * grid[1]);
        for (i, out) in out.chunks_mut(rays.len()).enumerate() {
            let start = [t, y, i * grid[2]];
            let label = labels[(t * shape[1] + y) * shape[2] + start[2]];
            if label != 0 {
                for (distance, steps) in out.iter_mut().zip(&steps) {
                    *distance = march(labels, shape, start.map(|c| c as i32), label, steps);
                }
            }
        }
    });
    Ok(out)
}

/// All steps of a ray until it has left the volume, wherever it began.
fn steps(ray: [f32; 3], shape: [usize; 3]) -> Vec<Step> {
    let longest = *shape.iter().max().expect("three sides") as f32;
    let unsure = 0.5 - longest * f32::EPSILON;
    let mut at = [0.0f32; 3];
    let mut steps = Vec::new();
    loop {
        at = std::array::from_fn(|axis| at[axis] + ray[axis]);
        let voxel = at.map(round_even);
        let distance = f64::from(voxel.iter().map(|v| v * v).sum::<i32>()).sqrt() as f32;
        let between = (0..3).any(|axis| (at[axis] - voxel[axis] as f32).abs() > unsure).then_some(at);
        steps.push(Step { voxel, distance, between });
        if at.iter().any(|v| v.abs() > longest + 1.0) {
            return steps;
        }
    }
}

fn march(labels: &[u32], shape: [usize; 3], start: [i32; 3], label: u32, steps: &[Step]) -> f32 {
    let same = |step: &&Step| {
        let [t, y, x] = match step.between {
            None => std::array::from_fn(|axis| (start[axis] + step.voxel[axis]) as usize),
            Some(at) => std::array::from_fn(|axis| round_even(start[axis] as f32 + at[axis]) as usize),
        };
        // Below 0 is far above the shape.
        t < shape[0] && y < shape[1] && x < shape[2] && labels[(t * shape[1] + y) * shape[2] + x] == label
    };
    steps.iter().find(|step| !same(step)).map_or(0.0, |step| step.distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn distances_in_a_sphere_are_its_radius() {
        let rays = Rays::golden_spiral(96, [1.7, 1.08, 1.0]).unwrap();
        let labels = Array3::from_shape_fn((31, 31, 31), |(t, y, x)| {
            let d = |v: usize| (v as f64 - 15.0).powi(2);
            u32::from(d(t) + d(y) + d(x) <= 100.0) * 7
        });
        let found = star_distances(labels.view(), &rays, [1, 1, 1]).unwrap();
        for &d in found.slice(ndarray::s![15, 15, 15, ..]).iter() {
            // A step beyond the border, rounded to a voxel.
            assert!((10.0..11.9).contains(&d), "{d}");
        }
        assert!(found.slice(ndarray::s![0, .., .., ..]).iter().all(|&d| d == 0.0));
    }

    #[test]
    fn objects_end_where_others_begin_and_at_the_border() {
        let rays = Rays::golden_spiral(8, [1.0; 3]).unwrap();
        let labels = Array3::from_shape_fn((9, 5, 7), |(t, _, _)| 1 + t as u32 / 6);
        let found = star_distances(labels.view(), &rays, [2, 2, 4]).unwrap();
        assert_eq!(found.dim(), (5, 3, 2, 8));
        // The first ray points to earlier frames, the last to later ones.
        let along: Vec<[f32; 2]> = (0..5).map(|t| [found[[t, 1, 0, 0]], found[[t, 1, 0, 7]]]).collect();
        assert_eq!(along, [[1.0, 6.0], [3.0, 4.0], [5.0, 2.0], [1.0, 3.0], [3.0, 1.0]]);
        assert!(star_distances(labels.view(), &rays, [0, 1, 1]).is_err());
    }
}
