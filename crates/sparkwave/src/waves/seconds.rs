//! The streaming pass: from camera frames to `seconds.tif` and `seconds.csv`.
//!
//! One pass over the recording, in memory that does not depend on its length. Threads average whole bins side by side, a
//! writer appends them in order; what it has made durable, a killed and resumed run does not compute again. The files are
//! the same, byte for byte, at any number of threads and however often the run was killed.

mod journal;
mod queue;
mod report;

use crate::error::Error;
use crate::run_folder::RunFolder;
use journal::Journal;
use ndarray::Array3;
use queue::Queue;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::source::FrameSource;
use sparkwave_core::units;
use sparkwave_imgproc::seconds::{Bin, BinSum, TimeGrid};
use sparkwave_io::MovieWriter;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Name of the movie of means.
pub const MOVIE: &str = "seconds.tif";
/// Name of the table of bins.
pub const TABLE: &str = "seconds.csv";

/// Bytes of frames that a thread reads at a time: sums are then loaded and stored once for several frames, and the frames
/// are still in a cache when they are added.
const READ_BYTES: usize = 1 << 21;
/// Time after which means are made durable: what a kill may cost, and what the disk has left to do at the end, s.
const SYNC_S: f64 = 0.25;

/// The means of a recording over bins of time, on the disk.
#[derive(Clone, Debug)]
pub struct Seconds {
    /// The bins and their frames, gaps and jumps of the clock.
    pub grid: TimeGrid,
    /// For each bin the variance over its frames, as a mean over all pixels, counts²; `None` for fewer than two frames.
    pub variance: Vec<Option<f64>>,
    /// What is wrong with the times, as sentences.
    pub warnings: Vec<String>,
    path: PathBuf,
}

impl Seconds {
    /// The bins; bin `i` is frame `i` of [`Seconds::open`].
    pub fn bins(&self) -> &[Bin] {
        &self.grid.bins
    }

    /// Opens the means as a movie of 32-bit floats; bins without frames are NaN.
    ///
    /// # Errors
    /// If the file was moved or damaged since.
    pub fn open(&self) -> Result<Box<dyn FrameSource>, Error> {
        Ok(sparkwave_io::open(&self.path)?)
    }
}

/// The bins of `bin_s` seconds that the frames of `source` fall into.
///
/// # Errors
/// If the times of the frames are unknown or make no grid.
pub fn time_grid(source: &dyn FrameSource, bin_s: f64) -> Result<TimeGrid, Error> {
    let recording = source.recording();
    let times = recording.frame_times.as_ref().ok_or_else(|| Error::Parameter {
        name: "--frame-interval-s",
        expected: "the time between frames, as the recording does not tell it",
        found: "nothing".into(),
    })?;
    // Only stamps come from a clock whose seconds mean something; regular times start with the first frame.
    let started_s = match &times.value {
        FrameTimes::Stamped(_) => recording.started_s.as_ref().map(|s| s.value),
        FrameTimes::Regular { .. } => None,
    };
    Ok(TimeGrid::new(&times.value, source.shape().n_frames, bin_s, started_s)?)
}

/// Averages the frames of `source` over bins of `bin_s` seconds into the run folder.
///
/// Progress counts frames. Doubts about the times go to `progress` and into the result. A resumed run goes on behind the
/// last bin that is durable.
///
/// # Errors
/// If the times of the frames are unknown or make no grid, a frame cannot be read or differs from the first in size, a
/// file cannot be written, or the user cancels.
pub fn average(
    source: &dyn FrameSource,
    bin_s: f64,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<Seconds, Error> {
    average_durably(source, bin_s, folder, SYNC_S, progress)
}

fn average_durably(
    source: &dyn FrameSource,
    bin_s: f64,
    folder: &RunFolder,
    sync_s: f64,
    progress: &dyn Progress,
) -> Result<Seconds, Error> {
    let grid = time_grid(source, bin_s)?;
    let warnings = report::warnings(&grid);
    warnings.iter().for_each(|warning| progress.warn(warning));
    let path = folder.file(MOVIE);
    if !folder.is_missing(MOVIE)
        && !folder.is_missing(TABLE)
        && let Some(variance) = report::read_variance(&folder.file(TABLE), grid.bins.len())?
    {
        Journal::remove(folder)?;
        return Ok(Seconds { grid, variance, warnings, path });
    }
    let variance = stream(source, &grid, folder, sync_s, progress)?;
    Ok(Seconds { grid, variance, warnings, path })
}

/// Writes both files, and gives the variance of every bin.
fn stream(
    source: &dyn FrameSource,
    grid: &TimeGrid,
    folder: &RunFolder,
    sync_s: f64,
    progress: &dyn Progress,
) -> Result<Vec<Option<f64>>, Error> {
    let frame = source.shape();
    let shape = MovieShape { n_frames: grid.bins.len(), ..frame };
    let mut journal = Journal::open(folder, &report::identity(source, grid))?;
    let recording = means_of(source.recording(), grid);
    let n_durable = journal.variance().len().min(shape.n_frames);
    let mut writer = MovieWriter::resume(&folder.file(MOVIE), shape, PixelType::F32, &recording, n_durable)?;
    journal.keep(writer.n_written())?;

    let first = writer.n_written();
    progress.begin("average over time", frame.n_frames as u64);
    progress.advance(grid.bins[..first].iter().map(|bin| bin.frames.len() as u64).sum());
    let queue = Queue::new(&grid.bins, first, frame);
    // The writer is a thread of its own, which mostly waits for the disk.
    std::thread::scope(|scope| {
        let (means, receiver) = channel();
        let (queue, writer, journal) = (&queue, &mut writer, &mut journal);
        let writing = scope.spawn(move || write(writer, journal, sync_s, receiver, queue));
        let averaged: Vec<Result<(), Error>> = rayon::broadcast(|_| average_bins(source, queue, &means, progress));
        drop(means);
        match writing.join() {
            Ok(written) => averaged.into_iter().fold(written, Result::and),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    // A wish that came while the last frames were read: what is written stays, the movie does not get its name.
    if progress.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let variance = journal.variance().to_vec();
    // The table first: a movie that has its name is finished.
    sparkwave_io::csv::write_table(&report::table(grid, &variance), &folder.file(TABLE))?;
    writer.finish()?;
    Journal::remove(folder)?;
    Ok(variance)
}

/// A bin, its mean `[1, Y, X]` and its variance.
struct Mean {
    bin: usize,
    plane: Array3<f32>,
    variance: Option<f64>,
}

/// Averages bins until there are none left.
fn average_bins(
    source: &dyn FrameSource,
    queue: &Queue<'_>,
    means: &Sender<Mean>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let MovieShape { height, width, .. } = source.shape();
    let frame_bytes = height * width * source.pixel_type().n_bytes();
    let step = (READ_BYTES / frame_bytes.max(1)).max(1);
    let rows = Span::new(0, height);
    let (mut sum, mut block) = (BinSum::new(height, width), Pixels::U8(Array3::default((0, 0, 0))));
    let _end = queue.end();
    while let Some((bin, mut plane)) = queue.take() {
        sum.clear();
        let frames = queue.frames(bin);
        for start in frames.range().step_by(step) {
            let frames = Span::new(start, (start + step).min(frames.end));
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            source.read_into(frames, rows, &mut block)?;
            sum.add(&block);
            progress.advance(frames.len() as u64);
        }
        sum.mean_into(plane.as_slice_mut().expect("a plane is one slice"));
        // The writer hangs up if it fails; its error is the one to tell.
        if means.send(Mean { bin, plane, variance: sum.variance() }).is_err() {
            break;
        }
    }
    Ok(())
}

/// Appends means in the order of bins and gives their planes back. Every `sync_s` seconds makes them durable: first the
/// pixels, then the note of them. The last of all bins become so when the movie is finished.
fn write(
    writer: &mut MovieWriter,
    journal: &mut Journal,
    sync_s: f64,
    means: Receiver<Mean>,
    queue: &Queue<'_>,
) -> Result<(), Error> {
    let _end = queue.end();
    let mut early = BTreeMap::new();
    let mut synced = Instant::now();
    for mean in means {
        early.insert(mean.bin, mean);
        while let Some(Mean { plane, variance, .. }) = early.remove(&writer.n_written()) {
            journal.add(variance);
            let block = Pixels::F32(plane);
            writer.append(&block)?;
            if let Pixels::F32(plane) = block {
                queue.give_back(plane);
            }
        }
        if synced.elapsed().as_secs_f64() > sync_s {
            writer.sync()?;
            journal.note()?;
            synced = Instant::now();
        }
    }
    if writer.n_written() < queue.n_bins() {
        writer.sync()?;
        journal.note()?;
    }
    Ok(())
}

/// The recording of the means: the scale of the frames, and the bin as interval.
fn means_of(recording: &Recording, grid: &TimeGrid) -> Recording {
    let interval = units::Seconds::new(grid.bin_s);
    let start_s = recording.started_s.as_ref().map(|s| Sourced::new(s.value + grid.bins[0].start_s, s.source.clone()));
    Recording {
        frame_times: Some(Sourced::new(FrameTimes::Regular { interval }, "time bins")),
        started_s: start_s,
        warnings: Vec::new(),
        ..recording.clone()
    }
}

#[cfg(test)]
mod tests;
