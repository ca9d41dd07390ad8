//! What is remembered of one object.

mod state;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::models::sam2::{MEMORIES, Point, Pointed, Remembered};

/// Over how many frames pointers are kept, the present one counted.
const POINTERS: usize = 16;

/// Where time goes while an object is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    pub(super) fn follow(&mut self, frame: usize, seen: Seen) {
        self.followed.insert(frame, seen);
    }

    /// Notes that a frame was passed, and forgets what no frame near it or near a prompted one can ask for.
    pub(super) fn pass(&mut self, frame: usize, direction: Direction) {
        self.passed.insert(frame, direction);
        let prompted = &self.prompted;
        let near = |t: usize| {
            let reach = t.saturating_sub(POINTERS)..=t.saturating_add(POINTERS);
            reach.contains(&frame) || prompted.range(reach).next().is_some()
        };
        self.followed.retain(|&t, _| near(t));
    }

    /// Takes back what was said of a frame: what was seen in it then counts as followed.
    pub(super) fn retract(&mut self, frame: usize) {
        self.points.remove(&frame);
        if let Some(seen) = self.prompted.remove(&frame) {
            self.followed.insert(frame, seen);
            self.passed.remove(&frame);
        }
    }

    /// The memories that are asked for at a frame.
    pub(super) fn memories(&self, frame: usize, direction: Direction) -> Vec<Remembered<'_>> {
        let prompted = self.prompted.values().map(|seen| Remembered { memory: &seen.memory, age: 0 });
        let recent = (1..MEMORIES).rev().filter_map(|age| {
            let seen = self.followed.get(&direction.before(frame, age)?)?;
            Some(Remembered { memory: &seen.memory, age })
        });
        prompted.chain(recent).collect()
    }

    /// The pointers that are asked for at a frame of a movie of `n_frames`: those of prompted frames that were passed, and
    /// of the last frames.
    pub(super) fn pointers(&self, frame: usize, direction: Direction, n_frames: usize) -> Vec<Pointed<'_>> {
        let longest = POINTERS.min(n_frames).saturating_sub(1);
        let of = |seen, steps| pointed(seen, steps, longest);
        let prompted = self.prompted.iter().filter_map(|(&t, seen)| Some(of(seen, direction.since(t, frame)?)));
        let recent = (1..=longest).filter_map(|steps| {
            let t = direction.before(frame, steps).filter(|&t| t < n_frames)?;
            Some(of(self.followed.get(&t)?, steps))
        });
        prompted.chain(recent).collect()
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
        bank.memories(frame, direction).iter().map(|memory| memory.age).collect()
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
        assert_eq!(bank.pointers(200, Direction::Forwards, 1000).len(), 1 + 15);
        // Backwards from the prompt, the first frames after it are the last that were seen.
        assert_eq!(ages(&bank, 99, Direction::Backwards), [0, 6, 5, 4, 3, 2]);
        assert_eq!(bank.pointers(99, Direction::Backwards, 1000).len(), 1 + 14);
        // Forwards from before it, it is remembered, but not pointed at.
        assert_eq!(ages(&bank, 99, Direction::Forwards), [0]);
        assert!(bank.pointers(99, Direction::Forwards, 1000).is_empty());
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
