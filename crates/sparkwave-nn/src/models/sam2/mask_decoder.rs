//! From the features of an image and the tokens of a prompt to masks (Ravi et al. 2024, section 4 and appendix D).

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::conv::{Conv, Double};
use super::perceptron::Perceptron;
use super::prompt_encoder::Embedding;
use super::two_way::TwoWayTransformer;
use crate::layers::{Initial, LayerNorm};
use crate::op::{self, After};

/// Masks: one for a prompt that says all, three for one that can mean several things.
pub(crate) const MASKS: usize = 4;
/// Added to variances.
const EPSILON: f32 = 1e-6;
/// A mask is steady if raising and lowering its threshold by this logit ...
const STEADY_LOGIT: f32 = 0.05;
/// ... leaves areas whose ratio is at least this (the values of the published predictors).
const STEADY_RATIO: f32 = 0.98;

/// What brings the features of an image to a quarter of its resolution.
#[derive(Module, Debug)]
struct Upscaling {
    double0: Double,
    norm: LayerNorm,
    double1: Double,
}

/// What the decoder says of each object.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Logits `[n, masks, side * 4, side * 4]`, at a quarter of the image's resolution.
    pub masks: Tensor<4>,
    /// The overlap (IoU) that each mask is expected to have with the object, `[n, masks]`.
    pub quality: Tensor<2>,
    /// What the decoder knows of each mask, `[n, masks, c]`.
    pub tokens: Tensor<3>,
    /// The logit that there is an object, `[n, 1]`.
    pub presence: Tensor<2>,
}

impl Decoded {
    /// The three masks of a prompt that can mean several things.
    #[must_use]
    pub fn candidates(self) -> Self {
        let n = MASKS - 1;
        Self {
            masks: self.masks.narrow(1, 1, n),
            quality: self.quality.narrow(1, 1, n),
            tokens: self.tokens.narrow(1, 1, n),
            presence: self.presence,
        }
    }

    /// The one mask of a prompt that says all; where it is unsteady, the best of the three candidates. The token is that
    /// of the one mask in either case.
    #[must_use]
    pub fn single(self) -> Self {
        self.single_if(STEADY_RATIO)
    }

    /// The same, where at least this ratio counts as steady.
    pub(super) fn single_if(self, least: f32) -> Self {
        let steady = values(steadiness(self.masks.clone().narrow(1, 0, 1)));
        let best = best(self.quality.clone().narrow(1, 1, MASKS - 1));
        let chosen: Vec<usize> =
            steady.iter().zip(best).map(|(&steady, best)| if steady >= least { 0 } else { 1 + best }).collect();
        Self {
            masks: pick(self.masks, &chosen),
            quality: pick(self.quality, &chosen),
            tokens: self.tokens.narrow(1, 0, 1),
            presence: self.presence,
        }
    }

    /// The mask of the best expected overlap.
    #[must_use]
    pub fn best(self) -> Self {
        let chosen = best(self.quality.clone());
        let tokens = if self.tokens.dims()[1] > 1 { pick(self.tokens, &chosen) } else { self.tokens };
        Self { masks: pick(self.masks, &chosen), quality: pick(self.quality, &chosen), tokens, presence: self.presence }
    }
}

fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// The largest of each row; of equals the first.
fn best(quality: Tensor<2>) -> Vec<usize> {
    let [_, n] = quality.dims();
    let first_of_largest = |row: &[f32]| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    values(quality).chunks_exact(n).map(first_of_largest).collect()
}

/// One entry of the second axis for each of the first.
fn pick<const D: usize>(x: Tensor<D>, chosen: &[usize]) -> Tensor<D> {
    let of = |(i, &k): (usize, &usize)| x.clone().narrow(0, i, 1).narrow(1, k, 1);
    Tensor::cat(chosen.iter().enumerate().map(of).collect(), 0)
}

/// How little the area of each mask depends on its threshold, `[n, masks]`, from 0 to 1.
pub(super) fn steadiness(masks: Tensor<4>) -> Tensor<2> {
    let [n, m, ..] = masks.dims();
    let area = |threshold: f32| -> Tensor<2> {
        masks.clone().greater_elem(threshold).float().sum_dim(3).sum_dim(2).reshape([n, m])
    };
    let (small, large) = (area(STEADY_LOGIT), area(-STEADY_LOGIT));
    let none = large.clone().lower_equal_elem(0.0);
    (small / large.clamp_min(1.0)).mask_fill(none, 1.0)
}

/// The decoder.
#[derive(Module, Debug)]
pub(crate) struct MaskDecoder {
    transformer: TwoWayTransformer,
    iou_token: Embedding,
    mask_tokens: Embedding,
    obj_score_token: Embedding,
    output_upscaling: Upscaling,
    conv_s0: Conv,
    conv_s1: Conv,
    output_hypernetworks_mlps: Vec<Perceptron>,
    iou_prediction_head: Perceptron,
    pred_obj_score_head: Perceptron,
}

impl MaskDecoder {
    /// Over tokens of length `n`.
    pub(crate) fn new(n: usize, initial: &mut Initial) -> Self {
        Self {
            transformer: TwoWayTransformer::new(n, initial),
            iou_token: Embedding::new(1, n, initial),
            mask_tokens: Embedding::new(MASKS, n, initial),
            obj_score_token: Embedding::new(1, n, initial),
            output_upscaling: Upscaling {
                double0: Double::new(n, n / 4, initial),
                norm: LayerNorm::with_epsilon(n / 4, EPSILON, initial),
                double1: Double::new(n / 4, n / 8, initial),
            },
            conv_s0: Conv::new(n, n / 8, 1, initial),
            conv_s1: Conv::new(n, n / 4, 1, initial),
            output_hypernetworks_mlps: (0..MASKS).map(|_| Perceptron::new(&[n, n, n, n / 8], initial)).collect(),
            iou_prediction_head: Perceptron::new(&[n, n, n, MASKS], initial),
            pred_obj_score_head: Perceptron::new(&[n, n, n, 1], initial),
        }
    }

    /// Gives its last word on whether there is an object, before what it sees.
    #[cfg(test)]
    pub(super) fn set_presence(&mut self, logit: f32) {
        self.pred_obj_score_head.set_bias(logit);
    }

    /// The features at strides 4 and 8, `[n, y, x, c]`, with as many channels as the decoder wants: c / 8 and c / 4.
    pub(crate) fn fine(&self, [s0, s1]: [Tensor<4>; 2]) -> [Tensor<4>; 2] {
        [self.conv_s0.patches(s0), self.conv_s1.patches(s1)]
    }

    /// Features `[1 or n, side, side, c]` and fine ones, places `[1, side * side, c]`, the tokens of prompts `[n, points,
    /// c]` (none: one object of which no point is known) and what is known of masks, `[1 or n, side or 1, side or 1, c]`, to
    /// all four masks of each of n objects.
    pub(crate) fn forward(
        &self,
        image: Tensor<4>,
        [s0, s1]: &[Tensor<4>; 2],
        places: Tensor<3>,
        points: Option<Tensor<3>>,
        masks: Tensor<4>,
    ) -> Decoded {
        let n = points.as_ref().map_or(1, |points| points.dims()[0]);
        let [_, side, _, c] = image.dims();
        let own = [&self.obj_score_token, &self.iou_token, &self.mask_tokens].map(|token| token.weight.val()).to_vec();
        let own: Tensor<3> = Tensor::cat(own, 0).unsqueeze();
        let tokens = Tensor::cat(std::iter::once(own.expand([n, 2 + MASKS, c])).chain(points).collect(), 1);
        let image: Tensor<3> = (image + masks).expand([n, side, side, c]).reshape([n, side * side, c]);
        let [tokens, image] = self.transformer.forward(tokens, image, places);
        let of_masks = tokens.clone().narrow(1, 2, MASKS);

        let up = &self.output_upscaling;
        let x = up.double0.forward(image.reshape([n, side, side, c])) + s1.clone();
        let x = op::gelu(up.norm.forward(x));
        let x = op::gelu(up.double1.forward(x) + s0.clone());
        let [_, h, w, short] = x.dims();
        let x: Tensor<3> = x.reshape([n, h * w, short]);

        let heads = self.output_hypernetworks_mlps.iter().enumerate();
        let heads = heads.map(|(i, head)| head.forward(of_masks.clone().narrow(1, i, 1), After::Relu));
        let heads = Tensor::cat(heads.collect(), 1);
        let quality = self.iou_prediction_head.forward(tokens.clone().narrow(1, 1, 1), After::Relu);
        let presence = self.pred_obj_score_head.forward(tokens.narrow(1, 0, 1), After::Relu);
        Decoded {
            masks: heads.matmul(x.swap_dims(1, 2)).reshape([n, MASKS, h, w]),
            quality: activation::sigmoid(quality).reshape([n, MASKS]),
            tokens: of_masks,
            presence: presence.reshape([n, 1]),
        }
    }
}

/// The name, in a checkpoint, of an array of what raises the resolution, which is one list of convolutions, normalisations
/// and functions there.
pub(crate) fn checkpoint_name(path: &str) -> Option<String> {
    let (layer, array) = path.strip_prefix("sam_mask_decoder.output_upscaling.")?.split_once('.')?;
    let place = ["double0", "norm", "", "double1"].iter().position(|name| *name == layer)?;
    Some(format!("sam_mask_decoder.output_upscaling.{place}.{array}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn an_empty_mask_is_steady_and_of_equals_the_first_is_best() {
        let device = crate::cpu();
        let masks = [[-1.0f32; 4], [0.04, 0.04, 0.06, -0.06], [1.0, -0.04, -1.0, -1.0]].concat();
        let masks = Tensor::from_data(TensorData::new(masks, [3, 1, 2, 2]), &device);
        assert_eq!(values(steadiness(masks)), [1.0, 1.0 / 3.0, 0.5]);
        let quality = Tensor::from_data(TensorData::new(vec![0.5f32, 0.5, 0.1, 0.1, 0.2, 0.3], [2, 3]), &device);
        assert_eq!(best(quality), [0, 2]);
    }
}
