//! Which test, and what it finds.

use super::units::{Tested, Units, key};
use super::{Design, EffectSize, Level, Normality, Options, Row, Test};
use crate::statistics::bootstrap::{Estimate, Interval, Resampling, any};
use crate::statistics::effect::Effect;
use crate::statistics::mann_whitney::{self, mann_whitney};
use crate::statistics::mixed_model::random_intercept;
use crate::statistics::pairwise::Pairwise;
use crate::statistics::permutation::{flip_signs, swap_labels};
use crate::statistics::signed_rank::{self, Zeros, signed_rank};
use crate::statistics::{Error, Null, anova, kruskal_wallis, t_test};
use ndarray::Array2;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// What the test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The test.
    pub test: Test,
    /// The letter of the statistic.
    pub statistic: &'static str,
    /// The statistic.
    pub value: f64,
    /// Degrees of freedom: none, one, or two for F.
    pub df: Vec<f64>,
    /// Two-sided p-value.
    pub p: f64,
    /// Whether p is exact; `None` for tests that have one way only.
    pub null: Option<Null>,
}

/// An outcome with what follows from it.
pub(super) struct Decided {
    pub outcome: Outcome,
    pub pairwise: Vec<Pairwise>,
    pub effect: Option<EffectSize>,
}

/// The test and the reason for it.
pub(super) fn choose(normality: &[Normality], options: &Options, n_samples: usize) -> Result<(Test, String), Error> {
    let is_paired = options.design != Design::Unpaired;
    if options.test == Some(Test::MixedModel) && options.fences.is_some() {
        // It sees rows, not units.
        return Err(Error::Design {
            test: Test::MixedModel.name(),
            design: "dropping units outside fences".to_owned(),
        });
    }
    if let Some(test) = options.test {
        let fits = match test {
            Test::PairedT | Test::SignedRank | Test::SignFlips => is_paired,
            Test::WelchT | Test::StudentT | Test::MannWhitney | Test::Permutation => !is_paired && n_samples == 2,
            Test::Anova | Test::KruskalWallis => !is_paired,
            Test::MixedModel => !is_paired && n_samples == 2,
        };
        let kind = if is_paired { "paired" } else { "unpaired" };
        let n_groups = if is_paired { 2 } else { n_samples };
        let design = || format!("{n_groups} {kind} groups");
        return if fits {
            Ok((test, "it was asked for".to_owned()))
        } else {
            Err(Error::Design { test: test.name(), design: design() })
        };
    }
    let smallest = normality.iter().filter_map(|n| Some((n.test?.p, &n.sample))).min_by(|a, b| a.0.total_cmp(&b.0));
    let untested = normality.iter().find(|n| n.test.is_none());
    let (is_normal, reason) = match (untested, smallest) {
        (Some(sample), _) => (false, format!("normality of {} could not be tested", sample.sample)),
        (None, Some((p, sample))) if p <= options.normality_level => {
            (false, format!("Shapiro-Wilk rejected normality of {sample} (p = {})", super::methods::digits(p)))
        }
        (None, Some((p, _))) => {
            (true, format!("Shapiro-Wilk did not reject normality (smallest p = {})", super::methods::digits(p)))
        }
        (None, None) => (false, "there is nothing to test normality of".to_owned()),
    };
    let test = match (is_paired, n_samples, is_normal) {
        (true, _, true) => Test::PairedT,
        (true, _, false) => Test::SignedRank,
        (false, 2, true) => Test::WelchT,
        (false, 2, false) => Test::MannWhitney,
        (false, _, true) => Test::Anova,
        (false, _, false) => Test::KruskalWallis,
    };
    Ok((test, reason))
}

/// Runs the test; effects and differences are second less first.
pub(super) fn run(
    test: Test,
    rows: &[Row],
    units: &Units<'_>,
    samples: &[Tested],
    options: &Options,
) -> Result<Decided, Error> {
    let groups: Vec<&[f64]> = samples.iter().map(|sample| sample.values.as_slice()).collect();
    let first = groups.first().copied().unwrap_or_default();
    let second = groups.get(1).copied().unwrap_or_default();
    let resampling = &options.resampling;
    let outcome = |statistic, value, df: &[f64], p, null| Outcome { test, statistic, value, df: df.to_vec(), p, null };
    let alone = |outcome, effect: Effect| {
        let (larger, smaller) = if options.design == Design::Unpaired { (second, first) } else { (first, second) };
        let estimate = effect.estimate(larger, smaller, resampling);
        let effect = estimate.map(|estimate| EffectSize { name: effect.name(), estimate });
        Ok(Decided { outcome, pairwise: Vec::new(), effect })
    };
    match test {
        Test::PairedT => {
            let found = t_test::one_sample(first, 0.0)?;
            alone(outcome("t", found.t, &[found.df], found.p, None), Effect::CohensDz)
        }
        Test::SignedRank => {
            let found = signed_rank(first, Zeros::Drop, signed_rank::Method::Auto)?;
            alone(outcome("W", found.w, &[], found.p, Some(found.null)), Effect::RankBiserial)
        }
        Test::SignFlips => {
            let found = flip_signs(first, resampling)?;
            let null = found.is_exact.then_some(Null::Exact);
            alone(outcome("mean", found.difference, &[], found.p, null), Effect::CohensDz)
        }
        Test::WelchT | Test::StudentT => {
            let found =
                if test == Test::WelchT { t_test::welch(second, first) } else { t_test::student(second, first) }?;
            alone(outcome("t", found.t, &[found.df], found.p, None), Effect::HedgesG)
        }
        Test::MannWhitney => {
            let found = mann_whitney(second, first, mann_whitney::Method::Auto)?;
            alone(outcome("U", found.u, &[], found.p, Some(found.null)), Effect::CliffsDelta)
        }
        Test::Permutation => {
            let found = swap_labels(second, first, resampling)?;
            let null = found.is_exact.then_some(Null::Exact);
            alone(outcome("difference", found.difference, &[], found.p, null), Effect::HedgesG)
        }
        Test::Anova => {
            let found = anova::one_way(&groups)?;
            let eta = |groups: &[&[f64]]| anova::one_way(groups).ok().map(|found| found.eta_squared);
            let outcome = outcome("F", found.f, &[found.df_between, found.df_within], found.p, None);
            Ok(Decided {
                outcome,
                pairwise: if groups.len() > 2 { anova::tukey_hsd(&groups)? } else { Vec::new() },
                effect: of_groups("eta squared", &groups, eta, resampling),
            })
        }
        Test::KruskalWallis => {
            let found = kruskal_wallis::kruskal_wallis(&groups)?;
            let epsilon =
                |groups: &[&[f64]]| kruskal_wallis::kruskal_wallis(groups).ok().map(|found| found.epsilon_squared);
            let pairwise =
                if groups.len() > 2 { kruskal_wallis::dunn(&groups, options.correction)? } else { Vec::new() };
            let outcome = outcome("H", found.h, &[found.df], found.p, None);
            Ok(Decided { outcome, pairwise, effect: of_groups("epsilon squared", &groups, epsilon, resampling) })
        }
        Test::MixedModel => mixed_model(rows, units, options),
    }
}

/// An effect of several groups, each of which is resampled.
fn of_groups(
    name: &'static str,
    groups: &[&[f64]],
    effect: impl Fn(&[&[f64]]) -> Option<f64> + Sync,
    resampling: &Resampling,
) -> Option<EffectSize> {
    let value = effect(groups)?;
    let resampled = resampling.replicate(|rng| {
        let mut draw = |group: &&[f64]| -> Vec<f64> { group.iter().map(|_| group[any(group.len(), rng)]).collect() };
        let drawn: Vec<Vec<f64>> = groups.iter().map(&mut draw).collect();
        effect(&drawn.iter().map(Vec::as_slice).collect::<Vec<_>>())
    });
    let interval = Interval::percentile(resampled, resampling.level);
    Some(EffectSize { name, estimate: Estimate { value, interval } })
}

/// All rows by group, with a random intercept for each unit: nothing is averaged, and large units count for more.
fn mixed_model(rows: &[Row], units: &Units<'_>, options: &Options) -> Result<Decided, Error> {
    let test = Test::MixedModel;
    if units.level == Level::Event {
        let n_unknown = rows.len();
        return Err(Error::UnknownLevel { test: test.name(), level: Level::Neuron.name(), n_unknown });
    }
    let mut numbers: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let clusters: Vec<usize> = (0..rows.len())
        .map(|i| {
            let next = numbers.len();
            *numbers.entry(key(rows, i, units.level)).or_insert(next)
        })
        .collect();
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    let design =
        Array2::from_shape_fn((rows.len(), 2), |(i, j)| if j == 0 { 1.0 } else { units.group_of_row[i] as f64 });
    let model = random_intercept(&values, design.view(), &clusters)?;
    let difference = model.coefficients[1];
    let sd = (model.variance_between + model.variance_within).sqrt();
    let quantile = Normal::standard().inverse_cdf(0.5 + options.resampling.level.clamp(0.0, 0.9999) / 2.0);
    let reach = quantile * difference.standard_error;
    let interval = Interval { low: (difference.value - reach) / sd, high: (difference.value + reach) / sd };
    let estimate = Estimate { value: difference.value / sd, interval: Some(interval) };
    Ok(Decided {
        outcome: Outcome { test, statistic: "z", value: difference.z, df: Vec::new(), p: difference.p, null: None },
        pairwise: Vec::new(),
        effect: Some(EffectSize { name: "the standardised difference", estimate }),
    })
}
