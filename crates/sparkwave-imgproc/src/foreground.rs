//! The foreground: pixels bright enough at rest to belong to the labelled cell, and their surroundings.

use crate::filter::median::median_3x3;
use crate::sampling::Sampling;
use crate::threshold::Threshold;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Parameters of the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForegroundParams {
    /// Threshold on the median-filtered mean image (paper, section 2.4, where it is set by hand).
    pub threshold: Threshold,
    /// The mask is widened by this distance, µm: spines that are dim at rest sit beside the dendrite that is not.
    pub widen_um: f64,
}

impl Default for ForegroundParams {
    fn default() -> Self {
        Self { threshold: Threshold::Triangle, widen_um: 0.5 }
    }
}

/// The foreground mask `[Y, X]` of a mean image.
///
/// Pixels within `margin` (top, bottom, left, right) of the border, which some frames could not see because of drift,
/// and pixels that are not finite in some frame are never foreground. An image without contrast is all foreground.
pub fn foreground(
    mean: &Array2<f32>,
    params: &ForegroundParams,
    sampling: Sampling,
    margin: [usize; 4],
) -> Array2<bool> {
    let (height, width) = mean.dim();
    let smooth = median_3x3(mean.view());
    let threshold = params.threshold.of(smooth.iter().copied()).unwrap_or(f64::NEG_INFINITY);
    let bright = smooth.mapv(|v| f64::from(v) > threshold);
    let radius = sampling.px(params.widen_um).max(0.0);
    let near = widen(&bright, radius);
    let [top, bottom, left, right] = margin;
    Array2::from_shape_fn((height, width), |(y, x)| {
        let seen = y >= top && y + bottom < height && x >= left && x + right < width;
        seen && near[[y, x]] && mean[[y, x]].is_finite()
    })
}

/// Dilation by a disc.
fn widen(mask: &Array2<bool>, radius: f64) -> Array2<bool> {
    let (height, width) = mask.dim();
    let reach = radius.floor() as isize;
    let offsets: Vec<(isize, isize)> = (-reach..=reach)
        .flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)))
        .filter(|(dy, dx)| ((dy * dy + dx * dx) as f64) <= radius * radius)
        .collect();
    let mut out = mask.clone();
    for ((y, x), _) in mask.indexed_iter().filter(|(_, m)| **m) {
        for (dy, dx) in &offsets {
            let (ny, nx) = (y as isize + dy, x as isize + dx);
            if (0..height as isize).contains(&ny) && (0..width as isize).contains(&nx) {
                out[[ny as usize, nx as usize]] = true;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bright_bar_and_its_rim_are_foreground_but_not_the_blind_border() {
        let mean =
            Array2::from_shape_fn((20, 20), |(y, x)| if y == 10 || y == 9 || y == 11 { 50.0 } else { (x % 2) as f32 });
        let params = ForegroundParams { threshold: Threshold::Otsu, widen_um: 0.32 };
        let sampling = Sampling { pixel_um: 0.16, interval_s: 0.1 };
        let mask = foreground(&mean, &params, sampling, [0, 0, 3, 1]);
        assert!(mask[[10, 5]] && mask[[7, 5]] && !mask[[6, 5]]);
        assert!(!mask[[10, 2]] && mask[[10, 3]] && mask[[10, 18]] && !mask[[10, 19]]);
    }
}
