//! Baseline by asymmetrically reweighted penalised least squares (arPLS).
//!
//! S.-J. Baek, A. Park, Y.-J. Ahn, J. Choo, "Baseline correction using asymmetrically reweighted penalized least
//! squares smoothing", Analyst 140, 250-257 (2015). The baseline `z` of a trace `y` minimises
//!
//! ```text
//! Σ wᵢ (yᵢ - zᵢ)² + λ Σ (zᵢ - 2 zᵢ₊₁ + zᵢ₊₂)²                                (eq. 2)
//! wᵢ = 1 / (1 + exp(2 (dᵢ - (2 s - m)) / s)),   d = y - z                     (eq. 9)
//! ```
//!
//! with `m` and `s` the mean and the standard deviation of the negative part of `d` ([`Deviation`]). Samples far above the
//! baseline lose their weight, samples below keep it. Weights start at 1; the iteration stops when
//! `‖w - w_new‖ < tolerance ‖w‖` (Euclidean norms), when fewer than two residuals are negative, or after
//! `max_iterations`.
//!
//! `W + λ DᵀD` is symmetric, positive definite and pentadiagonal, so each solve is a banded `L D Lᵀ` factorisation in
//! O(T). [`LANES`] traces are solved side by side: the recurrences are sequential in time but independent between
//! pixels, which is where the vector units are put to work.

use multiversion::multiversion;

/// Number of traces solved side by side.
pub const LANES: usize = 16;

type Lane = [f64; LANES];

/// Which standard deviation of the negative residuals enters eq. 9; the paper does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deviation {
    /// Divided by n - 1, as in pybaselines.
    #[default]
    Sample,
    /// Divided by n, as in the published code of the global normalisation.
    Population,
}

/// Parameters of arPLS, in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArplsParams {
    /// Smoothness λ > 0. The half-power period of the smoother is `2π λ^¼` samples, see [`lambda_for_cutoff`].
    pub lambda: f64,
    /// Relative change of the weights at which the iteration stops, > 0.
    pub tolerance: f64,
    /// Largest number of reweightings after the first solve.
    pub max_iterations: usize,
    /// Which standard deviation of the negative residuals is taken.
    pub deviation: Deviation,
}

impl Default for ArplsParams {
    /// The published parameters of the evaluation at 10 Hz, with a tolerance at which baselines no longer change visibly.
    fn default() -> Self {
        Self { lambda: 1e6, tolerance: 1e-3, max_iterations: 50, deviation: Deviation::Sample }
    }
}

/// The λ whose smoother passes half the amplitude of a sine of period `cutoff_samples`.
///
/// The transfer function of the unweighted smoother is `1 / (1 + λ (2 sin(ω/2))⁴)`; for slow baselines it is one half
/// at `ω = λ^-¼`. At 10 Hz the published λ = 1e6 corresponds to 19.9 s.
pub fn lambda_for_cutoff(cutoff_samples: f64) -> f64 {
    let omega = std::f64::consts::TAU / cutoff_samples;
    (2.0 * (omega.min(std::f64::consts::PI) / 2.0).sin()).powi(-4)
}

/// Working memory for traces of one length; reused from group to group.
#[derive(Debug, Default)]
pub struct Workspace {
    w: Vec<Lane>,
    g: Vec<Lane>,
    h: Vec<Lane>,
    z: Vec<Lane>,
}

/// The baseline of one trace. Same length as `trace`, whose samples must be finite.
///
/// # Example
/// ```
/// use sparkwave_imgproc::baseline::arpls::{ArplsParams, baseline};
/// let line: Vec<f64> = (0..50).map(|i| 3.0 + 0.5 * f64::from(i)).collect();
/// let fitted = baseline(&line, ArplsParams { lambda: 1e5, tolerance: 1e-3, max_iterations: 50, ..Default::default() });
/// assert!(line.iter().zip(&fitted).all(|(a, b)| (a - b).abs() < 1e-6));
/// ```
pub fn baseline(trace: &[f64], params: ArplsParams) -> Vec<f64> {
    // A lone trace fills every lane: the result of a lane does not depend on its neighbours.
    let lanes: Vec<Lane> = trace.iter().map(|&y| [y; LANES]).collect();
    let mut out = vec![[0.0; LANES]; lanes.len()];
    baselines(&lanes, params, &mut Workspace::default(), &mut out);
    out.iter().map(|z| z[0]).collect()
}

/// The baselines of [`LANES`] traces, `[T][LANES]`; `out` has the length of `traces`, whose samples must be finite.
pub fn baselines(traces: &[Lane], params: ArplsParams, work: &mut Workspace, out: &mut [Lane]) {
    let n = traces.len();
    for buffer in [&mut work.w, &mut work.g, &mut work.h, &mut work.z] {
        buffer.clear();
        buffer.resize(n, [0.0; LANES]);
    }
    if n < 3 {
        // No second difference exists: the fit is the data.
        out.copy_from_slice(traces);
        return;
    }
    work.w.fill([1.0; LANES]);
    let mut running = [true; LANES];
    for iteration in 0..=params.max_iterations {
        solve(traces, &work.w, params.lambda, &mut work.g, &mut work.h, &mut work.z);
        for (o, z) in out.iter_mut().zip(&work.z) {
            for l in 0..LANES {
                o[l] = if running[l] { z[l] } else { o[l] };
            }
        }
        if iteration == params.max_iterations {
            break;
        }
        let freedom = match params.deviation {
            Deviation::Sample => 1.0,
            Deviation::Population => 0.0,
        };
        let change = reweight(traces, &work.z, &mut work.w, freedom);
        for l in 0..LANES {
            // NaN means that fewer than two residuals were negative.
            running[l] &= change[l] >= params.tolerance;
        }
        if !running.iter().any(|&r| r) {
            break;
        }
    }
}

/// Solves `(W + λ DᵀD) z = W y` per lane by `L D Lᵀ` without pivoting, which is stable for positive definite matrices.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2", "aarch64+neon"))]
fn solve(y: &[Lane], w: &[Lane], lambda: f64, g: &mut [Lane], h: &mut [Lane], z: &mut [Lane]) {
    let n = y.len();
    let (w, g, h, z) = (&w[..n], &mut g[..n], &mut h[..n], &mut z[..n]);
    let zero = [0.0; LANES];
    // Values of the two previous rows: g, h, e (the undivided g) and the forward substituted right-hand side u.
    let (mut g1, mut h1, mut e1, mut u1) = (zero, zero, zero, zero);
    let (mut h2, mut u2) = (zero, zero);
    for i in 0..n {
        let (diagonal, first, second) = penalty_row(i, n, lambda);
        // The entry two rows up, A(i-2, i); the penalty's second off-diagonal is λ wherever it exists.
        let second_up = if i >= 2 { lambda } else { 0.0 };
        let first_up = if i >= 1 { lambda } else { 0.0 };
        let (wi, yi) = (&w[i], &y[i]);
        let (gi, hi, zi) = (&mut g[i], &mut h[i], &mut z[i]);
        for l in 0..LANES {
            let d = wi[l] + diagonal - g1[l] * e1[l] - h2[l] * second_up;
            let inverse = 1.0 / d;
            let e = first - if i + 1 < n { first_up * g1[l] } else { 0.0 };
            let u = wi[l] * yi[l] - g1[l] * u1[l] - h2[l] * u2[l];
            gi[l] = e * inverse;
            hi[l] = second * inverse;
            zi[l] = u * inverse;
            h2[l] = h1[l];
            u2[l] = u1[l];
            g1[l] = gi[l];
            h1[l] = hi[l];
            e1[l] = e;
            u1[l] = u;
        }
    }
    let (mut z1, mut z2) = (zero, zero);
    for i in (0..n).rev() {
        let (gi, hi, zi) = (&g[i], &h[i], &mut z[i]);
        for l in 0..LANES {
            let value = zi[l] - gi[l] * z1[l] - hi[l] * z2[l];
            zi[l] = value;
            z2[l] = z1[l];
            z1[l] = value;
        }
    }
}

/// Row `i` of `λ DᵀD` for `n >= 3` samples: its diagonal and the two entries to the right of it.
#[inline(always)]
fn penalty_row(i: usize, n: usize, lambda: f64) -> (f64, f64, f64) {
    let (from_start, from_end) = (i, n - 1 - i);
    // Sample i takes part in up to three second differences: as their first (1), middle (-2) and last (1) sample.
    let as_first = if from_end >= 2 { 1.0 } else { 0.0 };
    let as_middle = if from_start >= 1 && from_end >= 1 { 4.0 } else { 0.0 };
    let as_last = if from_start >= 2 { 1.0 } else { 0.0 };
    let diagonal = as_first + as_middle + as_last;
    let first = match (from_start, from_end) {
        (_, 0) => 0.0,
        (0, _) | (_, 1) => -2.0,
        _ => -4.0,
    };
    let second = if from_end >= 2 { 1.0 } else { 0.0 };
    (lambda * diagonal, lambda * first, lambda * second)
}

/// Replaces the weights (eq. 9), `freedom` being what is taken off n in the standard deviation, and returns the relative change per lane, NaN where the trace has fewer than two
/// negative residuals.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2", "aarch64+neon"))]
fn reweight(y: &[Lane], z: &[Lane], w: &mut [Lane], freedom: f64) -> Lane {
    let zero = [0.0; LANES];
    let (mut count, mut sum) = (zero, zero);
    for (y, z) in y.iter().zip(z) {
        for l in 0..LANES {
            let d = y[l] - z[l];
            let negative = if d < 0.0 { 1.0 } else { 0.0 };
            count[l] += negative;
            sum[l] += negative * d;
        }
    }
    let mut mean = zero;
    for l in 0..LANES {
        mean[l] = sum[l] / count[l].max(1.0);
    }
    let mut squares = zero;
    for (y, z) in y.iter().zip(z) {
        for l in 0..LANES {
            let d = y[l] - z[l];
            let deviation = if d < 0.0 { d - mean[l] } else { 0.0 };
            squares[l] += deviation * deviation;
        }
    }
    let (mut slope, mut offset) = (zero, zero);
    for l in 0..LANES {
        let sd = (squares[l] / (count[l] - freedom).max(1.0)).sqrt().max(f64::MIN_POSITIVE);
        slope[l] = 2.0 / sd;
        offset[l] = 2.0 * sd - mean[l];
    }
    let (mut change, mut norm) = (zero, zero);
    for ((y, z), w) in y.iter().zip(z).zip(w.iter_mut()) {
        for l in 0..LANES {
            let weight = 1.0 / (1.0 + exp(slope[l] * (y[l] - z[l] - offset[l])));
            let difference = weight - w[l];
            change[l] += difference * difference;
            norm[l] += w[l] * w[l];
            w[l] = weight;
        }
    }
    let mut relative = zero;
    for l in 0..LANES {
        relative[l] = if count[l] < 2.0 { f64::NAN } else { change[l].sqrt() / norm[l].sqrt().max(f64::MIN_POSITIVE) };
    }
    relative
}

/// `eˣ` to 1e-15 relative for |x| <= 700, clamped beyond, in operations that vectorise. The library function does not.
#[inline(always)]
fn exp(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²: adding it leaves the nearest integer in the low bits
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-700.0, 700.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Taylor series on |r| <= ln2 / 2: the first term left out is below 5e-18.
    let mut p = 1.0 / 6_227_020_800.0;
    for c in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + c;
    }
    // The low bits of `shifted` hold n in two's complement; |n| <= 1010, so the exponent stays normal.
    let power = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    p * power
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::needless_range_loop)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn random_trace(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..n)
            .map(|i| {
                100.0 + (i as f64 / 40.0).sin() * 5.0 + rng.random::<f64>() * 4.0 + if i % 37 < 4 { 30.0 } else { 0.0 }
            })
            .collect()
    }

    /// The same equations with dense matrices and Gaussian elimination.
    fn dense(y: &[f64], p: ArplsParams) -> Vec<f64> {
        let n = y.len();
        let mut penalty = vec![vec![0.0; n]; n];
        for k in 0..n - 2 {
            for (a, ca) in [(0, 1.0), (1, -2.0), (2, 1.0)] {
                for (b, cb) in [(0, 1.0), (1, -2.0), (2, 1.0)] {
                    penalty[k + a][k + b] += p.lambda * ca * cb;
                }
            }
        }
        let mut w = vec![1.0; n];
        for iteration in 0..=p.max_iterations {
            let mut a = penalty.clone();
            let mut z: Vec<f64> = (0..n).map(|i| w[i] * y[i]).collect();
            for i in 0..n {
                a[i][i] += w[i];
            }
            for i in 0..n {
                for j in i + 1..n {
                    let f = a[j][i] / a[i][i];
                    for k in i..n {
                        a[j][k] -= f * a[i][k];
                    }
                    z[j] -= f * z[i];
                }
            }
            for i in (0..n).rev() {
                for k in i + 1..n {
                    z[i] -= a[i][k] * z[k];
                }
                z[i] /= a[i][i];
            }
            let d: Vec<f64> = y.iter().zip(&z).map(|(y, z)| y - z).collect();
            let neg: Vec<f64> = d.iter().copied().filter(|d| *d < 0.0).collect();
            if neg.len() < 2 {
                return z;
            }
            let m = neg.iter().sum::<f64>() / neg.len() as f64;
            let s = (neg.iter().map(|d| (d - m).powi(2)).sum::<f64>() / (neg.len() - 1) as f64).sqrt();
            let new: Vec<f64> = d.iter().map(|d| 1.0 / (1.0 + (2.0 * (d - (2.0 * s - m)) / s).exp())).collect();
            let change = new.iter().zip(&w).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let norm = w.iter().map(|w| w * w).sum::<f64>().sqrt();
            if change < p.tolerance * norm || iteration == p.max_iterations {
                return z;
            }
            w = new;
        }
        unreachable!()
    }

    #[test]
    fn banded_equals_dense_elimination() {
        for (n, lambda) in [(3, 10.0), (4, 1e3), (5, 1e3), (60, 1e4), (150, 1e6)] {
            let y = random_trace(n, n as u64);
            let p = ArplsParams { lambda, tolerance: 1e-4, max_iterations: 30, ..Default::default() };
            let (banded, dense) = (baseline(&y, p), dense(&y, p));
            for (a, b) in banded.iter().zip(&dense) {
                assert!((a - b).abs() <= 1e-7 * b.abs(), "n {n} λ {lambda}: {a} against {b}");
            }
        }
    }

    #[test]
    fn a_lane_does_not_depend_on_its_neighbours() {
        let p = ArplsParams { lambda: 1e5, tolerance: 1e-3, max_iterations: 50, ..Default::default() };
        let traces: Vec<Vec<f64>> = (0..LANES).map(|l| random_trace(200, l as u64)).collect();
        let lanes: Vec<Lane> = (0..200).map(|t| std::array::from_fn(|l| traces[l][t])).collect();
        let mut out = vec![[0.0; LANES]; 200];
        baselines(&lanes, p, &mut Workspace::default(), &mut out);
        for (l, trace) in traces.iter().enumerate() {
            let alone = baseline(trace, p);
            assert!((0..200).all(|t| alone[t].to_bits() == out[t][l].to_bits()), "lane {l}");
        }
    }

    #[test]
    fn half_of_a_sine_at_the_cutoff_passes() {
        let period = 200.0;
        let y: Vec<f64> = (0..4000).map(|i| (std::f64::consts::TAU * i as f64 / period).sin()).collect();
        // Zero reweightings: the plain Whittaker smoother.
        let p =
            ArplsParams { lambda: lambda_for_cutoff(period), tolerance: 1e-3, max_iterations: 0, ..Default::default() };
        let z = baseline(&y, p);
        let amplitude = z[1000..3000].iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!((amplitude - 0.5).abs() < 1e-3, "{amplitude}");
    }

    #[test]
    fn short_constant_and_huge_traces_stay_finite() {
        let p = ArplsParams { lambda: 1e6, tolerance: 1e-6, max_iterations: 100, ..Default::default() };
        assert_eq!(baseline(&[], p), Vec::<f64>::new());
        assert_eq!(baseline(&[5.0, 7.0], p), vec![5.0, 7.0]);
        for y in [vec![0.0; 40], vec![65_535.0; 7], vec![-3.0; 3], vec![1e30, 0.0, 1e30, 0.0, 1e30]] {
            assert!(baseline(&y, p).iter().all(|z| z.is_finite()), "{y:?}");
        }
    }

    #[test]
    fn exp_is_exact_to_the_last_digits() {
        for i in -7000..=7000 {
            let x = f64::from(i) * 0.0999;
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-15, "{x}");
        }
    }
}
