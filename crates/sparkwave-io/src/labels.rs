//! Label movies: 0 for the background, the id of an object in every voxel of it.

use crate::error::Error;
use crate::write::{MovieWriter, WriteOptions};
use ndarray::{Array3, ArrayView3};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::FrameSource;
use std::path::Path;

/// Writes a label movie `[T, Y, X]` in any format of [`MovieWriter`]: 16-bit while the ids fit, else 32-bit.
///
/// # Errors
/// As [`MovieWriter`].
#[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
pub fn write(
    path: &Path,
    labels: ArrayView3<'_, u32>,
    recording: &Recording,
    options: &WriteOptions,
) -> Result<(), Error> {
    let largest = labels.iter().copied().max().unwrap_or(0);
    let pixels = if largest <= u32::from(u16::MAX) {
        // The cast keeps every value, as the largest shows.
        Pixels::U16(labels.mapv(|id| id as u16))
    } else {
        Pixels::U32(labels.to_owned())
    };
    let mut writer = MovieWriter::create(path, pixels.shape(), pixels.pixel_type(), recording, options)?;
    writer.append(&pixels)?;
    writer.finish()
}

/// Reads a label movie `[T, Y, X]` whole, of any pixel type whose values are whole numbers from 0 to 2^32 - 1.
///
/// # Errors
/// As [`crate::open()`], and if a value is negative or not whole.
pub fn read(path: &Path) -> Result<Array3<u32>, Error> {
    let source = crate::open(path)?;
    from_source(source.as_ref(), path)
}

/// Reads a label movie `[T, Y, X]` from a source; `path` names it in errors.
///
/// # Errors
/// If the source fails, or a value is negative or not whole.
pub fn from_source(source: &dyn FrameSource, path: &Path) -> Result<Array3<u32>, Error> {
    read_frames(source, Span::new(0, source.shape().n_frames), path)
}

/// Reads some frames of a label movie `[T, Y, X]` from a source; `path` names it in errors.
///
/// # Errors
/// As [`from_source`].
pub fn read_frames(source: &dyn FrameSource, frames: Span, path: &Path) -> Result<Array3<u32>, Error> {
    let pixels = source.read(frames, Span::new(0, source.shape().height))?;
    let refuse = |value: String| Error::unsupported("read labels", path, "whole numbers from 0 on", value);
    Ok(match pixels {
        Pixels::U8(a) => a.mapv(u32::from),
        Pixels::U16(a) => a.mapv(u32::from),
        Pixels::U32(a) => a,
        Pixels::I16(a) => match a.iter().find(|&&v| v < 0) {
            Some(v) => return Err(refuse(v.to_string())),
            None => a.mapv(i16::cast_unsigned).mapv(u32::from),
        },
        Pixels::F32(a) => {
            // 2^32 as a float; the largest float below it is a whole number that fits.
            let whole = |v: f32| (0.0..4_294_967_296.0).contains(&v) && v.fract() == 0.0;
            match a.iter().find(|&&v| !whole(v)) {
                Some(v) => return Err(refuse(v.to_string())),
                None => a.mapv(|v| v as u32),
            }
        }
    })
}

/// The pixel type that [`write()`] would choose for ids up to `largest`.
pub fn pixel_type_for(largest: u32) -> PixelType {
    if largest <= u32::from(u16::MAX) { PixelType::U16 } else { PixelType::U32 }
}
