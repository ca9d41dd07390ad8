//! The maps of a recording, interval by interval: rate, amplitude and registered movies, and the coloured frames.

use super::config::{Keep, WavesConfig};
use super::find::Found;
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use sparkwave_analysis::figure::waves::{rate_colors, symmetric_limit};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::source::FrameSource;
use sparkwave_core::units::Seconds;
use sparkwave_imgproc::filter::masked::smooth_inside;
use sparkwave_imgproc::traces::registered_frame;
use sparkwave_imgproc::waves::reflectance::Reflectance;
use sparkwave_io::{MovieWriter, WriteOptions};

/// Planes that are computed side by side before they are written: a fixed, small number.
const BATCH: usize = 8;
/// Scale of the colours where nothing ever changes, dR/R0.
const SMALLEST_LIMIT: f32 = 1e-3;

/// Reads the rate maps of a recording.
pub(super) struct Rates<'a> {
    pub(super) recording: Reflectance<'a>,
    pub(super) inside: &'a Array2<bool>,
    /// Standard deviation of the smoothing inside the window, px.
    pub(super) smooth_px: f64,
    /// Bins from one end of an interval to the other.
    pub(super) step: usize,
}

impl Rates<'_> {
    /// The relative change over interval `i` `[Y, X]`, smoothed inside the window; NaN where either end was not measured.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub(super) fn map(&self, i: usize) -> Result<Array2<f32>, Error> {
        let mut rate = self.recording.plane((i + 1) * self.step)?;
        rate -= &self.recording.plane(i * self.step)?;
        if self.smooth_px > 0.0 {
            smooth_inside(&mut rate, self.inside, self.smooth_px);
        }
        Ok(rate)
    }
}

/// The limit of the colour scale of a recording: from a few maps spread over it, every seventh pixel of the window.
///
/// # Errors
/// If the recording cannot be read.
pub(super) fn color_limit(rates: &Rates<'_>, n: usize) -> Result<f32, Error> {
    const N_MAPS: usize = 60;
    let chosen: Vec<usize> = (0..n.min(N_MAPS)).map(|k| k * n / n.min(N_MAPS)).collect();
    let samples: Vec<Vec<f32>> = chosen
        .into_par_iter()
        .map(|i| {
            let map = rates.map(i)?;
            Ok(map.iter().zip(rates.inside).filter(|(_, m)| **m).map(|(v, _)| *v).step_by(7).collect())
        })
        .collect::<Result<_, Error>>()?;
    Ok(symmetric_limit(samples.into_iter().flatten()).unwrap_or(SMALLEST_LIMIT))
}

/// Writes `rate.tif` and `color/*.png`.
///
/// # Errors
/// If the recording cannot be read, a file cannot be written, or the user cancels.
pub(super) fn write_rates(
    rates: &Rates<'_>,
    names: &[String],
    limit: f32,
    config: &WavesConfig,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let n = names.len();
    progress.begin("rate maps", n as u64);
    let shape = MovieShape { n_frames: n, ..rates.recording.seconds.shape() };
    let recording = of_intervals(rates.recording.seconds.recording(), config.interval_s);
    folder.create_subfolder("color")?;
    let mut movie = if n > 0 && folder.is_missing("rate.tif") {
        Some(MovieWriter::create(
            &folder.file("rate.tif"),
            shape,
            PixelType::F32,
            &recording,
            &WriteOptions::default(),
        )?)
    } else {
        None
    };
    for first in (0..n).step_by(BATCH) {
        let batch = first..(first + BATCH).min(n);
        let color = |i: usize| format!("color/{}.png", names[i]);
        if movie.is_none() && batch.clone().all(|i| !folder.is_missing(&color(i))) {
            progress.advance(batch.len() as u64);
            continue;
        }
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let maps: Vec<Array2<f32>> = batch
            .clone()
            .into_par_iter()
            .map(|i| {
                let map = rates.map(i)?;
                if folder.is_missing(&color(i)) {
                    let rgb = rate_colors(&map, limit, config.colors.map(), rates.inside);
                    sparkwave_io::png::write_rgb8(&folder.file(&color(i)), rgb.view())?;
                }
                Ok(map)
            })
            .collect::<Result<_, Error>>()?;
        for map in maps {
            if let Some(movie) = &mut movie {
                movie.append(&Pixels::F32(map.insert_axis(Axis(0))))?;
            }
            progress.advance(1);
        }
    }
    Ok(movie.map_or(Ok(()), MovieWriter::finish)?)
}

/// Writes the movies that the user asked to keep.
///
/// # Errors
/// If the recording cannot be read, a file cannot be written, or the user cancels.
pub(super) fn write_kept(
    config: &WavesConfig,
    seconds: &dyn FrameSource,
    found: &Found,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let recording = Reflectance { seconds, drift: &found.drift, rest: &found.rest, light: &found.light };
    let shape = seconds.shape();
    for keep in &config.keep {
        let name = match keep {
            Keep::Amplitude => "amplitude.tif",
            Keep::Registered => "registered.tif",
        };
        if !folder.is_missing(name) {
            continue;
        }
        progress.begin(name, shape.n_frames as u64);
        let options = WriteOptions::default();
        let mut movie = MovieWriter::create(&folder.file(name), shape, PixelType::F32, seconds.recording(), &options)?;
        for bin in 0..shape.n_frames {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let plane = match keep {
                Keep::Amplitude => recording.plane(bin)?,
                Keep::Registered => registered_frame(seconds, &found.drift, bin, Span::new(0, shape.height))?,
            };
            movie.append(&Pixels::F32(plane.insert_axis(Axis(0))))?;
            progress.advance(1);
        }
        movie.finish()?;
    }
    Ok(())
}

/// The metadata of a movie of one frame an interval.
pub(super) fn of_intervals(seconds: &Recording, interval_s: f64) -> Recording {
    let interval = FrameTimes::Regular { interval: Seconds::new(interval_s) };
    Recording { frame_times: Some(Sourced::new(interval, "--interval-s")), ..seconds.clone() }
}
