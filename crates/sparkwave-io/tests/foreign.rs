//! Files of other programs: tifffile, h5py and zarr-python wrote `tests/golden` (see `make_golden.py` there), and real
//! recordings stand in the shared data.

use crate::common::{read_all, shared};
use ndarray::Array3;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::units::Seconds;
use sparkwave_io::{Error, movie_info, msct, open};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

const SHAPE: (usize, usize, usize) = (5, 6, 7);

/// The rule of `make_golden.py`.
fn value((t, y, x): (usize, usize, usize)) -> u32 {
    (t * 7919 + y * 104_729 + x * 1_299_709) as u32
}

fn u16s(shape: (usize, usize, usize)) -> Pixels {
    Pixels::U16(Array3::from_shape_fn(shape, |i| value(i) as u16))
}

fn floats() -> Pixels {
    Pixels::F32(Array3::from_shape_fn(SHAPE, |i| (value(i) % 2048) as f32 / 4.0))
}

/// Every `step`th frame of 30 or 10 planes, from `first` on.
fn planes(n: usize, first: usize, step: usize) -> Pixels {
    let Pixels::U16(all) = u16s((n, 6, 7)) else { unreachable!() };
    Pixels::U16(all.slice(ndarray::s![first..;step, .., ..]).to_owned())
}

fn check(name: &str, expected: &Pixels) -> Recording {
    let source = open(&golden(name)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(source.shape(), expected.shape(), "{name}");
    assert!(read_all(source.as_ref()) == *expected, "{name}: pixels differ");
    let MovieShape { n_frames, height, .. } = source.shape();
    let part = source.read(Span::new(n_frames - 1, n_frames), Span::new(height / 2, height)).unwrap().to_f32();
    let all = expected.to_f32();
    assert_eq!(part, all.slice(ndarray::s![n_frames - 1.., height / 2.., ..]), "{name}: part differs");
    source.recording().clone()
}

fn error(name: &str) -> Error {
    open(&golden(name)).err().unwrap_or_else(|| panic!("{name} opened"))
}

#[test]
fn tifffile_writes_what_we_read() {
    for name in ["big_endian.tif", "deflate_predictor.tif", "lzw_predictor.tif"] {
        check(name, &u16s(SHAPE));
    }
    check("bigtiff.tif", &floats());
    check("zstd_float_predictor.tif", &floats());
    let u8s = |shape| Pixels::U8(Array3::from_shape_fn(shape, |i| value(i) as u8));
    check("packbits.tif", &u8s(SHAPE));
    check("white_is_zero.tif", &u8s(SHAPE));
    check("plain_tiles.tif", &u8s((5, 20, 33)));
    check("deflate_tiles_be.tif", &u16s((5, 20, 33)));
    let error = error("rgb.tif").to_string();
    assert!(error.contains("RGB") && error.contains("rgb.tif"), "{error}");
}

#[test]
fn labels_of_slices_tell_times_and_win_over_the_nominal_interval() {
    let recording = check("imagej_labels.tif", &u16s(SHAPE));
    let stamps = FrameTimes::Stamped(vec![0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(recording.frame_times, Some(Sourced::new(stamps, "ImageJ slice labels (YYYY-MM-DD HH:MM:SS)")));
    assert_eq!(recording.started_s.map(|s| s.value), Some(1_695_427_198.0));
}

#[test]
fn other_number_types_are_converted_as_documented() {
    let i16s = |f: fn(u32) -> i16| Pixels::I16(Array3::from_shape_fn(SHAPE, |i| f(value(i))));
    check("type_i1.tif", &i16s(|v| i16::from(v as i8)));
    check("type_i2.tif", &i16s(|v| v as i16));
    check("type_u8.tif", &Pixels::U32(Array3::from_shape_fn(SHAPE, value)));
    let i32s = |v: u32| (v.cast_signed().rem_euclid(100_000) - 50_000) as f32;
    check("type_i4.tif", &Pixels::F32(Array3::from_shape_fn(SHAPE, |i| i32s(value(i)))));
    check("type_f2.tif", &floats());
    assert!(check("type_f8.tif", &floats()).warnings.iter().any(|w| w.contains("float64")));
}

#[test]
fn imagej_axes_and_calibration() {
    let recording = check("imagej.tif", &u16s(SHAPE));
    assert!((recording.pixel_size().unwrap().x.get() - 0.16).abs() < 1e-9);
    assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
    let error = error("imagej_hyperstack.tif").to_string();
    assert!(error.contains("T=5, Z=3, C=2"), "{error}");
    check("imagej_hyperstack.tif::c=1,z=2", &planes(30, 5, 6));
    check("imagej_hyperstack.tif::pages", &planes(30, 0, 1));
    assert!(open(&golden("imagej_hyperstack.tif::c=2,z=0")).is_err());
}

/// A stack beyond 4 GiB has one directory; here the chain is cut by hand.
#[test]
fn one_directory_may_stand_for_all_planes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one directory.tif");
    let mut bytes = std::fs::read(golden("imagej.tif")).unwrap();
    let at = |bytes: &[u8], i: usize| u32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()) as usize;
    let first = at(&bytes, 4);
    let entries = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    let next = first + 2 + 12 * entries;
    assert_ne!(at(&bytes, next), 0, "tifffile wrote a chain");
    bytes[next..next + 4].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let source = open(&path).unwrap();
    assert!(read_all(source.as_ref()) == u16s(SHAPE));
    // Half of the last plane is missing: the error names the frame.
    let strip_tag = (0..entries).map(|i| first + 2 + 12 * i).find(|&e| bytes[e..e + 2] == [0x11, 0x01]).unwrap();
    let data = at(&bytes, strip_tag + 8);
    std::fs::write(&path, &bytes[..data + 4 * 84 + 40]).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("frame 4") && error.contains("truncated"), "{error}");
}

#[test]
fn ome_channels_need_a_choice() {
    let error = error("ome_channels.ome.tif").to_string();
    assert!(error.contains("C=2"), "{error}");
    let recording = check("ome_channels.ome.tif::c=1", &planes(10, 1, 2));
    assert!((recording.pixel_size().unwrap().y.get() - 0.2).abs() < 1e-12);
    assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
}

#[test]
fn h5py_writes_what_we_read() {
    let recording = check("one.h5", &u16s(SHAPE));
    assert!((recording.pixel_size().unwrap().x.get() - 0.16).abs() < 1e-12);
    check("one.h5::dff/ch0", &u16s(SHAPE));
    check("several.h5::be", &u16s(SHAPE));
    check("several.h5::half", &floats());
    let i8s = Pixels::I16(Array3::from_shape_fn(SHAPE, |i| i16::from(value(i) as i8)));
    check("several.h5::deep/i1", &i8s);
    check("several.h5::link", &i8s);
    let several = error("several.h5").to_string();
    assert!(
        several.contains("::be [5, 6, 7]") && several.contains("::deep/i1") && !several.contains("four"),
        "{several}"
    );
    assert!(error("several.h5::four").to_string().contains("[2, 2, 2, 2]"));
    assert!(error("several.h5::absent").to_string().contains("deep/i1"));
}

#[test]
fn msct_files_of_h5py_are_read() {
    let path = golden("msct.h5");
    let streams = msct::list(&path).unwrap();
    assert_eq!(streams.iter().map(|s| s.stream.as_str()).collect::<Vec<_>>(), ["9", "10"]);
    let events = msct::read_events(&path, "train", "9").unwrap();
    assert_eq!((events[0].id, events[0].t1, events[0].x1, events[1].center()), (1, 4, 6, [1, 2, 3]));
    assert!(read_all(msct::open_input(&path, "train", "10").unwrap().as_ref()) == floats());
    assert!(read_all(msct::open_label(&path, "train", "10").unwrap().as_ref()) == u16s(SHAPE));
}

#[test]
fn zarr_python_writes_what_we_read() {
    let recording = check("v2_tyx.zarr", &u16s(SHAPE));
    assert!((recording.pixel_size().unwrap().x.get() - 0.16).abs() < 1e-12);
    assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
    let recording = check("v3_tczyx.zarr::c=1", &planes(10, 1, 2));
    assert!((recording.pixel_size().unwrap().y.get() - 0.2).abs() < 1e-12);
    assert!(error("v3_tczyx.zarr").to_string().contains("c=2"));
    check("bare.zarr", &floats());
    let info = movie_info(&golden("v3_tczyx.zarr::c=0")).unwrap();
    assert_eq!(
        (info.axes.as_str(), info.format.as_str(), info.stored_type.as_str()),
        ("TCZYX", "OME-Zarr 0.5", "uint16")
    );
}

/// Python computes the golden rule again and compares the files that we write; printed and skipped without its packages.
#[test]
#[allow(clippy::print_stderr)]
fn python_reads_what_we_write() {
    use sparkwave_io::{Compression, MovieWriter, OmeZarrVersion, WriteOptions};
    let folder = tempfile::tempdir().unwrap();
    let pixels = u16s(SHAPE);
    let recording = crate::common::recording();
    let old = OmeZarrVersion::V04;
    for (name, compression, ome_zarr_version) in [
        ("plain.tif", Compression::None, old),
        ("deflate.tif", Compression::Deflate, old),
        ("a.ome.tif", Compression::Auto, old),
        ("plain.h5", Compression::None, old),
        ("deflate.h5", Compression::Deflate, old),
        ("v04.zarr", Compression::Auto, old),
        ("v04_zlib.zarr", Compression::Deflate, old),
        ("v05.zarr", Compression::Auto, OmeZarrVersion::V05),
        ("v05_gzip.zarr", Compression::Deflate, OmeZarrVersion::V05),
    ] {
        let options = WriteOptions { compression, ome_zarr_version, ..WriteOptions::default() };
        let path = folder.path().join(name);
        let mut writer = MovieWriter::create(&path, pixels.shape(), PixelType::U16, &recording, &options).unwrap();
        writer.append(&pixels).unwrap();
        writer.finish().unwrap();
    }
    let times = FrameTimes::Stamped(vec![0.0, 0.5, 1.0, 2.25, 12.000_001]);
    let stamped = Recording { frame_times: Some(Sourced::new(times, "test")), ..recording };
    let (path, options) = (folder.path().join("labels.tif"), WriteOptions::default());
    let mut writer = MovieWriter::create(&path, pixels.shape(), PixelType::U16, &stamped, &options).unwrap();
    writer.append(&pixels).unwrap();
    writer.finish().unwrap();
    let mut table = sparkwave_core::table::Table::new();
    use sparkwave_core::table::Value;
    table.push("id", vec![Value::Int(1), Value::Empty, Value::Int(3)]);
    table.push("area_um2", vec![Value::Float(0.1), Value::Int(2), Value::Empty]);
    table.push("name", vec![Value::Text("神经元, 1".into()), Value::Empty, Value::Text(String::new())]);
    table.push("burst", vec![Value::Bool(true), Value::Bool(false), Value::Empty]);
    table.push("nothing", vec![Value::Empty; 3]);
    sparkwave_io::csv::write_table(&table, &folder.path().join("t.csv")).unwrap();
    sparkwave_io::parquet::write_table(&table, &folder.path().join("t.parquet")).unwrap();
    let script = golden("check_written.py");
    match std::process::Command::new("python3").arg(script).arg(folder.path()).output() {
        Err(e) => eprintln!("skipped: python3: {e}"),
        Ok(output) => {
            eprint!("{}", String::from_utf8_lossy(&output.stdout));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn real_recordings_open() {
    if let Some(folder) = shared("astrocast") {
        let tiff = open(&folder.join("sample_1.tiff")).unwrap();
        assert_eq!((tiff.shape().n_frames, tiff.pixel_type()), (75, PixelType::I16));
        assert!(tiff.recording().warnings.iter().any(|w| w.contains("slices=75")), "{:?}", tiff.recording());
        assert!(tiff.recording().warnings.iter().any(|w| w.contains("32768")));
        let h5 = open(&folder.join("sample_1.h5")).unwrap();
        assert_eq!((h5.shape(), h5.pixel_type()), (tiff.shape(), PixelType::U16));
        let (Pixels::I16(a), Pixels::U16(b)) = (read_all(tiff.as_ref()), read_all(h5.as_ref())) else { panic!() };
        assert!(a.iter().zip(&b).all(|(&a, &b)| i32::from(a) == i32::from(b) - 32768));
    }
    if let Some(folder) = shared("thunder-mouse") {
        let source = open(&folder.join("mouse_t500_y64_x64_i16.tif")).unwrap();
        assert_eq!(source.shape(), MovieShape { n_frames: 500, height: 64, width: 64 });
        let Pixels::I16(values) = read_all(source.as_ref()) else { panic!() };
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&0), Some(&909)));
    }
    if let Some(folder) = shared("thunder-fish") {
        let path = folder.join("fish_t240_z2_y87_x76_u8.tif");
        assert!(open(&path).err().unwrap().to_string().contains("T=240, Z=2, C=1"));
        let chosen = PathBuf::from(format!("{}::z=1", path.display()));
        assert_eq!(open(&chosen).unwrap().shape().n_frames, 240);
    }
    if let Some(folder) = shared("stardist-nuclei") {
        for (name, n_frames) in [("img3d.tif", 31), ("mask3d.tif", 31), ("img2d.tif", 1)] {
            let source = open(&folder.join(name)).unwrap();
            assert_eq!(source.shape().n_frames, n_frames, "{name}");
            read_all(source.as_ref());
        }
        assert!(sparkwave_io::labels::read(&folder.join("mask3d.tif")).unwrap().iter().any(|&id| id > 1));
    }
}

/// `make_golden.py` read both with sif_parser and found the same pixels.
#[test]
fn sif_series_have_the_times_of_their_frames() {
    let cycle = check("cycle.sif", &floats());
    assert_eq!(cycle.frame_times.as_ref().map(|t| t.source.as_str()), Some("SIF kinetic cycle time"));
    assert_eq!(cycle.frame_interval().map(Seconds::get), Some(0.02));
    assert_eq!(cycle.started_s.as_ref().map(|s| s.value), Some(1_254_330_082.0));
    let stamps = check("stamps.sif", &floats());
    let stamped = FrameTimes::Stamped(vec![0.0, 0.02, 0.04, 0.08, 0.1]);
    assert_eq!(stamps.frame_times, Some(Sourced::new(stamped, "SIF time stamps")));
    let info = movie_info(&golden("stamps.sif")).unwrap();
    assert_eq!((info.format.as_str(), cycle.warnings.len() + stamps.warnings.len()), ("Andor SIF", 0));

    let scratch = tempfile::tempdir().unwrap();
    let cut = scratch.path().join("cut.sif");
    let bytes = std::fs::read(golden("cycle.sif")).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 200]).unwrap();
    let error = open(&cut).err().unwrap().to_string();
    assert!(error.contains("frame 3 is incomplete") && error.contains("cut.sif"), "{error}");
}

/// Name, frames, rows and columns, sum of all pixels, first pixel.
type SifFile = (&'static str, (usize, usize, usize), f64, f32);

const SIF_FILES: [SifFile; 5] = [
    ("image.sif", (1, 512, 512), 235_293_252.313_232_42, 887.0),
    ("test.sif", (1, 256, 256), 116_626_086.0, 851.0),
    ("measurement.sif", (20, 1, 1024), 28_521_276.0, 747.0),
    ("step_and_glue.sif", (1, 1, 4711), 20_263_799.710_327_15, 0.0),
    ("cli-0.sif", (1, 1, 1024), 8_042_690.0, 20.0),
];

/// Shapes and sums of pixels as sif_parser 0.3.6 gives them.
#[test]
fn real_sif_files_are_read_as_by_sif_parser() {
    let Some(folder) = shared("andor-sif") else { return };
    for (name, shape, sum, first) in SIF_FILES {
        let source = open(&folder.join(name)).unwrap();
        let MovieShape { n_frames, height, width } = source.shape();
        let pixels = read_all(source.as_ref()).to_f32();
        let total: f64 = pixels.iter().map(|v| f64::from(*v)).sum();
        assert_eq!(((n_frames, height, width), total, pixels[[0, 0, 0]]), (shape, sum, first), "{name}");
    }
    let series = open(&folder.join("measurement.sif")).unwrap();
    assert_eq!(series.recording().frame_interval().map(Seconds::get), Some(3.0221));
}

/// Every file of the corpora opens and reads, or gives an error that names it.
#[test]
fn corpora_open_or_say_why_not() {
    for (folder, extension) in
        [("tiff-corpus", "tif"), ("nwb-fixtures", "nwb"), ("andor-sif", "sif"), ("msct/crops", "tif")]
    {
        let Some(folder) = shared(folder) else { continue };
        let mut opened = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != extension) {
                continue;
            }
            match open(&path) {
                Ok(source) => {
                    read_all(source.as_ref());
                    opened += 1;
                }
                Err(error) => {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    assert!(error.to_string().contains(&name), "{error}");
                }
            }
        }
        if extension == "tif" {
            assert!(opened > 15, "{}: {opened} opened", folder.display());
        }
    }
}
