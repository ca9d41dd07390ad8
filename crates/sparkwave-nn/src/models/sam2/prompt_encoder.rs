//! Points, boxes and masks, made into tokens (Kirillov et al., ICCV 2023, appendix A).

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};

use super::conv::Conv;
use super::position::{fourier, grid};
use crate::layers::{Initial, LayerNorm};
use crate::op;

/// Added to variances.
const EPSILON: f32 = 1e-6;

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is not in the object.
    Outside,
    /// It is in the object.
    Inside,
    /// It is the corner of the object's box with the smallest x and y.
    FirstCorner,
    /// It is the opposite corner.
    LastCorner,
}

/// A point of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Column in the image; the centre of its first pixel is 0.
    pub x_px: f32,
    /// Row; the centre of the first is 0.
    pub y_px: f32,
    /// What it says.
    pub mark: Mark,
}

/// A vector that was learned.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    /// `[n, c]`.
    pub(crate) weight: Param<Tensor<2>>,
}

impl Embedding {
    pub(crate) fn new(n: usize, c: usize, initial: &mut Initial) -> Self {
        Self { weight: initial.uniform([n, c], 1) }
    }
}

/// The frequencies on which places are projected: drawn at random, never learned.
#[derive(Module, Debug)]
struct PeLayer {
    /// `[2, c / 2]`.
    positional_encoding_gaussian_matrix: Param<Tensor<2>>,
}

/// A mask brought to the resolution and the channels of an image's features.
#[derive(Module, Debug)]
struct MaskDownscaling {
    conv0: Conv,
    norm0: LayerNorm,
    conv1: Conv,
    norm1: LayerNorm,
    last: Conv,
}

/// The encoder.
#[derive(Module, Debug)]
pub(crate) struct PromptEncoder {
    pe_layer: PeLayer,
    /// By what a point says.
    point_embeddings: Vec<Embedding>,
    not_a_point_embed: Embedding,
    mask_downscaling: MaskDownscaling,
    no_mask_embed: Embedding,
    image_px: usize,
    /// The places of the tokens of an image, `[1, side * side, c]`, made of the frequencies.
    places: Tensor<3>,
}

impl PromptEncoder {
    /// For square images of `image_px` and tokens of length `n`.
    pub(crate) fn new(n: usize, image_px: usize, initial: &mut Initial) -> Self {
        let frequencies = initial.uniform([2, n / 2], 1);
        let places = places(frequencies.val().detach(), image_px / 16);
        Self {
            pe_layer: PeLayer { positional_encoding_gaussian_matrix: frequencies },
            point_embeddings: (0..4).map(|_| Embedding::new(1, n, initial)).collect(),
            not_a_point_embed: Embedding::new(1, n, initial),
            mask_downscaling: MaskDownscaling {
                conv0: Conv::new(1, 4, 2, initial),
                norm0: LayerNorm::with_epsilon(4, EPSILON, initial),
                conv1: Conv::new(4, 16, 2, initial),
                norm1: LayerNorm::with_epsilon(16, EPSILON, initial),
                last: Conv::new(16, n, 1, initial),
            },
            no_mask_embed: Embedding::new(1, n, initial),
            image_px,
            places,
        }
    }

    /// The same after its arrays have changed.
    pub(crate) fn refreshed(self) -> Self {
        Self { places: places(self.frequencies(), self.image_px / 16), ..self }
    }

    fn frequencies(&self) -> Tensor<2> {
        self.pe_layer.positional_encoding_gaussian_matrix.val().detach()
    }

    /// The points of one object as tokens `[1, points + 1, c]`. The last one stands for the absence of a box.
    pub(crate) fn points(&self, points: &[Point]) -> Tensor<3> {
        let none = self.not_a_point_embed.weight.val();
        let mut tokens = Vec::with_capacity(points.len() + 1);
        for point in points {
            // From the centre of a pixel at whole numbers to parts of the image.
            let place = [point.x_px, point.y_px].map(|v| (v + 0.5) / self.image_px as f32);
            let place = Tensor::from_data(TensorData::new(place.to_vec(), [1, 2]), &none.device());
            let kind = match point.mark {
                Mark::Outside => 0,
                Mark::Inside => 1,
                Mark::FirstCorner => 2,
                Mark::LastCorner => 3,
            };
            tokens.push(fourier(place, self.frequencies()) + self.point_embeddings[kind].weight.val());
        }
        tokens.push(none);
        Tensor::cat(tokens, 0).unsqueeze()
    }

    /// Logits of masks at a quarter of the resolution, `[n, side * 4, side * 4, 1]`, as `[n, side, side, c]`.
    pub(crate) fn masks(&self, logits: Tensor<4>) -> Tensor<4> {
        let layers = &self.mask_downscaling;
        let x = op::gelu(layers.norm0.forward(layers.conv0.patches(logits)));
        let x = op::gelu(layers.norm1.forward(layers.conv1.patches(x)));
        layers.last.patches(x)
    }

    /// What stands in the place of a mask where none is given, `[1, 1, 1, c]`.
    pub(crate) fn no_mask(&self) -> Tensor<4> {
        self.no_mask_embed.weight.val().unsqueeze()
    }

    /// The places of the tokens of an image, `[1, side * side, c]`.
    pub(crate) fn places(&self) -> Tensor<3> {
        self.places.clone()
    }
}

fn places(frequencies: Tensor<2>, side: usize) -> Tensor<3> {
    fourier(grid(side, &frequencies.device()), frequencies).unsqueeze()
}

/// The name, in a checkpoint, of an array of the mask's encoder, which is one list of convolutions, normalisations and
/// functions there.
pub(crate) fn checkpoint_name(path: &str) -> Option<String> {
    let (layer, array) = path.strip_prefix("sam_prompt_encoder.mask_downscaling.")?.split_once('.')?;
    let place = ["conv0", "norm0", "", "conv1", "norm1", "", "last"].iter().position(|name| *name == layer)?;
    Some(format!("sam_prompt_encoder.mask_downscaling.{place}.{array}"))
}
