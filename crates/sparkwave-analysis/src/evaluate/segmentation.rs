//! Masks against true masks: what they share, how far apart their outlines are, and how many objects are right.
//!
//! Three questions, three answers. [`score_frame`] compares all that is inside any object, image by image, whoever it belongs
//! to. [`Objects`] follows each true object and its counterpart ([`Overlap::matches`]) through the movie. And
//! [`Overlap::panoptic`] counts objects that are right. [`summarize`] averages scores with intervals over subjects, episodes
//! or whatever else is repeated.
//!
//! Where both masks are empty there is nothing to score: such images are left out of means and counted
//! ([`BothEmpty::LeftOut`]), or count as perfect ([`BothEmpty::Perfect`]). The published code gives them 0, a correct blank
//! image costing as much as a total miss, and does not look at images without prediction at all.

use super::Error;
use super::boundary::{self, Distances, Near};
use super::overlap::{Match, Overlap, Panoptic};
use crate::statistics::agreement::Agreement;
use crate::statistics::bootstrap::{Estimate, Interval, Resampling, any};
use ndarray::ArrayView2;
use serde::Serialize;
use sparkwave_core::mask::Mask;
use std::collections::BTreeMap;

/// What an image counts in which neither mask has a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BothEmpty {
    /// It is left out of means.
    #[default]
    LeftOut,
    /// It is right: 1.
    Perfect,
}

/// How masks are scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SegmentationParams {
    /// Height and width of a pixel, in micrometres or, unknown, `[1, 1]` for pixels: the unit of distances.
    pub pixel: [f64; 2],
    /// Outlines at most this far apart agree, in that unit.
    pub tolerance: f64,
    /// What an image counts in which neither mask has a pixel.
    pub both_empty: BothEmpty,
}

/// Two masks against one another, of one image or added up over several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MaskScore {
    /// Pixels by who counts them in.
    pub agreement: Agreement,
    /// Outlines within the tolerance.
    pub near: Near,
    /// Distances of every outline pixel of either to the other outline; none where one mask is empty.
    pub distances: Distances,
}

impl MaskScore {
    /// Compares masks of an image of so many pixels; `None` is an empty mask.
    pub fn of(truth: Option<&Mask>, found: Option<&Mask>, n_pixels: usize, params: &SegmentationParams) -> Self {
        let n = |mask: Option<&Mask>| mask.map_or(0, Mask::n_pixels) as u64;
        let both = truth.zip(found).map_or(0, |(t, f)| t.pixels().filter(|&(y, x)| f.contains(y, x)).count() as u64);
        let (first_only, second_only) = (n(truth) - both, n(found) - both);
        let neither = (n_pixels as u64).saturating_sub(both + first_only + second_only);
        let rim = |mask: Option<&Mask>| mask.map(boundary::surface).unwrap_or_default();
        let (near, distances) = boundary::compare(&rim(truth), &rim(found), params.pixel, params.tolerance);
        Self { agreement: Agreement { both, first_only, second_only, neither }, near, distances }
    }

    /// Adds the score of another image.
    pub fn add(&mut self, other: &Self) {
        self.agreement.both += other.agreement.both;
        self.agreement.first_only += other.agreement.first_only;
        self.agreement.second_only += other.agreement.second_only;
        self.agreement.neither += other.agreement.neither;
        self.near += other.near;
        self.distances.add(&other.distances);
    }

    /// True if neither mask has a pixel.
    pub fn is_empty(&self) -> bool {
        self.agreement.both + self.agreement.first_only + self.agreement.second_only == 0
    }
}

/// The score of one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameScore {
    /// 0-based frame.
    pub frame: usize,
    /// All that is inside any object.
    pub foreground: MaskScore,
    /// Objects of this image alone.
    pub panoptic: Panoptic,
}

/// Scores label images `[Y, X]` of one frame.
///
/// # Errors
/// [`Error::Shapes`].
pub fn score_frame(
    frame: usize,
    truth: ArrayView2<'_, u32>,
    found: ArrayView2<'_, u32>,
    params: &SegmentationParams,
) -> Result<FrameScore, Error> {
    let overlap = Overlap::of(truth, found)?;
    let foreground = |labels: ArrayView2<'_, u32>| {
        Mask::of_pixels(labels.indexed_iter().filter(|(_, label)| **label > 0).map(|(at, _)| at))
    };
    let (a, b) = (foreground(truth), foreground(found));
    let foreground = MaskScore::of(a.as_ref(), b.as_ref(), truth.len(), params);
    Ok(FrameScore { frame, foreground, panoptic: overlap.panoptic() })
}

/// A true object and its counterpart over the whole movie.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectScore {
    /// Its label in the truth.
    pub truth: u32,
    /// The label of its counterpart; `None` if it was missed.
    pub found: Option<u32>,
    /// First frame in which either has a pixel.
    pub first_frame: usize,
    /// Number of frames in which either has one.
    pub n_frames: usize,
    /// Both over all these frames.
    pub score: MaskScore,
}

/// Scores of objects that grow frame by frame.
#[derive(Clone, Debug)]
pub struct Objects {
    params: SegmentationParams,
    scores: Vec<ObjectScore>,
    of_found: BTreeMap<u32, usize>,
    of_truth: BTreeMap<u32, usize>,
}

impl Objects {
    /// Begins with the objects of a movie, whose counterparts are known ([`Overlap::matches`] of all frames).
    pub fn new(matches: &[Match], params: &SegmentationParams) -> Self {
        let start = |m: &Match| ObjectScore {
            truth: m.truth,
            found: m.found,
            first_frame: 0,
            n_frames: 0,
            score: MaskScore::default(),
        };
        Self {
            params: *params,
            scores: matches.iter().map(start).collect(),
            of_found: matches.iter().enumerate().filter_map(|(i, m)| Some((m.found?, i))).collect(),
            of_truth: matches.iter().enumerate().map(|(i, m)| (m.truth, i)).collect(),
        }
    }

    /// Adds a frame; frames come in order.
    ///
    /// # Errors
    /// [`Error::Shapes`].
    pub fn add(&mut self, frame: usize, truth: ArrayView2<'_, u32>, found: ArrayView2<'_, u32>) -> Result<(), Error> {
        super::overlap::check_shapes(truth.dim(), found.dim())?;
        let (of_truth, of_found) = (masks(truth), masks(found));
        let mut seen: BTreeMap<usize, [Option<&Mask>; 2]> = BTreeMap::new();
        for (side, (masks, numbers)) in [(&of_truth, &self.of_truth), (&of_found, &self.of_found)].iter().enumerate() {
            for (label, mask) in *masks {
                if let Some(number) = numbers.get(label) {
                    seen.entry(*number).or_default()[side] = Some(mask);
                }
            }
        }
        for (number, [a, b]) in seen {
            let object = &mut self.scores[number];
            if object.n_frames == 0 {
                object.first_frame = frame;
            }
            object.n_frames += 1;
            object.score.add(&MaskScore::of(a, b, truth.len(), &self.params));
        }
        Ok(())
    }

    /// The scores, by label of the true object.
    pub fn finish(self) -> Vec<ObjectScore> {
        self.scores
    }
}

/// The mask of each object of a label image.
pub(super) fn masks(labels: ArrayView2<'_, u32>) -> BTreeMap<u32, Mask> {
    let mut pixels: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, label) in labels.indexed_iter().filter(|(_, label)| **label > 0) {
        pixels.entry(*label).or_default().push(at);
    }
    pixels.into_iter().filter_map(|(label, pixels)| Some((label, Mask::of_pixels(pixels)?))).collect()
}

/// Scores of several images or objects together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are, those with two empty masks included.
    pub n: usize,
    /// How many have two empty masks.
    pub n_both_empty: usize,
    /// Subjects, episodes or whatever was resampled.
    pub n_clusters: usize,
    /// Mean Dice.
    pub dice: Option<Estimate>,
    /// Mean intersection over union.
    pub iou: Option<Estimate>,
    /// Mean boundary F.
    pub boundary_f: Option<Estimate>,
    /// Dice of all pixels together.
    pub pooled_dice: Option<Estimate>,
    /// Intersection over union of all pixels together.
    pub pooled_iou: Option<Estimate>,
    /// Boundary F of all outlines together.
    pub pooled_boundary_f: Option<Estimate>,
    /// Mean distance of the outlines, of all outline pixels together.
    pub surface_mean: Option<Estimate>,
    /// Their 95 % quantile, without interval.
    pub surface_p95: Option<f64>,
    /// Their largest (Hausdorff) distance, without interval.
    pub surface_max: Option<f64>,
}

/// What [`Summary`] is made of; sums, so that a resample is an addition.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Dice, intersection over union and boundary F, each with the number of images that have one.
    means: [(f64, f64); 3],
    agreement: Agreement,
    near: Near,
    distance: (f64, f64),
}

impl Sums {
    fn of(score: &MaskScore, both_empty: BothEmpty) -> Self {
        let empty = (both_empty == BothEmpty::Perfect && score.is_empty()).then_some(1.0);
        let values = [score.agreement.dice(), score.agreement.iou(), score.near.f()];
        Self {
            means: values.map(|value| value.or(empty).map_or((0.0, 0.0), |value| (value, 1.0))),
            agreement: score.agreement,
            near: score.near,
            distance: (score.distances.sum(), score.distances.n() as f64),
        }
    }

    fn add(&mut self, other: &Self) {
        for (mine, other) in self.means.iter_mut().zip(other.means) {
            *mine = (mine.0 + other.0, mine.1 + other.1);
        }
        self.agreement.both += other.agreement.both;
        self.agreement.first_only += other.agreement.first_only;
        self.agreement.second_only += other.agreement.second_only;
        self.near += other.near;
        self.distance = (self.distance.0 + other.distance.0, self.distance.1 + other.distance.1);
    }

    fn values(&self) -> [Option<f64>; 7] {
        let mean = |(sum, n): (f64, f64)| (n > 0.0).then(|| sum / n);
        let [dice, iou, f] = self.means.map(mean);
        [dice, iou, f, self.agreement.dice(), self.agreement.iou(), self.near.f(), mean(self.distance)]
    }
}

/// Summarizes scores, each with the name of what it is repeated over. Intervals are percentiles of resamples in which names
/// are drawn with replacement and keep all of their scores; there is none for a single name.
pub fn summarize(scores: &[(&str, &MaskScore)], both_empty: BothEmpty, resampling: &Resampling) -> Summary {
    let mut clusters: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut distances = Distances::default();
    for (name, score) in scores {
        clusters.entry(name).or_default().add(&Sums::of(score, both_empty));
        distances.add(&score.distances);
    }
    let clusters: Vec<Sums> = clusters.into_values().collect();
    let total = |drawn: &mut dyn Iterator<Item = usize>| {
        let mut total = Sums::default();
        drawn.for_each(|i| total.add(&clusters[i]));
        total.values()
    };
    let values = total(&mut (0..clusters.len()));
    let resampled = if clusters.len() > 1 {
        resampling.replicate(|rng| total(&mut (0..clusters.len()).map(|_| any(clusters.len(), rng))))
    } else {
        Vec::new()
    };
    let estimate = |i: usize| {
        let interval = Interval::percentile(resampled.iter().map(|r| r[i]), resampling.level);
        values[i].map(|value| Estimate { value, interval })
    };
    Summary {
        n: scores.len(),
        n_both_empty: scores.iter().filter(|(_, score)| score.is_empty()).count(),
        n_clusters: clusters.len(),
        dice: estimate(0),
        iou: estimate(1),
        boundary_f: estimate(2),
        pooled_dice: estimate(3),
        pooled_iou: estimate(4),
        pooled_boundary_f: estimate(5),
        surface_mean: estimate(6),
        surface_p95: distances.quantile(0.95),
        surface_max: distances.max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    const PARAMS: SegmentationParams =
        SegmentationParams { pixel: [1.0, 1.0], tolerance: 1.0, both_empty: BothEmpty::LeftOut };

    /// Label 5 in a square of 4 at a row.
    fn square(row: usize) -> Array2<u32> {
        Array2::from_shape_fn((12, 12), |(y, x)| if (row..row + 4).contains(&y) && (2..6).contains(&x) { 5 } else { 0 })
    }

    #[test]
    fn a_square_moved_by_one_row() {
        let score = score_frame(3, square(2).view(), square(3).view(), &PARAMS).expect("of one shape").foreground;
        assert_eq!((score.agreement.dice(), score.agreement.iou()), (Some(0.75), Some(0.6)));
        assert_eq!(score.near.f(), Some(1.0), "no outline pixel is farther than the tolerance");
        assert_eq!(score.distances.max(), Some(1.0));
        let strict = SegmentationParams { tolerance: 0.5, ..PARAMS };
        let score = score_frame(3, square(2).view(), square(3).view(), &strict).expect("of one shape").foreground;
        // Of 12 pixels of each rim, those of two full rows and of two columns of three lie on the other's rim but for the row
        // that has none: 3 + 3 of the columns and 2 corners each.
        assert_eq!(score.near.f(), Some(f64::from(score.near.truth_near as u32) / 12.0));
        assert_eq!(score.near.truth_near, 6);
    }

    #[test]
    fn objects_are_followed_through_the_movie() {
        let frames = [(square(2), square(3)), (square(3), Array2::zeros((12, 12))), (square(0), square(0))];
        let mut overlap = Overlap::default();
        for (truth, found) in &frames {
            overlap.add(&Overlap::of(truth.view(), found.view()).expect("of one shape"));
        }
        let mut objects = Objects::new(&overlap.matches(), &PARAMS);
        for (frame, (truth, found)) in frames.iter().enumerate() {
            objects.add(frame, truth.view(), found.view()).expect("of one shape");
        }
        let objects = objects.finish();
        assert_eq!((objects[0].truth, objects[0].found, objects[0].n_frames), (5, Some(5), 3));
        assert_eq!(objects[0].score.agreement, overlap.matches()[0].agreement, "both ways of counting");
        assert_eq!(objects[0].score.agreement.dice(), Some(2.0 * 28.0 / 80.0));
    }

    #[test]
    fn empty_images_are_left_out_or_perfect() {
        let empty = MaskScore::default();
        let half = score_frame(0, square(2).view(), square(4).view(), &PARAMS).expect("of one shape").foreground;
        assert_eq!(half.agreement.dice(), Some(0.5));
        let scores = [("a", &empty), ("a", &half), ("b", &half)];
        let resampling = Resampling { n_resamples: 50, ..Resampling::default() };
        let summary = summarize(&scores, BothEmpty::LeftOut, &resampling);
        assert_eq!((summary.n, summary.n_both_empty, summary.n_clusters), (3, 1, 2));
        assert_eq!(summary.dice.map(|d| d.value), Some(0.5));
        let perfect = summarize(&scores, BothEmpty::Perfect, &resampling).dice.expect("known");
        assert!((perfect.value - 2.0 / 3.0).abs() < 1e-12 && perfect.interval.is_some());
        let interval = perfect.interval.expect("two subjects");
        assert!((interval.low - 0.5).abs() < 1e-12 && (interval.high - 0.75).abs() < 1e-12, "{interval:?}");
        let nothing = summarize(&[("a", &empty)], BothEmpty::LeftOut, &resampling);
        assert_eq!((nothing.dice, nothing.pooled_dice, nothing.surface_mean), (None, None, None));
        let none = summarize(&[], BothEmpty::Perfect, &resampling);
        assert_eq!((none.n, none.dice), (0, None));
    }
}
