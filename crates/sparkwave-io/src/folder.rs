//! A folder of single frames, TIFF or PNG, in natural order of their names.

mod names;
mod times;
pub(crate) mod write;

use crate::error::Error;
use crate::limits::{MAX_FRAMES, MAX_MOVIE_BYTES};
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use crate::stored::{Stored, StoredType};
use crate::{bytes, png, tiff};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, SourceError, check_spans};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use names::natural_order;

struct FolderSource {
    folder: PathBuf,
    frames: Vec<OsString>,
    shape: MovieShape,
    pixel_type: PixelType,
    recording: Recording,
    /// One for each read that was at work at the same time.
    spare: Mutex<Vec<tiff::single::Memory>>,
}

/// Opens a folder as a movie: one image a frame.
///
/// All images must have the shape and type of the first; that is checked when they are read, since looking into half a
/// million files would take minutes. Hidden files are passed over, other files named in a warning. Where the times of the
/// frames come from is told in [`times`].
pub(crate) fn open(location: &Location, mut recording: Recording) -> Result<Opened, Error> {
    AxisChoice::of(location)?;
    let folder = &location.path;
    let mut frames = list(folder, &mut recording)?;
    let first = open_frame(&folder.join(&frames[0]))?;
    let (frame_shape, pixel_type) = (first.source.shape(), first.source.pixel_type());
    inherit(&mut recording, first.source.recording());
    times::resolve(folder, &mut frames, &mut recording);
    let shape = MovieShape { n_frames: frames.len(), ..frame_shape };
    let bytes = (shape.frame_len() as u64 * pixel_type.n_bytes() as u64).checked_mul(frames.len() as u64);
    if bytes.is_none_or(|bytes| bytes > MAX_MOVIE_BYTES) {
        return Err(Error::limit("open", folder, format!("at most {MAX_MOVIE_BYTES} bytes"), "more"));
    }
    Ok(Opened {
        format: format!("folder of {} frames", if first.format == "PNG" { "PNG" } else { "TIFF" }),
        axes: "TYX".into(),
        stored_type: first.stored_type,
        compression: first.compression,
        source: Box::new(FolderSource {
            folder: folder.clone(),
            frames,
            shape,
            pixel_type,
            recording,
            spare: Mutex::default(),
        }),
    })
}

/// The names of the images in a folder, in natural order; others are named in a warning.
fn list(folder: &Path, recording: &mut Recording) -> Result<Vec<OsString>, Error> {
    let mut frames = Vec::new();
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io("open", folder, e))? {
        let entry = entry.map_err(|e| Error::io("open", folder, e))?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with('.') || text.eq_ignore_ascii_case("thumbs.db") {
            continue;
        }
        // The kind of an entry comes with the listing: no call for each of half a million files. Only links need one.
        let kind = entry.file_type().map_err(|e| Error::io("open", entry.path(), e))?;
        if is_image(Path::new(&name)) && (kind.is_file() || (kind.is_symlink() && !entry.path().is_dir())) {
            frames.push(name);
        } else {
            others.push(text.into_owned());
        }
        if frames.len() as u64 > MAX_FRAMES {
            return Err(Error::limit("open", folder, format!("at most {MAX_FRAMES} frames"), "more"));
        }
    }
    if frames.is_empty() {
        others.sort();
        let list = if others.is_empty() { "nothing".into() } else { shorten(&others) };
        return Err(Error::unsupported("open", folder, "a folder of .tif or .png frames, or an OME-Zarr folder", list));
    }
    frames.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    if !others.is_empty() {
        others.sort();
        recording.warnings.push(format!("{} entries are no images and left out: {}", others.len(), shorten(&others)));
    }
    Ok(frames)
}

/// The names of the frames of a folder of images, without extension, in the order in which [`crate::open()`] gives them.
///
/// # Errors
/// If it cannot be listed, or holds no images.
pub fn frame_names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut recording = Recording::default();
    let mut frames = list(folder, &mut recording)?;
    times::resolve(folder, &mut frames, &mut recording);
    Ok(frames.iter().map(|name| stem_of(Path::new(name))).collect())
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(extension.as_str(), "tif" | "tiff" | "png")
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn shorten(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown}, ...") } else { shown }
}

fn open_frame(path: &Path) -> Result<Opened, Error> {
    let location = Location { path: path.to_path_buf(), part: None };
    let opened = if is_png(path) {
        png::open(&location, Recording::default())?
    } else {
        tiff::open(&location, Recording::default())?
    };
    match opened.source.shape().n_frames {
        1 => Ok(opened),
        n => Err(Error::unsupported("open", path, "one frame in each file of the folder", format!("{n} pages"))),
    }
}

/// The pixel size of the first frame holds for all; a time in a single frame has no meaning.
fn inherit(recording: &mut Recording, first: &Recording) {
    recording.pixel_size = first.pixel_size.clone();
    recording.warnings.extend(first.warnings.iter().cloned());
}

impl FolderSource {
    /// Reads rows of frames into `out`, frame after frame.
    fn fill(&self, frames: Span, rows: Span, out: &mut [u8]) -> Result<(), SourceError> {
        let part = (rows.len() * self.shape.width * self.pixel_type.n_bytes()).max(1);
        let mut memory = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut each = frames.range().zip(out.chunks_exact_mut(part));
        let done = each.try_for_each(|(frame, out)| self.read_frame(frame, rows, out, &mut memory));
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        done
    }

    /// Reads rows of a frame into `out`.
    fn read_frame(
        &self,
        frame: usize,
        rows: Span,
        out: &mut [u8],
        memory: &mut tiff::single::Memory,
    ) -> Result<(), SourceError> {
        let path = self.folder.join(&self.frames[frame]);
        let fail = SourceError::new;
        if !is_png(&path)
            && tiff::single::read_rows(&path, self.shape, self.pixel_type, rows, out, memory).map_err(fail)?
        {
            return Ok(());
        }
        let opened = open_frame(&path).map_err(fail)?;
        let (shape, pixel_type) = (opened.source.shape(), opened.source.pixel_type());
        if (shape.height, shape.width) != (self.shape.height, self.shape.width) || pixel_type != self.pixel_type {
            let describe = |s: MovieShape, t: PixelType| format!("{} x {} {} pixels", s.height, s.width, t.name());
            let expected = format!("frame {frame} like the first, {}", describe(self.shape, self.pixel_type));
            return Err(fail(Error::unsupported("read", path, expected, describe(shape, pixel_type))));
        }
        let pixels = opened.source.read(Span::new(0, 1), rows)?;
        bytes::with_ne_bytes(&pixels, |bytes| out.copy_from_slice(bytes));
        Ok(())
    }
}

/// The stored type that is given as it is.
fn plain(pixel_type: PixelType) -> StoredType {
    match pixel_type {
        PixelType::U8 => StoredType::U8,
        PixelType::U16 => StoredType::U16,
        PixelType::I16 => StoredType::I16,
        PixelType::U32 => StoredType::U32,
        PixelType::F32 => StoredType::F32,
    }
}

impl FrameSource for FolderSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        self.shape
    }

    fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.shape, frames, rows)?;
        let shape = MovieShape { n_frames: frames.len(), height: rows.len(), width: self.shape.width };
        let mut stored = Stored::zeros(plain(self.pixel_type), shape.n_frames * shape.frame_len());
        self.fill(frames, rows, stored.bytes_mut())?;
        stored.into_pixels(shape).map_err(SourceError::new)
    }

    fn read_into(&self, frames: Span, rows: Span, block: &mut Pixels) -> Result<(), SourceError> {
        check_spans(self.shape, frames, rows)?;
        let shape = MovieShape { n_frames: frames.len(), height: rows.len(), width: self.shape.width };
        if let Some(bytes) = bytes::overwrite(block, shape, self.pixel_type) {
            return self.fill(frames, rows, bytes);
        }
        *block = self.read(frames, rows)?;
        Ok(())
    }
}
