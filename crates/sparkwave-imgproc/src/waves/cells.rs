//! A whole recording on a coarse grid: small enough for memory, fine enough for a front.

use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Relative reflectance of square cells over time.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Edge of a cell, px; those at the lower and right border may be cut.
    pub cell_px: usize,
    /// dR/R0 `[T, Y, X]`, zero mean over time; missing bins are interpolated; 0 in cells without a value.
    pub values: Array3<f32>,
    /// True for the bins without a frame.
    pub missing: Vec<bool>,
    /// True for the cells that always have a positive, finite value `[Y, X]`.
    pub usable: Array2<bool>,
    /// Mean intensity `[Y, X]`, counts.
    pub mean: Array2<f32>,
}

impl Cells {
    /// Cells from their mean intensities `[T, Y, X]`, counts; a bin without frames is NaN everywhere.
    pub fn new(mut counts: Array3<f32>, cell_px: usize) -> Self {
        let missing: Vec<bool> = counts.outer_iter().map(|plane| plane.iter().all(|v| !v.is_finite())).collect();
        interpolate(&mut counts, &missing);
        let (n, height, width) = counts.dim();
        let mut mean = Array2::<f32>::zeros((height, width));
        let mut usable = Array2::from_elem((height, width), false);
        for ((at, mean), usable) in mean.indexed_iter_mut().zip(&mut usable) {
            let trace = counts.slice(s![.., at.0, at.1]);
            let sum: f64 = trace.iter().map(|&v| f64::from(v)).sum();
            *mean = (sum / n.max(1) as f64) as f32;
            *usable = mean.is_finite() && *mean > 0.0;
        }
        counts.outer_iter_mut().into_par_iter().for_each(|mut plane| {
            ndarray::Zip::from(&mut plane).and(&mean).and(&usable).for_each(|v, &mean, &usable| {
                *v = if usable { *v / mean - 1.0 } else { 0.0 };
            });
        });
        Self { cell_px, values: counts, missing, usable, mean }
    }

    /// Number of time bins, rows and columns.
    pub fn dim(&self) -> (usize, usize, usize) {
        self.values.dim()
    }

    /// The centre of a cell on one axis, px.
    pub fn centre_px(&self, cell: usize) -> f64 {
        (cell * self.cell_px) as f64 + (self.cell_px as f64 - 1.0) / 2.0
    }
}

/// The mean of the finite pixels of each cell; NaN for a cell without any.
pub fn block_means(image: ArrayView2<'_, f32>, cell_px: usize) -> Array2<f32> {
    let (height, width) = image.dim();
    Array2::from_shape_fn((height.div_ceil(cell_px), width.div_ceil(cell_px)), |(cy, cx)| {
        let rows = cy * cell_px..((cy + 1) * cell_px).min(height);
        let columns = cx * cell_px..((cx + 1) * cell_px).min(width);
        let (mut sum, mut n) = (0.0f64, 0u32);
        for v in image.slice(s![rows, columns]).iter().filter(|v| v.is_finite()) {
            sum += f64::from(*v);
            n += 1;
        }
        if n == 0 { f32::NAN } else { (sum / f64::from(n)) as f32 }
    })
}

/// Values at the pixels of an image from values at the centres of its cells, bilinear; NaN where the nearest cell has none.
pub fn enlarge(cells: &Array2<f32>, cell_px: usize, height: usize, width: usize) -> Array2<f32> {
    let (n_rows, n_columns) = cells.dim();
    let place = |i: usize, n: usize| {
        let at = ((i as f64 - (cell_px as f64 - 1.0) / 2.0) / cell_px as f64).clamp(0.0, (n - 1) as f64);
        let low = (at.floor() as usize).min(n.saturating_sub(2));
        (low, (low + 1).min(n - 1), (at - low as f64) as f32)
    };
    let columns: Vec<_> = (0..width).map(|x| place(x, n_columns)).collect();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let (y0, y1, fy) = place(y, n_rows);
        let (x0, x1, fx) = columns[x];
        let nearest = cells[[if fy < 0.5 { y0 } else { y1 }, if fx < 0.5 { x0 } else { x1 }]];
        // A neighbour without a value takes that of the nearest cell, so that the border is as far as the cells reach.
        let value = |y: usize, x: usize| if cells[[y, x]].is_finite() { cells[[y, x]] } else { nearest };
        let upper = value(y0, x0) * (1.0 - fx) + value(y0, x1) * fx;
        let lower = value(y1, x0) * (1.0 - fx) + value(y1, x1) * fx;
        if nearest.is_finite() { upper * (1.0 - fy) + lower * fy } else { f32::NAN }
    })
}

/// Fills missing planes on a line between their neighbours in time; at either end with the nearest.
fn interpolate(values: &mut Array3<f32>, missing: &[bool]) {
    let present: Vec<usize> = (0..missing.len()).filter(|t| !missing[*t]).collect();
    for t in (0..missing.len()).filter(|t| missing[*t]) {
        let after = present.partition_point(|&p| p < t);
        let before = after.checked_sub(1).map(|i| present[i]);
        let plane = match (before, present.get(after).copied()) {
            (Some(a), Some(b)) => {
                let f = (t - a) as f32 / (b - a) as f32;
                let (from, to) = (values.index_axis(Axis(0), a), values.index_axis(Axis(0), b));
                &from * (1.0 - f) + &to * f
            }
            (Some(i), None) | (None, Some(i)) => values.index_axis(Axis(0), i).to_owned(),
            (None, None) => return,
        };
        values.index_axis_mut(Axis(0), t).assign(&plane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_relative_to_their_mean_and_gaps_are_bridged() {
        let counts = Array3::from_shape_fn((4, 1, 2), |(t, _, x)| match (t, x) {
            (2, _) => f32::NAN,
            (_, 0) => 100.0 + t as f32,
            _ => f32::NAN,
        });
        let cells = Cells::new(counts, 8);
        assert_eq!(cells.missing, [false, false, true, false]);
        assert_eq!((cells.usable[[0, 0]], cells.usable[[0, 1]]), (true, false));
        assert!((cells.mean[[0, 0]] - 101.5).abs() < 1e-4);
        assert!((cells.values[[2, 0, 0]] - 0.5 / 101.5).abs() < 1e-6);
        assert_eq!(cells.values[[3, 0, 1]], 0.0);
    }

    #[test]
    fn a_plane_survives_being_cut_into_cells_and_enlarged() {
        let image = Array2::from_shape_fn((24, 30), |(y, x)| 2.0 * y as f32 - x as f32);
        let cells = block_means(image.view(), 6);
        let back = enlarge(&cells, 6, 24, 30);
        for ((y, x), v) in back.indexed_iter().filter(|((y, x), _)| (3..21).contains(y) && (3..27).contains(x)) {
            assert!((v - image[[y, x]]).abs() < 1e-4, "({y}, {x}): {v}");
        }
    }

    #[test]
    fn enlarging_reaches_as_far_as_the_cells() {
        let cells = ndarray::array![[1.0, f32::NAN]];
        let image = enlarge(&cells, 4, 4, 8);
        assert!(image.indexed_iter().all(|((_, x), v)| (x < 4) == v.is_finite()));
    }
}
