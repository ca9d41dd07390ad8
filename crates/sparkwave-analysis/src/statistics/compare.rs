//! From rows to a conclusion, with every decision on the way.
//!
//! [`compare`] averages the rows of each unit (animal, neuron or single event), pairs units if asked to, drops points
//! outside fences if asked to, tests normality, chooses a test, and puts an interval around the effect. What it returns
//! says what was chosen and why, which units were dropped and why, how many there are at each level, what would be wrong
//! with fewer precautions, and the sentence for a Methods section. [`family::compare_all`] does so for several measures and
//! corrects their p-values.

pub mod family;
mod methods;
mod nesting;
mod outcome;
pub mod proportions;
mod units;
mod warning;

pub use nesting::Nesting;
pub use outcome::Outcome;
pub use warning::Warning;

use super::Error;
use super::bootstrap::{Estimate, Resampling};
use super::multiplicity::Correction;
use super::shapiro_wilk::ShapiroWilk;
use serde::Serialize;

/// A measured value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The value; finite.
    pub value: f64,
    /// The group: a treatment, or a time.
    pub group: String,
    /// The neuron. Names need not be unique beyond an animal.
    pub neuron: Option<String>,
    /// The animal.
    pub animal: Option<String>,
}

/// What is counted as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A row.
    Event,
    /// A neuron, or any site that is measured repeatedly.
    Neuron,
    /// An animal, or a culture.
    Animal,
}

impl Level {
    /// The noun.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Neuron => "neuron",
            Self::Animal => "animal",
        }
    }
}

/// How a pair becomes one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// second - first.
    #[default]
    Difference,
    /// (second - first) / first, as published. Doubling is 1 and halving -1/2, so noise alone looks like growth.
    FoldChange,
    /// ln(second / first), for which doubling and halving cancel.
    LogRatio,
}

impl Change {
    /// The change, if it is defined: fold changes need a positive first value, log ratios two.
    pub fn of(self, first: f64, second: f64) -> Option<f64> {
        match self {
            Self::Difference => Some(second - first),
            Self::FoldChange => (first > 0.0).then(|| (second - first) / first),
            Self::LogRatio => (first > 0.0 && second > 0.0).then(|| (second / first).ln()),
        }
        .filter(|change| change.is_finite())
    }
}

/// How groups belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Each unit is in one group.
    Unpaired,
    /// Each unit is in both groups, and its change is what is tested.
    Paired(Change),
}

/// A test of [`compare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// t-test of changes.
    PairedT,
    /// Wilcoxon's test of changes.
    SignedRank,
    /// Permutation test of changes.
    SignFlips,
    /// Welch's t-test.
    WelchT,
    /// Student's t-test.
    StudentT,
    /// Mann-Whitney U test.
    MannWhitney,
    /// Permutation test of the difference of means.
    Permutation,
    /// One-way ANOVA, then Tukey's HSD.
    Anova,
    /// Kruskal-Wallis test, then Dunn's test.
    KruskalWallis,
    /// Linear mixed model of all rows with a random intercept for each unit; two groups.
    MixedModel,
}

impl Test {
    /// As a Methods section names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PairedT => "t-test of paired values",
            Self::SignedRank => "Wilcoxon signed-rank test",
            Self::SignFlips => "permutation test of signs",
            Self::WelchT => "Welch's t-test",
            Self::StudentT => "Student's t-test",
            Self::MannWhitney => "Mann-Whitney U test",
            Self::Permutation => "permutation test of the difference of means",
            Self::Anova => "one-way ANOVA",
            Self::KruskalWallis => "Kruskal-Wallis test",
            Self::MixedModel => "linear mixed model with a random intercept (REML)",
        }
    }
}

/// How to compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Options {
    /// How groups belong together.
    pub design: Design,
    /// What is counted as one; `None` is the highest level that every row knows.
    pub unit: Option<Level>,
    /// Width of Tukey's fences in interquartile ranges, outside which units are dropped; `None` drops nothing.
    pub fences: Option<f64>,
    /// The test; `None` chooses by normality.
    pub test: Option<Test>,
    /// Normality is given up at Shapiro-Wilk p-values of this and below.
    pub normality_level: f64,
    /// Correction of comparisons of two among several groups, of classes, and of families of measures. Tukey's HSD has its
    /// own.
    pub correction: Correction,
    /// Bootstrap of the effect size, and number of permutations.
    pub resampling: Resampling,
}

impl Default for Options {
    /// Unpaired units of the highest level, nothing dropped, Holm's correction.
    fn default() -> Self {
        Self {
            design: Design::Unpaired,
            unit: None,
            fences: None,
            test: None,
            normality_level: 0.05,
            correction: Correction::Holm,
            resampling: Resampling::default(),
        }
    }
}

impl Options {
    /// What the mSCT paper did with pairs: fold changes of neurons, points beyond 1.5 interquartile ranges dropped, no
    /// correction.
    pub fn published() -> Self {
        Self {
            design: Design::Paired(Change::FoldChange),
            unit: Some(Level::Neuron),
            fences: Some(super::fences::USUAL),
            correction: Correction::None,
            ..Self::default()
        }
    }
}

/// A group, or the changes of a pair of groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Rows, dropped ones included.
    pub n_events: usize,
    /// Neurons in these rows; `None` if not known of every row.
    pub n_neurons: Option<usize>,
    /// Animals in these rows; `None` if not known of every row.
    pub n_animals: Option<usize>,
    /// Units that were tested.
    pub n: usize,
    /// Mean of the units.
    pub mean: Option<f64>,
    /// Sample standard deviation of the units; `None` of fewer than two.
    pub sd: Option<f64>,
    /// Median of the units.
    pub median: Option<f64>,
}

/// A unit that was left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dropped {
    /// The unit.
    pub unit: String,
    /// Its group, or the pair of groups.
    pub sample: String,
    /// Its mean or change; `None` if undefined.
    pub value: Option<f64>,
    /// Why.
    pub reason: Reason,
}

/// Why a unit was left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is in one of both groups only.
    NoPartner,
    /// Its fold change or log ratio is undefined.
    NoChange,
    /// Its value is outside these fences.
    Outside(super::fences::Fences),
}

/// Whether the units of a sample may be normal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Normality {
    /// The sample.
    pub sample: String,
    /// The test; `None` where it is undefined.
    pub test: Option<ShapiroWilk>,
}

/// Two of several groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairOutcome {
    /// The first group.
    pub first: String,
    /// The second group.
    pub second: String,
    /// Second less first: of means after ANOVA, of mean ranks after Kruskal-Wallis.
    pub difference: f64,
    /// Tukey's q or Dunn's z.
    pub statistic: f64,
    /// P-value of this comparison alone; `None` after ANOVA.
    pub p: Option<f64>,
    /// Corrected p-value.
    pub p_adjusted: f64,
}

/// An effect size; positive where the second group is larger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EffectSize {
    /// Which.
    pub name: &'static str,
    /// The size with its bootstrap interval over units (mixed models: Wald's).
    pub estimate: Estimate,
}

/// What [`compare`] found, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What was measured.
    pub measure: String,
    /// How groups belong together.
    pub design: Design,
    /// What was counted as one.
    pub unit: Level,
    /// Groups in the order of their first rows, or the one sample of changes.
    pub samples: Vec<Sample>,
    /// Units that were left out.
    pub dropped: Vec<Dropped>,
    /// Normality of each sample.
    pub normality: Vec<Normality>,
    /// Why this test.
    pub reason: String,
    /// The test and its p-value.
    pub outcome: Outcome,
    /// Every two of three or more groups.
    pub pairwise: Vec<PairOutcome>,
    /// Correction of those; `None` if there are none.
    pub correction: Option<Correction>,
    /// The effect size; `None` if undefined.
    pub effect: Option<EffectSize>,
    /// How much alike values of one neuron or animal are.
    pub nesting: Vec<Nesting>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
    /// The sentences for a Methods section.
    pub methods: String,
}

/// Compares a measure between groups. Groups are ordered by their first rows; changes and effects are second less first.
///
/// **Choice of test** unless `options.test` names one: of pairs the t-test of changes or Wilcoxon's test, of two groups
/// Welch's t-test or Mann-Whitney, of more ANOVA or Kruskal-Wallis; the former if Shapiro-Wilk rejects normality in no
/// sample, the latter if it does or cannot be computed (below 3 units, above 5000, or without spread).
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::TooFew`] below two groups; [`Error::UnknownLevel`] if rows do not all know the unit, or a
/// paired design has none above the event; [`Error::Design`] for more than two groups in pairs, or a test that does not fit;
/// and those of the test.
pub fn compare(measure: &str, rows: &[Row], options: &Options) -> Result<Comparison, Error> {
    let units = units::Units::of(rows, options)?;
    let (samples, dropped) = units.samples(options)?;
    let normality: Vec<Normality> = samples.iter().map(units::Tested::normality).collect();
    let (test, reason) = outcome::choose(&normality, options, samples.len())?;
    let nesting = nesting::nesting(&units, &samples)?;
    let decided = outcome::run(test, rows, &units, &samples, options)?;
    let name = |group: usize| samples[group].name.clone();
    let pairwise: Vec<PairOutcome> = decided
        .pairwise
        .iter()
        .map(|pair| PairOutcome {
            first: name(pair.first),
            second: name(pair.second),
            difference: pair.difference,
            statistic: pair.statistic,
            p: pair.p,
            p_adjusted: pair.p_adjusted,
        })
        .collect();
    let has_correction = test == Test::KruskalWallis && !pairwise.is_empty();
    let warnings = warning::warnings(&decided.outcome, &units, &samples, &nesting, options);
    let mut comparison = Comparison {
        measure: measure.to_owned(),
        design: options.design,
        unit: units.level,
        samples: samples.iter().map(units::Tested::summary).collect(),
        dropped,
        normality,
        reason,
        outcome: decided.outcome,
        pairwise,
        correction: has_correction.then_some(options.correction),
        effect: decided.effect,
        nesting,
        warnings,
        methods: String::new(),
    };
    comparison.methods = methods::methods(&comparison, options);
    Ok(comparison)
}

#[cfg(test)]
mod tests;
