//! Median of the 3 x 3 neighbourhood.

use ndarray::{Array2, ArrayView2};

/// The 3 x 3 median of an image `[Y, X]`; beyond the border the nearest pixel counts. NaN sorts above every number.
pub fn median_3x3(image: ArrayView2<'_, f32>) -> Array2<f32> {
    let (height, width) = image.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let mut window = [0.0f32; 9];
        for (k, w) in window.iter_mut().enumerate() {
            let row = (y + k / 3).saturating_sub(1).min(height - 1);
            let column = (x + k % 3).saturating_sub(1).min(width - 1);
            *w = image[[row, column]];
        }
        *window.select_nth_unstable_by(4, f32::total_cmp).1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_lone_bright_pixel_vanishes_and_an_edge_stays() {
        let mut image = Array2::zeros((5, 5));
        image[[2, 2]] = 9.0;
        assert_eq!(median_3x3(image.view()), Array2::<f32>::zeros((5, 5)));
        let edge = array![[0.0, 0.0, 5.0, 5.0], [0.0, 0.0, 5.0, 5.0], [0.0, 0.0, 5.0, 5.0f32]];
        assert_eq!(median_3x3(edge.view()), edge);
        assert_eq!(median_3x3(array![[3.0f32]].view()), array![[3.0]]);
    }
}
