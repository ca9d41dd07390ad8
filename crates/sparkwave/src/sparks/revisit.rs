//! Events of a finished run, looked at again in the movie that the run was made of.

use super::SparksConfig;
use super::clips::{self, Footage};
use crate::error::Error;
use ndarray::{Array2, Axis};
use sparkwave_analysis::figure::{Clip, Scale};
use sparkwave_core::axes::{PointYx, Span, Voxel};
use sparkwave_core::event::Event;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::Value;
use sparkwave_imgproc::background::{background_pixels, background_trace};
use sparkwave_imgproc::register::Drift;
use sparkwave_imgproc::sampling::Sampling;
use std::collections::BTreeMap;
use std::path::Path;

/// Frames of labels that are read at a time.
const FRAMES: usize = 32;

/// Clips of the events of these ids in the folder of a run, by rising id, and what a pixel and a frame are worth. An id
/// without voxels in `labels.tif` has no clip.
///
/// # Errors
/// If a file of the run is missing or of another movie, or the movie is not where it was.
pub(crate) fn revisit(folder: &Path, ids: &[u32], progress: &dyn Progress) -> Result<(Vec<Clip>, Scale), Error> {
    let config = SparksConfig::read(&folder.join("run.toml"))?;
    let source = sparkwave_io::open(&config.input)?;
    let source = crate::calibrate::calibrate(source, config.pixel_size_um, config.frame_interval_s)?;
    let source = source.as_ref();
    let shape = source.shape();
    let mean = mean(folder, shape)?;
    let footage = Footage {
        source,
        sampling: Sampling::of(source.recording()),
        drift: &drift(folder, shape)?,
        background: &background_trace(source, &background_pixels(&mean, config.background)?)?,
    };
    let clips = clips::of_all(footage, &events(folder, shape, ids)?, progress)?;
    let recording = source.recording();
    Ok((clips, Scale { pixel_size: recording.pixel_size(), frame_interval: recording.frame_interval() }))
}

fn words(shape: MovieShape) -> String {
    format!("{} frames of {} x {}", shape.n_frames, shape.height, shape.width)
}

fn mean(folder: &Path, movie: MovieShape) -> Result<Array2<f32>, Error> {
    let path = folder.join("mean.tif");
    let source = sparkwave_io::open(&path)?;
    let (expected, found) = (MovieShape { n_frames: 1, ..movie }, source.shape());
    if found != expected {
        let message = format!("expected {} as the movie has, found {}", words(expected), words(found));
        return Err(Error::Config { path, message });
    }
    Ok(source.read(Span::new(0, 1), Span::new(0, movie.height))?.to_f32().index_axis_move(Axis(0), 0))
}

fn drift(folder: &Path, movie: MovieShape) -> Result<Drift, Error> {
    let path = folder.join("drift.csv");
    let table = sparkwave_io::csv::read_table(&path)?;
    let numbers =
        |name: &str| -> Vec<f64> { table.column(name).unwrap_or_default().iter().filter_map(Value::as_f64).collect() };
    let (y, x) = (numbers("y_px"), numbers("x_px"));
    if y.len() != movie.n_frames || x.len() != movie.n_frames {
        let message = format!("expected y_px and x_px of {} frames, found {} and {}", movie.n_frames, y.len(), x.len());
        return Err(Error::Config { path, message });
    }
    let displacements = y.into_iter().zip(x).map(|(y, x)| PointYx { y, x }).collect();
    Ok(Drift { displacements, ..Drift::none(movie.n_frames) })
}

/// The events with their voxels; of their evidence nothing is known.
fn events(folder: &Path, movie: MovieShape, ids: &[u32]) -> Result<Vec<Event>, Error> {
    let table = sparkwave_io::csv::read_table(&folder.join("events.csv"))?;
    let column = |name: &str| table.column(name).unwrap_or_default().iter().map(Value::as_f64);
    let peaks: BTreeMap<u32, u32> = column("event_id")
        .zip(column("t_peak_frame"))
        .filter_map(|(id, peak)| Some((id? as u32, peak? as u32)))
        .collect();
    let path = folder.join("labels.tif");
    let labels = sparkwave_io::open(&path)?;
    if labels.shape() != movie {
        let message = format!("expected {} as the movie has, found {}", words(movie), words(labels.shape()));
        return Err(Error::Config { path, message });
    }
    let mut voxels: BTreeMap<u32, Vec<Voxel>> = ids.iter().map(|id| (*id, Vec::new())).collect();
    for start in (0..movie.n_frames).step_by(FRAMES) {
        let frames = Span::new(start, (start + FRAMES).min(movie.n_frames));
        for ((t, y, x), label) in sparkwave_io::labels::read_frames(labels.as_ref(), frames, &path)?.indexed_iter() {
            if let Some(of_event) = voxels.get_mut(label).filter(|_| *label > 0) {
                of_event.push(Voxel { t: (start + t) as u32, y: y as u32, x: x as u32 });
            }
        }
    }
    let event = |(id, voxels): (u32, Vec<Voxel>)| {
        let peak = middle(&voxels, *peaks.get(&id)?)?;
        Some(Event { id, region_id: 0, peak, voxels, dff: Vec::new(), score: 0.0, burst: false })
    };
    Ok(voxels.into_iter().filter_map(event).collect())
}

/// The voxel in the middle of those of a frame, or of all if there is none in it.
fn middle(voxels: &[Voxel], frame: u32) -> Option<Voxel> {
    let of_frame: Vec<Voxel> = voxels.iter().copied().filter(|v| v.t == frame).collect();
    let among = if of_frame.is_empty() { voxels } else { &of_frame };
    let mean = |value: fn(&Voxel) -> u32| among.iter().map(|v| f64::from(value(v))).sum::<f64>() / among.len() as f64;
    let (y, x) = (mean(|v| v.y), mean(|v| v.x));
    let apart = |v: &Voxel| (f64::from(v.y) - y).hypot(f64::from(v.x) - x);
    among.iter().copied().min_by(|a, b| apart(a).total_cmp(&apart(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::Existing;
    use crate::simulate::{self, SimulateSparks};
    use crate::sparks::Detector;
    use sparkwave_core::progress::Silent;

    #[test]
    fn events_are_seen_as_the_run_saw_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let request = SimulateSparks { n_frames: 150, height: 64, width: 64, seed: 2, ..SimulateSparks::default() };
        simulate::sparks(&request, &at("made"), Existing::Refuse, Some(2), &Silent).expect("simulated");
        let config = SparksConfig::new(&at("made/movie.tif"), Detector::Matched);
        let run = super::super::run(&config, &at("run"), Existing::Refuse, Some(2), &Silent).expect("found");
        // The traces that the run drew of some events.
        let drawn = sparkwave_io::csv::read_table(&at("run/figures/filmstrips.csv")).expect("there");
        let drawn = |name: &str| -> Vec<f64> {
            drawn.column(name).expect("known").iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
        };
        let of_event: Vec<usize> =
            (0..drawn("event_id").len()).filter(|i| drawn("event_id")[*i] == drawn("event_id")[0]).collect();
        let event = run.events.iter().find(|e| f64::from(e.id) == drawn("event_id")[0]).expect("an event");
        let (clips, scale) = revisit(&at("run"), &[event.id, 60_000], &Silent).expect("the movie is there");
        assert_eq!(clips.len(), 1, "an id without voxels has no clip");
        assert!(scale.pixel_size.is_some() && scale.frame_interval.is_some());
        let clip = &clips[0];
        assert_eq!((clip.event_id, clip.peak_frame), (event.id, event.peak.t as usize));
        let is_near = |v: &&Voxel| (clip.first_frame..clip.first_frame + clip.mask.dim().0).contains(&(v.t as usize));
        assert_eq!(clip.mask.iter().filter(|inside| **inside).count(), event.voxels.iter().filter(is_near).count());
        assert_eq!(clip.trace_first_frame as f64, drawn("frame")[0]);
        let dff: Vec<f64> = of_event.iter().map(|i| drawn("dff")[*i]).collect();
        assert_eq!(clip.trace.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), dff);
        std::fs::remove_file(at("made/movie.tif")).expect("was there");
        let error = revisit(&at("run"), &[event.id], &Silent).expect_err("the movie is gone").to_string();
        assert!(error.contains("movie.tif"), "{error}");
    }
}
