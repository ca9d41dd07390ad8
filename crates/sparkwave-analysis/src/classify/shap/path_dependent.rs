//! Shapley values in which an unknown feature follows both answers, as often as the events in training did.

use ndarray::ArrayView2;

use super::boxes::{self, LeafBox};
use super::{Explanation, explain_rows};
use crate::classify::{Error, Model};

/// Exact Shapley values of `[N, M]` rows, path-dependent (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56, algorithm 1).
///
/// Needs no background. A feature that the model does not ask has the value 0, but what the model answers without a feature
/// depends on the order of its questions; [`super::interventional`] does not have this fault.
///
/// # Errors
/// As [`Model::probabilities`].
pub fn path_dependent(model: &Model, rows: ArrayView2<f64>) -> Result<Explanation, Error> {
    let sum = model.as_sum();
    let boxes: Vec<LeafBox> = sum.trees.iter().flat_map(boxes::of_tree).collect();
    let mut base = vec![sum.offset; sum.n_outputs];
    for leaf in &boxes {
        let part: f64 = leaf.sides.iter().map(|side| side.cover_part).product();
        base.iter_mut().zip(leaf.value).for_each(|(base, value)| *base += part * value);
    }
    explain_rows(model, rows, base, |value_of, values| {
        for leaf in &boxes {
            add(leaf, value_of, values);
        }
    })
}

/// Adds what one leaf contributes.
///
/// With a feature known its factor is 1 inside the box and 0 outside; unknown it is the part that followed. The Shapley
/// value of a feature is the difference of its two factors times the mean product of the others' over all orders in which
/// features become known; that mean is a sum over the coefficients of the polynomial with a factor
/// `unknown + known t` for each of the others.
fn add(leaf: &LeafBox, value_of: &dyn Fn(usize) -> f64, values: &mut [Vec<f64>]) {
    let factors: Vec<(f64, f64)> = leaf
        .sides
        .iter()
        .map(|side| (f64::from(u8::from(side.holds(value_of(side.feature)))), side.cover_part))
        .collect();
    let mut polynomial = Vec::with_capacity(factors.len());
    for (i, side) in leaf.sides.iter().enumerate() {
        polynomial.clear();
        polynomial.push(1.0);
        for (_, &(known, unknown)) in factors.iter().enumerate().filter(|(j, _)| *j != i) {
            polynomial.push(0.0);
            for degree in (0..polynomial.len()).rev() {
                let below = if degree > 0 { polynomial[degree - 1] } else { 0.0 };
                polynomial[degree] = polynomial[degree] * unknown + below * known;
            }
        }
        // A set of `degree` of the other n - 1 features comes first in degree! (n - 1 - degree)! / n! of all orders.
        let n_others = factors.len() - 1;
        let mut weight = 1.0 / factors.len() as f64;
        let mut mean = 0.0;
        for (degree, coefficient) in polynomial.iter().enumerate() {
            mean += weight * coefficient;
            if degree < n_others {
                weight *= (degree + 1) as f64 / (n_others - degree) as f64;
            }
        }
        let (known, unknown) = factors[i];
        let share = (known - unknown) * mean;
        values.iter_mut().zip(leaf.value).for_each(|(of_output, value)| of_output[side.feature] += share * value);
    }
}
