//! Smooth random fields.

use super::grid::Grid;
use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;
use std::f64::consts::TAU;

/// Plane waves that are summed: enough for values that are nearly normal.
const N_WAVES: usize = 32;

/// A random field of zero mean and unit variance that loses its memory over `scale_mm` (a Gaussian covariance): a sum of
/// plane waves with normal wave vectors, so that the field is the same at any resolution.
pub(super) fn smooth(grid: &Grid, scale_mm: f64, rng: &mut impl Rng) -> Array2<f32> {
    let mut field = Array2::<f32>::zeros(grid.shape());
    let height = (2.0 / N_WAVES as f64).sqrt();
    for _ in 0..N_WAVES {
        let (ky, kx): (f64, f64) = (rng.sample(StandardNormal), rng.sample(StandardNormal));
        let (ky, kx, phase) = (ky / scale_mm, kx / scale_mm, rng.random_range(0.0..TAU));
        // cos(a + b) = cos a cos b - sin a sin b, so that the trigonometry is one of rows and columns.
        let columns: Vec<(f32, f32)> = (0..field.ncols())
            .map(|x| {
                let (sin, cos) = (kx * grid.mm((0, x)).x).sin_cos();
                ((height * cos) as f32, (height * sin) as f32)
            })
            .collect();
        for (y, mut row) in field.rows_mut().into_iter().enumerate() {
            let (sin, cos) = (ky * grid.mm((y, 0)).y + phase).sin_cos();
            let (sin, cos) = (sin as f32, cos as f32);
            row.iter_mut().zip(&columns).for_each(|(v, (c, s))| *v += cos * c - sin * s);
        }
    }
    field
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f64, high: f64, value: f64) -> f64 {
    let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}
