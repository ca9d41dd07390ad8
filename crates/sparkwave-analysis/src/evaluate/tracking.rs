//! Objects followed through a movie against their true course: region and contour scores of the DAVIS benchmark, and the
//! errors of what users conclude from tracks.
//!
//! J is the intersection over union of a frame, F the harmonic mean of precision and recall of its contour within 0.8 % of
//! the diagonal of the image (Perazzi et al. 2016, CVPR, 724; Pont-Tuset et al. 2017, arXiv:1704.00675). Both are 1 where
//! neither has a pixel. Means, parts above 0.5 and decays are those of the benchmark's code.

use super::Error;
use super::boundary::{self, Near};
use super::overlap::Match;
use super::segmentation::masks;
use ndarray::ArrayView2;
use serde::Serialize;
use sparkwave_core::mask::Mask;
use std::collections::BTreeMap;

/// Part of the diagonal within which contours agree.
const TOLERANCE: f64 = 0.008;

/// Which frames count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// Those in which the true object or its counterpart has a pixel: hours without either would say 1.
    #[default]
    Alive,
    /// All, as the benchmark counts.
    All,
}

/// An object in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TrackedFrame {
    /// 0-based frame.
    pub frame: usize,
    /// Intersection over union.
    pub j: f64,
    /// Contour score.
    pub f: f64,
}

/// Mean and course of a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Course {
    /// Mean over frames.
    pub mean: f64,
    /// Part of the frames above 0.5.
    pub recall: f64,
    /// Mean of the first quarter of the frames less that of the last one, as the benchmark cuts them.
    pub decay: f64,
}

impl Course {
    /// The course of scores in order of frames; `None` of none.
    pub fn of(scores: &[f64]) -> Option<Self> {
        let last = scores.len().checked_sub(1)?;
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        // numpy: round(linspace(1, n, 5) + 1e-10) - 1, the ends of quarters that share their ends.
        let end = |quarter: usize| ((quarter as f64 / 4.0 * last as f64 + 1.0 + 1e-10).round_ties_even() as usize) - 1;
        let n_above = scores.iter().filter(|score| **score > 0.5).count();
        Some(Self {
            mean: mean(scores),
            recall: n_above as f64 / scores.len() as f64,
            decay: mean(&scores[..=end(1)]) - mean(&scores[end(3)..]),
        })
    }
}

/// Where an object is over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// Pixels and centroid (y, x) by frame.
    pub frames: BTreeMap<usize, (u64, [f64; 2])>,
}

impl Path {
    fn push(&mut self, frame: usize, mask: &Mask) {
        let n = mask.n_pixels();
        let sum = mask.pixels().fold([0.0, 0.0], |sum, (y, x)| [sum[0] + y as f64, sum[1] + x as f64]);
        self.frames.insert(frame, (n as u64, sum.map(|v| v / n as f64)));
    }

    /// The first frame with a pixel.
    pub fn onset(&self) -> Option<usize> {
        self.frames.keys().next().copied()
    }

    /// Frames from the first to the last one with a pixel, both counted.
    pub fn n_spanned(&self) -> Option<usize> {
        Some(self.frames.keys().next_back()? - self.onset()? + 1)
    }

    /// The largest number of pixels.
    pub fn max_area(&self) -> Option<u64> {
        self.frames.values().map(|(n, _)| *n).max()
    }

    /// Length of the way of the centroid over the number of frames that it took; `None` of a single frame. `pixel` is the
    /// height and width of a pixel. The centroid of a ring lies in its hollow: fronts have better speeds in `waves.csv`.
    pub fn centroid_speed(&self, pixel: [f64; 2]) -> Option<f64> {
        let (first, last) = (self.onset()?, *self.frames.keys().next_back()?);
        let places: Vec<[f64; 2]> = self.frames.values().map(|(_, at)| *at).collect();
        let step = |two: &[[f64; 2]]| ((two[1][0] - two[0][0]) * pixel[0]).hypot((two[1][1] - two[0][1]) * pixel[1]);
        let length: f64 = places.windows(2).map(step).sum();
        (last > first).then(|| length / (last - first) as f64)
    }
}

/// A true object, its counterpart and their scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Label of the true object.
    pub truth: u32,
    /// Label of its counterpart; `None` if it was missed.
    pub found: Option<u32>,
    /// Scores of the frames that count, in order.
    pub frames: Vec<TrackedFrame>,
    /// The course of the true object.
    pub true_path: Path,
    /// That of its counterpart.
    pub found_path: Path,
}

impl Track {
    /// Mean and course of J; `None` without frames.
    pub fn j(&self) -> Option<Course> {
        Course::of(&self.frames.iter().map(|frame| frame.j).collect::<Vec<_>>())
    }

    /// Mean and course of F; `None` without frames.
    pub fn f(&self) -> Option<Course> {
        Course::of(&self.frames.iter().map(|frame| frame.f).collect::<Vec<_>>())
    }

    /// Mean of the means of J and F; `None` without frames.
    pub fn j_and_f(&self) -> Option<f64> {
        Some((self.j()?.mean + self.f()?.mean) / 2.0)
    }

    /// Mean over frames in which either has a pixel of |found - true| area over the largest true area; `None` without
    /// frames.
    pub fn area_error(&self) -> Option<f64> {
        let largest = self.true_path.max_area()? as f64;
        let area = |path: &Path, frame: usize| path.frames.get(&frame).map_or(0.0, |(n, _)| *n as f64);
        let mut frames: Vec<usize> =
            self.true_path.frames.keys().chain(self.found_path.frames.keys()).copied().collect();
        frames.sort_unstable();
        frames.dedup();
        let error = |&frame: &usize| (area(&self.found_path, frame) - area(&self.true_path, frame)).abs() / largest;
        (!frames.is_empty()).then(|| frames.iter().map(error).sum::<f64>() / frames.len() as f64)
    }
}

/// Tracks that grow frame by frame.
#[derive(Clone, Debug)]
pub struct Tracks {
    counted: Frames,
    tracks: Vec<Track>,
}

impl Tracks {
    /// Begins with the objects of a movie and their counterparts.
    pub fn new(matches: &[Match], counted: Frames) -> Self {
        let start = |m: &Match| Track {
            truth: m.truth,
            found: m.found,
            frames: Vec::new(),
            true_path: Path::default(),
            found_path: Path::default(),
        };
        Self { counted, tracks: matches.iter().map(start).collect() }
    }

    /// Adds a frame of label images `[Y, X]`; frames come in order.
    ///
    /// # Errors
    /// [`Error::Shapes`].
    pub fn add(&mut self, frame: usize, truth: ArrayView2<'_, u32>, found: ArrayView2<'_, u32>) -> Result<(), Error> {
        super::overlap::check_shapes(truth.dim(), found.dim())?;
        let (height, width) = truth.dim();
        let (of_truth, of_found) = (masks(truth), masks(found));
        for track in &mut self.tracks {
            let a = of_truth.get(&track.truth);
            let b = track.found.and_then(|label| of_found.get(&label));
            if let Some(mask) = a {
                track.true_path.push(frame, mask);
            }
            if let Some(mask) = b {
                track.found_path.push(frame, mask);
            }
            if self.counted == Frames::All || a.is_some() || b.is_some() {
                let (j, f) = scores(a, b, [height, width]);
                track.frames.push(TrackedFrame { frame, j, f });
            }
        }
        Ok(())
    }

    /// The tracks, by label of the true object.
    pub fn finish(self) -> Vec<Track> {
        self.tracks
    }
}

/// J and F of two masks of an image of `[height, width]`; `None` is an empty mask.
pub fn scores(truth: Option<&Mask>, found: Option<&Mask>, [height, width]: [usize; 2]) -> (f64, f64) {
    let n = |mask: Option<&Mask>| mask.map_or(0, Mask::n_pixels);
    let both = truth.zip(found).map_or(0, |(t, f)| t.pixels().filter(|&(y, x)| f.contains(y, x)).count());
    let either = n(truth) + n(found) - both;
    let j = if either == 0 { 1.0 } else { both as f64 / either as f64 };
    let rim = |mask: Option<&Mask>| mask.map(|m| boundary::davis_boundary(m, [height, width])).unwrap_or_default();
    let tolerance = (TOLERANCE * (height as f64).hypot(width as f64)).ceil();
    let near: Near = boundary::compare(&rim(truth), &rim(found), [1.0, 1.0], tolerance).0;
    (j, near.f().unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn square(at: usize, label: u32) -> Array2<u32> {
        let inside = |v: usize| (at..at + 10).contains(&v);
        Array2::from_shape_fn((100, 100), |(y, x)| if inside(y) && inside(x) { label } else { 0 })
    }

    #[test]
    fn a_track_that_is_lost_half_way() {
        let matches = [Match { truth: 1, found: Some(4), agreement: Default::default() }];
        let (mut alive, mut all) = (Tracks::new(&matches, Frames::Alive), Tracks::new(&matches, Frames::All));
        let none = Array2::zeros((100, 100));
        for frame in 0..8 {
            let truth = if frame < 6 { square(10 + 3 * frame, 1) } else { none.clone() };
            let found = if frame < 3 { square(10 + 3 * frame, 4) } else { none.clone() };
            alive.add(frame, truth.view(), found.view()).expect("of one shape");
            all.add(frame, truth.view(), found.view()).expect("of one shape");
        }
        let (alive, all) = (alive.finish().remove(0), all.finish().remove(0));
        assert_eq!(alive.frames.len(), 6);
        let j = alive.j().expect("frames");
        assert_eq!((j.mean, j.recall, j.decay), (0.5, 0.5, 1.0));
        assert_eq!((alive.j_and_f(), all.j().map(|j| j.mean)), (Some(0.5), Some(5.0 / 8.0)));
        assert_eq!((alive.true_path.onset(), alive.true_path.n_spanned()), (Some(0), Some(6)));
        assert_eq!(alive.area_error(), Some(0.5));
        let speed = alive.true_path.centroid_speed([2.0, 1.0]).expect("moves");
        assert!((speed - 45f64.sqrt()).abs() < 1e-12, "{speed}");
    }

    #[test]
    fn one_pixel_nothing_and_everything() {
        let pixel = Mask::of_pixels([(5, 5)]);
        assert_eq!(scores(pixel.as_ref(), pixel.as_ref(), [20, 20]), (1.0, 1.0));
        assert_eq!(scores(pixel.as_ref(), None, [20, 20]), (0.0, 0.0));
        assert_eq!(scores(None, None, [20, 20]), (1.0, 1.0));
        let full = Mask::of_image(&Array2::from_elem((20, 20), true));
        assert_eq!(scores(full.as_ref(), full.as_ref(), [20, 20]), (1.0, 1.0));
        let nothing = Tracks::new(&[], Frames::All).finish();
        assert!(nothing.is_empty() && Course::of(&[]).is_none());
        assert_eq!(Course::of(&[0.25]), Some(Course { mean: 0.25, recall: 0.0, decay: 0.0 }));
        let lost =
            Tracks::new(&[Match { truth: 1, found: None, agreement: Default::default() }], Frames::Alive).finish();
        assert_eq!(
            (lost[0].j_and_f(), lost[0].area_error(), lost[0].true_path.centroid_speed([1.0; 2])),
            (None, None, None)
        );
    }
}
