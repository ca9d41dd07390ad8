//! How much alike values of one cluster are, and what that leaves of their number.

use super::{Error, check, mean, squares};
use serde::Serialize;

/// Values in clusters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Intraclass {
    /// Intraclass correlation, 0..=1: the part of the variance within groups that lies between clusters. Negative estimates
    /// are 0.
    pub icc: f64,
    /// Factor by which the variance of a mean is larger than with as many independent values, at least 1.
    pub design_effect: f64,
    /// Number of values.
    pub n: usize,
    /// Number of clusters.
    pub n_clusters: usize,
    /// Independent values that would tell as much: n / design effect.
    pub effective_n: f64,
}

/// Intraclass correlation and design effect of groups of clusters.
///
/// The correlation is the estimator of the analysis of variance for clusters of unequal size, (B - W) / (B + (m - 1) W) with
/// the mean squares between clusters within groups B and within clusters W, and m = (N - sum over groups of sum n_c^2 / N_g)
/// / (clusters - groups) (Donner and Koval, Biometrics 1980, 36, 19). The design effect is 1 + (sum n_c^2 / N - 1) icc
/// (Kish 1965; Killip et al. 2004).
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] if no group has two clusters or no cluster two values; [`Error::NoSpread`] if
/// all values of a group are the same.
pub fn intraclass(groups: &[Vec<Vec<f64>>]) -> Result<Intraclass, Error> {
    const TEST: &str = "intraclass correlation";
    let groups: Vec<Vec<&[f64]>> = groups
        .iter()
        .map(|clusters| clusters.iter().map(Vec::as_slice).filter(|values| !values.is_empty()).collect())
        .filter(|clusters: &Vec<_>| !clusters.is_empty())
        .collect();
    let clusters = groups.concat();
    check(TEST, &clusters, 1)?;
    let (n, n_clusters) = (clusters.iter().map(|values| values.len()).sum::<usize>(), clusters.len());
    if n_clusters == groups.len() {
        return Err(Error::TooFew { test: TEST, what: "clusters in a group", needed: 2, found: n_clusters.min(1) });
    }
    if n == n_clusters {
        return Err(Error::TooFew { test: TEST, what: "values in a cluster", needed: 2, found: 1 });
    }
    let (mut between, mut sizes_of_groups) = (0.0, 0.0);
    for group in &groups {
        let pooled = group.concat();
        let centre = mean(&pooled).unwrap_or(0.0);
        let of_cluster = |values: &&[f64]| values.len() as f64 * (mean(values).unwrap_or(centre) - centre).powi(2);
        between += group.iter().map(of_cluster).sum::<f64>();
        sizes_of_groups += sum_of_squared_sizes(group) / pooled.len() as f64;
    }
    let within = clusters.iter().map(|values| squares(values)).sum::<f64>() / (n - n_clusters) as f64;
    let df_between = (n_clusters - groups.len()) as f64;
    let between = between / df_between;
    let size = (n as f64 - sizes_of_groups) / df_between;
    let denominator = between + (size - 1.0) * within;
    if denominator <= 0.0 {
        return Err(Error::NoSpread { test: TEST, what: "the values of a group" });
    }
    let icc = ((between - within) / denominator).clamp(0.0, 1.0);
    let design_effect = 1.0 + (sum_of_squared_sizes(&clusters) / n as f64 - 1.0) * icc;
    Ok(Intraclass { icc, design_effect, n, n_clusters, effective_n: n as f64 / design_effect })
}

fn sum_of_squared_sizes(clusters: &[&[f64]]) -> f64 {
    clusters.iter().map(|values| (values.len() * values.len()) as f64).sum()
}
