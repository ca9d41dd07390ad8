//! Gaussian smoothing of images in which some pixels do not count.

use multiversion::multiversion;

/// A sampled Gaussian cut at three standard deviations, normalised to unit sum. One half of it: element 0 is the centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    half: Vec<f32>,
}

impl Kernel {
    /// The kernel of standard deviation `sigma_px` > 0.
    pub fn new(sigma_px: f64) -> Self {
        let radius = (3.0 * sigma_px).ceil().max(1.0) as usize;
        let weight = |d: usize| (-0.5 * (d as f64 / sigma_px).powi(2)).exp();
        let sum: f64 = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f64>();
        Self { half: (0..=radius).map(|d| (weight(d) / sum) as f32).collect() }
    }

    /// Reach on either side, px.
    pub fn radius(&self) -> usize {
        self.half.len() - 1
    }
}

/// Working memory for [`smooth`].
#[derive(Debug, Default)]
pub struct Scratch {
    padded: Vec<f32>,
    rows: Vec<f32>,
}

/// Convolves `image`, `[Y, X]` row-major with rows of `width`, with a Gaussian along both axes, in place.
/// Beyond the border the image is zero.
pub fn smooth(image: &mut [f32], width: usize, kernel: &Kernel, scratch: &mut Scratch) {
    if width == 0 {
        return;
    }
    let radius = kernel.radius();
    scratch.padded.clear();
    scratch.padded.resize(width + 2 * radius, 0.0);
    scratch.rows.clear();
    scratch.rows.resize(image.len(), 0.0);
    for (row, out) in image.chunks_exact(width).zip(scratch.rows.chunks_exact_mut(width)) {
        scratch.padded[radius..radius + width].copy_from_slice(row);
        smooth_row(&scratch.padded, &kernel.half, out);
    }
    smooth_columns(&scratch.rows, width, &kernel.half, image);
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn smooth_row(padded: &[f32], half: &[f32], out: &mut [f32]) {
    let radius = half.len() - 1;
    let n = out.len();
    for (o, p) in out.iter_mut().zip(&padded[radius..]) {
        *o = half[0] * p;
    }
    for (d, w) in half.iter().enumerate().skip(1) {
        let (left, right) = (&padded[radius - d..][..n], &padded[radius + d..][..n]);
        for ((o, l), r) in out.iter_mut().zip(left).zip(right) {
            *o += w * (l + r);
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn smooth_columns(rows: &[f32], width: usize, half: &[f32], out: &mut [f32]) {
    let height = rows.len() / width;
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        for (o, r) in out.iter_mut().zip(&rows[y * width..][..width]) {
            *o = half[0] * r;
        }
        for (d, w) in half.iter().enumerate().skip(1) {
            for neighbour in [y.checked_sub(d), Some(y + d).filter(|&n| n < height)].into_iter().flatten() {
                for (o, r) in out.iter_mut().zip(&rows[neighbour * width..][..width]) {
                    *o += w * r;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impulse_becomes_the_kernel() {
        let kernel = Kernel::new(1.3);
        let (height, width) = (21, 17);
        let mut image = vec![0.0f32; height * width];
        image[10 * width + 8] = 1.0;
        smooth(&mut image, width, &kernel, &mut Scratch::default());
        let sum: f32 = image.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        for (dy, dx) in [(0usize, 0usize), (1, 2), (4, 0)] {
            let expected = kernel.half[dy] * kernel.half[dx];
            assert!((image[(10 + dy) * width + 8 - dx] - expected).abs() < 1e-7);
        }
    }
}
