//! How bright an event is, and how its brightness runs over time.

use sparkwave_core::event::Event;

use super::extent::Extent;

/// Brightness of an event in units of dF/F0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Intensity {
    /// At the voxel that the detector gave as peak.
    pub(super) peak: Option<f64>,
    /// Mean over voxels.
    pub(super) mean: Option<f64>,
    /// Maximum over voxels.
    pub(super) max: Option<f64>,
    /// Sum of the profile over frames.
    pub(super) profile_sum: Option<f64>,
    /// Maximum of the profile.
    pub(super) profile_max: Option<f64>,
    /// Population standard deviation of the profile.
    pub(super) profile_std: Option<f64>,
}

/// Measures brightness. The profile is, for each frame of the bounding box, the mean over the *whole* box of dF/F0 with
/// zeros outside the event, so that it shrinks with the share of the box that the event fills: as published.
pub(super) fn measure(event: &Event, extent: Option<&Extent>) -> Intensity {
    let Some(extent) = extent else { return Intensity::default() };
    let n_box = extent.height_px as f64 * extent.width_px as f64;
    let mut profile: Vec<f64> = Vec::new();
    let mut last_frame = None;
    let (mut sum, mut max) = (0.0, f64::NEG_INFINITY);
    for (voxel, &dff) in event.voxels.iter().zip(&event.dff) {
        let dff = f64::from(dff);
        sum += dff;
        max = max.max(dff);
        match profile.last_mut().filter(|_| last_frame == Some(voxel.t)) {
            Some(value) => *value += dff / n_box,
            None => profile.push(dff / n_box),
        }
        last_frame = Some(voxel.t);
    }
    // Frames of the box without voxels hold a zero each; they are not stored, since a box may be long and empty.
    let n_frames = extent.n_frames as f64;
    let n_zeros = n_frames - profile.len() as f64;
    let profile_sum: f64 = profile.iter().sum();
    let profile_mean = profile_sum / n_frames;
    let squares = profile.iter().map(|p| (p - profile_mean).powi(2)).sum::<f64>() + n_zeros * profile_mean.powi(2);
    let largest = profile.iter().copied().fold(if n_zeros > 0.0 { 0.0 } else { f64::NEG_INFINITY }, f64::max);
    Intensity {
        peak: event.voxels.binary_search(&event.peak).ok().and_then(|i| event.dff.get(i)).map(|&dff| f64::from(dff)),
        mean: Some(sum / event.voxels.len() as f64),
        max: Some(max),
        profile_sum: Some(profile_sum),
        profile_max: Some(largest),
        profile_std: Some((squares / n_frames).sqrt()),
    }
}
