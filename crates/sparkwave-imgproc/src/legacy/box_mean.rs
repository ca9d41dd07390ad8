//! Means over square windows by running sums, in integers.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, Zip};

/// What lies beyond the border of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Zeros.
    Zero,
    /// The image reflected about its outermost pixels, which are not repeated: OpenCV's usual border.
    Mirror,
}

/// A window of `2 * radius + 1` rows and columns, and what it sees beyond the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels on either side of the centre.
    pub radius: usize,
    /// What lies beyond the border.
    pub border: Border,
}

impl Window {
    /// The mean of an image `[Y, X]` over the window around every pixel, rounded to integers.
    pub fn mean(self, image: ArrayView2<'_, u16>) -> Array2<u16> {
        let n = self.n_pixels();
        // The mean of 16-bit values is one.
        self.sums(&image.mapv(u64::from)).mapv(|sum| ((2 * sum + n) / (2 * n)) as u16)
    }

    /// The pixels of a mask `[Y, X]` around which at least half of the window belongs to the mask.
    pub fn majority(self, mask: ArrayView2<'_, bool>) -> Array2<bool> {
        let n = self.n_pixels();
        self.sums(&mask.mapv(u64::from)).mapv(|sum| 2 * sum >= n)
    }

    /// Pixels of the window, an odd number.
    fn n_pixels(self) -> u64 {
        let side = 2 * self.radius as u64 + 1;
        side * side
    }

    /// The sum over the window around every pixel.
    fn sums(self, image: &Array2<u64>) -> Array2<u64> {
        let mut along_x = Array2::zeros(image.dim());
        Zip::from(image.rows()).and(along_x.rows_mut()).for_each(|line, sums| self.line(line, sums));
        let mut along_both = Array2::zeros(image.dim());
        Zip::from(along_x.columns()).and(along_both.columns_mut()).for_each(|line, sums| self.line(line, sums));
        along_both
    }

    /// The sums along one line: from each to the next, one value enters and one leaves.
    fn line(self, line: ArrayView1<'_, u64>, mut sums: ArrayViewMut1<'_, u64>) {
        let radius = self.radius as isize;
        let value = |i: isize| self.border.place(i, line.len()).map_or(0, |at| line[at]);
        let mut sum: u64 = (-radius..=radius).map(value).sum();
        for (i, out) in (0..).zip(sums.iter_mut()) {
            *out = sum;
            sum = sum + value(i + radius + 1) - value(i - radius);
        }
    }
}

impl Border {
    /// The pixel of a line of `n` that stands for the place `i`, if any does.
    fn place(self, i: isize, n: usize) -> Option<usize> {
        match self {
            Self::Zero => usize::try_from(i).ok().filter(|&i| i < n),
            Self::Mirror => {
                let last = n.checked_sub(1)?;
                let at = i.unsigned_abs() % (2 * last).max(1);
                Some(at.min((2 * last).saturating_sub(at)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn a_constant_stays_under_a_mirror_and_darkens_towards_zeros() {
        let image = Array2::from_elem((5, 4), 900u16);
        assert_eq!(Window { radius: 1, border: Border::Mirror }.mean(image.view()), image);
        let darkened = Window { radius: 1, border: Border::Zero }.mean(image.view());
        assert_eq!((darkened[[0, 0]], darkened[[0, 1]], darkened[[2, 2]]), (400, 600, 900));
    }

    #[test]
    fn means_are_rounded_to_the_nearest_integer() {
        // One of nine pixels: 4 / 9 and 5 / 9.
        let window = Window { radius: 1, border: Border::Zero };
        assert_eq!(window.mean(array![[4u16]].view()), array![[0]]);
        assert_eq!(window.mean(array![[5u16]].view()), array![[1]]);
        assert_eq!(window.mean(Array2::from_elem((9, 9), u16::MAX).view())[[4, 4]], u16::MAX);
    }

    #[test]
    fn a_mirror_reaches_as_far_as_the_window() {
        let place = |i| Border::Mirror.place(i, 3);
        assert_eq!((-4..=6).filter_map(place).collect::<Vec<_>>(), [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(Border::Mirror.place(7, 1), Some(0));
        assert_eq!(Border::Mirror.place(0, 0), None);
    }

    proptest! {
        #[test]
        fn running_sums_are_the_sums(
            values in proptest::collection::vec(any::<u16>(), 35),
            radius in 0usize..9,
            mirror in any::<bool>(),
        ) {
            let image = Array2::from_shape_vec((5, 7), values).expect("35 values");
            let border = if mirror { Border::Mirror } else { Border::Zero };
            let window = Window { radius, border };
            let sums = window.sums(&image.mapv(u64::from));
            let reach = radius as isize;
            for ((y, x), found) in sums.indexed_iter() {
                let mut sum = 0;
                for i in y as isize - reach..=y as isize + reach {
                    for j in x as isize - reach..=x as isize + reach {
                        if let (Some(i), Some(j)) = (border.place(i, 5), border.place(j, 7)) {
                            sum += u64::from(image[[i, j]]);
                        }
                    }
                }
                prop_assert_eq!(*found, sum);
            }
        }
    }
}
