//! The cortex in gray, as the camera sees it: what lies below every map.

use super::super::gray::Window;
use ndarray::Array2;

/// Quantiles of the cortex that become black and white.
const CONTRAST: (f64, f64) = (0.01, 0.995);

/// An image `[Y, X]` as 8-bit gray, bright where the image is bright (vessels stay dark).
///
/// Black and white are the 1 % and 99.5 % quantiles inside the window, so that glare outside does not set the contrast; of
/// the whole image if the window is empty. What is not finite is black.
pub fn anatomy_gray(image: &Array2<f32>, inside: &Array2<bool>) -> Array2<u8> {
    let within = |at: (usize, usize)| inside.get(at).copied().unwrap_or(false);
    let mut samples: Vec<f32> = image.indexed_iter().filter(|(at, _)| within(*at)).map(|(_, v)| *v).collect();
    if !samples.iter().any(|v| v.is_finite()) {
        samples = image.iter().copied().collect();
    }
    let contrast = Window::of(&samples, CONTRAST.0, CONTRAST.1);
    image.mapv(|value| (255.0 * contrast.position(value)).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn glare_outside_the_window_does_not_set_the_contrast() {
        let image = array![[10.0, 20.0, 9000.0], [15.0, f32::NAN, 0.0]];
        let inside = array![[true, true, false], [true, true, false]];
        assert_eq!(anatomy_gray(&image, &inside), array![[0, 255, 255], [128, 0, 0]]);
        assert_eq!(anatomy_gray(&array![[1.0, 3.0]], &array![[false, false]]), array![[0, 255]]);
        assert_eq!(anatomy_gray(&Array2::zeros((0, 0)), &Array2::default((0, 0))).len(), 0);
    }
}
