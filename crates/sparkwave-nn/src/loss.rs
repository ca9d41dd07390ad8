//! What training minimises: published and alternative losses on voxels of which only some are known.
//!
//! A crop is either labelled, drawn around a known event, or unlabeled, drawn where none is known. In both, `target` is 1
//! on the voxels of known events and 0 elsewhere; 0 means "not known to be an event".

pub(crate) mod masks;
pub(crate) mod stars;

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What training minimises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Loss {
    /// Mean squared error of the probability, unknown taken as no event: the published loss.
    Mse,
    /// Binary cross-entropy, unknown taken as no event.
    Bce,
    /// Binary cross-entropy plus one minus the soft Dice coefficient of each crop (Milletari et al. 2016).
    DiceBce,
    /// The non-negative risk estimator for learning from positive and unlabeled data (Kiryo et al., NeurIPS 2017, eq. 6
    /// and algorithm 1) with the sigmoid loss, voxel by voxel.
    NnPu {
        /// The part of the unlabeled voxels that belong to events, 0 to 1; `None` to be estimated before training.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prior: Option<f64>,
    },
    /// Binary cross-entropy, unknown taken for as much of an event as the network itself says of the mirrored crop, times
    /// `trust`: soft labels (Reed et al., ICLR workshop 2015, eq. 6) that do not depend on how a crop is shown (Laine and
    /// Aila, ICLR 2017).
    SoftLabels {
        /// How far the network's own word counts, from 0 (as [`Loss::Bce`]) to below 1.
        trust: f64,
    },
}

impl Loss {
    /// What is taken to be known where nothing is: `target` plus what the network says of the mirrored crop, if it is asked.
    pub(crate) fn soften(self, target: Tensor<5>, of_mirrored: impl FnOnce() -> Tensor<5>) -> Tensor<5> {
        let Self::SoftLabels { trust } = self else { return target };
        let unknown = -target.clone() + 1.0;
        target + unknown * activation::sigmoid(of_mirrored()).detach() * trust as f32
    }

    /// Checks that every number has a meaning.
    ///
    /// # Errors
    /// Names the first that has none.
    pub(crate) fn check(self) -> Result<()> {
        let (name, expected, found) = match self {
            Self::NnPu { prior: Some(prior) } if !(0.0..=1.0).contains(&prior) => {
                ("class prior", "0 to 1", prior.to_string())
            }
            Self::SoftLabels { trust } if !(0.0..1.0).contains(&trust) => {
                ("trust in soft labels", "0 to below 1", trust.to_string())
            }
            _ => return Ok(()),
        };
        Err(Error::Parameter { name, expected: expected.into(), found })
    }

    /// The mean loss of a batch.
    ///
    /// `logits` and `target` are `[n, 1, t, y, x]`; `labelled` is `[n]`, 1 for a labelled crop and 0 for an unlabeled one.
    pub(crate) fn of(self, logits: Tensor<5>, target: Tensor<5>, labelled: &[bool]) -> Tensor<1> {
        match self {
            Self::Mse => (activation::sigmoid(logits) - target).powi_scalar(2).mean(),
            Self::Bce => cross_entropy(logits, target),
            Self::DiceBce => cross_entropy(logits.clone(), target.clone()) + dice(activation::sigmoid(logits), target),
            Self::NnPu { prior } => non_negative(logits, target, labelled, prior.unwrap_or(0.0) as f32),
            Self::SoftLabels { .. } => cross_entropy(logits, target),
        }
    }
}

/// Binary cross-entropy from logits, in the form that does not overflow.
fn cross_entropy(logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
    let rest = (-logits.clone().abs()).exp().log1p();
    (activation::relu(logits.clone()) - logits * target + rest).mean()
}

/// One minus the soft Dice coefficient, averaged over crops. A crop without events scores 0 where nothing is predicted.
fn dice(probability: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
    const SMOOTH: f32 = 1.0;
    let [n, c, t, h, w] = probability.dims();
    let flat = |x: Tensor<5>| -> Tensor<2> { x.reshape([n, c * t * h * w]) };
    let (p, y) = (flat(probability), flat(target));
    let both = (p.clone() * y.clone()).sum_dim(1);
    let either = p.sum_dim(1) + y.sum_dim(1);
    let coefficient = (both * 2.0 + SMOOTH) / (either + SMOOTH);
    (-coefficient + 1.0).mean()
}

/// Risk of the positive voxels, and that of the unlabeled ones less what positives among them explain, never below zero.
fn non_negative(logits: Tensor<5>, target: Tensor<5>, labelled: &[bool], prior: f32) -> Tensor<1> {
    let device = logits.device();
    let [n, ..] = logits.dims();
    let crops: Vec<f32> = labelled.iter().map(|&l| if l { 0.0 } else { 1.0 }).collect();
    let unlabeled_crop: Tensor<5> = Tensor::<1>::from_floats(crops.as_slice(), &device).reshape([n, 1, 1, 1, 1]);
    // Without unlabeled crops, the voxels outside known events are the unlabeled ones.
    let unlabeled = if labelled.iter().all(|&l| l) {
        -target.clone() + 1.0
    } else {
        unlabeled_crop + Tensor::zeros(logits.dims(), &device)
    };
    let mean_over = |values: Tensor<5>, of: Tensor<5>| (values * of.clone()).sum() / of.sum().clamp_min(1.0);
    // The sigmoid loss: sigmoid(-z) for the class 1, sigmoid(z) for the class 0.
    let as_one = activation::sigmoid(-logits.clone());
    let as_zero = activation::sigmoid(logits);
    let positive_as_one = mean_over(as_one, target.clone()) * prior;
    let positive_as_zero = mean_over(as_zero.clone(), target) * prior;
    let negative = mean_over(as_zero, unlabeled) - positive_as_zero;
    if negative.clone().into_scalar::<f32>() >= 0.0 {
        positive_as_one + negative
    } else {
        // Algorithm 1 with gamma 1: step back from having explained more than there is.
        -negative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn volume(values: &[f32], n: usize) -> Tensor<5> {
        Tensor::from_data(TensorData::new(values.to_vec(), [n, 1, 1, 1, values.len() / n]), &Device::flex())
    }

    fn value(loss: Loss, logits: &[f32], target: &[f32], labelled: &[bool]) -> f32 {
        loss.of(volume(logits, labelled.len()), volume(target, labelled.len()), labelled).into_scalar::<f32>()
    }

    #[test]
    fn losses_have_their_closed_forms() {
        let logits = [0.0, 3f32.ln(), -(3f32.ln()), 0.0];
        let target = [0.0, 1.0, 0.0, 1.0];
        // Probabilities 1/2, 3/4, 1/4, 1/2.
        let mse = (0.25 + 0.0625 + 0.0625 + 0.25) / 4.0;
        assert!((value(Loss::Mse, &logits, &target, &[true]) - mse).abs() < 1e-6);
        let bce = -(0.5f32.ln() + 0.75f32.ln() + 0.75f32.ln() + 0.5f32.ln()) / 4.0;
        assert!((value(Loss::Bce, &logits, &target, &[true]) - bce).abs() < 1e-6);
        let dice = 1.0 - (2.0 * 1.25 + 1.0) / (2.0 + 2.0 + 1.0);
        assert!((value(Loss::DiceBce, &logits, &target, &[true]) - bce - dice).abs() < 1e-6);
        assert!(value(Loss::Bce, &[1e4, -1e4], &[0.0, 1.0], &[true]).is_finite());
    }

    #[test]
    fn soft_labels_are_the_networks_own_where_nothing_is_known() {
        let target = volume(&[1.0, 0.0, 0.0], 1);
        let says = || volume(&[0.0, 3f32.ln(), -(3f32.ln())], 1);
        let of = |loss: Loss| loss.soften(target.clone(), says).into_data().iter::<f32>().collect::<Vec<_>>();
        for (found, expected) in of(Loss::SoftLabels { trust: 0.5 }).iter().zip([1.0, 0.375, 0.125]) {
            assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
        }
        assert_eq!(of(Loss::Bce), [1.0, 0.0, 0.0]);
        assert!(Loss::SoftLabels { trust: 1.0 }.check().is_err());
    }

    #[test]
    fn the_risk_of_unlabeled_voxels_is_never_negative() {
        // One labelled crop with one positive voxel of probability 3/4, one unlabeled crop of probabilities 1/2 and 1/4.
        let logits = [3f32.ln(), 0.0, 0.0, -(3f32.ln())];
        let target = [1.0, 0.0, 0.0, 0.0];
        let prior = 0.1;
        let risk = prior * 0.25 + (0.5 + 0.25) / 2.0 - prior * 0.75;
        let found = value(Loss::NnPu { prior: Some(f64::from(prior)) }, &logits, &target, &[true, false]);
        assert!((found - risk).abs() < 1e-6, "{found} against {risk}");
        // Positives that explain more than there is: the step goes back.
        let found = value(Loss::NnPu { prior: Some(0.9) }, &logits, &target, &[true, false]);
        assert!((found - (0.9 * 0.75 - 0.375)).abs() < 1e-6, "{found}");
    }
}
