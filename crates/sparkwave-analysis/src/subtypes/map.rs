//! A picture of points of many features in two dimensions: their principal components, whose axes can be read.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::ArrayView2;
use serde::Serialize;

use super::Error;
use super::points::Points;

/// Points in the plane of their two largest principal components.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrincipalMap {
    /// Position of each point: first component, second component (0 for a single feature).
    pub positions: Vec<[f64; 2]>,
    /// Unit vectors of the two axes in the space of the features; the largest entry of each is positive.
    pub axes: [Vec<f64>; 2],
    /// Part of the variance along each axis, 0..=1; 0 if there is no variance.
    pub variance_parts: [f64; 2],
}

/// Maps points `[N, M]`. Give standard scores, or the feature of the largest unit decides.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`] and [`Error::Components`].
pub fn map(points: ArrayView2<f64>) -> Result<PrincipalMap, Error> {
    let points = Points::new(points)?;
    let principal = Principal::of(&points)?;
    let total: f64 = principal.variances.iter().sum();
    let axis = |i: usize| principal.axes.get(i).cloned().unwrap_or_else(|| vec![0.0; points.n_features()]);
    let part = |i: usize| principal.variances.get(i).filter(|_| total > 0.0).map_or(0.0, |v| v / total);
    let axes = [axis(0), axis(1)];
    let positions = points.rows().map(|point| [0, 1].map(|i| principal.along(point, &axes[i]))).collect();
    Ok(PrincipalMap { positions, axes, variance_parts: [part(0), part(1)] })
}

/// Iterations for each feature: usually two are enough.
const MAX_SWEEPS: usize = 100;

/// Principal axes of points, by falling variance.
pub(super) struct Principal {
    mean: Vec<f64>,
    axes: Vec<Vec<f64>>,
    variances: Vec<f64>,
}

impl Principal {
    pub(super) fn of(points: &Points) -> Result<Self, Error> {
        let (n, m) = (points.len() as f64, points.n_features());
        let mean: Vec<f64> = (0..m).map(|j| points.column(j).sum::<f64>() / n).collect();
        let mut covariance = vec![0.0; m * m];
        for point in points.rows() {
            for i in 0..m {
                for j in i..m {
                    covariance[i * m + j] += (point[i] - mean[i]) * (point[j] - mean[j]) / n;
                }
            }
        }
        let covariance = DMatrix::from_fn(m, m, |i, j| covariance[i.min(j) * m + i.max(j)]);
        let eigen = SymmetricEigen::try_new(covariance, f64::EPSILON, MAX_SWEEPS * m.max(1));
        let eigen = eigen.ok_or(Error::Components { n_features: m })?;
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let axis = |&i: &usize| upright(eigen.eigenvectors.column(i).iter().copied().collect());
        let axes = order.iter().map(axis).collect();
        // Those that should be 0 come out as rounding on either side of it.
        let variances = order.iter().map(|&i| eigen.eigenvalues[i].max(0.0)).collect();
        Ok(Self { mean, axes, variances })
    }

    /// Coordinate of a point along an axis, from the mean.
    fn along(&self, point: &[f64], axis: &[f64]) -> f64 {
        point.iter().zip(&self.mean).zip(axis).map(|((v, mean), a)| (v - mean) * a).sum()
    }

    /// Coordinates along the first two axes (0 for a second one that there is not), scaled so that those along the first have
    /// the standard deviation `spread`; `None` if all points are the same.
    pub(super) fn plane(&self, points: &Points, spread: f64) -> Option<Vec<[f64; 2]>> {
        let largest = self.variances.first().filter(|v| **v > 0.0)?;
        let scale = spread / largest.sqrt();
        let along = |point: &[f64], i: usize| self.axes.get(i).map_or(0.0, |axis| scale * self.along(point, axis));
        Some(points.rows().map(|point| [along(point, 0), along(point, 1)]).collect())
    }

    /// Smallest and largest coordinate along each axis.
    pub(super) fn ranges(&self, points: &Points) -> Vec<(f64, f64)> {
        let range = |axis: &Vec<f64>| {
            let coordinates = points.rows().map(|point| self.along(point, axis));
            coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)))
        };
        self.axes.iter().map(range).collect()
    }
}

/// The axis with its largest entry, the first of equal ones, positive: an eigenvector has no sign of its own.
fn upright(axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().reduce(|best, next| if next.abs() > best.abs() { next } else { best });
    let sign = if largest.is_some_and(|l| l < 0.0) { -1.0 } else { 1.0 };
    axis.into_iter().map(|a| sign * a).collect()
}
