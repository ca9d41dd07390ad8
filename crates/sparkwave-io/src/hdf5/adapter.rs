//! The one place that knows the HDF5 library (`rust-hdf5`).
//!
//! The library is young and reads untrusted bytes. Every call into it goes through [`guarded`], which turns an error or a
//! panic into a sentence; sizes are checked before a read is asked for.

use crate::error::Error;
use crate::stored::{Stored, StoredType};
use rust_hdf5::format::messages::datatype::DatatypeMessage;
use rust_hdf5::{H5Dataset, H5File, H5Group, Hdf5Error};
use sparkwave_core::movie::PixelType;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Calls the library; an error or a panic in it becomes a sentence.
///
/// A handle that was in use during a panic is dropped by the callers, so that no broken state is seen again.
fn guarded<R>(call: impl FnOnce() -> Result<R, Hdf5Error>) -> Result<R, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("data on which the HDF5 library panics".into()),
    }
}

/// A file open for reading, from several threads at once: each borrows a handle of its own, because a handle of the
/// library is locked while it decodes.
pub(crate) struct File {
    path: PathBuf,
    handles: Mutex<Vec<H5File>>,
}

/// What a data set is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dataset {
    /// Path inside the file, without a leading slash.
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    /// `None` if the elements are no plain numbers.
    pub(crate) stored: Option<StoredType>,
    /// Extents of a chunk, if it is chunked.
    pub(crate) chunk: Option<Vec<u64>>,
    /// True if a filter such as deflate is in use.
    pub(crate) filtered: bool,
}

impl File {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = Self { path: path.to_path_buf(), handles: Mutex::new(Vec::new()) };
        let handle = file.new_handle()?;
        file.put_back(handle);
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn new_handle(&self) -> Result<H5File, Error> {
        // No lock: files on read-only media and network drives have none to give, and nothing is written here.
        guarded(|| H5File::options().no_locking().open(&self.path))
            .map_err(|e| Error::malformed("open", &self.path, "an HDF5 file", e))
    }

    fn put_back(&self, handle: H5File) {
        if let Ok(mut handles) = self.handles.lock() {
            handles.push(handle);
        }
    }

    /// Calls the library with a handle that no other thread uses; the handle is kept if the call does not panic.
    fn with<R>(
        &self,
        expected: impl FnOnce() -> String,
        call: impl FnOnce(&H5File) -> Result<R, Hdf5Error>,
    ) -> Result<R, Error> {
        let pooled = self.handles.lock().ok().and_then(|mut handles| handles.pop());
        let handle = pooled.map_or_else(|| self.new_handle(), Ok)?;
        let result = guarded(|| call(&handle)).map_err(|e| Error::malformed("read", &self.path, expected(), e));
        if result.is_ok() {
            self.put_back(handle);
        }
        result
    }

    /// Paths of all data sets, sorted.
    pub(crate) fn dataset_names(&self) -> Result<Vec<String>, Error> {
        let mut names = self.with(|| "data sets".into(), |file| Ok(file.dataset_names()))?;
        names.iter_mut().for_each(|name| *name = name.trim_start_matches('/').to_string());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Describes one data set.
    pub(crate) fn dataset(&self, name: &str) -> Result<Dataset, Error> {
        let expected = || format!("the data set {name}");
        self.with(expected, |file| {
            let dataset = file.dataset(name)?;
            Ok(Dataset {
                name: name.trim_start_matches('/').to_string(),
                shape: dataset.shape().into_iter().map(|n| n as u64).collect(),
                stored: stored_type(&dataset.datatype()?),
                chunk: dataset.chunk_dims().map(|dims| dims.into_iter().map(|n| n as u64).collect()),
                filtered: !dataset.filters()?.is_empty(),
            })
        })
    }

    /// Numbers of an attribute of a data set; `None` if there is none or it is not numeric.
    pub(crate) fn numbers(&self, dataset: &str, attribute: &str) -> Option<Vec<f64>> {
        let read = |file: &H5File| {
            let attribute = file.dataset(dataset)?.attr(attribute)?;
            // The library converts within integers and within floats, not between them.
            attribute
                .read_numeric_as::<f64>()
                .or_else(|_| attribute.read_numeric_as::<i64>().map(|v| v.into_iter().map(|n| n as f64).collect()))
        };
        self.with(String::new, |file| Ok(read(file).ok())).ok().flatten()
    }

    /// Text of an attribute of a data set.
    pub(crate) fn text(&self, dataset: &str, attribute: &str) -> Option<String> {
        let read = |file: &H5File| file.dataset(dataset)?.attr(attribute)?.read_string();
        self.with(String::new, |file| Ok(read(file).ok())).ok().flatten()
    }

    /// Names of the attributes of a group, `""` being the file's own; none if there is no such group.
    pub(crate) fn group_attributes(&self, group: &str) -> Vec<String> {
        let read = |file: &H5File| group_of(file, group)?.attr_names();
        self.with(String::new, |file| Ok(read(file).unwrap_or_default())).unwrap_or_default()
    }

    /// Text of an attribute of a group. Of several texts the library gives no more than the first.
    pub(crate) fn group_text(&self, group: &str, attribute: &str) -> Option<String> {
        let read = |file: &H5File| group_of(file, group)?.attr_string(attribute);
        self.with(String::new, |file| Ok(read(file).ok())).ok().flatten()
    }

    /// Reads the box that starts at `starts` and has the extents `counts`, in native byte order. The caller has checked
    /// that the box lies in the data set and is not too large.
    pub(crate) fn read(
        &self,
        name: &str,
        stored: StoredType,
        starts: &[usize],
        counts: &[usize],
    ) -> Result<Stored, Error> {
        let mut out = Stored::zeros(stored, counts.iter().product());
        self.with(
            || format!("the box at {starts:?} of extents {counts:?} of data set {name}"),
            |file| {
                let dataset = file.dataset(name)?;
                macro_rules! fill {
                    ($values:expr) => {
                        // Of a single number, the library takes no box.
                        if starts.is_empty() {
                            dataset.read_raw_into($values)
                        } else {
                            dataset.read_slice_into($values, starts, counts)
                        }
                    };
                }
                match &mut out {
                    Stored::U8(v) => fill!(v),
                    Stored::I8(v) => fill!(v),
                    Stored::U16(v) | Stored::OffsetI16(v) | Stored::F16(v) => fill!(v),
                    Stored::I16(v) => fill!(v),
                    Stored::U32(v) => fill!(v),
                    Stored::I32(v) => fill!(v),
                    Stored::U64(v) => fill!(v),
                    Stored::I64(v) => fill!(v),
                    Stored::F32(v) => fill!(v),
                    Stored::F64(v) => fill!(v),
                }
            },
        )?;
        Ok(out)
    }
}

/// A group of a file that is read; `""` is its root.
fn group_of(file: &H5File, path: &str) -> Result<H5Group, Hdf5Error> {
    if path.is_empty() { Ok(file.root_group()) } else { file.root_group().group(path) }
}

/// The number type, if the elements are whole bytes of an ordinary integer or IEEE float.
fn stored_type(datatype: &DatatypeMessage) -> Option<StoredType> {
    match datatype {
        DatatypeMessage::FixedPoint { size, signed, bit_offset: 0, bit_precision, .. }
            if u64::from(*bit_precision) == 8 * u64::from(*size) =>
        {
            match (size, signed) {
                (1, false) => Some(StoredType::U8),
                (1, true) => Some(StoredType::I8),
                (2, false) => Some(StoredType::U16),
                (2, true) => Some(StoredType::I16),
                (4, false) => Some(StoredType::U32),
                (4, true) => Some(StoredType::I32),
                (8, false) => Some(StoredType::U64),
                (8, true) => Some(StoredType::I64),
                _ => None,
            }
        }
        DatatypeMessage::FloatingPoint { size, exponent_size, mantissa_size, .. } => {
            match (size, exponent_size, mantissa_size) {
                (2, 5, 10) => Some(StoredType::F16),
                (4, 8, 23) => Some(StoredType::F32),
                (8, 11, 52) => Some(StoredType::F64),
                _ => None,
            }
        }
        _ => None,
    }
}

/// How a data set is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One run of plain values.
    Contiguous,
    /// Chunks of this many frames, shuffled and packed by deflate.
    Deflate { frames: usize },
}

/// A file under construction, at a path that the caller renames.
pub(crate) struct NewFile {
    /// `None` once the file is closed.
    file: Option<H5File>,
    path: PathBuf,
    /// Groups that exist; a file being written cannot be asked.
    groups: BTreeSet<String>,
}

/// A data set under construction.
pub(crate) struct NewDataset {
    dataset: H5Dataset,
    path: PathBuf,
}

/// Deflate level 4: within some percent of level 6 on images, at twice the speed.
const DEFLATE_LEVEL: u32 = 4;

impl NewFile {
    /// Creates the file at `temporary`; errors name `path`.
    pub(crate) fn create(temporary: &Path, path: &Path) -> Result<Self, Error> {
        // Times of creation would make the bytes differ from run to run.
        guarded(|| H5File::options().no_locking().track_times(false).create(temporary))
            .map(|file| Self { file: Some(file), path: path.to_path_buf(), groups: BTreeSet::new() })
            .map_err(|e| Error::refused("create", path, "an HDF5 file", e))
    }

    /// Creates a data set `[T, Y, X]`, and the groups above it.
    pub(crate) fn dataset(
        &mut self,
        name: &str,
        shape: &[usize],
        pixel_type: PixelType,
        layout: Layout,
    ) -> Result<NewDataset, Error> {
        let result = guarded(|| {
            let (group, leaf) = self.group_of(name)?;
            macro_rules! build {
                ($type:ty) => {{
                    let builder = group.new_dataset::<$type>().shape(shape);
                    match layout {
                        Layout::Contiguous => builder.create(leaf),
                        Layout::Deflate { frames } => {
                            let mut chunk = shape.to_vec();
                            chunk[0] = frames;
                            builder.chunk(&chunk).shuffle_deflate(DEFLATE_LEVEL).create(leaf)
                        }
                    }
                }};
            }
            match pixel_type {
                PixelType::U8 => build!(u8),
                PixelType::U16 => build!(u16),
                PixelType::I16 => build!(i16),
                PixelType::U32 => build!(u32),
                PixelType::F32 => build!(f32),
            }
        });
        self.named(name, result)
    }

    /// Writes a whole data set of 64-bit floats.
    pub(crate) fn floats(&mut self, name: &str, values: &[f64]) -> Result<(), Error> {
        let result = guarded(|| {
            let (group, leaf) = self.group_of(name)?;
            let dataset = group.new_dataset::<f64>().shape([values.len()]).create(leaf)?;
            dataset.write_raw(values)?;
            Ok(dataset)
        });
        self.named(name, result).map(|_| ())
    }

    /// Writes a whole data set of 64-bit integers of `n_columns` columns.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64], n_columns: usize) -> Result<(), Error> {
        let result = guarded(|| {
            let (group, leaf) = self.group_of(name)?;
            let shape = [values.len() / n_columns, n_columns];
            let dataset = group.new_dataset::<i64>().shape(shape).create(leaf)?;
            if !values.is_empty() {
                dataset.write_raw(values)?;
            }
            Ok(dataset)
        });
        self.named(name, result).map(|_| ())
    }

    /// The group above a name, created if needed, and the last part of the name.
    fn group_of<'a>(&mut self, name: &'a str) -> Result<(H5Group, &'a str), Hdf5Error> {
        let mut parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
        let leaf = parts.pop().unwrap_or("movie");
        let file = self.file.as_ref().ok_or_else(|| Hdf5Error::InvalidState("the file is closed".into()))?;
        let mut group = file.root_group();
        let mut path = String::new();
        for part in parts {
            path = format!("{path}/{part}");
            group = if self.groups.contains(&path) { group.group(part)? } else { group.create_group(part)? };
            self.groups.insert(path.clone());
        }
        Ok((group, leaf))
    }

    fn named(&self, name: &str, result: Result<H5Dataset, String>) -> Result<NewDataset, Error> {
        result
            .map(|dataset| NewDataset { dataset, path: self.path.clone() })
            .map_err(|e| Error::refused("create", &self.path, format!("the data set {name}"), e))
    }

    /// Completes the file.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        let closed = self.file.take().map_or(Ok(()), |file| guarded(|| file.close()));
        closed.map_err(|e| Error::io("write", &self.path, std::io::Error::other(e)))
    }
}

impl Drop for NewFile {
    /// A file that was not closed belongs to a failed run. The library would print that it could not complete it.
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = guarded(|| file.close());
        }
    }
}

impl NewDataset {
    fn io(&self, result: Result<(), String>) -> Result<(), Error> {
        result.map_err(|e| Error::io("write", &self.path, std::io::Error::other(e)))
    }

    /// Adds an attribute of numbers: a scalar if there is one, else a list.
    pub(crate) fn set_numbers(&self, name: &str, values: &[f64]) -> Result<(), Error> {
        self.io(guarded(|| {
            let builder = self.dataset.new_attr::<f64>();
            match values {
                [one] => builder.shape(()).create(name)?.write_numeric(one),
                several => builder.shape([several.len()]).create(name)?.write_array(several),
            }
        }))
    }

    /// Adds an attribute of text.
    pub(crate) fn set_text(&self, name: &str, text: &str) -> Result<(), Error> {
        self.io(guarded(|| {
            let builder = self.dataset.new_attr::<rust_hdf5::types::VarLenUnicode>();
            builder.shape(()).create(name)?.write_string(text)
        }))
    }

    /// Writes frames from `start` on into a contiguous data set of `frame_shape` rows and columns.
    pub(crate) fn write_frames(&self, start: usize, block: &sparkwave_core::movie::Pixels) -> Result<(), Error> {
        use sparkwave_core::movie::Pixels;
        let shape = block.shape();
        let (starts, counts) = ([start, 0, 0], [shape.n_frames, shape.height, shape.width]);
        macro_rules! put {
            ($array:expr) => {{
                let array = $array.as_standard_layout();
                let values = array.as_slice().expect("an array in standard layout is one slice");
                guarded(|| self.dataset.write_slice(&starts, &counts, values))
            }};
        }
        self.io(match block {
            Pixels::U8(a) => put!(a),
            Pixels::U16(a) => put!(a),
            Pixels::I16(a) => put!(a),
            Pixels::U32(a) => put!(a),
            Pixels::F32(a) => put!(a),
        })
    }

    /// Writes one chunk of a chunked data set, by its number; `bytes` are those of a full chunk, little-endian.
    pub(crate) fn write_chunk(&self, index: usize, bytes: &[u8]) -> Result<(), Error> {
        self.io(guarded(|| self.dataset.write_chunk(index, bytes)))
    }
}
