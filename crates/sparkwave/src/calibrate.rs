//! A movie whose calibration the user states, over that of its file.

use crate::error::Error;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, PixelSize, Recording, Sourced};
use sparkwave_core::source::{FrameSource, SourceError};
use sparkwave_core::units::{Micrometers, Seconds};

/// A source with another recording.
struct Calibrated {
    inner: Box<dyn FrameSource>,
    recording: Recording,
}

impl FrameSource for Calibrated {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        self.inner.shape()
    }

    fn pixel_type(&self) -> PixelType {
        self.inner.pixel_type()
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        self.inner.read(frames, rows)
    }
}

/// Replaces pixel size and frame interval where the user gave them.
///
/// # Errors
/// If a given value is not finite and positive.
pub fn calibrate(
    source: Box<dyn FrameSource>,
    pixel_size_um: Option<f64>,
    frame_interval_s: Option<f64>,
) -> Result<Box<dyn FrameSource>, Error> {
    let mut recording = source.recording().clone();
    let expected = "a finite number greater than zero";
    if let Some(um) = pixel_size_um {
        let size = PixelSize::square(Micrometers::new(um)).ok_or_else(|| Error::Parameter {
            name: "--pixel-size-um",
            expected,
            found: um.to_string(),
        })?;
        recording.pixel_size = Some(Sourced::new(size, "--pixel-size-um"));
    }
    if let Some(s) = frame_interval_s {
        if !(s.is_finite() && s > 0.0) {
            return Err(Error::Parameter { name: "--frame-interval-s", expected, found: s.to_string() });
        }
        let times = FrameTimes::Regular { interval: Seconds::new(s) };
        recording.frame_times = Some(Sourced::new(times, "--frame-interval-s"));
    }
    Ok(Box::new(Calibrated { inner: source, recording }))
}
