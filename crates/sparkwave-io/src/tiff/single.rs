//! Frames that are files of their own: open and one read.
//!
//! The general way into a TIFF file takes a dozen calls of the system, which is much for half a megabyte of pixels half a
//! million times. Here the pixels are read straight to their place, from where they lay in the file before, and the rest of
//! the file into memory that is used again. Its one directory is understood there, by the same code and with the same
//! checks; if it says that the pixels lie elsewhere, the file is read whole.

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

/// What is kept between the files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    /// Where the pixels of the last plain frame lay in their file.
    pixels_at: Option<u64>,
}

/// Reads rows of the only frame of a file into `out`, in native byte order.
///
/// False if the file is not of the expected extent and type or not a plain single frame, so that the general reader must
/// say what it is.
pub(crate) fn read_rows(
    path: &std::path::Path,
    frame: MovieShape,
    pixel_type: PixelType,
    rows: Span,
    out: &mut [u8],
    memory: &mut Memory,
) -> Result<bool, Error> {
    let frame_bytes = frame.frame_len() * pixel_type.n_bytes();
    let cap = frame_bytes as u64 + MAX_EXTRA_BYTES;
    if let Some(at) = memory.pixels_at
        && out.len() == frame_bytes
        && let Some(file) = ReadAt::around(path, cap, at, out, &mut memory.bytes)?
    {
        // An error may only mean that the directory lies where the pixels were thought to be.
        let page = Page::of(&file, frame, pixel_type).ok().flatten();
        memory.bytes = file.into_buffer();
        if let Some(page) = page.filter(|page| page.run == Some(at)) {
            page.swap(out);
            return Ok(true);
        }
    }
    let file = ReadAt::whole(path, cap, std::mem::take(&mut memory.bytes))?;
    let done = Page::of(&file, frame, pixel_type).and_then(|page| {
        let Some(page) = page else { return Ok(false) };
        page.read_rows(&file, rows, out)?;
        memory.pixels_at = page.run;
        Ok(true)
    });
    memory.bytes = file.into_buffer();
    done
}

/// The page of a file that holds one plain frame.
struct Page {
    header: Header,
    ifd_offset: u64,
    format: PageFormat,
    /// Offset of the pixels if they lie in one plain run.
    run: Option<u64>,
}

impl Page {
    fn of(file: &ReadAt, frame: MovieShape, pixel_type: PixelType) -> Result<Option<Self>, Error> {
        let header = Header::read(file)?;
        let ifd = Ifd::read(file, header, header.first_ifd, 0)?;
        let format = PageFormat::read(file, header, &ifd, 0)?;
        let alike = (format.height, format.width) == (frame.height as u64, frame.width as u64)
            && format.stored.is_given_as_stored()
            && format.stored.pixel_type() == pixel_type;
        if !alike || ifd.next != 0 || !is_plain(file, header, &ifd, format)? {
            return Ok(None);
        }
        let run = Chunks::read(file, header, &ifd, format, 0)?.run(format);
        Ok(Some(Self { header, ifd_offset: ifd.offset, format, run }))
    }

    fn read_rows(&self, file: &ReadAt, rows: Span, out: &mut [u8]) -> Result<(), Error> {
        let Self { header, ifd_offset, format, run } = *self;
        let Some(run) = run else { return decode::read_rows(file, header, ifd_offset, format, rows, 0, out) };
        file.read(out, run + rows.start as u64 * format.row_bytes(), || "the frame".into())?;
        self.swap(out);
        Ok(())
    }

    /// Brings the pixels of a plain run into native byte order.
    fn swap(&self, pixels: &mut [u8]) {
        if self.header.big_endian != cfg!(target_endian = "big") {
            swap_bytes(pixels, self.format.stored.n_bytes());
        }
    }
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
