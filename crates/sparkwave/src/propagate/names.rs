//! What frames are called, by which labels of other programs find them.

use crate::error::Error;
use sparkwave_core::source::FrameSource;
use sparkwave_io::segments::name::Moment;
use std::collections::HashMap;
use std::path::Path;

/// The names of the frames of a movie: those of its files if it is a folder of images, else numbers.
pub(super) struct FrameNames {
    names: Vec<String>,
    frames: HashMap<String, usize>,
    /// Seconds since 1970-01-01 00:00 of each frame, if known.
    clock_s: Vec<f64>,
}

impl FrameNames {
    /// # Errors
    /// If the folder of the images cannot be listed.
    pub(super) fn of(input: &Path, source: &dyn FrameSource) -> Result<Self, Error> {
        let n_frames = source.shape().n_frames;
        let names = if input.is_dir() { sparkwave_io::frame_names(input).unwrap_or_default() } else { Vec::new() };
        // An OME-Zarr is a folder as well, but none of images.
        let names = if names.len() == n_frames {
            names
        } else {
            (0..n_frames).map(|frame| Moment::Frame(frame).to_string()).collect()
        };
        let recording = source.recording();
        let start = recording.started_s.as_ref().map(|s| s.value);
        let times = recording.frame_times.as_ref().map(|t| &t.value);
        let at = |frame| Some(start? + times?.at(frame)?.get());
        let clock_s = (0..n_frames).map_while(at).collect();
        let frames = names.iter().cloned().zip(0..).collect();
        Ok(Self { names, frames, clock_s })
    }

    /// The name of a frame.
    pub(super) fn name(&self, frame: usize) -> &str {
        &self.names[frame]
    }

    /// The frame of this name, number, or time to the second.
    pub(super) fn frame(&self, name: &str) -> Option<usize> {
        if let Some(frame) = self.frames.get(name) {
            return Some(*frame);
        }
        match Moment::parse(name)? {
            Moment::Frame(frame) => Some(frame),
            clock @ Moment::Clock(_) => {
                let asked = clock.seconds()?;
                let off = |frame: &usize| (self.clock_s[*frame] - asked).abs();
                let nearest = (0..self.clock_s.len()).min_by(|a, b| off(a).total_cmp(&off(b)))?;
                (off(&nearest) < 1.0).then_some(nearest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
    use sparkwave_core::source::InMemory;
    use sparkwave_core::units::Seconds;

    #[test]
    fn frames_are_found_by_name_number_and_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a9.png", "a10.png"] {
            let image = ndarray::Array2::zeros((2, 2));
            sparkwave_io::png::write_gray8(&folder.path().join(name), image.view()).expect("writable");
        }
        let recording = Recording {
            started_s: sparkwave_io::stamp::seconds("20230922_221431").map(|s| Sourced::new(s, "test")),
            frame_times: Some(Sourced::new(FrameTimes::Regular { interval: Seconds::new(5.0) }, "test")),
            ..Recording::default()
        };
        let source = InMemory::new(recording, Pixels::U8(Array3::zeros((2, 2, 2))));
        let names = FrameNames::of(folder.path(), &source).expect("listed");
        assert_eq!((names.name(0), names.frame("a10"), names.frame("b")), ("a9", Some(1), None));
        assert_eq!((names.frame("20230922_221436"), names.frame("20230922_221439")), (Some(1), None));
        let bare = FrameNames::of(Path::new("movie.tif"), &source).expect("nothing to list");
        assert_eq!((bare.name(1), bare.frame("000001"), bare.frame("1")), ("000001", Some(1), Some(1)));
    }
}
