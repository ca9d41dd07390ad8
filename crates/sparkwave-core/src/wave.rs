//! Waves of reflectance in a wide-field recording: what was found, and when and where it was looked for.
//!
//! Times are seconds since the first frame of the recording. Relative reflectance change is dR/R0, a fraction (0.03 is
//! three per cent), signed.

use crate::axes::PointYx;
use crate::mask::{Mask, Patch};
use ndarray::Array2;

/// The interval over which one frame of the rate map is a difference. Frame `i` of `rate.tif`, `masks.tif` and of the
/// coloured frames is interval `i`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Centre of the earlier time bin, s.
    pub start_s: f64,
    /// Centre of the later time bin, s.
    pub end_s: f64,
    /// False if either bin holds no frame: the recording has a gap there.
    pub valid: bool,
}

impl Interval {
    /// Length, s.
    pub fn duration_s(self) -> f64 {
        self.end_s - self.start_s
    }
}

/// A wave's mask in one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct WaveFrame {
    /// Index of the interval.
    pub frame: usize,
    /// Its leading band: where the reflectance rises over the interval by at least a stated fraction of the wave's own
    /// peak rise.
    pub mask: Mask,
    /// True if nothing was measured in this interval and the mask was interpolated.
    pub filled: bool,
}

/// The time course of a wave at one place, averaged over the places it visits after shifting each to its arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waveform {
    /// Time since arrival, s, increasing.
    pub lag_s: Vec<f64>,
    /// Relative reflectance change against the level before the wave; one value per lag.
    pub drr: Vec<f64>,
}

/// A wave that an algorithm found.
#[derive(Clone, Debug)]
pub struct Wave {
    /// 1-based; also the value of its pixels in `masks.tif`.
    pub id: u32,
    /// The episode it belongs to.
    pub episode_id: u32,
    /// The episode's number, with `-1`, `-2` if the episode holds several waves.
    pub name: String,
    /// Its masks, in order of strictly increasing intervals; never empty.
    pub frames: Vec<WaveFrame>,
    /// When it arrived at each pixel that it visited, s.
    pub arrival_s: Patch,
    /// Its largest relative reflectance change at each of these pixels, signed.
    pub peak_drr: Patch,
    /// Its mean time course.
    pub waveform: Waveform,
}

/// A stretch of time during which one wave or several that overlap travel.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// 1-based, in order of time.
    pub id: u32,
    /// First interval.
    pub start_frame: usize,
    /// One after the last interval.
    pub end_frame: usize,
    /// Onset: the area of the wave extrapolated back to zero, s.
    pub start_s: f64,
    /// End of the last interval in which a wave is seen, s.
    pub end_s: f64,
    /// Standard uncertainty of the onset, s.
    pub start_uncertainty_s: f64,
    /// Number of waves.
    pub n_waves: u32,
    /// From 0 (hardly told from noise) to 1 (clear in every interval).
    pub quality: f64,
    /// 1 clear on all frames, 2 with sporadic blanks, 3 heavy noise.
    pub level: u8,
    /// Why it was accepted and what is doubtful about it, in short phrases.
    pub reasons: Vec<String>,
}

/// The part of the image that shows cortex.
#[derive(Clone, Debug, PartialEq)]
pub struct Cortex {
    /// True inside the window `[Y, X]`.
    pub inside: Array2<bool>,
    /// The line between the hemispheres, if the window shows it.
    pub midline: Option<Midline>,
}

/// A straight line across the image. Looking from `from` to `to`, the left side of the picture is `left` if the line runs
/// downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Midline {
    /// Its end at the smaller row (or, if level, the smaller column).
    pub from: PointYx,
    /// Its other end.
    pub to: PointYx,
}

/// A side of the midline as it appears in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Towards smaller columns.
    Left,
    /// Towards larger columns.
    Right,
}

impl Midline {
    /// The side on which a point lies; a point on the line counts as right. For a level line, above is left.
    pub fn side_of(self, point: PointYx) -> Side {
        let (dy, dx) = (self.to.y - self.from.y, self.to.x - self.from.x);
        // Positive if the point lies to the left in the picture of a line that runs downwards (rows grow downwards).
        let left_of = dx * (point.y - self.from.y) - dy * (point.x - self.from.x);
        let left = if dy == 0.0 { -left_of } else { left_of * dy.signum() };
        if left > 0.0 { Side::Left } else { Side::Right }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_those_of_the_picture_whichever_way_the_midline_runs() {
        let at = |y: f64, x: f64| PointYx { y, x };
        let down = Midline { from: at(0.0, 50.0), to: at(100.0, 55.0) };
        let up = Midline { from: down.to, to: down.from };
        for line in [down, up] {
            assert_eq!(line.side_of(at(50.0, 20.0)), Side::Left);
            assert_eq!(line.side_of(at(50.0, 90.0)), Side::Right);
            assert_eq!(line.side_of(at(90.0, 53.0)), Side::Left);
        }
        let level = Midline { from: at(40.0, 0.0), to: at(40.0, 100.0) };
        assert_eq!(level.side_of(at(10.0, 50.0)), Side::Left);
        assert_eq!(level.side_of(at(70.0, 50.0)), Side::Right);
    }
}
