//! An electron-multiplying CCD: photoelectrons in, counts out.
//!
//! The number of electrons that enter the multiplication register is Poisson; each of them leaves as an exponentially
//! distributed charge (Basden, Haniff and Mackay 2003, MNRAS 345, 985, high-gain limit), so the output is a compound
//! Poisson variable whose r-th cumulant is `λ r! g^r`: mean `λg`, variance `2λg²` (the excess noise factor √2), third
//! cumulant `6λg³`. Gaussian read noise and a constant offset are added, then the value is rounded and clipped to 16
//! bits.

use rand::Rng;
use rand_distr::StandardNormal;

/// Above this many electrons the compound distribution is drawn from a normal variable with exact first three cumulants.
const BRIGHT_ELECTRONS: f32 = 24.0;

/// Gain, offset and noise of an EMCCD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Emccd {
    /// Counts that a dark pixel reads on average; at least 0.
    pub offset_counts: f32,
    /// Counts per photoelectron, multiplication and digitisation together; greater than 0.
    pub gain_counts: f32,
    /// Standard deviation of the read noise, in counts; at least 0.
    pub read_noise_counts: f32,
    /// Clock-induced charge: spurious electrons per pixel and frame, multiplied like light; at least 0.
    pub clock_induced_electrons: f32,
}

impl Emccd {
    /// Expected counts at `electrons` expected photoelectrons, before rounding and clipping.
    pub fn mean_counts(&self, electrons: f32) -> f32 {
        self.offset_counts + self.gain_counts * (electrons + self.clock_induced_electrons)
    }

    /// Variance in counts² at `electrons` expected photoelectrons, before rounding (which adds 1/12) and clipping.
    pub fn variance_counts2(&self, electrons: f32) -> f32 {
        let lambda = electrons + self.clock_induced_electrons;
        2.0 * lambda * self.gain_counts.powi(2) + self.read_noise_counts.powi(2)
    }

    /// Third cumulant in counts³ at `electrons` expected photoelectrons.
    pub fn third_cumulant_counts3(&self, electrons: f32) -> f32 {
        6.0 * (electrons + self.clock_induced_electrons) * self.gain_counts.powi(3)
    }

    /// Draws one pixel at `electrons` expected photoelectrons (at least 0).
    ///
    /// Below 24 electrons the draw is exact: a Poisson number, then a gamma charge of that shape. Above, where the
    /// skewness is below 0.44, a standard normal `z` is bent to `z + c (z² - 1)`, which has the mean, the variance and
    /// the skewness of the exact distribution (Cornish and Fisher's expansion; `c` to fourth order in the skewness).
    pub fn sample<R: Rng + ?Sized>(&self, electrons: f32, rng: &mut R) -> u16 {
        let lambda = electrons.max(0.0) + self.clock_induced_electrons;
        let counts = if lambda < BRIGHT_ELECTRONS {
            let charge = gamma(poisson(lambda, rng), rng);
            let read: f32 = rng.sample(StandardNormal);
            self.offset_counts + self.gain_counts * charge + self.read_noise_counts * read
        } else {
            let variance = self.variance_counts2(electrons);
            let deviation = variance.sqrt();
            let sixth = self.third_cumulant_counts3(electrons) / (6.0 * variance * deviation);
            // Skewness of z + c (z² - 1) is (6c + 8c³) / (1 + 2c²)^1.5 = 6c - 10c³ + O(c⁵); inverted for c.
            let c = sixth * (1.0 + 5.0 / 3.0 * sixth * sixth);
            let z: f32 = rng.sample(StandardNormal);
            let bent = (z + c * (z * z - 1.0)) / (1.0 + 2.0 * c * c).sqrt();
            self.mean_counts(electrons) + deviation * bent
        };
        // A float cast saturates, which is what a full well does.
        (counts + 0.5) as u16
    }
}

/// Longest search of [`poisson`]: the loop ends there where rounding keeps the probabilities from summing to `u`. The
/// chance of a larger number is below 1e-40 at the largest mean used.
const MOST_ELECTRONS: usize = 128;

/// 1/n, because multiplying is several times faster than dividing.
const RECIPROCALS: [f64; MOST_ELECTRONS + 1] = {
    let mut table = [0.0; MOST_ELECTRONS + 1];
    let mut n = 1;
    while n <= MOST_ELECTRONS {
        table[n] = 1.0 / n as f64;
        n += 1;
    }
    table
};

/// A Poisson number with mean `lambda` below [`BRIGHT_ELECTRONS`], by inversion of the distribution function.
fn poisson<R: Rng + ?Sized>(lambda: f32, rng: &mut R) -> u32 {
    let mut u = f64::from(rng.random::<f32>());
    let lambda = f64::from(lambda);
    let mut probability = (-lambda).exp();
    let mut n = 0;
    while u >= probability && n < MOST_ELECTRONS {
        u -= probability;
        n += 1;
        probability *= lambda * RECIPROCALS[n];
    }
    n as u32
}

/// A gamma variable of integer shape `n` and unit scale; 0 for `n = 0`.
///
/// Small shapes are products of uniforms; larger ones use Marsaglia and Tsang (2000), ACM TOMS 26, 363.
fn gamma<R: Rng + ?Sized>(n: u32, rng: &mut R) -> f32 {
    match n {
        0 => 0.0,
        1..=3 => {
            // 1 - u lies in (0, 1], so the logarithm is finite.
            let product: f32 = (0..n).map(|_| 1.0 - rng.random::<f32>()).product();
            -product.ln()
        }
        _ => {
            let d = n as f32 - 1.0 / 3.0;
            let c = 1.0 / (9.0 * d).sqrt();
            loop {
                let x: f32 = rng.sample(StandardNormal);
                let v = (1.0 + c * x).powi(3);
                if v <= 0.0 {
                    continue;
                }
                let u = 1.0 - rng.random::<f32>();
                if u < 1.0 - 0.0331 * x.powi(4) || u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                    return d * v;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const CAMERA: Emccd =
        Emccd { offset_counts: 400.0, gain_counts: 20.0, read_noise_counts: 12.0, clock_induced_electrons: 0.03 };

    #[test]
    fn mean_variance_and_skewness_follow_the_closed_forms() {
        const N: usize = 400_000;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for electrons in [0.0f32, 0.4, 3.0, 12.0, 23.9, 24.1, 60.0, 200.0, 1500.0] {
            let draws: Vec<f64> = (0..N).map(|_| f64::from(CAMERA.sample(electrons, &mut rng))).collect();
            let mean = draws.iter().sum::<f64>() / N as f64;
            let moment = |p: i32| draws.iter().map(|v| (v - mean).powi(p)).sum::<f64>() / N as f64;
            let variance = f64::from(CAMERA.variance_counts2(electrons)) + 1.0 / 12.0;
            let lambda = f64::from(electrons + CAMERA.clock_induced_electrons);
            // Standard errors of the sample moments, from the exact cumulants κr = λ r! g^r of the compound law.
            let excess = 24.0 * lambda * 20f64.powi(4) / variance.powi(2);
            let mean_se = (variance / N as f64).sqrt();
            let variance_se = variance * ((2.0 + excess) / N as f64).sqrt();
            assert!((mean - f64::from(CAMERA.mean_counts(electrons))).abs() < 5.0 * mean_se, "{electrons}: {mean}");
            assert!((moment(2) - variance).abs() < 5.0 * variance_se, "{electrons}: {} {variance}", moment(2));
            let skewness = moment(3) / moment(2).powf(1.5);
            let expected = f64::from(CAMERA.third_cumulant_counts3(electrons)) / variance.powf(1.5);
            // The sample skewness of a heavy-tailed law has no simple error; 6 % covers the dimmest case here.
            assert!((skewness - expected).abs() < 0.02 + 0.06 * expected, "{electrons}: {skewness} {expected}");
        }
    }

    #[test]
    fn a_full_well_saturates_and_a_dark_one_never_wraps() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        assert_eq!(CAMERA.sample(1e6, &mut rng), u16::MAX);
        let dark = Emccd { offset_counts: 0.0, clock_induced_electrons: 0.0, ..CAMERA };
        assert!((0..1000).all(|_| dark.sample(0.0, &mut rng) < 100));
    }

    #[test]
    fn the_two_samplers_agree_where_they_meet() {
        const N: usize = 200_000;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut quantiles = |electrons: f32| {
            let mut draws: Vec<u16> = (0..N).map(|_| CAMERA.sample(electrons, &mut rng)).collect();
            draws.sort_unstable();
            [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999].map(|q| f64::from(draws[(q * N as f64) as usize]))
        };
        let threshold = BRIGHT_ELECTRONS - CAMERA.clock_induced_electrons;
        let (exact, bent) = (quantiles(threshold - 0.01), quantiles(threshold + 0.01));
        let deviation = f64::from(CAMERA.variance_counts2(threshold).sqrt());
        for (a, b) in exact.iter().zip(&bent) {
            assert!((a - b).abs() < 0.1 * deviation, "{exact:?} {bent:?}");
        }
    }
}
