//! Folders of single frames as cameras leave them: times, disorder, foreign files, frames that differ.

use crate::common::read_all;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, Recording};
use sparkwave_io::open;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const DESCRIPTION: u16 = 270;
const DATE_TIME: u16 = 306;

/// A TIFF file of one 16-bit frame, perhaps with a text in one tag, in the byte order asked for.
fn frame(height: u32, width: u32, first: u16, text: Option<(u16, &str)>, big_endian: bool) -> Vec<u8> {
    let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let pixels: Vec<u8> = (0..height * width).flat_map(|i| short(first + i as u16)).collect();
    let (text_tag, text) = text.unwrap_or_default();
    let text: Vec<u8> = text.bytes().chain([0]).collect();
    let text_at = 8 + pixels.len() as u32;
    let ifd_at = (text_at + text.len() as u32).next_multiple_of(2);
    let mut entries: Vec<(u16, u16, u32, u32)> = vec![
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, height),
        (279, 4, 1, pixels.len() as u32),
    ];
    if text_tag > 0 {
        entries.push((text_tag, 2, text.len() as u32, text_at));
        entries.sort_unstable();
    }
    let mut bytes: Vec<u8> = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(short(42));
    bytes.extend(long(ifd_at));
    bytes.extend(pixels);
    bytes.extend(text);
    bytes.resize(ifd_at as usize, 0);
    bytes.extend(short(entries.len() as u16));
    for (tag, kind, count, value) in entries {
        bytes.extend(short(tag));
        bytes.extend(short(kind));
        bytes.extend(long(count));
        // A short value stands in the first two of the four bytes.
        if kind == 3 {
            bytes.extend(short(value as u16));
            bytes.extend([0, 0]);
        } else {
            bytes.extend(long(value));
        }
    }
    bytes.extend(long(0));
    bytes
}

fn recording_of(folder: &Path) -> Recording {
    open(folder).unwrap_or_else(|e| panic!("{e}")).recording().clone()
}

fn stamps(recording: &Recording) -> (Vec<f64>, String) {
    match recording.frame_times.clone() {
        Some(times) => match times.value {
            FrameTimes::Stamped(stamps) => (stamps, times.source),
            FrameTimes::Regular { .. } => panic!("regular times"),
        },
        None => panic!("no times: {:?}", recording.warnings),
    }
}

fn close(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn pixels_of_single_files_are_those_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..4u16 {
        let bytes = frame(5, 7, 100 * i, None, i % 2 == 1);
        std::fs::write(folder.path().join(format!("f{i}.tif")), bytes).unwrap();
    }
    let source = open(folder.path()).unwrap();
    let Pixels::U16(all) = read_all(source.as_ref()) else { panic!("16 bits") };
    assert!(all.indexed_iter().all(|((t, y, x), &v)| usize::from(v) == 100 * t + 7 * y + x));
    let part = source.read(Span::new(1, 3), Span::new(2, 4)).unwrap().to_f32();
    assert_eq!((part.dim(), part[[1, 0, 6]]), ((2, 2, 7), 220.0));
}

#[test]
fn names_of_whole_seconds_with_counters_spread_their_frames() {
    let folder = tempfile::tempdir().unwrap();
    // Ten frames a second across midnight, the first second begun in its middle; foreign files in between.
    let seconds = [("20230922_235958", 4), ("20230922_235959", 10), ("20230923_000000", 10), ("20230923_000001", 7)];
    for (second, n) in seconds {
        for i in 0..n {
            std::fs::write(folder.path().join(format!("{second}_{i:03}.tif")), frame(2, 3, 0, None, false)).unwrap();
        }
    }
    std::fs::write(folder.path().join("notes.txt"), "KCl at 22:10").unwrap();
    std::fs::create_dir(folder.path().join("old.tif")).unwrap();
    let recording = recording_of(folder.path());
    let (found, source) = stamps(&recording);
    let expected: Vec<f64> = (0..31).map(|i| f64::from(i) / 10.0).collect();
    assert!(close(&found, &expected), "{found:?}");
    assert!(source.contains("YYYYMMDD_HHMMSS") && source.contains("evenly"), "{source}");
    // Python: datetime(2023, 9, 22, 23, 59, 58, 600000, tzinfo=utc).timestamp()
    assert_eq!(recording.started_s.unwrap().value, 1_695_427_198.6);
    assert!(
        recording.warnings.iter().any(|w| w.contains("notes.txt") && w.contains("old.tif")),
        "{:?}",
        recording.warnings
    );
}

#[test]
fn the_camera_ranks_before_names_and_these_before_whole_seconds_of_the_camera() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, date: &str| {
        std::fs::write(folder.path().join(name), frame(2, 3, 0, Some((DATE_TIME, date)), false))
    };
    for i in 0..4 {
        write(&format!("2023092{i}_120000.tif"), &format!("2023:09:22 12:00:00.{}", 25 * i + 10)).unwrap();
    }
    let (found, source) = stamps(&recording_of(folder.path()));
    assert!(close(&found, &[0.0, 0.25, 0.5, 0.75]) && source == "TIFF DateTime", "{found:?} {source}");
    for i in 0..4 {
        write(&format!("2023092{i}_120000.tif"), &format!("2023:09:22 12:00:0{i}")).unwrap();
    }
    let (found, source) = stamps(&recording_of(folder.path()));
    assert!(close(&found, &[0.0, 86_400.0, 172_800.0, 259_200.0]) && source.contains("file names"), "{source}");
    let plain = tempfile::tempdir().unwrap();
    for i in 0..4 {
        let date = format!("2023:09:22 12:00:0{}", i / 2);
        let bytes = frame(2, 3, 0, Some((DATE_TIME, &date)), false);
        std::fs::write(plain.path().join(format!("f{i}.tif")), bytes).unwrap();
    }
    let (found, source) = stamps(&recording_of(plain.path()));
    assert!(close(&found, &[0.0, 0.5, 1.0, 1.5]) && source.starts_with("TIFF DateTime"), "{found:?} {source}");
}

/// Writes frames `a`, `b`, ... whose files were last written at the given times, s.
fn written_at(folder: &Path, seconds: &[f64]) {
    for (i, &s) in seconds.iter().enumerate() {
        let path = folder.join(format!("{:02}.tif", i));
        std::fs::write(&path, frame(2, 3, i as u16 * 100, None, false)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs_f64(1.7e9 + s);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    }
}

#[test]
fn times_of_files_are_the_last_resort_and_order_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut times: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.5).collect();
    times.swap(10, 11);
    written_at(folder.path(), &times);
    let source = open(folder.path()).unwrap();
    let (found, rule) = stamps(source.recording());
    let expected: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.5).collect();
    assert!(close(&found, &expected) && rule.contains("modification"), "{found:?} {rule}");
    assert!(source.recording().warnings.iter().any(|w| w.contains("copying")), "{:?}", source.recording().warnings);
    let firsts = read_all(source.as_ref()).to_f32();
    assert_eq!((firsts[[10, 0, 0]], firsts[[11, 0, 0]]), (1100.0, 1000.0), "in order of time");
}

#[test]
fn times_of_a_copy_are_not_believed() {
    for (times, word) in [
        ((0..30).map(|i| f64::from(i) * 1e-3).collect::<Vec<f64>>(), "copy"),
        ((0..30).map(|i| f64::from(i * 7 % 30)).collect(), "older"),
        (vec![5.0; 30], "copy"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        written_at(folder.path(), &times);
        let recording = recording_of(folder.path());
        assert_eq!(recording.frame_times, None);
        assert!(
            recording.warnings.iter().any(|w| w.contains(word) && w.contains("not trusted")),
            "{:?}",
            recording.warnings
        );
    }
}

#[test]
fn a_frame_that_differs_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..3 {
        let height = if i == 1 { 6 } else { 5 };
        std::fs::write(folder.path().join(format!("f{i}.tif")), frame(height, 7, 0, None, false)).unwrap();
    }
    let source = open(folder.path()).unwrap();
    let read = |i| source.read(Span::new(i, i + 1), Span::new(0, 5));
    assert!(read(0).is_ok() && read(2).is_ok());
    let error = read(1).unwrap_err().to_string();
    assert!(error.contains("f1.tif") && error.contains("6 x 7") && error.contains("5 x 7"), "{error}");
    std::fs::write(folder.path().join("f1.tif"), b"II*\0").unwrap();
    assert!(read(1).unwrap_err().to_string().contains("f1.tif"));
    std::fs::remove_file(folder.path().join("f1.tif")).unwrap();
    assert!(read(1).unwrap_err().to_string().contains("f1.tif"));
}

/// A frame whose pixels mean something else than they look like must not take the short way.
#[test]
fn signed_frames_of_imagej_keep_their_sign() {
    let folder = tempfile::tempdir().unwrap();
    let write = |i: u16, signed: bool| {
        let text = if signed { "ImageJ=1.54f\ncf=0\nc0=-32768.0\nc1=1.0\n" } else { "ImageJ=1.54f\n" };
        let bytes = frame(2, 3, 32_768 + i, Some((DESCRIPTION, text)), false);
        std::fs::write(folder.path().join(format!("f{i}.tif")), bytes).unwrap();
    };
    (0..3).for_each(|i| write(i, true));
    let Pixels::I16(values) = read_all(open(folder.path()).unwrap().as_ref()) else { panic!("signed") };
    assert_eq!((values[[0, 0, 0]], values[[2, 1, 2]]), (0, 7));
    write(0, false);
    let source = open(folder.path()).unwrap();
    assert_eq!(source.pixel_type(), PixelType::U16);
    assert!(source.read(Span::new(0, 1), Span::new(0, 2)).is_ok());
    assert!(source.read(Span::new(1, 2), Span::new(0, 2)).unwrap_err().to_string().contains("f1.tif"));
}
