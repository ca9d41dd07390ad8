//! A folder of single frames, TIFF or PNG, in natural order of their names.

mod names;
pub(crate) mod write;

use crate::calibration;
use crate::error::Error;
use crate::limits::{MAX_FRAMES, MAX_MOVIE_BYTES};
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use crate::{png, tiff};
use names::{natural_order, stamps_of_names};
use ndarray::{ArrayViewMut3, s};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, SourceError, check_spans};
use std::path::{Path, PathBuf};

struct FolderSource {
    frames: Vec<PathBuf>,
    shape: MovieShape,
    pixel_type: PixelType,
    recording: Recording,
}

/// Opens a folder as a movie: one image a frame.
///
/// All images must have the shape and type of the first; that is checked when they are read, since looking into half a
/// million files would take minutes. Hidden files are passed over, other files named in a warning.
pub(crate) fn open(location: &Location, mut recording: Recording) -> Result<Opened, Error> {
    AxisChoice::of(location)?;
    let folder = &location.path;
    let mut frames = Vec::new();
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io("open", folder, e))? {
        let entry = entry.map_err(|e| Error::io("open", folder, e))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name.eq_ignore_ascii_case("thumbs.db") {
            continue;
        }
        if is_image(&path) && !path.is_dir() {
            frames.push(path);
        } else {
            others.push(name);
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
    frames.sort_by(|a, b| natural_order(&name_of(a), &name_of(b)));
    if !others.is_empty() {
        others.sort();
        recording.warnings.push(format!("{} entries are no images and left out: {}", others.len(), shorten(&others)));
    }
    let first = open_frame(&frames[0])?;
    let (frame_shape, pixel_type) = (first.source.shape(), first.source.pixel_type());
    inherit(&mut recording, first.source.recording());
    let names: Vec<String> = frames.iter().map(|path| stem_of(path)).collect();
    if let Some((stamps, rule)) = stamps_of_names(&names) {
        calibration::set_stamps(&mut recording, stamps, frames.len(), rule);
    }
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
        source: Box::new(FolderSource { frames, shape, pixel_type, recording }),
    })
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
    fn read_into<T: Clone>(
        &self,
        frames: Span,
        rows: Span,
        mut out: ArrayViewMut3<'_, T>,
        take: impl Fn(&Pixels) -> Option<ndarray::ArrayView3<'_, T>>,
    ) -> Result<(), SourceError> {
        for (i, frame) in frames.range().enumerate() {
            let path = &self.frames[frame];
            let opened = open_frame(path).map_err(SourceError::new)?;
            let (shape, pixel_type) = (opened.source.shape(), opened.source.pixel_type());
            let describe = |s: MovieShape, t: PixelType| format!("{} x {} {} pixels", s.height, s.width, t.name());
            let unlike = || {
                let expected = format!("frame {frame} like the first, {}", describe(self.shape, self.pixel_type));
                SourceError::new(Error::unsupported("read", path, expected, describe(shape, pixel_type)))
            };
            if (shape.height, shape.width) != (self.shape.height, self.shape.width) || pixel_type != self.pixel_type {
                return Err(unlike());
            }
            let pixels = opened.source.read(Span::new(0, 1), rows)?;
            out.slice_mut(s![i..=i, .., ..]).assign(&take(&pixels).ok_or_else(unlike)?);
        }
        Ok(())
    }
}

macro_rules! read_as {
    ($source:expr, $frames:expr, $rows:expr, $variant:ident) => {{
        let shape = ($frames.len(), $rows.len(), $source.shape.width);
        let mut out = ndarray::Array3::default(shape);
        $source.read_into($frames, $rows, out.view_mut(), |pixels| match pixels {
            Pixels::$variant(a) => Some(a.view()),
            _ => None,
        })?;
        Ok(Pixels::$variant(out))
    }};
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
        match self.pixel_type {
            PixelType::U8 => read_as!(self, frames, rows, U8),
            PixelType::U16 => read_as!(self, frames, rows, U16),
            PixelType::I16 => read_as!(self, frames, rows, I16),
            PixelType::U32 => read_as!(self, frames, rows, U32),
            PixelType::F32 => read_as!(self, frames, rows, F32),
        }
    }
}
