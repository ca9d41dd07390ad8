//! UNETR (Hatamizadeh et al., WACV 2022, "UNETR: Transformers for 3D Medical Image Segmentation"), in the form of MONAI 1.6's
//! `UNETR`, whose checkpoints load: a vision transformer over patches of 16 voxels is the encoder, and what its layers know
//! is brought up to the resolution of the movie step by step. One of the comparisons of the paper (Digital Discovery 2025,
//! 4, 105). Positions are learned, so the network sees windows of one size only.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::{Conv3d, Initial, LayerNorm, Linear, normalise_instances};
use crate::op;
use crate::train::Voxelwise;

/// Voxels along each edge of a patch.
pub(crate) const PATCH: usize = 16;
/// Layers of the transformer.
pub(crate) const DEPTH: usize = 12;
/// The layers, counted from 0, after which the decoder looks.
pub(crate) const TAPS: [usize; 3] = [3, 6, 9];
/// The slope of its rectifiers.
pub(crate) const SLOPE: f32 = 0.01;

/// The shape of a UNETR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnetrConfig {
    /// Channels of the input.
    pub n_in: usize,
    /// Channels of the output.
    pub n_out: usize,
    /// Voxels `[t, y, x]` of the window that it sees, multiples of 16.
    pub window: [usize; 3],
    /// Channels at the finest level.
    pub width: usize,
    /// Length of a token.
    pub hidden: usize,
    /// Length between the two layers of a perceptron.
    pub perceptron: usize,
    /// Heads of attention; divide the length of a token.
    pub heads: usize,
}

impl Default for UnetrConfig {
    /// The library's defaults, on the crops of the paper.
    fn default() -> Self {
        Self { n_in: 1, n_out: 1, window: [32; 3], width: 16, hidden: 768, perceptron: 3072, heads: 12 }
    }
}

impl UnetrConfig {
    fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.to_owned(), found });
        if self.window.iter().any(|n| !n.is_multiple_of(PATCH) || !(PATCH..=256).contains(n)) {
            return fail("window", "multiples of 16, up to 256", format!("{:?}", self.window));
        }
        let small = |n: usize, most: usize| (1..=most).contains(&n);
        if !small(self.n_in, 64) || !small(self.n_out, 64) || !small(self.width, 64) {
            return fail("channels", "1 to 64", format!("{}, {}, {}", self.n_in, self.n_out, self.width));
        }
        if !small(self.hidden, 2048) || !small(self.perceptron, 8192) {
            return fail("token", "up to 2048 and 8192", format!("{} and {}", self.hidden, self.perceptron));
        }
        if self.heads == 0 || !self.hidden.is_multiple_of(self.heads) {
            return fail("heads", "a divisor of the length of a token", self.heads.to_string());
        }
        Ok(())
    }

    /// Patches along `[t, y, x]`.
    fn patches(&self) -> [usize; 3] {
        self.window.map(|n| n / PATCH)
    }
}

/// Self-attention over tokens `[n, tokens, hidden]` (Vaswani et al. 2017).
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    out_proj: Linear,
    heads: usize,
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, tokens, hidden] = x.dims();
        let each = hidden / self.heads;
        let qkv: Tensor<5> = self.qkv.forward(x).reshape([n, tokens, 3, self.heads, each]);
        let part = |i: usize| -> Tensor<4> {
            let part = qkv.clone().slice([0..n, 0..tokens, i..i + 1, 0..self.heads, 0..each]);
            part.reshape([n, tokens, self.heads, each]).swap_dims(1, 2)
        };
        let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (each as f32).sqrt();
        let mixed = activation::softmax(scores, 3).matmul(part(2));
        self.out_proj.forward(mixed.swap_dims(1, 2).reshape([n, tokens, hidden]))
    }
}

/// A layer of the transformer.
#[derive(Module, Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    /// Never used: checkpoints of the library hold it for networks that look at a second sequence.
    norm_cross_attn: LayerNorm,
}

impl TransformerBlock {
    fn new(config: &UnetrConfig, initial: &mut Initial) -> Self {
        let n = config.hidden;
        Self {
            norm1: LayerNorm::new(n, initial),
            attn: Attention {
                qkv: Linear::without_bias(n, 3 * n, initial),
                out_proj: Linear::new(n, n, initial),
                heads: config.heads,
            },
            norm2: LayerNorm::new(n, initial),
            linear1: Linear::new(n, config.perceptron, initial),
            linear2: Linear::new(config.perceptron, n, initial),
            norm_cross_attn: LayerNorm::new(n, initial),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.norm1.forward(x));
        let inner = op::gelu(self.linear1.forward(self.norm2.forward(x.clone())));
        x + self.linear2.forward(inner)
    }
}

/// A convolution without bias, `[out, in, k, k, k]`.
#[derive(Module, Debug)]
struct Conv {
    weight: Param<Tensor<5>>,
}

impl Conv {
    fn new(n_in: usize, n_out: usize, kernel: usize, initial: &mut Initial) -> Self {
        Self { weight: initial.uniform([n_out, n_in, kernel, kernel, kernel], n_in * kernel.pow(3)) }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let weight = self.weight.val();
        let none = Tensor::zeros([weight.dims()[0]], &x.device());
        op::conv3d(x, weight, none)
    }
}

/// A transposed convolution of kernel and stride 2 without bias, `[in, out, 2, 2, 2]`.
#[derive(Module, Debug)]
struct Double {
    weight: Param<Tensor<5>>,
}

impl Double {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { weight: initial.uniform([n_in, n_out, 2, 2, 2], n_out * 8) }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let weight = self.weight.val();
        let none = Tensor::zeros([weight.dims()[1]], &x.device());
        op::upsample(x, weight, none, [2; 3])
    }
}

/// Two convolutions and a way past them (He et al. 2016).
#[derive(Module, Debug)]
struct Residual {
    conv1: Conv,
    conv2: Conv,
    conv3: Option<Conv>,
}

impl Residual {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self {
            conv1: Conv::new(n_in, n_out, 3, initial),
            conv2: Conv::new(n_out, n_out, 3, initial),
            conv3: (n_in != n_out).then(|| Conv::new(n_in, n_out, 1, initial)),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let inner = normalise_instances(self.conv1.forward(x.clone()), SLOPE);
        let inner = normalise_instances(self.conv2.forward(inner), 1.0);
        let past = match &self.conv3 {
            Some(conv) => normalise_instances(conv.forward(x), 1.0),
            None => x,
        };
        op::rectify(inner + past, SLOPE)
    }
}

/// Tokens brought to the resolution of a level of the decoder.
#[derive(Module, Debug)]
struct Raise {
    first: Double,
    doubles: Vec<Double>,
    residuals: Vec<Residual>,
}

impl Raise {
    fn new(n_in: usize, n_out: usize, n_more: usize, initial: &mut Initial) -> Self {
        let first = Double::new(n_in, n_out, initial);
        let (mut doubles, mut residuals) = (Vec::new(), Vec::new());
        for _ in 0..n_more {
            doubles.push(Double::new(n_out, n_out, initial));
            residuals.push(Residual::new(n_out, n_out, initial));
        }
        Self { first, doubles, residuals }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let blocks = self.doubles.iter().zip(&self.residuals);
        blocks.fold(self.first.forward(x), |x, (double, residual)| residual.forward(double.forward(x)))
    }
}

/// A level of the decoder.
#[derive(Module, Debug)]
struct Up {
    double: Double,
    residual: Residual,
}

impl Up {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { double: Double::new(n_in, n_out, initial), residual: Residual::new(2 * n_out, n_out, initial) }
    }

    fn forward(&self, x: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        self.residual.forward(Tensor::cat(vec![self.double.forward(x), skip], 1))
    }
}

/// The network. Its output is a probability a voxel and class, `[n, n_out, t, y, x]`.
#[derive(Module, Debug)]
pub struct Unetr {
    position: Param<Tensor<3>>,
    /// `[hidden, in, 16, 16, 16]`.
    patch: Param<Tensor<5>>,
    patch_bias: Param<Tensor<1>>,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    encoder1: Residual,
    encoder2: Raise,
    encoder3: Raise,
    encoder4: Raise,
    decoder5: Up,
    decoder4: Up,
    decoder3: Up,
    decoder2: Up,
    out: Conv3d,
    patches: [usize; 3],
}

impl Unetr {
    /// A network with initial values drawn from `seed`.
    ///
    /// # Errors
    /// If a number of `config` is outside its range.
    pub fn new(config: &UnetrConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let initial = &mut Initial::new(seed, device);
        let (hidden, width) = (config.hidden, config.width);
        let n_patches = config.patches().iter().product();
        let fan_in = config.n_in * PATCH.pow(3);
        Ok(Self {
            position: initial.uniform([1, n_patches, hidden], 2500),
            patch: initial.uniform([hidden, config.n_in, PATCH, PATCH, PATCH], fan_in),
            patch_bias: initial.uniform([hidden], fan_in),
            blocks: (0..DEPTH).map(|_| TransformerBlock::new(config, initial)).collect(),
            norm: LayerNorm::new(hidden, initial),
            encoder1: Residual::new(config.n_in, width, initial),
            encoder2: Raise::new(hidden, 2 * width, 2, initial),
            encoder3: Raise::new(hidden, 4 * width, 1, initial),
            encoder4: Raise::new(hidden, 8 * width, 0, initial),
            decoder5: Up::new(hidden, 8 * width, initial),
            decoder4: Up::new(8 * width, 4 * width, initial),
            decoder3: Up::new(4 * width, 2 * width, initial),
            decoder2: Up::new(2 * width, width, initial),
            out: Conv3d::head(width, config.n_out, initial),
            patches: config.patches(),
        })
    }

    /// `[n, in, t, y, x]` to tokens `[n, patches, hidden]`: a convolution whose stride is its kernel is a product of
    /// matrices.
    fn tokens(&self, x: Tensor<5>) -> Tensor<3> {
        let [n, n_in, ..] = x.dims();
        let [pt, py, px] = self.patches;
        let weight = self.patch.val();
        let [hidden, ..] = weight.dims();
        let each = n_in * PATCH.pow(3);
        let parts: Tensor<8> = x.reshape([n, n_in, pt, PATCH, py, PATCH, px, PATCH]);
        let parts = parts.permute([0, 2, 4, 6, 1, 3, 5, 7]).reshape([n, pt * py * px, each]);
        let kernel: Tensor<3> = weight.reshape([1, hidden, each]);
        parts.matmul(kernel.swap_dims(1, 2)) + self.patch_bias.val().reshape([1, 1, hidden]) + self.position.val()
    }

    /// Tokens as a volume, `[n, hidden, t / 16, y / 16, x / 16]`.
    fn volume(&self, x: Tensor<3>) -> Tensor<5> {
        let [n, _, hidden] = x.dims();
        let [pt, py, px] = self.patches;
        x.swap_dims(1, 2).reshape([n, hidden, pt, py, px])
    }
}

impl Voxelwise for Unetr {
    fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        let mut token = self.tokens(x.clone());
        let mut tapped = Vec::with_capacity(TAPS.len());
        for (i, block) in self.blocks.iter().enumerate() {
            token = block.forward(token);
            if TAPS.contains(&i) {
                tapped.push(self.volume(token.clone()));
            }
        }
        let deepest = self.volume(self.norm.forward(token));
        let mut tapped = tapped.into_iter().rev();
        let mut next = || tapped.next().expect("as many as there are taps");
        let x4 = self.decoder5.forward(deepest, self.encoder4.forward(next()));
        let x3 = self.decoder4.forward(x4, self.encoder3.forward(next()));
        let x2 = self.decoder3.forward(x3, self.encoder2.forward(next()));
        self.out.forward(self.decoder2.forward(x2, self.encoder1.forward(x)))
    }

    fn multiple(&self) -> [usize; 3] {
        self.patches.map(|n| n * PATCH)
    }

    fn checkpoint_name(&self, path: &str) -> String {
        let vit = [
            ("position", "vit.patch_embedding.position_embeddings"),
            ("patch_bias", "vit.patch_embedding.patch_embeddings.bias"),
            ("patch", "vit.patch_embedding.patch_embeddings.weight"),
        ];
        if let Some((_, theirs)) = vit.iter().find(|(ours, _)| path == *ours) {
            return (*theirs).to_owned();
        }
        if path.starts_with("blocks.") || path.starts_with("norm.") {
            return format!("vit.{path}").replacen(".linear", ".mlp.linear", 1);
        }
        let path = path.replacen("out.", "out.conv.conv.", 1);
        if path.starts_with("decoder") {
            let path = path.replacen(".double.", ".transp_conv.conv.", 1).replacen(".residual.", ".conv_block.", 1);
            return convolutions(&path);
        }
        let path = path.replacen("encoder1.", "encoder1.layer.", 1).replacen(".first.", ".transp_conv_init.conv.", 1);
        let blocks = |path: &str, field: &str, within: &str| {
            let (head, rest) = path.split_once(field)?;
            let (number, rest) = rest.split_once('.')?;
            Some(format!("{head}.blocks.{number}.{within}.{rest}"))
        };
        let path = blocks(&path, ".doubles.", "0.conv").or_else(|| blocks(&path, ".residuals.", "1")).unwrap_or(path);
        convolutions(&path)
    }
}

/// The library wraps each convolution of a residual block.
fn convolutions(path: &str) -> String {
    let wrapped = ["conv1", "conv2", "conv3"].iter().find(|name| path.ends_with(&format!(".{name}.weight")));
    wrapped.map_or_else(|| path.to_owned(), |name| path.replacen(&format!(".{name}."), &format!(".{name}.conv."), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn it_equals_the_library() {
        let config =
            UnetrConfig { window: [32, 16, 48], width: 4, hidden: 48, perceptron: 96, heads: 4, ..Default::default() };
        let network = |device: &Device| Unetr::new(&config, 0, device).expect("valid");
        Golden::read("unetr").check(network, 2e-3);
        let published = Unetr::new(&UnetrConfig::default(), 0, &Device::flex()).expect("valid").weights();
        assert_eq!(Golden::n_learned(&published), Golden::read("n_parameters").number("unetr") as usize);
    }
}
