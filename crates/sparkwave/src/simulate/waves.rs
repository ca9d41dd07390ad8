//! A raw recording of intrinsic optical signal with travelling waves and their truth, as files.

mod truth;

use super::BATCH;
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder, config_text};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::source::FrameSource;
use sparkwave_core::synth::waves::{Gap, INTERVAL_S, Sampling};
use sparkwave_core::synth::{WavesParams, WavesScene, WavesSource};
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Seconds;
use sparkwave_io::{Compression, MovieWriter, WriteOptions};
use std::path::Path;
use std::sync::Arc;

/// In which form the frames are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawForm {
    /// `raw/YYYYMMDD_HHMMSS_fff.tif`, one file a frame, as cameras write them: gaps and the time of day are in the names.
    #[default]
    Folder,
    /// `movie.tif`, one stack: gaps and the time of day are in the labels of its slices.
    Stack,
}

/// What is simulated. The rest of the scene follows the defaults of [`WavesParams`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateWaves {
    /// Length of the recording, s.
    pub duration_s: f64,
    /// Frames per s.
    pub frame_rate_hz: f64,
    /// Rows and columns.
    pub size_px: usize,
    /// Groups of waves.
    pub n_waves: usize,
    /// How many of these are two waves that overlap in time.
    pub n_overlapping: usize,
    /// Smallest and largest peak reflectance change, as part of the reflectance at rest.
    pub amplitude: [f64; 2],
    /// Time of the first frame, s since 1970-01-01 00:00.
    pub started_s: f64,
    /// Stretches without frames: begin and length, s.
    pub gaps_s: Vec<[f64; 2]>,
    /// Write the mean of every second instead of the frames.
    pub seconds: bool,
    /// In which form.
    pub raw: RawForm,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for SimulateWaves {
    fn default() -> Self {
        let p = WavesParams::default();
        Self {
            duration_s: 240.0,
            frame_rate_hz: p.frame_rate_hz,
            size_px: p.height,
            n_waves: 1,
            n_overlapping: p.n_overlapping,
            amplitude: [p.amplitude.0, p.amplitude.1],
            started_s: p.started_s,
            gaps_s: Vec::new(),
            seconds: false,
            raw: RawForm::default(),
            seed: 1,
        }
    }
}

impl SimulateWaves {
    /// The parameters of the scene.
    pub(crate) fn params(&self) -> WavesParams {
        WavesParams {
            duration_s: self.duration_s,
            frame_rate_hz: self.frame_rate_hz,
            height: self.size_px,
            width: self.size_px,
            n_waves: self.n_waves,
            n_overlapping: self.n_overlapping,
            amplitude: (self.amplitude[0], self.amplitude[1]),
            started_s: self.started_s,
            gaps: self.gaps_s.iter().map(|&[start_s, duration_s]| Gap { start_s, duration_s }).collect(),
            ..WavesParams::default()
        }
    }
}

/// What was simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedWaves {
    /// Images written.
    pub n_frames: usize,
    /// Waves in them.
    pub n_waves: usize,
    /// Episodes: waves that overlap in time are one.
    pub n_episodes: usize,
}

/// Beyond this a user may not expect the size of the recording.
const LARGE_BYTES: u64 = 4 << 30;

/// Simulates a recording of travelling waves: `raw/` or `movie.tif` with `frame_times.csv`; `truth.json`, `masks.tif` and
/// `rate.tif` (`[N,Y,X]`: wave ids and the change of the waves alone over every interval of 5 s), `arrival.tif` (`[W,Y,X]`:
/// when each wave arrives, s since the first frame, NaN where it never does), `cortex.png`, `rest.tif`, `motion.csv` and
/// `run.toml`. Truth is in the coordinates of the scene at rest.
///
/// # Errors
/// If a parameter makes no sense, the folder is not free, a file cannot be written, or the user asks to stop.
pub fn waves(
    request: &SimulateWaves,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<SimulatedWaves, Error> {
    crate::pool(threads)?.install(|| waves_here(request, out, existing, progress))
}

fn waves_here(
    request: &SimulateWaves,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<SimulatedWaves, Error> {
    let params = request.params();
    params.validate()?;
    let config = config_text(request)?;
    let folder = RunFolder::open(out, existing, &config)?;
    progress.begin("scene", 1);
    let scene = Arc::new(WavesScene::new(&params, request.seed)?);
    let sampling = if request.seconds { Sampling::Seconds } else { Sampling::Frames };
    let source = WavesSource::new(Arc::clone(&scene), sampling);
    truth::write(&scene, source.shape().n_frames, &folder)?;
    write_times(&source, &folder)?;
    write_motion(&scene, &folder)?;
    write_cortex(&scene, &folder)?;
    write_intervals(&scene, source.recording(), &folder, progress)?;
    write_frames(&source, request.raw, &folder, progress)?;
    folder.finish();
    Ok(SimulatedWaves {
        n_frames: source.shape().n_frames,
        n_waves: scene.waves().len(),
        n_episodes: scene.episodes().len(),
    })
}

/// The recording itself; it comes last, as it takes longest.
fn write_frames(source: &WavesSource, raw: RawForm, folder: &RunFolder, progress: &dyn Progress) -> Result<(), Error> {
    let name = match raw {
        RawForm::Folder => "raw",
        RawForm::Stack => "movie.tif",
    };
    if !folder.is_missing(name) {
        return Ok(());
    }
    let shape = source.shape();
    let n_bytes = (shape.frame_len() * source.pixel_type().n_bytes() * shape.n_frames) as u64;
    if n_bytes > LARGE_BYTES {
        progress.warn(&format!("the recording takes {:.0} GB", n_bytes as f64 / 1e9));
    }
    // A folder is replaced only if the run folder may be.
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let recording = timed(source.recording(), shape.n_frames);
    let mut writer = MovieWriter::create(&folder.file(name), shape, source.pixel_type(), &recording, &options)?;
    progress.begin("simulate", shape.n_frames as u64);
    let rows = Span::new(0, shape.height);
    for start in (0..shape.n_frames).step_by(BATCH) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let end = (start + BATCH).min(shape.n_frames);
        let frames: Vec<_> = (start..end).into_par_iter().map(|t| source.read(Span::new(t, t + 1), rows)).collect();
        for frame in frames {
            writer.append(&frame?)?;
        }
        progress.advance((end - start) as u64);
    }
    Ok(writer.finish()?)
}

/// The recording with one time a frame, which both forms tell together with the time of day; a mere interval they do not.
fn timed(recording: &Recording, n_frames: usize) -> Recording {
    let stamp_all = |times: &Sourced<FrameTimes>| {
        let stamps: Option<Vec<f64>> = (0..n_frames).map(|frame| times.value.at(frame).map(Seconds::get)).collect();
        Some(Sourced::new(FrameTimes::Stamped(stamps?), times.source.clone()))
    };
    Recording { frame_times: recording.frame_times.as_ref().and_then(stamp_all), ..recording.clone() }
}

/// Masks and rates of all intervals, and the arrival of every wave.
fn write_intervals(
    scene: &WavesScene,
    recording: &Recording,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let params = scene.params();
    let n_intervals = scene.intervals().len();
    let interval = FrameTimes::Regular { interval: Seconds::new(INTERVAL_S as f64) };
    let every_interval =
        Recording { frame_times: Some(Sourced::new(interval, "simulation")), started_s: None, ..recording.clone() };
    let packed = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let shape = |n_frames| MovieShape { n_frames, height: params.height, width: params.width };
    let create = |name: &str, n: usize, kind, recording: &Recording| {
        MovieWriter::create(&folder.file(name), shape(n), kind, recording, &packed)
    };
    let single = |image: Array2<f32>| Pixels::F32(image.insert_axis(Axis(0)));
    progress.begin("truth", n_intervals as u64);
    if n_intervals > 0 && (folder.is_missing("masks.tif") || folder.is_missing("rate.tif")) {
        let mut masks = create("masks.tif", n_intervals, PixelType::U16, &every_interval)?;
        let mut rates = create("rate.tif", n_intervals, PixelType::F32, &every_interval)?;
        for i in 0..n_intervals {
            // At most 500 waves can be planned.
            let ids: Array3<u16> = scene.masks(i).mapv(|id| u16::try_from(id).unwrap_or(u16::MAX)).insert_axis(Axis(0));
            masks.append(&Pixels::U16(ids))?;
            rates.append(&single(scene.rate(i)))?;
            progress.advance(1);
        }
        masks.finish()?;
        rates.finish()?;
    }
    let timeless = Recording { frame_times: None, started_s: None, ..recording.clone() };
    if !scene.waves().is_empty() && folder.is_missing("arrival.tif") {
        let mut arrivals = create("arrival.tif", scene.waves().len(), PixelType::F32, &timeless)?;
        for wave in scene.waves() {
            arrivals.append(&single(wave.arrival_s.to_image(params.height, params.width)))?;
        }
        arrivals.finish()?;
    }
    if folder.is_missing("rest.tif") {
        let mut rest = create("rest.tif", 1, PixelType::F32, &timeless)?;
        rest.append(&single(scene.rest()))?;
        rest.finish()?;
    }
    Ok(())
}

fn write_cortex(scene: &WavesScene, folder: &RunFolder) -> Result<(), Error> {
    if folder.is_missing("cortex.png") {
        let cortex = scene.cortex().inside.mapv(|inside| if inside { u8::MAX } else { 0 });
        sparkwave_io::png::write_gray8(&folder.file("cortex.png"), cortex.view())?;
    }
    Ok(())
}

/// The time of every image, s since the first.
fn write_times(source: &WavesSource, folder: &RunFolder) -> Result<(), Error> {
    if !folder.is_missing("frame_times.csv") {
        return Ok(());
    }
    let times = source.recording().frame_times.as_ref().map(|times| &times.value);
    let at = |frame: usize| Value::maybe(times.and_then(|times| times.at(frame)).map(Seconds::get));
    let n_frames = source.shape().n_frames;
    let mut table = Table::new();
    table.push("frame", (0..n_frames).map(|t| Value::Int(t as i64)).collect());
    table.push("time_s", (0..n_frames).map(at).collect());
    Ok(sparkwave_io::csv::write_table(&table, &folder.file("frame_times.csv"))?)
}

/// The displacement of the scene ten times a second.
fn write_motion(scene: &WavesScene, folder: &RunFolder) -> Result<(), Error> {
    const PER_SECOND: f64 = 10.0;
    if !folder.is_missing("motion.csv") {
        return Ok(());
    }
    let n = (scene.params().duration_s * PER_SECOND).floor() as usize;
    let at = |i: usize| i as f64 / PER_SECOND;
    let mut table = Table::new();
    table.push("time_s", (0..n).map(|i| Value::float(at(i))).collect());
    table.push("y_px", (0..n).map(|i| Value::float(scene.motion_px(at(i)).y)).collect());
    table.push("x_px", (0..n).map(|i| Value::float(scene.motion_px(at(i)).x)).collect());
    Ok(sparkwave_io::csv::write_table(&table, &folder.file("motion.csv"))?)
}

#[cfg(test)]
mod tests;
