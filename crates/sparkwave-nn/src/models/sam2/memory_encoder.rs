//! A mask and the image it was found in, made into a memory of a frame (Ravi et al. 2024, section 4). Its blocks are those
//! of ConvNeXt (Liu et al., CVPR 2022).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::conv::Conv;
use crate::layers::{Initial, LayerNorm, Linear};
use crate::op::{self, After};

/// Added to variances.
const EPSILON: f32 = 1e-6;
/// Halvings of a mask.
const HALVINGS: usize = 4;

/// A convolution that halves the resolution, and what follows.
#[derive(Module, Debug)]
struct Halve {
    conv: Conv,
    norm: LayerNorm,
}

/// A mask brought to the resolution and the channels of an image's features.
#[derive(Module, Debug)]
struct MaskDownsampler {
    halves: Vec<Halve>,
    last: Conv,
}

impl MaskDownsampler {
    fn new(n: usize, initial: &mut Initial) -> Self {
        let halve = |i: usize, initial: &mut Initial| Halve {
            conv: Conv::new(1 << (2 * i), 4 << (2 * i), 3, initial),
            norm: LayerNorm::with_epsilon(4 << (2 * i), EPSILON, initial),
        };
        let halves = (0..HALVINGS).map(|i| halve(i, initial)).collect();
        Self { halves, last: Conv::new(1 << (2 * HALVINGS), n, 1, initial) }
    }

    /// `[n, y, x, 1]` to `[n, y / 16, x / 16, c]`.
    fn forward(&self, mask: Tensor<4>) -> Tensor<4> {
        let halve = |x, halve: &Halve| op::gelu(halve.norm.forward(halve.conv.strided(x, 2)));
        self.last.patches(self.halves.iter().fold(mask, halve))
    }
}

/// A block of ConvNeXt.
#[derive(Module, Debug)]
struct ConvNext {
    dwconv: Conv,
    norm: LayerNorm,
    pwconv1: Linear,
    pwconv2: Linear,
    /// `[c]`, how much of it is added.
    gamma: Param<Tensor<1>>,
}

impl ConvNext {
    fn new(n: usize, initial: &mut Initial) -> Self {
        Self {
            dwconv: Conv::by_channel(n, 7, initial),
            norm: LayerNorm::with_epsilon(n, EPSILON, initial),
            pwconv1: Linear::new(n, 4 * n, initial),
            pwconv2: Linear::new(4 * n, n, initial),
            gamma: initial.constant([n], 1e-6),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = self.norm.forward(self.dwconv.each_channel(x.clone()));
        let inner = self.pwconv2.forward(self.pwconv1.forward_then(inner, After::Gelu));
        x + inner * self.gamma.val().unsqueeze()
    }
}

/// The blocks that join mask and image.
#[derive(Module, Debug)]
struct Fuser {
    layers: Vec<ConvNext>,
}

/// The encoder.
#[derive(Module, Debug)]
pub(crate) struct MemoryEncoder {
    mask_downsampler: MaskDownsampler,
    pix_feat_proj: Conv,
    fuser: Fuser,
    out_proj: Conv,
}

impl MemoryEncoder {
    /// From features of `n` channels to memories of `n_memory`.
    pub(crate) fn new(n: usize, n_memory: usize, initial: &mut Initial) -> Self {
        Self {
            mask_downsampler: MaskDownsampler::new(n, initial),
            pix_feat_proj: Conv::new(n, n, 1, initial),
            fuser: Fuser { layers: (0..2).map(|_| ConvNext::new(n, initial)).collect() },
            out_proj: Conv::new(n, n_memory, 1, initial),
        }
    }

    /// Features `[n, y, x, c]` of images and masks `[n, 16 y, 16 x, 1]` to memories `[n, y, x, m]`.
    pub(crate) fn forward(&self, features: Tensor<4>, masks: Tensor<4>) -> Tensor<4> {
        let x = self.pix_feat_proj.patches(features) + self.mask_downsampler.forward(masks);
        self.out_proj.patches(self.fuser.layers.iter().fold(x, |x, layer| layer.forward(x)))
    }
}

/// The name, in a checkpoint, of an array of the mask's encoder, which is one list of convolutions, normalisations and
/// functions there.
pub(crate) fn checkpoint_name(path: &str) -> Option<String> {
    let rest = path.strip_prefix("memory_encoder.mask_downsampler.")?;
    let place = match rest.split('.').collect::<Vec<_>>()[..] {
        ["halves", i, layer, _] => 3 * i.parse::<usize>().ok()? + usize::from(layer == "norm"),
        _ => 3 * HALVINGS,
    };
    let (_, array) = rest.rsplit_once('.')?;
    Some(format!("memory_encoder.mask_downsampler.encoder.{place}.{array}"))
}
