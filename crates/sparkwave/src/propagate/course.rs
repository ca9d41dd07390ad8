//! Which frames are passed, in which direction and order.

use super::PropagateConfig;
use super::propagator::Direction;
use super::said::Said;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// In which direction objects are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// From the first prompt to the end, then back to the beginning, to where objects have not been followed yet.
    #[default]
    Both,
    /// From the first prompt to the end.
    Forwards,
    /// From the last prompt to the beginning.
    Backwards,
}

/// Frames that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    pub(super) direction: Direction,
    earliest: usize,
    latest: usize,
}

impl Pass {
    /// Over these frames; `None` if there are none.
    fn new(direction: Direction, frames: std::ops::Range<usize>) -> Option<Self> {
        let latest = frames.end.checked_sub(1)?;
        (!frames.is_empty()).then_some(Self { direction, earliest: frames.start, latest })
    }

    /// Its frames in the order in which they are passed.
    pub(super) fn frames(&self) -> Vec<usize> {
        match self.direction {
            Direction::Forwards => (self.earliest..=self.latest).collect(),
            Direction::Backwards => (self.earliest..=self.latest).rev().collect(),
        }
    }

    /// The frame that it begins with.
    pub(super) fn first(&self) -> usize {
        match self.direction {
            Direction::Forwards => self.earliest,
            Direction::Backwards => self.latest,
        }
    }

    /// Whether a frame is still to come once `n_passed` of its frames were passed.
    pub(super) fn is_ahead(&self, frame: usize, n_passed: usize) -> bool {
        (self.earliest..=self.latest).contains(&frame) && frame.abs_diff(self.first()) >= n_passed
    }

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

/// The passes over the frames, and where each object is followed from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Route {
    pub(super) passes: Vec<Pass>,
    pub(super) begins: BTreeMap<u32, usize>,
    /// Whether objects are followed to all frames of the first pass, those before their first prompt included.
    knows_ahead: bool,
}

impl Route {
    /// Whether an object is followed to a frame in a pass.
    pub(super) fn wants(&self, pass: usize, frame: usize, object: u32) -> bool {
        let (Some(&begin), Some(direction)) = (self.begins.get(&object), self.passes.get(pass).map(|p| p.direction))
        else {
            return false;
        };
        self.knows_ahead
            || match direction {
                Direction::Forwards => begin <= frame,
                Direction::Backwards if pass == 0 => begin >= frame,
                Direction::Backwards => begin > frame,
            }
    }

    /// How this route, that of all that is said by now, goes on from an earlier one that was left in `pass`, when nothing new was said
    /// of frames left behind. What is new in a later pass does not change where objects begin: they were followed from there.
    /// `None` if objects that are new belong into frames left behind, too, so that all is to be followed anew.
    pub(super) fn after(self, earlier: &Self, pass: usize) -> Option<Self> {
        let first = |route: &Self| route.passes.first().map(Pass::first);
        let no_object_is_new = self.begins.keys().all(|object| earlier.begins.contains_key(object));
        match pass {
            0 => (first(&self) == first(earlier) && (no_object_is_new || !self.knows_ahead)).then_some(self),
            _ => no_object_is_new.then(|| earlier.clone()),
        }
    }
}

/// The way over these frames, given what was said; `knows_ahead` as in [`Route`].
///
/// # Errors
/// If nothing was said of any of the frames.
pub(super) fn route(
    course: Course,
    range: &RangeInclusive<usize>,
    said: &Said,
    knows_ahead: bool,
) -> Result<Route, Error> {
    let inside = || said.shown().filter(|frame| range.contains(frame));
    let (Some(first), Some(last)) = (inside().min(), inside().max()) else {
        let expected = "a prompt in one of the frames that are to be followed through";
        return Err(Error::Parameter { name: "prompts", expected, found: "none".into() });
    };
    let mut begins = BTreeMap::new();
    for object in said.objects() {
        let prompts = said.prompts.iter().filter(|prompt| prompt.object == object && !prompt.is_absence());
        let frames = || prompts.clone().map(|prompt| prompt.frame);
        let begin = match course {
            Course::Both | Course::Forwards => frames().filter(|&f| f <= first).max().or(frames().min()),
            Course::Backwards => frames().filter(|&f| f >= last).min().or(frames().max()),
        };
        begins.extend(begin.map(|begin| (object, begin)));
    }
    let end = *range.end() + 1;
    let forwards = || Pass::new(Direction::Forwards, first..end);
    let backwards = |from: usize| Pass::new(Direction::Backwards, *range.start()..from);
    let passes = match course {
        Course::Forwards => vec![forwards()],
        Course::Backwards => vec![backwards(last + 1)],
        Course::Both => {
            // Objects that come in later are followed to the frames before on the way back.
            let latest = if knows_ahead { first } else { begins.values().copied().max().unwrap_or(first).max(first) };
            vec![forwards(), backwards(latest.min(end))]
        }
    };
    Ok(Route { passes: passes.into_iter().flatten().collect(), begins, knows_ahead })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::mask::Mask;
    use sparkwave_core::prompt::Prompt;

    /// Something is said of these objects in these frames.
    fn said(prompts: &[(u32, usize)]) -> Said {
        let mask = Mask::of_pixels([(0, 0)]).expect("a pixel");
        Said::of_prompts(prompts.iter().map(|&(object, frame)| Prompt::of_mask(frame, object, &mask)).collect())
    }

    fn frames(course: Course, range: RangeInclusive<usize>, prompts: &[(u32, usize)]) -> Vec<Vec<usize>> {
        let route = route(course, &range, &said(prompts), false).expect("a prompt");
        route.passes.iter().map(Pass::frames).collect()
    }

    #[test]
    fn every_frame_is_passed() {
        assert_eq!(frames(Course::Both, 0..=5, &[(1, 4), (1, 2)]), [vec![2, 3, 4, 5], vec![1, 0]]);
        assert_eq!(frames(Course::Both, 2..=5, &[(1, 2)]), [vec![2, 3, 4, 5]]);
        assert_eq!(frames(Course::Forwards, 0..=5, &[(1, 4), (1, 2)]), [vec![2, 3, 4, 5]]);
        assert_eq!(frames(Course::Backwards, 1..=5, &[(1, 4), (1, 2)]), [vec![4, 3, 2, 1]]);
        assert!(route(Course::Both, &(3..=5), &said(&[(1, 1)]), false).is_err(), "no prompt among the frames");
    }

    #[test]
    fn an_object_that_comes_in_later_is_looked_for_on_the_way_back() {
        assert_eq!(frames(Course::Both, 0..=4, &[(1, 0), (2, 3), (2, 4)]), [vec![0, 1, 2, 3, 4], vec![2, 1, 0]]);
        let late = |knows_ahead| {
            let route = route(Course::Both, &(0..=4), &said(&[(1, 1), (2, 3)]), knows_ahead).expect("a prompt");
            let wanted = |object| {
                let frames = route
                    .passes
                    .iter()
                    .enumerate()
                    .flat_map(|(i, pass)| pass.frames().into_iter().map(move |f| (i, f)));
                frames.filter(|&(i, frame)| route.wants(i, frame, object)).collect::<Vec<_>>()
            };
            [wanted(1), wanted(2), wanted(9)]
        };
        let [first, second, none] = late(false);
        assert_eq!(first, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 0)]);
        assert_eq!(second, [(0, 3), (0, 4), (1, 2), (1, 1), (1, 0)]);
        assert!(none.is_empty());
        let [first, second, _] = late(true);
        assert!(first == second && first == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 0)]);
        let begins = |course, range: RangeInclusive<usize>, prompts: &[(u32, usize)]| {
            route(course, &range, &said(prompts), false).expect("a prompt").begins.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(begins(Course::Both, 0..=9, &[(1, 0), (2, 3), (2, 4)]), [(1, 0), (2, 3)]);
        assert_eq!(begins(Course::Backwards, 0..=9, &[(1, 0), (2, 3), (2, 4)]), [(1, 0), (2, 4)]);
        // Of what was said before the frames that are asked for, the last counts.
        assert_eq!(begins(Course::Both, 6..=9, &[(1, 2), (1, 5), (1, 7), (2, 6)]), [(1, 5), (2, 6)]);
    }
}
