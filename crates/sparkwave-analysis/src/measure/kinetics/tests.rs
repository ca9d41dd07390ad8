#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::Voxel;
use sparkwave_core::recording::FrameTimes;
use sparkwave_core::units::Seconds;

use super::*;
use crate::measure::Calibration;

const INTERVAL_S: f64 = 0.1;

fn event(start: u32, end: u32) -> Event {
    let voxels: Vec<Voxel> = (start..end).map(|t| Voxel { t, y: 0, x: 0 }).collect();
    let dff = vec![1.0; voxels.len()];
    Event { id: 1, region_id: 1, peak: voxels[0], voxels, dff, score: 0.0, burst: false }
}

fn measure_trace(event: &Event, first_frame: usize, dff: &[f64]) -> Kinetics {
    let frame_times = Some(FrameTimes::Regular { interval: Seconds::new(INTERVAL_S) });
    let calibration = Calibration { frame_times, ..Calibration::default() };
    let trace = EventTrace { first_frame, dff: dff.iter().map(|&v| v as f32).collect() };
    measure(event, &trace, &Clock::new(&calibration))
}

#[track_caller]
fn near(found: Option<f64>, expected: f64, tolerance: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() <= tolerance, "{found} {expected}");
}

#[test]
fn a_triangle_by_hand() {
    // Rises over 4 frames and falls over 8, from frame 100 on.
    let mut dff = vec![0.0; 6];
    dff.extend([0.25, 0.5, 0.75, 1.0]);
    dff.extend((1..=8).map(|i| 1.0 - f64::from(i) / 8.0));
    dff.extend([0.0; 3]);
    let found = measure_trace(&event(106, 117), 100, &dff);
    near(found.rise_time_s, 0.8 * 4.0 * INTERVAL_S, 1e-7);
    near(found.half_width_s, 6.0 * INTERVAL_S, 1e-7);
    near(found.auc_dff_s, (0.25 + 0.5 + 0.75 + 1.0 + 28.0 / 8.0) * INTERVAL_S, 1e-7);
    assert_eq!((found.noise_sd, found.snr), (Some(0.0), None));
}

#[test]
fn an_exponential_gives_its_time_constant() {
    for tau_s in [0.15, 0.4, 1.3] {
        let mut dff = vec![0.0; 8];
        dff.extend((0..80).map(|i| 2.0 * (-f64::from(i) * INTERVAL_S / tau_s).exp()));
        near(measure_trace(&event(8, 12), 0, &dff).decay_time_s, tau_s, 1e-5);
    }
}

#[test]
fn a_long_decay_is_thinned_not_cut() {
    let mut dff = vec![0.0; 8];
    dff.extend((0..1000).map(|i| (-f64::from(i) * INTERVAL_S / 30.0).exp()));
    near(measure_trace(&event(8, 12), 0, &dff).decay_time_s, 30.0, 1e-3);
}

#[test]
fn the_next_transient_ends_the_decay() {
    let mut dff = vec![0.0; 8];
    dff.extend((0..5).map(|i| (-f64::from(i) * INTERVAL_S / 0.4).exp()));
    dff.extend((0..9).map(|i| 1.5 * (-f64::from(i) * INTERVAL_S / 0.4).exp()));
    near(measure_trace(&event(8, 13), 0, &dff).decay_time_s, 0.4, 1e-5);
}

#[test]
fn a_noisy_decay_is_found_on_average() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut found: Vec<f64> = (0..400)
        .filter_map(|_| {
            let clean = (0..40).map(|i| if i < 20 { 0.0 } else { (-f64::from(i - 20) * INTERVAL_S / 0.5).exp() });
            // The sum of 12 uniform numbers: standard deviation 1.
            let noisy: Vec<f64> =
                clean.map(|v| v + 0.05 * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)).collect();
            let kinetics = measure_trace(&event(20, 30), 0, &noisy);
            assert!(kinetics.snr.unwrap() > 5.0);
            kinetics.decay_time_s
        })
        .collect();
    assert!(found.len() > 390);
    found.sort_by(f64::total_cmp);
    let median = found[found.len() / 2];
    assert!((median - 0.5).abs() < 0.05, "{median}");
}

#[test]
fn noise_ignores_an_earlier_event() {
    let mut dff: Vec<f64> = (0..21).map(|i| 0.1 * f64::from(i % 3 - 1)).collect();
    (dff[4], dff[5], dff[6]) = (3.0, 2.0, 1.0);
    dff.extend([1.0, 0.5, 0.0]);
    let found = measure_trace(&event(21, 23), 0, &dff);
    near(found.noise_sd, 0.14826, 1e-6);
    near(found.snr, 1.0 / 0.14826, 1e-4);
    let short = measure_trace(&event(21, 23), 17, &dff[17..]);
    assert_eq!((short.noise_sd, short.snr), (None, None));
    assert!(short.half_width_s.is_some());
}

#[test]
fn what_the_trace_does_not_show_is_none() {
    let rising = [0.0, 0.1, 0.5, 1.0];
    let found = measure_trace(&event(2, 4), 0, &rising);
    assert_eq!((found.half_width_s, found.decay_time_s), (None, None));
    assert!(found.rise_time_s.is_some());
    let started = [0.4, 0.9, 1.0, 0.2, 0.0];
    assert_eq!(measure_trace(&event(0, 4), 0, &started).rise_time_s, None);
    let dark = [0.0, 0.0, 0.0, 0.0, 0.0, -0.2, -0.1, 0.0];
    let found = measure_trace(&event(5, 7), 0, &dark);
    near(found.auc_dff_s, -0.03, 1e-7);
    assert_eq!((found.rise_time_s, found.half_width_s, found.decay_time_s, found.snr), (None, None, None, None));
    for first_frame in [0, 6, 900] {
        assert_eq!(measure_trace(&event(5, 9), first_frame, &dark), Kinetics::default(), "{first_frame}");
    }
    let found = measure_trace(&event(1, 4), 0, &[0.0, f64::NAN, 1.0, 0.0, 0.0]);
    assert_eq!(found.rise_time_s, None);
}
