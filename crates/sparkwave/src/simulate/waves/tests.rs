#![allow(clippy::unwrap_used)]

use super::*;
use sparkwave_core::progress::Silent;

fn small() -> SimulateWaves {
    SimulateWaves {
        duration_s: 120.0,
        frame_rate_hz: 2.0,
        size_px: 96,
        // 2023-09-22 23:59:00: midnight is crossed after a minute.
        started_s: 1_695_427_140.0,
        gaps_s: vec![[70.0, 3.0]],
        ..SimulateWaves::default()
    }
}

/// The movie reads back with its gap and the time of its first frame.
fn check_times(path: &Path, n_frames: usize) {
    let raw = sparkwave_io::open(path).unwrap();
    assert_eq!((raw.shape().n_frames, raw.recording().warnings.len()), (n_frames, 0));
    let started = raw.recording().started_s.as_ref().unwrap();
    assert!((started.value - small().started_s).abs() < 1e-6);
    let times = &raw.recording().frame_times.as_ref().unwrap().value;
    let stamps: Vec<f64> = (0..n_frames).map(|t| times.at(t).unwrap().get()).collect();
    assert!(stamps.iter().all(|t| !(70.0..73.0).contains(t)) && stamps.contains(&73.0), "the gap is there");
}

#[test]
fn a_stack_reads_back_with_its_gap_and_its_time_of_day() {
    let folder = tempfile::tempdir().unwrap();
    let stack = SimulateWaves { raw: RawForm::Stack, ..small() };
    let made = waves(&stack, folder.path(), Existing::Refuse, Some(2), &Silent).unwrap();
    check_times(&folder.path().join("movie.tif"), made.n_frames);
    let whole = tempfile::tempdir().unwrap();
    let without_gap = SimulateWaves { gaps_s: Vec::new(), duration_s: 20.0, n_waves: 0, ..stack };
    waves(&without_gap, whole.path(), Existing::Refuse, Some(2), &Silent).unwrap();
    let movie = sparkwave_io::open(&whole.path().join("movie.tif")).unwrap();
    assert_eq!(movie.recording().started_s.as_ref().map(|s| s.value), Some(small().started_s));
    assert_eq!(movie.recording().frame_interval().map(Seconds::get), Some(0.5));
}

#[test]
fn a_folder_of_frames_reads_back_with_its_gap_and_its_midnight() {
    let folder = tempfile::tempdir().unwrap();
    let made = waves(&small(), folder.path(), Existing::Refuse, Some(2), &Silent).unwrap();
    assert_eq!((made.n_waves, made.n_episodes), (1, 1));
    check_times(&folder.path().join("raw"), made.n_frames);
    assert!(folder.path().join("raw/20230923_000000_000.tif").exists());
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["recording"]["seconds_without_frames"], serde_json::json!([70, 71, 72]));
    let masks = sparkwave_io::labels::read(&folder.path().join("masks.tif")).unwrap();
    assert_eq!(masks.dim().0, truth["intervals"].as_array().unwrap().len());
    let first = truth["waves"][0]["start_frame"].as_u64().unwrap() as usize;
    let area = masks.index_axis(Axis(0), first).iter().filter(|id| **id == 1).count();
    let pixel_mm2 = (10.0f64 / 96.0).powi(2);
    assert!((truth["waves"][0]["frames"][0]["area_mm2"].as_f64().unwrap() - area as f64 * pixel_mm2).abs() < 1e-9);
}

#[test]
fn the_same_bytes_come_out_at_any_number_of_threads_and_a_stopped_run_is_finished() {
    let stack = SimulateWaves { raw: RawForm::Stack, seconds: true, ..small() };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    waves(&stack, one.path(), Existing::Refuse, Some(1), &Silent).unwrap();
    waves(&stack, two.path(), Existing::Refuse, Some(3), &Silent).unwrap();
    let names =
        ["movie.tif", "masks.tif", "rate.tif", "arrival.tif", "rest.tif", "truth.json", "motion.csv", "cortex.png"];
    let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
    for name in names {
        assert_eq!(read(one.path(), name), read(two.path(), name), "{name}");
    }
    for name in ["movie.tif", "arrival.tif"] {
        std::fs::remove_file(two.path().join(name)).unwrap();
    }
    waves(&stack, two.path(), Existing::Resume, Some(2), &Silent).unwrap();
    assert_eq!(read(one.path(), "movie.tif"), read(two.path(), "movie.tif"));
    assert_eq!(read(one.path(), "arrival.tif"), read(two.path(), "arrival.tif"));
}

#[test]
fn what_makes_no_sense_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = waves(&SimulateWaves { n_waves: 9, ..small() }, &out, Existing::Refuse, None, &Silent).unwrap_err();
    assert!(error.to_string().contains("n_waves is 9, expected 0 to 1"), "{error}");
    assert!(!out.exists());
}
