//! A training file of simulated recordings, each of another microscope, whose events are all known.

use crate::error::Error;
use crate::simulate::labels_u16;
use crate::sparks::{self, Detector, SparksConfig};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sparkwave_core::event::Event;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, InMemory};
use sparkwave_core::synth::{SparksParams, SparksScene, SparksSource};
use sparkwave_imgproc::foreground::{ForegroundParams, foreground};
use sparkwave_io::msct::{DatasetWriter, EventRow, NewStream, Origin};
use sparkwave_io::{MovieWriter, WriteOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Which events of the recordings to learn from are labelled. Those of recordings to validate on always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// All that happen, on all their voxels.
    #[default]
    All,
    /// Those that the published threshold detector finds, on the voxels that it finds, without its false ones: what a
    /// laboratory has after a person went through them. The others are there, unlabeled.
    Idt,
}

/// Which recordings a training file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateDataset {
    /// Recordings to learn from.
    pub train: usize,
    /// Recordings to validate on.
    pub valid: usize,
    /// Recordings to test on, which nothing is chosen on.
    #[serde(default)]
    pub test: usize,
    /// Frames of each.
    pub n_frames: usize,
    /// Rows and columns of each.
    pub edge: usize,
    /// Which events are labelled.
    #[serde(default)]
    pub known: Known,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for SimulateDataset {
    fn default() -> Self {
        Self { train: 40, valid: 6, test: 0, n_frames: 300, edge: 192, known: Known::All, seed: 1 }
    }
}

/// Simulates recordings of many microscopes ([`SparksParams::varied`]), prepares each as `sparks run` does (registration,
/// baseline, dF/F0 over noise) and writes movies, labels and events to `out`. Nothing is written if a step fails.
///
/// # Errors
/// If a number makes no sense, the name is taken and `overwrite` is not set, the disk is full, or the user cancels.
pub fn simulate(
    request: &SimulateDataset,
    out: &Path,
    overwrite: bool,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    crate::pool(threads)?.install(|| {
        let mut writer = DatasetWriter::create(out, overwrite)?;
        let folder = super::scratch_beside(out)?;
        let folds = [("train", request.train), ("valid", request.valid), ("test", request.test)];
        let folds: Vec<&str> = folds.iter().flat_map(|(fold, n)| std::iter::repeat_n(*fold, *n)).collect();
        for (i, fold) in folds.iter().enumerate() {
            progress.begin(&format!("recording {} of {}", i + 1, folds.len()), 1);
            add(&mut writer, request, i, fold, folder.path(), progress)?;
        }
        Ok(writer.finish()?)
    })
}

fn add(
    writer: &mut DatasetWriter,
    request: &SimulateDataset,
    i: usize,
    fold: &str,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), Error> {
    // Recordings of one seed never share a scene with those of a neighbouring seed.
    let seed = request.seed.wrapping_mul(1_000_003).wrapping_add(i as u64);
    let params = SparksParams::varied(request.n_frames, request.edge, request.edge, seed);
    let scene = Arc::new(SparksScene::new(&params, seed)?);
    let source = SparksSource::new(Arc::clone(&scene));
    let config = SparksConfig::new(Path::new("simulated"), Detector::Matched);
    let standard = folder.join(format!("{i}.tif"));
    let prepared = sparks::standardise(&config, &source, &standard, progress)?;
    let mask = foreground(&prepared.mean, &ForegroundParams::default(), prepared.sampling, prepared.margin);
    let shape = source.shape();
    let labels = folder.join(format!("{i}-labels.tif"));
    let known = if fold == "train" { request.known } else { Known::All };
    let mut peak_dff = None;
    let events = match known {
        Known::All => {
            let events = write_labels(shape, &labels, |t| labels_u16(&scene, t))?;
            let truth: BTreeMap<i64, f64> =
                scene.truth().iter().map(|e| (i64::from(e.event_id), f64::from(e.peak_dff))).collect();
            peak_dff = Some(events.iter().map(|e| truth.get(&e.id).copied().unwrap_or(0.0)).collect::<Vec<_>>());
            events
        }
        Known::Idt => {
            let config = SparksConfig::new(Path::new("simulated"), Detector::Idt);
            let found = sparks::find(&config, &source, &folder.join("idt"), progress)?;
            let voxels = by_frame(&found);
            let ids = verified(&scene, &voxels);
            write_labels(shape, &labels, |t| {
                let mut frame = Array2::zeros((shape.height, shape.width));
                let here = voxels.get(&t).into_iter().flatten().filter(|(id, _)| ids.contains(id));
                here.for_each(|(id, at)| frame[*at] = *id);
                frame
            })?
        }
    };

    let (input, label) = (sparkwave_io::open(&standard)?, sparkwave_io::open(&labels)?);
    let mask = mask.mapv(u8::from).insert_axis(ndarray::Axis(0));
    let mask = InMemory::new(Recording::default(), Pixels::U8(mask));
    let origin = Origin {
        normalisation: Some(sparks::NOISE_NORMALISATION.to_owned()),
        neuron: Some(format!("simulated, seed {seed}")),
        ..Origin::default()
    };
    let stream = i.to_string();
    let new = NewStream {
        fold,
        stream: &stream,
        input: input.as_ref(),
        label: label.as_ref(),
        events: &events,
        peak_dff: peak_dff.as_deref(),
        foreground: Some(&mask),
        origin: &origin,
    };
    writer.add_stream(&new, progress)?;
    drop((input, label));
    super::remove(&standard)?;
    super::remove(&labels)
}

/// The voxels of events by frame, each with the id of its event and its row and column.
fn by_frame(events: &[Event]) -> BTreeMap<usize, Vec<(u16, [usize; 2])>> {
    let mut by_frame: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for event in events {
        // More than 65,535 events would not fit the file, nor any training field.
        let id = u16::try_from(event.id).unwrap_or(u16::MAX);
        for v in &event.voxels {
            by_frame.entry(v.t as usize).or_default().push((id, [v.y as usize, v.x as usize]));
        }
    }
    by_frame
}

/// The ids of the events that have a voxel in common with one that happened.
fn verified(scene: &SparksScene, voxels: &BTreeMap<usize, Vec<(u16, [usize; 2])>>) -> BTreeSet<u16> {
    let mut ids = BTreeSet::new();
    for (&t, voxels) in voxels {
        let labels = scene.labels(t);
        ids.extend(voxels.iter().filter(|(_, at)| labels[*at] > 0).map(|(id, _)| *id));
    }
    ids
}

/// Writes labels frame by frame; gives the box of each event that has voxels.
fn write_labels(shape: MovieShape, out: &Path, labels: impl Fn(usize) -> Array2<u16>) -> Result<Vec<EventRow>, Error> {
    let mut movie = MovieWriter::create(out, shape, PixelType::U16, &Recording::default(), &WriteOptions::default())?;
    let mut boxes: BTreeMap<u32, EventRow> = BTreeMap::new();
    for t in 0..shape.n_frames {
        let label = labels(t);
        for ((y, x), &id) in label.indexed_iter().filter(|(_, id)| **id > 0) {
            super::grow_box(&mut boxes, u32::from(id), [t, y, x]);
        }
        movie.append(&Pixels::U16(label.insert_axis(ndarray::Axis(0))))?;
    }
    movie.finish()?;
    Ok(boxes.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::axes::Span;
    use sparkwave_core::progress::Silent;

    #[test]
    fn simulated_recordings_come_back_as_streams() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.h5");
        let request =
            SimulateDataset { train: 2, valid: 1, n_frames: 60, edge: 64, seed: 5, ..SimulateDataset::default() };
        simulate(&request, &path, false, Some(2), &Silent).expect("a training file");
        let streams = sparkwave_io::msct::list(&path).expect("readable");
        assert_eq!(streams.iter().map(|s| s.fold.as_str()).collect::<Vec<_>>(), ["train", "train", "valid"]);
        let all = (Span::new(0, 60), Span::new(0, 64));
        let mut n_events = 0;
        for stream in &streams {
            assert!(stream.has_foreground && stream.origin.neuron.is_some());
            let read = |source: Box<dyn FrameSource>| source.read(all.0, all.1).expect("readable").to_f32();
            let input = read(sparkwave_io::msct::open_input(&path, &stream.fold, &stream.stream).expect("there"));
            let label = read(sparkwave_io::msct::open_label(&path, &stream.fold, &stream.stream).expect("there"));
            let events = sparkwave_io::msct::read_events(&path, &stream.fold, &stream.stream).expect("there");
            n_events += events.len();
            let mut quiet: Vec<f32> =
                input.iter().zip(&label).filter(|(v, l)| **l == 0.0 && **v != 0.0).map(|(v, _)| v.abs()).collect();
            quiet.sort_by(f32::total_cmp);
            // The median of the absolute deviation of a normal distribution is 0.674 of its standard deviation.
            let sd = quiet[quiet.len() / 2] / 0.674;
            assert!((0.8..1.4).contains(&sd), "noise of unit variance, not of SD {sd}");
        }
        assert!(n_events > 5, "{n_events} events");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1, "no scratch is left");
    }
    #[test]
    fn what_a_threshold_misses_is_left_unlabeled() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let n_events = |known: Known, name: &str| {
            let path = folder.path().join(name);
            let request = SimulateDataset { train: 2, valid: 1, test: 0, n_frames: 200, edge: 96, known, seed: 5 };
            simulate(&request, &path, false, Some(2), &Silent).expect("a training file");
            let streams = sparkwave_io::msct::list(&path).expect("a training file");
            streams.iter().map(|s| s.n_events).collect::<Vec<_>>()
        };
        let (all, found) = (n_events(Known::All, "all.h5"), n_events(Known::Idt, "idt.h5"));
        assert!(found[..2].iter().sum::<usize>() < all[..2].iter().sum::<usize>(), "{found:?} of {all:?}");
        assert!(found[0] + found[1] > 0 && found[2] == all[2], "{found:?} of {all:?}");
    }
}
