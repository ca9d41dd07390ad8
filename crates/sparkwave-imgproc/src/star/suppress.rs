//! Non-maximum suppression: of polyhedra that overlap, the one with the highest score stays.
//!
//! From the highest score to the lowest, each polyhedron that still stands removes all weaker ones whose overlap with it
//! (`overlap.rs`) is larger than the threshold (U. Schmidt et al., "Cell detection with star-convex polygons",
//! MICCAI 2018; M. Weigert et al., WACV 2020).

use super::overlap::{Estimate, Extent, Look, estimate, extents};
use super::polyhedron::Polyhedron;
use super::render::radius;
use super::stars::Stars;
use rayon::prelude::*;

/// Pairs from which on it pays to look at them in parallel.
const MANY: usize = 4;
/// Most cells of the grid on which neighbours are found.
const MAX_CELLS: usize = 1 << 20;

/// The polyhedra that remain, in order of falling score (of equal scores, the earlier counts as the higher).
///
/// One suppresses another if they share more than `overlap` of the volume of the smaller one, from 0 to 1. The result is
/// that of `non_maximum_suppression_3d` of the StarDist package on one thread; on several, the package itself varies a
/// little (its threads add up the mean size of the boxes without waiting for each other).
pub fn suppress(stars: &Stars, overlap: f32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..stars.len()).collect();
    order.sort_by(|&a, &b| stars.scores()[b].total_cmp(&stars.scores()[a]).then(a.cmp(&b)));
    let (extents, scale) = extents(stars, &order);
    let boxes: Vec<_> = extents.iter().map(|e| e.bounds).collect();
    let look = Look::new(stars.rays(), radius(stars, &order, &boxes), overlap);
    let places = Places::new(stars, &order, &extents);
    let mut suppressed = vec![false; order.len()];
    let mut close = Vec::new();
    let mut kept = Vec::new();
    for (i, of_i) in extents.iter().enumerate() {
        if suppressed[i] {
            continue;
        }
        kept.push(order[i]);
        close.clear();
        places.for_each_near(of_i, |j| {
            if j > i && !suppressed[j] {
                match estimate(of_i, &extents[j], scale, overlap) {
                    Estimate::Below => {}
                    Estimate::Above => suppressed[j] = true,
                    Estimate::Unknown => close.push(j),
                }
            }
        });
        if close.is_empty() {
            continue;
        }
        let this = Polyhedron::new(stars, order[i]);
        let loses = |j: usize| look.exceeds((&this, of_i), (&Polyhedron::new(stars, order[j]), &extents[j]));
        let lost: Vec<bool> = if close.len() >= MANY {
            close.par_iter().map(|&j| loses(j)).collect()
        } else {
            close.iter().map(|&j| loses(j)).collect()
        };
        close.iter().zip(lost).filter(|(_, lost)| *lost).for_each(|(&j, _)| suppressed[j] = true);
    }
    kept
}

/// Polyhedra by the cell of a coarse grid that their centre lies in.
struct Places {
    /// How far boxes reach from their centres to lower and to higher coordinates, px.
    reach: [[i32; 2]; 3],
    size: [i32; 3],
    n: [usize; 3],
    /// Where the polyhedra of a cell begin in `members`.
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Places {
    fn new(stars: &Stars, order: &[usize], extents: &[Extent]) -> Self {
        let (mut reach, mut last) = ([[0i32; 2]; 3], [0i32; 3]);
        for (&i, extent) in order.iter().zip(extents) {
            let centre = stars.centre(i);
            for axis in 0..3 {
                let [low, high] = extent.bounds[axis];
                reach[axis] = [reach[axis][0].max(centre[axis] - low), reach[axis][1].max(high - centre[axis])];
                last[axis] = last[axis].max(centre[axis]);
            }
        }
        let mut size = reach.map(|[low, high]| low.max(high).max(8));
        let cells =
            |size: [i32; 3]| -> [usize; 3] { std::array::from_fn(|axis| (last[axis] / size[axis]) as usize + 1) };
        while cells(size).iter().product::<usize>() > MAX_CELLS {
            size = size.map(|s| 2 * s);
        }
        let n = cells(size);
        let mut places = Self { reach, size, n, starts: vec![0; n.iter().product::<usize>() + 1], members: Vec::new() };
        let cells: Vec<usize> = order
            .iter()
            .map(|&i| {
                let centre = stars.centre(i);
                places.cell(std::array::from_fn(|axis| (centre[axis] / size[axis]) as usize))
            })
            .collect();
        cells.iter().for_each(|&cell| places.starts[cell + 1] += 1);
        for cell in 1..places.starts.len() {
            places.starts[cell] += places.starts[cell - 1];
        }
        places.members = vec![0; order.len()];
        let mut next = places.starts.clone();
        for (i, &cell) in cells.iter().enumerate() {
            places.members[next[cell] as usize] = i as u32;
            next[cell] += 1;
        }
        places
    }

    fn cell(&self, [t, y, x]: [usize; 3]) -> usize {
        (t * self.n[1] + y) * self.n[2] + x
    }

    /// Visits all polyhedra whose boxes may overlap with this one, as positions in the order.
    fn for_each_near(&self, extent: &Extent, mut visit: impl FnMut(usize)) {
        let [ts, ys, xs] = [0, 1, 2].map(|axis| {
            let [low, high] = extent.bounds[axis];
            let first = (low - self.reach[axis][1]).max(0) / self.size[axis];
            let last = (high + self.reach[axis][0]).max(0) / self.size[axis];
            first as usize..=(last as usize).min(self.n[axis] - 1)
        });
        for t in ts {
            for y in ys.clone() {
                for x in xs.clone() {
                    let cell = self.cell([t, y, x]);
                    let (from, to) = (self.starts[cell] as usize, self.starts[cell + 1] as usize);
                    self.members[from..to].iter().for_each(|&i| visit(i as usize));
                }
            }
        }
    }
}
