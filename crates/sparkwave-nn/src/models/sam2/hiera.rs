//! Hiera (Ryali et al., ICML 2023, arXiv 2306.00989), in the form of SAM 2: a vision transformer in four stages, each of
//! half the resolution and twice the channels of the one before, that attends within windows and in three of its blocks to
//! the whole image.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::config::Trunk;
use super::conv::Conv;
use super::perceptron::Perceptron;
use super::resample::{Kernel, resample};
use crate::layers::{Initial, LayerNorm, Linear};
use crate::op::{self, After};

/// Added to variances.
const EPSILON: f32 = 1e-6;

/// Self-attention within windows, whose queries may be pooled, or within the whole image.
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    /// An image `[n, y, x, c]` to `[n, y, x, out]`, or half of y and x if `pooled`, added to `past`.
    fn forward_onto(&self, past: Tensor<4>, x: Tensor<4>, window: Option<usize>, pooled: bool) -> Tensor<4> {
        let qkv = self.qkv.forward(x);
        let mixed = match window {
            // Pixels beyond the image are zeros, of which the projection makes its bias.
            Some(edge) => {
                let bias = self.qkv.bias.as_ref().expect("it was made with a bias").val();
                op::window_attention(qkv, bias, self.heads, edge, pooled)
            }
            None => self.whole(qkv, pooled),
        };
        self.proj.forward_onto(mixed, After::Nothing, Some(past))
    }

    fn whole(&self, qkv: Tensor<4>, pooled: bool) -> Tensor<4> {
        let [n, .., triple] = qkv.dims();
        let width = triple / 3;
        let part = |i: usize| qkv.clone().narrow(3, i * width, width);
        let heads = |x: Tensor<4>| -> Tensor<4> {
            let [n, h, w, _] = x.dims();
            x.reshape([n, h * w, self.heads, width / self.heads])
        };
        let q = if pooled { op::pool(part(0)) } else { part(0) };
        let [_, h, w, _] = q.dims();
        op::attention(heads(q), heads(part(1)), heads(part(2))).reshape([n, h, w, width])
    }
}

/// A layer of the transformer.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Perceptron,
    /// Where the channels double, and with them the resolution halves.
    proj: Option<Linear>,
    /// Tokens along each edge of a window; none: the whole image.
    window: Option<usize>,
}

impl Block {
    fn new(n_in: usize, n_out: usize, heads: usize, window: Option<usize>, initial: &mut Initial) -> Self {
        Self {
            norm1: LayerNorm::with_epsilon(n_in, EPSILON, initial),
            attn: Attention {
                qkv: Linear::new(n_in, 3 * n_out, initial),
                proj: Linear::new(n_out, n_out, initial),
                heads,
            },
            norm2: LayerNorm::with_epsilon(n_out, EPSILON, initial),
            mlp: Perceptron::new(&[n_out, 4 * n_out, n_out], initial),
            proj: (n_in != n_out).then(|| Linear::new(n_in, n_out, initial)),
            window,
        }
    }

    /// `[n, y, x, in]` to the same, or half of y and x and twice the channels.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let normed = self.norm1.forward(x.clone());
        let pooled = self.proj.is_some();
        let past = match &self.proj {
            Some(proj) => op::pool(proj.forward(normed.clone())),
            None => x,
        };
        let x = self.attn.forward_onto(past, normed, self.window, pooled);
        self.mlp.forward_onto(self.norm2.forward(x.clone()), After::Gelu, Some(x))
    }
}

/// The convolution that makes tokens of an image.
#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Conv,
}

/// The image encoder.
#[derive(Module, Debug)]
pub(crate) struct Hiera {
    patch_embed: PatchEmbed,
    /// What was learned of places, `[1, c, positions, positions]`, for images of any size.
    pos_embed: Param<Tensor<4>>,
    /// What was learned of places within a window of the first stage, `[1, c, edge, edge]`.
    pos_embed_window: Param<Tensor<4>>,
    blocks: Vec<Block>,
    /// Blocks of each stage.
    stages: [usize; 4],
    /// What is added to the tokens of the first stage, `[1, side, side, c]`, made of the two above.
    places: Tensor<4>,
}

impl Hiera {
    /// For images of `side` tokens of the first stage along each edge.
    pub(crate) fn new(shape: &Trunk, side: usize, initial: &mut Initial) -> Self {
        let edge = shape.windows[0];
        let mut blocks = Vec::new();
        for (stage, n_blocks) in shape.stages.into_iter().enumerate() {
            for i in 0..n_blocks {
                let first = stage > 0 && i == 0;
                let width = shape.width << stage;
                // The block that halves the resolution still has the windows of the stage before.
                let window = shape.windows[if first { stage - 1 } else { stage }];
                let window = (!shape.global.contains(&blocks.len())).then_some(window);
                let n_in = if first { width / 2 } else { width };
                blocks.push(Block::new(n_in, width, shape.heads << stage, window, initial));
            }
        }
        let patch_embed = PatchEmbed { proj: Conv::new(3, shape.width, 7, initial) };
        let pos_embed = initial.uniform([1, shape.width, shape.positions, shape.positions], 2500);
        let pos_embed_window = initial.uniform([1, shape.width, edge, edge], 2500);
        let places = places(pos_embed.val(), pos_embed_window.val(), side);
        Self { patch_embed, pos_embed, pos_embed_window, blocks, stages: shape.stages, places }
    }

    /// The same after its arrays have changed.
    pub(crate) fn refreshed(self) -> Self {
        let side = self.places.dims()[1];
        Self { places: places(self.pos_embed.val(), self.pos_embed_window.val(), side), ..self }
    }

    /// Images `[n, 3, y, x]` (square, a multiple of 32) to the features of the four stages, at strides 4, 8, 16 and 32:
    /// `[n, y / stride, x / stride, c]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> [Tensor<4>; 4] {
        let x = self.patch_embed.proj.strided(image.permute([0, 2, 3, 1]), 4);
        let mut x = x + self.places.clone();
        let mut blocks = self.blocks.iter();
        self.stages.map(|n| {
            x = blocks.by_ref().take(n).fold(x.clone(), |x, block| block.forward(x));
            x.clone()
        })
    }
}

/// What was learned of places, `[1, c, positions, positions]` and `[1, c, edge, edge]`, for `[1, side, side, c]`.
fn places(whole: Tensor<4>, window: Tensor<4>, side: usize) -> Tensor<4> {
    let times = side / window.dims()[2];
    let whole = resample(whole, Kernel::Bicubic, [side; 2]) + window.repeat(&[1, 1, times, times]);
    // In the order in which it is used.
    let [_, c, ..] = whole.dims();
    whole.permute([0, 2, 3, 1]).detach().reshape([side * side * c]).reshape([1, side, side, c])
}
