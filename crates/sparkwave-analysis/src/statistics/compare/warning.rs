//! What a reader must know before believing a p-value.

use super::units::{Tested, Units};
use super::{Change, Design, Level, Nesting, Options, Outcome, Test};
use crate::statistics::anova::brown_forsythe;
use serde::Serialize;

/// Fewest clusters for which the normal distribution of a mixed model is trusted.
const FEW_CLUSTERS: usize = 20;

/// A caveat.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Values of one neuron or animal were counted as independent.
    Nested {
        /// What was counted.
        of: Level,
        /// What they are clustered in.
        within: Level,
        /// Values counted.
        n: usize,
        /// Clusters.
        n_clusters: usize,
        /// Intraclass correlation.
        icc: f64,
        /// Factor by which n is inflated.
        design_effect: f64,
        /// n / design effect.
        effective_n: f64,
    },
    /// No row knows its neuron or animal, so events count as independent for want of better.
    NoLevels {
        /// Events counted.
        n: usize,
    },
    /// Units are in several groups that were compared as unpaired.
    Shared {
        /// The unit.
        unit: Level,
        /// How many.
        n: usize,
    },
    /// There are too few units for any data to reach p = 0.05.
    CannotReach {
        /// The smallest p-value that is possible.
        smallest_p: f64,
    },
    /// The variances of groups differ, which ANOVA, Tukey's HSD and Student's t-test assume they do not.
    UnequalVariances {
        /// Brown-Forsythe p-value.
        p: f64,
    },
    /// Fold changes are asymmetric: noise alone raises them.
    FoldChange,
    /// Units were dropped because of their values.
    Fenced {
        /// Width of the fences in interquartile ranges.
        k: f64,
    },
    /// A mixed model with few clusters gives p-values that are too small.
    FewClusters {
        /// Clusters.
        n: usize,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nested { of, within, n, n_clusters, icc, design_effect, effective_n } => write!(
                f,
                "{n} {}s from {n_clusters} {}s are counted as independent, but are alike within one (intraclass \
                 correlation {icc:.2}, design effect {design_effect:.1}): they tell as much as {effective_n:.0}",
                of.name(),
                within.name()
            ),
            Self::NoLevels { n } => {
                write!(f, "{n} events are counted as independent, since neither their neurons nor animals are known")
            }
            Self::Shared { unit, n } => {
                write!(f, "{n} {}s are in several groups, which were compared as if unpaired", unit.name())
            }
            Self::CannotReach { smallest_p } => {
                write!(f, "with so few units no data can give a p-value below {smallest_p:.2}")
            }
            Self::UnequalVariances { p } => {
                write!(f, "the variances of the groups differ (Brown-Forsythe p = {})", super::methods::digits(*p))
            }
            Self::FoldChange => {
                f.write_str("fold changes are asymmetric (doubling +1, halving -1/2); a log ratio is not")
            }
            Self::Fenced { k } => {
                write!(f, "units beyond {k} interquartile ranges were dropped because of their values alone")
            }
            Self::FewClusters { n } => {
                write!(f, "the p-value of a mixed model with {n} clusters is too small; {FEW_CLUSTERS} are few")
            }
        }
    }
}

pub(super) fn warnings(
    outcome: &Outcome,
    units: &Units<'_>,
    samples: &[Tested],
    nesting: &[Nesting],
    options: &Options,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for nesting in nesting.iter().filter(|nesting| nesting.is_ignored && nesting.intraclass.design_effect > 1.0) {
        let found = nesting.intraclass;
        warnings.push(Warning::Nested {
            of: nesting.of,
            within: nesting.within,
            n: found.n,
            n_clusters: found.n_clusters,
            icc: found.icc,
            design_effect: found.design_effect,
            effective_n: found.effective_n,
        });
    }
    if units.level == Level::Event && units.known.is_empty() {
        warnings.push(Warning::NoLevels { n: units.rows.len() });
    }
    let n_shared = units.n_shared();
    if options.design == Design::Unpaired && n_shared > 0 && outcome.test != Test::MixedModel {
        warnings.push(Warning::Shared { unit: units.level, n: n_shared });
    }
    let smallest_p = smallest_p(outcome.test, samples);
    if smallest_p > 0.05 {
        warnings.push(Warning::CannotReach { smallest_p });
    }
    if matches!(outcome.test, Test::Anova | Test::StudentT) {
        let groups: Vec<&[f64]> = samples.iter().map(|sample| sample.values.as_slice()).collect();
        warnings.extend(brown_forsythe(&groups).ok().filter(|p| *p <= 0.05).map(|p| Warning::UnequalVariances { p }));
    }
    if options.design == Design::Paired(Change::FoldChange) {
        warnings.push(Warning::FoldChange);
    }
    warnings.extend(options.fences.map(|k| Warning::Fenced { k }));
    if outcome.test == Test::MixedModel {
        let n = samples.iter().map(|sample| sample.values.len()).sum::<usize>() - n_shared;
        warnings.extend((n <= FEW_CLUSTERS).then_some(Warning::FewClusters { n }));
    }
    warnings
}

/// The smallest p-value that ranks or permutations of so many units can give; 0 for other tests.
fn smallest_p(test: Test, samples: &[Tested]) -> f64 {
    let n = |sample: usize| samples.get(sample).map_or(0, |sample| sample.values.len());
    let arrangements = match test {
        Test::SignedRank | Test::SignFlips => 2f64.powi(n(0).min(60) as i32),
        Test::MannWhitney | Test::Permutation => {
            (0..n(0).min(n(1)).min(60)).map(|i| (n(0) + n(1) - i) as f64 / (i + 1) as f64).product()
        }
        _ => return 0.0,
    };
    (2.0 / arrangements).min(1.0)
}
