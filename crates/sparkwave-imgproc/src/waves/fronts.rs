//! Candidates: maxima of the evidence in neighbouring cells, linked where one front can have caused both.

use crate::link::sparse::{find, union};
use crate::waves::rise::{maxima, trace_of, vertex};
use ndarray::{Array2, Array3};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// When something arrived at the cells of the coarse grid.
#[derive(Clone, Debug)]
pub struct Front {
    /// Time of arrival `[Y, X]`, bins since the start of bin 0; NaN where it did not arrive.
    pub arrival: Array2<f32>,
    /// Evidence there, standard deviations; 0 where it did not arrive.
    pub strength: Array2<f32>,
}

impl Front {
    /// A front that has arrived nowhere yet.
    pub fn none(height: usize, width: usize) -> Self {
        Self { arrival: Array2::from_elem((height, width), f32::NAN), strength: Array2::zeros((height, width)) }
    }

    /// The cells that it reached.
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.arrival.indexed_iter().filter(|(_, t)| t.is_finite()).map(|(at, _)| at)
    }

    /// Number of cells that it reached.
    pub fn n_cells(&self) -> usize {
        self.cells().count()
    }

    /// A quantile of the arrival times, bins; `None` if it arrived nowhere.
    pub fn arrival_quantile(&self, q: f64) -> Option<f64> {
        let mut times: Vec<f32> = self.cells().map(|at| self.arrival[at]).collect();
        if times.is_empty() {
            return None;
        }
        times.sort_by(f32::total_cmp);
        Some(f64::from(times[((times.len() - 1) as f64 * q).round() as usize]))
    }
}

/// A maximum of the evidence of one cell.
#[derive(Clone, Copy, Debug)]
struct Maximum {
    time: f64,
    height: f32,
    cell: (usize, usize),
}

/// Links maxima of at least `min_sd` in neighbouring cells (of eight) that are at most `max_step` bins apart.
///
/// `reach` is the least distance between maxima of one cell, bins. In order of their first maximum; a cell that a
/// candidate passes more than once keeps its strongest maximum.
pub fn candidates(evidence: &Array3<f32>, min_sd: f32, reach: usize, max_step: f64) -> Vec<Front> {
    let (_, height, width) = evidence.dim();
    let cells: Vec<(usize, usize)> = (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).collect();
    let per_cell: Vec<Vec<Maximum>> = cells
        .par_iter()
        .map(|&cell| {
            let trace = trace_of(evidence, cell.0, cell.1);
            let found = maxima(&trace, min_sd, reach).into_iter();
            found.map(|(t, height)| Maximum { time: vertex(&trace, t), height, cell }).collect()
        })
        .collect();
    let mut first = Vec::with_capacity(cells.len() + 1);
    first.push(0usize);
    for list in &per_cell {
        first.push(first[first.len() - 1] + list.len());
    }
    let all: Vec<Maximum> = per_cell.into_iter().flatten().collect();
    let mut parent: Vec<u32> = (0..all.len() as u32).collect();
    let of_cell = |y: usize, x: usize| first[y * width + x]..first[y * width + x + 1];
    for (y, x) in cells {
        // Half of the eight neighbours; the others see this cell as theirs.
        let ahead = [(y, x + 1), (y + 1, x.wrapping_sub(1)), (y + 1, x), (y + 1, x + 1)];
        for (ny, nx) in ahead.into_iter().filter(|&(ny, nx)| ny < height && nx < width) {
            for i in of_cell(y, x) {
                for j in of_cell(ny, nx).filter(|&j| (all[i].time - all[j].time).abs() <= max_step) {
                    union(&mut parent, i as u32, j as u32);
                }
            }
        }
    }
    let mut groups: BTreeMap<u32, Vec<Maximum>> = BTreeMap::new();
    for (i, maximum) in all.iter().enumerate() {
        groups.entry(find(&mut parent, i as u32)).or_default().push(*maximum);
    }
    let mut fronts: Vec<(f64, Front)> = groups
        .into_values()
        .map(|group| {
            let start = group.iter().map(|m| m.time).fold(f64::INFINITY, f64::min);
            let mut front = Front::none(height, width);
            for m in group.into_iter() {
                if m.height > front.strength[m.cell] {
                    front.strength[m.cell] = m.height;
                    front.arrival[m.cell] = m.time as f32;
                }
            }
            (start, front)
        })
        .collect();
    fronts.sort_by(|a, b| a.0.total_cmp(&b.0));
    fronts.into_iter().map(|(_, front)| front).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evidence of fronts that pass columns at the given times.
    fn passing(times: impl Fn(usize) -> Vec<usize>) -> Array3<f32> {
        let mut z = Array3::zeros((200, 5, 12));
        for x in 0..12 {
            for t in times(x) {
                for (d, height) in [(0, 8.0), (1, 5.0)] {
                    for y in 0..5 {
                        z[[t + d, y, x]] = height;
                        z[[t - d, y, x]] = height;
                    }
                }
            }
        }
        z
    }

    #[test]
    fn a_front_is_linked_from_cell_to_cell_and_two_apart_in_time_are_two() {
        let z = passing(|x| vec![20 + 3 * x, 100 + 3 * x]);
        let found = candidates(&z, 4.0, 4, 5.0);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].n_cells(), 60);
        assert_eq!((found[0].arrival[[2, 4]], found[1].arrival[[2, 4]]), (32.0, 112.0));
    }

    #[test]
    fn what_is_too_late_to_be_the_same_front_is_not_linked() {
        let found = candidates(&passing(|x| vec![20 + 8 * x]), 4.0, 4, 5.0);
        assert_eq!(found.len(), 12);
    }
}
