//! The object probability that a network learns: how deep inside its object a voxel is.
//!
//! It is the Euclidean distance to the nearest voxel that is not of the object, over the largest such distance of the
//! object (U. Schmidt et al., MICCAI 2018; `edt_prob` of the StarDist package). Distances are exact: lower envelopes of
//! parabolas, axis by axis (P. F. Felzenszwalb, D. P. Huttenlocher, "Distance transforms of sampled functions", Theory
//! Comput. 8, 415-428 (2012)).

use super::StarError;
use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The object probability `[T/g, Y/g, X/g]` of a label volume `[T, Y, X]` at every `grid`-th voxel: from above 0 to 1 in
/// objects, 0 on the background, which has label 0.
///
/// `anisotropy` is the size of a voxel (t, y, x) in which distances are taken. What is outside the volume counts as
/// neither object nor background, unless the volume holds nothing but one object. Fails if the grid is 0 somewhere or
/// the anisotropy is not between 0.01 and 100.
pub fn object_probability(
    labels: ArrayView3<u32>,
    anisotropy: [f64; 3],
    grid: [usize; 3],
) -> Result<Array3<f32>, StarError> {
    if grid.contains(&0) {
        return Err(StarError::Grid { found: grid });
    }
    if !anisotropy.iter().all(|a| (0.01..=100.0).contains(a)) {
        return Err(StarError::Anisotropy { found: anisotropy });
    }
    let objects: Vec<(u32, Boxed)> = boxes(labels).into_iter().collect();
    let n_voxels: usize = objects.iter().map(|(_, b)| b.n_voxels).sum();
    let closed = objects.len() == 1 && n_voxels == labels.len();
    let depths: Vec<Array3<f64>> = objects
        .par_iter()
        .map(|(label, found)| {
            let mut squared = squared_distances(labels, *label, found, anisotropy, closed);
            squared.mapv_inplace(f64::sqrt);
            let largest = squared.iter().copied().fold(0.0, f64::max) + 1e-10;
            squared.mapv_inplace(|d| d / largest);
            squared
        })
        .collect();
    let shape: [usize; 3] = labels.dim().into();
    let n: [usize; 3] = std::array::from_fn(|axis| shape[axis].div_ceil(grid[axis]));
    let mut out = Array3::zeros(n);
    for ((label, found), depths) in objects.iter().zip(&depths) {
        for ((t, y, x), &depth) in depths.indexed_iter() {
            let at = [found.first[0] + t, found.first[1] + y, found.first[2] + x];
            if labels[at] == *label && (0..3).all(|axis| at[axis] % grid[axis] == 0) {
                let cell: [usize; 3] = std::array::from_fn(|axis| at[axis] / grid[axis]);
                out[cell] = depth as f32;
            }
        }
    }
    Ok(out)
}

/// The first and the last voxel of an object along each axis.
struct Boxed {
    first: [usize; 3],
    last: [usize; 3],
    n_voxels: usize,
}

fn boxes(labels: ArrayView3<u32>) -> BTreeMap<u32, Boxed> {
    let mut boxes: BTreeMap<u32, Boxed> = BTreeMap::new();
    for ((t, y, x), &label) in labels.indexed_iter().filter(|(_, label)| **label != 0) {
        let at = [t, y, x];
        let found = boxes.entry(label).or_insert(Boxed { first: at, last: at, n_voxels: 0 });
        found.n_voxels += 1;
        for (axis, &v) in at.iter().enumerate() {
            found.first[axis] = found.first[axis].min(v);
            found.last[axis] = found.last[axis].max(v);
        }
    }
    boxes
}

/// The squared distances in the box of an object, 0 outside the object.
fn squared_distances(
    labels: ArrayView3<u32>,
    label: u32,
    found: &Boxed,
    anisotropy: [f64; 3],
    closed: bool,
) -> Array3<f64> {
    // One voxel more on each side holds the nearest background, if the volume goes on there.
    let shape: [usize; 3] = labels.dim().into();
    let before: [usize; 3] = std::array::from_fn(|axis| usize::from(closed || found.first[axis] > 0));
    let n: [usize; 3] = std::array::from_fn(|axis| {
        let after = usize::from(closed || found.last[axis] + 1 < shape[axis]);
        before[axis] + found.last[axis] + 1 - found.first[axis] + after
    });
    let mut squared = Array3::from_shape_fn(n, |(t, y, x)| {
        let at = [t, y, x];
        let at: [usize; 3] = std::array::from_fn(|axis| (at[axis] + found.first[axis]).wrapping_sub(before[axis]));
        if labels.get(at) == Some(&label) { f64::INFINITY } else { 0.0 }
    });
    let mut envelope = Envelope::default();
    for (axis, &size) in anisotropy.iter().enumerate() {
        for mut lane in squared.lanes_mut(ndarray::Axis(axis)) {
            envelope.transform(&mut lane, size);
        }
    }
    let inside: [std::ops::Range<usize>; 3] =
        std::array::from_fn(|axis| before[axis]..before[axis] + found.last[axis] + 1 - found.first[axis]);
    let [t, y, x] = inside;
    squared.slice(ndarray::s![t, y, x]).to_owned()
}

/// The lower envelope of parabolas along a row.
#[derive(Default)]
struct Envelope {
    values: Vec<f64>,
    /// Vertices of the parabolas of the envelope, each with the place from which on it is the lowest.
    parabolas: Vec<(usize, f64)>,
}

impl Envelope {
    /// Replaces each value f(i) by the least f(j) + (size (i - j))^2.
    fn transform(&mut self, row: &mut ndarray::ArrayViewMut1<f64>, size: f64) {
        self.values.clear();
        self.values.extend(row.iter());
        self.parabolas.clear();
        for (i, &f) in self.values.iter().enumerate().filter(|(_, f)| f.is_finite()) {
            let mut from = f64::NEG_INFINITY;
            while let Some(&(j, since)) = self.parabolas.last() {
                let g = self.values[j];
                let (a, b) = (i as f64, j as f64);
                from = 0.5 * (a + b + (f - g) / (size * size * (a - b)));
                if from > since {
                    break;
                }
                self.parabolas.pop();
                from = f64::NEG_INFINITY;
            }
            self.parabolas.push((i, from));
        }
        if self.parabolas.is_empty() {
            return;
        }
        let mut k = 0;
        for (i, value) in row.iter_mut().enumerate() {
            while self.parabolas.get(k + 1).is_some_and(|&(_, from)| from <= i as f64) {
                k += 1;
            }
            let j = self.parabolas[k].0;
            let d = size * (i as f64 - j as f64);
            *value = self.values[j] + d * d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_equal_a_search_over_all_voxels() {
        let labels = Array3::from_shape_fn((9, 10, 11), |(t, y, x)| {
            let i = ((t * 10 + y) * 11 + x) as u32;
            u32::from(i.wrapping_mul(2_654_435_761) >> 28 != 3) * (1 + u32::from(x > 5))
        });
        let size = [1.7, 1.08, 1.0];
        let found = object_probability(labels.view(), size, [1, 1, 1]).unwrap();
        let depth = |at: (usize, usize, usize)| {
            let d = |a: usize, b: usize, s: f64| (s * (a as f64 - b as f64)).powi(2);
            let others = labels.indexed_iter().filter(|(_, l)| **l != labels[at]);
            let squared = others.map(|(b, _)| d(at.0, b.0, size[0]) + d(at.1, b.1, size[1]) + d(at.2, b.2, size[2]));
            squared.fold(f64::INFINITY, f64::min).sqrt()
        };
        let largest = |label: u32| {
            labels.indexed_iter().filter(|(_, l)| **l == label).map(|(at, _)| depth(at)).fold(0.0, f64::max)
        };
        let largest = [0.0, largest(1), largest(2)];
        for (at, &label) in labels.indexed_iter() {
            let expected = if label == 0 { 0.0 } else { depth(at) / largest[label as usize] };
            assert!((f64::from(found[at]) - expected).abs() < 1e-6, "{at:?}: {} {expected}", found[at]);
        }
        let coarse = object_probability(labels.view(), size, [1, 2, 2]).unwrap();
        assert_eq!(coarse, found.slice(ndarray::s![.., ..;2, ..;2]));
    }

    #[test]
    fn a_volume_that_is_one_object_ends_at_its_border() {
        let found = object_probability(Array3::from_elem((5, 5, 5), 3).view(), [1.0; 3], [1, 1, 1]).unwrap();
        assert!((found[[2, 2, 2]] - 1.0).abs() < 1e-6 && (found[[0, 2, 2]] - 1.0 / 3.0).abs() < 1e-6);
    }
}
