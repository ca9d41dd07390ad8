//! Spatial independent component analysis by FastICA, symmetric, with the contrast log cosh (Hyvärinen 1999,
//! doi 10.1109/72.761722; the algorithm of its section IV).

use super::{Centred, ComponentError, Components, principal};
use faer::{Mat, MatRef, Side};
use ndarray::{Array2, ArrayView3};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// The maps have unit norm; what is left of one without its mean is rounding if its square is below this.
const RANK_TOLERANCE: f64 = 1e-9;

/// Parameters of the iteration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FastIcaParams {
    /// Seed of the rotation from which it starts.
    pub seed: u64,
    /// It ends where no row of the rotation turns by more than this, as 1 - |cosine|.
    pub tolerance: f64,
    /// And after so many steps at the latest.
    pub max_iterations: usize,
}

impl Default for FastIcaParams {
    fn default() -> Self {
        Self { seed: 0, tolerance: 1e-8, max_iterations: 500 }
    }
}

/// Independent components, and whether they were found.
#[derive(Clone, Debug)]
pub struct Independent {
    /// The components. Maps have zero mean and unit variance over cells; time courses are in the unit of the values.
    pub components: Components,
    /// False if the iteration was cut short: the maps then depend on the seed.
    pub converged: bool,
}

/// The independent components in the space of the first `n` principal maps of `values` `[T, Y, X]` in the cells that are
/// `usable` `[Y, X]`.
///
/// There are fewer where the maps without their means are of lower rank. A time course is the regression of each bin on
/// all maps. The shares of the variance do not add up: time courses of independent maps may be correlated.
///
/// # Errors
/// If there are too many values, none varies, or one is not finite.
pub fn independent(
    values: ArrayView3<'_, f32>,
    usable: &Array2<bool>,
    n: usize,
    params: &FastIcaParams,
) -> Result<Independent, ComponentError> {
    let centred = Centred::new(values, usable)?;
    let principal = principal::maps(&centred, n)?;
    let white = whitened(principal.as_ref()).ok_or_else(|| centred.no_decomposition())?;
    if white.nrows() == 0 {
        return Err(ComponentError::Constant { n_bins: centred.n_bins(), n_cells: centred.n_cells() });
    }
    let (rotation, converged) = fast_ica(white.as_ref(), params).ok_or_else(|| centred.no_decomposition())?;
    let maps = rotation * white;
    // The maps are uncorrelated with unit variance, so that the regression needs no inverse.
    let courses = &maps * centred.values.transpose() * faer::Scale(1.0 / centred.n_cells() as f64);
    Ok(Independent { components: centred.components(maps.as_ref(), courses.as_ref()), converged })
}

/// Rows of zero mean, unit variance and no correlation that span those of `maps` `[K, P]` without their means.
fn whitened(maps: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n_cells = maps.ncols() as f64;
    let means: Vec<f64> = maps.row_iter().map(|row| row.iter().sum::<f64>() / n_cells).collect();
    let maps = Mat::from_fn(maps.nrows(), maps.ncols(), |k, cell| maps[(k, cell)] - means[k]);
    let eigen = (&maps * maps.transpose()).self_adjoint_eigen(Side::Lower).ok()?;
    let values = eigen.S().column_vector();
    let kept: Vec<usize> = (0..values.nrows()).filter(|&i| values[i] > RANK_TOLERANCE).collect();
    let scaled =
        Mat::from_fn(kept.len(), values.nrows(), |k, i| eigen.U()[(i, kept[k])] * (n_cells / values[kept[k]]).sqrt());
    Some(scaled * maps)
}

/// The rotation `[K, K]` that makes the rows of `white` `[K, P]` independent, and whether it was reached.
fn fast_ica(white: MatRef<'_, f64>, params: &FastIcaParams) -> Option<(Mat<f64>, bool)> {
    let (n, n_cells) = (white.nrows(), white.ncols() as f64);
    let mut random = ChaCha8Rng::seed_from_u64(params.seed);
    let mut rotation = nearest_rotation(Mat::from_fn(n, n, |_, _| StandardNormal.sample(&mut random)))?;
    for _ in 0..params.max_iterations {
        let mut contrast = &rotation * white;
        let mut slopes = vec![0.0; n];
        for (row, slope) in contrast.row_iter_mut().zip(&mut slopes) {
            for v in row.iter_mut() {
                *v = v.tanh();
                *slope += (1.0 - *v * *v) / n_cells;
            }
        }
        let mean = contrast * white.transpose();
        let next = Mat::from_fn(n, n, |i, j| mean[(i, j)] / n_cells - slopes[i] * rotation[(i, j)]);
        let next = nearest_rotation(next)?;
        let turned = &next * rotation.transpose();
        rotation = next;
        if (0..n).all(|i| 1.0 - turned[(i, i)].abs() < params.tolerance) {
            return Some((rotation, true));
        }
    }
    Some((rotation, false))
}

/// `(W Wᵀ)^-½ W`: the orthogonal matrix nearest to `matrix`, which must not be singular.
fn nearest_rotation(matrix: Mat<f64>) -> Option<Mat<f64>> {
    let eigen = (&matrix * matrix.transpose()).self_adjoint_eigen(Side::Lower).ok()?;
    let values = eigen.S().column_vector();
    let scaled = Mat::from_fn(matrix.nrows(), matrix.nrows(), |i, j| eigen.U()[(i, j)] / values[j].sqrt());
    Some(scaled * eigen.U().transpose() * matrix)
}
