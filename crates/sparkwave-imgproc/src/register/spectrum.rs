//! Two-dimensional Fourier transform of real images of one size.
//!
//! A spectrum is the half spectrum, stored column by column: `[kx][ky]` with `kx` in `0..=X/2` and `ky` in `0..Y`, so
//! that the second pass runs over contiguous memory and no transposition back is needed to compare two spectra.

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner, num_complex::Complex64};
use std::sync::Arc;

/// Transforms for one image size. Cheap to share between threads.
pub(super) struct Transform {
    pub(super) height: usize,
    pub(super) width: usize,
    rows_forward: Arc<dyn RealToComplex<f64>>,
    rows_inverse: Arc<dyn ComplexToReal<f64>>,
    columns_forward: Arc<dyn Fft<f64>>,
    columns_inverse: Arc<dyn Fft<f64>>,
}

impl Transform {
    pub(super) fn new(height: usize, width: usize) -> Self {
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        Self {
            height,
            width,
            rows_forward: real.plan_fft_forward(width),
            rows_inverse: real.plan_fft_inverse(width),
            columns_forward: complex.plan_fft_forward(height),
            columns_inverse: complex.plan_fft_inverse(height),
        }
    }

    /// Columns of the half spectrum.
    pub(super) fn n_columns(&self) -> usize {
        self.width / 2 + 1
    }

    /// The half spectrum of an image `[Y, X]`; the image is used as scratch memory.
    pub(super) fn forward(&self, image: &mut [f64]) -> Vec<Complex64> {
        let n_columns = self.n_columns();
        let mut row_spectrum = self.rows_forward.make_output_vec();
        let mut scratch = self.rows_forward.make_scratch_vec();
        let mut spectrum = vec![Complex64::ZERO; n_columns * self.height];
        for (y, row) in image.chunks_exact_mut(self.width).enumerate() {
            self.rows_forward
                .process_with_scratch(row, &mut row_spectrum, &mut scratch)
                .expect("both buffers were made by the plan");
            for (kx, value) in row_spectrum.iter().enumerate() {
                spectrum[kx * self.height + y] = *value;
            }
        }
        self.columns_forward.process(&mut spectrum);
        spectrum
    }

    /// The image of a half spectrum, not divided by the number of pixels; the spectrum is used as scratch memory.
    pub(super) fn inverse(&self, spectrum: &mut [Complex64]) -> Vec<f64> {
        let n_columns = self.n_columns();
        self.columns_inverse.process(spectrum);
        let mut row_spectrum = self.rows_inverse.make_input_vec();
        let mut scratch = self.rows_inverse.make_scratch_vec();
        let mut image = vec![0.0; self.height * self.width];
        for (y, row) in image.chunks_exact_mut(self.width).enumerate() {
            for (kx, value) in row_spectrum.iter_mut().enumerate() {
                *value = spectrum[kx * self.height + y];
            }
            // The spectrum of a real row is real at zero and, for even lengths, at the Nyquist frequency.
            row_spectrum[0].im = 0.0;
            if self.width.is_multiple_of(2) {
                row_spectrum[n_columns - 1].im = 0.0;
            }
            self.rows_inverse
                .process_with_scratch(&mut row_spectrum, row, &mut scratch)
                .expect("both buffers were made by the plan, and the edge bins are real");
        }
        image
    }

    /// The signed frequency of row `ky` of the spectrum, in cycles per image height.
    pub(super) fn signed_ky(&self, ky: usize) -> f64 {
        if 2 * ky > self.height { ky as f64 - self.height as f64 } else { ky as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_undoes_forward_for_even_and_odd_sizes() {
        for (height, width) in [(8, 12), (7, 9), (5, 8), (1, 1), (2, 1), (1, 6)] {
            let transform = Transform::new(height, width);
            let image: Vec<f64> = (0..height * width).map(|i| ((i * i * 31 + 7) % 101) as f64).collect();
            let mut spectrum = transform.forward(&mut image.clone());
            let back = transform.inverse(&mut spectrum);
            for (a, b) in image.iter().zip(&back) {
                assert!((a - b / (height * width) as f64).abs() < 1e-9, "{height} x {width}");
            }
        }
    }
}
