//! The colour map of the released frames: MATLAB's `jet` with 256 entries.

use ndarray::{Array2, Array3, ArrayView2};

/// Red, green and blue of entry `index`: three trapezoids, a quarter of the map apart. From dark blue (0, 0, 131) over
/// (128, 255, 128) in the middle to dark red (128, 0, 0).
pub const fn jet(index: u8) -> [u8; 3] {
    let j = index as i32 + 1;
    [trapezoid(j - 96), trapezoid(j - 32), trapezoid(j + 32)]
}

/// Rises over 64 entries, stays at 255 for as long and falls again.
const fn trapezoid(i: i32) -> u8 {
    let sixty_fourths = match i {
        1..64 => i,
        64..128 => 64,
        128..192 => 192 - i,
        _ => 0,
    };
    // 255 of 64 is 510 of 128; halves are rounded up.
    ((sixty_fourths * 510 + 64) / 128) as u8
}

/// The entry of the map for each value of a 16-bit image: `round(value * 255 / 65535)`.
pub fn indices(image: ArrayView2<'_, u16>) -> Array2<u8> {
    // 65535 / 255 = 257 is odd, so there are no halves; the largest value gives 255.
    image.mapv(|value| ((u32::from(value) + 128) / 257) as u8)
}

/// A 16-bit image `[Y, X]` in colours `[Y, X, 3]`.
pub fn colour(image: ArrayView2<'_, u16>) -> Array3<u8> {
    let (height, width) = image.dim();
    let entries = indices(image);
    Array3::from_shape_fn((height, width, 3), |(y, x, channel)| jet(entries[[y, x]])[channel])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_ends_and_the_middle_are_those_of_the_map() {
        assert_eq!((jet(0), jet(255)), ([0, 0, 131], [128, 0, 0]));
        assert_eq!((jet(127), jet(128)), ([128, 255, 128], [131, 255, 124]));
        assert_eq!((jet(31), jet(95), jet(159), jet(223)), ([0, 0, 255], [0, 255, 255], [255, 255, 0], [255, 0, 0]));
    }

    #[test]
    fn entries_are_the_nearest() {
        assert_eq!(indices(array![[0u16, 128, 129, 65406, 65407, 65535]].view()), array![[0u8, 0, 1, 254, 255, 255]]);
        assert_eq!(colour(array![[0u16, 65535]].view()), array![[[0u8, 0, 131], [128, 0, 0]]]);
    }
}
