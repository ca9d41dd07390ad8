#![allow(clippy::unwrap_used)]

use super::*;

fn six() -> Mode {
    Mode::Physical(Limits::new(6.0, 6.0).unwrap())
}

/// Truths 100 px apart; prediction `i` sits on truth `i` if it is a hit, far from all otherwise.
fn scene(n_truths: usize, predictions: &[(f64, bool)]) -> (Vec<Detection>, Vec<Detection>) {
    let truths = (0..n_truths).map(|i| Detection::new(0.0, 100.0 * i as f64, 0.0)).collect();
    let mut next = 0;
    let predictions = predictions
        .iter()
        .enumerate()
        .map(|(i, &(score, is_hit))| {
            let y = if is_hit { 100.0 * next as f64 } else { 100.0 * i as f64 };
            next += usize::from(is_hit);
            Detection::new(0.0, y, if is_hit { 1.0 } else { 5000.0 }).scored(score)
        })
        .collect();
    (truths, predictions)
}

fn check_ap(n_truths: usize, predictions: &[(f64, bool)], expected: Option<f64>) {
    let (truths, predictions) = scene(n_truths, predictions);
    let scores = evaluate(&truths, &predictions, &six()).unwrap();
    match (scores.ap, expected) {
        (Some(ap), Some(expected)) => assert!((ap - expected).abs() < 1e-12, "{ap} {expected}"),
        (ap, expected) => assert_eq!(ap, expected),
    }
}

#[test]
fn average_precision_by_hand() {
    check_ap(2, &[(0.9, true), (0.8, true)], Some(1.0));
    check_ap(2, &[(0.9, true), (0.8, false), (0.7, true)], Some(0.5 + 0.5 * 2.0 / 3.0));
    check_ap(2, &[(0.9, false), (0.8, true)], Some(0.5 * 0.5));
    // No point at all: 0 without a sign, which would stand in tables.
    assert!(curve::average_precision(&[]).is_sign_positive());
    // Recall that is not reached adds nothing.
    check_ap(4, &[(0.9, true)], Some(0.25));
    // A tie is one threshold, whatever the order of the rows.
    check_ap(2, &[(0.9, true), (0.9, false)], Some(0.25));
    check_ap(2, &[(0.9, false), (0.9, true)], Some(0.25));
    check_ap(3, &[], Some(0.0));
    check_ap(0, &[(0.9, false)], None);
    check_ap(0, &[], None);
}

#[test]
fn the_curve_has_one_point_for_each_distinct_score() {
    let (truths, predictions) = scene(3, &[(7.0, true), (3.0, false), (5.0, false), (3.0, true)]);
    let scores = evaluate(&truths, &predictions, &six()).unwrap();
    let rows: Vec<_> = scores.curve.iter().map(|p| (p.threshold, p.tp, p.fp, p.precision, p.recall)).collect();
    assert_eq!(rows, [(7.0, 1, 0, 1.0, 1.0 / 3.0), (5.0, 1, 1, 0.5, 1.0 / 3.0), (3.0, 2, 2, 0.5, 2.0 / 3.0)]);
    assert_eq!((scores.tp, scores.fp, scores.fn_), (2, 2, 1));
}

#[test]
fn a_surer_prediction_on_the_same_truth_takes_the_point_of_the_curve() {
    // The unsure one is nearer and is in the final pair, but at the high threshold the sure one counts.
    let truths = [Detection::new(0.0, 0.0, 0.0)];
    let predictions = [Detection::new(0.0, 0.0, 0.1).scored(0.2), Detection::new(0.0, 0.0, 3.0).scored(0.9)];
    let scores = evaluate(&truths, &predictions, &six()).unwrap();
    assert_eq!(scores.pairs[0].prediction, 0);
    assert_eq!((scores.curve[0].tp, scores.curve[0].fp), (1, 0));
    assert_eq!((scores.curve[1].tp, scores.curve[1].fp), (1, 1));
    assert_eq!(scores.ap, Some(1.0));
}

#[test]
fn what_is_undefined_is_none_and_in_paper_mode_zero() {
    let point = [Detection::new(0.0, 0.0, 0.0)];
    let ratios = |truths: &[Detection], predictions: &[Detection], mode: &Mode| {
        let s = evaluate(truths, predictions, mode).unwrap();
        (s.precision, s.recall, s.f1)
    };
    assert_eq!(ratios(&[], &[], &six()), (None, None, None));
    assert_eq!(ratios(&point, &[], &six()), (None, Some(0.0), Some(0.0)));
    assert_eq!(ratios(&[], &point, &six()), (Some(0.0), None, Some(0.0)));
    assert_eq!(ratios(&point, &point, &six()), (Some(1.0), Some(1.0), Some(1.0)));
    assert_eq!(ratios(&[], &[], &Mode::Paper), (Some(0.0), Some(0.0), Some(0.0)));
    let (precision, recall, f1) = ratios(&point, &point, &Mode::Paper);
    assert_eq!((precision, recall), (Some(1.0 / (1.0 + 1e-6)), Some(1.0 / (1.0 + 1e-6))));
    assert!((f1.unwrap() - (1.0 - 1.5e-6)).abs() < 1e-11);
}

#[test]
fn scores_are_all_or_nothing() {
    let truths = [Detection::new(0.0, 0.0, 0.0)];
    let predictions = [Detection::new(0.0, 0.0, 0.0).scored(0.5), Detection::new(0.0, 50.0, 0.0)];
    for mode in [six(), Mode::Paper] {
        let scores = evaluate(&truths, &predictions, &mode).unwrap();
        assert_eq!((scores.ap, scores.ap_paper, scores.curve.len()), (None, None, 0));
        assert_eq!(scores.tp, 1);
        assert!(bootstrap(&scores, &Resampling::default()).recall.is_some());
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let good = [Detection::new(0.0, 0.0, 0.0).scored(0.5)];
    let bad_score = [good[0], good[0].scored(f64::NAN)];
    let error = evaluate(&good, &bad_score, &six()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { list: "prediction", index: 1, column: "score", .. }), "{error}");
    assert!(evaluate(&bad_score, &good, &six()).is_ok(), "scores of truths are not looked at");
    let bad_place = [Detection::new(0.0, f64::INFINITY, 0.0)];
    assert!(matches!(evaluate(&bad_place, &good, &six()), Err(Error::NotFinite { list: "truth", column: "y_px", .. })));
}

#[test]
fn the_published_average_precision_extrapolates() {
    // Half of the truths found without a false alarm: exact 0.5, published nearly 1, since precision is held to recall 1.
    let (truths, predictions) = scene(4, &[(0.9, true), (0.6, true)]);
    let scores = evaluate(&truths, &predictions, &six()).unwrap();
    assert_eq!(scores.ap, Some(0.5));
    // Points before the cut: none kept (0, 0), then one kept (1, 0.25); precision rises linearly to recall 0.25.
    let expected: f64 = (1..100).map(|i| (i as f64 / 99.0 / 0.25).min(1.0) / 99.0).sum();
    assert!((scores.ap_paper.unwrap() - expected).abs() < 1e-5, "{:?} {expected}", scores.ap_paper);
    // A single prediction above all thresholds: the first point has the largest recall, and nothing is left of the cut.
    let (truths, predictions) = scene(1, &[(1.0, true)]);
    assert_eq!(evaluate(&truths, &predictions, &six()).unwrap().ap_paper, None);
}

#[test]
fn scores_of_any_scale_give_the_published_average_precision_of_their_quantiles() {
    let rows: Vec<(f64, bool)> = (0..200).map(|i| (f64::from(i) / 200.0, i % 3 != 0 || i > 150)).collect();
    let (truths, predictions) = scene(160, &rows);
    let published = |factor: f64| {
        let scaled: Vec<Detection> = predictions.iter().map(|p| p.scored(p.score.unwrap() * factor - 1.0)).collect();
        evaluate(&truths, &scaled, &six()).unwrap().ap_paper.unwrap()
    };
    assert!((published(8.0) - published(1000.0)).abs() < 1e-9, "quantiles do not depend on the scale");
    let as_probability = evaluate(&truths, &predictions, &six()).unwrap().ap_paper.unwrap();
    assert!((published(8.0) - as_probability).abs() < 0.01, "uniform scores are their own quantiles");
}

#[test]
fn intervals_hold_the_score_and_repeat_with_the_seed() {
    let rows: Vec<(f64, bool)> = (0..120).map(|i| (f64::from((i * 37) % 101) / 101.0, i % 4 != 0)).collect();
    let (truths, predictions) = scene(110, &rows);
    for mode in [six(), Mode::Paper] {
        let scores = evaluate(&truths, &predictions, &mode).unwrap();
        let resampling = Resampling { n_resamples: 2000, ..Resampling::default() };
        let intervals = bootstrap(&scores, &resampling);
        let pairs = [
            (scores.precision, intervals.precision),
            (scores.recall, intervals.recall),
            (scores.f1, intervals.f1),
            (scores.ap, intervals.ap),
            (scores.ap_paper, intervals.ap_paper),
        ];
        for (value, interval) in pairs {
            let (value, interval) = (value.unwrap(), interval.unwrap());
            assert!(interval.low < value && value < interval.high, "{value} {interval:?}");
        }
        // Precision 90/120: the binomial 95 % half width is 1.96 sqrt(0.75 * 0.25 / 120) = 0.0775.
        let precision = intervals.precision.unwrap();
        assert!(((precision.high - precision.low) / 2.0 - 0.0775).abs() < 0.008, "{precision:?}");
        assert_eq!(intervals, bootstrap(&scores, &resampling));
        assert_ne!(intervals, bootstrap(&scores, &Resampling { seed: 1, ..resampling }));
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(intervals, one_thread.install(|| bootstrap(&scores, &resampling)));
    }
}

#[test]
fn intervals_of_nothing_are_none() {
    let scores = evaluate(&[], &[], &six()).unwrap();
    assert_eq!(bootstrap(&scores, &Resampling::default()), Intervals::default());
    let (truths, predictions) = scene(2, &[(0.5, true)]);
    let scores = evaluate(&truths, &predictions, &six()).unwrap();
    assert_eq!(bootstrap(&scores, &Resampling { n_resamples: 0, ..Resampling::default() }), Intervals::default());
}

#[test]
fn agrees_with_scipy_and_numpy() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../tests/golden/detection.json")).unwrap();
    let near = |found: Option<f64>, expected: &serde_json::Value, what: &str| {
        let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
        assert!((found - expected).abs() < 1e-9, "{what}: {found} {expected}");
    };
    for case in golden["cases"].as_array().unwrap() {
        let points = |key: &str| -> Vec<Detection> {
            let rows: Vec<[f64; 3]> = serde_json::from_value(case[key].clone()).unwrap();
            rows.into_iter().map(|[t, y, x]| Detection::new(t, y, x)).collect()
        };
        let score: Vec<f64> = serde_json::from_value(case["score"].clone()).unwrap();
        let truths = points("truth");
        let predictions: Vec<Detection> = points("prediction").iter().zip(score).map(|(p, s)| p.scored(s)).collect();

        let paper = evaluate(&truths, &predictions, &Mode::Paper).unwrap();
        let pairs: Vec<[usize; 2]> = paper.pairs.iter().map(|p| [p.truth, p.prediction]).collect();
        assert_eq!(serde_json::to_value(pairs).unwrap(), case["paper_pairs"]);
        near(paper.ap_paper, &case["paper_ap_paper"], "published average precision");
        assert_eq!(paper.curve.len(), 100);
        for (point, i) in paper.curve.iter().rev().zip(0..) {
            near(Some(point.precision), &case["paper_precision"][i], "precision");
            near(Some(point.recall), &case["paper_recall"][i], "recall");
        }

        let limits =
            Limits::new(case["physical_space_px"].as_f64().unwrap(), case["physical_time_frames"].as_f64().unwrap());
        let physical = evaluate(&truths, &predictions, &Mode::Physical(limits.unwrap())).unwrap();
        assert_eq!(Some(physical.tp as u64), case["physical_tp"].as_u64());
        let cost = physical.pairs.iter().map(|p| (p.distance_px / 6.0).hypot(p.delay_frames / 4.0)).sum();
        near(Some(cost), &case["physical_cost"], "cost");
        near(physical.ap, &case["physical_ap"], "average precision");
        near(physical.ap_paper, &case["physical_ap_paper"], "published definition, separate limits");
    }
}
