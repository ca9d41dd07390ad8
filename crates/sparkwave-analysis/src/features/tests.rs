#![allow(clippy::unwrap_used)]

use sparkwave_core::table::{Table, Value};

use super::*;
use crate::measure;

fn table(columns: &[(&str, &[f64])]) -> Table {
    let mut table = Table::new();
    for (name, values) in columns {
        // NaN becomes an empty cell.
        table.push(*name, values.iter().map(|v| Value::float(*v)).collect());
    }
    table
}

fn features(columns: &[(&str, &[Option<f64>])]) -> FeatureTable {
    FeatureTable::new(columns.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()).unwrap()
}

#[test]
fn every_feature_has_its_columns_in_the_tables_that_are_measured() {
    let sparks: Vec<&str> = measure::COLUMNS.iter().map(|c| c.name).collect();
    for feature in SPARKS.iter().chain(PUBLISHED) {
        assert!(feature.columns.iter().all(|c| sparks.contains(c)), "{}", feature.name);
    }
    let waves: Vec<&str> = measure::waves::wave_columns().map(|c| c.name).collect();
    for feature in WAVES {
        assert!(feature.columns.iter().all(|c| waves.contains(c)), "{}", feature.name);
    }
    // A feature that is a column carries the unit of the column.
    for feature in SPARKS.iter().chain(PUBLISHED).filter(|f| f.columns == [f.name]) {
        let column = measure::COLUMNS.iter().find(|c| c.name == feature.name).unwrap();
        let counts = ["n_voxels", "n_frames"];
        assert!(column.unit == feature.unit || counts.contains(&feature.name), "{}", feature.name);
    }
    assert!(CLUSTERING.iter().all(|name| SPARKS.iter().any(|f| f.name == *name && f.published.is_some())));
}

#[test]
fn voxels_become_micrometres_and_seconds() {
    // 40 voxels over 12 pixels of 0.16 um x 0.2 um, in 5 frames of 0.1 s.
    let pixel_um2 = 0.16 * 0.2;
    let events = table(&[
        ("n_voxels", &[40.0, 1.0]),
        ("area_px", &[12.0, 1.0]),
        ("area_um2", &[12.0 * pixel_um2, f64::NAN]),
        ("duration_s", &[0.5, 0.1]),
        ("n_frames", &[5.0, 1.0]),
        ("integrated_profile", &[2.0, 0.3]),
    ]);
    let chosen: Vec<Feature> =
        SPARKS.iter().filter(|f| ["volume_um2_s", "integrated_dff_s"].contains(&f.name)).copied().collect();
    let found = FeatureTable::derive(&events, &chosen).unwrap();
    assert_eq!(found.names(), ["volume_um2_s", "integrated_dff_s"]);
    assert!((found.columns()[0][0].unwrap() - 40.0 * pixel_um2 * 0.1).abs() < 1e-12);
    assert_eq!(found.columns()[0][1], None, "without pixel size");
    assert!((found.columns()[1][0].unwrap() - 0.2).abs() < 1e-12);
    assert!((found.columns()[1][1].unwrap() - 0.03).abs() < 1e-12);
}

#[test]
fn a_direction_is_two_features_so_that_359_and_1_degree_are_near() {
    let waves = table(&[("direction_deg", &[359.0, 1.0, f64::NAN])]);
    let chosen: Vec<Feature> = WAVES.iter().filter(|f| f.name.starts_with("direction_")).copied().collect();
    let chosen: Vec<Feature> = chosen.into_iter().filter(|f| f.columns == ["direction_deg"]).collect();
    let found = FeatureTable::derive(&waves, &chosen).unwrap();
    let apart = |column: &[Option<f64>]| (column[0].unwrap() - column[1].unwrap()).abs();
    assert!(found.columns().iter().all(|c| apart(c) < 0.04 && c[2].is_none()));
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let mut events = table(&[("dff_max", &[1.0])]);
    events.push("dff_mean", vec![Value::Text("high".to_owned())]);
    let derive = |name: &str| {
        let chosen: Vec<Feature> = SPARKS.iter().filter(|f| f.name == name).copied().collect();
        FeatureTable::derive(&events, &chosen).unwrap_err().to_string()
    };
    assert_eq!(derive("solidity"), "features: expected a column solidity for the feature solidity, found none");
    assert_eq!(
        derive("dff_mean"),
        "features: row 1 (1-based, header not counted), column dff_mean: expected a number, found high"
    );
    let two = features(&[("a", &[Some(1.0)]), ("b", &[Some(2.0)])]);
    assert_eq!(two.select(&["b"]).unwrap().names(), ["b"]);
    assert!(matches!(two.select(&["c"]), Err(Error::UnknownFeature { .. })));
    assert!(matches!(two.select(&["a", "a"]), Err(Error::Repeated { .. })));
    let ragged = FeatureTable::new(vec![("a".into(), vec![None]), ("b".into(), vec![])]);
    assert!(matches!(ragged, Err(Error::Length { .. })));
}

#[test]
fn rows_with_unknown_features_are_left_out_and_counted() {
    let table = features(&[
        ("a", &[Some(1.0), None, Some(3.0)]),
        ("b", &[Some(f64::NAN), None, Some(6.0)]),
        ("c", &[Some(0.0); 3]),
    ]);
    let complete = table.complete();
    assert_eq!(complete.rows, [2]);
    assert_eq!(complete.values, ndarray::array![[3.0, 6.0, 0.0]]);
    let unknown: Vec<_> = complete.unknown.iter().map(|u| (u.feature.as_str(), u.n)).collect();
    assert_eq!(unknown, [("a", 1), ("b", 2)]);
}

#[test]
fn standard_scores_by_hand() {
    let table = features(&[("a", &[Some(1.0), Some(3.0), None]), ("b", &[Some(0.1); 3]), ("c", &[None; 3])]);
    let fitted = Standardization::fit(&table, Deviation::Population);
    let sds: Vec<_> = fitted.scales.iter().map(|s| (s.n, s.mean, s.sd)).collect();
    assert_eq!(sds, [(2, Some(2.0), Some(1.0)), (3, Some(0.1), None), (0, None, None)]);
    let sample = Standardization::fit(&table, Deviation::Sample);
    assert_eq!(sample.scales[0].sd, Some(2f64.sqrt()));
    let scores = fitted.apply(&table).unwrap();
    assert_eq!(scores.columns()[0], [Some(-1.0), Some(1.0), None]);
    assert_eq!(scores.columns()[1], [Some(0.0); 3], "a constant tells nothing");
    assert_eq!(scores.columns()[2], [None; 3]);
    // Of a feature that was constant in the fit, another value has no score.
    let other = features(&[("a", &[Some(5.0)]), ("b", &[Some(0.2)]), ("c", &[Some(1.0)])]);
    let scores = fitted.apply(&other).unwrap();
    assert_eq!([scores.columns()[0][0], scores.columns()[1][0], scores.columns()[2][0]], [Some(3.0), None, None]);
    assert!(matches!(fitted.apply(&features(&[("a", &[None])])), Err(Error::OtherFeatures { .. })));
}

#[test]
fn a_screen_keeps_the_first_of_those_that_say_the_same() {
    let x: Vec<Option<f64>> = [1.0, 2.0, 3.0, 4.0, 5.0].map(Some).to_vec();
    let cubed: Vec<Option<f64>> = x.iter().map(|v| v.map(|v: f64| -v.powi(9))).collect();
    let other = [2.0, -1.0, 0.0, -1.0, 2.0].map(Some);
    let table = features(&[
        ("x", &x),
        ("cubed", &cubed),
        ("other", &other),
        ("flat", &[Some(7.0); 5]),
        ("rare", &[Some(1.0), None, None, None, Some(2.0)]),
    ]);
    let by = |method| screen(&table, &ScreenParams { method, ..ScreenParams::default() });
    let ranked = by(Method::Spearman);
    assert_eq!(ranked.kept, ["x", "other"]);
    let [cubed, flat, rare] = &ranked.dropped[..] else { panic!("{:?}", ranked.dropped) };
    assert!(matches!(&cubed.reason, Reason::Correlated { with, r } if with == "x" && (r + 1.0).abs() < 1e-12));
    assert_eq!([&flat.reason, &rare.reason], [&Reason::Constant, &Reason::Unknown { n_unknown: 3 }]);
    assert_eq!(ranked.pairs.len(), 3, "x with cubed; both with rare, of which only two rows are known");
    // x and its ninth power are far from a straight line; x and other are uncorrelated.
    let all = correlations(&table, Method::Pearson);
    let r = |a: &str, b: &str| all.iter().find(|c| c.a == a && c.b == b).unwrap();
    let n = 5.0f64;
    let (mean_x, mean_y) = (3.0, -(1..=5).map(|v: i32| f64::from(v).powi(9)).sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for v in 1..=5 {
        let (dx, dy) = (f64::from(v) - mean_x, -f64::from(v).powi(9) - mean_y);
        (xx, yy, xy) = (xx + dx * dx, yy + dy * dy, xy + dx * dy);
    }
    assert!((r("x", "cubed").r.unwrap() - xy / (xx * yy).sqrt()).abs() < 1e-12);
    assert!(r("x", "other").r.unwrap().abs() < 1e-12);
    assert_eq!((r("x", "flat").r, r("x", "rare").n), (None, 2));
    assert!((r("x", "rare").r.unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn equal_values_share_their_rank() {
    // scipy.stats.spearmanr([1, 2, 2, 3], [4, 1, 1, 0]) is -1; with [4, 1, 2, 0] ranks 2.5, 2.5 meet 2, 3.
    let a = [1.0, 2.0, 2.0, 3.0].map(Some);
    let of = |b: [f64; 4]| {
        let b = b.map(Some);
        correlations(&features(&[("a", &a), ("b", &b)]), Method::Spearman)[0].r.unwrap()
    };
    assert!((of([4.0, 1.0, 1.0, 0.0]) + 1.0).abs() < 1e-12);
    assert!((of([4.0, 1.0, 2.0, 0.0]) + 0.948_683_298_050_513_8).abs() < 1e-12);
}
