//! Growing events from their cores: a seeded watershed.
//!
//! F. Meyer, "Topographic distance and watershed lines", Signal Process. 38, 113-125 (1994). Voxels next to a labelled
//! one are taken in order of their level, the highest first, and join that event; the valley falls to the earlier event. An event takes
//! only voxels above its own floor and inside its own window of frames.

use super::sparse::SparseVolume;
use sparkwave_core::axes::Span;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What an event may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Lowest level of a voxel.
    pub floor: f32,
    /// Frames within which it may grow.
    pub frames: Span,
}

/// A positive level that can be ordered: the bits of a positive float grow with its value.
fn key(level: f32) -> u32 {
    level.max(0.0).to_bits()
}

/// Extends labels over the volume. `labels` holds for every voxel 0 or the 1-based number of its event; `reaches` has
/// one entry an event. Ties are broken by position, so the result does not depend on the order of anything.
pub fn grow(volume: &SparseVolume, labels: &mut [u32], reaches: &[Reach]) {
    let mut front = BinaryHeap::new();
    let offer = |front: &mut BinaryHeap<_>, labels: &[u32], i: usize| {
        let label = labels[i];
        let reach = reaches[label as usize - 1];
        volume.for_each_neighbour(i, |j| {
            let candidate = volume.voxels()[j];
            let inside = candidate.level >= reach.floor && reach.frames.contains(candidate.voxel.t as usize);
            if labels[j] == 0 && inside {
                front.push((key(candidate.level), Reverse(j), Reverse(label)));
            }
        });
    };
    for i in (0..labels.len()).filter(|&i| labels[i] > 0).collect::<Vec<_>>() {
        offer(&mut front, labels, i);
    }
    while let Some((_, Reverse(i), Reverse(label))) = front.pop() {
        if labels[i] == 0 {
            labels[i] = label;
            offer(&mut front, labels, i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sparse::tests::active;
    use super::*;

    #[test]
    fn two_events_meet_in_the_valley_and_keep_to_their_floors() {
        let levels = [1.0, 4.0, 9.0, 6.0, 5.0, 7.0, 8.0, 2.0];
        let voxels = levels.iter().enumerate().map(|(t, &s)| active(t as u32, 0, 0, s)).collect();
        let volume = SparseVolume::new(voxels, 1);
        let mut labels = [0, 0, 1, 0, 0, 0, 2, 0];
        let all = Span::new(0, 8);
        grow(&volume, &mut labels, &[Reach { floor: 3.0, frames: all }, Reach { floor: 1.5, frames: all }]);
        assert_eq!(labels, [0, 1, 1, 1, 1, 2, 2, 2]);
        let mut labels = [0, 0, 1, 0, 0, 0, 0, 0];
        grow(&volume, &mut labels, &[Reach { floor: 3.0, frames: Span::new(2, 4) }]);
        assert_eq!(labels, [0, 0, 1, 1, 0, 0, 0, 0]);
    }
}
