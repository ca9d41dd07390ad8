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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::write::{MovieWriter, WriteOptions};
    use ndarray::Array3;
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
    use sparkwave_core::units::Seconds;

    #[test]
    fn a_movie_becomes_a_video_of_its_own_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let pixels = Pixels::F32(Array3::from_shape_fn((4, 20, 30), |(t, y, x)| (t + y + x) as f32 / 100.0 - 0.3));
        for (interval_s, expected_s, n_warnings) in [(0.25, 1.0, 1), (5.0, 4.0, 2), (0.001, 4.0 / 60.0, 2)] {
            let times = FrameTimes::Regular { interval: Seconds::new(interval_s) };
            let recording = Recording { frame_times: Some(Sourced::new(times, "test")), ..Recording::default() };
            let options = WriteOptions { display_range: Some((-0.3, 0.2)), ..WriteOptions::default() };
            let mut writer =
                MovieWriter::create(&path, pixels.shape(), pixels.pixel_type(), &recording, &options).unwrap();
            assert_eq!(writer.warnings().len(), n_warnings, "{:?}", writer.warnings());
            writer.append(&pixels).unwrap();
            writer.finish().unwrap();
            let (mp4, _) = re_mp4::Mp4::read_file(&path).unwrap();
            let track = mp4.tracks().values().next().unwrap();
            assert_eq!((track.width, track.height, track.samples.len()), (30, 20, 4));
            let duration_s = track.duration as f64 / track.timescale as f64;
            assert!((duration_s - expected_s).abs() < 1e-3, "{duration_s}");
        }
    }
}
