//! Which tissue a wave covers, for how long, and on which side.

use ndarray::Array2;
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::wave::{Cortex, Interval, Side, Wave};

use super::domain::{self, SIDES};

/// The union of a wave's masks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cover {
    /// Number of pixels.
    pub(super) area_px: usize,
    /// Pixels of the largest mask that was measured and not interpolated.
    pub(super) max_area_px: usize,
    /// Side of the midline on which its centroid lies.
    pub(super) side: Option<Side>,
    /// True if more than a twentieth of it lies on the other side.
    pub(super) crosses_midline: Option<bool>,
    /// True if it reaches the edge of the window or of the image.
    pub(super) touches_border: bool,
}

/// Part of the covered area beyond the midline that makes a wave cross it: more than a blurred rim.
const CROSSING_FRACTION: f64 = 0.05;

/// Measures the union of a wave's masks in an image of the given size. Whatever lies outside the image is left out.
pub(super) fn measure(wave: &Wave, (height, width): (usize, usize), cortex: Option<&Cortex>) -> Cover {
    let mut union = Array2::from_elem((height, width), false);
    let in_image = |&(y, x): &(usize, usize)| y < height && x < width;
    for frame in &wave.frames {
        frame.mask.pixels().filter(in_image).for_each(|at| union[at] = true);
    }
    let pixels: Vec<(usize, usize)> = union.indexed_iter().filter(|(_, c)| **c).map(|(at, _)| at).collect();
    let midline = cortex.and_then(|c| c.midline).filter(|_| !pixels.is_empty());
    let n = pixels.len() as f64;
    let side = midline.map(|line| {
        let y = pixels.iter().map(|p| p.0 as f64).sum::<f64>() / n;
        let x = pixels.iter().map(|p| p.1 as f64).sum::<f64>() / n;
        line.side_of(PointYx { y, x })
    });
    let beyond = midline.zip(side).map(|(line, side)| {
        pixels.iter().filter(|(y, x)| line.side_of(PointYx { y: *y as f64, x: *x as f64 }) != side).count()
    });
    let is_cortex = |at: (usize, usize)| cortex.is_none_or(|c| c.inside.get(at).copied().unwrap_or(false));
    let at_border = |&at: &(usize, usize)| {
        SIDES.iter().any(|&by| domain::step(at, by, (height, width)).is_none_or(|next| !is_cortex(next)))
    };
    Cover {
        area_px: pixels.len(),
        max_area_px: measured_areas(wave).max().unwrap_or(0),
        side,
        crosses_midline: beyond.map(|count| count as f64 > CROSSING_FRACTION * n),
        touches_border: pixels.iter().any(at_border),
    }
}

fn measured_areas(wave: &Wave) -> impl Iterator<Item = usize> + '_ {
    wave.frames.iter().filter(|f| !f.filled).map(|f| f.mask.n_pixels())
}

/// How long each pixel was inside a wave's masks, s: the sum of the true lengths of the intervals. NaN where it never
/// was.
///
/// Masks of intervals beyond `intervals` add nothing.
pub fn visited_time_map(wave: &Wave, intervals: &[Interval]) -> Patch {
    let Some(visited) = Mask::of_pixels(wave.frames.iter().flat_map(|f| f.mask.pixels())) else {
        return Patch { y0: 0, x0: 0, values: Array2::zeros((0, 0)) };
    };
    let (y0, x0) = (visited.y0(), visited.x0());
    let mut values = visited.bits().mapv(|inside| if inside { 0.0 } else { f32::NAN });
    for frame in &wave.frames {
        let duration_s = intervals.get(frame.frame).map_or(0.0, |i| i.duration_s());
        frame.mask.pixels().for_each(|(y, x)| values[[y - y0, x - x0]] += duration_s as f32);
    }
    Patch { y0, x0, values }
}
