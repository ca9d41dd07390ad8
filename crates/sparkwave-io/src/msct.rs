//! The HDF5 layout of the mSCT training files.
//!
//! ```text
//! /<fold>/<stream>/input    float32 [T, Y, X]   the normalised movie
//! /<fold>/<stream>/label    uint16  [T, Y, X]   0 = background
//! /<fold>/<stream>/events   int64   [M, 7]      id, t0, t1, y0, y1, x0, x1
//! ```
//!
//! Ours add what other readers pass over: `/<fold>/<stream>/foreground`, uint8 `[1, Y, X]`, 1 where unlabeled crops may be
//! centred; `/<fold>/<stream>/peak_dff_permille`, int64 `[M, 1]`, the largest dF/F0 of each event in thousandths where it is
//! known; and on `input` the attributes of [`Origin`].
//!
//! `<fold>` is `train` or `valid` in the published file, `<stream>` a decimal number, one recording each.

use crate::atomic::AtomicPath;
use crate::error::Error;
use crate::hdf5::adapter::{File, NewFile};
use crate::hdf5::write::FrameWriter;
use crate::limits::{CONVERT_BLOCK_BYTES, MAX_TABLE_BYTES, checked_bytes};
use crate::stored::Stored;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::{Cancelled, Progress};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::FrameSource;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The data set of amplitudes.
const PEAK_DFF: &str = "peak_dff_permille";

/// One row of `events`: an event's id and the smallest and largest index of its voxels along each axis, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Identifier within the stream.
    pub id: i64,
    /// First frame.
    pub t0: i64,
    /// Last frame of the box.
    pub t1: i64,
    /// First row.
    pub y0: i64,
    /// Last row of the box.
    pub y1: i64,
    /// First column.
    pub x0: i64,
    /// Last column of the box.
    pub x1: i64,
}

impl EventRow {
    fn from_slice(row: &[i64]) -> Option<Self> {
        match *row {
            [id, t0, t1, y0, y1, x0, x1] => Some(Self { id, t0, t1, y0, y1, x0, x1 }),
            _ => None,
        }
    }

    fn to_array(self) -> [i64; 7] {
        let Self { id, t0, t1, y0, y1, x0, x1 } = self;
        [id, t0, t1, y0, y1, x0, x1]
    }

    /// The middle of the box `[t, y, x]`: the mean of its ends, halves rounded towards zero, as the published code has
    /// it.
    pub fn center(self) -> [i64; 3] {
        // Halves are added apart so that hostile ends cannot overflow.
        let middle = |a: i64, b: i64| (i128::midpoint(i128::from(a), i128::from(b))) as i64;
        [middle(self.t0, self.t1), middle(self.y0, self.y1), middle(self.x0, self.x1)]
    }
}

/// Where a stream comes from; unknown is `None`. Written as attributes of `input` under the names of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The animal.
    pub animal: Option<String>,
    /// The coverslip or slice.
    pub coverslip: Option<String>,
    /// The neuron.
    pub neuron: Option<String>,
    /// How the movie was normalised.
    pub normalisation: Option<String>,
    /// SHA-256 of the recording from which the stream was made, in hexadecimal.
    pub sha256: Option<String>,
}

impl Origin {
    fn attributes(&self) -> [(&'static str, &Option<String>); 5] {
        let Self { animal, coverslip, neuron, normalisation, sha256 } = self;
        [
            ("animal", animal),
            ("coverslip", coverslip),
            ("neuron", neuron),
            ("normalisation", normalisation),
            ("sha256", sha256),
        ]
    }
}

/// A stream to be added to a training file.
#[derive(Clone, Copy)]
pub struct NewStream<'a> {
    /// `train`, `valid` or another name.
    pub fold: &'a str,
    /// Name of the stream.
    pub stream: &'a str,
    /// The normalised movie, written as float32.
    pub input: &'a dyn FrameSource,
    /// Labels of the same shape, written as uint16.
    pub label: &'a dyn FrameSource,
    /// The known events.
    pub events: &'a [EventRow],
    /// Largest dF/F0 of each event, in their order, if that is known.
    pub peak_dff: Option<&'a [f64]>,
    /// A movie of one frame, not 0 where unlabeled crops may be centred.
    pub foreground: Option<&'a dyn FrameSource>,
    /// Where it comes from.
    pub origin: &'a Origin,
}

/// A stream of a training file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// `train`, `valid` or another group at the top.
    pub fold: String,
    /// Name of the stream, a decimal number in the published file.
    pub stream: String,
    /// Extent of `input`.
    pub shape: MovieShape,
    /// Rows of `events`.
    pub n_events: usize,
    /// Whether `foreground` is there.
    pub has_foreground: bool,
    /// Where it comes from.
    pub origin: Origin,
}

/// Lists the streams by fold, and by number within a fold.
///
/// # Errors
/// If the file is no HDF5 file or holds no stream of the layout.
pub fn list(path: &Path) -> Result<Vec<StreamInfo>, Error> {
    let file = File::open(path)?;
    let names = file.dataset_names()?;
    let mut streams: BTreeMap<(String, bool, u64, String), StreamInfo> = BTreeMap::new();
    for name in &names {
        let parts: Vec<&str> = name.split('/').collect();
        let [fold, stream, "input"] = parts[..] else { continue };
        let &[n_frames, height, width] = file.dataset(name)?.shape.as_slice() else { continue };
        let events = format!("{fold}/{stream}/events");
        let n_events = if names.contains(&events) { file.dataset(&events)?.shape.first().copied() } else { None };
        let extent = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let info = StreamInfo {
            fold: fold.into(),
            stream: stream.into(),
            shape: MovieShape { n_frames: extent(n_frames), height: extent(height), width: extent(width) },
            n_events: extent(n_events.unwrap_or(0)),
            has_foreground: names.contains(&format!("{fold}/{stream}/foreground")),
            origin: Origin {
                animal: file.text(name, "animal"),
                coverslip: file.text(name, "coverslip"),
                neuron: file.text(name, "neuron"),
                normalisation: file.text(name, "normalisation"),
                sha256: file.text(name, "sha256"),
            },
        };
        // Numbers come first and in their order.
        let number = stream.parse::<u64>();
        streams.insert((fold.into(), number.is_err(), number.unwrap_or(0), stream.into()), info);
    }
    if streams.is_empty() {
        let found = if names.is_empty() { "no data sets".into() } else { format!("{} data sets", names.len()) };
        return Err(Error::unsupported("open", path, "data sets <fold>/<stream>/input", found));
    }
    Ok(streams.into_values().collect())
}

/// Opens the normalised movie of a stream.
///
/// # Errors
/// If there is no such stream or it is damaged.
pub fn open_input(path: &Path, fold: &str, stream: &str) -> Result<Box<dyn FrameSource>, Error> {
    open_part(path, fold, stream, "input")
}

/// Opens the label movie of a stream.
///
/// # Errors
/// If there is no such stream or it is damaged.
pub fn open_label(path: &Path, fold: &str, stream: &str) -> Result<Box<dyn FrameSource>, Error> {
    open_part(path, fold, stream, "label")
}

/// Opens the foreground of a stream: one frame, not 0 where unlabeled crops may be centred.
///
/// # Errors
/// If there is no such data set ([`StreamInfo::has_foreground`]) or it is damaged.
pub fn open_foreground(path: &Path, fold: &str, stream: &str) -> Result<Box<dyn FrameSource>, Error> {
    open_part(path, fold, stream, "foreground")
}

fn open_part(path: &Path, fold: &str, stream: &str, part: &str) -> Result<Box<dyn FrameSource>, Error> {
    let file = File::open(path)?;
    let dataset = file.dataset(&format!("{fold}/{stream}/{part}"))?;
    let recording = Recording { id: format!("{fold}/{stream}"), ..Recording::default() };
    crate::hdf5::open_dataset(file, dataset, recording).map(|opened| opened.source)
}

/// Reads the events of a stream, in the order of the file.
///
/// # Errors
/// If there is no such data set, or it is not a table of seven whole numbers a row.
pub fn read_events(path: &Path, fold: &str, stream: &str) -> Result<Vec<EventRow>, Error> {
    let rows = read_whole(path, &format!("{fold}/{stream}/events"), 7)?;
    Ok(rows.chunks_exact(7).filter_map(EventRow::from_slice).collect())
}

/// Reads the largest dF/F0 of each event of a stream, in the order of [`read_events`]; `None` if the file does not tell.
///
/// # Errors
/// If the data set is damaged.
pub fn read_peak_dff(path: &Path, fold: &str, stream: &str) -> Result<Option<Vec<f64>>, Error> {
    let name = format!("{fold}/{stream}/{PEAK_DFF}");
    if !File::open(path)?.dataset_names()?.contains(&name) {
        return Ok(None);
    }
    Ok(Some(read_whole(path, &name, 1)?.into_iter().map(|v| v as f64 / 1000.0).collect()))
}

/// A table of whole numbers of `n_columns` columns, row by row.
fn read_whole(path: &Path, name: &str, n_columns: u64) -> Result<Vec<i64>, Error> {
    let file = File::open(path)?;
    let dataset = file.dataset(name)?;
    let bad =
        |found: String| Error::malformed("read", path, format!("{name} of {n_columns} whole numbers a row"), found);
    let (&[n, columns], Some(stored)) = (dataset.shape.as_slice(), dataset.stored) else {
        // An empty list comes out of NumPy with one dimension.
        if dataset.shape.contains(&0) {
            return Ok(Vec::new());
        }
        return Err(bad(format!("extents {:?}", dataset.shape)));
    };
    if columns != n_columns {
        return Err(bad(format!("extents {:?}", dataset.shape)));
    }
    if checked_bytes(&[n, n_columns], 8, MAX_TABLE_BYTES).is_none() {
        return Err(Error::limit(
            "read",
            path,
            format!("at most {MAX_TABLE_BYTES} bytes of events"),
            format!("{n} rows"),
        ));
    }
    if n == 0 {
        return Ok(Vec::new());
    }
    let not_whole = |v: f64| bad(format!("the value {v}"));
    let whole = |v: f64| if v.fract() == 0.0 && v.abs() < 9e15 { Ok(v as i64) } else { Err(not_whole(v)) };
    Ok(match file.read(name, stored, &[0, 0], &[n as usize, n_columns as usize])? {
        Stored::U8(v) => v.into_iter().map(i64::from).collect(),
        Stored::I8(v) => v.into_iter().map(i64::from).collect(),
        Stored::U16(v) | Stored::OffsetI16(v) => v.into_iter().map(i64::from).collect(),
        Stored::I16(v) => v.into_iter().map(i64::from).collect(),
        Stored::U32(v) => v.into_iter().map(i64::from).collect(),
        Stored::I32(v) => v.into_iter().map(i64::from).collect(),
        Stored::I64(v) => v,
        Stored::U64(v) => v
            .into_iter()
            .map(|u| i64::try_from(u).map_err(|_| bad(format!("the value {u}"))))
            .collect::<Result<_, _>>()?,
        Stored::F32(v) => v.into_iter().map(|x| whole(f64::from(x))).collect::<Result<_, _>>()?,
        Stored::F64(v) => v.into_iter().map(whole).collect::<Result<_, _>>()?,
        Stored::F16(_) => return Err(bad("half-precision floats".into())),
    })
}

/// A training file under construction; it appears when [`DatasetWriter::finish`] returns.
pub struct DatasetWriter {
    place: AtomicPath,
    file: NewFile,
    path: PathBuf,
}

impl DatasetWriter {
    /// Starts a file; a name that is taken is refused unless `overwrite` is set.
    ///
    /// # Errors
    /// If the name is taken or the folder cannot be written to.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, Error> {
        if path.exists() && !overwrite {
            return Err(Error::refused("create", path, "a name that is free", "a file of that name"));
        }
        let place = AtomicPath::create(path)?;
        let file = NewFile::create(place.temporary(), path)?;
        Ok(Self { place, file, path: path.to_path_buf() })
    }

    /// Adds a stream. Pixels are copied piece by piece; progress counts frames of both movies.
    ///
    /// # Errors
    /// If the shapes differ, a label is no whole number below 65536, a source fails, the disk is full, the names hold a
    /// slash or are taken, or the user cancels.
    pub fn add_stream(&mut self, new: &NewStream<'_>, progress: &dyn Progress) -> Result<(), Error> {
        let NewStream { fold, stream, input, label, events, peak_dff, foreground, origin } = *new;
        let refused = |expected: String, found: String| Err(Error::refused("write", &self.path, expected, found));
        if [fold, stream].iter().any(|name| name.is_empty() || name.contains('/') || *name == "." || *name == "..") {
            return refused("names of one fold and one stream".into(), format!("{fold:?} and {stream:?}"));
        }
        let shape = input.shape();
        if shape != label.shape() {
            return refused(format!("labels of {shape:?}"), format!("{:?}", label.shape()));
        }
        let one_frame = MovieShape { n_frames: 1, ..shape };
        if let Some(found) = foreground.map(FrameSource::shape).filter(|found| *found != one_frame) {
            return refused(format!("a foreground of {one_frame:?}"), format!("{found:?}"));
        }
        let group = format!("{fold}/{stream}");
        let path = self.path.clone();
        progress.begin("write stream", 2 * shape.n_frames as u64);
        let as_floats = |block: Pixels| Ok(Pixels::F32(block.to_f32()));
        self.copy(&format!("{group}/input"), input, PixelType::F32, origin, progress, as_floats)?;
        let unknown = Origin::default();
        self.copy(&format!("{group}/label"), label, PixelType::U16, &unknown, progress, |block| {
            to_u16(block).map_err(|v| Error::refused("write", &path, "labels from 0 to 65535", v))
        })?;
        if let Some(foreground) = foreground {
            let as_mask = |block: Pixels| Ok(Pixels::U8(block.to_f32().mapv(|v| u8::from(v != 0.0))));
            self.copy(&format!("{group}/foreground"), foreground, PixelType::U8, &unknown, progress, as_mask)?;
        }
        let rows: Vec<i64> = events.iter().flat_map(|event| event.to_array()).collect();
        if let Some(peak_dff) = peak_dff {
            if peak_dff.len() != events.len() {
                return Err(Error::refused("write", &self.path, "a dF/F0 for each event", peak_dff.len().to_string()));
            }
            let permille: Vec<i64> = peak_dff.iter().map(|v| (1000.0 * v).round() as i64).collect();
            self.file.integers(&format!("{group}/{PEAK_DFF}"), &permille, 1)?;
        }
        self.file.integers(&format!("{group}/events"), &rows, 7)
    }

    fn copy(
        &mut self,
        name: &str,
        source: &dyn FrameSource,
        pixel_type: PixelType,
        origin: &Origin,
        progress: &dyn Progress,
        convert: impl Fn(Pixels) -> Result<Pixels, Error>,
    ) -> Result<(), Error> {
        let shape = source.shape();
        let mut frames = FrameWriter::create(&mut self.file, name, shape, pixel_type, true)?;
        for (key, text) in origin.attributes() {
            if let Some(text) = text {
                frames.dataset.set_text(key, text)?;
            }
        }
        let step = (CONVERT_BLOCK_BYTES / (4 * shape.frame_len()).max(1)).max(1);
        for start in (0..shape.n_frames).step_by(step) {
            if progress.is_cancelled() {
                return Err(Cancelled.into());
            }
            let span = Span::new(start, (start + step).min(shape.n_frames));
            frames.append(&convert(source.read(span, Span::new(0, shape.height))?)?)?;
            progress.advance(span.len() as u64);
        }
        frames.finish()
    }

    /// Flushes the file to the disk and gives it its name.
    ///
    /// # Errors
    /// If the disk is full; nothing is left behind then.
    pub fn finish(self) -> Result<(), Error> {
        self.file.close()?;
        self.place.finish()
    }
}

/// The value that is no label, as text, on failure.
fn to_u16(block: Pixels) -> Result<Pixels, String> {
    match block {
        Pixels::U16(a) => Ok(Pixels::U16(a)),
        other => {
            let values = other.to_f32();
            let label = |v: f32| (0.0..65_536.0).contains(&v) && v.fract() == 0.0;
            match values.iter().find(|&&v| !label(v)) {
                Some(v) => Err(v.to_string()),
                None => Ok(Pixels::U16(values.mapv(|v| v as u16))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::source::InMemory;

    fn memory(pixels: Pixels) -> InMemory {
        InMemory::new(Recording::default(), pixels)
    }

    #[test]
    fn streams_come_back_in_numerical_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.h5");
        let input = Array3::from_shape_fn((5, 6, 7), |(t, y, x)| (t * 42 + y * 7 + x) as f32 / 3.0);
        let label = input.mapv(|v| (v as u32) % 3);
        let event = EventRow { id: 7, t0: 1, t1: 4, y0: 0, y1: 3, x0: 2, x1: 6 };
        let (a, b) = (memory(Pixels::F32(input.clone())), memory(Pixels::U32(label.clone())));
        let foreground = memory(Pixels::U8(Array3::from_shape_fn((1, 6, 7), |(_, y, _)| u8::from(y > 2))));
        let origin = Origin { neuron: Some("n 1".into()), sha256: Some("ab".into()), ..Origin::default() };
        let add = |writer: &mut DatasetWriter, fold, stream, events: &[EventRow], progress: &dyn Progress| {
            let foreground = (fold == "train").then_some(&foreground as &dyn FrameSource);
            let peak_dff = (fold == "train").then_some(&[1.25][..]);
            let new = NewStream { fold, stream, input: &a, label: &b, events, peak_dff, foreground, origin: &origin };
            writer.add_stream(&new, progress)
        };
        let mut writer = DatasetWriter::create(&path, false).unwrap();
        for stream in ["10", "9"] {
            add(&mut writer, "train", stream, &[event], &Silent).unwrap();
        }
        add(&mut writer, "valid", "3", &[], &Silent).unwrap();
        assert!(!path.exists());
        writer.finish().unwrap();

        let listed = list(&path).unwrap();
        let names: Vec<_> = listed.iter().map(|s| (s.fold.as_str(), s.stream.as_str(), s.n_events)).collect();
        assert_eq!(names, [("train", "9", 1), ("train", "10", 1), ("valid", "3", 0)]);
        assert!(listed.iter().all(|s| s.origin == origin && s.has_foreground == (s.fold == "train")));
        let read = open_foreground(&path, "train", "9").unwrap().read(Span::new(0, 1), Span::new(2, 4)).unwrap();
        assert_eq!(read.to_f32().sum(), 7.0);
        assert_eq!(read_events(&path, "train", "9").unwrap(), [event]);
        assert_eq!(read_events(&path, "valid", "3").unwrap(), []);
        assert_eq!(read_peak_dff(&path, "train", "9").unwrap(), Some(vec![1.25]));
        assert_eq!(read_peak_dff(&path, "valid", "3").unwrap(), None);
        assert_eq!(event.center(), [2, 1, 4]);
        let all = (Span::new(0, 5), Span::new(0, 6));
        let source = open_input(&path, "train", "10").unwrap();
        assert_eq!(source.read(all.0, all.1).unwrap(), Pixels::F32(input));
        let source = open_label(&path, "train", "10").unwrap();
        assert_eq!(source.read(all.0, all.1).unwrap(), Pixels::U16(label.mapv(|v| v as u16)));
        assert!(open_label(&path, "test", "1").is_err());
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.h5");
        let mut writer = DatasetWriter::create(&path, false).unwrap();
        let input = memory(Pixels::F32(Array3::zeros((1, 2, 2))));
        let label = memory(Pixels::U32(Array3::from_elem((1, 2, 2), 65_536)));
        let origin = Origin::default();
        let (input, label) = (&input, &label);
        let new = NewStream {
            fold: "train",
            stream: "1",
            input,
            label,
            events: &[],
            peak_dff: None,
            foreground: None,
            origin: &origin,
        };
        let error = writer.add_stream(&new, &Silent).unwrap_err().to_string();
        assert!(error.contains("65536"), "{error}");
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a dropped writer leaves nothing");
    }
}
