#![allow(clippy::unwrap_used)]

use super::*;
use crate::axes::Span;
use crate::movie::Pixels;
use crate::source::FrameSource;
use crate::synth::waves::{Gap, INTERVAL_S, Sampling, WavesSource};
use crate::wave::Side;
use std::sync::Arc;

fn small() -> WavesParams {
    WavesParams { duration_s: 200.0, frame_rate_hz: 10.0, height: 128, width: 128, n_waves: 1, ..Default::default() }
}

fn quiet() -> WavesParams {
    WavesParams {
        motion_rms_px: 0.0,
        jolts_per_minute: 0.0,
        light_drift: 0.0,
        flicker: 0.0,
        vasomotion: 0.0,
        ..small()
    }
}

#[test]
fn a_frame_is_the_same_in_any_order_and_on_any_thread() {
    let scene = WavesScene::new(&small(), 5).unwrap();
    let again = WavesScene::new(&small(), 5).unwrap();
    let backwards: Vec<_> = (400..420).rev().map(|t| again.frame(t)).collect();
    let parallel: Vec<_> = std::thread::scope(|scope| {
        let scene = &scene;
        let threads: Vec<_> = (400..420).map(|t| scope.spawn(move || scene.frame(t))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for t in 0..20 {
        assert_eq!(parallel[t], backwards[19 - t], "frame {t}");
    }
    assert_eq!(scene.second(70), again.second(70));
    assert_eq!(scene.masks(12), again.masks(12));
    assert_ne!(scene.frame(0), scene.frame(1));
    assert_ne!(WavesScene::new(&small(), 6).unwrap().frame(0), scene.frame(0));
}

#[test]
fn noise_of_a_frame_and_of_a_second_is_as_stated() {
    let scene = WavesScene::new(&WavesParams { n_waves: 0, lost_frames: 0.0, ..quiet() }, 2).unwrap();
    let inside = &scene.cortex().inside;
    let relative = |a: &Array2<f32>, b: &Array2<f32>| {
        let mut ratios = Vec::new();
        Zip::from(a).and(b).and(inside).for_each(|&a, &b, &i| {
            // Near the median light, where the noise is stated.
            if i && (a - 8200.0).abs() < 400.0 {
                ratios.push(f64::from((a - b) / 8000.0) / 2f64.sqrt());
            }
        });
        assert!(ratios.len() > 500, "{}", ratios.len());
        (ratios.iter().map(|r| r * r).sum::<f64>() / ratios.len() as f64).sqrt()
    };
    // The pulse of the vessels adds a little to the noise of frames.
    let frame = |t: usize| scene.frame(t).mapv(f32::from);
    let noise = relative(&frame(0), &frame(1));
    assert!((noise / 0.012 - 1.0).abs() < 0.06, "{noise}");
    let noise = relative(&scene.second(3).unwrap(), &scene.second(4).unwrap());
    assert!((noise / (0.012 / 10f64.sqrt()) - 1.0).abs() < 0.06, "{noise}");
}

#[test]
fn a_second_is_the_mean_of_its_frames() {
    let params = WavesParams { flicker: 0.0, frame_rate_hz: 60.0, noise: 0.004, lost_frames: 0.0, ..small() };
    let scene = WavesScene::new(&params, 3).unwrap();
    let mut mean = Array2::<f32>::zeros((128, 128));
    for t in 60 * 60..61 * 60 {
        mean += &scene.frame(t).mapv(f32::from);
    }
    mean /= 60.0;
    let second = scene.second(60).unwrap();
    let inside = &scene.cortex().inside;
    let mut squares = (0.0, 0.0);
    Zip::from(&mean).and(&second).and(inside).for_each(|&m, &s, &i| {
        if i {
            squares.0 += f64::from((m - s) / s).powi(2);
            squares.1 += 1.0;
        }
    });
    let difference: f64 = squares.0 / squares.1;
    // Noise of both means alone gives 0.004 √(2/60) = 0.0007.
    assert!(difference.sqrt() < 0.0015, "{}", difference.sqrt());
}

#[test]
fn the_reflectance_follows_the_waves() {
    let scene =
        WavesScene::new(&WavesParams { noise: 0.001, frame_rate_hz: 60.0, amplitude: (0.03, 0.03), ..quiet() }, 4)
            .unwrap();
    let i = scene.waves()[0].frames[4].frame;
    let (before, after) = (scene.second(INTERVAL_S * i).unwrap(), scene.second(INTERVAL_S * (i + 1)).unwrap());
    let (rest, truth) = (scene.rest() - 200.0, scene.rate(i));
    let (mut squares, mut n) = (0.0, 0.0);
    for (cell, &is_cortex) in scene.cortex().inside.indexed_iter() {
        if is_cortex && rest[cell] > 4000.0 {
            squares += f64::from((after[cell] - before[cell]) / rest[cell] - truth[cell]).powi(2);
            n += 1.0;
        }
    }
    let error: f64 = squares / n;
    assert!(error.sqrt() < 0.0004, "{}", error.sqrt());
    let largest = truth.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.01 && largest < 0.045, "{largest}");
}

#[test]
fn waves_stay_in_their_hemisphere_and_within_their_size() {
    for seed in 0..6 {
        let params = WavesParams { n_overlapping: 1, ..small() };
        let scene = WavesScene::new(&params, seed).unwrap();
        assert_eq!(scene.waves().len(), 2);
        let midline = scene.cortex().midline.unwrap();
        for wave in scene.waves() {
            assert!(wave.arrival_s.iter().count() > 500, "seed {seed}: {}", wave.arrival_s.iter().count());
            for ((y, x), _) in wave.arrival_s.iter() {
                assert_eq!(midline.side_of(PointYx { y: y as f64, x: x as f64 }), wave.plan.side);
                assert!(scene.cortex().inside[[y, x]]);
            }
            assert!((0.001..0.06).contains(&wave.peak_drr), "{}", wave.peak_drr);
            assert!((2.0..5.5).contains(&wave.speed_mm_min), "{}", wave.speed_mm_min);
            assert!(wave.frames.len() > 5 && wave.start_s >= wave.plan.start_s - 1e-3);
            let steps = wave.frames.windows(2);
            assert!(steps.into_iter().all(|w| w[1].frame > w[0].frame));
        }
        assert_eq!(scene.episodes().len(), 1, "seed {seed}: the waves overlap");
        assert_eq!(scene.episodes()[0].waves, [1, 2]);
        assert_eq!((scene.waves()[0].plan.side, scene.waves()[1].plan.side), (Side::Left, Side::Right));
    }
}

#[test]
fn a_source_leaves_out_what_is_lost_and_knows_when_frames_were_taken() {
    let gaps = vec![Gap { start_s: 50.0, duration_s: 2.0 }];
    let params = WavesParams { gaps, lost_frames: 0.0, n_waves: 0, ..small() };
    let scene = Arc::new(WavesScene::new(&params, 1).unwrap());
    let frames = WavesSource::new(Arc::clone(&scene), Sampling::Frames);
    assert_eq!(frames.shape().n_frames, 1980);
    let times = &frames.recording().frame_times.as_ref().unwrap().value;
    assert!((times.at(500).unwrap().get() - 52.0).abs() < 1e-9);
    assert_eq!(frames.recording().started_s.as_ref().unwrap().value, params.started_s);
    let seconds = WavesSource::new(Arc::clone(&scene), Sampling::Seconds);
    assert_eq!(seconds.shape().n_frames, 198);
    let Pixels::F32(block) = seconds.read(Span::new(49, 51), Span::new(5, 9)).unwrap() else { panic!("type changed") };
    let expected = scene.second(52).unwrap();
    assert_eq!(block.index_axis(ndarray::Axis(0), 1), expected.slice(ndarray::s![5..9, ..]));
    let valid: Vec<usize> = (0..scene.intervals().len()).filter(|&i| !scene.intervals()[i].valid).collect();
    assert_eq!(valid, [9, 10]);
}

#[test]
fn a_wave_that_has_no_place_is_named() {
    let scene = WavesScene::new(&small(), 1).unwrap();
    let wave = scene.waves()[0].plan;
    let outside = super::super::PlannedWave { origin_mm: Some(PointYx { y: 0.2, x: 0.2 }), ..wave };
    let late = super::super::PlannedWave { start_s: wave.start_s + 10.0, ..wave };
    for plan in [vec![wave, outside], vec![wave, late]] {
        let error = WavesScene::new(&WavesParams { plan, ..small() }, 1).err().unwrap();
        assert_eq!(error, WavesError::NoPlace { wave: 2 });
    }
}
