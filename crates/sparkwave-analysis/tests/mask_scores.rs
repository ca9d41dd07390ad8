//! Scores of masks equal those of SciPy, scikit-learn and of the papers read independently.
//!
//! The numbers are in `tests/reference/golden/mask_scores.json` at the root of the workspace, written by `mask_scores.py`
//! beside it.
#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use serde_json::Value;
use sparkwave_analysis::evaluate::overlap::{Overlap, agreement};
use sparkwave_analysis::evaluate::segmentation::{BothEmpty, SegmentationParams, score_frame};
use sparkwave_analysis::evaluate::tracking::{Course, scores};
use sparkwave_core::mask::Mask;
use std::path::Path;

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/mask_scores.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn image(rows: &Value) -> Array2<u32> {
    let rows: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| u32::from(rows[y].as_bytes()[x] - b'0'))
}

#[track_caller]
fn near(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() <= 1e-12 => {}
        (found, expected) => panic!("{what}: found {found:?}, expected {expected:?}"),
    }
}

fn params(golden: &Value) -> SegmentationParams {
    let pixel = golden["pixel"].as_array().unwrap();
    SegmentationParams {
        pixel: [0, 1].map(|i: usize| pixel[i].as_f64().unwrap()),
        // Rounding on either side of a distance of exactly the tolerance.
        tolerance: golden["tolerance"].as_f64().unwrap() + 1e-9,
        both_empty: BothEmpty::LeftOut,
    }
}

#[test]
fn masks_and_their_outlines() {
    let golden = golden();
    let within = image(&golden["within"]).mapv(|v| v > 0);
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (truth, found) = (image(&case["truth"]), image(&case["found"]));
        let score = score_frame(0, truth.view(), found.view(), &params(&golden)).unwrap();
        let foreground = &score.foreground;
        near(foreground.agreement.dice(), &case["dice"], name);
        near(foreground.agreement.iou(), &case["iou"], name);
        near(foreground.near.f(), &case["surface"]["f"], name);
        near(foreground.distances.mean(), &case["surface"]["mean"], name);
        near(foreground.distances.quantile(0.95), &case["surface"]["p95"], name);
        near(foreground.distances.max(), &case["surface"]["max"], name);
        let (a, b) = (truth.mapv(|v| v > 0), found.mapv(|v| v > 0));
        near(agreement(a.view(), b.view(), Some(within.view())).unwrap().kappa(), &case["kappa_within"], name);
        assert_eq!(Overlap::of(truth.view(), found.view()).unwrap().foreground(), foreground.agreement, "{name}");
    }
}

#[test]
fn objects_by_the_panoptic_rule() {
    for case in golden()["cases"].as_array().unwrap() {
        let overlap = Overlap::of(image(&case["truth"]).view(), image(&case["found"]).view()).unwrap();
        let (found, expected) = (overlap.panoptic(), &case["panoptic"]);
        let counts = [found.tp, found.fp, found.fn_].map(|n| n as u64);
        assert_eq!(counts, ["tp", "fp", "fn"].map(|name| expected[name].as_u64().unwrap()), "{}", case["name"]);
        near(found.sq(), &expected["sq"], "segmentation quality");
        near(found.rq(), &expected["rq"], "recognition quality");
        near(found.pq(), &expected["pq"], "panoptic quality");
    }
}

#[test]
fn regions_and_contours_of_davis() {
    let golden = golden();
    for case in golden["cases"].as_array().unwrap() {
        let mask = |rows: &Value| Mask::of_image(&image(rows).mapv(|v| v > 0));
        let shape = image(&case["truth"]).dim();
        let (j, f) = scores(mask(&case["truth"]).as_ref(), mask(&case["found"]).as_ref(), [shape.0, shape.1]);
        near(Some(j), &case["j"], case["name"].as_str().unwrap());
        near(Some(f), &case["davis_f"], case["name"].as_str().unwrap());
    }
    for case in golden["courses"].as_array().unwrap() {
        let scores: Vec<f64> = case["scores"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let course = Course::of(&scores).unwrap();
        near(Some(course.mean), &case["mean"], "mean");
        near(Some(course.recall), &case["recall"], "recall");
        near(Some(course.decay), &case["decay"], "decay");
    }
}
