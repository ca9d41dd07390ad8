//! How far and how fast the centre of an event moves.

use sparkwave_core::event::Event;
use sparkwave_core::recording::PixelSize;

use super::centroid;
use super::clock::Clock;

/// Movement of the dF/F0-weighted centroid from the first frame of an event to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Propagation {
    /// Length of the path through the centroids of all frames.
    pub(super) path_um: Option<f64>,
    /// Straight distance from the first centroid to the last.
    pub(super) displacement_um: Option<f64>,
    /// Path over the time between the first and the last frame.
    pub(super) speed_um_per_s: Option<f64>,
}

/// Measures movement. Frames in which the event has no voxel are passed over. An event of one frame has a path of length
/// 0 and no speed. Nothing is smoothed: noise of the centroids lengthens the path, but hardly the displacement.
pub(super) fn measure(event: &Event, pixel_size: Option<PixelSize>, clock: &Clock) -> Propagation {
    let Some(pixel_size) = pixel_size else { return Propagation::default() };
    let mut dff = event.dff.as_slice();
    let centres: Vec<(u32, f64, f64)> = event
        .voxels
        .chunk_by(|a, b| a.t == b.t)
        .filter_map(|voxels| {
            let (of_frame, rest) = dff.split_at(voxels.len().min(dff.len()));
            dff = rest;
            let c = centroid::of_voxels(voxels, of_frame)?;
            Some((voxels[0].t, c.y * pixel_size.y.get(), c.x * pixel_size.x.get()))
        })
        .collect();
    let (Some(first), Some(last)) = (centres.first(), centres.last()) else { return Propagation::default() };
    let distance = |a: &(u32, f64, f64), b: &(u32, f64, f64)| (a.1 - b.1).hypot(a.2 - b.2);
    let path_um: f64 = centres.windows(2).map(|pair| distance(&pair[0], &pair[1])).sum();
    let seconds = clock.between(f64::from(first.0), f64::from(last.0)).filter(|s| *s > 0.0);
    Propagation {
        path_um: Some(path_um),
        displacement_um: Some(distance(first, last)),
        speed_um_per_s: seconds.map(|seconds| path_um / seconds),
    }
}
