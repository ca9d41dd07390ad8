//! Shapley values in which an unknown feature has the values of a background.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::boxes::{self, LeafBox};
use super::{Explanation, explain_rows};
use crate::classify::{Error, Model};

/// A leaf with the background as it sees it.
struct Seen<'a> {
    leaf: LeafBox<'a>,
    /// Which sides of the box hold a background row, a bit each, and the part of the background for which it is so.
    background: Vec<(u64, f64)>,
}

/// Exact Shapley values of `[N, M]` rows, interventional (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56, algorithm 3): the
/// answer without some features is the mean over the rows of `background` `[B, M]`, which lend theirs. Published for the
/// decision trees of events, with the training events as background.
///
/// Background rows that a leaf cannot tell apart are counted once, so the time for a row does not grow with the background
/// but with the leaves and the patterns they see.
///
/// # Errors
/// As [`Model::probabilities`], for both; [`Error::Length`] if they differ in features.
pub fn interventional(model: &Model, rows: ArrayView2<f64>, background: ArrayView2<f64>) -> Result<Explanation, Error> {
    model.check(background)?;
    if rows.ncols() != background.ncols() {
        return Err(Error::Length { what: "features", expected: background.ncols(), found: rows.ncols() });
    }
    let sum = model.as_sum();
    let seen: Vec<Seen> = sum.trees.iter().flat_map(boxes::of_tree).map(|leaf| see(leaf, background)).collect();
    let mut base = vec![sum.offset; sum.n_outputs];
    for Seen { leaf, background } in &seen {
        let whole = all(leaf.sides.len());
        let inside: f64 = background.iter().filter(|(sides, _)| *sides == whole).map(|(_, part)| part).sum();
        base.iter_mut().zip(leaf.value).for_each(|(base, value)| *base += inside * value);
    }
    explain_rows(model, rows, base, |value_of, values| {
        for leaf in &seen {
            add(leaf, value_of, values);
        }
    })
}

/// All sides of a box. A tree is at most 64 deep, so it has at most 64.
fn all(n_sides: usize) -> u64 {
    if n_sides >= 64 { u64::MAX } else { (1 << n_sides) - 1 }
}

fn held(leaf: &LeafBox, value_of: &dyn Fn(usize) -> f64) -> u64 {
    let bit = |(i, side): (usize, &boxes::Side)| u64::from(side.holds(value_of(side.feature))) << i;
    leaf.sides.iter().enumerate().map(bit).sum()
}

fn see<'a>(leaf: LeafBox<'a>, background: ArrayView2<f64>) -> Seen<'a> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for row in background.rows() {
        *counts.entry(held(&leaf, &|feature| row[feature])).or_default() += 1;
    }
    let part = |n: usize| n as f64 / background.nrows() as f64;
    Seen { leaf, background: counts.into_iter().map(|(sides, n)| (sides, part(n))).collect() }
}

/// Adds what one leaf contributes. Mixed from a row and a background row, features reach the leaf if those that only the
/// row's value brings there (`ours`) are all the row's and those that only the background's brings there (`theirs`) are all
/// the background's. Over all orders in which features change hands, feature `i` of `ours` completes that in
/// `(ours - 1)! theirs! / (ours + theirs)!` of them, and one of `theirs` undoes it in `ours! (theirs - 1)! / ...`.
fn add(seen: &Seen, value_of: &dyn Fn(usize) -> f64, values: &mut [Vec<f64>]) {
    let Seen { leaf, background } = seen;
    let whole = all(leaf.sides.len());
    let row = held(leaf, value_of);
    let mut shares = vec![0.0; leaf.sides.len()];
    for &(other, part) in background {
        if row | other != whole || row == other {
            continue;
        }
        let (ours, theirs) = (row & !other, other & !row);
        let (n_ours, n_theirs) = (ours.count_ones(), theirs.count_ones());
        let orders = binomial(n_ours + n_theirs, n_ours);
        for (i, share) in shares.iter_mut().enumerate() {
            if ours >> i & 1 == 1 {
                *share += part / (f64::from(n_ours) * orders);
            } else if theirs >> i & 1 == 1 {
                *share -= part / (f64::from(n_theirs) * orders);
            }
        }
    }
    for (side, share) in leaf.sides.iter().zip(shares) {
        values.iter_mut().zip(leaf.value).for_each(|(of_output, value)| of_output[side.feature] += share * value);
    }
}

fn binomial(n: u32, k: u32) -> f64 {
    (0..k.min(n - k)).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}
