//! Animated GIF, 8-bit grey, for showing a movie; it cannot be read back as one.

use crate::atomic::AtomicFile;
use crate::display::shades;
use crate::error::Error;
use crate::write::WriteOptions;
use gif::{Encoder, Frame, Repeat};
use sparkwave_core::movie::{MovieShape, Pixels};
use sparkwave_core::recording::Recording;
use std::borrow::Cow;
use std::path::Path;

/// A GIF under construction.
pub(crate) struct GifWriter {
    encoder: Encoder<AtomicFile>,
    path: std::path::PathBuf,
    shape: MovieShape,
    range: Option<(f32, f32)>,
    /// Hundredths of a second.
    delay: u16,
}

/// Shown when the frame interval is not known: 10 Hz.
const DEFAULT_DELAY: u16 = 10;
/// Browsers slow down anything quicker to 10 Hz.
const MIN_DELAY: u16 = 2;

impl GifWriter {
    pub(crate) fn create(
        path: &Path,
        shape: MovieShape,
        recording: &Recording,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let (Ok(width), Ok(height)) = (u16::try_from(shape.width), u16::try_from(shape.height)) else {
            let found = format!("{} x {}", shape.height, shape.width);
            return Err(Error::refused("create", path, "at most 65535 x 65535 pixels in a GIF", found));
        };
        let delay = recording.frame_interval().map_or(DEFAULT_DELAY, |interval| {
            // Saturating: a float beyond the range becomes the nearest end.
            ((interval.get() * 100.0).round() as u16).max(MIN_DELAY)
        });
        warnings.push("GIF keeps 8 bits for display and no calibration".into());
        let palette: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let fail = |e: gif::EncodingError| Error::io("write", path, into_io(e));
        let mut encoder = Encoder::new(AtomicFile::create(path)?, width, height, &palette).map_err(fail)?;
        encoder.set_repeat(Repeat::Infinite).map_err(fail)?;
        Ok(Self { encoder, path: path.to_path_buf(), shape, range: options.display_range, delay })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        for grey in shades(block, &mut self.range) {
            let frame = Frame {
                width: self.shape.width as u16,
                height: self.shape.height as u16,
                delay: self.delay,
                buffer: Cow::Owned(grey),
                ..Frame::default()
            };
            self.encoder.write_frame(&frame).map_err(|e| Error::io("write", &self.path, into_io(e)))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        self.encoder.into_inner().map_err(|e| Error::io("write", &self.path, into_io(e)))?.finish()
    }
}

fn into_io(error: gif::EncodingError) -> std::io::Error {
    match error {
        gif::EncodingError::Io(error) => error,
        other => std::io::Error::other(other),
    }
}
