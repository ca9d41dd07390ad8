//! Which lanes of a tile a tap finds inside the volume.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;

use crate::stencil::Tap;
use crate::volume::Volume;

/// One bit a voxel of a tile, set where the voxel one step away along an axis lies inside the volume.
///
/// A tile is up to 64 voxels that follow each other in memory. It may go over the ends of rows, planes and samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lanes {
    /// For depth, height and width: shifts of -1, 0 and 1.
    inside: [[u64; 3]; 3],
}

/// A place in a stack of samples, for tiles that follow each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    volume: Volume,
    /// Depth, height and width of the next voxel.
    at: [usize; 3],
}

impl Cursor {
    /// At a position, which counts through the samples.
    pub(crate) fn new(volume: Volume, position: usize) -> Self {
        let row = position / volume.width;
        Self { volume, at: [row / volume.height % volume.depth, row % volume.height, position % volume.width] }
    }

    /// The lanes of the next `len` voxels (at most 64).
    pub(crate) fn next(&mut self, len: usize) -> Lanes {
        debug_assert!(len <= 64, "a tile has {len} voxels");
        let Volume { depth, height, width } = self.volume;
        let mut inside = [[0u64; 3]; 3];
        let mut lane = 0;
        while lane < len {
            let [z, y, x] = self.at;
            let run = (width - x).min(len - lane);
            let lanes = (u64::MAX >> (64 - run)) << lane;
            let first = u64::from(x == 0) << lane;
            let last = u64::from(x + run == width) << (lane + run - 1);
            let set = |condition: bool| if condition { lanes } else { 0 };
            let of_run = [
                [set(z > 0), lanes, set(z + 1 < depth)],
                [set(y > 0), lanes, set(y + 1 < height)],
                [lanes & !first, lanes, lanes & !last],
            ];
            for (inside, lanes) in inside.as_flattened_mut().iter_mut().zip(of_run.as_flattened()) {
                *inside |= lanes;
            }
            lane += run;
            self.at = if x + run < width {
                [z, y, x + run]
            } else if y + 1 < height {
                [z, y + 1, 0]
            } else {
                [(z + 1) % depth, 0, 0]
            };
        }
        Lanes { inside }
    }
}

impl Lanes {
    /// The lanes of `len` voxels (at most 64) from a position on.
    pub(crate) fn new(volume: Volume, position: usize, len: usize) -> Self {
        Cursor::new(volume, position).next(len)
    }

    /// One bit a voxel, set where the input of `tap` lies inside the volume.
    #[inline]
    pub(crate) fn of(&self, tap: Tap) -> u64 {
        let [z, y, x] = tap.shift;
        let [z, y, x] = [z, y, x].map(|shift| usize::from((shift + 1) as u8).min(2));
        self.inside[0][z] & self.inside[1][y] & self.inside[2][x]
    }
}

/// How far in memory the input of `tap` lies from its output.
pub(crate) fn offset(tap: Tap, volume: Volume) -> isize {
    let [z, y, x] = tap.shift.map(isize::from);
    // Volumes are addressable, so their sizes are below isize::MAX.
    (z * volume.height as isize + y) * volume.width as isize + x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stencil::same;

    #[test]
    fn lanes_are_set_where_the_shifted_voxel_exists() {
        for (d, h, w) in [(1, 1, 1), (2, 2, 2), (3, 4, 5), (1, 7, 3), (2, 3, 17), (2, 2, 100)] {
            let volume = Volume::new(d, h, w);
            let phase = same([3, 3, 3]).unwrap();
            for position in 0..2 * d * h * w {
                let len = 64.min(2 * d * h * w - position);
                let lanes = Lanes::new(volume, position, len);
                for tap in &phase.taps {
                    for lane in 0..64 {
                        let p = position + lane;
                        let place = [p / (h * w) % d, p / w % h, p % w];
                        let exists = lane < len
                            && (0..3).all(|i| {
                                place[i].checked_add_signed(isize::from(tap.shift[i])).is_some_and(|v| v < [d, h, w][i])
                            });
                        assert_eq!(lanes.of(*tap) >> lane & 1 == 1, exists, "{volume:?} {position} {tap:?} {lane}");
                    }
                }
            }
        }
    }
}
