//! A training file of simulated recordings, each of another microscope, whose events are all known.

use crate::error::Error;
use crate::simulate::labels_u16;
use crate::sparks::{self, Detector, SparksConfig};
use serde::{Deserialize, Serialize};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, InMemory};
use sparkwave_core::synth::{SparksParams, SparksScene, SparksSource};
use sparkwave_imgproc::foreground::{ForegroundParams, foreground};
use sparkwave_io::msct::{DatasetWriter, EventRow, NewStream, Origin};
use sparkwave_io::{MovieWriter, WriteOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Which recordings a training file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateDataset {
    /// Recordings to learn from.
    pub train: usize,
    /// Recordings to validate on.
    pub valid: usize,
    /// Frames of each.
    pub n_frames: usize,
    /// Rows and columns of each.
    pub edge: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for SimulateDataset {
    fn default() -> Self {
        Self { train: 40, valid: 6, n_frames: 300, edge: 192, seed: 1 }
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
        let folder = tempfile::tempdir_in(out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
            .map_err(|source| sparkwave_io::Error::Io { operation: "write", path: out.to_path_buf(), source })?;
        for i in 0..request.train + request.valid {
            let fold = if i < request.train { "train" } else { "valid" };
            progress.begin(&format!("recording {} of {}", i + 1, request.train + request.valid), 1);
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
    let events = write_labels(&scene, shape, &labels)?;

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
        foreground: Some(&mask),
        origin: &origin,
    };
    writer.add_stream(&new, progress)?;
    drop((input, label));
    for path in [&standard, &labels] {
        std::fs::remove_file(path).map_err(|source| sparkwave_io::Error::Io {
            operation: "remove",
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Writes the true labels; gives the box of each event that has voxels.
fn write_labels(scene: &SparksScene, shape: MovieShape, out: &Path) -> Result<Vec<EventRow>, Error> {
    let mut movie = MovieWriter::create(out, shape, PixelType::U16, &Recording::default(), &WriteOptions::default())?;
    let mut boxes: BTreeMap<u16, EventRow> = BTreeMap::new();
    for t in 0..shape.n_frames {
        let label = labels_u16(scene, t);
        for ((y, x), &id) in label.indexed_iter().filter(|(_, id)| **id > 0) {
            let [t, y, x] = [t as i64, y as i64, x as i64];
            let new = EventRow { id: i64::from(id), t0: t, t1: t, y0: y, y1: y, x0: x, x1: x };
            let row = boxes.entry(id).or_insert(new);
            row.t1 = t;
            (row.y0, row.y1) = (row.y0.min(y), row.y1.max(y));
            (row.x0, row.x1) = (row.x0.min(x), row.x1.max(x));
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
        let request = SimulateDataset { train: 2, valid: 1, n_frames: 60, edge: 64, seed: 5 };
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
}
