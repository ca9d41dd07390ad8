//! Which frames are passed, in which direction and order.

use super::PropagateConfig;
use super::propagator::Direction;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// In which direction objects are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// From the first prompt to the end, then from there to the beginning.
    #[default]
    Both,
    /// From the first prompt to the end.
    Forwards,
    /// From the last prompt to the beginning.
    Backwards,
}

/// Frames that follow each other.
pub(super) struct Pass {
    pub(super) direction: Direction,
    pub(super) frames: Vec<usize>,
}

impl Pass {
    pub(super) fn name(&self) -> &'static str {
        match self.direction {
            Direction::Forwards => "follow forwards",
            Direction::Backwards => "follow backwards",
        }
    }
}

/// The frames that are asked for.
pub(super) fn range(config: &PropagateConfig, n_frames: usize) -> Result<RangeInclusive<usize>, Error> {
    let end = n_frames.saturating_sub(1);
    let (first, last) = (config.first_frame.unwrap_or(0), config.last_frame.unwrap_or(end));
    if first > last || last > end {
        let expected = "a first frame, and a last one not before it, of the movie";
        return Err(Error::Parameter { name: "frames", expected, found: format!("{first} to {last} of {n_frames}") });
    }
    Ok(first..=last)
}

/// The passes over these frames, given the frames in which something was said.
pub(super) fn passes(
    course: Course,
    range: &RangeInclusive<usize>,
    prompted: impl Iterator<Item = usize>,
) -> Result<Vec<Pass>, Error> {
    let inside: Vec<usize> = prompted.filter(|frame| range.contains(frame)).collect();
    let (Some(&first), Some(&last)) = (inside.iter().min(), inside.iter().max()) else {
        let expected = "a prompt in one of the frames";
        return Err(Error::Parameter { name: "prompts", expected, found: "none".into() });
    };
    let forwards = || Pass { direction: Direction::Forwards, frames: (first..=*range.end()).collect() };
    let backwards =
        |from: usize| Pass { direction: Direction::Backwards, frames: (*range.start()..=from).rev().collect() };
    Ok(match course {
        Course::Forwards => vec![forwards()],
        Course::Backwards => vec![backwards(last)],
        Course::Both if first > *range.start() => vec![forwards(), backwards(first - 1)],
        Course::Both => vec![forwards()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_passed_once() {
        let frames = |course, range: RangeInclusive<usize>, prompted: &[usize]| -> Vec<Vec<usize>> {
            let passes = passes(course, &range, prompted.iter().copied()).expect("a prompt");
            passes.into_iter().map(|pass| pass.frames).collect()
        };
        assert_eq!(frames(Course::Both, 0..=5, &[4, 2]), [vec![2, 3, 4, 5], vec![1, 0]]);
        assert_eq!(frames(Course::Both, 2..=5, &[2]), [vec![2, 3, 4, 5]]);
        assert_eq!(frames(Course::Forwards, 0..=5, &[4, 2]), [vec![2, 3, 4, 5]]);
        assert_eq!(frames(Course::Backwards, 1..=5, &[4, 2]), [vec![4, 3, 2, 1]]);
        assert!(passes(Course::Both, &(3..=5), [1].into_iter()).is_err(), "no prompt among the frames");
    }
}
