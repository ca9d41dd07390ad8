//! Numbers as gray; for dendrites inverted, large is dark, as is the custom of their field.

use super::bitmap::{Bitmap, Samples};
use ndarray::{Array2, ArrayView2};

/// Longest side of an image inside a figure: more pixels than a printed page can show.
const LONGEST_SIDE: usize = 1024;

/// The values between which there are shades: white and black in inverted gray.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) white: f32,
    pub(super) black: f32,
}

impl Window {
    /// The window between two quantiles (0..=1) of the finite values; 0 to 1 if there are none.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a f32>, white: f64, black: f64) -> Self {
        let mut values: Vec<f32> = values.into_iter().copied().filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return Self { white: 0.0, black: 1.0 };
        }
        let last = values.len() - 1;
        let mut quantile =
            |q: f64| *values.select_nth_unstable_by((q * last as f64).round() as usize, f32::total_cmp).1;
        Self { white: quantile(white), black: quantile(black) }
    }

    /// Where a value lies between the ends of the window, 0..=1; 0 if it is not finite.
    pub(super) fn position(self, value: f32) -> f32 {
        if self.black <= self.white || !value.is_finite() {
            return 0.0;
        }
        ((value - self.white) / (self.black - self.white)).clamp(0.0, 1.0)
    }
}

/// An image `[Y, X]` as inverted gray.
pub(super) fn inverted(image: &ArrayView2<'_, f32>, window: Window) -> Bitmap {
    let (height, width) = image.dim();
    let pixels = image.iter().map(|&v| (255.0 * (1.0 - window.position(v))).round() as u8).collect();
    Bitmap { width, height, pixels: Samples::Gray(pixels) }
}

/// How several pixels become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    Mean,
    /// Keeps spots that are smaller than the new pixel.
    Max,
}

/// The image with whole blocks of pixels joined until no side is longer than a page can show. Edge blocks may be
/// smaller; values that are not finite are left out.
pub(super) fn fitted(image: &Array2<f32>, pool: Pool) -> Array2<f32> {
    let (height, width) = image.dim();
    let step = |n: usize| n.div_ceil(LONGEST_SIDE).max(1);
    let (step_y, step_x) = (step(height), step(width));
    if step_y == 1 && step_x == 1 {
        return image.clone();
    }
    Array2::from_shape_fn((height.div_ceil(step_y), width.div_ceil(step_x)), |(y, x)| {
        let rows = y * step_y..((y + 1) * step_y).min(height);
        let columns = x * step_x..((x + 1) * step_x).min(width);
        let block = image.slice(ndarray::s![rows, columns]);
        let finite = block.iter().copied().filter(|v| v.is_finite());
        match pool {
            Pool::Max => finite.fold(f32::NAN, f32::max),
            Pool::Mean => {
                let (sum, n) = finite.fold((0.0f64, 0u32), |(sum, n), v| (sum + f64::from(v), n + 1));
                if n == 0 { f32::NAN } else { (sum / f64::from(n)) as f32 }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn bright_is_dark_and_unknown_is_white() {
        let image = array![[0.0, 5.0], [10.0, f32::NAN]];
        let bitmap = inverted(&image.view(), Window { white: 0.0, black: 10.0 });
        assert_eq!(bitmap.pixels, Samples::Gray(vec![255, 128, 0, 255]));
    }

    #[test]
    fn a_flat_image_is_white_not_a_division_by_zero() {
        let image = Array2::from_elem((3, 3), 7.0);
        let window = Window::of(&image, 0.01, 0.99);
        assert_eq!(inverted(&image.view(), window).pixels, Samples::Gray(vec![255; 9]));
        assert_eq!(Window::of(&[f32::NAN], 0.0, 1.0), Window { white: 0.0, black: 1.0 });
    }

    #[test]
    fn a_spot_survives_pooling_by_maximum() {
        let mut long = Array2::zeros((5000, 8));
        long[[3333, 5]] = 1.0;
        let pooled = fitted(&long, Pool::Max);
        assert_eq!(pooled.dim(), (1000, 8));
        assert_eq!(pooled[[666, 5]], 1.0);
        assert_eq!(pooled.sum(), 1.0);
        assert!((fitted(&long, Pool::Mean)[[666, 5]] - 0.2).abs() < 1e-6);
    }
}
