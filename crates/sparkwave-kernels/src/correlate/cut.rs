//! How the work is cut into tasks, and in which order a task goes over the volume.

use super::{LANES, VECTORS};
use crate::stack::Layout;
use std::ops::Range;

/// Positions of a segment, about.
const SEGMENT: usize = 1024;

/// Tasks of a run, about.
const TASKS: usize = 64;

/// The positions of a run in segments: planes are cut into bands of rows, and of each band all planes follow each other.
/// So what a task has read of a plane is still in the cache when it computes the next. Small planes are not cut, and
/// segments go on over them.
#[derive(Debug)]
pub(super) struct Cut {
    /// Positions of a plane, of its bands, and number of planes.
    plane: usize,
    band: usize,
    planes: usize,
    segments_per_task: usize,
    runs: usize,
    blocks: usize,
    blocks_per_task: usize,
}

/// What a task computes.
pub(super) struct Task {
    pub(super) run: usize,
    pub(super) segments: Range<usize>,
    pub(super) blocks: Range<usize>,
}

impl Cut {
    /// `blocks` are those of the output channels.
    pub(super) fn new(layout: Layout, blocks: usize) -> Self {
        let positions = layout.positions();
        let plane = layout.volume.height * layout.volume.width;
        let rows = (SEGMENT / layout.volume.width).max(1);
        let (plane, planes, band) = if plane <= 2 * SEGMENT {
            (positions, 1, SEGMENT / (LANES * VECTORS) * LANES * VECTORS)
        } else {
            (plane, positions / plane, rows * layout.volume.width)
        };
        let segments = planes * plane.div_ceil(band);
        // Small volumes have many channels: there, the weights are what must stay in the cache.
        let by_block = positions <= 512 && blocks >= 8;
        let (segments_per_task, blocks_per_task) =
            if by_block { (segments, 1) } else { (segments.div_ceil(TASKS), blocks) };
        Self { plane, band, planes, segments_per_task, runs: layout.runs(), blocks, blocks_per_task }
    }

    fn segments(&self) -> usize {
        self.planes * self.plane.div_ceil(self.band)
    }

    pub(super) fn tasks(&self) -> usize {
        self.runs * self.segments().div_ceil(self.segments_per_task) * self.blocks.div_ceil(self.blocks_per_task)
    }

    pub(super) fn task(&self, task: usize) -> Task {
        let cuts = self.segments().div_ceil(self.segments_per_task);
        let (block, rest) = (task / (self.runs * cuts), task % (self.runs * cuts));
        let part = |index: usize, size: usize, all: usize| index * size..((index + 1) * size).min(all);
        Task {
            run: rest / cuts,
            segments: part(rest % cuts, self.segments_per_task, self.segments()),
            blocks: part(block, self.blocks_per_task, self.blocks),
        }
    }

    /// First position and length of the tiles of a segment, which differ by at most one vector.
    pub(super) fn tiles(&self, segment: usize) -> impl Iterator<Item = (usize, usize)> {
        let in_plane = segment / self.planes * self.band;
        let len = self.band.min(self.plane - in_plane);
        let first = segment % self.planes * self.plane + in_plane;
        let vectors = len.div_ceil(LANES);
        let tiles = vectors.div_ceil(VECTORS);
        let start = move |tile: usize| ((tile * (vectors / tiles) + tile.min(vectors % tiles)) * LANES).min(len);
        (0..tiles).map(move |tile| (first + start(tile), start(tile + 1) - start(tile)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Batch, Volume};

    #[test]
    fn every_position_of_every_block_comes_once() {
        for (samples, d, h, w, blocks) in
            [(1, 1, 1, 1, 1), (3, 2, 2, 2, 9), (2, 4, 8, 8, 8), (2, 3, 70, 70, 2), (1, 2, 3, 5000, 1), (1, 40, 9, 9, 3)]
        {
            let layout = Layout::new(Batch::new(samples, Volume::new(d, h, w)), 64).unwrap();
            let cut = Cut::new(layout, blocks);
            let mut times = vec![0; layout.runs() * layout.positions() * blocks];
            for task in (0..cut.tasks()).map(|task| cut.task(task)) {
                for (first, len) in task.segments.flat_map(|segment| cut.tiles(segment)) {
                    assert!((1..=LANES * VECTORS).contains(&len));
                    for place in task.blocks.clone().flat_map(|b| (first..first + len).map(move |p| (b, p))) {
                        times[(place.0 * layout.runs() + task.run) * layout.positions() + place.1] += 1;
                    }
                }
            }
            assert!(times.iter().all(|n| *n == 1), "{cut:?}");
        }
    }
}
