//! The size of a pixel and the duration of a frame, as the detectors need them.

use sparkwave_core::recording::Recording;

/// Pixel size of the recordings for which the published constants were found, µm (paper, section 2.3).
pub const PUBLISHED_PIXEL_UM: f64 = 0.16;
/// Frame interval of the same recordings, s.
pub const PUBLISHED_INTERVAL_S: f64 = 0.1;

/// The grid on which a movie is sampled. Turns windows in µm and s into pixels and frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Edge of a pixel, µm, greater than zero (geometric mean of the two edges).
    pub pixel_um: f64,
    /// Time between frames, s, greater than zero.
    pub interval_s: f64,
}

impl Sampling {
    /// The sampling of a recording. Where it is unknown, windows are those of the published recordings *in pixels and
    /// frames*; no physical result may be derived from that, and the caller warns.
    pub fn of(recording: &Recording) -> Self {
        Self {
            pixel_um: recording.pixel_size().map_or(PUBLISHED_PIXEL_UM, |p| p.mean().get()),
            interval_s: recording.frame_interval().map_or(PUBLISHED_INTERVAL_S, |i| i.get()),
        }
    }

    /// A length in pixels.
    pub fn px(self, um: f64) -> f64 {
        um / self.pixel_um
    }

    /// A duration in frames.
    pub fn frames(self, seconds: f64) -> f64 {
        seconds / self.interval_s
    }
}
