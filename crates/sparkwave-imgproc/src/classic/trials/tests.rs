use super::*;
use ndarray::s;
use proptest::prelude::*;
use sparkwave_core::movie::Pixels;
use sparkwave_core::progress::Silent;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::InMemory;

/// One frame a second of 2 x 2 pixels.
fn recording(n_frames: usize, value: impl Fn(usize, usize) -> f32) -> InMemory {
    let pixels = Array3::from_shape_fn((n_frames, 2, 2), |(t, y, x)| value(t, 2 * y + x));
    InMemory::new(Recording::default(), Pixels::F32(pixels))
}

fn params(pre_s: f64, post_s: f64) -> TrialParams {
    TrialParams { pre_s, post_s, baseline_from_s: -pre_s, baseline_to_s: 0.0 }
}

fn run(source: &InMemory, onsets_s: &[f64], params: &TrialParams) -> Result<TrialAverage, Error> {
    average(source, &Drift::none(source.shape().n_frames), 1.0, onsets_s, params, &Silent)
}

#[test]
fn a_known_response_comes_back_from_trials_of_different_brightness() {
    // Each trial rises by 2 % and 4 % of its own baseline, a second after the onset.
    let onsets = [5, 20, 40];
    let source = recording(60, |t, pixel| {
        let trial = onsets.iter().rposition(|&o| t + 3 >= o).unwrap_or(0);
        let level = 1000.0 * (trial + 1) as f32 * (pixel + 1) as f32;
        let size = if trial == 1 { 0.04 } else { 0.02 };
        if t == onsets[trial] + 1 { level * (1.0 + size) } else { level }
    });
    let found = run(&source, &[40.3, 5.0, 20.999_999_9], &params(3.0, 4.0)).expect("three trials");
    // The second onset lies at the very end of a frame and belongs to the next: its rise comes a lag earlier.
    assert_eq!(found.lags_s, [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!((found.n_trials, found.excluded.len()), (3, 0));
    for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mean = found.mean.slice(s![.., y, x]);
        let expected = [0.0, 0.0, 0.0, 0.04 / 3.0, 0.04 / 3.0, 0.0, 0.0];
        assert!(mean.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{mean}");
        // 0.02, 0.02, 0 has a sample standard deviation of 0.02 / sqrt(3).
        assert!((found.sd[[4, y, x]] - 0.02 / 3f32.sqrt()).abs() < 1e-6);
        assert_eq!(found.sd[[6, y, x]], 0.0);
    }
}

#[test]
fn trials_that_are_cut_or_have_gaps_are_left_out_and_told() {
    let source = recording(30, |t, pixel| match (t, pixel) {
        (14, _) => f32::NAN,
        (22, 3) => f32::NAN,
        _ => 100.0,
    });
    let onsets = [1.0, 5.0, 13.0, 22.0, 26.0, 27.0, f64::NAN, -4.0];
    let found = run(&source, &onsets, &params(2.0, 4.0)).expect("three trials");
    let expected = [(0, Reason::Cut), (2, Reason::Gap), (5, Reason::Cut), (6, Reason::Cut), (7, Reason::Cut)];
    assert_eq!(found.excluded, expected.map(|(trial, reason)| Excluded { trial, reason }));
    assert_eq!(found.n_trials, 3);
    // A pixel without a value in one trial has none in the average.
    assert!(found.mean[[2, 1, 1]].is_nan() && found.mean[[2, 0, 1]] == 0.0);
}

#[test]
fn impossible_requests_are_refused() {
    let source = recording(30, |_, _| 1.0);
    let refused = |params: TrialParams| run(&source, &[10.0], &params).expect_err("refused").to_string();
    let good = params(2.0, 4.0);
    for bad in [
        TrialParams { baseline_to_s: -2.0, ..good },
        TrialParams { baseline_from_s: -3.0, ..good },
        TrialParams { baseline_to_s: 5.0, ..good },
        TrialParams { pre_s: f64::NAN, ..good },
        TrialParams { post_s: f64::INFINITY, ..good },
        TrialParams { post_s: -1.0, ..good },
    ] {
        assert!(refused(bad).contains("expected a baseline"), "{bad:?}");
    }
    assert!(refused(TrialParams { post_s: 1e9, ..good }).contains("more than"));
    assert!(refused(TrialParams { post_s: 100.0, ..good }).contains("1 reach beyond"));
    let none = run(&source, &[], &good).expect_err("nothing to average");
    assert!(none.to_string().starts_with("none of 0 trials"), "{none}");
}

proptest! {
    #[test]
    fn overlapping_trials_are_averaged_as_if_each_were_cut_out(
        values in proptest::collection::vec(500.0f32..1500.0, 40),
        onsets in proptest::collection::vec(0usize..40, 1..9),
    ) {
        let source = recording(40, |t, pixel| values[t] + pixel as f32);
        let onsets_s: Vec<f64> = onsets.iter().map(|&o| o as f64).collect();
        let (before, after) = (3, 5);
        let inside: Vec<usize> = onsets.iter().copied().filter(|&o| o >= before && o + after <= 40).collect();
        let Ok(found) = run(&source, &onsets_s, &params(before as f64, after as f64)) else {
            prop_assert!(inside.is_empty());
            return Ok(());
        };
        prop_assert_eq!(found.n_trials, inside.len());
        for lag in 0..before + after {
            let change = |o: usize| {
                let rest = values[o - before..o].iter().map(|&v| f64::from(v)).sum::<f64>() / before as f64;
                f64::from(values[o - before + lag]) / rest - 1.0
            };
            let mean = inside.iter().map(|&o| change(o)).sum::<f64>() / inside.len() as f64;
            prop_assert!((f64::from(found.mean[[lag, 0, 0]]) - mean).abs() < 1e-5);
        }
    }
}
