//! How much space and time an event takes.

use sparkwave_core::event::Event;

/// Bounding box and areas of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    /// Frames of the bounding box.
    pub(super) n_frames: usize,
    /// Rows of the bounding box.
    pub(super) height_px: usize,
    /// Columns of the bounding box.
    pub(super) width_px: usize,
    /// Pixels covered at any time.
    pub(super) area_px: usize,
    /// Pixels covered in the peak frame.
    pub(super) area_peak_px: usize,
}

impl Extent {
    /// Short side over long side of the bounding box in the image plane.
    pub(super) fn spatial_aspect(&self) -> f64 {
        self.height_px.min(self.width_px) as f64 / self.height_px.max(self.width_px) as f64
    }
}

/// The extent of an event whose footprint has `area_px` pixels; `None` without voxels.
pub(super) fn measure(event: &Event, area_px: usize) -> Option<Extent> {
    let first = *event.voxels.first()?;
    let (mut low, mut high) = (first, first);
    for voxel in &event.voxels {
        (low.t, high.t) = (low.t.min(voxel.t), high.t.max(voxel.t));
        (low.y, high.y) = (low.y.min(voxel.y), high.y.max(voxel.y));
        (low.x, high.x) = (low.x.min(voxel.x), high.x.max(voxel.x));
    }
    let length = |low: u32, high: u32| (high - low) as usize + 1;
    Some(Extent {
        n_frames: length(low.t, high.t),
        height_px: length(low.y, high.y),
        width_px: length(low.x, high.x),
        area_px,
        area_peak_px: event.voxels.iter().filter(|v| v.t == event.peak.t).count(),
    })
}
