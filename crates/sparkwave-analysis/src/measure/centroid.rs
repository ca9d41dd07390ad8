//! Where the signal of an event is.

use sparkwave_core::axes::Voxel;
use sparkwave_core::event::Event;

/// The mean position of voxels, each weighted by its dF/F0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Centroid {
    /// Frame.
    pub(super) t: f64,
    /// Row, in pixels.
    pub(super) y: f64,
    /// Column, in pixels.
    pub(super) x: f64,
}

/// The dF/F0-weighted centroid of an event; `None` without voxels.
pub(super) fn weighted(event: &Event) -> Option<Centroid> {
    of_voxels(&event.voxels, &event.dff)
}

/// The centroid with weights max(dF/F0, 0), or with equal weights where none is greater than zero; `None` without voxels.
pub(super) fn of_voxels(voxels: &[Voxel], dff: &[f32]) -> Option<Centroid> {
    let weigh = |weight: fn(f32) -> f64| {
        // Sums start at the first voxel, so that a small event far from the origin loses no digits.
        let origin = voxels.first()?;
        let (mut sum, mut t, mut y, mut x) = (0.0, 0.0, 0.0, 0.0);
        for (voxel, &value) in voxels.iter().zip(dff) {
            let w = weight(value);
            sum += w;
            t += w * (f64::from(voxel.t) - f64::from(origin.t));
            y += w * (f64::from(voxel.y) - f64::from(origin.y));
            x += w * (f64::from(voxel.x) - f64::from(origin.x));
        }
        let at = |origin: u32, moment: f64| f64::from(origin) + moment / sum;
        (sum > 0.0).then(|| Centroid { t: at(origin.t, t), y: at(origin.y, y), x: at(origin.x, x) })
    };
    weigh(|value| f64::from(value.max(0.0))).or_else(|| weigh(|_| 1.0))
}
