//! The maps of a recording, interval by interval: rate, amplitude and registered movies, and the coloured frames.

use super::config::{Keep, WavesConfig};
use super::find::Found;
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use sparkwave_analysis::figure::waves::{ColorMap, rate_colors, symmetric_limit};
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

/// What the rate maps of a recording are made from.
pub(super) struct RateSource<'a> {
    pub(super) recording: Reflectance<'a>,
    pub(super) inside: &'a Array2<bool>,
    /// Standard deviation of the smoothing inside the window, px.
    pub(super) smooth_px: f64,
    /// Bins from one end of an interval to the other.
    pub(super) step: usize,
}

/// The rate maps of a recording, read back from `rate.tif`.
pub(super) struct Rates {
    /// `None` where there is no interval.
    movie: Option<Box<dyn FrameSource>>,
}

impl Rates {
    /// The relative change over interval `i` `[Y, X]`, smoothed inside the window; NaN where either end was not measured.
    ///
    /// # Errors
    /// If the file was moved or damaged since.
    pub(super) fn map(&self, i: usize) -> Result<Array2<f32>, Error> {
        let movie = self.movie.as_ref().expect("a recording with an interval has a rate.tif");
        let rows = Span::new(0, movie.shape().height);
        Ok(movie.read(Span::new(i, i + 1), rows)?.to_f32().index_axis_move(Axis(0), 0))
    }
}

/// Writes `rate.tif`, of `n` intervals, unless a resumed run has it already.
///
/// # Errors
/// If the recording cannot be read, the file cannot be written, or the user cancels.
pub(super) fn write_rates(
    source: &RateSource<'_>,
    n: usize,
    interval_s: f64,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<Rates, Error> {
    if n == 0 {
        return Ok(Rates { movie: None });
    }
    let path = folder.file("rate.tif");
    if folder.is_missing("rate.tif") {
        progress.begin("rate maps", n as u64);
        let RateSource { ref recording, inside, smooth_px, step } = *source;
        let shape = MovieShape { n_frames: n, ..recording.seconds.shape() };
        let metadata = of_intervals(recording.seconds.recording(), interval_s);
        let mut movie = MovieWriter::create(&path, shape, PixelType::F32, &metadata, &WriteOptions::default())?;
        // The end of an interval is the start of the next.
        let mut start = recording.plane(0)?;
        for first in (0..n).step_by(BATCH) {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let batch = first..(first + BATCH).min(n);
            let ends: Vec<Array2<f32>> =
                batch.into_par_iter().map(|i| Ok(recording.plane((i + 1) * step)?)).collect::<Result<_, Error>>()?;
            let starts: Vec<&Array2<f32>> = std::iter::once(&start).chain(&ends).collect();
            let maps: Vec<Array2<f32>> = ends
                .par_iter()
                .zip(starts)
                .map(|(end, start)| {
                    let mut rate = end - start;
                    if smooth_px > 0.0 {
                        smooth_inside(&mut rate, inside, smooth_px);
                    }
                    rate
                })
                .collect();
            for (map, end) in maps.into_iter().zip(ends) {
                movie.append(&Pixels::F32(map.insert_axis(Axis(0))))?;
                start = end;
                progress.advance(1);
            }
        }
        movie.finish()?;
    }
    Ok(Rates { movie: Some(sparkwave_io::open(&path)?) })
}

/// The limit of the colour scale of a recording of `n` intervals: from a few maps spread over it, every seventh pixel of
/// the window.
///
/// # Errors
/// If a map cannot be read.
pub(super) fn color_limit(rates: &Rates, inside: &Array2<bool>, n: usize) -> Result<f32, Error> {
    const N_MAPS: usize = 60;
    let chosen: Vec<usize> = (0..n.min(N_MAPS)).map(|k| k * n / n.min(N_MAPS)).collect();
    let samples: Vec<Vec<f32>> = chosen
        .into_par_iter()
        .map(|i| {
            let map = rates.map(i)?;
            Ok(map.iter().zip(inside).filter(|(_, m)| **m).map(|(v, _)| *v).step_by(7).collect())
        })
        .collect::<Result<_, Error>>()?;
    Ok(symmetric_limit(samples.into_iter().flatten()).unwrap_or(SMALLEST_LIMIT))
}

/// Writes the coloured maps as `color/NAME.png`, those that are missing.
///
/// # Errors
/// If a map cannot be read, a file cannot be written, or the user cancels.
pub(super) fn write_colors(
    rates: &Rates,
    inside: &Array2<bool>,
    names: &[String],
    (limit, map): (f32, ColorMap),
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    progress.begin("colours", names.len() as u64);
    folder.create_subfolder("color")?;
    names.par_iter().enumerate().try_for_each(|(i, name)| {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let name = format!("color/{name}.png");
        if folder.is_missing(&name) {
            let rgb = rate_colors(&rates.map(i)?, limit, map, inside);
            sparkwave_io::png::write_rgb8(&folder.file(&name), rgb.view())?;
        }
        progress.advance(1);
        Ok(())
    })
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
