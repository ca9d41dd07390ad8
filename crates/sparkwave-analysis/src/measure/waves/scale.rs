//! Lengths in the image plane.

use sparkwave_core::axes::PointYx;
use sparkwave_core::recording::PixelSize;

const UM_PER_MM: f64 = 1000.0;

/// The edges of a pixel in the unit of length that is at hand: the millimetre with a pixel size, else the pixel, which
/// is then taken to be square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Height of a pixel in that unit.
    pub(super) y: f64,
    /// Width of a pixel in that unit.
    pub(super) x: f64,
    calibrated: bool,
}

impl Scale {
    pub(super) fn new(pixel_size: Option<PixelSize>) -> Self {
        match pixel_size {
            Some(p) => Self { y: p.y.get() / UM_PER_MM, x: p.x.get() / UM_PER_MM, calibrated: true },
            None => Self { y: 1.0, x: 1.0, calibrated: false },
        }
    }

    /// True if the unit is the millimetre.
    pub(super) fn is_calibrated(self) -> bool {
        self.calibrated
    }

    /// Distance of two points given in pixels.
    pub(super) fn distance(self, a: PointYx, b: PointYx) -> f64 {
        ((a.y - b.y) * self.y).hypot((a.x - b.x) * self.x)
    }

    /// A length in mm, if it can be known.
    pub(super) fn mm(self, length: f64) -> Option<f64> {
        self.calibrated.then_some(length)
    }

    /// A length in pixels; where pixels are oblong, in geometric means of their edges.
    pub(super) fn px(self, length: f64) -> f64 {
        length / (self.y * self.x).sqrt()
    }

    /// The area of so many pixels in mm2, if it can be known.
    pub(super) fn area_mm2(self, n_pixels: usize) -> Option<f64> {
        self.calibrated.then_some(n_pixels as f64 * self.y * self.x)
    }
}
