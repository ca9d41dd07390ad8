//! What an algorithm found in a movie.

use crate::axes::{Span, Voxel};

/// A transient that an algorithm found: a connected set of voxels around one peak in time.
///
/// Only what the detector decided is stored. Areas, durations and amplitudes are measured from the voxels when asked
/// for, so that they cannot disagree with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// 1-based, in order of peak time; also the value of the event's voxels in a label movie.
    pub id: u32,
    /// Events at the same site share a region.
    pub region_id: u32,
    /// Where and when the signal of the event is largest.
    pub peak: Voxel,
    /// The extent of the event, sorted, without duplicates, never empty.
    pub voxels: Vec<Voxel>,
    /// dF/F0 at every voxel, in the order of `voxels`.
    pub dff: Vec<f32>,
    /// Evidence for the event; larger is surer. Its scale belongs to the detector.
    pub score: f32,
    /// True if the event was cut out of a longer or larger object that holds several peaks.
    pub burst: bool,
}

impl Event {
    /// Frames that the event occupies.
    pub fn frames(&self) -> Span {
        match (self.voxels.first(), self.voxels.last()) {
            (Some(first), Some(last)) => Span::new(first.t as usize, last.t as usize + 1),
            _ => Span::new(self.peak.t as usize, self.peak.t as usize),
        }
    }

    /// The pixels that the event covers at any time, sorted by row and column, without duplicates.
    pub fn footprint(&self) -> Vec<(u32, u32)> {
        let mut pixels: Vec<(u32, u32)> = self.voxels.iter().map(|v| (v.y, v.x)).collect();
        pixels.sort_unstable();
        pixels.dedup();
        pixels
    }
}
