//! Shapley values: how much each feature of an event moves the model's answer.
//!
//! A leaf answers for a box: the rows whose features lie within the limits that the questions on its way set. The worth of a
//! set of features at one leaf is its value times, for each feature of the box, a factor that depends on that feature alone,
//! so that exact Shapley values of a tree are a sum over its leaves ([`boxes`]). Two ways to say what the model answers
//! without a feature, two sets of factors: [`path_dependent`] and [`interventional`], both exact and both equal to those of
//! the `shap` package.

mod boxes;
mod interventional;
mod path_dependent;

pub use interventional::interventional;
pub use path_dependent::path_dependent;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::model::Model;

/// Shapley values of rows.
///
/// Outputs are the probabilities of the classes for a decision tree, and the log-odds of the second class, a single output,
/// for boosted trees. For each row and output the values add up to the model's answer less the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// What the model answers if no feature is known, `[output]`.
    pub base: Vec<f64>,
    /// `[output][row][feature]`.
    pub values: Vec<Vec<Vec<f64>>>,
}

/// How much a feature matters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// 0-based feature.
    pub feature: usize,
    /// Mean over rows of the absolute Shapley value.
    pub mean_absolute: f64,
}

impl Explanation {
    /// Features by falling importance for an output, equally important ones by number; empty if there is no such output.
    pub fn importances(&self, output: usize) -> Vec<Importance> {
        let Some(rows) = self.values.get(output).filter(|rows| !rows.is_empty()) else { return Vec::new() };
        let mean_absolute = |feature: usize| rows.iter().map(|row| row[feature].abs()).sum::<f64>() / rows.len() as f64;
        let mut importances: Vec<Importance> =
            (0..rows[0].len()).map(|feature| Importance { feature, mean_absolute: mean_absolute(feature) }).collect();
        importances.sort_by(|a, b| b.mean_absolute.total_cmp(&a.mean_absolute));
        importances
    }
}

/// Adds up what `explain` adds to the values (`[output][feature]`) of each row.
fn explain_rows(
    model: &Model,
    rows: ArrayView2<f64>,
    base: Vec<f64>,
    explain: impl Fn(&dyn Fn(usize) -> f64, &mut [Vec<f64>]) + Sync,
) -> Result<Explanation, Error> {
    model.check(rows)?;
    let (n_rows, n_features) = rows.dim();
    let of_rows: Vec<Vec<Vec<f64>>> = (0..n_rows)
        .into_par_iter()
        .map(|row| {
            let mut values = vec![vec![0.0; n_features]; base.len()];
            explain(&|feature| rows[[row, feature]], &mut values);
            values
        })
        .collect();
    let mut values = vec![Vec::with_capacity(n_rows); base.len()];
    for row in of_rows {
        values.iter_mut().zip(row).for_each(|(output, row)| output.push(row));
    }
    Ok(Explanation { base, values })
}
