//! How fast the streaming pass of a wave recording is, beside a loop that only reads the same frames and adds them up.
//!
//! ```sh
//! cargo run --release -p sparkwave --example seconds_speed -- make FOLDER 6000 stack|files
//! cargo run --release -p sparkwave --example seconds_speed -- loop|pass RECORDING [OUT] [--resume]
//! python3 crates/sparkwave/examples/seconds_speed.py RECORDING
//! ```
//!
//! `make` writes FOLDER/raw.tif (a BigTIFF beyond 4 GiB) or FOLDER/raw/, frames of 512 x 512 of 16 bits at 60 Hz, whose
//! names tell their times to the millisecond. `loop` is the yardstick: two threads, each with memory of its own that is
//! used again, read every second frame as plain bytes where it lies in the file, and add it to 32-bit sums. `pass` is
//! [`sparkwave::waves::seconds::average`] on two threads. Each prints its seconds, MB/s and peak memory; the pages of the
//! files should be in the cache, or out of it, for all of them.
#![allow(clippy::print_stdout)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave::core::axes::Span;
use sparkwave::core::movie::{MovieShape, PixelType, Pixels};
use sparkwave::core::progress::Silent;
use sparkwave::core::recording::{FrameTimes, Recording, Sourced};
use sparkwave::core::units::Seconds;
use sparkwave::io::{MovieWriter, WriteOptions};
use sparkwave::provenance::peak_memory_bytes;
use sparkwave::run_folder::{Existing, RunFolder};
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Outcome = Result<(), Box<dyn Error>>;

const EDGE: usize = 512;
const FRAME_BYTES: usize = EDGE * EDGE * 2;
const RATE_HZ: f64 = 60.0;
const THREADS: usize = 2;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, n, kind] => make(Path::new(folder), n.parse()?, *kind == "files"),
        ["loop", recording] => timed("loop", || read_and_sum(Path::new(recording))),
        ["pass", recording] => pass(Path::new(recording), None, Existing::Refuse),
        ["pass", recording, out] => pass(Path::new(recording), Some(Path::new(out)), Existing::Refuse),
        ["pass", recording, out, "--resume"] => pass(Path::new(recording), Some(Path::new(out)), Existing::Resume),
        _ => Err("make FOLDER N stack|files, loop RECORDING, or pass RECORDING [OUT] [--resume]".into()),
    }
}

/// Camera noise on a smooth scene, the same 64 frames again and again: sums do not depend on what they add.
fn make(folder: &Path, n_frames: usize, files: bool) -> Outcome {
    std::fs::create_dir_all(folder)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let frames: Vec<Pixels> = (0..64)
        .map(|_| {
            let pixel = |(_, y, x): (usize, usize, usize)| (9000 + y * 4 + x * 2) as u16 + rng.random_range(0..256);
            Pixels::U16(ndarray::Array3::from_shape_fn((1, EDGE, EDGE), pixel))
        })
        .collect();
    let shape = MovieShape { n_frames: if files { 1 } else { n_frames }, height: EDGE, width: EDGE };
    let times = FrameTimes::Regular { interval: Seconds::new(1.0 / RATE_HZ) };
    let recording = Recording { frame_times: Some(Sourced::new(times, "simulated")), ..Recording::default() };
    let create = |path: &Path| MovieWriter::create(path, shape, PixelType::U16, &recording, &WriteOptions::default());
    if !files {
        let mut writer = create(&folder.join("raw.tif"))?;
        for i in 0..n_frames {
            writer.append(&frames[i % frames.len()])?;
        }
        return Ok(writer.finish()?);
    }
    let raw = folder.join("raw");
    std::fs::create_dir_all(&raw)?;
    let mut patterns = Vec::new();
    for frame in &frames {
        let path = folder.join("pattern.tif");
        let mut writer = create(&path)?;
        writer.append(frame)?;
        writer.finish()?;
        patterns.push(std::fs::read(&path)?);
    }
    std::fs::remove_file(folder.join("pattern.tif"))?;
    for i in 0..n_frames {
        let ms = (i as f64 * 1000.0 / RATE_HZ).round() as usize;
        let (s, ms) = (ms / 1000, ms % 1000);
        let name = format!("20230922_{:02}{:02}{:02}.{ms:03}.tif", 12 + s / 3600, s / 60 % 60, s % 60);
        std::fs::write(raw.join(name), &patterns[i % patterns.len()])?;
    }
    Ok(())
}

fn timed(name: &str, work: impl FnOnce() -> Result<usize, Box<dyn Error>>) -> Outcome {
    let start = Instant::now();
    let n_frames = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let speed = (n_frames * FRAME_BYTES) as f64 / seconds / 1e6;
    let peak = peak_memory_bytes().unwrap_or(0) / 1_000_000;
    println!("{name}: {n_frames} frames in {seconds:.2} s, {speed:.0} MB/s, peak memory {peak} MB");
    Ok(())
}

fn pass(path: &Path, out: Option<&Path>, existing: Existing) -> Outcome {
    let temporary = tempfile::tempdir()?;
    let out = out.unwrap_or(temporary.path());
    timed("pass", || {
        let source = sparkwave::io::open(path)?;
        let folder = RunFolder::open(out, existing, "seconds_speed")?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build()?;
        let seconds = pool.install(|| sparkwave::waves::seconds::average(source.as_ref(), 1.0, &folder, &Silent))?;
        seconds.warnings.iter().for_each(|warning| println!("warning: {warning}"));
        Ok(source.shape().n_frames)
    })
}

/// What a frame lies in, and where.
type Places = Vec<(PathBuf, u64)>;

/// The places of all frames: pixels of a stack follow each other from the first on, those of single files stand at the
/// same place in each.
fn places(path: &Path) -> Result<Places, Box<dyn Error>> {
    if path.is_dir() {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
        let start = std::fs::metadata(&files[0])?.len() - FRAME_BYTES as u64;
        return Ok(files.into_iter().map(|file| (file, start)).collect());
    }
    let source = sparkwave::io::open(path)?;
    let Pixels::U16(first) = source.read(Span::new(0, 1), Span::new(0, EDGE))? else { return Err("not 16-bit".into()) };
    let mut head = vec![0; 4096 + 64];
    File::open(path)?.read_exact(&mut head)?;
    let pattern: Vec<u8> = first.iter().take(16).flat_map(|v| v.to_le_bytes()).collect();
    let start = head.windows(32).position(|w| w == pattern).ok_or("the first frame is not near the start")?;
    let n = source.shape().n_frames;
    Ok((0..n).map(|i| (path.to_path_buf(), (start + i * FRAME_BYTES) as u64)).collect())
}

fn read_and_sum(path: &Path) -> Result<usize, Box<dyn Error>> {
    let places = places(path)?;
    let stack = if path.is_dir() { None } else { Some(File::open(path)?) };
    std::thread::scope(|scope| {
        let work = |thread: usize| {
            let (places, stack) = (&places, stack.as_ref());
            scope.spawn(move || sum_of(places.iter().skip(thread).step_by(THREADS), stack))
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        let mut total = 0;
        for thread in threads {
            total += thread.join().map_err(|_| "a thread panicked")??;
        }
        println!("sum of pixels {total}");
        Ok(places.len())
    })
}

fn sum_of<'a>(places: impl Iterator<Item = &'a (PathBuf, u64)>, stack: Option<&File>) -> std::io::Result<u64> {
    let mut buffer = vec![0u16; EDGE * EDGE];
    let mut whole = Vec::new();
    let mut sums = vec![0u32; EDGE * EDGE];
    let mut total = 0;
    for (i, (path, start)) in places.enumerate() {
        let frame: &[u16] = if let Some(file) = stack {
            std::os::unix::fs::FileExt::read_exact_at(file, bytemuck::cast_slice_mut(&mut buffer), *start)?;
            &buffer
        } else {
            // One read of the whole file, header and all; pixels start at a multiple of 16.
            whole.resize(*start as usize + FRAME_BYTES, 0u8);
            File::open(path)?.read_exact(&mut whole)?;
            bytemuck::cast_slice(&whole[*start as usize..])
        };
        sums.iter_mut().zip(frame).for_each(|(s, &v)| *s += u32::from(v));
        if i % 1000 == 999 {
            total += sums.iter_mut().map(|s| u64::from(std::mem::take(s))).sum::<u64>();
        }
    }
    Ok(total + sums.iter().map(|&s| u64::from(s)).sum::<u64>())
}
