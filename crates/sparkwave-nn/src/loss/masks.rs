//! What SAM 2 minimises (Ravi et al. 2024, appendix D.2.2): of every mask that a prompt may mean, the focal and the Dice loss of
//! the best one; the error of the expected overlap of all; and the cross-entropy of whether there is an object.

use burn::tensor::{Tensor, activation};

use crate::models::sam2::Decoded;

/// How much the focal loss weighs beside the others, which weigh 1.
const FOCAL: f32 = 20.0;
/// How much pixels inside weigh in the focal loss; others have the rest (Lin et al., ICCV 2017).
const INSIDE: f32 = 0.25;

/// The loss of one object, `[1]`: `masks` are the logits of all candidates at the resolution of `target`, `[1, 1, y, x]`, 0 and
/// 1, and `decoded` is what the network says beside them.
pub(crate) fn of(masks: Tensor<4>, decoded: &Decoded, target: Tensor<4>) -> Tensor<1> {
    let [_, m, ..] = masks.dims();
    let there = target.clone().max_dim(3).max_dim(2).reshape([1, 1]);
    let presence = cross_entropy(decoded.presence.clone(), there.clone()).reshape([1]);
    if there.clone().into_scalar::<f32>() == 0.0 {
        return presence;
    }
    let each = focal(masks.clone(), target.clone()) * FOCAL + dice(masks.clone(), target.clone());
    let values: Vec<f32> = each.clone().into_data().iter::<f32>().collect();
    let best = (1..m).fold(0, |best, i| if values[i] < values[best] { i } else { best });
    let wrong = (decoded.quality.clone() - overlap(masks, target)).abs().mean_dim(1);
    each.narrow(1, best, 1).reshape([1]) + wrong.reshape([1]) + presence
}

/// The mean of each mask, `[n, m]` (Lin et al., ICCV 2017, with an exponent of 2).
fn focal(masks: Tensor<4>, target: Tensor<4>) -> Tensor<2> {
    let [n, m, h, w] = masks.dims();
    let target = target.expand([n, m, h, w]);
    let outside = -target.clone() + 1.0;
    let p = activation::sigmoid(masks.clone());
    let wrong = p.clone() * outside.clone() + (-p + 1.0) * target.clone();
    let weight = target.clone() * INSIDE + outside * (1.0 - INSIDE);
    let loss = weight * wrong.powi_scalar(2) * cross_entropy(masks, target);
    loss.mean_dim(3).mean_dim(2).reshape([n, m])
}

/// One minus the soft Dice coefficient of each mask, `[n, m]` (Milletari et al. 2016), with one pixel in common for certain.
fn dice(masks: Tensor<4>, target: Tensor<4>) -> Tensor<2> {
    let [n, m, h, w] = masks.dims();
    let (p, target) = (activation::sigmoid(masks), target.expand([n, m, h, w]));
    let sum = |x: Tensor<4>| -> Tensor<2> { x.sum_dim(3).sum_dim(2).reshape([n, m]) };
    let both = sum(p.clone() * target.clone());
    -(both * 2.0 + 1.0) / (sum(p) + sum(target) + 1.0) + 1.0
}

/// The overlap (IoU) of each mask with the target, `[n, m]`, without a gradient.
fn overlap(masks: Tensor<4>, target: Tensor<4>) -> Tensor<2> {
    let [n, m, h, w] = masks.dims();
    let (inside, target) = (masks.detach().greater_elem(0.0).float(), target.expand([n, m, h, w]));
    let sum = |x: Tensor<4>| -> Tensor<2> { x.sum_dim(3).sum_dim(2).reshape([n, m]) };
    let both = sum(inside.clone() * target.clone());
    both.clone() / (sum(inside) + sum(target) - both).clamp_min(1.0)
}

/// The binary cross-entropy of each logit.
fn cross_entropy<const D: usize>(logits: Tensor<D>, target: Tensor<D>) -> Tensor<D> {
    activation::relu(logits.clone()) - logits.clone() * target + ((-logits.abs()).exp() + 1.0).log()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;
    use burn::tensor::TensorData;

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &cpu())
    }

    fn decoded(quality: &[f32], presence: f32) -> Decoded {
        let n = quality.len();
        let quality = tensor(quality, [1, n]);
        Decoded {
            masks: tensor(&vec![0.0; n], [1, n, 1, 1]),
            quality,
            tokens: tensor(&vec![0.0; n], [1, n, 1]),
            presence: tensor(&[presence], [1, 1]),
        }
    }

    #[test]
    fn the_best_mask_counts_and_all_overlaps() {
        // Two of four pixels inside; one mask knows nothing, the other is right and sure.
        let target = tensor(&[1.0, 1.0, 0.0, 0.0], [1, 1, 2, 2]);
        let masks = tensor(&[0.0, 0.0, 0.0, 0.0, 30.0, 30.0, -30.0, -30.0], [1, 2, 2, 2]);
        let ln_2 = std::f32::consts::LN_2;
        let focal: Vec<f32> = focal(masks.clone(), target.clone()).into_data().iter::<f32>().collect();
        // Half of the pixels weigh 0.25, half 0.75; all are a half wrong.
        assert!((focal[0] - 0.5 * 0.25 * ln_2).abs() < 1e-6 && focal[1] < 1e-10, "{focal:?}");
        let dice: Vec<f32> = dice(masks.clone(), target.clone()).into_data().iter::<f32>().collect();
        assert!((dice[0] - (1.0 - 3.0 / 5.0)).abs() < 1e-6 && dice[1].abs() < 1e-6, "{dice:?}");
        // Nothing is above 0 in the first mask, so its overlap is 0.
        let loss = of(masks, &decoded(&[0.25, 0.5], 0.0), target).into_scalar::<f32>();
        assert!((loss - ((0.25 + 0.5) / 2.0 + ln_2)).abs() < 1e-5, "{loss}");
    }

    #[test]
    fn without_an_object_only_its_absence_counts() {
        let target = tensor(&[0.0; 4], [1, 1, 2, 2]);
        let masks = tensor(&[-1024.0, 3.0, -3.0, 0.0], [1, 1, 2, 2]);
        let loss = of(masks, &decoded(&[0.9], 2.0), target).into_scalar::<f32>();
        assert!((loss - (2.0 + (-2.0f32).exp().ln_1p())).abs() < 1e-6, "{loss}");
    }
}
