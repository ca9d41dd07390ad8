//! Linear mixed model with a random intercept for each cluster, by restricted maximum likelihood.
//!
//! Our own code: no maintained crate fits mixed models. With one random intercept the covariance of a cluster is
//! s^2 (I + r 11'), whose inverse and determinant are closed, and the restricted likelihood depends on the one number r
//! (Laird and Ware 1982; Bates et al., Journal of Statistical Software 2015, 67, 1, section 3).

use super::Error;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use ndarray::ArrayView2;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

const TEST: &str = "linear mixed model";

/// A fixed effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// value / standard error.
    pub z: f64,
    /// Two-sided p-value of z under the normal distribution, as statsmodels reports it: too small for few clusters.
    pub p: f64,
}

/// Result of [`random_intercept`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixedModel {
    /// One for each column of the design.
    pub coefficients: Vec<Coefficient>,
    /// Variance of the intercepts of clusters.
    pub variance_between: f64,
    /// Variance within clusters.
    pub variance_within: f64,
    /// Logarithm of the restricted likelihood, with the constants of statsmodels and lme4.
    pub log_likelihood: f64,
    /// Number of values.
    pub n: usize,
    /// Number of clusters.
    pub n_clusters: usize,
}

impl MixedModel {
    /// Part of the variance that lies between clusters, 0..=1.
    pub fn icc(&self) -> f64 {
        self.variance_between / (self.variance_between + self.variance_within)
    }
}

/// Fits `values` (n) by `design` (n, p), whose columns include the intercept, and one random intercept for each number in
/// `clusters` (n).
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::Lengths`]; [`Error::TooFew`] below 2 clusters, p + 1 values, or if no cluster has 2 values;
/// [`Error::RankDeficient`]; [`Error::NoSpread`] if values within clusters do not differ from the fit.
pub fn random_intercept(values: &[f64], design: ArrayView2<'_, f64>, clusters: &[usize]) -> Result<MixedModel, Error> {
    let (n, n_columns) = design.dim();
    for found in [values.len(), clusters.len()] {
        if found != n {
            return Err(Error::Lengths { test: TEST, first: n, second: found });
        }
    }
    let columns: Vec<Vec<f64>> = design.columns().into_iter().map(|column| column.to_vec()).collect();
    let samples: Vec<&[f64]> = std::iter::once(values).chain(columns.iter().map(Vec::as_slice)).collect();
    super::check(TEST, &samples, n_columns + 1)?;
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    clusters.iter().enumerate().for_each(|(i, &cluster)| members.entry(cluster).or_default().push(i));
    if members.len() < 2 {
        return Err(Error::TooFew { test: TEST, what: "clusters", needed: 2, found: members.len() });
    }
    if members.len() == n {
        return Err(Error::TooFew { test: TEST, what: "values in a cluster", needed: 2, found: 1 });
    }

    let x = DMatrix::from_fn(n, n_columns, |i, j| design[[i, j]]);
    let y = DVector::from_column_slice(values);
    let xx = x.tr_mul(&x);
    let least_squares = factor(&xx)?.solve(&x.tr_mul(&y));
    // The rest is fitted to residuals, which keeps the digits that a large mean would take.
    let y = y - &x * &least_squares;
    let sums = members.values().map(|rows| Sums {
        n: rows.len() as f64,
        x: DVector::from_fn(n_columns, |j, _| rows.iter().map(|&i| x[(i, j)]).sum()),
        y: rows.iter().map(|&i| y[i]).sum(),
    });
    let likelihood =
        Likelihood { xx, xy: x.tr_mul(&y), yy: y.norm_squared(), df: (n - n_columns) as f64, clusters: sums.collect() };
    // Deviations from cluster means that the design cannot explain; rounding errors are no spread.
    let scale = values.iter().map(|v| v * v).sum::<f64>();
    if likelihood.yy <= 1e-24 * scale {
        return Err(Error::NoSpread { test: TEST, what: "the values, but for the fixed effects," });
    }
    let fit = likelihood.at(likelihood.best_ratio()?)?;
    let standard_errors = fit.factor.inverse().diagonal().map(|variance| (variance * fit.variance).sqrt());
    let coefficient = |(value, &standard_error): (f64, &f64)| {
        let z = value / standard_error;
        Coefficient { value, standard_error, z, p: (2.0 * Normal::standard().sf(z.abs())).min(1.0) }
    };
    let coefficients =
        (least_squares + &fit.coefficients).iter().copied().zip(standard_errors.iter()).map(coefficient).collect();
    let log_likelihood = -0.5 * (fit.criterion + likelihood.df * (1.0 + (2.0 * std::f64::consts::PI).ln()));
    Ok(MixedModel {
        coefficients,
        variance_between: fit.ratio * fit.variance,
        variance_within: fit.variance,
        log_likelihood,
        n,
        n_clusters: members.len(),
    })
}

/// The Cholesky factor, unless a column depends on those before it.
fn factor(matrix: &DMatrix<f64>) -> Result<Cholesky<f64, Dyn>, Error> {
    /// Smallest part of a column's square that those before it may leave.
    const TOLERANCE: f64 = 1e-12;
    let deficient = |column| Error::RankDeficient { test: TEST, column };
    let factor = Cholesky::new(matrix.clone()).ok_or(deficient(matrix.ncols().saturating_sub(1)))?;
    let l = factor.l_dirty();
    match (0..matrix.ncols()).find(|&j| l[(j, j)] * l[(j, j)] <= TOLERANCE * matrix[(j, j)]) {
        Some(column) => Err(deficient(column)),
        None => Ok(factor),
    }
}

/// Sums over one cluster.
struct Sums {
    n: f64,
    x: DVector<f64>,
    y: f64,
}

/// What the restricted likelihood needs.
struct Likelihood {
    xx: DMatrix<f64>,
    xy: DVector<f64>,
    yy: f64,
    df: f64,
    clusters: Vec<Sums>,
}

/// The best fit at one ratio of variances.
struct Fit {
    ratio: f64,
    factor: Cholesky<f64, Dyn>,
    coefficients: DVector<f64>,
    /// Variance within clusters.
    variance: f64,
    /// -2 log of the restricted likelihood without constants.
    criterion: f64,
    /// Derivative of the criterion by the ratio.
    slope: f64,
}

impl Likelihood {
    /// Generalised least squares with variance `ratio` between clusters for each 1 within.
    fn at(&self, ratio: f64) -> Result<Fit, Error> {
        let (mut xx, mut xy, mut yy, mut log_det) = (self.xx.clone(), self.xy.clone(), self.yy, 0.0);
        for cluster in &self.clusters {
            let weight = ratio / (1.0 + cluster.n * ratio);
            xx.ger(-weight, &cluster.x, &cluster.x, 1.0);
            xy.axpy(-weight * cluster.y, &cluster.x, 1.0);
            yy -= weight * cluster.y * cluster.y;
            log_det += (cluster.n * ratio).ln_1p();
        }
        let factor = factor(&xx)?;
        let coefficients = factor.solve(&xy);
        let residual = yy - coefficients.dot(&xy);
        if residual <= 0.0 {
            return Err(Error::NoSpread { test: TEST, what: "the values of a cluster" });
        }
        let l = factor.l_dirty();
        log_det += (0..xx.ncols()).map(|j| 2.0 * l[(j, j)].ln()).sum::<f64>();
        let slope = self.clusters.iter().map(|cluster| {
            let shrinkage = 1.0 / (1.0 + cluster.n * ratio);
            let deviation = cluster.y - cluster.x.dot(&coefficients);
            let leverage = cluster.x.dot(&factor.solve(&cluster.x));
            let squared = shrinkage * shrinkage;
            cluster.n * shrinkage - squared * leverage - self.df * squared * deviation * deviation / residual
        });
        let slope = slope.sum();
        let variance = residual / self.df;
        let criterion = self.df * variance.ln() + log_det;
        Ok(Fit { ratio, factor, coefficients, variance, criterion, slope })
    }

    /// The ratio of largest likelihood: the best point of a coarse grid, then the zero of the slope beside it.
    fn best_ratio(&self) -> Result<f64, Error> {
        /// Decades of the ratio on either side of 1, and steps in each.
        const DECADES: i32 = 10;
        const STEPS: i32 = 8;
        let ratio = |step: i32| 10f64.powf(f64::from(step) / f64::from(STEPS));
        let (first, last) = (-DECADES * STEPS, DECADES * STEPS);
        let (mut best, mut smallest) = (None, self.at(0.0)?.criterion);
        for step in first..=last {
            let criterion = self.at(ratio(step))?.criterion;
            if criterion < smallest {
                (best, smallest) = (Some(step), criterion);
            }
        }
        let Some(step) = best else { return Ok(0.0) };
        if step == last {
            return Err(Error::NoSpread { test: TEST, what: "the values of a cluster" });
        }
        // Bisection of logarithms: 64 halvings of a fifth of a decade are below rounding.
        let (mut low, mut high) = (ratio(step - 1).ln(), ratio(step + 1).ln());
        for _ in 0..64 {
            let middle = 0.5 * (low + high);
            if self.at(middle.exp())?.slope < 0.0 { low = middle } else { high = middle }
        }
        Ok((0.5 * (low + high)).exp())
    }
}
