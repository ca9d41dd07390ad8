//! Hiera (Ryali et al., ICML 2023, arXiv 2306.00989), in the form of SAM 2: a vision transformer in four stages, each of
//! half the resolution and twice the channels of the one before, that attends within windows and in three of its blocks to
//! the whole image.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, ops::PadMode};

use super::config::Trunk;
use super::conv::Conv;
use super::perceptron::Perceptron;
use super::resample::{Kernel, resample};
use crate::layers::{Initial, LayerNorm, Linear};
use crate::op;

/// Added to variances.
const EPSILON: f32 = 1e-6;

/// Self-attention within windows, whose queries may be pooled.
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    /// Windows `[n, y, x, c]` to `[n, y, x, out]`, or half of y and x if `pooled`.
    fn forward(&self, x: Tensor<4>, pooled: bool) -> Tensor<4> {
        let [n, h, w, _] = x.dims();
        let qkv = self.qkv.forward(x);
        let [.., triple] = qkv.dims();
        let (width, each) = (triple / 3, triple / 3 / self.heads);
        let part = |i: usize| qkv.clone().narrow(3, i * width, width);
        let heads = |x: Tensor<4>| -> Tensor<4> {
            let [n, h, w, _] = x.dims();
            x.reshape([n, h * w, self.heads, each])
        };
        let q = if pooled { pool(part(0)) } else { part(0) };
        let [_, qh, qw, _] = q.dims();
        let mixed = op::attention(heads(q), heads(part(1)), heads(part(2)));
        debug_assert!(qh * qw <= h * w);
        self.proj.forward(mixed.reshape([n, qh, qw, width]))
    }
}

/// The largest of 2 x 2 tokens, channel by channel: `[n, y, x, c]` to `[n, y / 2, x / 2, c]`.
fn pool(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let rows: Tensor<5> = x.reshape([n * h / 2, 2, w / 2, 2, c]);
    let of = |i: usize, j: usize| rows.clone().narrow(1, i, 1).narrow(3, j, 1);
    let largest = of(0, 0).max_pair(of(0, 1)).max_pair(of(1, 0).max_pair(of(1, 1)));
    largest.reshape([n, h / 2, w / 2, c])
}

/// An image as windows `[windows, edge, edge, c]`, filled up with zeros to whole ones.
fn windows(x: Tensor<4>, edge: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let (below, right) = (h.next_multiple_of(edge) - h, w.next_multiple_of(edge) - w);
    let x = if below + right > 0 { x.pad([(0, 0), (0, below), (0, right), (0, 0)], PadMode::Constant(0.0)) } else { x };
    let (rows, columns) = ((h + below) / edge, (w + right) / edge);
    let parts: Tensor<6> = x.reshape([n, rows, edge, columns, edge, c]);
    parts.permute([0, 1, 3, 2, 4, 5]).reshape([n * rows * columns, edge, edge, c])
}

/// The image `[n, y, x]` of which these are the windows.
fn join(x: Tensor<4>, [n, h, w]: [usize; 3]) -> Tensor<4> {
    let [_, edge, _, c] = x.dims();
    let (rows, columns) = (h.div_ceil(edge), w.div_ceil(edge));
    let parts: Tensor<6> = x.reshape([n, rows, columns, edge, edge, c]);
    let whole: Tensor<4> = parts.permute([0, 1, 3, 2, 4, 5]).reshape([n, rows * edge, columns * edge, c]);
    whole.slice([0..n, 0..h, 0..w, 0..c])
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
            Some(proj) => pool(proj.forward(normed.clone())),
            None => x,
        };
        let [n, h, w, _] = past.dims();
        let inner = match self.window {
            Some(edge) => join(self.attn.forward(windows(normed, edge), pooled), [n, h, w]),
            None => self.attn.forward(normed, pooled),
        };
        let x = past + inner;
        x.clone() + self.mlp.forward(self.norm2.forward(x), op::gelu)
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
    /// The last block of each stage.
    ends: Vec<usize>,
}

impl Hiera {
    pub(crate) fn new(shape: &Trunk, initial: &mut Initial) -> Self {
        let edge = shape.windows[0];
        let mut blocks = Vec::new();
        let mut ends = Vec::new();
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
            ends.push(blocks.len() - 1);
        }
        Self {
            patch_embed: PatchEmbed { proj: Conv::new(3, shape.width, 7, initial) },
            pos_embed: initial.uniform([1, shape.width, shape.positions, shape.positions], 2500),
            pos_embed_window: initial.uniform([1, shape.width, edge, edge], 2500),
            blocks,
            ends,
        }
    }

    /// What to add to the tokens of the first stage, `[1, side, side, c]`.
    fn positions(&self, side: usize) -> Tensor<4> {
        let whole = resample(self.pos_embed.val(), Kernel::Bicubic, [side; 2]);
        let window = self.pos_embed_window.val();
        let times = side / window.dims()[2];
        (whole + window.repeat(&[1, 1, times, times])).permute([0, 2, 3, 1])
    }

    /// Images `[n, 3, y, x]` (square, a multiple of 32) to the features of the four stages, at strides 4, 8, 16 and 32:
    /// `[n, y / stride, x / stride, c]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Vec<Tensor<4>> {
        let x = self.patch_embed.proj.strided(image.permute([0, 2, 3, 1]), 4);
        let side = x.dims()[1];
        let mut x = x + self.positions(side);
        let mut features = Vec::with_capacity(self.ends.len());
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if self.ends.contains(&i) {
                features.push(x.clone());
            }
        }
        features
    }
}
