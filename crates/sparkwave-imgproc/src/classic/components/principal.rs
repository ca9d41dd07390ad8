//! Principal component analysis: the orthogonal maps that explain most of the variance over time (Pearson 1901,
//! doi 10.1080/14786440109462720).

use super::{Centred, ComponentError, Components};
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView3};

/// Eigenvalues below this fraction of the largest are rounding.
const RANK_TOLERANCE: f64 = 1e-11;

/// The first `n` principal components of `values` `[T, Y, X]` in the cells that are `usable` `[Y, X]`.
///
/// Every cell has its mean over time subtracted. Maps have unit norm, and a time course is the recording projected on its
/// map, in the unit of the values. A recording of lower rank has fewer components.
///
/// # Errors
/// If there are too many values, none varies, or one is not finite.
pub fn principal(values: ArrayView3<'_, f32>, usable: &Array2<bool>, n: usize) -> Result<Components, ComponentError> {
    let centred = Centred::new(values, usable)?;
    let maps = maps(&centred, n)?;
    let courses = &maps * centred.values.transpose();
    Ok(centred.components(maps.as_ref(), courses.as_ref()))
}

/// The first `n` maps, `[K, P]` with orthonormal rows: eigenvectors of the covariance of cells, or from those of the
/// covariance of time bins where these are fewer (Sirovich 1987).
pub(super) fn maps(centred: &Centred, n: usize) -> Result<Mat<f64>, ComponentError> {
    if n == 0 {
        return Err(ComponentError::None);
    }
    let x = &centred.values;
    let over_cells = centred.n_cells() <= centred.n_bins();
    let covariance = if over_cells { x.transpose() * x } else { x * x.transpose() };
    let eigen = covariance.self_adjoint_eigen(Side::Lower).map_err(|_| centred.no_decomposition())?;
    // In increasing order.
    let values = eigen.S().column_vector();
    let largest = values[values.nrows() - 1];
    let kept: Vec<usize> =
        (0..values.nrows()).rev().take(n).take_while(|&i| values[i] > RANK_TOLERANCE * largest).collect();
    let vectors = Mat::from_fn(kept.len(), values.nrows(), |k, i| eigen.U()[(i, kept[k])]);
    if over_cells {
        return Ok(vectors);
    }
    let unscaled = vectors * x;
    Ok(Mat::from_fn(kept.len(), centred.n_cells(), |k, cell| unscaled[(k, cell)] / values[kept[k]].sqrt()))
}
