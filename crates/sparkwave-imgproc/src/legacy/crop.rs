//! An image of a given size without resampling: the middle is cut out, or the image is continued by its reflection.

use ndarray::{Array2, ArrayView2};

/// The image `[Y, X]` brought to `side` rows and columns, each axis by itself.
///
/// A longer axis loses its ends, at the start half of the surplus rounded up; a shorter one is continued at both ends by
/// its reflection, the pixel at the edge included, at the start by half of what is missing rounded down. The size of a
/// pixel stays what it was, and reflected pixels are no measurement. An image without pixels becomes one of zeros.
pub fn crop(image: ArrayView2<'_, u16>, side: usize) -> Array2<u16> {
    let (height, width) = image.dim();
    Array2::from_shape_fn((side, side), |(y, x)| {
        let from = [place(y, height, side), place(x, width, side)];
        image.get(from).copied().unwrap_or(0)
    })
}

/// Where the pixel 0 of an axis of `n` pixels lies on the axis of `side` pixels.
pub fn origin(n: usize, side: usize) -> isize {
    if n >= side { -((n - side).div_ceil(2) as isize) } else { ((side - n) / 2) as isize }
}

/// Where on an axis of `n` pixels the pixel `i` of the axis of `side` pixels comes from.
fn place(i: usize, n: usize, side: usize) -> usize {
    if n >= side {
        return i + (n - side).div_ceil(2);
    }
    // The axis and its reflection repeat; adding whole periods keeps the difference from becoming negative.
    let period = 2 * n.max(1);
    let before = (side - n) / 2;
    let at = (i + before.div_ceil(period) * period - before) % period;
    at.min(period - 1 - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along_x(n: usize, side: usize) -> Vec<u16> {
        let image = Array2::from_shape_fn((side, n), |(_, x)| x as u16);
        crop(image.view(), side).row(0).to_vec()
    }

    #[test]
    fn the_middle_is_cut_out_and_the_surplus_of_one_is_lost_at_the_start() {
        assert_eq!(along_x(8, 4), [2, 3, 4, 5]);
        assert_eq!(along_x(7, 4), [2, 3, 4, 5]);
        assert_eq!(along_x(4, 4), [0, 1, 2, 3]);
        assert_eq!([origin(8, 4), origin(7, 4), origin(4, 4)], [-2, -2, 0]);
    }

    #[test]
    fn short_axes_are_reflected_with_their_edge_as_often_as_it_takes() {
        assert_eq!(along_x(3, 6), [0, 0, 1, 2, 2, 1]);
        assert_eq!([origin(3, 6), origin(2, 9)], [1, 3]);
        assert_eq!(along_x(2, 9), [1, 1, 0, 0, 1, 1, 0, 0, 1]);
        assert_eq!(crop(Array2::zeros((0, 3)).view(), 2), Array2::<u16>::zeros((2, 2)));
    }
}
