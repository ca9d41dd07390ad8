//! Pages that are not one run of plain pixels: packed, tiled, or scattered over the file.

use super::index::{Header, Ifd};
use super::page::{Chunks, Compression, PageFormat, tag};
use crate::error::Error;
use crate::limits::{MAX_FRAME_BYTES, MAX_METADATA_BYTES};
use crate::read_at::ReadAt;
use crate::stored::swap_bytes;
use sparkwave_core::axes::Span;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tiff::decoder::{Decoder, Limits};

/// Reads the rows `rows` of the page whose directory stands at `ifd_offset` into `out`, in native byte order.
pub(super) fn read_rows(
    file: &ReadAt,
    header: Header,
    ifd_offset: u64,
    format: PageFormat,
    rows: Span,
    frame: u64,
    out: &mut [u8],
) -> Result<(), Error> {
    let ifd = Ifd::read(file, header, ifd_offset, frame)?;
    let chunks = Chunks::read(file, header, &ifd, format, frame)?;
    if format.compression == Compression::None && !chunks.tiled {
        read_strips(file, &chunks, format, rows, frame, out)?;
        if header.big_endian != cfg!(target_endian = "big") {
            swap_bytes(out, format.stored.n_bytes());
        }
        return Ok(());
    }
    let bad = |found: String| {
        let expected = format!("{} data of page {frame}", format.compression.name());
        Error::malformed("decode", file.path(), expected, found)
    };
    // The decoder is third-party code on untrusted bytes. It owns no state beyond this call, so that a panic in it,
    // which would be a bug there, can be given back as an error of the file.
    catch_unwind(AssertUnwindSafe(|| decode(file, header, &ifd, &chunks, format, rows, out)))
        .unwrap_or_else(|_| Err("a panic of the decoder".into()))
        .map_err(bad)
}

/// Copies plain strips, of which only the rows asked for are read.
fn read_strips(
    file: &ReadAt,
    chunks: &Chunks,
    format: PageFormat,
    rows: Span,
    frame: u64,
    out: &mut [u8],
) -> Result<(), Error> {
    let row_bytes = format.row_bytes();
    let mut row = rows.start as u64;
    let mut out = out;
    while row < rows.end as u64 {
        let strip = row / chunks.height;
        let end = ((strip + 1) * chunks.height).min(rows.end as u64);
        let (now, rest) = out.split_at_mut(((end - row) * row_bytes) as usize);
        let offset = chunks.offsets[strip as usize] + (row - strip * chunks.height) * row_bytes;
        file.read(now, offset, || format!("frame {frame}"))?;
        (out, row) = (rest, end);
    }
    Ok(())
}

fn decode(
    file: &ReadAt,
    header: Header,
    ifd: &Ifd,
    chunks: &Chunks,
    format: PageFormat,
    rows: Span,
    out: &mut [u8],
) -> Result<(), String> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_FRAME_BYTES as usize;
    limits.intermediate_buffer_size = MAX_FRAME_BYTES as usize;
    limits.ifd_value_size = MAX_METADATA_BYTES as usize;
    let reader = PageReader::new(file, header, ifd).ok_or("a directory beyond 4 GiB in a classic TIFF")?;
    let mut decoder = Decoder::new(reader).map_err(|e| e.to_string())?.with_limits(limits);
    let size = format.stored.n_bytes() as u64;
    let across = format.width.div_ceil(chunks.width);
    let mut buffer = Vec::new();
    for chunk in 0..chunks.offsets.len() as u64 {
        let (top, left) = (chunk / across * chunks.height, chunk % across * chunks.width);
        let bottom = (top + chunks.height).min(format.height);
        let (from, to) = (top.max(rows.start as u64), bottom.min(rows.end as u64));
        if from >= to {
            continue;
        }
        let index = u32::try_from(chunk).map_err(|e| e.to_string())?;
        let (width, height) = decoder.chunk_data_dimensions(index);
        let expected = (chunks.width.min(format.width - left), bottom - top);
        if (u64::from(width), u64::from(height)) != expected {
            return Err(format!("a piece of {height} x {width} pixels for one of {} x {}", expected.1, expected.0));
        }
        let piece_row = expected.0 * size;
        buffer.resize((piece_row * expected.1) as usize, 0);
        decoder.read_chunk_bytes(index, &mut buffer).map_err(|e| e.to_string())?;
        for row in from..to {
            let source = ((row - top) * piece_row) as usize;
            let target = ((row - rows.start as u64) * format.row_bytes() + left * size) as usize;
            let n = piece_row as usize;
            out[target..target + n].copy_from_slice(&buffer[source..source + n]);
        }
    }
    Ok(())
}

/// The file as if one page were all that it had.
///
/// The decoder starts at the first directory and knows no other way to a page than the chain. Showing it a header that
/// points to the wanted page makes access random; and a photometric tag that says "black is zero" keeps it from
/// inverting values or refusing a colour table, so that stored values are given whatever the packing.
struct PageReader<'a> {
    file: &'a ReadAt,
    position: u64,
    patches: Vec<(u64, Vec<u8>)>,
}

impl<'a> PageReader<'a> {
    fn new(file: &'a ReadAt, header: Header, ifd: &Ifd) -> Option<Self> {
        let offset_bytes = |value: u64| -> Option<Vec<u8>> {
            Some(match (header.big_tiff, header.big_endian) {
                (true, true) => value.to_be_bytes().to_vec(),
                (true, false) => value.to_le_bytes().to_vec(),
                (false, true) => u32::try_from(value).ok()?.to_be_bytes().to_vec(),
                (false, false) => u32::try_from(value).ok()?.to_le_bytes().to_vec(),
            })
        };
        let header_offset = if header.big_tiff { 8 } else { 4 };
        let mut patches = vec![(header_offset, offset_bytes(ifd.offset)?), (ifd.next_offset, offset_bytes(0)?)];
        if let Some(offset) = ifd.value_offset(tag::PHOTOMETRIC) {
            let one = if header.big_endian { 1u16.to_be_bytes() } else { 1u16.to_le_bytes() };
            patches.push((offset, one.to_vec()));
        }
        Some(Self { file, position: 0, patches })
    }
}

impl Read for PageReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read_some(buffer, self.position)?;
        let (start, end) = (self.position, self.position + n as u64);
        for (offset, bytes) in &self.patches {
            for (at, &byte) in (*offset..).zip(bytes) {
                if (start..end).contains(&at) {
                    buffer[(at - start) as usize] = byte;
                }
            }
        }
        self.position = end;
        Ok(n)
    }
}

impl Seek for PageReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
        };
        self.position = position.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
