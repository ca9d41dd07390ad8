//! How far observers agree on masks, with one another and with themselves, and where a model stands among them.
//!
//! Two experts who agree at a Dice of 0.74 cannot tell a model that agrees with them at 0.75 from a third expert: what the
//! experts reach among themselves is the ceiling. [`rate`] compares every two drawings image by image, [`against_ceiling`]
//! a model with the experts.

use crate::experiment::{dice_density, dice_peak};
use crate::statistics::agreement::Agreement;
use crate::statistics::bootstrap::{Estimate, Interval, Resampling, any, quantile};
use serde::Serialize;
use std::collections::BTreeMap;

/// Who drew two sets of masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One expert, twice.
    Intra,
    /// Two experts.
    Inter,
    /// An expert and a model.
    Model,
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intra => "intra-expert",
            Self::Inter => "inter-expert",
            Self::Model => "model",
        }
    }
}

/// Two drawings of the same images.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The first observer.
    pub first: String,
    /// The second one.
    pub second: String,
    /// Who they are.
    pub kind: Kind,
    /// One for each image.
    pub images: Vec<Agreement>,
}

/// How far two drawings agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rating {
    /// The first observer.
    pub first: String,
    /// The second one.
    pub second: String,
    /// Who they are.
    pub kind: Kind,
    /// Images in which either has a pixel.
    pub n_images: usize,
    /// Images in which neither has: they count in the pooled kappa alone.
    pub n_both_empty: usize,
    /// Subjects that were resampled.
    pub n_subjects: usize,
    /// Cohen's kappa of all pixels together.
    pub kappa: Option<Estimate>,
    /// Mean of the kappa of each image in which either has a pixel.
    pub mean_kappa: Option<Estimate>,
    /// Dice of all pixels together.
    pub pooled_dice: Option<Estimate>,
    /// Mean Dice of images.
    pub dice: Option<Estimate>,
    /// Quantiles 0, 0.1, 0.5, 0.9 and 1 of the Dice of images.
    pub dice_quantiles: Option<[f64; 5]>,
    /// The Dice at which images are densest (Gaussian kernel of Scott's width, the published criterion).
    pub dice_peak: Option<f64>,
}

impl Pair {
    /// Dice of each image in which either has a pixel.
    pub fn dice(&self) -> Vec<f64> {
        self.images.iter().filter_map(Agreement::dice).collect()
    }
}

/// What a rating is made of, by subject.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    pooled: Agreement,
    dice: (f64, f64),
    kappa: (f64, f64),
}

impl Sums {
    fn count(&mut self, image: &Agreement) {
        add(&mut self.pooled, image);
        // An image that neither touched says nothing of how they draw.
        if let Some(dice) = image.dice() {
            self.dice = (self.dice.0 + dice, self.dice.1 + 1.0);
            if let Some(kappa) = image.kappa() {
                self.kappa = (self.kappa.0 + kappa, self.kappa.1 + 1.0);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        add(&mut self.pooled, &other.pooled);
        self.dice = (self.dice.0 + other.dice.0, self.dice.1 + other.dice.1);
        self.kappa = (self.kappa.0 + other.kappa.0, self.kappa.1 + other.kappa.1);
    }

    fn values(&self) -> [Option<f64>; 4] {
        [self.pooled.kappa(), mean(self.kappa), self.pooled.dice(), mean(self.dice)]
    }
}

fn add(sum: &mut Agreement, other: &Agreement) {
    sum.both += other.both;
    sum.first_only += other.first_only;
    sum.second_only += other.second_only;
    sum.neither += other.neither;
}

fn mean((sum, n): (f64, f64)) -> Option<f64> {
    (n > 0.0).then(|| sum / n)
}

/// Sums of every subject.
fn by_subject(images: &[Agreement], subjects: &[String]) -> BTreeMap<String, Sums> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for (image, subject) in images.iter().zip(subjects) {
        sums.entry(subject.clone()).or_default().count(image);
    }
    sums
}

/// How far two drawings agree. `subjects` has the subject of each image; intervals are percentiles of resamples in which
/// subjects are drawn whole, and there is none for a single one. Images beyond either list are not counted.
pub fn rate(pair: &Pair, subjects: &[String], resampling: &Resampling) -> Rating {
    let subjects: Vec<Sums> = by_subject(&pair.images, subjects).into_values().collect();
    let total = |drawn: &mut dyn Iterator<Item = usize>| {
        let mut total = Sums::default();
        drawn.for_each(|i| total.add(&subjects[i]));
        total.values()
    };
    let values = total(&mut (0..subjects.len()));
    let resampled = if subjects.len() > 1 {
        resampling.replicate(|rng| total(&mut (0..subjects.len()).map(|_| any(subjects.len(), rng))))
    } else {
        Vec::new()
    };
    let estimate = |i: usize| {
        let interval = Interval::percentile(resampled.iter().map(|r| r[i]), resampling.level);
        values[i].map(|value| Estimate { value, interval })
    };
    let mut dice = pair.dice();
    dice.sort_by(f64::total_cmp);
    let is_known = !dice.is_empty();
    Rating {
        first: pair.first.clone(),
        second: pair.second.clone(),
        kind: pair.kind,
        n_images: dice.len(),
        n_both_empty: pair.images.len() - dice.len(),
        n_subjects: subjects.len(),
        kappa: estimate(0),
        mean_kappa: estimate(1),
        pooled_dice: estimate(2),
        dice: estimate(3),
        dice_quantiles: is_known.then(|| [0.0, 0.1, 0.5, 0.9, 1.0].map(|q| quantile(&dice, q))),
        dice_peak: dice_density(&dice).and_then(|density| dice_peak(&density)),
    }
}

/// A model among experts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The model.
    pub model: String,
    /// Mean Dice between it and the experts.
    pub dice: Estimate,
    /// Mean Dice between different experts, the ceiling.
    pub ceiling: Estimate,
    /// Model less ceiling.
    pub difference: Estimate,
}

impl Standing {
    /// The answer as a sentence.
    pub fn sentence(&self) -> String {
        let verdict = match self.difference.interval {
            None => "whether that is below the experts cannot be told from one subject",
            Some(interval) if interval.high < 0.0 => "below what experts reach with one another",
            Some(interval) if interval.low > 0.0 => "nearer to the experts than these are to one another",
            Some(_) => "not told from what experts reach with one another",
        };
        format!(
            "{}: mean Dice {} against the experts, experts among themselves {}, difference {}: {verdict}.",
            self.model, self.dice, self.ceiling, self.difference
        )
    }
}

/// Compares a model with the ceiling: the mean over its pairs with experts, image by image, against the mean over pairs of
/// different experts; resamples draw subjects whole, the same ones for both. `None` without a pair of either kind that has a
/// Dice.
pub fn against_ceiling(model: &str, pairs: &[Pair], subjects: &[String], resampling: &Resampling) -> Option<Standing> {
    let is_of_model = |pair: &&Pair| pair.kind == Kind::Model && (pair.first == model || pair.second == model);
    let sums = |chosen: Vec<&Pair>| {
        let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
        for pair in chosen {
            for (subject, more) in by_subject(&pair.images, subjects) {
                sums.entry(subject).or_default().add(&more);
            }
        }
        sums
    };
    let of_model = sums(pairs.iter().filter(is_of_model).collect());
    let of_experts = sums(pairs.iter().filter(|pair| pair.kind == Kind::Inter).collect());
    let mut names: Vec<&String> = of_model.keys().chain(of_experts.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let dice = |sums: &BTreeMap<String, Sums>, drawn: &[usize]| {
        let mut total = Sums::default();
        drawn.iter().filter_map(|i| sums.get(names[*i])).for_each(|more| total.add(more));
        mean(total.dice)
    };
    let values = |drawn: &[usize]| {
        let (model, experts) = (dice(&of_model, drawn)?, dice(&of_experts, drawn)?);
        Some([model, experts, model - experts])
    };
    let all: Vec<usize> = (0..names.len()).collect();
    let found = values(&all)?;
    let resampled = if names.len() > 1 {
        resampling.replicate(|rng| values(&all.iter().map(|_| any(names.len(), rng)).collect::<Vec<_>>()))
    } else {
        Vec::new()
    };
    let estimate = |i: usize| {
        let interval = Interval::percentile(resampled.iter().map(|r| r.map(|r| r[i])), resampling.level);
        Estimate { value: found[i], interval }
    };
    Some(Standing { model: model.to_owned(), dice: estimate(0), ceiling: estimate(1), difference: estimate(2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(first: &str, second: &str, kind: Kind, images: &[[u64; 3]]) -> Pair {
        let image = |[both, first_only, second_only]: &[u64; 3]| Agreement {
            both: *both,
            first_only: *first_only,
            second_only: *second_only,
            neither: 1000,
        };
        Pair { first: first.into(), second: second.into(), kind, images: images.iter().map(image).collect() }
    }

    fn subjects(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Sizes of both masks and of what they share in the figures of the mSCT paper (its figure 4), with the Dice printed.
    const PUBLISHED: [(u64, u64, u64, f64); 7] = [
        (111, 153, 110, 0.8333),
        (64, 61, 58, 0.928),
        (16, 94, 16, 0.2909),
        (46, 55, 46, 0.9109),
        (108, 30, 29, 0.4203),
        (72, 76, 68, 0.9189),
        (108, 497, 108, 0.3570),
    ];

    #[test]
    fn dice_of_the_published_masks() {
        let images: Vec<[u64; 3]> = PUBLISHED.iter().map(|(a, b, both, _)| [*both, a - both, b - both]).collect();
        let experts = pair("expert 1", "expert 2", Kind::Inter, &images[..3]);
        for (dice, (.., printed)) in experts.dice().iter().zip(PUBLISHED) {
            assert!((dice - printed).abs() < 5e-5, "{dice} {printed}");
        }
        let rating = rate(&experts, &subjects(&["a", "b", "c"]), &Resampling::default());
        let quantiles = rating.dice_quantiles.expect("three images");
        assert!((quantiles[0] - 0.2909).abs() < 5e-5 && (quantiles[4] - 0.928).abs() < 5e-5, "{quantiles:?}");
    }

    #[test]
    fn blank_images_count_in_the_pooled_kappa_alone() {
        let with = pair("a", "b", Kind::Inter, &[[20, 5, 10], [0, 0, 0]]);
        let without = pair("a", "b", Kind::Inter, &[[20, 5, 10]]);
        let resampling = Resampling { n_resamples: 20, ..Resampling::default() };
        let (with, without) =
            (rate(&with, &subjects(&["s", "s"]), &resampling), rate(&without, &subjects(&["s"]), &resampling));
        assert_eq!((with.n_images, with.n_both_empty, with.n_subjects), (1, 1, 1));
        assert_eq!((with.dice, with.mean_kappa), (without.dice, without.mean_kappa));
        assert!(with.kappa.expect("known").value > without.kappa.expect("known").value);
        assert_eq!(with.dice.expect("known").interval, None, "one subject was not repeated");
        let blank = rate(&pair("a", "b", Kind::Inter, &[[0, 0, 0]]), &subjects(&["s"]), &resampling);
        assert_eq!((blank.dice, blank.kappa, blank.dice_peak), (None, None, None));
    }

    #[test]
    fn a_model_below_the_ceiling_and_one_at_it() {
        let names = subjects(&["s1", "s1", "s2", "s3"]);
        let experts = pair("ann", "ben", Kind::Inter, &[[90, 10, 10], [80, 20, 20], [85, 15, 15], [88, 12, 12]]);
        let bad = pair("ann", "bad", Kind::Model, &[[40, 60, 60], [35, 65, 65], [30, 70, 70], [45, 55, 55]]);
        let same = pair("ann", "same", Kind::Model, &[[80, 20, 20], [90, 10, 10], [85, 15, 15], [89, 11, 11]]);
        let pairs = [experts, bad, same];
        let standing = |model| against_ceiling(model, &pairs, &names, &Resampling::default()).expect("both kinds");
        let below = standing("bad");
        assert!((below.ceiling.value - 0.8575).abs() < 1e-12 && (below.dice.value - 0.375).abs() < 1e-12);
        assert!(below.sentence().contains("below what experts reach"), "{}", below.sentence());
        assert!(standing("same").sentence().contains("not told from"), "{}", standing("same").sentence());
        assert_eq!(against_ceiling("other", &pairs, &names, &Resampling::default()), None);
    }
}
