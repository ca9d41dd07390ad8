//! From star-convex polyhedra to labels.
//!
//! A voxel belongs to a polyhedron if it lies in one of its tetrahedra; the tests, their precision and the rule of
//! overlaps are those of `polyhedron_to_label` of the StarDist package, and so are the labels (M. Weigert et al.,
//! WACV 2020), except where a voxel lies on a surface to within rounding.

use super::cones::{Table, Towards};
use super::polyhedron::{Bounds, Polyhedron, bounds};
use super::stars::Stars;
use ndarray::Array3;
use rayon::prelude::*;
use sparkwave_core::axes::Voxel;
use std::collections::HashSet;

/// Which voxels a polyhedron covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// The polyhedron itself.
    #[default]
    Full,
    /// What sees its whole surface.
    Kernel,
    /// Its convex hull.
    Hull,
    /// The box around it.
    Box,
}

/// Voxels x0..x1 of a row of a volume.
struct Run {
    row: usize,
    x0: usize,
    x1: usize,
}

/// Polyhedra held at once between being drawn and being painted.
const BATCH: usize = 256;

/// The labels [T, Y, X] of polyhedra: 1 for the first, 2 for the second, and so on, 0 where there is none.
///
/// The one with the highest score is on top (of equal ones, the later). Where `overlap` is given, voxels of several
/// polyhedra get that label instead.
pub fn labels(stars: &Stars, shape: [usize; 3], fill: Fill, overlap: Option<u32>) -> Array3<u32> {
    let mut labels = Array3::zeros(shape);
    let plane = labels.as_slice_mut().expect("a new array is contiguous");
    for_each(stars, shape, fill, |i, runs| {
        for run in runs {
            for voxel in &mut plane[run.row * shape[2]..][run.x0..run.x1] {
                *voxel = if *voxel == 0 { i as u32 + 1 } else { overlap.unwrap_or(*voxel) };
            }
        }
    });
    labels
}

/// The voxels of each polyhedron in a volume of this shape [T, Y, X], sorted, without those of the ones above it: what
/// [`labels`] paints, in memory for the painted voxels only.
pub fn territories(stars: &Stars, shape: [usize; 3]) -> Vec<Vec<Voxel>> {
    let mut taken = HashSet::new();
    let mut all = vec![Vec::new(); stars.len()];
    for_each(stars, shape, Fill::Full, |i, runs| {
        for run in runs {
            let (t, y) = ((run.row / shape[1]) as u32, (run.row % shape[1]) as u32);
            let voxels = (run.x0..run.x1).map(|x| Voxel { t, y, x: x as u32 });
            all[i].extend(voxels.filter(|v| taken.insert(*v)));
        }
    });
    all
}

/// Draws every polyhedron, from the one on top downwards.
fn for_each(stars: &Stars, shape: [usize; 3], fill: Fill, mut paint: impl FnMut(usize, &[Run])) {
    let mut order: Vec<usize> = (0..stars.len()).collect();
    order.sort_by(|&a, &b| stars.scores()[b].total_cmp(&stars.scores()[a]).then(b.cmp(&a)));
    let boxes: Vec<Bounds> = order.par_iter().map(|&i| bounds(stars, i)).collect();
    let table = stars.rays().cones().table(radius(stars, &order, &boxes));
    for (order, boxes) in order.chunks(BATCH).zip(boxes.chunks(BATCH)) {
        let drawn: Vec<Vec<Run>> = order
            .par_iter()
            .zip(boxes)
            .map(|(&i, found)| {
                let polyhedron = Polyhedron::new(stars, i);
                draw(&polyhedron, *found, shape, fill, &table)
            })
            .collect();
        order.iter().zip(&drawn).for_each(|(&i, runs)| paint(i, runs));
    }
}

/// How far the boxes reach from the centres along each axis, px.
pub(crate) fn radius(stars: &Stars, order: &[usize], boxes: &[Bounds]) -> [i32; 3] {
    let mut radius = [0; 3];
    for (&i, found) in order.iter().zip(boxes) {
        let centre = stars.centre(i);
        for axis in 0..3 {
            let [first, last] = found[axis];
            radius[axis] = radius[axis].max(centre[axis] - first).max(last - centre[axis]);
        }
    }
    radius
}

fn draw(polyhedron: &Polyhedron, bounds: Bounds, shape: [usize; 3], fill: Fill, table: &Table) -> Vec<Run> {
    let [ts, ys, xs] = [0, 1, 2].map(|axis| {
        let [first, last] = bounds[axis];
        first.max(0)..=last.min(shape[axis] as i32 - 1)
    });
    let kernel = match fill {
        Fill::Full | Fill::Kernel => polyhedron.kernel(),
        Fill::Hull | Fill::Box => &[],
    };
    let in_kernel = |p: [i32; 3]| kernel.iter().all(|h| h.contains(p.map(f64::from)));
    let in_hull = |p: [i32; 3]| polyhedron.hull().iter().all(|h| h.contains(p.map(f64::from)));
    // What the package computes: rounding may leave gaps between tetrahedra, which the kernel closes.
    let by_all_tests = |p: [i32; 3], faces: &[u32]| in_kernel(p) || (polyhedron.holds_in(p, faces) && in_hull(p));
    let rounding: Vec<f32> = match fill {
        Fill::Full => (0..kernel.len() as u32).map(|f| polyhedron.rounding(f)).collect(),
        _ => Vec::new(),
    };
    let covers = |p: [i32; 3]| match fill {
        Fill::Full => match table.towards(polyhedron.offset(p)) {
            Towards::One(face) => {
                let (depth, rounding) = (polyhedron.depth(face, p), rounding[face as usize]);
                // Clear of the surface, all tests agree.
                if depth.abs() > rounding { depth > 0.0 } else { by_all_tests(p, &[face]) }
            }
            Towards::Few(faces) => by_all_tests(p, faces),
        },
        Fill::Kernel => in_kernel(p),
        Fill::Hull => in_hull(p),
        Fill::Box => true,
    };
    let mut runs = Vec::new();
    for t in ts {
        for y in ys.clone() {
            let row = t as usize * shape[1] + y as usize;
            let mut open: Option<usize> = None;
            for x in xs.clone() {
                match (covers([t, y, x]), open) {
                    (true, None) => open = Some(x as usize),
                    (false, Some(x0)) => {
                        runs.push(Run { row, x0, x1: x as usize });
                        open = None;
                    }
                    _ => {}
                }
            }
            if let Some(x0) = open {
                runs.push(Run { row, x0, x1: *xs.end() as usize + 1 });
            }
        }
    }
    runs
}
