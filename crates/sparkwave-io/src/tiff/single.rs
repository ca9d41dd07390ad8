//! Frames that are files of their own: open, one read, one copy.
//!
//! The general way into a TIFF file takes a dozen calls of the system, which is much for half a megabyte of pixels half a
//! million times. Here the file is read whole into memory that is used again, and its one directory is understood there,
//! by the same code and with the same checks.

use super::decode;
use super::imagej::Description;
use super::index::{Header, Ifd};
use super::page::{Chunks, PageFormat, tag};
use crate::error::Error;
use crate::read_at::ReadAt;
use crate::stored::{StoredType, swap_bytes};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType};

/// Bytes that a file may have besides its pixels to be read whole: descriptions, thumbnails, packed noise.
const MAX_EXTRA_BYTES: u64 = 1 << 20;

/// Reads rows of the only frame of a file into `out`, in native byte order.
///
/// False if the file is not of the expected extent and type or not a plain single frame, so that the general reader must
/// say what it is. `buffer` is memory that is kept between calls.
pub(crate) fn read_rows(
    path: &std::path::Path,
    frame: MovieShape,
    pixel_type: PixelType,
    rows: Span,
    out: &mut [u8],
    buffer: &mut Vec<u8>,
) -> Result<bool, Error> {
    let cap = (frame.frame_len() * pixel_type.n_bytes()) as u64 + MAX_EXTRA_BYTES;
    let file = ReadAt::whole(path, cap, std::mem::take(buffer))?;
    let done = read_from(&file, frame, pixel_type, rows, out);
    *buffer = file.into_buffer();
    done
}

fn read_from(
    file: &ReadAt,
    frame: MovieShape,
    pixel_type: PixelType,
    rows: Span,
    out: &mut [u8],
) -> Result<bool, Error> {
    let header = Header::read(file)?;
    let ifd = Ifd::read(file, header, header.first_ifd, 0)?;
    let format = PageFormat::read(file, header, &ifd, 0)?;
    let alike = (format.height, format.width) == (frame.height as u64, frame.width as u64)
        && format.stored.is_given_as_stored()
        && format.stored.pixel_type() == pixel_type;
    if !alike || ifd.next != 0 || !is_plain(file, header, &ifd, format)? {
        return Ok(false);
    }
    let chunks = Chunks::read(file, header, &ifd, format, 0)?;
    let Some(run) = chunks.run(format) else {
        decode::read_rows(file, header, ifd.offset, format, rows, 0, out)?;
        return Ok(true);
    };
    file.read(out, run + rows.start as u64 * format.row_bytes(), || "the frame".into())?;
    if header.big_endian != cfg!(target_endian = "big") {
        swap_bytes(out, format.stored.n_bytes());
    }
    Ok(true)
}

/// True if no description gives the page another meaning: a stack behind one directory, signed values as unsigned.
fn is_plain(file: &ReadAt, header: Header, ifd: &Ifd, format: PageFormat) -> Result<bool, Error> {
    let text = ifd.text(file, header, tag::DESCRIPTION)?.unwrap_or_default();
    if let Some(description) = Description::parse(&text) {
        let signed = format.stored == StoredType::U16 && description.is_signed_16_bit();
        return Ok(!signed && description.n_images().unwrap_or(1) <= 1);
    }
    // tifffile's description of a single page names its shape; others may name many pages.
    Ok(super::shaped::Shaped::parse(&text).is_none_or(|s| s.n_pages(format.height, format.width) == Some(1)))
}
