//! Which labels of two label images lie over one another, and who is whose counterpart.

use super::Error;
use crate::statistics::agreement::Agreement;
use ndarray::ArrayView2;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Pixels by their label in the truth and their label in the prediction; 0 is the background. Any number of images of one
/// movie are added up, so that objects are followed over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    pixels: BTreeMap<(u32, u32), u64>,
}

/// A true object and its counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Label of the true object.
    pub truth: u32,
    /// Label of its counterpart; `None` if it was missed.
    pub found: Option<u32>,
    /// Their pixels.
    pub agreement: Agreement,
}

/// Panoptic quality: how many objects were found, and how well those.
///
/// Kirillov et al. 2019 (CVPR, 9404): a true object and a predicted one are a pair if they share more than half of what
/// either has, which no second object can. Objects of a movie are volumes in space and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Panoptic {
    /// Pairs.
    pub tp: usize,
    /// Predicted objects without a pair.
    pub fp: usize,
    /// True objects without a pair.
    pub fn_: usize,
    /// Sum over pairs of the intersection over union.
    pub iou_sum: f64,
}

impl Panoptic {
    /// Quality of segmentation, the mean intersection over union of pairs; `None` without pairs.
    pub fn sq(&self) -> Option<f64> {
        (self.tp > 0).then(|| self.iou_sum / self.tp as f64)
    }

    /// Quality of recognition, which is F1; `None` without objects.
    pub fn rq(&self) -> Option<f64> {
        self.n_mean().map(|n| self.tp as f64 / n)
    }

    /// Their product, 0 without pairs; `None` without objects.
    pub fn pq(&self) -> Option<f64> {
        self.n_mean().map(|n| self.iou_sum / n)
    }

    /// Mean of the numbers of true and predicted objects.
    fn n_mean(&self) -> Option<f64> {
        let n = self.tp as f64 + (self.fp + self.fn_) as f64 / 2.0;
        (n > 0.0).then_some(n)
    }
}

impl std::ops::AddAssign for Panoptic {
    fn add_assign(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
        self.iou_sum += other.iou_sum;
    }
}

impl Overlap {
    /// The overlap of two label images.
    ///
    /// # Errors
    /// [`Error::Shapes`].
    pub fn of(truth: ArrayView2<'_, u32>, found: ArrayView2<'_, u32>) -> Result<Self, Error> {
        check_shapes(truth.dim(), found.dim())?;
        let mut pixels = BTreeMap::new();
        // Labels come in runs: one visit of the map for each.
        let mut run: ((u32, u32), u64) = ((0, 0), 0);
        for pair in truth.iter().copied().zip(found.iter().copied()) {
            if pair == run.0 {
                run.1 += 1;
            } else {
                *pixels.entry(run.0).or_default() += run.1;
                run = (pair, 1);
            }
        }
        *pixels.entry(run.0).or_default() += run.1;
        pixels.retain(|_, n| *n > 0);
        Ok(Self { pixels })
    }

    /// Adds the pixels of another image of the same movie.
    pub fn add(&mut self, other: &Self) {
        other.pixels.iter().for_each(|(pair, n)| *self.pixels.entry(*pair).or_default() += n);
    }

    /// Labels of the true objects, ascending.
    pub fn truths(&self) -> Vec<u32> {
        labels(self.pixels.keys().map(|pair| pair.0))
    }

    /// Labels of the predicted objects, ascending.
    pub fn found(&self) -> Vec<u32> {
        labels(self.pixels.keys().map(|pair| pair.1))
    }

    /// What is inside any object against what is not.
    pub fn foreground(&self) -> Agreement {
        let mut agreement = Agreement::default();
        for (pair, n) in &self.pixels {
            *cell(&mut agreement, pair.0 > 0, pair.1 > 0) += n;
        }
        agreement
    }

    /// Every true object with its counterpart, by label.
    ///
    /// Pairs that share most pixels are formed first, of equal ones those of lower labels; nobody has two counterparts. This
    /// is not the panoptic rule: what is found in part is still found.
    pub fn matches(&self) -> Vec<Match> {
        let sizes = self.sizes();
        let mut shared: Vec<(u64, u32, u32)> =
            self.pixels.iter().filter(|((t, f), _)| *t > 0 && *f > 0).map(|((t, f), n)| (*n, *t, *f)).collect();
        shared.sort_by_key(|&(n, t, f)| (std::cmp::Reverse(n), t, f));
        let mut partner: BTreeMap<u32, u32> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (_, truth, found) in shared {
            if !partner.contains_key(&truth) && taken.insert(found) {
                partner.insert(truth, found);
            }
        }
        let of = |truth: u32| {
            let found = partner.get(&truth).copied();
            Match { truth, found, agreement: self.agreement(&sizes, truth, found) }
        };
        self.truths().into_iter().map(of).collect()
    }

    /// Every true object with the predicted one of the same label.
    pub fn same_labels(&self) -> Vec<Match> {
        let sizes = self.sizes();
        let known: BTreeSet<u32> = self.found().into_iter().collect();
        let of = |truth: u32| {
            let found = known.contains(&truth).then_some(truth);
            Match { truth, found, agreement: self.agreement(&sizes, truth, found) }
        };
        self.truths().into_iter().map(of).collect()
    }

    /// Panoptic quality of all objects.
    pub fn panoptic(&self) -> Panoptic {
        let sizes = self.sizes();
        let pairs = self.pixels.keys().filter(|(t, f)| *t > 0 && *f > 0);
        let ious: Vec<f64> = pairs
            .filter_map(|&(truth, found)| self.agreement(&sizes, truth, Some(found)).iou())
            .filter(|iou| *iou > 0.5)
            .collect();
        let tp = ious.len();
        Panoptic { tp, fp: self.found().len() - tp, fn_: self.truths().len() - tp, iou_sum: ious.iter().sum() }
    }

    /// Pixels of each label in the truth and in the prediction.
    fn sizes(&self) -> [BTreeMap<u32, u64>; 2] {
        let mut sizes = [BTreeMap::new(), BTreeMap::new()];
        for ((truth, found), n) in &self.pixels {
            *sizes[0].entry(*truth).or_default() += n;
            *sizes[1].entry(*found).or_default() += n;
        }
        sizes
    }

    fn agreement(&self, sizes: &[BTreeMap<u32, u64>; 2], truth: u32, found: Option<u32>) -> Agreement {
        let both = found.and_then(|found| self.pixels.get(&(truth, found)).copied()).unwrap_or(0);
        let of_found = found.and_then(|found| sizes[1].get(&found).copied()).unwrap_or(0);
        let (first_only, second_only) = (sizes[0].get(&truth).copied().unwrap_or(0) - both, of_found - both);
        let total: u64 = self.pixels.values().sum();
        Agreement { both, first_only, second_only, neither: total - both - first_only - second_only }
    }
}

/// Two masks against one another, of the pixels that `within` holds or of all.
///
/// # Errors
/// [`Error::Shapes`].
pub fn agreement(
    first: ArrayView2<'_, bool>,
    second: ArrayView2<'_, bool>,
    within: Option<ArrayView2<'_, bool>>,
) -> Result<Agreement, Error> {
    check_shapes(first.dim(), second.dim())?;
    if let Some(within) = &within {
        check_shapes(first.dim(), within.dim())?;
    }
    let mut agreement = Agreement::default();
    let mut count = |a: bool, b: bool| *cell(&mut agreement, a, b) += 1;
    match within {
        None => first.iter().zip(second).for_each(|(a, b)| count(*a, *b)),
        Some(within) => {
            let pixels = first.iter().zip(second).zip(within);
            pixels.filter(|(_, inside)| **inside).for_each(|((a, b), _)| count(*a, *b));
        }
    }
    Ok(agreement)
}

fn cell(agreement: &mut Agreement, first: bool, second: bool) -> &mut u64 {
    match (first, second) {
        (true, true) => &mut agreement.both,
        (true, false) => &mut agreement.first_only,
        (false, true) => &mut agreement.second_only,
        (false, false) => &mut agreement.neither,
    }
}

fn labels(labels: impl Iterator<Item = u32>) -> Vec<u32> {
    labels.filter(|label| *label > 0).collect::<BTreeSet<u32>>().into_iter().collect()
}

pub(super) fn check_shapes(truth: (usize, usize), found: (usize, usize)) -> Result<(), Error> {
    if truth == found { Ok(()) } else { Err(Error::Shapes { truth, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn counterparts_share_most_and_nobody_has_two() {
        let truth = array![[1, 1, 1, 1, 2, 2, 0, 3]];
        let found = array![[7, 7, 7, 8, 7, 8, 8, 0]];
        let overlap = Overlap::of(truth.view(), found.view()).expect("of one shape");
        let matches = overlap.matches();
        let who: Vec<(u32, Option<u32>)> = matches.iter().map(|m| (m.truth, m.found)).collect();
        assert_eq!(who, [(1, Some(7)), (2, Some(8)), (3, None)]);
        let Agreement { both, first_only, second_only, neither } = matches[1].agreement;
        assert_eq!([both, first_only, second_only, neither], [1, 1, 2, 4]);
        assert_eq!(matches[2].agreement.dice(), Some(0.0), "a missed object shares nothing");
        assert_eq!(overlap.foreground(), Agreement { both: 6, first_only: 1, second_only: 1, neither: 0 });
        // 1 and 7 share 3 of 5; 2 and 8 only 1 of 4.
        let Panoptic { tp, fp, fn_, iou_sum } = overlap.panoptic();
        assert_eq!((tp, fp, fn_, iou_sum), (1, 1, 2, 0.6));
        assert_eq!(overlap.same_labels().iter().filter(|m| m.found.is_some()).count(), 0);
    }

    #[test]
    fn images_of_a_movie_add_up() {
        let frames = [array![[1, 0], [0, 0]], array![[1, 1], [0, 0]], array![[0, 0], [0, 0]]];
        let mut overlap = Overlap::default();
        for frame in &frames {
            overlap.add(&Overlap::of(frame.view(), frame.view()).expect("of one shape"));
        }
        assert_eq!(overlap.matches()[0].agreement, Agreement { both: 3, first_only: 0, second_only: 0, neither: 9 });
        assert_eq!((overlap.panoptic().pq(), overlap.panoptic().sq()), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn nothing_and_other_shapes() {
        let empty = Array2::<u32>::zeros((3, 4));
        let overlap = Overlap::of(empty.view(), empty.view()).expect("of one shape");
        assert!(overlap.matches().is_empty());
        assert_eq!((overlap.panoptic().pq(), overlap.panoptic().sq(), overlap.foreground().dice()), (None, None, None));
        let none = Array2::<u32>::zeros((0, 0));
        assert_eq!(Overlap::of(none.view(), none.view()), Ok(Overlap::default()));
        let error = Overlap::of(empty.view(), none.view()).expect_err("other shapes").to_string();
        assert_eq!(error, "evaluate: expected images of one size, found 3 x 4 and 0 x 0 (height x width)");
    }

    #[test]
    fn only_what_could_have_been_chosen_counts() {
        let (a, b) = (array![[true, false, false, true]], array![[true, true, false, false]]);
        let within = array![[true, true, true, false]];
        let found = agreement(a.view(), b.view(), Some(within.view())).expect("of one shape");
        assert_eq!(found, Agreement { both: 1, first_only: 0, second_only: 1, neither: 1 });
        assert!(agreement(a.view(), b.view(), Some(array![[true]].view())).is_err());
    }
}
