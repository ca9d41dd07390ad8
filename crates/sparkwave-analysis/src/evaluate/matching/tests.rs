#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::units::{Micrometers, Seconds};

use crate::evaluate::Error;

use super::*;

fn detections(points: &[(f64, f64, f64)]) -> Vec<Detection> {
    points.iter().map(|&(t, y, x)| Detection::new(t, y, x)).collect()
}

fn indices(pairs: &[Pair]) -> Vec<(usize, usize)> {
    pairs.iter().map(|p| (p.truth, p.prediction)).collect()
}

fn six() -> Limits {
    Limits::new(6.0, 6.0).unwrap()
}

#[test]
fn limits_are_strict_and_apart() {
    let truth = detections(&[(0.0, 0.0, 0.0)]);
    let matches = |t, y, x| match_within(&truth, &detections(&[(t, y, x)]), &six()).unwrap().len();
    assert_eq!(matches(5.9, 5.9, 0.0), 1, "inside both limits, though 8.3 away in mixed units");
    assert_eq!(matches(6.0, 0.0, 0.0), 0);
    assert_eq!(matches(-6.0, 0.0, 0.0), 0);
    assert_eq!(matches(0.0, 0.0, 6.0), 0);
    assert_eq!(matches(0.0, 4.3, 4.3), 0, "space is a circle");
    assert_eq!(matches(0.0, 4.2, -4.2), 1);
}

#[test]
fn a_limit_in_micrometres_is_the_same_limit_in_pixels() {
    let pixel_size = PixelSize::square(Micrometers::new(0.16)).unwrap();
    // 0.6 / 0.1 is a rounding error less than 6, 0.96 / 0.16 one more or exact: neither may decide.
    for interval in [0.1, 0.2, 0.3] {
        let limits =
            Limits::physical(DEFAULT_SPACE, Seconds::new(6.0 * interval), pixel_size, Seconds::new(interval)).unwrap();
        let truth = detections(&[(7.0, 3.0, 3.0)]);
        for (t, y) in [(13.0, 3.0), (7.0, 9.0), (1.0, 3.0)] {
            assert!(
                match_within(&truth, &detections(&[(t, y, 3.0)]), &limits).unwrap().is_empty(),
                "{interval} {t} {y}"
            );
        }
        assert_eq!(match_within(&truth, &detections(&[(12.0, 6.0, 7.0)]), &limits).unwrap().len(), 1);
    }
}

#[test]
fn oblong_pixels_make_an_ellipse() {
    let pixel_size = PixelSize::new(Micrometers::new(0.32), Micrometers::new(0.16)).unwrap();
    let limits = Limits::physical(DEFAULT_SPACE, DEFAULT_TIME, pixel_size, Seconds::new(0.1)).unwrap();
    assert!((limits.space_px().0 - 3.0).abs() < 1e-12 && (limits.space_px().1 - 6.0).abs() < 1e-12);
    let truth = detections(&[(0.0, 0.0, 0.0)]);
    assert_eq!(match_within(&truth, &detections(&[(0.0, 0.0, 5.0)]), &limits).unwrap().len(), 1);
    assert_eq!(match_within(&truth, &detections(&[(0.0, 5.0, 0.0)]), &limits).unwrap().len(), 0);
}

#[test]
fn defaults_fall_back_to_pixels_and_frames() {
    assert_eq!(Limits::default_for(None, None), six());
    let pixel_size = PixelSize::square(Micrometers::new(0.32));
    let limits = Limits::default_for(pixel_size, Some(Seconds::new(0.15)));
    assert!((limits.space_px().0 - 3.0).abs() < 1e-12 && (limits.time_frames() - 4.0).abs() < 1e-12);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Limits::new(bad, 6.0), None);
        assert_eq!(Limits::new(6.0, bad), None);
    }
}

#[test]
fn more_pairs_come_before_nearer_pairs() {
    // The nearest pair (1, 0) would leave truth 0 alone.
    let truths = detections(&[(0.0, 0.0, 0.0), (0.0, 0.0, 5.0)]);
    let predictions = detections(&[(0.0, 0.0, 4.9), (0.0, 0.0, 10.0)]);
    assert_eq!(indices(&match_within(&truths, &predictions, &six()).unwrap()), [(0, 0), (1, 1)]);
}

#[test]
fn among_equally_many_the_nearest_are_chosen() {
    let truths = detections(&[(0.0, 0.0, 0.0), (0.0, 0.0, 2.0)]);
    let predictions = detections(&[(0.0, 0.0, 2.1), (0.0, 0.0, 0.1), (0.0, 0.0, 1.0)]);
    let pairs = match_within(&truths, &predictions, &six()).unwrap();
    assert_eq!(indices(&pairs), [(0, 1), (1, 0)]);
    assert!((pairs[0].distance_px - 0.1).abs() < 1e-12);
}

#[test]
fn a_pair_tells_its_distance_and_delay() {
    let pairs = match_within(&detections(&[(4.0, 0.0, 0.0)]), &detections(&[(2.0, 3.0, 4.0)]), &six()).unwrap();
    assert_eq!(pairs, [Pair { truth: 0, prediction: 0, distance_px: 5.0, delay_frames: -2.0 }]);
}

#[test]
fn nothing_matches_nothing() {
    let one = detections(&[(0.0, 0.0, 0.0)]);
    for (truths, predictions) in [(&[][..], &[][..]), (&one, &[]), (&[], &one)] {
        assert!(match_within(truths, predictions, &six()).unwrap().is_empty());
        assert!(match_published(truths, predictions).unwrap().is_empty());
    }
    let nowhere =
        detections(&[(f64::NAN, 0.0, 0.0), (f64::INFINITY, 0.0, 0.0), (1e308, -1e308, 1e308), (0.0, 0.0, 0.0)]);
    assert_eq!(indices(&match_within(&nowhere, &nowhere, &six()).unwrap()), [(2, 2), (3, 3)]);
    assert_eq!(indices(&match_published(&nowhere, &nowhere).unwrap()), [(2, 2), (3, 3)]);
}

#[test]
fn the_published_rule_mixes_units_and_is_strict() {
    let truth = detections(&[(0.0, 0.0, 0.0)]);
    let matches = |t, y, x| match_published(&truth, &detections(&[(t, y, x)])).unwrap().len();
    assert_eq!(matches(4.0, 4.0, 0.0), 1);
    assert_eq!(matches(5.0, 5.0, 0.0), 0);
    assert_eq!(matches(2.0, 4.0, 4.0), 0, "exactly 6");
}

#[test]
fn the_published_rule_can_lose_a_pair() {
    // ln(1e-6) for the exact hit outweighs everything: truth 1 takes prediction 0, and truth 0 is left with a pair
    // beyond 6 that is dropped afterwards. The largest matching has two pairs.
    let truths = detections(&[(0.0, 0.0, 0.0), (0.0, 0.0, 5.0)]);
    let predictions = detections(&[(0.0, 0.0, 5.0), (0.0, 0.0, 10.0)]);
    assert_eq!(indices(&match_published(&truths, &predictions).unwrap()), [(1, 0)]);
    assert_eq!(indices(&match_within(&truths, &predictions, &six()).unwrap()), [(0, 0), (1, 1)]);
}

#[test]
fn the_published_rule_refuses_what_does_not_fit() {
    let crowd = vec![Detection::new(0.0, 0.0, 0.0); 5001];
    let error = match_published(&crowd, &crowd).unwrap_err();
    assert!(matches!(error, Error::TooLargeForPublishedRule { n_truths: 5001, n_predictions: 5001, .. }));
}

/// Points on a small grid of quarters: crowded, with ties, and exact under shifts by integers.
fn crowd(n: usize) -> impl Strategy<Value = Vec<Detection>> {
    prop::collection::vec((0..48i32, 0..48i32, 0..48i32), 0..n).prop_map(|points| {
        points
            .into_iter()
            .map(|(t, y, x)| Detection::new(f64::from(t) / 4.0, f64::from(y) / 4.0, f64::from(x) / 4.0))
            .collect()
    })
}

/// Size and smallest cost of the largest matching, by trying everything.
fn brute_force(truths: &[Detection], predictions: &[Detection], limits: &Limits) -> (usize, f64) {
    fn search(row: usize, used: u32, costs: &[Vec<Option<f64>>]) -> (usize, f64) {
        let Some(candidates) = costs.get(row) else { return (0, 0.0) };
        let mut best = search(row + 1, used, costs);
        for (column, cost) in candidates.iter().enumerate() {
            if let (Some(cost), 0) = (cost, used >> column & 1) {
                let (n, rest) = search(row + 1, used | 1 << column, costs);
                if n + 1 > best.0 || (n + 1 == best.0 && rest + cost < best.1) {
                    best = (n + 1, rest + cost);
                }
            }
        }
        best
    }
    let costs: Vec<Vec<_>> = truths.iter().map(|t| predictions.iter().map(|p| limits.cost(t, p)).collect()).collect();
    search(0, 0, &costs)
}

fn total_cost(pairs: &[Pair], truths: &[Detection], predictions: &[Detection], limits: &Limits) -> f64 {
    pairs.iter().map(|p| limits.cost(&truths[p.truth], &predictions[p.prediction]).unwrap()).sum()
}

fn is_one_to_one(pairs: &[Pair]) -> bool {
    let mut predictions: Vec<usize> = pairs.iter().map(|p| p.prediction).collect();
    predictions.sort_unstable();
    predictions.windows(2).all(|w| w[0] < w[1]) && pairs.windows(2).all(|w| w[0].truth < w[1].truth)
}

proptest! {
    #[test]
    fn the_matching_is_the_largest_and_then_the_nearest(truths in crowd(7), predictions in crowd(7), space in 1..6i32) {
        let limits = Limits::new(f64::from(space), 3.0).unwrap();
        let pairs = match_within(&truths, &predictions, &limits).unwrap();
        let (n, cost) = brute_force(&truths, &predictions, &limits);
        prop_assert!(is_one_to_one(&pairs));
        prop_assert_eq!(pairs.len(), n);
        prop_assert!((total_cost(&pairs, &truths, &predictions, &limits) - cost).abs() < 1e-9);
    }

    #[test]
    fn order_side_and_place_do_not_matter(truths in crowd(60), predictions in crowd(60), seed in 0..1000usize) {
        let limits = Limits::new(2.5, 3.0).unwrap();
        let pairs = match_within(&truths, &predictions, &limits).unwrap();
        let cost = total_cost(&pairs, &truths, &predictions, &limits);

        let mut shuffled = truths.clone();
        if !shuffled.is_empty() {
            let n = shuffled.len();
            shuffled.rotate_left(seed % n);
            shuffled.swap(0, seed % n);
        }
        let again = match_within(&shuffled, &predictions, &limits).unwrap();
        prop_assert_eq!(again.len(), pairs.len());
        prop_assert!((total_cost(&again, &shuffled, &predictions, &limits) - cost).abs() < 1e-9);

        let exchanged = match_within(&predictions, &truths, &limits).unwrap();
        prop_assert_eq!(exchanged.len(), pairs.len());
        prop_assert!((total_cost(&exchanged, &predictions, &truths, &limits) - cost).abs() < 1e-9);

        let shift = |list: &[Detection]| -> Vec<Detection> {
            list.iter().map(|d| Detection::new(d.t_frame + 100.0, d.y_px - 7.0, d.x_px + 512.0)).collect()
        };
        let moved = match_within(&shift(&truths), &shift(&predictions), &limits).unwrap();
        prop_assert_eq!(moved.len(), pairs.len());
        prop_assert!((total_cost(&moved, &truths, &predictions, &limits) - cost).abs() < 1e-9);
    }

    #[test]
    fn a_dense_solver_agrees(truths in crowd(40), predictions in crowd(40)) {
        let limits = Limits::new(3.0, 3.0).unwrap();
        let pairs = match_within(&truths, &predictions, &limits).unwrap();
        // An impossible pair costs more than all possible ones together.
        let costs: Vec<f64> = truths
            .iter()
            .flat_map(|t| predictions.iter().map(|p| limits.cost(t, p).unwrap_or(1000.0)))
            .collect();
        let (rows, columns) = lsap::solve(truths.len(), predictions.len(), &costs, false).unwrap();
        let possible: Vec<f64> =
            rows.iter().zip(&columns).filter_map(|(&i, &j)| limits.cost(&truths[i], &predictions[j])).collect();
        prop_assert_eq!(pairs.len(), possible.len());
        let cost = total_cost(&pairs, &truths, &predictions, &limits);
        prop_assert!((cost - possible.iter().sum::<f64>()).abs() < 1e-9);
    }

    #[test]
    fn every_prefix_of_a_ranking_has_its_largest_matching(truths in crowd(40), predictions in crowd(40)) {
        let limits = Limits::new(3.0, 3.0).unwrap();
        let truths_of = truths_within(&truths, &predictions, &limits).unwrap();
        let order: Vec<usize> = (0..predictions.len()).rev().collect();
        let raised = greedy_by_rank(&truths_of, truths.len(), &order);
        let mut tp = 0;
        for (n, &prediction) in order.iter().enumerate() {
            tp += usize::from(raised[prediction]);
            let kept: Vec<Detection> = order[..=n].iter().map(|&i| predictions[i]).collect();
            prop_assert_eq!(tp, match_within(&truths, &kept, &limits).unwrap().len());
        }
    }

    #[test]
    fn the_published_rule_never_finds_more(truths in crowd(30), predictions in crowd(30)) {
        let published = match_published(&truths, &predictions).unwrap();
        prop_assert!(is_one_to_one(&published));
        // A mixed distance below 6 is inside both limits of 6.
        prop_assert!(published.len() <= match_within(&truths, &predictions, &six()).unwrap().len());
    }
}
