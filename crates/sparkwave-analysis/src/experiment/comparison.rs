//! Does it help to learn from unlabeled crops?

use super::summary::{self, Summary};
use super::{Condition, Model};
use crate::statistics::bootstrap::Estimate;

/// The best ratio against training on positive crops alone, of one kind of network and one part of the recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The kind of network.
    pub model: Model,
    /// Part of the training recordings.
    pub subset: f64,
    /// The ratio above 0 of the largest average precision. It is chosen on the movies on which it is compared, which
    /// favours it a little.
    pub best_ratio: u32,
    /// Average precision at that ratio.
    pub best: Estimate,
    /// Average precision at 1:0.
    pub none: Estimate,
    /// Whether the two intervals have a point in common; `None` if one of them is unknown.
    pub intervals_overlap: Option<bool>,
    /// Best minus 1:0. Both are resampled together, movie by movie, draw by draw and seed by seed, wherever their cells
    /// are laid out alike. What makes a movie hard is then the same on both sides, so that this interval can exclude 0
    /// although those above overlap.
    pub difference: Estimate,
}

/// Compares, for each kind of network and part of the recordings that was trained at 1:0 and at another ratio, the best of
/// these ratios with 1:0. `summaries` come from one call of [`summary::summarize`].
pub fn best_against_none(summaries: &[Summary]) -> Vec<Comparison> {
    let compare = |none: &Summary| {
        let Condition { model, subset, .. } = none.condition;
        let of_training = |s: &&Summary| s.condition.model == model && s.condition.subset == subset;
        let best = best_with_unlabeled(summaries.iter().filter(of_training))?;
        let (best_ap, none_ap) = (best.ap?, none.ap?);
        let overlap = best_ap.interval.zip(none_ap.interval).map(|(a, b)| a.low <= b.high && b.low <= a.high);
        Some(Comparison {
            model,
            subset,
            best_ratio: best.condition.ratio,
            best: best_ap,
            none: none_ap,
            intervals_overlap: overlap,
            difference: summary::ap_difference(best, none)?,
        })
    };
    summaries.iter().filter(|s| s.condition.ratio == 0).filter_map(compare).collect()
}

/// The one of the largest average precision among those with unlabeled crops, and of equally good ones the first.
pub(crate) fn best_with_unlabeled<'a>(summaries: impl Iterator<Item = &'a Summary>) -> Option<&'a Summary> {
    let known = summaries.filter(|s| s.condition.ratio > 0).filter_map(|s| Some((s, s.ap?.value)));
    known.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(best, _)| best)
}

impl Comparison {
    /// The answer as one sentence.
    pub fn sentence(&self) -> String {
        let verdict = match self.intervals_overlap {
            Some(true) => "the intervals overlap",
            Some(false) => "the intervals do not overlap",
            None => "there are no intervals to compare",
        };
        format!(
            "{}: AP is {} at the best ratio, 1:{}, and {} at 1:0; {verdict} (difference {}).",
            Condition { model: self.model, subset: self.subset, ratio: 0 }.training(),
            self.best,
            self.best_ratio,
            self.none,
            self.difference
        )
    }
}
