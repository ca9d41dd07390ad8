//! Maps of neighbours are as faithful as those of scikit-learn.
//!
//! The numbers are in `tests/reference/golden/neighbour_map.json` at the root of the workspace, written by
//! `neighbour_map.py` beside it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::Array2;
use serde_json::Value;
use sparkwave_analysis::subtypes::{NeighbourMapParams, neighbour_map};

fn nearest<const D: usize>(points: &[[f64; D]], i: usize, n: usize) -> BTreeSet<usize> {
    let apart = |j: usize| (0..D).map(|d| (points[i][d] - points[j][d]).powi(2)).sum::<f64>();
    let mut others: Vec<usize> = (0..points.len()).filter(|j| *j != i).collect();
    others.sort_by(|&a, &b| apart(a).total_cmp(&apart(b)));
    others.into_iter().take(n).collect()
}

#[test]
fn as_many_neighbours_stay_as_with_scikit_learn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/neighbour_map.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let n_kept = golden["n_kept"].as_u64().unwrap() as usize;
    for case in golden["cases"].as_array().unwrap() {
        let points: Vec<[f64; 5]> = serde_json::from_value(case["points"].clone()).unwrap();
        let values = Array2::from_shape_fn((points.len(), 5), |(i, j)| points[i][j]);
        let found = neighbour_map(values.view(), &NeighbourMapParams::default()).unwrap().unwrap();
        let theirs = case["kept"].as_f64().unwrap();
        let common = |i: usize| nearest(&points, i, n_kept).intersection(&nearest(&found.positions, i, n_kept)).count();
        let kept = (0..points.len()).map(common).sum::<usize>() as f64 / (n_kept * points.len()) as f64;
        assert!(kept > theirs - 0.02, "{}: {kept} {theirs}", case["kind"]);
    }
}
