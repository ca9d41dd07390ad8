//! What the published program would make of the outlines of our waves: `legacy/masks.tif`, and its measures in
//! `legacy/waves.csv` and `legacy/wave_frames.csv`.
//!
//! Its masks are drawn from the outlines in the labels, holes filled, on 512 x 512 px, and smoothed: for the pictures all
//! outlines of a frame together, for the measures those of each wave by themselves. Small masks vanish by that. Lengths
//! are in its calibration of 10.5 mm on 512 px, the areas of its screen in 11 mm.

use super::super::find::{Found, Setting};
use super::super::maps;
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Array3, Axis};
use sparkwave_analysis::measure::waves::{WaveSetting, measure_waves};
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::Table;
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Cortex, Midline, Wave, WaveFrame, Waveform};
use sparkwave_imgproc::legacy::{MM_PER_PX, SIDE_PX, crop, mask};
use sparkwave_io::outline::outlines;
use sparkwave_io::{Compression, MovieWriter, WriteOptions};

const SIZE: (usize, usize) = (SIDE_PX, SIDE_PX);
/// The columns of `wave_frames.csv` that the published videos show, and what names them.
const SHOWN: [&str; 7] =
    ["wave_id", "frame", "t_s", "centroid_y_px", "centroid_x_px", "area_screen_legacy_mm2", "speed_legacy_mm_min"];

/// Writes masks and measures. `window` is the published mask of the cortex.
pub(super) fn write(
    setting: &Setting<'_>,
    found: &Found,
    window: &Array2<bool>,
    names: &[String],
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let shape = setting.seconds.shape();
    let origin = (crop::origin(shape.height, SIDE_PX) as f64, crop::origin(shape.width, SIDE_PX) as f64);
    write_movie(setting, found, origin, folder, progress)?;

    let waves: Vec<Wave> = found.shaped.waves.iter().filter_map(|wave| published(wave, origin)).collect();
    let moved = |p: PointYx| PointYx { y: p.y + origin.0, x: p.x + origin.1 };
    let midline = found.cortex.midline.map(|m| Midline { from: moved(m.from), to: moved(m.to) });
    let cortex = Cortex { inside: window.clone(), midline };
    let tables = measure_waves(
        &waves,
        &WaveSetting {
            height: SIDE_PX,
            width: SIDE_PX,
            intervals: &found.intervals,
            // Whatever the recording says: the published numbers know one calibration.
            pixel_size: PixelSize::square(Micrometers::new(MM_PER_PX * 1000.0)),
            cortex: Some(&cortex),
            frame_names: names,
        },
    );
    folder.write_table("legacy/waves", &tables.waves_legacy, false)?;
    let mut frames = Table::new();
    for column in tables.wave_frames.columns().iter().filter(|c| SHOWN.contains(&c.name.as_str())) {
        frames.push(column.name.clone(), column.values.clone());
    }
    folder.write_table("legacy/wave_frames", &frames, false)
}

/// Writes `legacy/masks.tif` `[N, 512, 512]`: 255 inside the mask of all waves of an interval, 0 outside.
fn write_movie(
    setting: &Setting<'_>,
    found: &Found,
    origin: (f64, f64),
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    const NAME: &str = "legacy/masks.tif";
    let n = found.intervals.len();
    if n == 0 || !folder.is_missing(NAME) {
        return Ok(());
    }
    progress.begin("published masks", n as u64);
    let shape = MovieShape { n_frames: n, height: SIDE_PX, width: SIDE_PX };
    let options = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let interval_s = found.step as f64 * setting.bin_s;
    let recording = maps::of_intervals(setting.seconds.recording(), interval_s);
    let mut movie = MovieWriter::create(&folder.file(NAME), shape, PixelType::U8, &recording, &options)?;
    for interval in 0..n {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let frames = found.shaped.waves.iter().flat_map(|w| &w.frames).filter(|f| f.frame == interval);
        let outlines: Vec<_> = frames.flat_map(|f| moved_outlines(&f.mask, origin)).collect();
        // Most intervals hold no wave.
        let plane = if outlines.is_empty() {
            Array3::zeros((1, SIDE_PX, SIDE_PX))
        } else {
            let inside = mask::frame_mask(&outlines, SIZE);
            inside.mapv(|inside| if inside { u8::MAX } else { 0 }).insert_axis(Axis(0))
        };
        movie.append(&Pixels::U8(plane))?;
        progress.advance(1);
    }
    Ok(movie.finish()?)
}

/// A wave with its masks as published; `None` if none is left.
fn published(wave: &Wave, origin: (f64, f64)) -> Option<Wave> {
    let frame = |f: &WaveFrame| {
        let drawn = mask::label_mask(&moved_outlines(&f.mask, origin), SIZE);
        Some(WaveFrame { mask: Mask::of_image(&drawn)?, ..f.clone() })
    };
    let frames: Vec<WaveFrame> = wave.frames.iter().filter_map(frame).collect();
    let nothing = Patch { y0: 0, x0: 0, values: Array2::zeros((0, 0)) };
    // The published measures know centroids only.
    let (arrival_s, peak_drr, waveform) = (nothing.clone(), nothing, Waveform::default());
    (!frames.is_empty()).then(|| Wave { frames, arrival_s, peak_drr, waveform, name: wave.name.clone(), ..*wave })
}

/// The outer outlines of a mask as in the labels, `[x, y]` in the image of 512 x 512 px.
fn moved_outlines(mask: &Mask, origin: (f64, f64)) -> Vec<Vec<[f64; 2]>> {
    let moved = |[x, y]: [f64; 2]| [x + origin.1, y + origin.0];
    outlines(mask).into_iter().map(|outline| outline.outer.into_iter().map(moved).collect()).collect()
}
