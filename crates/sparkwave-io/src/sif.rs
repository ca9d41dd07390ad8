//! Andor SIF, the files of Solis: a header of text lines, then frames of 32-bit floats, one after the other.
//!
//! There is no public specification. What is read here agrees with files of the years 2009 to 2024 (versions 65555 to
//! 65567 of the header) and with what Bio-Formats and the Python package sif_parser make of them. Rows come in the order of
//! the file, as in these two; Solis counts them from the bottom and shows the image upside down in comparison. Of files that
//! hold a background or a reference besides the signal, the signal is read.

mod header;

use crate::calibration;
use crate::error::Error;
use crate::limits::{MAX_FRAME_BYTES, MAX_FRAMES, MAX_MOVIE_BYTES, checked_bytes};
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use crate::read_at::ReadAt;
use crate::stored::{Stored, StoredType, swap_bytes};
use crate::stored_source::{ReadStored, StoredMovie, StoredSource};
use header::Header;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::recording::{Recording, Sourced};
use std::path::Path;

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8] = b"Andor Technology Multi-Channel File";

/// Bytes of a pixel.
const PIXEL_BYTES: u64 = 4;

struct SifReader {
    file: ReadAt,
    pixels_at: u64,
}

/// Opens a SIF file as a movie.
pub(crate) fn open(location: &Location, mut recording: Recording) -> Result<Opened, Error> {
    AxisChoice::of(location)?;
    let file = ReadAt::open(&location.path)?;
    let header = Header::read(&file)?;
    let Header { height, width, n_frames, pixels_at, .. } = header;
    let found = format!("{n_frames} frames of {height} x {width} pixels");
    let frame_bytes = checked_bytes(&[height, width], PIXEL_BYTES, MAX_FRAME_BYTES).filter(|bytes| *bytes > 0);
    let bytes = frame_bytes.and_then(|bytes| checked_bytes(&[bytes], n_frames, MAX_MOVIE_BYTES));
    let (Some(frame_bytes), Some(bytes), 1..=MAX_FRAMES) = (frame_bytes, bytes, n_frames) else {
        let expected = format!("1 to {MAX_FRAMES} frames of at most {MAX_FRAME_BYTES} bytes");
        return Err(Error::limit("open", &location.path, expected, found));
    };
    let held = file.len().saturating_sub(pixels_at);
    if held < bytes {
        let cut =
            format!("a truncated file of {} bytes, in which frame {} is incomplete", file.len(), held / frame_bytes);
        return Err(Error::malformed("open", &location.path, found, cut));
    }
    describe(&header, &mut recording);
    // The extents fit: they were bounded above.
    let shape = MovieShape { n_frames: n_frames as usize, height: height as usize, width: width as usize };
    let stored = StoredType::F32;
    Ok(Opened {
        format: "Andor SIF".into(),
        axes: "TYX".into(),
        stored_type: stored.name(),
        compression: "none".into(),
        source: StoredSource::boxed(StoredMovie { shape, stored, recording }, SifReader { file, pixels_at }),
    })
}

/// The times: time stamps of the frames where the camera gave them, else the cycle time of the series.
fn describe(header: &Header, recording: &mut Recording) {
    let stamps = &header.stamps_us;
    // Cameras without a clock leave zeros.
    let stamped = stamps.iter().any(|stamp| *stamp != stamps[0]) && {
        let stamps_s = stamps.iter().map(|us| (us - stamps[0]) / 1e6).collect();
        calibration::set_stamps(recording, stamps_s, stamps.len(), "SIF time stamps")
    };
    if !stamped
        && stamps.len() > 1
        && let Some(cycle_s) = header.kinetic_cycle_s
    {
        calibration::set_interval(recording, cycle_s, "SIF kinetic cycle time");
    }
    recording.started_s = header.started_s.map(|s| Sourced::new(s, "SIF experiment time (UTC)"));
}

impl ReadStored for SifReader {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_stored(&self, movie: &StoredMovie, frames: Span, rows: Span) -> Result<Stored, Error> {
        let row_bytes = movie.shape.width * PIXEL_BYTES as usize;
        let (frame_bytes, part) = (movie.shape.height * row_bytes, rows.len() * row_bytes);
        let mut stored = Stored::zeros(movie.stored, frames.len() * rows.len() * movie.shape.width);
        // Whole frames follow each other in the file.
        let step = if part == frame_bytes { frames.len() } else { 1 };
        for (i, bytes) in stored.bytes_mut().chunks_exact_mut(step * part).enumerate() {
            let frame = frames.start + i * step;
            let at = self.pixels_at + (frame * frame_bytes + rows.start * row_bytes) as u64;
            self.file.read(bytes, at, || format!("frame {frame}"))?;
            if cfg!(target_endian = "big") {
                swap_bytes(bytes, PIXEL_BYTES as usize);
            }
        }
        Ok(stored)
    }
}
