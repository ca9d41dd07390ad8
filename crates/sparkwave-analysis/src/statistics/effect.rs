//! Effect sizes of two groups, with bootstrap intervals.
//!
//! All are positive where values of the first sample are larger. `None` is undefined: too few values, or no spread to
//! divide by.

use super::bootstrap::{Estimate, Interval, Resampling, any};
use super::ranks::midranks;
use super::{is_constant, mean, squares};
use serde::Serialize;
use statrs::function::gamma::ln_gamma;

/// An effect size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Difference of means over the pooled standard deviation.
    CohensD,
    /// Cohen's d without its bias in small samples.
    HedgesG,
    /// Mean of differences over their standard deviation.
    CohensDz,
    /// Part of signed ranks that is positive less the part that is negative.
    RankBiserial,
    /// Probability that a value of the first sample is larger less the probability that it is smaller.
    CliffsDelta,
}

impl Effect {
    /// As a Methods section names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CohensD => "Cohen's d",
            Self::HedgesG => "Hedges' g",
            Self::CohensDz => "Cohen's d of differences",
            Self::RankBiserial => "the matched-pairs rank-biserial correlation",
            Self::CliffsDelta => "Cliff's delta",
        }
    }

    /// The effect in these samples; effects of differences look at `first` only.
    pub fn of(self, first: &[f64], second: &[f64]) -> Option<f64> {
        match self {
            Self::CohensD => cohens_d(first, second),
            Self::HedgesG => hedges_g(first, second),
            Self::CohensDz => cohens_dz(first),
            Self::RankBiserial => rank_biserial(first),
            Self::CliffsDelta => cliffs_delta(first, second),
        }
    }

    /// The effect with its percentile interval over resampled values, which must be independent: one for each unit.
    pub fn estimate(self, first: &[f64], second: &[f64], resampling: &Resampling) -> Option<Estimate> {
        let value = self.of(first, second)?;
        let resampled = resampling.replicate(|rng| {
            let mut draw =
                |values: &[f64]| -> Vec<f64> { values.iter().map(|_| values[any(values.len(), rng)]).collect() };
            let first = draw(first);
            let second = draw(second);
            self.of(&first, &second)
        });
        Some(Estimate { value, interval: Interval::percentile(resampled, resampling.level) })
    }
}

/// Difference of means over the pooled standard deviation (Cohen 1988).
pub fn cohens_d(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.len() + second.len() < 3 || (is_constant(first) && is_constant(second)) {
        return None;
    }
    let variance = (squares(first) + squares(second)) / (first.len() + second.len() - 2) as f64;
    defined((mean(first)? - mean(second)?) / variance.sqrt())
}

/// Cohen's d times the exact correction of its bias, gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)) with m degrees of freedom
/// (Hedges 1981).
pub fn hedges_g(first: &[f64], second: &[f64]) -> Option<f64> {
    let half = (first.len() + second.len()).checked_sub(2)? as f64 / 2.0;
    let correction = (ln_gamma(half) - ln_gamma(half - 0.5) - half.ln() / 2.0).exp();
    // At one degree of freedom the correction is 0: nothing unbiased can be said.
    if half > 0.5 { defined(correction * cohens_d(first, second)?) } else { None }
}

/// Mean of differences over their standard deviation.
pub fn cohens_dz(differences: &[f64]) -> Option<f64> {
    if differences.len() < 2 || is_constant(differences) {
        return None;
    }
    let variance = squares(differences) / (differences.len() - 1) as f64;
    defined(mean(differences)? / variance.sqrt())
}

/// (W+ - W-) / (W+ + W-) of the signed ranks, differences of 0 left out (Kerby 2014); -1..=1.
pub fn rank_biserial(differences: &[f64]) -> Option<f64> {
    let differing: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0 && d.is_finite()).collect();
    let (ranks, _) = midranks(&differing.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let signed: f64 = differing.iter().zip(&ranks).map(|(d, rank)| d.signum() * rank).sum();
    defined(signed / ranks.iter().sum::<f64>())
}

/// P(first > second) - P(first < second) over all pairs of values (Cliff 1993), 2 U / (n m) - 1; -1..=1.
pub fn cliffs_delta(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.is_empty() || second.is_empty() || [first, second].concat().iter().any(|v| !v.is_finite()) {
        return None;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (ranks, _) = midranks(&[first, second].concat());
    let u = ranks[..first.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    defined(2.0 * u / (n * m) - 1.0)
}

fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
