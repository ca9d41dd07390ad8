//! A training file from finished runs: their events, as a person judged them, become labels.

use super::groups::folds;
use crate::error::Error;
use crate::provenance::hex;
use crate::sparks::{self, SparksConfig};
use ndarray::Array2;
use sha2::{Digest, Sha256};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, InMemory, SourceError};
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::foreground::{ForegroundParams, foreground};
use sparkwave_io::msct::{DatasetWriter, EventRow, NewStream, Origin};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From what a training file is built.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildDataset {
    /// Folders of finished runs of `sparks run`.
    pub runs: Vec<PathBuf>,
    /// Where each comes from: a table with a column `run`, the name of its folder, and any of `animal`, `coverslip` and
    /// `neuron`.
    pub recordings: Option<PathBuf>,
    /// Part of the events that is set aside for validation, 0 to below 1.
    pub valid: f64,
    /// Seed of the draw of validation groups.
    pub seed: u64,
}

/// What a training file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Recordings of each fold: train and valid.
    pub n_recordings: [usize; 2],
    /// Events of each fold.
    pub n_events: [usize; 2],
    /// Events that a person rejected or was unsure of.
    pub n_left_out: usize,
}

/// The table of a person's verdicts in the folder of a run: `event_id, verdict`, the verdict being `accept`, `reject` or
/// `unsure`. Events that it does not name are accepted.
const VERDICTS: &str = "verdicts.csv";

/// Prepares the recordings of finished runs as networks see them and writes them to `out` with the labels of the events
/// that were accepted. Nothing is written if a step fails.
///
/// # Errors
/// If a folder holds no finished run, its recording is not where it was, two recordings hold the same pixels, a verdict or a
/// number makes no sense, the name is taken and `overwrite` is not set, the disk is full, or the user cancels.
pub fn build(
    request: &BuildDataset,
    out: &Path,
    overwrite: bool,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    super::check_part(request.valid)?;
    crate::pool(threads)?.install(|| {
        let origins = origins(request.recordings.as_deref())?;
        let mut runs = Vec::with_capacity(request.runs.len());
        for (i, folder) in request.runs.iter().enumerate() {
            progress.begin(&format!("look at run {} of {}", i + 1, request.runs.len()), 1);
            runs.push(Run::open(folder, &origins, progress)?);
            progress.advance(1);
        }
        refuse_duplicates(&runs)?;
        let unknown = runs.iter().filter(|r| r.origin.animal.is_none()).count();
        if unknown > 0 {
            progress.warn(&format!(
                "the animal of {unknown} of {} recordings is unknown (give --recordings): the split cannot keep animals apart",
                runs.len()
            ));
        }
        let of: Vec<&Origin> = runs.iter().map(|r| &r.origin).collect();
        let n_events: Vec<usize> = runs.iter().map(|r| r.accepted.len()).collect();
        let folds = folds(&of, &n_events, request.valid, request.seed);

        let mut writer = DatasetWriter::create(out, overwrite)?;
        let mut built = Built { n_recordings: [0; 2], n_events: [0; 2], n_left_out: 0 };
        let scratch = super::scratch_beside(out)?;
        for (i, (run, fold)) in runs.iter().zip(folds).enumerate() {
            progress.begin(&format!("recording {} of {}", i + 1, runs.len()), 1);
            run.add(&mut writer, fold, &i.to_string(), scratch.path(), progress)?;
            let which = usize::from(fold == "valid");
            built.n_recordings[which] += 1;
            built.n_events[which] += run.accepted.len();
            built.n_left_out += run.n_left_out;
        }
        writer.finish()?;
        Ok(built)
    })
}

/// A finished run.
struct Run {
    folder: PathBuf,
    config: SparksConfig,
    accepted: BTreeSet<u32>,
    n_left_out: usize,
    origin: Origin,
}

impl Run {
    fn open(folder: &Path, origins: &BTreeMap<String, Origin>, progress: &dyn Progress) -> Result<Self, Error> {
        if !folder.join("run.json").exists() {
            let found = format!("{} without a run.json", folder.display());
            return Err(Error::Parameter { name: "run", expected: "the folder of a finished run", found });
        }
        let config = SparksConfig::read(&folder.join("run.toml"))?;
        let (accepted, n_left_out) = accepted(folder)?;
        let source = sparkwave_io::open(&config.input)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = origins.get(&name).cloned().unwrap_or_default();
        let sha256 = Some(content(source.as_ref(), progress)?);
        let origin = Origin { sha256, normalisation: Some(sparks::NOISE_NORMALISATION.to_owned()), ..known };
        Ok(Self { folder: folder.to_path_buf(), config, accepted, n_left_out, origin })
    }

    fn add(
        &self,
        writer: &mut DatasetWriter,
        fold: &str,
        stream: &str,
        scratch: &Path,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let config = &self.config;
        let source = sparkwave_io::open(&config.input)?;
        let source = crate::calibrate::calibrate(source, config.pixel_size_um, config.frame_interval_s)?;
        let standard = scratch.join(format!("{stream}.tif"));
        let prepared = sparks::standardise(config, source.as_ref(), &standard, progress)?;
        let searched = foreground(&prepared.mean, &ForegroundParams::default(), prepared.sampling, prepared.margin);
        let input = sparkwave_io::open(&standard)?;
        let labels = sparkwave_io::open(&self.folder.join("labels.tif"))?;
        let labels = Accepted { labels: labels.as_ref(), ids: &self.accepted };
        let (events, searched) = (labels.boxes(progress)?, one_frame(&searched));
        let new = NewStream {
            fold,
            stream,
            input: input.as_ref(),
            label: &labels,
            events: &events,
            peak_dff: None,
            foreground: Some(&searched),
            origin: &self.origin,
        };
        writer.add_stream(&new, progress)?;
        drop(input);
        super::remove(&standard)
    }
}

/// A mask as a movie of one frame.
fn one_frame(mask: &Array2<bool>) -> InMemory {
    InMemory::new(Recording::default(), Pixels::U8(mask.mapv(u8::from).insert_axis(ndarray::Axis(0))))
}

/// The ids of the events of a run that count, and how many do not.
fn accepted(folder: &Path) -> Result<(BTreeSet<u32>, usize), Error> {
    let path = folder.join("events.csv");
    let found = sparkwave_io::csv::read_table(&path)?;
    let ids = column(&found, "event_id", &path)?;
    let mut accepted: BTreeSet<u32> = ids.iter().filter_map(|id| id.as_f64()).map(|id| id as u32).collect();
    let n_found = accepted.len();
    let path = folder.join(VERDICTS);
    if path.exists() {
        let table = sparkwave_io::csv::read_table(&path)?;
        let (ids, verdicts) = (column(&table, "event_id", &path)?, column(&table, "verdict", &path)?);
        for (id, verdict) in ids.iter().zip(verdicts) {
            match verdict {
                Value::Text(text) if text == "accept" => {}
                Value::Text(text) if text == "reject" || text == "unsure" => {
                    accepted.remove(&(id.as_f64().unwrap_or(0.0) as u32));
                }
                other => {
                    let message = format!("expected the verdicts accept, reject and unsure, found {other:?}");
                    return Err(Error::Config { path, message });
                }
            }
        }
    }
    let n_left_out = n_found - accepted.len();
    Ok((accepted, n_left_out))
}

fn column<'a>(table: &'a Table, name: &str, path: &Path) -> Result<&'a [Value], Error> {
    table.column(name).ok_or_else(|| {
        let found: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
        let message = format!("expected a column {name}, found {}", found.join(", "));
        Error::Config { path: path.to_path_buf(), message }
    })
}

/// Where recordings come from, by the name of their run's folder.
fn origins(path: Option<&Path>) -> Result<BTreeMap<String, Origin>, Error> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let table = sparkwave_io::csv::read_table(path)?;
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
        Value::Empty => None,
        number => number.as_f64().map(|v| v.to_string()),
    };
    let level = |name: &str, row: usize| table.column(name).and_then(|values| text(&values[row]));
    let runs = column(&table, "run", path)?;
    let named = runs.iter().enumerate().filter_map(|(row, run)| Some((text(run)?, row)));
    let origin = |row| Origin {
        animal: level("animal", row),
        coverslip: level("coverslip", row),
        neuron: level("neuron", row),
        ..Origin::default()
    };
    Ok(named.map(|(run, row)| (run, origin(row))).collect())
}

fn refuse_duplicates(runs: &[Run]) -> Result<(), Error> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for run in runs {
        let digest = run.origin.sha256.as_deref().unwrap_or_default();
        if let Some(other) = seen.insert(digest, &run.folder) {
            let found = format!("{} and {} of the same pixels", other.display(), run.folder.display());
            return Err(Error::Parameter { name: "run", expected: "recordings that differ", found });
        }
    }
    Ok(())
}

/// SHA-256 of the extent and the pixels of a movie, the same whatever file they are in.
fn content(source: &dyn FrameSource, progress: &dyn Progress) -> Result<String, Error> {
    const FRAMES: usize = 32;
    let MovieShape { n_frames, height, width } = source.shape();
    let mut digest = Sha256::new();
    for n in [n_frames, height, width] {
        digest.update((n as u64).to_le_bytes());
    }
    for start in (0..n_frames).step_by(FRAMES) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let block = source.read(Span::new(start, (start + FRAMES).min(n_frames)), Span::new(0, height))?.to_f32();
        let bytes: Vec<u8> = block.iter().flat_map(|v| v.to_le_bytes()).collect();
        digest.update(&bytes);
    }
    Ok(hex(&digest.finalize()))
}

/// Labels of which only some events count.
struct Accepted<'a> {
    labels: &'a dyn FrameSource,
    ids: &'a BTreeSet<u32>,
}

impl Accepted<'_> {
    /// The box of each event.
    fn boxes(&self, progress: &dyn Progress) -> Result<Vec<EventRow>, Error> {
        let MovieShape { n_frames, height, .. } = self.shape();
        let mut boxes = BTreeMap::new();
        for t in 0..n_frames {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let frame = self.read(Span::new(t, t + 1), Span::new(0, height))?.to_f32();
            for ((_, y, x), &id) in frame.indexed_iter().filter(|(_, id)| **id > 0.0) {
                super::grow_box(&mut boxes, id as u32, [t, y, x]);
            }
        }
        Ok(boxes.into_values().collect())
    }
}

impl FrameSource for Accepted<'_> {
    fn shape(&self) -> MovieShape {
        self.labels.shape()
    }

    fn pixel_type(&self) -> sparkwave_core::movie::PixelType {
        self.labels.pixel_type()
    }

    fn recording(&self) -> &Recording {
        self.labels.recording()
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        let keep = |id: u32| if self.ids.contains(&id) { id } else { 0 };
        Ok(match self.labels.read(frames, rows)? {
            Pixels::U8(a) => Pixels::U8(a.mapv(|id| keep(u32::from(id)) as u8)),
            Pixels::U16(a) => Pixels::U16(a.mapv(|id| keep(u32::from(id)) as u16)),
            other => Pixels::F32(other.to_f32().mapv(|id| keep(id as u32) as f32)),
        })
    }
}
