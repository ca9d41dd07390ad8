//! What is written comes back, in pixels and calibration, from every format.

use crate::common::{ALL_TYPES, pixels, read_all, recording};
use ndarray::s;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::progress::Silent;
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::source::{FrameSource, InMemory};
use sparkwave_io::{
    Compression, Error, FrameFormat, MovieWriter, OmeZarrVersion, WriteOptions, convert, labels, movie_info, open,
};
use std::path::{Path, PathBuf};

const SHAPE: (usize, usize, usize) = (11, 13, 17);

fn write(path: &Path, pixels: &Pixels, recording: &Recording, options: &WriteOptions) -> Result<(), Error> {
    let mut writer = MovieWriter::create(path, pixels.shape(), pixels.pixel_type(), recording, options)?;
    // Blocks of uneven length, as a streaming caller would have them.
    let n = pixels.shape().n_frames;
    for (start, end) in [(0, n.min(3)), (n.min(3), n.min(4)), (n.min(4), n)] {
        let source = InMemory::new(Recording::default(), pixels.clone());
        let block = source.read(Span::new(start, end), Span::new(0, pixels.shape().height)).unwrap();
        writer.append(&block)?;
    }
    writer.finish()
}

fn packed(compression: Compression) -> WriteOptions {
    WriteOptions { compression, ..WriteOptions::default() }
}

fn check(name: &str, options: &WriteOptions, kinds: &[PixelType]) {
    let folder = tempfile::tempdir().unwrap();
    for &kind in kinds {
        for shape in [SHAPE, (1, 1, 1), (2, 1, 5)] {
            let path = folder.path().join(format!("影片 {kind:?} {shape:?} {name}"));
            let expected = pixels(kind, shape);
            write(&path, &expected, &recording(), options).unwrap();
            let source = open(&path).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(source.pixel_type(), kind, "{name}");
            assert!(read_all(source.as_ref()) == expected, "{name} {kind:?} {shape:?}: pixels differ");
            let size = source.recording().pixel_size();
            let carries_size = options.frame_format == FrameFormat::Tiff;
            assert_eq!(size.is_some(), carries_size, "{name}");
            if let Some(size) = size {
                assert!((size.y.get() - 0.16).abs() < 1e-9 && (size.x.get() - 0.2).abs() < 1e-9, "{name}: {size:?}");
            }
            if shape == SHAPE {
                part(source.as_ref(), &expected);
            }
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3 * kinds.len(), "temporary files are left: {left:?}");
}

/// Rows of some frames, as tiled processing reads them.
fn part(source: &dyn FrameSource, expected: &Pixels) {
    let (frames, rows) = (Span::new(4, 9), Span::new(3, 7));
    let block = source.read(frames, rows).unwrap().to_f32();
    assert_eq!(block, expected.to_f32().slice(s![4..9, 3..7, ..]));
    let mut again = source.read(Span::new(0, 5), rows).unwrap();
    for span in [frames, Span::new(2, 3)] {
        source.read_into(span, rows, &mut again).unwrap();
        assert!(again == source.read(span, rows).unwrap(), "memory that is used again");
    }
    assert!(source.read(Span::new(0, 12), rows).is_err());
    assert_eq!(source.read(Span::new(2, 2), rows).unwrap().shape().n_frames, 0);
}

#[test]
fn tiff() {
    check("a.tif", &WriteOptions::default(), &ALL_TYPES);
    check("b.tiff", &packed(Compression::Deflate), &ALL_TYPES);
    check("c.ome.tif", &WriteOptions::default(), &ALL_TYPES);
    check("d.ome.tif", &packed(Compression::Deflate), &ALL_TYPES);
}

#[test]
fn hdf5() {
    check("a.h5", &WriteOptions::default(), &ALL_TYPES);
    check("b.hdf5", &packed(Compression::Deflate), &ALL_TYPES);
}

#[test]
fn ome_zarr() {
    let old = WriteOptions { ome_zarr_version: OmeZarrVersion::V04, ..WriteOptions::default() };
    check("a.zarr", &WriteOptions::default(), &ALL_TYPES);
    check("b.zarr", &old, &ALL_TYPES);
    for compression in [Compression::None, Compression::Deflate] {
        check("c.zarr", &packed(compression), &[PixelType::U16]);
        check("d.zarr", &WriteOptions { compression, ..old.clone() }, &[PixelType::U16]);
    }
}

#[test]
fn labels_join_a_hierarchy() {
    let folder = tempfile::tempdir().unwrap();
    for version in [OmeZarrVersion::V05, OmeZarrVersion::V04] {
        let path = folder.path().join(format!("{version:?}.zarr"));
        let options = WriteOptions { ome_zarr_version: version, ..WriteOptions::default() };
        write(&path, &pixels(PixelType::U16, SHAPE), &recording(), &options).unwrap();
        let part = |name: &str| PathBuf::from(format!("{}::labels/{name}", path.display()));
        let ids = ndarray::Array3::from_shape_fn(SHAPE, |(t, y, x)| (70_000 * t + y + x) as u32);
        for name in ["events", "cells"] {
            labels::write(&part(name), ids.view(), &recording(), &options).unwrap();
            assert_eq!(labels::read(&part(name)).unwrap(), ids);
        }
        assert!(labels::write(&part("cells"), ids.view(), &recording(), &options).is_err(), "taken");
        assert!(open(&path.join("labels")).err().unwrap().to_string().contains("cells, events"));
        assert!(open(&part("../../etc")).is_err());
        let float = MovieWriter::create(&part("f"), ids_shape(), PixelType::F32, &recording(), &options);
        assert!(float.err().unwrap().to_string().contains("float32"));
    }
}

fn ids_shape() -> sparkwave_core::movie::MovieShape {
    pixels(PixelType::U8, SHAPE).shape()
}

#[test]
fn folder_of_frames() {
    check("frames", &WriteOptions::default(), &ALL_TYPES);
    let png = WriteOptions { frame_format: FrameFormat::Png, ..WriteOptions::default() };
    check("png frames", &png, &[PixelType::U8, PixelType::U16]);
}

#[test]
fn frame_times_survive_where_the_format_has_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let stamps: Vec<f64> = (0..11).map(|i| 0.1 * f64::from(i) + if i > 5 { 1.0 } else { 0.0 }).collect();
    let times = Some(Sourced::new(FrameTimes::Stamped(stamps.clone()), "test"));
    let recording = Recording { frame_times: times, ..recording() };
    let pixels = pixels(PixelType::U16, SHAPE);
    // Labels of ImageJ tell microseconds.
    for (name, tolerance_s) in [("a.ome.tif", 1e-9), ("a.h5::group/movie", 1e-9), ("a.zarr", 1e-9), ("a.tif", 1e-6)] {
        let path = folder.path().join(name);
        write(&path, &pixels, &recording, &WriteOptions::default()).unwrap();
        let info = movie_info(&path).unwrap();
        let Some(FrameTimes::Stamped(read)) = info.recording.frame_times.map(|t| t.value) else { panic!("{name}") };
        assert!(read.iter().zip(&stamps).all(|(a, b)| (a - b).abs() < tolerance_s), "{name}");
        assert_eq!((info.gaps.len(), info.gaps[0].after_frame, info.gaps[0].n_missing), (1, 5, 10), "{name}");
    }
    let back = FrameTimes::Stamped((0..11).map(|i| f64::from(-i)).collect());
    let recording = Recording { frame_times: Some(Sourced::new(back, "test")), ..recording };
    let path = folder.path().join("a.tif");
    let writer = MovieWriter::create(&path, pixels.shape(), PixelType::U16, &recording, &WriteOptions::default());
    assert!(writer.unwrap().warnings()[0].contains("median interval"));
}

#[test]
fn labels_of_slices_tell_the_time_of_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let times = FrameTimes::Stamped((0..11).map(|i| f64::from(i) / 8.0).collect());
    let recording = Recording {
        frame_times: Some(Sourced::new(times.clone(), "test")),
        started_s: Some(Sourced::new(1_695_427_199.5, "test")),
        ..recording()
    };
    for compression in [Compression::None, Compression::Deflate] {
        write(&path, &pixels(PixelType::U16, SHAPE), &recording, &packed(compression)).unwrap();
        let read = open(&path).unwrap();
        let source = "ImageJ slice labels (YYYYMMDD_HHMMSS and fractions)".to_owned();
        assert_eq!(read.recording().frame_times, Some(Sourced { value: times.clone(), source: source.clone() }));
        assert_eq!(read.recording().started_s, Some(Sourced { value: 1_695_427_199.5, source }));
        assert!(read_all(read.as_ref()) == pixels(PixelType::U16, SHAPE));
    }
}

#[test]
fn an_interval_survives() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.tif", "a.ome.tif", "a.h5", "a.zarr"] {
        let path = folder.path().join(name);
        write(&path, &pixels(PixelType::U8, SHAPE), &recording(), &WriteOptions::default()).unwrap();
        let read = open(&path).unwrap();
        assert!((read.recording().frame_interval().unwrap().get() - 0.1).abs() < 1e-12, "{name}");
        assert_eq!(read.recording().warnings, Vec::<String>::new(), "{name}");
        let unknown = folder.path().join(format!("unknown {name}"));
        write(&unknown, &pixels(PixelType::U8, SHAPE), &Recording::default(), &WriteOptions::default()).unwrap();
        let read = open(&unknown).unwrap();
        assert_eq!((read.recording().pixel_size(), read.recording().frame_interval()), (None, None), "{name}");
    }
}

#[test]
fn conversion_streams_from_any_source() {
    let folder = tempfile::tempdir().unwrap();
    let expected = pixels(PixelType::U16, (40, 300, 200));
    let source = InMemory::new(recording(), expected.clone());
    let mut from: Box<dyn FrameSource> = Box::new(source);
    for name in ["a.tif", "b.h5", "d.zarr", "c.ome.tif", "frames"] {
        let path = folder.path().join(name);
        convert(from.as_ref(), &path, &packed(Compression::Deflate), &Silent).unwrap();
        from = open(&path).unwrap();
        assert!(read_all(from.as_ref()) == expected, "{name}");
    }
    convert(from.as_ref(), &folder.path().join("a.gif"), &WriteOptions::default(), &Silent).unwrap();
    assert!(std::fs::read(folder.path().join("a.gif")).unwrap().starts_with(b"GIF89a"));
}

#[test]
fn nan_passes_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = ndarray::Array3::<f32>::zeros((2, 3, 4));
    values[[0, 1, 2]] = f32::NAN;
    values[[1, 0, 0]] = f32::INFINITY;
    for (name, compression) in [("a.tif", Compression::Deflate), ("b.h5", Compression::None)] {
        let path = folder.path().join(name);
        write(&path, &Pixels::F32(values.clone()), &recording(), &packed(compression)).unwrap();
        let Pixels::F32(read) = read_all(open(&path).unwrap().as_ref()) else { panic!("type changed") };
        assert!(read[[0, 1, 2]].is_nan() && read[[1, 0, 0]] == f32::INFINITY, "{name}");
    }
}

#[test]
fn wrong_calls_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = pixels(PixelType::U8, (2, 3, 4));
    let create = |name: &str, kind| {
        MovieWriter::create(&folder.path().join(name), pixels.shape(), kind, &recording(), &WriteOptions::default())
    };
    assert!(create("a.xyz", PixelType::U8).err().unwrap().to_string().contains(".xyz"));
    assert!(create("no folder/a.tif", PixelType::U8).is_err());
    assert!(create("a.png", PixelType::U8).err().unwrap().to_string().contains("2 frames"));
    let mut writer = create("a.tif", PixelType::U16).unwrap();
    assert!(writer.append(&pixels).unwrap_err().to_string().contains("uint8"));
    drop(writer);
    for name in ["a.tif", "a.h5", "a.zarr", "frames"] {
        let mut writer = create(name, PixelType::U8).unwrap();
        writer.append(&pixels).unwrap();
        assert!(writer.append(&pixels).is_err(), "too many frames");
        drop(writer);
        let mut writer = create(name, PixelType::U8).unwrap();
        let Pixels::U8(array) = &pixels else { panic!() };
        writer.append(&Pixels::U8(array.slice(s![..1, .., ..]).to_owned())).unwrap();
        assert!(writer.finish().unwrap_err().to_string().contains("1 when it was finished"));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("b.h5"), "precious").unwrap();
    assert!(create("b.h5", PixelType::U8).err().unwrap().to_string().contains("free"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.tif");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let error = write(&path, &pixels(PixelType::U16, SHAPE), &recording(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("full"), "{error}");
    assert!(std::fs::metadata("/dev/full").is_ok_and(|m| !m.is_file()));
}
