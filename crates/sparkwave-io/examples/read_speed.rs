//! How fast movies are read: `cargo run --release -p sparkwave-io --example read_speed [FOLDER] [MOVIE]`.
//!
//! Without MOVIE, writes a 16-bit movie of 512 x 512 x 600 (300 MiB of pixels: camera noise on a smooth cell) into
//! FOLDER in every format and reads each, frame by frame as an analysis does; pages packed by LZW are written by
//! tifffile if Python has it. Prints MiB of pixels per second, on one thread and on all. The files come from the page
//! cache: the figures are those of the decoders, not of the disk.
#![allow(clippy::print_stdout)]

use ndarray::Array3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, InMemory};
use sparkwave_io::{Compression, OmeZarrVersion, WriteOptions};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const SHAPE: MovieShape = MovieShape { n_frames: 600, height: 512, width: 512 };
const BLOCK: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let folder = arguments.next().unwrap_or_else(std::env::temp_dir);
    if let Some(movie) = arguments.next() {
        return report(&movie);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pixels = Array3::from_shape_fn((SHAPE.n_frames, SHAPE.height, SHAPE.width), |(_, y, x)| {
        (500 + y / 2 + x / 4) as u16 + rng.random_range(0..64)
    });
    let source = InMemory::new(Recording::default(), Pixels::U16(pixels));
    let options = |compression| WriteOptions { compression, overwrite: true, ..WriteOptions::default() };
    let old = WriteOptions { ome_zarr_version: OmeZarrVersion::V04, ..options(Compression::Auto) };
    for (name, options) in [
        ("speed.tif", options(Compression::None)),
        ("speed_deflate.tif", options(Compression::Deflate)),
        ("speed.h5", options(Compression::None)),
        ("speed_deflate.h5", options(Compression::Deflate)),
        ("speed_v05.zarr", options(Compression::Auto)),
        ("speed_v04.zarr", old),
    ] {
        let path = folder.join(name);
        let start = Instant::now();
        sparkwave_io::convert(&source, &path, &options, &sparkwave_core::progress::Silent)?;
        println!("{name:20} write {:6.0} MiB/s", mebibytes(&source) / start.elapsed().as_secs_f64());
        report(&path)?;
    }
    let lzw = folder.join("speed_lzw.tif");
    let script = "import sys, tifffile as t; t.imwrite(sys.argv[2], t.imread(sys.argv[1]), compression='lzw')";
    let status =
        std::process::Command::new("python3").args(["-c", script]).arg(folder.join("speed.tif")).arg(&lzw).status();
    if status.is_ok_and(|status| status.success()) { report(&lzw) } else { Ok(()) }
}

fn mebibytes(source: &dyn FrameSource) -> f64 {
    let shape = source.shape();
    (shape.n_frames * shape.frame_len() * source.pixel_type().n_bytes()) as f64 / f64::from(1 << 20)
}

fn report(path: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let source = sparkwave_io::open(path)?;
    let opened = start.elapsed();
    let rows = Span::new(0, source.shape().height);
    let n_frames = source.shape().n_frames;
    let read = |start: usize| source.read(Span::new(start, (start + BLOCK).min(n_frames)), rows);
    // Once to bring the file into the cache.
    for start in (0..n_frames).step_by(BLOCK) {
        read(start)?;
    }
    let mut line =
        format!("{:20} open {:6.2} ms", path.file_name().unwrap_or_default().display(), opened.as_secs_f64() * 1e3);
    let all = std::thread::available_parallelism()?.get();
    for threads in [1, all] {
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let frame = next.fetch_add(BLOCK, Ordering::Relaxed);
                        if frame >= n_frames {
                            break;
                        }
                        failed.fetch_add(usize::from(read(frame).is_err()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(failed.into_inner(), 0, "{}", path.display());
        let speed = mebibytes(source.as_ref()) / start.elapsed().as_secs_f64();
        line += &format!(", read {speed:6.0} MiB/s on {threads} threads");
    }
    println!("{line}");
    Ok(())
}
