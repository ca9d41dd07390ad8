//! A grey movie as a video, for display.

use super::Mp4Writer;
use crate::display::shades;
use crate::error::Error;
use crate::write::WriteOptions;
use ndarray::ArrayView2;
use sparkwave_core::movie::{MovieShape, Pixels};
use sparkwave_core::recording::Recording;
use std::path::Path;

/// Shown when the frame interval is not known, frames/s.
const DEFAULT_RATE: f64 = 10.0;
/// What players manage, frames/s.
const RATES: (f64, f64) = (1.0, 60.0);

/// A video of shades of grey under construction.
pub(crate) struct GreyVideoWriter {
    writer: Mp4Writer,
    shape: MovieShape,
    range: Option<(f32, f32)>,
}

impl GreyVideoWriter {
    pub(crate) fn create(
        path: &Path,
        shape: MovieShape,
        recording: &Recording,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let own = recording.frame_interval().map_or(DEFAULT_RATE, |interval| 1.0 / interval.get());
        let rate = own.clamp(RATES.0, RATES.1);
        if rate != own {
            warnings.push(format!("the video shows {rate} frames/s; the recording has {own:.4}"));
        }
        warnings.push("MP4 keeps 8 bits for display and no calibration".into());
        let writer = Mp4Writer::create(path, shape.width, shape.height, rate)?;
        Ok(Self { writer, shape, range: options.display_range })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        let MovieShape { height, width, .. } = self.shape;
        for grey in shades(block, &mut self.range) {
            let frame = ArrayView2::from_shape((height, width), &grey).expect("a block of the movie's frames");
            let rgb = frame.insert_axis(ndarray::Axis(2));
            let rgb = rgb.broadcast((height, width, 3)).expect("one channel onto three");
            self.writer.append(rgb)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }
}
