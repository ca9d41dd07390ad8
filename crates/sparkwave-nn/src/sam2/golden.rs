//! A clip with three objects against the published video predictor, as `tests/reference/sam2_goldens.py` has it.

use ndarray::{Array2, Array3};
use serde_json::Value;

use super::*;
use crate::models::sam2::golden::{filled, golden, input, with_presence};

const N_FRAMES: usize = 12;
const SIZE: [usize; 2] = [96, 160];
/// What a logit may differ, relative to the largest (or to 1): what a frame leaves is the next one's input.
const TOLERANCE: f64 = 1e-4;

fn image(t: usize) -> Array3<f32> {
    let [h, w] = SIZE;
    let values: Vec<f32> = (input([1, 3, h, w], 40 + t) / 2.0 + 0.5).into_data().iter::<f32>().collect();
    Array3::from_shape_vec((3, h, w), values).expect("of this shape")
}

fn tracker(corrections_count: bool) -> Tracker {
    let config = Sam2Config { image_px: 128, ..Sam2Config::tiny() };
    let network = with_presence(filled(&config), 1.0);
    let params = TrackerParams { corrections_count, ..TrackerParams::default() };
    Tracker::new(network, params, N_FRAMES, SIZE).expect("valid")
}

fn point(x_px: f32, y_px: f32, mark: Mark) -> Point {
    Point { x_px, y_px, mark }
}

fn compare(expected: &Value, step: &str, object: u32, found: &Array2<f32>) {
    let expected = &expected[step][object.to_string()];
    let number = |name: &str| expected[name].as_f64().unwrap_or_else(|| panic!("{step}, {object}: no {name}"));
    let squares: f64 = found.iter().map(|&v| f64::from(v).powi(2)).sum();
    let norm = number("squares").sqrt();
    assert!((squares.sqrt() - norm).abs() < TOLERANCE * norm, "{step}, {object}: {} and {norm}", squares.sqrt());
    let values: Vec<f64> =
        expected["values"].as_array().expect("values").iter().map(|v| v.as_f64().expect("a number")).collect();
    let largest = values.iter().fold(1.0f64, |largest, v| largest.max(v.abs()));
    let sampled = found.iter().step_by(number("step") as usize).map(|&v| f64::from(v));
    let worst = sampled.zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= TOLERANCE * largest, "{step}, object {object}: {worst:e} off, of {largest}");
}

#[test]
fn a_clip_is_followed_as_by_the_published_predictor() {
    let expected = &golden("clip");
    let mut tracker = tracker(false);
    let click = tracker.point(1, 2, image(2).view(), &[point(40.0, 30.0, Mark::Inside)]).expect("valid");
    compare(expected, "click", 1, &click);
    let click = tracker.point(1, 2, image(2).view(), &[point(120.0, 70.0, Mark::Outside)]).expect("valid");
    compare(expected, "second_click", 1, &click);
    let disk = Array2::from_shape_fn(SIZE, |(y, x)| y.abs_diff(50).pow(2) + x.abs_diff(90).pow(2) < 900);
    compare(expected, "mask", 2, &tracker.mask(2, 4, image(4).view(), disk.view()).expect("valid"));
    let corners = [point(20.0, 10.0, Mark::FirstCorner), point(100.0, 80.0, Mark::LastCorner)];
    let inside = [corners[0], corners[1], point(50.0, 50.0, Mark::Inside)];
    compare(expected, "box", 3, &tracker.point(3, 0, image(0).view(), &inside).expect("valid"));

    let pass = |name: &str, tracker: &mut Tracker, frames: &mut dyn Iterator<Item = usize>, direction| {
        for t in frames {
            for found in tracker.step(t, image(t).view(), direction).expect("valid") {
                compare(expected, &format!("{name}_{t}"), found.object, &found.logits);
                assert!((0.0..=1.0).contains(&found.quality) && (0.0..=1.0).contains(&found.presence));
            }
        }
    };
    pass("forwards", &mut tracker, &mut (0..N_FRAMES), Direction::Forwards);
    pass("backwards", &mut tracker, &mut (0..=6).rev(), Direction::Backwards);
    let click = tracker.point(1, 8, image(8).view(), &[point(60.0, 60.0, Mark::Inside)]).expect("valid");
    compare(expected, "correction", 1, &click);
    pass("again", &mut tracker, &mut (8..N_FRAMES), Direction::Forwards);
}

#[test]
fn what_a_person_said_stands() {
    let mut tracker = tracker(true);
    tracker.point(4, 0, image(0).view(), &[point(40.0, 30.0, Mark::Inside)]).expect("valid");
    for t in 0..3 {
        tracker.step(t, image(t).view(), Direction::Forwards).expect("valid");
    }
    let correction = tracker.point(4, 1, image(1).view(), &[point(90.0, 60.0, Mark::Inside)]).expect("valid");
    let again = tracker.step(1, image(1).view(), Direction::Forwards).expect("valid");
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].object, &again[0].logits), (4, &correction));

    // A new object may come at any time; one that was taken back is not followed.
    tracker.mask(9, 1, image(1).view(), Array2::from_elem(SIZE, true).view()).expect("valid");
    tracker.retract(4, 0);
    tracker.retract(4, 1);
    assert_eq!(tracker.objects().collect::<Vec<_>>(), [9]);
    assert_eq!(tracker.step(2, image(2).view(), Direction::Forwards).expect("valid")[0].object, 9);
    tracker.reset();
    assert!(tracker.step(2, image(2).view(), Direction::Forwards).expect("valid").is_empty());
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let mut tracker = tracker(true);
    let click = [point(40.0, 30.0, Mark::Inside)];
    let refused = |found: crate::error::Result<Array2<f32>>, what: &str| {
        let error = found.expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(tracker.point(1, N_FRAMES, image(0).view(), &click), "frame");
    refused(tracker.point(1, 0, Array3::zeros((3, 96, 96)).view(), &click), "image");
    refused(tracker.point(1, 0, Array3::zeros((1, 96, 160)).view(), &click), "image");
    refused(tracker.mask(1, 0, image(0).view(), Array2::from_elem((4, 4), true).view()), "mask");
    refused(tracker.point(1, 0, image(0).view(), &[point(f32::NAN, 1.0, Mark::Inside)]), "point");
    assert_eq!(tracker.objects().count(), 0);
}
