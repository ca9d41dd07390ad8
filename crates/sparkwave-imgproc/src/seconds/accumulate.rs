//! Mean and variance of the frames of a bin, in one pass.
//!
//! Integers are summed exactly, so that the result does not depend on the order of frames or on how they were read; floats
//! are summed in double precision, in the order of frames.

use multiversion::multiversion;
use ndarray::{Array2, Array3, ArrayView3, Axis};
use sparkwave_core::movie::Pixels;
use std::ops::Range;

/// Sums over the frames of a bin.
#[derive(Clone, Debug)]
pub struct BinSum {
    n_frames: u64,
    height: usize,
    width: usize,
    sums: Sums,
}

#[derive(Clone, Debug)]
enum Sums {
    /// Nothing was added yet.
    None,
    Unsigned {
        recent: Vec<u32>,
        n_recent: u32,
        total: Vec<u64>,
        squares: u128,
    },
    Signed {
        sum: Vec<i64>,
        squares: u128,
    },
    Float {
        sum: Vec<f64>,
        sum_squares: Vec<f64>,
    },
}

/// Frames of 16 bits that a 32-bit sum holds: 65,535 * 65,537 = 2^32 - 1.
const MAX_RECENT: u32 = 65_537;
/// Pixels that are added up together.
const TILE: usize = 1 << 12;

impl BinSum {
    /// An empty sum for frames of `height` rows and `width` columns.
    pub fn new(height: usize, width: usize) -> Self {
        Self { n_frames: 0, height, width, sums: Sums::None }
    }

    /// Forgets all frames and keeps the memory.
    pub fn clear(&mut self) {
        self.n_frames = 0;
        match &mut self.sums {
            Sums::None => {}
            Sums::Unsigned { recent, n_recent, total, squares } => {
                recent.fill(0);
                total.fill(0);
                (*n_recent, *squares) = (0, 0);
            }
            Sums::Signed { sum, squares } => {
                sum.fill(0);
                *squares = 0;
            }
            Sums::Float { sum, sum_squares } => {
                sum.fill(0.0);
                sum_squares.fill(0.0);
            }
        }
    }

    /// Number of frames so far.
    pub fn n_frames(&self) -> u64 {
        self.n_frames
    }

    /// Adds frames `[T, Y, X]`, all of the size and type of the first.
    ///
    /// # Panics
    /// If size or type differ from those of earlier frames; sources give frames of one kind.
    pub fn add(&mut self, frames: &Pixels) {
        let shape = frames.shape();
        assert_eq!((shape.height, shape.width), (self.height, self.width), "frames of one size");
        match frames {
            Pixels::U8(a) => self.add_unsigned(a, add_u8),
            Pixels::U16(a) => self.add_unsigned(a, add_u16),
            Pixels::I16(a) => self.add_signed(a),
            Pixels::U32(a) => self.add_signed(a),
            Pixels::F32(a) => self.add_floats(a),
        }
        self.n_frames += shape.n_frames as u64;
    }

    fn n_pixels(&self) -> usize {
        self.height * self.width
    }

    fn add_unsigned<T: Clone>(&mut self, frames: &Array3<T>, add: fn(&mut [u32], &[T]) -> u64) {
        let n = self.n_pixels();
        if matches!(self.sums, Sums::None) {
            self.sums = Sums::Unsigned { recent: vec![0; n], n_recent: 0, total: Vec::new(), squares: 0 };
        }
        let Sums::Unsigned { recent, n_recent, total, squares } = &mut self.sums else { panic!("frames of one type") };
        for frames in frames.axis_chunks_iter(Axis(0), MAX_RECENT as usize) {
            let n_new = frames.dim().0 as u32;
            if *n_recent + n_new > MAX_RECENT {
                total.resize(n, 0);
                total.iter_mut().zip(recent.iter_mut()).for_each(|(t, r)| *t += u64::from(std::mem::take(r)));
                *n_recent = 0;
            }
            // The squares of 2^31 pixels of 16 bits fit into 64 bits.
            tile_by_tile(frames, |tile, pixels| *squares += u128::from(add(&mut recent[tile], pixels)));
            *n_recent += n_new;
        }
    }

    fn add_signed<T: Copy + Into<i64>>(&mut self, frames: &Array3<T>) {
        let n = self.n_pixels();
        if matches!(self.sums, Sums::None) {
            self.sums = Sums::Signed { sum: vec![0; n], squares: 0 };
        }
        let Sums::Signed { sum, squares } = &mut self.sums else { panic!("frames of one type") };
        tile_by_tile(frames.view(), |tile, pixels| {
            for (s, &v) in sum[tile].iter_mut().zip(pixels) {
                let v: i64 = v.into();
                *s += v;
                *squares += u128::from(v.unsigned_abs()) * u128::from(v.unsigned_abs());
            }
        });
    }

    fn add_floats(&mut self, frames: &Array3<f32>) {
        let n = self.n_pixels();
        if matches!(self.sums, Sums::None) {
            self.sums = Sums::Float { sum: vec![0.0; n], sum_squares: vec![0.0; n] };
        }
        let Sums::Float { sum, sum_squares } = &mut self.sums else { panic!("frames of one type") };
        tile_by_tile(frames.view(), |tile, pixels| {
            for ((s, q), &v) in sum[tile.clone()].iter_mut().zip(&mut sum_squares[tile]).zip(pixels) {
                let v = f64::from(v);
                *s += v;
                *q += v * v;
            }
        });
    }

    /// Mean of the frames, counts, `[Y, X]`; NaN without frames.
    pub fn mean(&self) -> Array2<f32> {
        let mut mean = Array2::zeros((self.height, self.width));
        self.mean_into(mean.as_slice_mut().expect("a new array is one slice"));
        mean
    }

    /// Writes the mean of the frames, counts, into `mean`, one value a pixel, row-major; NaN without frames.
    ///
    /// # Panics
    /// If there is not one value a pixel.
    pub fn mean_into(&self, mean: &mut [f32]) {
        assert_eq!(mean.len(), self.n_pixels(), "one value a pixel");
        let n = self.n_frames as f64;
        match &self.sums {
            _ if self.n_frames == 0 => mean.fill(f32::NAN),
            Sums::Unsigned { recent, total, .. } if total.is_empty() => divide(recent, n, mean),
            Sums::Unsigned { recent, total, .. } => {
                let sums = recent.iter().zip(total).map(|(&r, &t)| u64::from(r) + t);
                mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = (sum as f64 / n) as f32);
            }
            Sums::Signed { sum, .. } => {
                mean.iter_mut().zip(sum).for_each(|(mean, &sum)| *mean = (sum as f64 / n) as f32)
            }
            Sums::Float { sum, .. } => mean.iter_mut().zip(sum).for_each(|(mean, &sum)| *mean = (sum / n) as f32),
            Sums::None => mean.fill(f32::NAN),
        }
    }

    /// Variance over the frames, with the divisor n - 1, as a mean over all pixels, counts²: the noise of one frame, if
    /// the scene stands still for the length of a bin. Pixels that are not finite are left out. `None` for fewer than two
    /// frames.
    pub fn variance(&self) -> Option<f64> {
        let n = self.n_frames;
        if n < 2 {
            return None;
        }
        // Sum over pixels of n * sum of squares - square of sum, exactly: both fit into 128 bits.
        let of_integers = |squares: u128, squares_of_sums: u128| {
            let n_pixels = (self.height * self.width) as f64;
            (u128::from(n) * squares - squares_of_sums) as f64 / (n as f64 * (n - 1) as f64 * n_pixels)
        };
        match &self.sums {
            Sums::Unsigned { recent, total, squares, .. } if total.is_empty() => {
                Some(of_integers(*squares, sum_of_squares(recent)))
            }
            Sums::Unsigned { recent, total, squares, .. } => {
                let sum_at = |i: usize| u64::from(recent[i]) + total[i];
                Some(of_integers(*squares, (0..recent.len()).map(|i| u128::from(sum_at(i)).pow(2)).sum()))
            }
            Sums::Signed { sum, squares } => {
                Some(of_integers(*squares, sum.iter().map(|s| u128::from(s.unsigned_abs()).pow(2)).sum()))
            }
            Sums::Float { sum, sum_squares } => {
                let n = n as f64;
                let variances = sum.iter().zip(sum_squares).map(|(s, q)| (q - s * s / n) / (n - 1.0));
                // Rounding may leave a little less than nothing.
                let finite = variances.filter(|v| v.is_finite()).map(|v| v.max(0.0));
                let (total, n_finite) = finite.fold((0.0, 0u64), |(a, n), v| (a + v, n + 1));
                (n_finite > 0).then(|| total / n_finite as f64)
            }
            Sums::None => None,
        }
    }
}

/// Gives `add` all frames of one tile before the next tile, whose sums meanwhile stay in the nearest cache: the range of
/// pixels, and the values that a frame has there.
fn tile_by_tile<T: Clone>(frames: ArrayView3<'_, T>, mut add: impl FnMut(Range<usize>, &[T])) {
    let (_, height, width) = frames.dim();
    let (n, frames) = (height * width, frames.as_standard_layout());
    let pixels = frames.as_slice().expect("an array in standard layout is one slice");
    for start in (0..n).step_by(TILE) {
        let tile = start..(start + TILE).min(n);
        pixels.chunks_exact(n).for_each(|frame| add(tile.clone(), &frame[tile.clone()]));
    }
}

/// Adds a frame to the sums and gives the sum of its squares, which 64 bits hold for 2^32 pixels.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn add_u16(sums: &mut [u32], frame: &[u16]) -> u64 {
    let mut squares = 0;
    for (s, &v) in sums.iter_mut().zip(frame) {
        let v = u32::from(v);
        *s += v;
        squares += u64::from(v * v);
    }
    squares
}

#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn add_u8(sums: &mut [u32], frame: &[u8]) -> u64 {
    let mut squares = 0;
    for (s, &v) in sums.iter_mut().zip(frame) {
        let v = u32::from(v);
        *s += v;
        squares += u64::from(v * v);
    }
    squares
}

/// Quotients of exact sums, rounded to double and then to single precision.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn divide(sums: &[u32], n: f64, mean: &mut [f32]) {
    mean.iter_mut().zip(sums).for_each(|(mean, &sum)| *mean = (f64::from(sum) / n) as f32);
}

/// The halves of the squares are added apart, in 64 bits each, which hold those of 2^31 pixels.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn sum_of_squares(sums: &[u32]) -> u128 {
    let (mut low, mut high) = (0u64, 0u64);
    for &sum in sums {
        let square = u64::from(sum) * u64::from(sum);
        low += square & u64::from(u32::MAX);
        high += square >> 32;
    }
    u128::from(low) + (u128::from(high) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn of(blocks: &[Pixels]) -> (Array2<f32>, Option<f64>) {
        let shape = blocks[0].shape();
        let mut sum = BinSum::new(shape.height, shape.width);
        blocks.iter().for_each(|block| sum.add(block));
        (sum.mean(), sum.variance())
    }

    #[test]
    fn mean_and_variance_have_their_closed_form_in_every_type() {
        // Pixel variances of {0, 3, 6}: 9; of {1, 1, 1}: 0; their mean: 4.5.
        let values = array![[[0u8, 1]], [[3, 1]], [[6, 1]]];
        for pixels in [
            Pixels::U8(values.clone()),
            Pixels::U16(values.mapv(u16::from)),
            Pixels::I16(values.mapv(i16::from)),
            Pixels::U32(values.mapv(u32::from)),
            Pixels::F32(values.mapv(f32::from)),
        ] {
            assert_eq!(of(std::slice::from_ref(&pixels)), (array![[3.0, 1.0]], Some(4.5)), "{:?}", pixels.pixel_type());
        }
        let negative = Pixels::I16(array![[[-5i16]], [[-7]]]);
        assert_eq!(of(&[negative]), (array![[-6.0]], Some(2.0)));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let bright = Pixels::U16(Array3::from_elem((70_000, 1, 2), u16::MAX));
        let (mean, variance) = of(&[bright.clone(), bright]);
        assert_eq!((mean[[0, 1]], variance), (65_535.0, Some(0.0)));
        let (mean, variance) = of(&[Pixels::U32(array![[[u32::MAX]], [[0]]])]);
        assert_eq!((mean[[0, 0]], variance), (u32::MAX as f32 / 2.0, Some(f64::from(u32::MAX).powi(2) / 2.0)));
    }

    #[test]
    fn frames_of_several_tiles_are_averaged_pixel_by_pixel() {
        let frames =
            Array3::from_shape_fn((5, 67, 71), |(t, y, x)| ((t * 7919 + y * 104_729 + x * 12_997) % 65_536) as u16);
        let expected = frames.mapv(f64::from).mean_axis(Axis(0)).expect("frames").mapv(|v| v as f32);
        let variance = frames.mapv(f64::from).var_axis(Axis(0), 1.0).mean().expect("pixels");
        let (early, late) = frames.view().split_at(Axis(0), 2);
        let kinds: [fn(Array3<u16>) -> Pixels; 3] =
            [Pixels::U16, |a| Pixels::U32(a.mapv(u32::from)), |a| Pixels::F32(a.mapv(f32::from))];
        for blocks in [vec![frames.clone()], vec![early.to_owned(), late.to_owned()]] {
            for kind in kinds {
                let (mean, found) = of(&blocks.iter().cloned().map(kind).collect::<Vec<_>>());
                assert_eq!(mean, expected);
                assert!((found.expect("five frames") / variance - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn pixels_that_are_no_numbers_leave_the_others_alone() {
        let (mean, variance) = of(&[Pixels::F32(array![[[1.0f32, f32::NAN]], [[3.0, 0.0]]])]);
        assert!(mean[[0, 0]] == 2.0 && mean[[0, 1]].is_nan());
        assert_eq!(variance, Some(2.0));
    }

    #[test]
    fn a_sum_without_frames_is_unknown_and_one_that_was_cleared_is_new() {
        let mut sum = BinSum::new(1, 2);
        assert!(sum.mean().iter().all(|v| v.is_nan()) && sum.variance().is_none());
        let block = Pixels::U16(array![[[1u16, 2]], [[3, 4]]]);
        sum.add(&block);
        let first = (sum.mean(), sum.variance());
        sum.clear();
        assert!(sum.mean().iter().all(|v| v.is_nan()));
        sum.add(&block);
        assert_eq!((sum.mean(), sum.variance()), first);
    }
}
