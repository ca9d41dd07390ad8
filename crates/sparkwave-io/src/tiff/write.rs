//! Writing TIFF stacks that stream: the frames in the order in which they come, the directories after them.
//!
//! The first directory stands before the pixels and announces the whole movie, in ImageJ's words or as OME-XML, so that
//! uncompressed frames form one run in the file. BigTIFF is chosen when the file may pass 4 GiB.

use super::describe::{imagej_description, ome_description};
use super::directory::{self, ASCII, BYTE, Entry, LONG, LONG8, RATIONAL, SHORT, Value};
use super::labels;
use super::page::tag;
use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::write::Compression;
use flate2::write::ZlibEncoder;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, Recording};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Which dialect describes axes and calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    ImageJ,
    Ome,
}

/// A TIFF stack under construction.
pub(crate) struct TiffWriter {
    file: AtomicFile,
    shape: MovieShape,
    pixel_type: PixelType,
    deflate: bool,
    big: bool,
    description: String,
    /// The values of the two tags of ImageJ's slice labels, if the frames have any.
    labels: Option<(Vec<u8>, Vec<u8>)>,
    /// Pixels per micrometre along y and x, as fractions.
    resolution: Option<[(u32, u32); 2]>,
    /// Offset and packed length of every frame so far.
    written: Vec<(u64, u64)>,
    position: u64,
}

/// A directory has 15 entries at most, and two more with labels.
const MAX_ENTRIES: u64 = 15;
/// Deflate level 4: within some percent of level 6 on images, at several times the speed.
const DEFLATE_LEVEL: u32 = 4;

impl TiffWriter {
    pub(crate) fn create(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        dialect: Dialect,
        compression: Compression,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let file = AtomicFile::create(path)?;
        let mut writer = Self::new(file, shape, pixel_type, recording, dialect, compression, warnings)?;
        let head = vec![0; writer.head_bytes() as usize];
        writer.write(&head)?;
        Ok(writer)
    }

    /// Starts or continues a plain stack; of what an earlier process wrote, whole frames are kept, `n_frames` at most.
    pub(crate) fn resume(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        dialect: Dialect,
        n_frames: usize,
    ) -> Result<Self, Error> {
        let file = AtomicFile::resume(path)?;
        let none = Compression::None;
        let mut writer = Self::new(file, shape, pixel_type, recording, dialect, none, &mut Vec::new())?;
        let (head, frame_bytes) = (writer.head_bytes(), (shape.frame_len() * pixel_type.n_bytes()) as u64);
        let held = writer.file.seek(SeekFrom::End(0)).map_err(|e| Error::io("read", path, e))?;
        let n_kept = (held.saturating_sub(head) / frame_bytes).min(n_frames as u64);
        if n_kept == 0 {
            writer.file.keep(0)?;
            writer.write(&vec![0; head as usize])?;
        } else {
            writer.position = head + n_kept * frame_bytes;
            writer.file.keep(writer.position)?;
            writer.written = (0..n_kept).map(|i| (head + i * frame_bytes, frame_bytes)).collect();
        }
        Ok(writer)
    }

    fn new(
        file: AtomicFile,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        dialect: Dialect,
        compression: Compression,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let path = file.path();
        let deflate = match compression {
            Compression::Auto | Compression::None => false,
            Compression::Deflate => true,
            Compression::Zstd => {
                let expected = "no compression or deflate in a TIFF file (zstd is unreadable for ImageJ)";
                return Err(Error::refused("create", path, expected, "zstd"));
            }
        };
        let mut labels = None;
        let description = match dialect {
            Dialect::ImageJ => {
                labels = labels::of_times(recording, shape.n_frames).map(|labels| labels::encode(&labels));
                let stamped = matches!(recording.frame_times.as_ref().map(|t| &t.value), Some(FrameTimes::Stamped(_)));
                if stamped && shape.n_frames > 1 && labels.is_none() {
                    let text = "the times of the frames cannot be written as labels of ImageJ: the median interval is; \
                                use .ome.tif, .h5 or .zarr to keep them";
                    warnings.push(text.into());
                }
                imagej_description(shape, recording)
            }
            Dialect::Ome => ome_description(path, shape, pixel_type, recording),
        };
        let resolution = recording
            .pixel_size()
            .map(|size| [fraction(1.0 / size.y.get()), fraction(1.0 / size.x.get())])
            .filter(|_| dialect == Dialect::ImageJ);
        let frame_bytes = (shape.frame_len() * pixel_type.n_bytes()) as u64;
        // Deflate can add a little to noise; directories take some 200 bytes each.
        let label_bytes = labels.as_ref().map_or(0, |(lengths, labels)| (lengths.len() + labels.len()) as u64);
        let bound =
            (frame_bytes + frame_bytes / 100 + 512) * shape.n_frames as u64 + description.len() as u64 + label_bytes;
        let big = bound > u64::from(u32::MAX);
        let (written, position) = (Vec::new(), 0);
        Ok(Self { file, shape, pixel_type, deflate, big, description, labels, resolution, written, position })
    }

    /// Frames that are written or were kept.
    pub(crate) fn n_written(&self) -> usize {
        self.written.len()
    }

    /// Makes the frames so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.file.sync()
    }

    /// Bytes of header, first directory, its values and the description, before the first pixel.
    fn head_bytes(&self) -> u64 {
        let (header, directory, values) =
            if self.big { (16, 8 + MAX_ENTRIES * 20 + 8, 16) } else { (8, 2 + MAX_ENTRIES * 12 + 4, 16) };
        // Labels take two entries, begin at an even offset, and stand behind the rest.
        let labels = self.labels.as_ref().map_or(0, |(lengths, labels)| 2 * 20 + 1 + lengths.len() + labels.len());
        // Pixels start at a multiple of 16, which suits programs that map the file.
        (header + directory + values + self.description.len() as u64 + 1 + labels as u64).next_multiple_of(16)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Self { file, position, .. } = self;
        *position += bytes.len() as u64;
        let result = file.write_all(bytes);
        result.map_err(|e| Error::io("write", self.file.path(), e))
    }

    /// Appends the frames of a block; the caller has checked its shape and type.
    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        let frame_bytes = self.shape.frame_len() * self.pixel_type.n_bytes();
        crate::bytes::with_le_bytes(block, |bytes| {
            let frames: Vec<&[u8]> = bytes.chunks_exact(frame_bytes).collect();
            if !self.deflate {
                return frames.into_iter().try_for_each(|frame| self.write_frame(frame));
            }
            // Each page is packed by itself, so that the bytes do not depend on the number of threads; a few at a time
            // bound the memory.
            for group in frames.chunks(rayon::current_num_threads()) {
                let packed: Vec<std::io::Result<Vec<u8>>> = group.par_iter().map(|frame| self.pack(frame)).collect();
                for frame in packed {
                    let frame = frame.map_err(|e| Error::io("compress", self.file.path(), e))?;
                    self.write_frame(&frame)?;
                }
            }
            Ok(())
        })
    }

    /// Writes the bytes of a frame as they are, and notes where they are.
    fn write_frame(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let start = self.position;
        self.write(bytes)?;
        self.written.push((start, self.position - start));
        Ok(())
    }

    /// Deflate after horizontal differencing of integers (TIFF 6.0, section 14), which halves the size of images.
    fn pack(&self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut encoder =
            ZlibEncoder::new(Vec::with_capacity(plain.len() / 2), flate2::Compression::new(DEFLATE_LEVEL));
        let width = self.pixel_type.n_bytes();
        let row_bytes = self.shape.width * width;
        if self.predictor() == 2 {
            let mut row_out = vec![0; row_bytes];
            for row in plain.chunks_exact(row_bytes) {
                difference(row, &mut row_out, width);
                encoder.write_all(&row_out)?;
            }
        } else {
            encoder.write_all(plain)?;
        }
        encoder.finish()
    }

    fn predictor(&self) -> u64 {
        if self.deflate && self.pixel_type != PixelType::F32 { 2 } else { 1 }
    }

    /// Writes the directories; the caller has checked that all frames are there.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let path = self.file.path().to_path_buf();
        if self.position % 2 == 1 {
            self.write(&[0])?;
        }
        let header_bytes: u64 = if self.big { 16 } else { 8 };
        let frames = std::mem::take(&mut self.written);
        let rest_at = self.position;
        let size = self.directory(&frames[0], 0, 0, false).len() as u64;
        let limit = rest_at + size * frames.len() as u64;
        if !self.big && limit > u64::from(u32::MAX) {
            return Err(Error::limit("write", &path, "a classic TIFF below 4 GiB", format!("{limit} bytes")));
        }
        for (i, frame) in frames.iter().enumerate().skip(1) {
            let at = self.position;
            let next = if i + 1 < frames.len() { at + size } else { 0 };
            let bytes = self.directory(frame, at, next, false);
            self.write(&bytes)?;
        }
        let next = if frames.len() > 1 { rest_at } else { 0 };
        let mut head = Vec::with_capacity(self.head_bytes() as usize);
        head.extend(b"II");
        if self.big {
            head.extend(43u16.to_le_bytes());
            head.extend(8u16.to_le_bytes());
            head.extend(0u16.to_le_bytes());
            head.extend(header_bytes.to_le_bytes());
        } else {
            head.extend(42u16.to_le_bytes());
            head.extend((header_bytes as u32).to_le_bytes());
        }
        head.extend(self.directory(&frames[0], header_bytes, next, true));
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&head))
            .map_err(|e| Error::io("write", &path, e))?;
        self.file.finish()
    }

    /// The bytes of a directory at `at`, with the values that stand behind it if it is the first.
    fn directory(&self, &(offset, length): &(u64, u64), at: u64, next: u64, first: bool) -> Vec<u8> {
        let long = if self.big { LONG8 } else { LONG };
        let sample_format = match self.pixel_type {
            PixelType::U8 | PixelType::U16 | PixelType::U32 => 1,
            PixelType::I16 => 2,
            PixelType::F32 => 3,
        };
        let here = |tag, kind, value| Entry { tag, kind, count: 1, value: Value::Here(value) };
        let behind =
            |tag, kind, count: usize, value| Entry { tag, kind, count: count as u64, value: Value::Behind(value) };
        let mut entries = vec![
            here(256, LONG, self.shape.width as u64),
            here(257, LONG, self.shape.height as u64),
            here(258, SHORT, 8 * self.pixel_type.n_bytes() as u64),
            here(259, SHORT, if self.deflate { 8 } else { 1 }),
            here(262, SHORT, 1),
            here(273, long, offset),
            here(277, SHORT, 1),
            here(278, LONG, self.shape.height as u64),
            here(279, long, length),
            here(317, SHORT, self.predictor()),
            here(339, SHORT, sample_format),
        ];
        let text = [self.description.as_bytes(), &[0]].concat();
        let resolution = self.resolution.map(|both| {
            both.map(|(numerator, denominator)| (u64::from(numerator) | u64::from(denominator) << 32).to_le_bytes())
        });
        if first {
            if let Some([y, x]) = &resolution {
                entries.extend([behind(282, RATIONAL, 1, x), behind(283, RATIONAL, 1, y), here(296, SHORT, 1)]);
            }
            entries.push(behind(270, ASCII, text.len(), &text));
            if let Some((lengths, labels)) = &self.labels {
                entries.push(behind(tag::IMAGEJ_LENGTHS, LONG, lengths.len() / 4, lengths));
                entries.push(behind(tag::IMAGEJ_METADATA, BYTE, labels.len(), labels));
            }
        }
        directory::encode(&entries, self.big, at, next)
    }
}

/// Subtracts from each sample its left neighbour, modulo the size of the type, in little-endian bytes.
fn difference(row: &[u8], out: &mut [u8], width: usize) {
    out[..width].copy_from_slice(&row[..width]);
    for i in (width..row.len()).step_by(width) {
        let mut borrow = false;
        for k in i..i + width {
            let (a, under) = row[k].overflowing_sub(row[k - width]);
            let (b, under_again) = a.overflowing_sub(u8::from(borrow));
            out[k] = b;
            borrow = under || under_again;
        }
    }
}

/// The fraction of 32-bit integers closest to a positive number, by continued fractions.
fn fraction(value: f64) -> (u32, u32) {
    if !(value.is_finite() && value > 0.0) {
        return (1, 1);
    }
    let (mut h, mut k) = ([0u64, 1], [1u64, 0]);
    let mut x = value;
    loop {
        let whole = x.floor();
        if whole > f64::from(u32::MAX) {
            break;
        }
        let (p, q) = (whole as u64 * h[1] + h[0], whole as u64 * k[1] + k[0]);
        if p > u64::from(u32::MAX) || q > u64::from(u32::MAX) {
            break;
        }
        (h, k) = ([h[1], p], [k[1], q]);
        let rest = x - whole;
        if rest < 1e-9 || (p as f64 / q as f64 - value).abs() <= 1e-15 * value {
            break;
        }
        x = 1.0 / rest;
    }
    // Values beyond the range end at its border.
    match (u32::try_from(h[1]), u32::try_from(k[1])) {
        (Ok(0), _) => (1, u32::MAX),
        (Ok(p), Ok(q)) if q > 0 => (p, q),
        _ => (u32::MAX, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact_where_they_can_be() {
        assert_eq!(fraction(6.25), (25, 4));
        assert_eq!(fraction(1.0 / 0.16), (25, 4));
        for value in [1e-6, 0.001, 1.0 / 0.1083, std::f64::consts::PI, 12345.678] {
            let (p, q) = fraction(value);
            assert!((f64::from(p) / f64::from(q) / value - 1.0).abs() < 1e-9, "{value}: {p}/{q}");
        }
        assert_eq!(fraction(1e-30), (1, u32::MAX));
        assert_eq!(fraction(1e30), (u32::MAX, 1));
    }

    #[test]
    fn differences_wrap_around_in_the_width_of_the_type() {
        let row: Vec<u8> = [0x0100u16, 0x00ff, 0x0101].iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut out = vec![0; 6];
        difference(&row, &mut out, 2);
        let values: Vec<u16> = out.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        assert_eq!(values, [0x0100, 0xffff, 2]);
    }
}
