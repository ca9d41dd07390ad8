//! Which features say the same as another one.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::Serialize;

use super::FeatureTable;
use crate::statistics::ranks::midranks;

/// A coefficient of correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Method {
    /// Of the values: how near they are to a straight line.
    Pearson,
    /// Of the ranks, equal values sharing their mean rank: how near they are to any rising or falling line.
    Spearman,
}

/// The correlation of two features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// The feature that comes first in the table.
    pub a: String,
    /// The other one.
    pub b: String,
    /// The coefficient, -1..=1; `None` if one of the two is constant, or fewer than two rows know both.
    pub r: Option<f64>,
    /// Rows in which both are known.
    pub n: usize,
}

/// How features are screened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScreenParams {
    /// Coefficient.
    pub method: Method,
    /// Two features are alike if the absolute coefficient is above this, 0..=1.
    pub threshold: f64,
    /// A feature is dropped if more than this part of its values is unknown, 0..=1: keeping it would cost those rows.
    pub max_unknown: f64,
}

impl Default for ScreenParams {
    /// Pearson above 0.75 as published; at most half unknown.
    fn default() -> Self {
        Self { method: Method::Pearson, threshold: 0.75, max_unknown: 0.5 }
    }
}

/// Why a feature was dropped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Reason {
    /// Too many values are unknown.
    Unknown {
        /// How many.
        n_unknown: usize,
    },
    /// All known values are equal.
    Constant,
    /// It says the same as a feature that was kept.
    Correlated {
        /// Of the kept features above the threshold the one of largest absolute coefficient.
        with: String,
        /// The coefficient.
        r: f64,
    },
}

/// A feature that was dropped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dropped {
    /// The feature.
    pub feature: String,
    /// Why.
    pub reason: Reason,
}

/// What a screen left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Screen {
    /// How it was done.
    pub params: ScreenParams,
    /// The features that are left, in the order of the table.
    pub kept: Vec<String>,
    /// The others, in that order, with the reason.
    pub dropped: Vec<Dropped>,
    /// Every pair above the threshold, kept or not.
    pub pairs: Vec<Correlation>,
}

/// Correlations of all pairs of features, in the order of the table, each over the rows that know both.
pub fn correlations(table: &FeatureTable, method: Method) -> Vec<Correlation> {
    let columns = table.columns();
    let is_complete = |column: &[Option<f64>]| column.iter().all(Option::is_some);
    // Ranks of a column without gaps serve all its pairs; with gaps every pair has ranks of its own.
    let prepared: Vec<Option<Vec<f64>>> = columns
        .par_iter()
        .map(|column| {
            let values: Vec<f64> = column.iter().flatten().copied().collect();
            is_complete(column).then(|| if method == Method::Spearman { midranks(&values).0 } else { values })
        })
        .collect();
    let n = columns.len();
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
    pairs
        .into_par_iter()
        .map(|(i, j)| {
            let (a, b) = match (&prepared[i], &prepared[j]) {
                (Some(a), Some(b)) => (Cow::Borrowed(a), Cow::Borrowed(b)),
                _ => {
                    let both = columns[i].iter().zip(&columns[j]).filter_map(|(a, b)| a.zip(*b));
                    let (a, b): (Vec<f64>, Vec<f64>) = both.unzip();
                    match method {
                        Method::Pearson => (Cow::Owned(a), Cow::Owned(b)),
                        Method::Spearman => (Cow::Owned(midranks(&a).0), Cow::Owned(midranks(&b).0)),
                    }
                }
            };
            let names = table.names();
            Correlation { a: names[i].clone(), b: names[j].clone(), r: pearson(&a, &b), n: a.len() }
        })
        .collect()
}

/// Goes through the features in the order of the table, so in the order of preference, and keeps each that is known often
/// enough, is not constant, and does not correlate above the threshold with one already kept.
///
/// The publication flags pairs and chooses by hand; put the choice first in the table to repeat it.
pub fn screen(table: &FeatureTable, params: &ScreenParams) -> Screen {
    let mut pairs = correlations(table, params.method);
    pairs.retain(|pair| pair.r.is_some_and(|r| r.abs() > params.threshold));
    let mut kept: Vec<String> = Vec::new();
    let mut dropped = Vec::new();
    for (feature, column) in table.names().iter().zip(table.columns()) {
        let known: Vec<f64> = column.iter().flatten().copied().collect();
        let n_unknown = column.len() - known.len();
        let is_known = n_unknown as f64 <= params.max_unknown * column.len() as f64 && !known.is_empty();
        let to_kept = pairs.iter().filter(|p| p.b == *feature && kept.contains(&p.a));
        let strongest = to_kept
            .filter_map(|p| Some((&p.a, p.r?)))
            .reduce(|best, next| if next.1.abs() > best.1.abs() { next } else { best });
        let reason = if !is_known {
            Some(Reason::Unknown { n_unknown })
        } else if known.iter().all(|v| *v == known[0]) {
            Some(Reason::Constant)
        } else {
            strongest.map(|(with, r)| Reason::Correlated { with: with.clone(), r })
        };
        match reason {
            Some(reason) => dropped.push(Dropped { feature: feature.clone(), reason }),
            None => kept.push(feature.clone()),
        }
    }
    Screen { params: *params, kept, dropped, pairs }
}

/// Pearson's coefficient; `None` for fewer than two values or a constant.
fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let is_constant = |values: &[f64]| values.iter().all(|v| *v == values[0]);
    if a.len() < 2 || is_constant(a) || is_constant(b) {
        return None;
    }
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    Some(ab / (aa.sqrt() * bb.sqrt())).filter(|r| r.is_finite()).map(|r| r.clamp(-1.0, 1.0))
}
