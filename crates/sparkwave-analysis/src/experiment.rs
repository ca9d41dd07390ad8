//! The experiment on positive and unlabeled crops: many trained networks, one answer.
//!
//! Networks of two kinds are trained on ever more unlabeled crops for each positive one, on several draws of a part of
//! the training recordings and from several seeds, and each is scored on the same test movies (Digital Discovery 2025, 4,
//! 105-119, sections 2.5 to 2.8). A [`Cell`] is one such network with its scores, a [`Condition`] what all its
//! repetitions share. [`summarize`] averages the cells of each condition and puts intervals around the averages,
//! [`best_against_none`] answers the question of the experiment, [`summary_table`] lists everything beside the
//! [`published`] values, and [`crate::figure::experiment`] draws it.

mod comparison;
mod curve;
mod density;
pub mod published;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use crate::statistics::bootstrap::Estimate;
pub(crate) use comparison::best_with_unlabeled;
pub use comparison::{Comparison, best_against_none};
pub use curve::{RECALLS, recall};
pub use density::{DICE_STEPS, dice_at};
pub(crate) use density::{density_of as dice_density, peak as dice_peak};
pub use summary::{BinSummary, CurvePoint, DiceSummary, Summary, summarize};
pub use table::summary_table;

use crate::evaluate::detection::{Pair, PrPoint};

/// A kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// 3D U-Net.
    UNet,
    /// StarDist-3D.
    StarDist,
}

impl Model {
    /// The name in figures and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::UNet => "3D U-Net",
            Self::StarDist => "StarDist-3D",
        }
    }
}

/// What the repetitions of a training share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// The kind of network.
    pub model: Model,
    /// Part of the training recordings that is used, above 0 to 1.
    pub subset: f64,
    /// Unlabeled crops for each positive one; 0 is training on positive crops alone.
    pub ratio: u32,
}

impl Condition {
    /// Kinds of network first, then small parts before large ones, then few unlabeled crops before many.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_subset = || self.subset.total_cmp(&other.subset);
        self.model.cmp(&other.model).then_with(by_subset).then(self.ratio.cmp(&other.ratio))
    }

    /// Network and part of the recordings in words, `3D U-Net, 25 % of the recordings`.
    pub fn training(&self) -> String {
        format!("{}, {} % of the recordings", self.model.name(), (self.subset * 1e4).round() / 100.0)
    }

    /// The ratio as it is written, `1:64`.
    pub fn ratio_label(&self) -> String {
        format!("1:{}", self.ratio)
    }
}

/// One trained network with its scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it was trained on.
    pub condition: Condition,
    /// Which draw of the training recordings, where only a part of them is used.
    pub draw: u32,
    /// Seed of the training.
    pub seed: u64,
    /// Its scores on each test movie.
    pub movies: Vec<MovieScores>,
}

/// Scores of a network on one test movie.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieScores {
    /// The movie's name, the same in every cell.
    pub movie: String,
    /// Precision and recall by falling threshold ([`crate::evaluate::detection::Scores::curve`]); empty without truths.
    pub curve: Vec<PrPoint>,
    /// Average precision, `None` without truths.
    pub ap: Option<f64>,
    /// Outcomes of all events at the network's own threshold, which was chosen on validation recordings.
    pub outcomes: Outcomes,
    /// The same by amplitude, one for each of [`DFF_BINS`].
    pub by_dff: [Outcomes; N_DFF_BINS],
    /// Dice of each true event that has a mask, 0..=1. As published, an event that was missed has 0; a caller who leaves
    /// missed events out asks how well found events are outlined.
    pub dice: Vec<f64>,
}

/// How many events were found, missed and made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// True events with a prediction.
    pub found: usize,
    /// True events without one.
    pub missed: usize,
    /// Predictions without a true event.
    pub spurious: usize,
}

impl Outcomes {
    /// found / (found + spurious); `None` without predictions.
    pub fn precision(self) -> Option<f64> {
        ratio(self.found, self.found + self.spurious)
    }

    /// found / (found + missed); `None` without true events.
    pub fn recall(self) -> Option<f64> {
        ratio(self.found, self.found + self.missed)
    }

    /// found / (found + missed + spurious); `None` without events.
    pub fn accuracy(self) -> Option<f64> {
        ratio(self.found, self.found + self.missed + self.spurious)
    }

    /// Harmonic mean of precision and recall; `None` without events.
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.found, 2 * self.found + self.missed + self.spurious)
    }
}

impl std::ops::Add for Outcomes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            found: self.found + other.found,
            missed: self.missed + other.missed,
            spurious: self.spurious + other.spurious,
        }
    }
}

impl std::iter::Sum for Outcomes {
    fn sum<I: Iterator<Item = Self>>(outcomes: I) -> Self {
        outcomes.fold(Self::default(), std::ops::Add::add)
    }
}

/// `part / whole`, undefined for an empty whole.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Number of classes of amplitude.
pub const N_DFF_BINS: usize = 7;
/// Width of all classes of amplitude but the last.
const DFF_STEP: f64 = 0.5;
/// Classes of amplitude in dF/F0, `start..end` (published: steps of 0.5, the last holds everything from 3). Measured
/// amplitudes may be below 0; those belong to the first.
pub const DFF_BINS: [(f64, f64); N_DFF_BINS] =
    [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 2.5), (2.5, 3.0), (3.0, f64::INFINITY)];
/// How many of the first classes are dim: dF/F0 below 1.
pub const N_DIM_BINS: usize = 2;

/// The class of an amplitude, an index into [`DFF_BINS`]; `None` for NaN.
pub fn dff_bin(dff: f64) -> Option<usize> {
    // A float beyond the range of integers becomes the nearest one.
    (!dff.is_nan()).then(|| ((dff / DFF_STEP).max(0.0) as usize).min(N_DFF_BINS - 1))
}

/// Outcomes of all events, and by amplitude, from the pairs at one threshold and the amplitude (dF/F0) of every truth and
/// of every prediction that was kept; the lengths are the numbers of both.
///
/// A true event counts in the class of its own amplitude whether it was found or missed, so that recall in a class is a
/// part of the events of that class; the published count puts the found ones into the class of the prediction. Events of
/// unknown amplitude (NaN) are in no class.
pub fn tally(pairs: &[Pair], truth_dff: &[f64], prediction_dff: &[f64]) -> (Outcomes, [Outcomes; N_DFF_BINS]) {
    let mut is_found = vec![false; truth_dff.len()];
    let mut is_hit = vec![false; prediction_dff.len()];
    for pair in pairs {
        if let (Some(found), Some(hit)) = (is_found.get_mut(pair.truth), is_hit.get_mut(pair.prediction)) {
            (*found, *hit) = (true, true);
        }
    }
    let mut all = Outcomes::default();
    let mut by_dff = [Outcomes::default(); N_DFF_BINS];
    let mut count = |dff: f64, outcome: Outcomes| {
        all = all + outcome;
        if let Some(bin) = dff_bin(dff) {
            by_dff[bin] = by_dff[bin] + outcome;
        }
    };
    for (&dff, found) in truth_dff.iter().zip(is_found) {
        count(dff, Outcomes { found: usize::from(found), missed: usize::from(!found), spurious: 0 });
    }
    for (&dff, hit) in prediction_dff.iter().zip(is_hit) {
        count(dff, Outcomes { spurious: usize::from(!hit), ..Outcomes::default() });
    }
    (all, by_dff)
}
