//! How good a probability movie is at every threshold, from one labelling.
//!
//! The published choice of a threshold labels the movie anew at each of a hundred thresholds (Digital Discovery 2025, 4,
//! 105-119, section 2.7). The component tree ([`sparkwave_imgproc::link::tree`]) holds the components of all of them.

use crate::error::Error;
use rayon::prelude::*;
use sparkwave_analysis::evaluate::detection::{Detection, Limits, Mode, evaluate};
use sparkwave_analysis::evaluate::points::detections_from_table;
use sparkwave_core::axes::{Span, Voxel};
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::link::SparseVolume;
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::link::tree::{BoxFilter, ComponentTree};
use std::path::PathBuf;

/// Most voxels above the lowest threshold, some 7 GB of them: a movie of events is empty nearly everywhere.
const MAX_VOXELS: usize = 50_000_000;
/// Frames read at a time.
const FRAMES: usize = 16;

/// What is scored.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdRequest {
    /// Probabilities of a movie, `[T, Y, X]`, 0 to 1; what is no number is 0.
    pub probability: PathBuf,
    /// Table of true events.
    pub truth: PathBuf,
    /// The published mixed-unit rule instead of separate limits.
    pub paper: bool,
    /// The truth has ImageJ's columns.
    pub imagej: bool,
}

/// The scores of the components above one threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct AtThreshold {
    /// The threshold; components are of voxels above it.
    pub threshold: f64,
    /// Pairs of a component and a true event.
    pub tp: usize,
    /// Components without one.
    pub fp: usize,
    /// True events without one.
    pub fn_: usize,
    /// tp / (tp + fp); `None` without components.
    pub precision: Option<f64>,
    /// tp / (tp + fn); `None` without true events.
    pub recall: Option<f64>,
    /// Their harmonic mean.
    pub f1: Option<f64>,
}

/// The published thresholds: a hundred from 0.01 to 0.99.
pub fn published_thresholds() -> Vec<f32> {
    (0..100).map(|k| (0.01 + 0.98 * f64::from(k) / 99.0) as f32).collect()
}

/// Scores the components above each of the published thresholds, those of a box below 3 x 3 x 3 left out as published. An
/// event stands at its centroid, weighted by probability.
///
/// # Errors
/// If a file cannot be read, more than 50 million voxels are above the lowest threshold, or the truth lacks a column.
pub fn run(
    request: &ThresholdRequest,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<Vec<AtThreshold>, Error> {
    crate::pool(threads)?.install(|| run_here(request, progress))
}

fn run_here(request: &ThresholdRequest, progress: &dyn Progress) -> Result<Vec<AtThreshold>, Error> {
    let source = sparkwave_io::open(&request.probability)?;
    let table = sparkwave_io::csv::read_table(&request.truth)?;
    let fail = |source| Error::Evaluate { path: request.truth.clone(), source };
    let truth = detections_from_table(&table, request.imagej).map_err(fail)?;
    let recording = source.recording();
    let mode = if request.paper {
        Mode::Paper
    } else {
        Mode::Physical(Limits::default_for(recording.pixel_size(), recording.frame_interval()))
    };
    let thresholds = published_thresholds();
    let volume = read(source.as_ref(), thresholds[0], request, progress)?;
    progress.begin("thresholds", thresholds.len() as u64);
    let scores = score(&volume, &thresholds, BoxFilter::PUBLISHED_SCORES, &truth, &mode);
    progress.advance(thresholds.len() as u64);
    scores.map_err(|source| Error::Evaluate { path: request.probability.clone(), source })
}

/// The threshold of the largest F1, the lowest one of equals.
pub fn best(scores: &[AtThreshold]) -> Option<&AtThreshold> {
    scores.iter().filter(|s| s.f1.is_some()).reduce(|best, s| if s.f1 > best.f1 { s } else { best })
}

/// One row a threshold: `threshold, n, tp, fp, fn, precision, recall, f1`.
pub fn table(scores: &[AtThreshold]) -> Table {
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&AtThreshold) -> Value| {
        table.push(name, scores.iter().map(value).collect());
    };
    column("threshold", &|s| Value::float(s.threshold));
    column("n", &|s| Value::Int((s.tp + s.fp) as i64));
    column("tp", &|s| Value::Int(s.tp as i64));
    column("fp", &|s| Value::Int(s.fp as i64));
    column("fn", &|s| Value::Int(s.fn_ as i64));
    column("precision", &|s| Value::maybe(s.precision));
    column("recall", &|s| Value::maybe(s.recall));
    column("f1", &|s| Value::maybe(s.f1));
    table
}

/// The voxels above `floor`.
fn read(
    source: &dyn FrameSource,
    floor: f32,
    request: &ThresholdRequest,
    progress: &dyn Progress,
) -> Result<SparseVolume, Error> {
    let shape = source.shape();
    progress.begin("read", shape.n_frames as u64);
    let mut voxels = Vec::new();
    for start in (0..shape.n_frames).step_by(FRAMES) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let frames = Span::new(start, (start + FRAMES).min(shape.n_frames));
        let block = source.read(frames, Span::new(0, shape.height))?.to_f32();
        for ((t, y, x), &p) in block.indexed_iter().filter(|(_, p)| **p > floor) {
            let voxel = Voxel { t: (start + t) as u32, y: y as u32, x: x as u32 };
            voxels.push(Active { voxel, dff: p, strength: p, level: p });
        }
        if voxels.len() > MAX_VOXELS {
            let message =
                format!("expected at most {MAX_VOXELS} voxels above {floor}, found more; is this a probability?");
            return Err(Error::Config { path: request.probability.clone(), message });
        }
        progress.advance(frames.len() as u64);
    }
    Ok(SparseVolume::new(voxels, shape.height))
}

fn score(
    volume: &SparseVolume,
    thresholds: &[f32],
    filter: BoxFilter,
    truth: &[Detection],
    mode: &Mode,
) -> Result<Vec<AtThreshold>, sparkwave_analysis::evaluate::Error> {
    let strength: Vec<f32> = volume.voxels().iter().map(|a| a.strength).collect();
    let components = ComponentTree::new(volume, &strength).sweep(thresholds, filter);
    let at = |(&threshold, components): (&f32, &Vec<_>)| {
        let found: Vec<Detection> = components
            .iter()
            .map(|c: &sparkwave_imgproc::link::tree::Component| {
                let centroid = c.weighted_centroid;
                Detection::new(centroid.t_frame, centroid.y_px, centroid.x_px)
            })
            .collect();
        let scores = evaluate(truth, &found, mode)?;
        Ok(AtThreshold {
            threshold: f64::from(threshold),
            tp: scores.tp,
            fp: scores.fp,
            fn_: scores.fn_,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
        })
    };
    thresholds.par_iter().zip(&components).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
    use sparkwave_core::progress::Silent;
    use sparkwave_core::recording::Recording;
    use sparkwave_io::{MovieWriter, WriteOptions};
    use std::collections::BTreeMap;

    /// Blobs that merge and split as the threshold rises, with speckle on them.
    fn probability() -> Array3<f32> {
        let blobs = [(5.0, 8.0, 8.0, 0.95), (6.0, 8.0, 15.0, 0.8), (14.0, 20.0, 10.0, 0.6), (15.0, 9.0, 26.0, 0.3)];
        Array3::from_shape_fn((20, 28, 32), |(t, y, x)| {
            let near = |(ct, cy, cx, p): (f64, f64, f64, f64)| {
                let d =
                    ((t as f64 - ct) / 1.6).powi(2) + ((y as f64 - cy) / 3.0).powi(2) + ((x as f64 - cx) / 3.0).powi(2);
                p * (-0.5 * d).exp()
            };
            let speckle = ((t * 7919 + y * 104_729 + x * 1_299_709) % 97) as f64 / 97.0;
            (blobs.map(near).iter().fold(0.0, |a: f64, b| a.max(*b)) * (0.8 + 0.2 * speckle)) as f32
        })
    }

    /// The centroids of what is connected above a threshold, found by labelling that alone.
    fn labelled_anew(movie: &Array3<f32>, threshold: f32) -> Vec<Detection> {
        let above = movie.indexed_iter().filter(|(_, p)| **p > threshold);
        let active = above.map(|((t, y, x), &p)| {
            let voxel = Voxel { t: t as u32, y: y as u32, x: x as u32 };
            Active { voxel, dff: p, strength: p, level: p }
        });
        let volume = SparseVolume::new(active.collect(), movie.dim().1);
        let mut members: BTreeMap<u32, Vec<Active>> = BTreeMap::new();
        for (voxel, component) in volume.voxels().iter().zip(volume.components()) {
            members.entry(component).or_default().push(*voxel);
        }
        let extent = |of: &[Active], axis: fn(Voxel) -> u32| {
            let all = || of.iter().map(|a| axis(a.voxel));
            all().max().unwrap_or(0) - all().min().unwrap_or(0) + 1
        };
        members.retain(|_, m| extent(m, |v| v.t) >= 3 && extent(m, |v| v.y) >= 3 && extent(m, |v| v.x) >= 3);
        let centroid = |m: &Vec<Active>| {
            let total: f64 = m.iter().map(|a| f64::from(a.strength)).sum();
            let mean = |axis: fn(Voxel) -> u32| {
                m.iter().map(|a| f64::from(a.strength) * f64::from(axis(a.voxel))).sum::<f64>() / total
            };
            Detection::new(mean(|v| v.t), mean(|v| v.y), mean(|v| v.x))
        };
        members.values().map(centroid).collect()
    }

    #[test]
    fn one_labelling_equals_labelling_at_every_threshold() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let movie = probability();
        let (n_frames, height, width) = movie.dim();
        let shape = MovieShape { n_frames, height, width };
        let path = at("probability.tif");
        let mut writer =
            MovieWriter::create(&path, shape, PixelType::F32, &Recording::default(), &WriteOptions::default())
                .expect("writable");
        writer.append(&Pixels::F32(movie.clone())).expect("writable");
        writer.finish().expect("writable");
        std::fs::write(at("truth.csv"), "t_frame,y_px,x_px\n5,8,8\n6,8,15\n14,20,10\n3,3,3\n").expect("writable");
        let request = ThresholdRequest { probability: path, truth: at("truth.csv"), paper: false, imagej: false };
        let found = run(&request, Some(2), &Silent).expect("scored");
        assert_eq!(found.len(), 100);
        let truth = [(5.0, 8.0, 8.0), (6.0, 8.0, 15.0), (14.0, 20.0, 10.0), (3.0, 3.0, 3.0)];
        let truth: Vec<Detection> = truth.iter().map(|&(t, y, x)| Detection::new(t, y, x)).collect();
        let mode = Mode::Physical(Limits::default_for(None, None));
        let mut numbers = std::collections::BTreeSet::new();
        for (found, threshold) in found.iter().zip(published_thresholds()) {
            let expected = evaluate(&truth, &labelled_anew(&movie, threshold), &mode).expect("finite");
            assert_eq!(
                (found.tp, found.fp, found.fn_, found.f1),
                (expected.tp, expected.fp, expected.fn_, expected.f1)
            );
            numbers.insert(found.tp + found.fp);
        }
        assert!(numbers.len() >= 3, "components merge and vanish: {numbers:?}");
        let best = best(&found).expect("some F1");
        assert_eq!((best.tp, best.fn_), (3, 1), "{best:?}");
        assert_eq!(table(&found).n_rows(), 100);
    }
}
