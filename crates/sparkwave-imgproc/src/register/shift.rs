//! The displacement between two images, to a small fraction of a pixel.
//!
//! M. Guizar-Sicairos, S. T. Thurman, J. R. Fienup, "Efficient subpixel image registration algorithms", Opt. Lett. 33,
//! 156-158 (2008). The displacement is where the cross-correlation of the two images, interpolated by its own Fourier
//! series, has its maximum. The whole-pixel maximum comes from one inverse transform. The paper then evaluates the
//! series on a fine grid around it by matrix products; we climb the same series by Newton's method from the
//! whole-pixel maximum, which ends at the limit of an infinitely fine grid and costs a few evaluations instead of
//! thousands.

use super::spectrum::Transform;
use ndarray::ArrayView2;
use rustfft::num_complex::Complex64;
use sparkwave_core::axes::PointYx;

/// How the frequencies of the cross-correlation are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weighting {
    /// The plain cross-correlation, as published. The maximum-likelihood choice for white noise.
    None,
    /// Passes periods between about `2π low_px` and `2π high_px` (Gaussian edges, standard deviations in pixels).
    /// Removes pixel noise and whatever does not move with the sample, such as uneven illumination.
    BandPass {
        /// Standard deviation of the smoothing Gaussian, px.
        low_px: f64,
        /// Standard deviation of the Gaussian whose blur is subtracted, px.
        high_px: f64,
    },
}

/// An image that others are compared with, prepared once.
pub struct Reference {
    transform: Transform,
    /// Conjugate spectrum, weighted; the mirror half is accounted for in the sums.
    spectrum: Vec<Complex64>,
    /// Squared weight of every frequency.
    gain_squared: Vec<f64>,
    taper: Option<(Vec<f64>, Vec<f64>)>,
    energy: f64,
}

/// The displacement of an image and how well the images agree there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Displacement of the content of the image relative to the reference, px.
    pub displacement: PointYx,
    /// Normalised cross-correlation at the maximum, from -1 to 1; 0 if either image is flat.
    pub correlation: f64,
}

impl Reference {
    /// Prepares a reference image `[Y, X]`. With `taper`, a cosine edge of one sixteenth of each side keeps the
    /// periodic border of the Fourier transform from posing as structure that does not move.
    pub fn new(image: ArrayView2<'_, f32>, weighting: Weighting, taper: bool) -> Self {
        let (height, width) = image.dim();
        let transform = Transform::new(height, width);
        let taper = taper.then(|| (cosine_edge(height), cosine_edge(width)));
        let mut pixels = prepare(image, taper.as_ref());
        let mut spectrum = transform.forward(&mut pixels);
        let gain_squared: Vec<f64> = (0..spectrum.len()).map(|i| gain_squared(&transform, i, weighting)).collect();
        // The image's energy is measured with the same weights, so that the correlation of an image with itself is 1.
        let energy = weighted_energy(&transform, &spectrum, &gain_squared);
        for (s, g) in spectrum.iter_mut().zip(&gain_squared) {
            *s = s.conj() * *g;
        }
        Self { transform, spectrum, gain_squared, taper, energy }
    }

    /// Finds the displacement of `image`, of the same size, in `±max_shift_px` of zero.
    ///
    /// # Panics
    /// If the size differs from that of the reference.
    pub fn displacement_of(&self, image: ArrayView2<'_, f32>, max_shift_px: f64) -> Match {
        let t = &self.transform;
        assert_eq!(image.dim(), (t.height, t.width), "image and reference differ in size");
        let flat = Match { displacement: PointYx::default(), correlation: 0.0 };
        let mut pixels = prepare(image, self.taper.as_ref());
        let mut product = t.forward(&mut pixels);
        let energy = weighted_energy(t, &product, &self.gain_squared);
        for (p, s) in product.iter_mut().zip(&self.spectrum) {
            *p *= *s;
        }
        let scale = (energy * self.energy).sqrt();
        if scale.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return flat;
        }
        let surface = t.inverse(&mut product.clone());
        let Some(start) = whole_pixel_maximum(&surface, t.height, t.width, max_shift_px) else { return flat };
        let (displacement, peak) = climb(t, &product, start);
        Match { displacement, correlation: peak / scale }
    }
}

/// How often column `kx` of the half spectrum stands for in the whole one.
fn multiplicity(kx: usize, width: usize) -> f64 {
    if kx == 0 || 2 * kx == width { 1.0 } else { 2.0 }
}

fn cosine_edge(n: usize) -> Vec<f64> {
    let edge = (n as f64 / 16.0).max(1.0);
    (0..n)
        .map(|i| {
            let depth = (i.min(n - 1 - i) as f64 + 0.5) / edge;
            if depth >= 1.0 { 1.0 } else { 0.5 - 0.5 * (std::f64::consts::PI * depth).cos() }
        })
        .collect()
}

/// The image without its mean, non-finite pixels at the mean, edges faded out.
fn prepare(image: ArrayView2<'_, f32>, taper: Option<&(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let (mut sum, mut n) = (0.0, 0usize);
    for &v in image.iter().filter(|v| v.is_finite()) {
        sum += f64::from(v);
        n += 1;
    }
    let mean = if n == 0 { 0.0 } else { sum / n as f64 };
    let centred = |v: f32| if v.is_finite() { f64::from(v) - mean } else { 0.0 };
    match taper {
        None => image.iter().map(|&v| centred(v)).collect(),
        Some((rows, columns)) => image.indexed_iter().map(|((y, x), &v)| centred(v) * rows[y] * columns[x]).collect(),
    }
}

/// The sum of squares of the weighted spectrum, both halves.
fn weighted_energy(t: &Transform, spectrum: &[Complex64], gain_squared: &[f64]) -> f64 {
    let columns = spectrum.chunks_exact(t.height).zip(gain_squared.chunks_exact(t.height));
    let column = |(s, g): (&[Complex64], &[f64])| s.iter().zip(g).map(|(s, g)| s.norm_sqr() * g).sum::<f64>();
    columns.enumerate().map(|(kx, pair)| multiplicity(kx, t.width) * column(pair)).sum()
}

fn gain_squared(t: &Transform, index: usize, weighting: Weighting) -> f64 {
    let Weighting::BandPass { low_px, high_px } = weighting else { return 1.0 };
    let fy = t.signed_ky(index % t.height) / t.height as f64;
    let fx = (index / t.height) as f64 / t.width as f64;
    let omega_squared = std::f64::consts::TAU.powi(2) * (fy * fy + fx * fx);
    let gaussian = |sigma: f64| (-0.5 * omega_squared * sigma * sigma).exp();
    (gaussian(low_px) * (1.0 - gaussian(high_px))).powi(2)
}

fn whole_pixel_maximum(surface: &[f64], height: usize, width: usize, max_shift_px: f64) -> Option<PointYx> {
    let signed = |i: usize, n: usize| if 2 * i > n { i as f64 - n as f64 } else { i as f64 };
    let mut best: Option<(f64, PointYx)> = None;
    for (i, &value) in surface.iter().enumerate() {
        let (y, x) = (signed(i / width, height), signed(i % width, width));
        let allowed = y.abs() <= max_shift_px && x.abs() <= max_shift_px;
        if allowed && best.is_none_or(|(b, _)| value > b) {
            best = Some((value, PointYx { y, x }));
        }
    }
    best.map(|(_, at)| at)
}

/// The interpolated cross-correlation with its gradient and second derivatives at one displacement.
struct Surface {
    value: f64,
    gradient: [f64; 2],
    hessian: [f64; 3],
}

fn evaluate(t: &Transform, product: &[Complex64], at: PointYx) -> Surface {
    let tau = std::f64::consts::TAU;
    let (ky_step, kx_step) = (tau / t.height as f64, tau / t.width as f64);
    let frequencies: Vec<f64> = (0..t.height).map(|ky| t.signed_ky(ky) * ky_step).collect();
    let phases: Vec<Complex64> = frequencies.iter().map(|wy| Complex64::cis(wy * at.y)).collect();
    let mut s = Surface { value: 0.0, gradient: [0.0; 2], hessian: [0.0; 3] };
    for (kx, column) in product.chunks_exact(t.height).enumerate() {
        let (mut c0, mut c1, mut c2) = (Complex64::ZERO, Complex64::ZERO, Complex64::ZERO);
        for ((p, phase), wy) in column.iter().zip(&phases).zip(&frequencies) {
            let term = p * phase;
            c0 += term;
            c1 += term * *wy;
            c2 += term * (wy * wy);
        }
        let wx = kx as f64 * kx_step;
        let turn = Complex64::cis(wx * at.x) * multiplicity(kx, t.width);
        let (c0, c1, c2) = (c0 * turn, c1 * turn, c2 * turn);
        // d/dx multiplies by i·w, so odd derivatives take the negative imaginary part.
        s.value += c0.re;
        s.gradient[0] -= c1.im;
        s.gradient[1] -= c0.im * wx;
        s.hessian[0] -= c2.re;
        s.hessian[1] -= c1.re * wx;
        s.hessian[2] -= c0.re * wx * wx;
    }
    s
}

/// Newton's method with step halving; gives up where the surface is not concave, which leaves the whole-pixel answer.
fn climb(t: &Transform, product: &[Complex64], start: PointYx) -> (PointYx, f64) {
    let mut at = start;
    let mut here = evaluate(t, product, at);
    for _ in 0..12 {
        let [hyy, hxy, hxx] = here.hessian;
        let [gy, gx] = here.gradient;
        // A dimension of one pixel has no derivative along it.
        let (step_y, step_x) = match (hyy < 0.0, hxx < 0.0) {
            (true, true) if hyy * hxx - hxy * hxy > 0.0 => {
                let determinant = hyy * hxx - hxy * hxy;
                ((hxy * gx - hxx * gy) / determinant, (hxy * gy - hyy * gx) / determinant)
            }
            (true, false) => (-gy / hyy, 0.0),
            (false, true) => (0.0, -gx / hxx),
            _ => break,
        };
        let mut shrink = (0.7 / step_y.abs().max(step_x.abs()).max(f64::MIN_POSITIVE)).min(1.0);
        let mut moved = false;
        for _ in 0..6 {
            let to = PointYx { y: at.y + shrink * step_y, x: at.x + shrink * step_x };
            let there = evaluate(t, product, to);
            // The true maximum lies within a pixel of the whole-pixel one on either axis.
            let near = (to.y - start.y).abs() <= 1.0 && (to.x - start.x).abs() <= 1.0;
            if near && there.value >= here.value {
                (at, here, moved) = (to, there, true);
                break;
            }
            shrink *= 0.5;
        }
        if !moved || (step_y.abs().max(step_x.abs()) < 1e-4) {
            break;
        }
    }
    (at, here.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn blobs(height: usize, width: usize, dy: f64, dx: f64) -> Array2<f32> {
        Array2::from_shape_fn((height, width), |(y, x)| {
            [(0.3, 0.4, 3.0, 100.0), (0.6, 0.55, 2.0, 60.0), (0.45, 0.7, 4.0, 80.0)]
                .iter()
                .map(|(cy, cx, s, a)| {
                    let (ry, rx) = (y as f64 - cy * height as f64 - dy, x as f64 - cx * width as f64 - dx);
                    a * (-(ry * ry + rx * rx) / (2.0 * s * s)).exp()
                })
                .sum::<f64>() as f32
        })
    }

    #[test]
    fn known_displacements_are_found_to_a_thousandth_of_a_pixel() {
        for (height, width) in [(64, 64), (63, 80), (96, 75)] {
            let reference = Reference::new(blobs(height, width, 0.0, 0.0).view(), Weighting::None, false);
            for (dy, dx) in [(0.0, 0.0), (0.25, -0.4), (-3.37, 4.91), (5.0, -5.0), (0.5, 0.5)] {
                let found = reference.displacement_of(blobs(height, width, dy, dx).view(), 10.0);
                let error = (found.displacement.y - dy).hypot(found.displacement.x - dx);
                assert!(error < 1e-3, "{height} x {width}, ({dy}, {dx}): {found:?}");
                assert!(found.correlation > 0.999, "{found:?}");
            }
        }
    }

    #[test]
    fn flat_tiny_and_broken_images_do_not_move() {
        for (height, width) in [(1, 1), (1, 9), (16, 16)] {
            let flat = Array2::from_elem((height, width), 7.0f32);
            let nan = Array2::from_elem((height, width), f32::NAN);
            let reference = Reference::new(flat.view(), Weighting::None, true);
            for image in [&flat, &nan] {
                let found = reference.displacement_of(image.view(), 5.0);
                assert_eq!(found, Match { displacement: PointYx::default(), correlation: 0.0 });
            }
        }
    }
}
