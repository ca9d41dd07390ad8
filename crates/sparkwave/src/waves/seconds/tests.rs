//! The pass as a whole: what it writes, and that a kill changes nothing.

use super::*;
use crate::run_folder::Existing;
use crate::stop_after::StopAfter;
use ndarray::{Array3, Axis, s};
use sparkwave_core::progress::Silent;
use sparkwave_core::source::InMemory;
use std::path::Path;

/// 60 frames of 10 Hz, one second of which is missing.
fn source() -> InMemory {
    let stamps: Vec<f64> = (0..60).map(|i| f64::from(i + if i < 25 { 0 } else { 15 }) / 10.0).collect();
    let times = Sourced::new(FrameTimes::Stamped(stamps), "test");
    let pixels = Array3::from_shape_fn((60, 9, 7), |(t, y, x)| (1000 + 37 * t * (x + 1) % 100 + 10 * y) as u16);
    let recording = Recording { frame_times: Some(times), ..Recording::default() };
    InMemory::new(recording, Pixels::U16(pixels))
}

fn folder(path: &Path, existing: Existing) -> RunFolder {
    RunFolder::open(path, existing, "same").expect("a writable folder")
}

fn files(path: &Path) -> (Vec<u8>, String) {
    let read = |name: &str| std::fs::read(path.join(name)).expect("a finished file");
    (read(MOVIE), String::from_utf8(read(TABLE)).expect("text"))
}

#[test]
fn bins_hold_the_means_of_their_frames_and_gaps_stay_empty() {
    let (temporary, source) = (tempfile::tempdir().expect("a folder"), source());
    let seconds = average(&source, 1.0, &folder(temporary.path(), Existing::Refuse), &Silent).expect("no failure");
    let movie = seconds.open().expect("written");
    assert_eq!((movie.shape().n_frames, movie.recording().frame_interval()), (8, Some(units::Seconds::new(1.0))));
    let Ok(Pixels::F32(means)) = movie.read(Span::new(0, 8), Span::new(0, 9)) else { panic!("float means") };
    let Ok(Pixels::U16(frames)) = source.read(Span::new(0, 60), Span::new(0, 9)) else { panic!("16-bit frames") };
    let frames = frames.mapv(f64::from);
    for (i, bin) in seconds.bins().iter().enumerate() {
        let of_bin = frames.slice(s![bin.frames.range(), .., ..]);
        let mean = of_bin.mean_axis(Axis(0));
        match mean.filter(|_| !bin.frames.is_empty()) {
            None => assert!(means.slice(s![i, .., ..]).iter().all(|v| v.is_nan()) && seconds.variance[i].is_none()),
            Some(mean) => {
                assert_eq!(means.slice(s![i, .., ..]), mean.mapv(|v| v as f32), "bin {i}");
                let variance = of_bin.var_axis(Axis(0), 1.0).mean().expect("pixels");
                assert!((seconds.variance[i].expect("frames") / variance - 1.0).abs() < 1e-12, "bin {i}");
            }
        }
    }
    let (_, table) = files(temporary.path());
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "bin,start_s,n_frames,n_missing,variance,flag");
    assert!(lines[3].starts_with("2,2,5,5,") && lines[3].ends_with(",incomplete"), "{table}");
    assert_eq!(lines[4], "3,3,0,10,,empty");
    assert_eq!(seconds.warnings.len(), 2, "{:?}", seconds.warnings);
    assert!(seconds.warnings[0].starts_with("15 frames are missing at 10.00 Hz, in 2 of 8"), "{}", seconds.warnings[0]);
    let names: Vec<_> =
        std::fs::read_dir(temporary.path()).expect("listed").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(names.len(), 3, "only run.toml and the two files: {names:?}");
}

#[test]
fn a_run_that_was_killed_anywhere_and_resumed_gives_the_same_bytes() {
    let source = source();
    let whole = tempfile::tempdir().expect("a folder");
    average(&source, 0.3, &folder(whole.path(), Existing::Refuse), &Silent).expect("no failure");
    let expected = files(whole.path());
    let mut most_durable = 0;
    for stop in (1..60).step_by(7) {
        for (torn_journal, torn_movie) in [(0, 0), (3, 0), (0, 300), (-5, -100), (9, 900)] {
            let killed = tempfile::tempdir().expect("a folder");
            let run = folder(killed.path(), Existing::Refuse);
            let stopped = average_durably(&source, 0.3, &run, 0.0, &StopAfter::new(stop));
            assert!(stopped.is_err_and(|e| e.is_cancelled()));
            let journal = std::fs::read_to_string(killed.path().join(".seconds.journal")).expect("a journal");
            most_durable = most_durable.max(journal.lines().count());
            tear(&killed.path().join(".seconds.journal"), torn_journal);
            tear(&killed.path().join(".seconds.tif.part"), torn_movie);
            for threads in [1, 2] {
                let resumed = folder(killed.path(), Existing::Resume);
                let pool = crate::pool(Some(threads)).expect("threads");
                let seconds =
                    pool.install(|| average_durably(&source, 0.3, &resumed, 0.0, &Silent)).expect("no failure");
                assert!(files(killed.path()) == expected, "stopped after {stop}, torn {torn_journal} {torn_movie}");
                assert_eq!(seconds.variance.len(), seconds.bins().len());
            }
        }
    }
    assert!(most_durable > 10, "some runs were killed late: {most_durable} lines");
}

/// Cuts bytes from the end of a file, or adds some that mean nothing.
fn tear(path: &Path, n: i64) {
    let mut bytes = std::fs::read(path).expect("a killed run leaves it");
    if n >= 0 {
        bytes.truncate(bytes.len().saturating_sub(n.unsigned_abs() as usize));
    } else {
        bytes.extend(std::iter::repeat_n(b'7', n.unsigned_abs() as usize));
    }
    std::fs::write(path, bytes).expect("writable");
}

#[test]
fn what_another_pass_left_behind_is_not_gone_on_with() {
    let (temporary, source) = (tempfile::tempdir().expect("a folder"), source());
    let run = folder(temporary.path(), Existing::Refuse);
    let stopped = average_durably(&source, 0.3, &run, 0.0, &StopAfter::new(40));
    assert!(stopped.is_err());
    for existing in [Existing::Resume, Existing::Overwrite] {
        average(&source, 1.0, &folder(temporary.path(), existing), &Silent).expect("no failure");
        let whole = tempfile::tempdir().expect("a folder");
        average(&source, 1.0, &folder(whole.path(), Existing::Refuse), &Silent).expect("no failure");
        assert!(files(temporary.path()) == files(whole.path()));
    }
}

#[test]
fn unknown_times_are_an_error_that_says_what_to_give() {
    let temporary = tempfile::tempdir().expect("a folder");
    let timeless = InMemory::new(Recording::default(), Pixels::U8(Array3::zeros((4, 2, 2))));
    let error = average(&timeless, 1.0, &folder(temporary.path(), Existing::Refuse), &Silent).expect_err("no times");
    assert!(error.to_string().contains("--frame-interval-s"), "{error}");
}
