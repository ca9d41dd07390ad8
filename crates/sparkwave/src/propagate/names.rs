//! What frames are called, by which labels of other programs find them.

use sparkwave_core::source::FrameSource;
use sparkwave_io::segments::name::Moment;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The names of the frames of a movie: those of its files if it is a folder of images, else numbers.
fn names_of(input: &Path, n_frames: usize) -> Vec<String> {
    let names = if input.is_dir() { sparkwave_io::frame_names(input).unwrap_or_default() } else { Vec::new() };
    // An OME-Zarr is a folder as well, but none of images.
    if names.len() == n_frames { names } else { (0..n_frames).map(|frame| Moment::Frame(frame).to_string()).collect() }
}

/// What the frames of a movie are called in segments, each otherwise: by their times if all names are times, else by the numbers
/// in their names. Frames without one, or with that of a frame before, get the numbers after the largest; so where no name is a
/// number, they are counted from 0.
fn moments_of(names: &[String]) -> Vec<Moment> {
    let named: Vec<Option<Moment>> = names.iter().map(|name| Moment::parse(name)).collect();
    let times: BTreeSet<&Moment> = named.iter().flatten().filter(|m| matches!(m, Moment::Clock(_))).collect();
    if times.len() == names.len() {
        return named.into_iter().flatten().collect();
    }
    let mut taken = BTreeSet::new();
    let mut number = |moment: Option<Moment>| match moment {
        // Numbers beyond leave room for those after them.
        Some(Moment::Frame(n)) => (n <= usize::MAX - names.len() && taken.insert(n)).then_some(n),
        _ => None,
    };
    let numbers: Vec<Option<usize>> = named.into_iter().map(&mut number).collect();
    let mut next = taken.last().map_or(0, |largest| largest + 1);
    let mut after = || {
        next += 1;
        next - 1
    };
    numbers.into_iter().map(|number| Moment::Frame(number.unwrap_or_else(&mut after))).collect()
}

/// The frames of a movie by what they are called.
pub(super) struct FrameNames {
    names: Vec<String>,
    frames: HashMap<String, usize>,
    /// Of each frame, no two the same.
    moments: Vec<Moment>,
    frames_of_moments: BTreeMap<Moment, usize>,
    /// Seconds since 1970-01-01 00:00 of each frame, if known.
    clock_s: Vec<f64>,
}

impl FrameNames {
    pub(super) fn of(input: &Path, source: &dyn FrameSource) -> Self {
        let n_frames = source.shape().n_frames;
        let names = names_of(input, n_frames);
        let recording = source.recording();
        let start = recording.started_s.as_ref().map(|s| s.value);
        let times = recording.frame_times.as_ref().map(|t| &t.value);
        let at = |frame| Some(start? + times?.at(frame)?.get());
        let clock_s = (0..n_frames).map_while(at).collect();
        let frames = names.iter().cloned().zip(0..).collect();
        let moments = moments_of(&names);
        let frames_of_moments = moments.iter().cloned().zip(0..).collect();
        Self { names, frames, moments, frames_of_moments, clock_s }
    }

    /// The name of a frame.
    pub(super) fn name(&self, frame: usize) -> &str {
        &self.names[frame]
    }

    /// What the frames are called in segments.
    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The frame of this name; of this number or time, as [`moments_of`] tells; or of this time to the second. In a movie whose names
    /// are all times, numbers count frames from 0.
    pub(super) fn frame(&self, name: &str) -> Option<usize> {
        if let Some(frame) = self.frames.get(name) {
            return Some(*frame);
        }
        let moment = Moment::parse(name)?;
        if let Some(frame) = self.frames_of_moments.get(&moment) {
            return Some(*frame);
        }
        match moment {
            // Numbers come before times.
            Moment::Frame(frame) => {
                let all_are_times = matches!(self.frames_of_moments.keys().next()?, Moment::Clock(_));
                (all_are_times && frame < self.names.len()).then_some(frame)
            }
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
        let names = FrameNames::of(folder.path(), &source);
        assert_eq!((names.name(0), names.frame("a10"), names.frame("b")), ("a9", Some(1), None));
        assert_eq!((names.frame("20230922_221436"), names.frame("20230922_221439")), (Some(1), None));
        let bare = FrameNames::of(Path::new("movie.tif"), &source);
        assert_eq!((bare.name(1), bare.frame("000001"), bare.frame("1")), ("000001", Some(1), Some(1)));
    }
    #[test]
    fn numbers_are_those_in_the_names_of_files_that_have_some() {
        let of = |files: &[&str]| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for name in files {
                let path = folder.path().join(format!("{name}.png"));
                sparkwave_io::png::write_gray8(&path, ndarray::Array2::zeros((2, 2)).view()).expect("writable");
            }
            let source = InMemory::new(Recording::default(), Pixels::U8(Array3::zeros((files.len(), 2, 2))));
            FrameNames::of(folder.path(), &source)
        };
        let from_1 = of(&["000001", "000002", "000003"]);
        let found = ["000001", "2", "000003", "0", "000000", "4"].map(|name| from_1.frame(name));
        assert_eq!(found, [Some(0), Some(1), Some(2), None, None, None]);
        let late = of(&["000100", "000101"]);
        assert_eq!(["101", "000005", "1"].map(|name| late.frame(name)), [Some(1), None, None]);
        let timed = of(&["20230922_221431", "20230922_221436"]);
        let found = ["T20230922_221436", "000001", "000002", "20230922"].map(|name| timed.frame(name));
        assert_eq!(found, [Some(1), Some(1), None, None]);
        // What has no number comes after those that have one, and so does the second of two of one number.
        let mixed = of(&["000001", "1", "000007", "mean"]);
        assert!((0..4).all(|frame| mixed.frame(mixed.name(frame)) == Some(frame)));
        assert_eq!(["01", "8", "9"].map(|name| mixed.frame(name)), [Some(0), Some(1), mixed.frame("mean")]);
    }
}
