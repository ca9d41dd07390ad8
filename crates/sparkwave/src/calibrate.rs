//! A movie whose calibration the user states, over that of its file.

use crate::error::Error;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FRAME_INTERVALS_S, FrameTimes, PIXEL_SIZES_UM, PixelSize, Recording, Sourced};
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

    fn read_into(&self, frames: Span, rows: Span, block: &mut Pixels) -> Result<(), SourceError> {
        self.inner.read_into(frames, rows, block)
    }
}

/// The same pixels with other metadata.
pub(crate) fn with_recording(
    source: Box<dyn FrameSource>,
    change: impl FnOnce(&mut Recording),
) -> Box<dyn FrameSource> {
    let mut recording = source.recording().clone();
    change(&mut recording);
    Box::new(Calibrated { inner: source, recording })
}

/// Replaces pixel size and frame interval where the user gave them.
///
/// # Errors
/// If a given value is impossible.
pub fn calibrate(
    source: Box<dyn FrameSource>,
    pixel_size_um: Option<f64>,
    frame_interval_s: Option<f64>,
) -> Result<Box<dyn FrameSource>, Error> {
    let mut recording = source.recording().clone();
    check(pixel_size_um, frame_interval_s)?;
    if let Some(size) = pixel_size_um.and_then(|um| PixelSize::square(Micrometers::new(um))) {
        recording.pixel_size = Some(Sourced::new(size, "--pixel-size-um"));
    }
    if let Some(s) = frame_interval_s {
        let times = FrameTimes::Regular { interval: Seconds::new(s) };
        recording.frame_times = Some(Sourced::new(times, "--frame-interval-s"));
    }
    Ok(Box::new(Calibrated { inner: source, recording }))
}

/// Checks a pixel size and a frame interval that the user states.
///
/// # Errors
/// If one is outside [`PIXEL_SIZES_UM`] or [`FRAME_INTERVALS_S`].
pub fn check(pixel_size_um: Option<f64>, frame_interval_s: Option<f64>) -> Result<(), Error> {
    if let Some(um) = pixel_size_um.filter(|um| !PIXEL_SIZES_UM.contains(um)) {
        let expected = "a number from 0.005 to 10000";
        return Err(Error::Parameter { name: "--pixel-size-um", expected, found: um.to_string() });
    }
    if let Some(s) = frame_interval_s.filter(|s| !FRAME_INTERVALS_S.contains(s)) {
        let expected = "a number from 0.000001 to 100000";
        return Err(Error::Parameter { name: "--frame-interval-s", expected, found: s.to_string() });
    }
    Ok(())
}
