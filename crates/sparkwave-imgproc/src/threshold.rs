//! Thresholds of an intensity histogram.

use serde::{Deserialize, Serialize};

/// Bins of the histograms, as published.
const N_BINS: usize = 256;

/// How the foreground is separated from the background on the mean image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Threshold {
    /// [`triangle`].
    Triangle,
    /// [`otsu`].
    Otsu,
    /// Pixels above this intensity, in counts above the background.
    Manual(f64),
    /// Every pixel.
    All,
}

impl Threshold {
    /// The intensity above which a pixel is foreground; `None` if the finite values do not differ.
    pub fn of(self, values: impl Iterator<Item = f32> + Clone) -> Option<f64> {
        match self {
            Self::Triangle => Histogram::new(values).map(|h| triangle(&h)),
            Self::Otsu => Histogram::new(values).map(|h| otsu(&h)),
            Self::Manual(value) => Some(value),
            Self::All => Some(f64::NEG_INFINITY),
        }
    }
}

/// A histogram of equal bins between the smallest and the largest finite value.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    low: f64,
    step: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// The histogram of the finite values; `None` if there are none or all are equal.
    pub fn new(values: impl Iterator<Item = f32> + Clone) -> Option<Self> {
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for v in values.clone().filter(|v| v.is_finite()) {
            (low, high) = (low.min(v), high.max(v));
        }
        if low >= high {
            return None;
        }
        let mut histogram = Self::empty(f64::from(low), f64::from(high));
        values.for_each(|v| histogram.add(v));
        Some(histogram)
    }

    /// An empty histogram of 256 bins from `low` to `high`, which must be larger.
    pub fn empty(low: f64, high: f64) -> Self {
        Self { low, step: (high - low) / N_BINS as f64, counts: vec![0; N_BINS] }
    }

    /// Counts a value; values outside the range, and NaN, are left out. The last bin includes its upper edge.
    pub fn add(&mut self, value: f32) {
        let position = (f64::from(value) - self.low) / self.step;
        if (0.0..=N_BINS as f64).contains(&position) {
            self.counts[(position as usize).min(N_BINS - 1)] += 1;
        }
    }

    /// Adds the counts of a histogram over the same range.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    fn centre(&self, bin: usize) -> f64 {
        self.low + (bin as f64 + 0.5) * self.step
    }
}

/// The triangle threshold: G. W. Zack, W. E. Rogers, S. A. Latt, J. Histochem. Cytochem. 25, 741-753 (1977).
///
/// A line joins the fullest bin to the farther end of the histogram; the threshold is the centre of the bin between
/// them that lies farthest below the line.
pub fn triangle(histogram: &Histogram) -> f64 {
    let counts = &histogram.counts;
    let last = counts.len() - 1;
    let first_of = |c: &mut dyn Iterator<Item = usize>| c.next().unwrap_or(0);
    let peak = first_of(&mut (0..=last).filter(|&i| Some(&counts[i]) == counts.iter().max()));
    let low = first_of(&mut (0..=last).filter(|&i| counts[i] > 0));
    let high = first_of(&mut (0..=last).rev().filter(|&i| counts[i] > 0));
    // Work from the tail towards the peak; a longer right tail is mirrored.
    let mirrored = peak - low < high - peak;
    let at = |i: usize| if mirrored { last - i } else { i };
    let (tail, top) = if mirrored { (last - high, last - peak) } else { (low, peak) };
    let n = (top - tail) as f64;
    let peak_count = counts[peak] as f64;
    let norm = peak_count.hypot(n);
    let (slope, run) = (peak_count / norm, n / norm);
    let mut best = (f64::NEG_INFINITY, tail);
    for i in tail..top {
        let distance = slope * (i - tail) as f64 - run * counts[at(i)] as f64;
        if distance > best.0 {
            best = (distance, i);
        }
    }
    histogram.centre(at(best.1))
}

/// Otsu's threshold: N. Otsu, IEEE Trans. Syst. Man Cybern. 9, 62-66 (1979). The centre of the last bin of the lower
/// class at the largest between-class variance.
pub fn otsu(histogram: &Histogram) -> f64 {
    let total: f64 = histogram.counts.iter().map(|&c| c as f64).sum();
    let weighted: Vec<f64> = (0..N_BINS).map(|i| histogram.counts[i] as f64 * histogram.centre(i)).collect();
    let total_weighted: f64 = weighted.iter().sum();
    let (mut n, mut sum) = (0.0, 0.0);
    let mut best = (f64::NEG_INFINITY, 0);
    for (i, (&count, weight)) in histogram.counts.iter().zip(&weighted).enumerate().take(N_BINS - 1) {
        n += count as f64;
        sum += weight;
        if n == 0.0 || n == total {
            continue;
        }
        let difference = sum / n - (total_weighted - sum) / (total - n);
        let variance = n * (total - n) * difference * difference;
        if variance > best.0 {
            best = (variance, i);
        }
    }
    histogram.centre(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_are_separated() {
        // A dark class that thins out from zero upwards, and a bright tenth.
        let dark = |i: usize| ((i % 100) * (i % 100)) as f32 / 500.0;
        let values: Vec<f32> = (0..1000).map(|i| if i % 10 == 9 { 80.0 + (i % 7) as f32 } else { dark(i) }).collect();
        for t in [Threshold::Otsu, Threshold::Triangle] {
            let threshold = t.of(values.iter().copied()).expect("two classes");
            assert!((5.0..80.0).contains(&threshold), "{t:?}: {threshold}");
        }
        assert_eq!(Threshold::Otsu.of([3.0f32; 5].into_iter()), None);
        assert_eq!(Threshold::Triangle.of([f32::NAN; 5].into_iter()), None);
    }
}
