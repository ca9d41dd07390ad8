//! Smoothing that looks only inside a mask: the weights of a pixel's neighbours that count are scaled to sum to one, so
//! that neither what lies outside nor its absence bleeds into the border.

use super::gaussian::{Kernel, Scratch, smooth};
use ndarray::Array2;

/// Smooths the finite pixels of `image` inside `mask` by a Gaussian of `sigma_px`, in place. Pixels outside the mask and
/// those that are not finite keep their value.
///
/// # Panics
/// If image and mask differ in size.
pub fn smooth_inside(image: &mut Array2<f32>, mask: &Array2<bool>, sigma_px: f64) {
    assert_eq!(image.dim(), mask.dim(), "image and mask differ in size");
    let counts: Vec<bool> = image.iter().zip(mask).map(|(v, m)| *m && v.is_finite()).collect();
    let width = image.dim().1;
    let mut values: Vec<f32> = image.iter().zip(&counts).map(|(v, c)| if *c { *v } else { 0.0 }).collect();
    let mut weights: Vec<f32> = counts.iter().map(|c| f32::from(*c)).collect();
    let (kernel, mut scratch) = (Kernel::new(sigma_px), Scratch::default());
    smooth(&mut values, width, &kernel, &mut scratch);
    smooth(&mut weights, width, &kernel, &mut scratch);
    for ((v, counts), (value, weight)) in image.iter_mut().zip(counts).zip(values.into_iter().zip(weights)) {
        if counts {
            *v = value / weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_stays_up_to_the_border_and_outside_is_left_alone() {
        let mask = Array2::from_shape_fn((20, 20), |(y, x)| y > 4 && x < 15);
        let mut image = Array2::from_shape_fn((20, 20), |at| if mask[at] { 3.0 } else { 1000.0 });
        image[[10, 10]] = f32::NAN;
        smooth_inside(&mut image, &mask, 2.0);
        for (at, v) in image.indexed_iter().filter(|(at, _)| *at != (10, 10)) {
            assert!((v - if mask[at] { 3.0 } else { 1000.0 }).abs() < 1e-4, "{at:?}: {v}");
        }
        assert!(image[[10, 10]].is_nan());
    }
}
