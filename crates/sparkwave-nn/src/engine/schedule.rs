//! Which frames of which layer of a U-Net can be computed once so many frames of its input are there.

use std::ops::Range;

/// What a level of the network holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// What comes to this level from the one above, or from outside.
    Input,
    /// Between the two convolutions of the encoder.
    Between,
    /// What they give: it goes down, and across to the decoder.
    Skip,
    /// What comes from the level below.
    Up,
    /// Between the two convolutions of the decoder.
    Joined,
    /// What they give.
    Output,
}

impl Layer {
    pub(super) const ALL: [Self; 6] = [Self::Input, Self::Between, Self::Skip, Self::Up, Self::Joined, Self::Output];
}

/// How many frames of each layer are there.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// The strides along time of the poolings.
    strides: Vec<usize>,
    /// All frames of each level.
    totals: Vec<usize>,
    reached: Vec<[usize; 6]>,
}

impl Schedule {
    /// For a movie of `total` frames, a multiple of all strides together.
    pub(super) fn new(strides: Vec<usize>, total: usize) -> Self {
        let mut totals = vec![total];
        totals.extend(strides.iter().scan(total, |n, stride| {
            *n /= stride;
            Some(*n)
        }));
        let reached = vec![[0; 6]; totals.len()];
        Self { strides, totals, reached }
    }

    /// How many frames of a layer there are.
    pub(super) fn reached(&self, level: usize, layer: Layer) -> usize {
        self.reached[level][layer as usize]
    }

    /// All frames of a level.
    pub(super) fn total(&self, level: usize) -> usize {
        self.totals[level]
    }

    /// The layer from which a level of the decoder is fed.
    pub(super) fn source(&self, level: usize) -> Layer {
        if level + 1 == self.totals.len() { Layer::Skip } else { Layer::Output }
    }

    /// Goes on as far as the first `n` frames of the input allow: a convolution along time needs one frame more than it gives,
    /// and so does the way up.
    pub(super) fn advance(&mut self, n: usize) {
        let depth = self.strides.len();
        let with_next = |have: usize, total: usize| if have == total { total } else { have.saturating_sub(1) };
        for level in 0..=depth {
            let total = self.totals[level];
            let input = if level == 0 { n } else { self.reached(level - 1, Layer::Skip) / self.strides[level - 1] };
            let between = with_next(input, total);
            self.reached[level][..3].copy_from_slice(&[input, between, with_next(between, total)]);
        }
        for level in (0..depth).rev() {
            let total = self.totals[level];
            let below = self.reached(level + 1, self.source(level + 1));
            let up = with_next(below, self.totals[level + 1]) * self.strides[level];
            let joined = with_next(up.min(self.reached(level, Layer::Skip)), total);
            self.reached[level][3..].copy_from_slice(&[up, joined, with_next(joined, total)]);
        }
    }

    /// The first frame of a layer that is still needed.
    pub(super) fn needed(&self, level: usize, layer: Layer) -> usize {
        let before = |layer: Layer| self.reached(level, layer).saturating_sub(1);
        let for_level_above = || (self.reached(level - 1, Layer::Up) / self.strides[level - 1]).saturating_sub(1);
        let needed = match layer {
            Layer::Input => before(Layer::Between),
            Layer::Between => before(Layer::Skip),
            Layer::Skip if level == self.strides.len() => for_level_above(),
            Layer::Skip => before(Layer::Joined).min(self.reached(level + 1, Layer::Input) * self.strides[level]),
            Layer::Up => before(Layer::Joined),
            Layer::Joined => before(Layer::Output),
            Layer::Output if level == 0 => self.reached(0, Layer::Output),
            Layer::Output => for_level_above(),
        };
        needed.min(self.reached(level, layer))
    }

    /// How many frames each layer holds at most, if the input comes `chunk` frames at a time, with as much again as is held
    /// from one time to the next: so whatever has to be moved to make room is moved rarely.
    pub(super) fn capacities(&self, chunk: usize) -> Vec<[usize; 6]> {
        let enough = self.enough(chunk);
        let mut now = Self::new(self.strides.clone(), enough);
        let mut most = vec![[0; 6]; self.totals.len()];
        for range in chunks(enough, chunk) {
            let before = now.clone();
            now.advance(range.end);
            for (level, most) in most.iter_mut().enumerate() {
                for layer in Layer::ALL {
                    let kept = before.needed(level, layer);
                    let (held, room) = (before.reached(level, layer) - kept, now.reached(level, layer) - kept);
                    let most = &mut most[layer as usize];
                    *most = (*most).max(held + room);
                }
            }
        }
        most
    }

    /// Frames of a short movie that needs as much room as this one: once every layer has begun, the same happens again and
    /// again until the end.
    fn enough(&self, chunk: usize) -> usize {
        let (total, chunk) = (self.totals[0], chunk.max(1));
        let (mut multiple, mut waits) = (1, 1);
        for stride in &self.strides {
            multiple *= stride;
            waits += multiple;
        }
        // After so many, all layers stand as before.
        let period = multiple * chunk;
        // Five layers of a level wait for one of its frames each.
        let begun = (5 * waits).next_multiple_of(period) + period;
        if total < begun { total } else { begun + (total - begun) % period }
    }
}

/// The frames `0..total`, `chunk` at a time.
pub(super) fn chunks(total: usize, chunk: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(chunk.max(1)).map(move |start| start..(start + chunk).min(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_frames_come_and_none_too_early() {
        for (strides, total) in [(vec![2, 2], 40), (vec![1, 2], 6), (vec![2, 1, 2], 52), (vec![1], 1)] {
            for chunk in [1, 4, 7, 100] {
                let mut schedule = Schedule::new(strides.clone(), total);
                let capacities = schedule.capacities(chunk);
                for range in chunks(total, chunk) {
                    let before = schedule.clone();
                    schedule.advance(range.end);
                    for (level, capacities) in capacities.iter().enumerate() {
                        for layer in Layer::ALL {
                            let (old, new) = (before.reached(level, layer), schedule.reached(level, layer));
                            assert!(old <= new && new <= schedule.total(level));
                            assert!(new - before.needed(level, layer) <= capacities[layer as usize]);
                        }
                        let [input, between, skip, up, joined, output] = schedule.reached[level];
                        assert!(between <= input && skip <= between && output <= joined && joined <= up.min(skip));
                    }
                }
                assert_eq!(schedule.reached(0, Layer::Output), total, "{strides:?} by {chunk}");
            }
        }
    }

    #[test]
    fn a_long_movie_needs_the_room_of_a_short_one_that_ends_alike() {
        for (strides, chunk) in [(vec![2, 2], 4), (vec![1, 2], 7), (vec![2, 1, 2], 4), (vec![1], 3), (vec![3, 2], 4)] {
            let multiple: usize = strides.iter().product();
            for total in (1..=400 / multiple).map(|n| n * multiple) {
                let schedule = Schedule::new(strides.clone(), total);
                let capacities = schedule.capacities(chunk);
                let mut most = vec![[0; 6]; capacities.len()];
                let mut now = schedule;
                for range in chunks(total, chunk) {
                    let before = now.clone();
                    now.advance(range.end);
                    for (level, layer) in (0..most.len()).flat_map(|level| Layer::ALL.map(|layer| (level, layer))) {
                        let kept = before.needed(level, layer);
                        let room = before.reached(level, layer) - kept + now.reached(level, layer) - kept;
                        most[level][layer as usize] = room.max(most[level][layer as usize]);
                    }
                }
                assert_eq!(capacities, most, "{strides:?}, {total} frames by {chunk}");
            }
        }
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_movie() {
        let held = |total| Schedule::new(vec![2, 2], total).capacities(8);
        assert_eq!(held(400), held(4000));
        let of_skip = held(400)[0][Layer::Skip as usize];
        assert!((20..80).contains(&of_skip), "{of_skip}");
    }
}
