//! Components of a recording: maps, each with a time course, whose products add up to the recording.
//!
//! They are computed on a coarse grid ([`crate::waves::cells`]), which holds a whole recording in memory:
//! [`principal`] finds the maps that explain most of the variance, [`independent`] turns them into maps that are as
//! independent of each other as can be.

pub mod independent;
pub mod principal;

use faer::{Mat, MatRef};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};

/// Most values of a recording, time bins times cells: 8 bytes each are held.
pub const MAX_VALUES: usize = 1 << 27;

/// Most rows of the covariance, the fewer of time bins and cells: a larger one takes minutes.
pub const MAX_COVARIANCE: usize = 8192;

/// Why a recording has no components.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// None were asked for.
    #[error("0 components: expected at least 1")]
    None,
    /// The grid is too fine.
    #[error(
        "{n_bins} time bins of {n_cells} cells: expected up to {MAX_VALUES} values, and up to {MAX_COVARIANCE} cells or \
         as many bins; take larger cells"
    )]
    TooLarge {
        /// Time bins.
        n_bins: usize,
        /// Cells that count.
        n_cells: usize,
    },
    /// All cells are constant, or there is but one time bin.
    #[error("nothing varies in {n_bins} time bins of {n_cells} cells")]
    Constant {
        /// Time bins.
        n_bins: usize,
        /// Cells that count.
        n_cells: usize,
    },
    /// A value of a cell that counts is not finite.
    #[error("a value in {n_bins} time bins of {n_cells} cells is not finite")]
    NotFinite {
        /// Time bins.
        n_bins: usize,
        /// Cells that count.
        n_cells: usize,
    },
    /// The eigenvectors were not found.
    #[error("the decomposition of {n_bins} time bins of {n_cells} cells does not converge")]
    Decomposition {
        /// Time bins.
        n_bins: usize,
        /// Cells that count.
        n_cells: usize,
    },
}

/// Components, by decreasing share of the variance.
///
/// The sign of a component is free; the largest absolute value of its map is positive.
#[derive(Clone, Debug)]
pub struct Components {
    /// Maps `[K, Y, X]`; NaN in cells that do not count.
    pub maps: Array3<f32>,
    /// Time courses `[K, T]`.
    pub courses: Array2<f32>,
    /// Variance over time of what a component contributes, summed over cells, with T - 1 in its denominator; one a
    /// component, in the unit of the values squared.
    pub variances: Vec<f64>,
    /// The same as fractions of the variance of the recording, 0 to 1.
    pub variance_fractions: Vec<f64>,
}

/// A recording as a matrix: one row a time bin, one column a cell that counts, each with zero mean over time.
struct Centred {
    values: Mat<f64>,
    /// Sum of the variances of all cells.
    variance: f64,
    /// Row and column of each cell, and the size of the grid.
    cells: Vec<(usize, usize)>,
    size: (usize, usize),
}

impl Centred {
    fn new(values: ArrayView3<'_, f32>, usable: &Array2<bool>) -> Result<Self, ComponentError> {
        let cells: Vec<(usize, usize)> =
            usable.indexed_iter().filter(|(_, usable)| **usable).map(|(at, _)| at).collect();
        let (n_bins, n_cells) = (values.len_of(Axis(0)), cells.len());
        if n_bins.saturating_mul(n_cells) > MAX_VALUES || n_bins.min(n_cells) > MAX_COVARIANCE {
            return Err(ComponentError::TooLarge { n_bins, n_cells });
        }
        let mut matrix = Mat::zeros(n_bins, n_cells);
        let mut squares = 0.0;
        for (column, &(y, x)) in cells.iter().enumerate() {
            let trace = values.slice(s![.., y, x]);
            let mean = trace.iter().map(|&v| f64::from(v)).sum::<f64>() / n_bins as f64;
            for (row, &v) in trace.iter().enumerate() {
                let v = f64::from(v) - mean;
                matrix[(row, column)] = v;
                squares += v * v;
            }
        }
        let variance = squares / (n_bins as f64 - 1.0);
        if n_bins < 2 || variance == 0.0 {
            return Err(ComponentError::Constant { n_bins, n_cells });
        }
        if !variance.is_finite() {
            return Err(ComponentError::NotFinite { n_bins, n_cells });
        }
        Ok(Self { values: matrix, variance, cells, size: usable.dim() })
    }

    fn n_bins(&self) -> usize {
        self.values.nrows()
    }

    fn n_cells(&self) -> usize {
        self.values.ncols()
    }

    fn no_decomposition(&self) -> ComponentError {
        ComponentError::Decomposition { n_bins: self.n_bins(), n_cells: self.n_cells() }
    }

    /// Components from their maps `[K, P]` and time courses `[K, T]` in any order and with any sign.
    fn components(&self, maps: MatRef<'_, f64>, courses: MatRef<'_, f64>) -> Components {
        let squared_norm = |of: MatRef<'_, f64>, k: usize| of.row(k).iter().map(|v| v * v).sum::<f64>();
        let variance = |k: usize| squared_norm(maps, k) * squared_norm(courses, k) / (self.n_bins() as f64 - 1.0);
        let mut order: Vec<(f64, usize)> = (0..maps.nrows()).map(|k| (variance(k), k)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (height, width) = self.size;
        let mut found = Components {
            maps: Array3::from_elem((order.len(), height, width), f32::NAN),
            courses: Array2::zeros((order.len(), self.n_bins())),
            variances: order.iter().map(|o| o.0).collect(),
            variance_fractions: order.iter().map(|o| o.0 / self.variance).collect(),
        };
        for (to, &(_, from)) in order.iter().enumerate() {
            // The first of equal extremes decides.
            let extreme = maps.row(from).iter().fold(0.0f64, |m, &v| if v.abs() > m.abs() { v } else { m });
            let sign = extreme.signum();
            for (&(y, x), v) in self.cells.iter().zip(maps.row(from).iter()) {
                found.maps[[to, y, x]] = (sign * v) as f32;
            }
            for (course, v) in found.courses.row_mut(to).iter_mut().zip(courses.row(from).iter()) {
                *course = (sign * v) as f32;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
