//! What is known about a recording besides its pixels.

use crate::units::{Micrometers, Seconds};

/// Edges of a pixel that a recording can have, µm: from below any camera's magnified pixel to a centimetre. What lies
/// outside is a slip of units, and would make filters of millions of pixels.
pub const PIXEL_SIZES_UM: std::ops::RangeInclusive<f64> = 0.005..=1e4;

/// Times between frames that a recording can have, s: a microsecond to a day.
pub const FRAME_INTERVALS_S: std::ops::RangeInclusive<f64> = 1e-6..=1e5;

/// A value together with where it was read, for example `"ImageJ finterval"` or `"--pixel-size-um"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The metadata field, file name rule or argument that gave it.
    pub source: String,
}

impl<T> Sourced<T> {
    /// Joins a value to its source.
    pub fn new(value: T, source: impl Into<String>) -> Self {
        Self { value, source: source.into() }
    }
}

/// Edge lengths of one pixel. Both are finite and greater than zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSize {
    /// Height of a pixel.
    pub y: Micrometers,
    /// Width of a pixel.
    pub x: Micrometers,
}

impl PixelSize {
    /// A pixel size, or `None` if either edge is not finite and positive.
    pub fn new(y: Micrometers, x: Micrometers) -> Option<Self> {
        let valid = |v: Micrometers| v.get().is_finite() && v.get() > 0.0;
        (valid(y) && valid(x)).then_some(Self { y, x })
    }

    /// A square pixel.
    pub fn square(edge: Micrometers) -> Option<Self> {
        Self::new(edge, edge)
    }

    /// Geometric mean of the two edges.
    pub fn mean(self) -> Micrometers {
        Micrometers::new((self.y.get() * self.x.get()).sqrt())
    }
}

/// When the frames were taken: the only clock of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameTimes {
    /// Frame `i` was taken at `i * interval`; the interval is finite and positive.
    Regular {
        /// Time from one frame to the next.
        interval: Seconds,
    },
    /// One time per frame, in seconds from any origin, not necessarily regular.
    Stamped(Vec<f64>),
}

impl FrameTimes {
    /// The frame interval: exact if regular, otherwise the median difference between neighbouring stamps.
    ///
    /// `None` if there are fewer than two stamps or the median is not positive.
    pub fn interval(&self) -> Option<Seconds> {
        match self {
            Self::Regular { interval } => Some(*interval),
            Self::Stamped(stamps) => {
                let mut steps: Vec<f64> = stamps.windows(2).map(|w| w[1] - w[0]).collect();
                if steps.is_empty() {
                    return None;
                }
                steps.sort_by(f64::total_cmp);
                let median = steps[steps.len() / 2];
                (median.is_finite() && median > 0.0).then(|| Seconds::new(median))
            }
        }
    }

    /// The time of a frame; stamps are reported relative to the first one.
    pub fn at(&self, frame: usize) -> Option<Seconds> {
        match self {
            Self::Regular { interval } => Some(Seconds::new(frame as f64 * interval.get())),
            Self::Stamped(stamps) => Some(Seconds::new(stamps.get(frame)? - stamps.first()?)),
        }
    }
}

/// Metadata of a recording: everything but the pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// A short name, usually the file stem.
    pub id: String,
    /// Pixel size with its source, if known.
    pub pixel_size: Option<Sourced<PixelSize>>,
    /// Frame times with their source, if known.
    pub frame_times: Option<Sourced<FrameTimes>>,
    /// When the first frame was taken, if known: seconds since 1970-01-01 00:00 on the clock of the recording computer,
    /// whose time zone files do not tell.
    pub started_s: Option<Sourced<f64>>,
    /// Doubts raised while the metadata were read, as sentences for the user.
    pub warnings: Vec<String>,
}

impl Recording {
    /// The pixel size without its source.
    pub fn pixel_size(&self) -> Option<PixelSize> {
        self.pixel_size.as_ref().map(|s| s.value)
    }

    /// The frame interval without its source.
    pub fn frame_interval(&self) -> Option<Seconds> {
        self.frame_times.as_ref().and_then(|s| s.value.interval())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_pixel_size_is_unknown() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(PixelSize::square(Micrometers::new(bad)).is_none(), "{bad}");
        }
        let oblong = PixelSize::new(Micrometers::new(0.4), Micrometers::new(0.1)).expect("both edges are positive");
        assert!((oblong.mean().get() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn stamped_frames_have_a_median_interval_and_start_at_zero() {
        let times = FrameTimes::Stamped(vec![10.0, 10.1, 10.2, 11.5, 11.6]);
        assert!((times.interval().expect("four steps").get() - 0.1).abs() < 1e-9);
        assert!((times.at(3).expect("in range").get() - 1.5).abs() < 1e-9);
        assert_eq!(times.at(9), None);
        assert_eq!(FrameTimes::Stamped(vec![1.0]).interval(), None);
    }
}
