//! How high must a peak be, so that only a given share of the accepted ones is noise?
//!
//! Most peaks of the evidence are noise, and there are thousands of them. Their heights fall off nearly exponentially,
//! as the extremes of any field with light tails do (J. Pickands, Ann. Stat. 3, 119-131 (1975)), faster where the noise
//! is Gaussian and slower where an electron-multiplying camera skews it. The decay is fitted to low peaks, where events
//! are a drop in the ocean, and continued upwards: it gives the number of noise peaks above any height. The threshold
//! is the lowest height above which noise is expected to make up at most the given share of all peaks.
//!
//! This is what makes one parameter serve small and large movies, cameras with light and with heavy tails.

/// Peaks in the fitting window below which there is no estimate.
const MIN_PEAKS: usize = 100;

/// The lowest height at or above `window.1` that keeps the expected share of noise peaks at or below `rate`.
///
/// `heights` are the heights of all peaks that reach `window.0`, in any order; the decay is fitted to those in
/// `window.0 .. window.1`. `None` if too few peaks lie there.
pub fn threshold(heights: &[f32], window: (f64, f64), rate: f64) -> Option<f64> {
    let (low, high) = window;
    let inside: Vec<f64> = heights.iter().map(|h| f64::from(*h)).filter(|h| (low..high).contains(h)).collect();
    if inside.len() < MIN_PEAKS {
        return None;
    }
    let mean = inside.iter().map(|h| h - low).sum::<f64>() / inside.len() as f64;
    let decay = truncated_exponential_rate(mean, high - low);
    let above = |h: f64| (-decay * (h - low)).exp() / -(-decay * (high - low)).exp_m1();
    let n_noise = |h: f64| inside.len() as f64 * above(h);

    let mut tall: Vec<f64> = heights.iter().map(|h| f64::from(*h)).filter(|h| *h >= high).collect();
    tall.sort_by(|a, b| b.total_cmp(a));
    let accepted = (1..=tall.len()).rev().find(|&n| n_noise(tall[n - 1]) <= rate * n as f64);
    // Without any acceptable peak the threshold is where less than one noise peak is expected.
    Some(accepted.map_or_else(|| (low + (inside.len() as f64).ln() / decay).max(high), |n| tall[n - 1]))
}

/// The rate of an exponential distribution cut at `width` whose mean is `mean`; the maximum-likelihood estimate.
fn truncated_exponential_rate(mean: f64, width: f64) -> f64 {
    // The mean falls monotonically from width / 2 at rate 0 to 0 at infinite rate.
    let mean_at = |rate: f64| 1.0 / rate - width / (rate * width).exp_m1();
    let (mut low, mut high) = (1e-6 / width, 1e3 / width);
    for _ in 0..80 {
        let middle = (low * high).sqrt();
        if mean_at(middle) > mean { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// Noise peaks with an exponential tail of the given rate, and events far above.
    fn peaks(n: usize, rate: f64, events: &[f32]) -> Vec<f32> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let noise = (0..n).map(|_| (4.0 - rng.random::<f64>().ln() / rate) as f32);
        noise.chain(events.iter().copied()).collect()
    }

    #[test]
    fn the_accepted_share_of_noise_is_close_to_the_one_asked_for() {
        let events: Vec<f32> = (0..200).map(|i| 8.0 + i as f32 / 50.0).collect();
        for decay in [2.0, 3.0, 5.0] {
            let all = peaks(20_000, decay, &events);
            let t = threshold(&all, (4.0, 5.5), 0.1).expect("many peaks");
            let noise = all[..20_000].iter().filter(|h| f64::from(**h) >= t).count() as f64;
            let accepted = all.iter().filter(|h| f64::from(**h) >= t).count() as f64;
            assert!(noise / accepted < 0.2, "decay {decay}: {noise} of {accepted} at {t}");
            assert!(accepted >= 150.0, "decay {decay}: {accepted} at {t}");
        }
    }

    #[test]
    fn pure_noise_gives_next_to_nothing_and_few_peaks_no_estimate() {
        let noise = peaks(20_000, 3.0, &[]);
        let t = threshold(&noise, (4.0, 5.5), 0.1).expect("many peaks");
        assert!(noise.iter().filter(|h| f64::from(**h) >= t).count() <= 2, "{t}");
        assert_eq!(threshold(&noise[..50], (4.0, 5.5), 0.1), None);
    }
}
