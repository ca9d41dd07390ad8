//! What is remembered of one object.

mod state;

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::models::sam2::{MEMORIES, Point, Pointed, Remembered};

/// Over how many frames pointers are kept, the present one counted.
const POINTERS: usize = 16;

/// Where time goes while an object is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To later frames.
    Forwards,
    /// To earlier frames.
    Backwards,
}

impl Direction {
    /// The frame that came `steps` before this one; none before the beginning.
    fn before(self, frame: usize, steps: usize) -> Option<usize> {
        match self {
            Self::Forwards => frame.checked_sub(steps),
            Self::Backwards => frame.checked_add(steps),
        }
    }

    /// How many steps ago `earlier` was; none if it is still to come.
    fn since(self, earlier: usize, frame: usize) -> Option<usize> {
        match self {
            Self::Forwards => frame.checked_sub(earlier),
            Self::Backwards => earlier.checked_sub(frame),
        }
    }
}

/// An object in a frame.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Logits at a quarter of the network's resolution, `[1, 1, y, x]`.
    pub(super) mask: Tensor<4>,
    /// `[1, side, side, 64]`.
    pub(super) memory: Tensor<4>,
    /// `[1, 256]`.
    pub(super) pointer: Tensor<2>,
    /// The overlap that the mask is expected to have with the object, 0 to 1.
    pub(super) quality: f32,
    /// The logit that the object is in the frame.
    pub(super) presence: f32,
}

/// The frames in which an object was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Bank {
    /// Those that a person said something of, on which all others rest.
    prompted: BTreeMap<usize, Seen>,
    /// Of these, those that had been followed before, so that what is known of them follows from more than was said.
    corrected: BTreeSet<usize>,
    /// Those that followed from others.
    followed: BTreeMap<usize, Seen>,
    /// In which direction a frame was last passed.
    passed: BTreeMap<usize, Direction>,
    /// The points that were said of a frame.
    pub(super) points: BTreeMap<usize, Vec<Point>>,
}

impl Bank {
    pub(super) fn is_empty(&self) -> bool {
        self.prompted.is_empty()
    }

    pub(super) fn prompted(&self, frame: usize) -> Option<&Seen> {
        self.prompted.get(&frame)
    }

    pub(super) fn seen(&self, frame: usize) -> Option<&Seen> {
        self.prompted.get(&frame).or_else(|| self.followed.get(&frame))
    }

    pub(super) fn passed(&self, frame: usize) -> Option<Direction> {
        self.passed.get(&frame).copied()
    }

    pub(super) fn prompt(&mut self, frame: usize, seen: Seen) {
        self.followed.remove(&frame);
        self.prompted.insert(frame, seen);
    }

    /// As [`Bank::prompt`], of a frame that was followed.
    pub(super) fn correct(&mut self, frame: usize, seen: Seen) {
        self.prompt(frame, seen);
        self.corrected.insert(frame);
    }

    pub(super) fn follow(&mut self, frame: usize, seen: Seen) {
        self.followed.insert(frame, seen);
    }

    /// Notes that a frame was passed, and forgets what no frame near it, or near the first or the last prompted one, from where
    /// one turns back, can ask for.
    pub(super) fn pass(&mut self, frame: usize, direction: Direction) {
        self.passed.insert(frame, direction);
        let ends = [self.prompted.keys().next(), self.prompted.keys().next_back()].map(|end| end.copied());
        let centres = [Some(frame), ends[0], ends[1]];
        self.followed.retain(|&t, _| centres.iter().flatten().any(|&centre| t.abs_diff(centre) <= POINTERS));
    }

    /// Takes back what was said of a frame: what was seen in it then counts as followed.
    pub(super) fn retract(&mut self, frame: usize) {
        self.points.remove(&frame);
        self.corrected.remove(&frame);
        if let Some(seen) = self.prompted.remove(&frame) {
            self.followed.insert(frame, seen);
            self.passed.remove(&frame);
        }
    }

    /// The prompted frames on which a frame rests: the last before it, the first from it on, and the nearest others, `most` of
    /// them altogether, at least 2 (`select_closest_cond_frames` of the published code).
    fn conditioning(&self, frame: usize, most: Option<usize>) -> BTreeMap<usize, &Seen> {
        let before = self.prompted.range(..frame).next_back().map(|(&t, _)| t);
        let after = self.prompted.range(frame..).next().map(|(&t, _)| t);
        let mut nearest: Vec<usize> = self.prompted.keys().copied().collect();
        nearest.sort_by_key(|&t| (Some(t) != before && Some(t) != after, t.abs_diff(frame)));
        nearest.truncate(most.map_or(usize::MAX, |most| most.max(2)));
        nearest.into_iter().map(|t| (t, &self.prompted[&t])).collect()
    }

    /// The memories that are asked for at a frame, if it rests on `most` prompted frames, all if it is not said how many.
    pub(super) fn memories(&self, frame: usize, direction: Direction, most: Option<usize>) -> Vec<Remembered<'_>> {
        let conditioning = self.conditioning(frame, most);
        let prompted = conditioning.values().map(|seen| Remembered { memory: &seen.memory, age: 0 });
        let recent = (1..MEMORIES).rev().filter_map(|age| {
            let seen = self.other(direction.before(frame, age)?, &conditioning)?;
            Some(Remembered { memory: &seen.memory, age })
        });
        prompted.chain(recent).collect()
    }

    /// The pointers that are asked for at a frame of a movie of `n_frames`: those of prompted frames that were passed, and
    /// of the last frames.
    pub(super) fn pointers(
        &self,
        frame: usize,
        direction: Direction,
        n_frames: usize,
        most: Option<usize>,
    ) -> Vec<Pointed<'_>> {
        let conditioning = self.conditioning(frame, most);
        let longest = POINTERS.min(n_frames).saturating_sub(1);
        let of = |seen, steps| pointed(seen, steps, longest);
        let prompted = conditioning.iter().filter_map(|(&t, seen)| Some(of(seen, direction.since(t, frame)?)));
        let recent = (1..=longest).filter_map(|steps| {
            let t = direction.before(frame, steps).filter(|&t| t < n_frames)?;
            Some(of(self.other(t, &conditioning)?, steps))
        });
        prompted.chain(recent).collect()
    }

    /// What was seen in a frame on which the present one does not rest.
    fn other(&self, frame: usize, conditioning: &BTreeMap<usize, &Seen>) -> Option<&Seen> {
        self.seen(frame).filter(|_| !conditioning.contains_key(&frame))
    }
}

fn pointed(seen: &Seen, steps: usize, longest: usize) -> Pointed<'_> {
    Pointed { pointer: &seen.pointer, distance: steps as f32 / longest.max(1) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;

    pub(super) fn seen() -> Seen {
        let device = cpu();
        Seen {
            mask: Tensor::zeros([1, 1, 4, 4], &device),
            memory: Tensor::zeros([1, 1, 1, 64], &device),
            pointer: Tensor::zeros([1, 256], &device),
            quality: 1.0,
            presence: 1.0,
        }
    }

    fn ages(bank: &Bank, frame: usize, direction: Direction) -> Vec<usize> {
        bank.memories(frame, direction, None).iter().map(|memory| memory.age).collect()
    }

    #[test]
    fn a_long_way_from_a_prompt_only_what_can_be_asked_for_is_kept() {
        let mut bank = Bank::default();
        bank.prompt(100, seen());
        for frame in 101..200 {
            assert_eq!(ages(&bank, frame, Direction::Forwards).len(), (frame - 100).min(7));
            bank.follow(frame, seen());
            bank.pass(frame, Direction::Forwards);
            assert!(bank.followed.len() <= 2 * POINTERS + 1, "{}", bank.followed.len());
        }
        assert_eq!(ages(&bank, 200, Direction::Forwards), [0, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bank.pointers(200, Direction::Forwards, 1000, None).len(), 1 + 15);
        // Backwards from the prompt, the first frames after it are the last that were seen.
        assert_eq!(ages(&bank, 99, Direction::Backwards), [0, 6, 5, 4, 3, 2]);
        assert_eq!(bank.pointers(99, Direction::Backwards, 1000, None).len(), 1 + 14);
        // Forwards from before it, it is remembered, but not pointed at.
        assert_eq!(ages(&bank, 99, Direction::Forwards), [0]);
        assert!(bank.pointers(99, Direction::Forwards, 1000, None).is_empty());
    }

    #[test]
    fn of_many_prompted_frames_the_nearest_count() {
        let mut bank = Bank::default();
        [3, 10, 12, 14, 40, 90].into_iter().for_each(|t| bank.prompt(t, seen()));
        let frames = |frame, most| bank.conditioning(frame, most).into_keys().collect::<Vec<_>>();
        assert_eq!(frames(15, None), [3, 10, 12, 14, 40, 90]);
        assert_eq!(frames(15, Some(2)), [14, 40], "one on either side, though 12 is nearer");
        assert_eq!(frames(15, Some(4)), [10, 12, 14, 40]);
        assert_eq!(frames(14, Some(2)), [12, 14], "a prompted frame comes after itself");
        assert_eq!(frames(95, Some(3)), [14, 40, 90]);
        assert_eq!(frames(15, Some(0)).len(), 2);
        // Those that are left out are remembered like any other: 12 three and 10 five frames ago.
        let memories = bank.memories(15, Direction::Forwards, Some(2));
        assert_eq!(memories.iter().map(|m| m.age).collect::<Vec<_>>(), [0, 0, 5, 3]);
        assert_eq!(bank.pointers(15, Direction::Forwards, 1000, Some(2)).len(), 1 + 3);
        assert_eq!(bank.pointers(15, Direction::Forwards, 1000, None).len(), 4);
    }

    #[test]
    fn what_is_taken_back_counts_as_followed() {
        let mut bank = Bank::default();
        bank.prompt(5, seen());
        bank.pass(5, Direction::Forwards);
        bank.retract(5);
        assert!(bank.is_empty() && bank.seen(5).is_some() && bank.passed(5).is_none());
    }
}
