//! A movie of synaptic calcium transients with its truth, as files.

use super::BATCH;
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder, config_text};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::{FrameTimes, PixelSize, Recording, Sourced};
use sparkwave_core::synth::{SparksParams, SparksScene};
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::{Micrometers, Seconds};
use sparkwave_io::{Compression, MovieWriter, WriteOptions};
use std::path::Path;

/// What is simulated. The rest of the scene follows the defaults of [`SparksParams`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateSparks {
    /// Number of frames.
    pub n_frames: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Edge of a pixel, µm.
    pub pixel_size_um: f64,
    /// Time between frames, s.
    pub frame_interval_s: f64,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for SimulateSparks {
    fn default() -> Self {
        let p = SparksParams::default();
        Self {
            n_frames: p.n_frames,
            height: p.height,
            width: p.width,
            pixel_size_um: p.pixel_size_um,
            frame_interval_s: p.frame_interval_s,
            seed: 1,
        }
    }
}

impl SimulateSparks {
    /// The parameters of the scene.
    pub(super) fn params(&self) -> SparksParams {
        SparksParams {
            n_frames: self.n_frames,
            height: self.height,
            width: self.width,
            pixel_size_um: self.pixel_size_um,
            frame_interval_s: self.frame_interval_s,
            ..SparksParams::default()
        }
    }
}

/// Simulates a recording of synaptic calcium transients: `movie.tif`, `labels.tif`, `events.csv`, `drift.csv` and
/// `run.toml`. Labels and events are in the coordinates of frame 0. Returns the table of events.
///
/// # Errors
/// If a parameter makes no sense, the folder is not free, or a file cannot be written.
pub fn sparks(
    request: &SimulateSparks,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<Table, Error> {
    crate::pool(threads)?.install(|| sparks_here(request, out, existing, progress))
}

fn sparks_here(
    request: &SimulateSparks,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<Table, Error> {
    let config = config_text(request)?;
    progress.begin("scene", 1);
    // Before the folder: a request that makes no sense leaves none.
    let scene = SparksScene::new(&request.params(), request.seed)?;
    let folder = RunFolder::open(out, existing, &config)?;
    write_scene(&scene, &folder, progress)
}

/// Writes `movie.tif`, `labels.tif`, `events.csv` and `drift.csv`; returns the table of events.
pub(super) fn write_scene(scene: &SparksScene, folder: &RunFolder, progress: &dyn Progress) -> Result<Table, Error> {
    let params = scene.params();
    let recording = Recording {
        id: "movie".to_owned(),
        pixel_size: PixelSize::square(Micrometers::new(params.pixel_size_um)).map(|p| Sourced::new(p, "simulation")),
        frame_times: Some(Sourced::new(
            FrameTimes::Regular { interval: Seconds::new(params.frame_interval_s) },
            "simulation",
        )),
        ..Recording::default()
    };
    let shape = scene.shape();
    let options = WriteOptions::default();
    let packed = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let mut movie = MovieWriter::create(&folder.file("movie.tif"), shape, PixelType::U16, &recording, &options)?;
    let mut labels = MovieWriter::create(&folder.file("labels.tif"), shape, PixelType::U16, &recording, &packed)?;
    progress.begin("simulate", shape.n_frames as u64);
    for start in (0..shape.n_frames).step_by(BATCH) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let end = (start + BATCH).min(shape.n_frames);
        let frames: Vec<_> = (start..end).into_par_iter().map(|t| (scene.frame(t), labels_u16(scene, t))).collect();
        for (frame, label) in frames {
            movie.append(&Pixels::U16(frame.insert_axis(ndarray::Axis(0))))?;
            labels.append(&Pixels::U16(label.insert_axis(ndarray::Axis(0))))?;
        }
        progress.advance((end - start) as u64);
    }
    movie.finish()?;
    labels.finish()?;
    let events = scene.truth_table();
    sparkwave_io::csv::write_table(&events, &folder.file("events.csv"))?;
    let mut drift = Table::new();
    drift.push("frame", (0..shape.n_frames).map(|t| Value::Int(t as i64)).collect());
    drift.push("y_px", scene.drift().iter().map(|d| Value::float(d.y)).collect());
    drift.push("x_px", scene.drift().iter().map(|d| Value::float(d.x)).collect());
    sparkwave_io::csv::write_table(&drift, &folder.file("drift.csv"))?;
    folder.finish();
    Ok(events)
}

/// The labels of a frame as they are written: ids beyond 65534 share the last value.
pub(crate) fn labels_u16(scene: &SparksScene, t: usize) -> Array2<u16> {
    scene.labels(t).mapv(|id| u16::try_from(id).unwrap_or(u16::MAX))
}
