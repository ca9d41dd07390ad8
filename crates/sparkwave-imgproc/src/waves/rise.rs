//! Evidence for a passing front: how much the reflectance of a cell rises, in units of its own fluctuation.
//!
//! The rise at the edge between two bins is the mean of the bins after it minus the mean of those before, the matched
//! filter of a step in white noise. It is divided by its robust standard deviation over the recording (1.4826 times the
//! median absolute deviation), smoothed over neighbouring cells, and scaled to unit deviation again.

use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::waves::cells::Cells;
use crate::waves::light::median;
use ndarray::{Array2, Array3, Axis, s};
use rayon::prelude::*;

/// Smoothing over neighbouring cells, cells.
const SMOOTH_CELLS: f64 = 0.8;

/// Evidence of cells, standard deviations. Element `t` belongs to the edge before bin `t`, that is to the time `t * bin_s`.
/// 0 in cells that are not usable and within `half` bins of either end.
pub struct Evidence {
    /// Of each cell alone `[T, Y, X]`.
    pub own: Array3<f32>,
    /// Smoothed over neighbouring cells `[T, Y, X]`.
    pub smooth: Array3<f32>,
}

/// The evidence of all cells; a rise is measured over `half` bins on either side.
pub fn evidence(cells: &Cells, half: usize) -> Evidence {
    let (n, height, width) = cells.dim();
    let mut z = Array3::<f32>::zeros((n, height, width));
    let usable: Vec<(usize, usize)> = cells.usable.indexed_iter().filter(|(_, u)| **u).map(|(at, _)| at).collect();
    let traces: Vec<Vec<f32>> =
        usable.par_iter().map(|&(y, x)| standardised(&rises(cells, y, x, half), half)).collect();
    for (&(y, x), trace) in usable.iter().zip(&traces) {
        z.slice_mut(s![.., y, x]).iter_mut().zip(trace).for_each(|(z, v)| *z = *v);
    }
    let own = z.clone();
    let weight = smoothed(cells.usable.mapv(|u| if u { 1.0 } else { 0.0 }));
    z.outer_iter_mut().into_par_iter().for_each(|mut plane| {
        let mut out = smoothed(plane.to_owned());
        ndarray::Zip::from(&mut out).and(&weight).and(&cells.usable).for_each(|v, &w, &usable| {
            *v = if usable { *v / w } else { 0.0 };
        });
        plane.assign(&out);
    });
    let scales: Vec<f32> = usable
        .par_iter()
        .map(|&(y, x)| {
            let trace: Vec<f32> = z.slice(s![.., y, x]).to_vec();
            robust_sd(inner(&trace, half))
        })
        .collect();
    for (&(y, x), &scale) in usable.iter().zip(&scales) {
        z.slice_mut(s![.., y, x]).mapv_inplace(|v| if scale > 0.0 { v / scale } else { 0.0 });
    }
    Evidence { own, smooth: z }
}

/// Times `t` (edges before bin `t`) at which the evidence of a cell has a local maximum of at least `min_sd`, the largest
/// within `reach` on either side, with its height. Plateaus count at their first element.
pub fn maxima(trace: &[f32], min_sd: f32, reach: usize) -> Vec<(usize, f32)> {
    let is_maximum = |t: usize| {
        let (start, end) = (t.saturating_sub(reach), (t + reach + 1).min(trace.len()));
        trace[start..t].iter().all(|v| *v < trace[t]) && trace[t + 1..end].iter().all(|v| *v <= trace[t])
    };
    (0..trace.len()).filter(|&t| trace[t] >= min_sd && is_maximum(t)).map(|t| (t, trace[t])).collect()
}

/// The vertex of the parabola through a maximum and its neighbours, within half a bin of it.
pub fn vertex(trace: &[f32], t: usize) -> f64 {
    let (Some(before), Some(after)) = (t.checked_sub(1).map(|i| trace[i]), trace.get(t + 1)) else { return t as f64 };
    let curvature = before - 2.0 * trace[t] + after;
    let shift = if curvature < 0.0 { 0.5 * (before - after) / curvature } else { 0.0 };
    t as f64 + f64::from(shift.clamp(-0.5, 0.5))
}

fn rises(cells: &Cells, y: usize, x: usize, half: usize) -> Vec<f32> {
    let trace = cells.values.slice(s![.., y, x]);
    let n = trace.len();
    let mut sums = Vec::with_capacity(n + 1);
    let mut sum = 0.0f64;
    sums.push(sum);
    for v in trace {
        sum += f64::from(*v);
        sums.push(sum);
    }
    let mut out = vec![0.0; n];
    for t in half..n.saturating_sub(half) {
        out[t] = ((sums[t + half] - 2.0 * sums[t] + sums[t - half]) / half as f64) as f32;
    }
    out
}

/// The part of a trace in which rises are defined.
fn inner(trace: &[f32], half: usize) -> &[f32] {
    let end = trace.len().saturating_sub(half);
    &trace[half.min(end)..end]
}

fn standardised(rises: &[f32], half: usize) -> Vec<f32> {
    let sd = robust_sd(inner(rises, half));
    rises.iter().map(|v| if sd > 0.0 { v / sd } else { 0.0 }).collect()
}

/// 1.4826 times the median absolute deviation: the standard deviation of a normal distribution, whatever its tails hold.
pub(super) fn robust_sd(values: &[f32]) -> f32 {
    let middle = median(&mut values.to_vec());
    let mut deviations: Vec<f32> = values.iter().map(|v| (v - middle).abs()).collect();
    1.4826 * median(&mut deviations)
}

fn smoothed(image: Array2<f32>) -> Array2<f32> {
    let dim = image.dim();
    let mut pixels: Vec<f32> = image.iter().copied().collect();
    smooth(&mut pixels, dim.1, &Kernel::new(SMOOTH_CELLS), &mut Scratch::default());
    Array2::from_shape_vec(dim, pixels).expect("smoothing keeps the size")
}

/// The trace of one cell of the evidence.
pub fn trace_of(evidence: &Array3<f32>, y: usize, x: usize) -> Vec<f32> {
    evidence.index_axis(Axis(1), y).index_axis(Axis(1), x).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_peaks_at_the_edge_where_it_happens() {
        // A weak fluctuation so that the deviation is not zero, and a step of 5 % between bins 29 and 30.
        let counts = Array3::from_shape_fn((60, 3, 3), |(t, _, _)| {
            100.0 + [0.1, -0.2, 0.15, -0.05][t % 4] + if t >= 30 { 5.0 } else { 0.0 }
        });
        let z = evidence(&Cells::new(counts, 4), 5).smooth;
        let trace = trace_of(&z, 1, 1);
        let found = maxima(&trace, 5.0, 4);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((vertex(&trace, found[0].0) - 30.0).abs() < 0.1);
    }

    #[test]
    fn constant_cells_give_no_evidence() {
        let z = evidence(&Cells::new(Array3::from_elem((20, 2, 2), 7.0), 4), 6).smooth;
        assert!(z.iter().all(|v| *v == 0.0));
        let short = evidence(&Cells::new(Array3::from_elem((3, 1, 1), 7.0), 4), 6).smooth;
        assert_eq!(short.dim(), (3, 1, 1));
    }
}
