//! Attention U-Net (Oktay et al. 2018, "Attention U-Net: Learning Where to Look for the Pancreas"), in the form of MONAI
//! 1.6's `AttentionUnet`, whose checkpoints load: strided convolutions go down, gates weigh what crosses from encoder to
//! decoder. One of the comparisons of the paper (Digital Discovery 2025, 4, 105), which used 16 to 256 channels and strides
//! of 2.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::{Conv3d, Initial, Norm, Upsample, normalise_instances, parametric_rectifier};
use crate::op;
use crate::train::Voxelwise;

/// The shape of an Attention U-Net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionUNetConfig {
    /// Channels of the input.
    pub n_in: usize,
    /// Channels of the output.
    pub n_out: usize,
    /// Channels of each level, the finest first; at least 2 levels.
    pub channels: Vec<usize>,
}

impl Default for AttentionUNetConfig {
    /// The channels of the paper.
    fn default() -> Self {
        Self { n_in: 1, n_out: 1, channels: vec![16, 32, 64, 128, 256] }
    }
}

impl AttentionUNetConfig {
    fn check(&self) -> Result<()> {
        let fits = |n: &usize| (1..=1024).contains(n);
        if !(2..=6).contains(&self.channels.len()) || !self.channels.iter().all(fits) {
            let expected = "2 to 6 levels of 1 to 1024 channels".into();
            return Err(Error::Parameter { name: "channels", expected, found: format!("{:?}", self.channels) });
        }
        if !(1..=64).contains(&self.n_in) || !(1..=64).contains(&self.n_out) {
            let found = format!("{} and {}", self.n_in, self.n_out);
            return Err(Error::Parameter { name: "channels of input and output", expected: "1 to 64".into(), found });
        }
        Ok(())
    }

    /// The length of whose multiples every axis of an input must be.
    #[must_use]
    pub fn multiple(&self) -> usize {
        1 << (self.channels.len() - 1)
    }
}

/// A convolution, normalised and rectified.
#[derive(Module, Debug)]
struct ConvNorm {
    conv: Conv3d,
    norm: Norm,
}

impl ConvNorm {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { conv: Conv3d::new(n_in, n_out, [3; 3], initial), norm: Norm::new(n_out, initial) }
    }

    fn forward(&self, x: Tensor<5>, stride: usize) -> Tensor<5> {
        self.norm.forward(op::every(self.conv.forward(x), stride), 0.0)
    }
}

/// Two convolutions, the first of which may halve the resolution.
#[derive(Module, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
}

impl Block {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { first: ConvNorm::new(n_in, n_out, initial), second: ConvNorm::new(n_out, n_out, initial) }
    }

    fn forward(&self, x: Tensor<5>, stride: usize) -> Tensor<5> {
        self.second.forward(self.first.forward(x, stride), 1)
    }
}

/// How much of each voxel of the encoder passes, given what the decoder knows (eq. 1 and 2).
#[derive(Module, Debug)]
struct Gate {
    of_gate: Conv3d,
    of_gate_norm: Norm,
    of_skip: Conv3d,
    of_skip_norm: Norm,
    psi: Conv3d,
    psi_norm: Norm,
}

impl Gate {
    fn new(n: usize, initial: &mut Initial) -> Self {
        let n_inner = (n / 2).max(1);
        Self {
            of_gate: Conv3d::new(n, n_inner, [1; 3], initial),
            of_gate_norm: Norm::new(n_inner, initial),
            of_skip: Conv3d::new(n, n_inner, [1; 3], initial),
            of_skip_norm: Norm::new(n_inner, initial),
            psi: Conv3d::new(n_inner, 1, [1; 3], initial),
            psi_norm: Norm::new(1, initial),
        }
    }

    fn forward(&self, gate: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        let gate = self.of_gate_norm.forward(self.of_gate.forward(gate), 1.0);
        let own = self.of_skip_norm.forward(self.of_skip.forward(skip.clone()), 1.0);
        let psi = self.psi_norm.forward(self.psi.forward(activation::relu(gate + own)), 1.0);
        skip * activation::sigmoid(psi)
    }
}

/// The way down to one level and up from it again.
#[derive(Module, Debug)]
struct Level {
    down: Block,
    up: Upsample,
    up_norm: Norm,
    gate: Gate,
    merge: Conv3d,
    merge_slope: Param<Tensor<1>>,
}

/// The network. Its output is a probability a voxel and class, `[n, n_out, t, y, x]`.
#[derive(Module, Debug)]
pub struct AttentionUNet {
    head: Block,
    levels: Vec<Level>,
    last: Conv3d,
}

impl AttentionUNet {
    /// A network with initial values drawn from `seed`.
    ///
    /// # Errors
    /// If a number of `config` is outside its range.
    pub fn new(config: &AttentionUNetConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let initial = &mut Initial::new(seed, device);
        let head = Block::new(config.n_in, config.channels[0], initial);
        let levels = config
            .channels
            .windows(2)
            .map(|pair| Level {
                down: Block::new(pair[0], pair[1], initial),
                up: Upsample::new(pair[1], pair[0], [2; 3], initial),
                up_norm: Norm::new(pair[0], initial),
                gate: Gate::new(pair[0], initial),
                merge: Conv3d::new(2 * pair[0], pair[0], [3; 3], initial),
                merge_slope: initial.constant([1], 0.25),
            })
            .collect();
        let last = Conv3d::head(config.channels[0], config.n_out, initial);
        Ok(Self { head, levels, last })
    }
}

impl Voxelwise for AttentionUNet {
    fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = self.head.forward(x, 1);
        let mut skips = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let below = level.down.forward(x.clone(), 2);
            skips.push(x);
            x = below;
        }
        for (level, skip) in self.levels.iter().zip(skips).rev() {
            let up = level.up_norm.forward(level.up.forward(x), 0.0);
            let passed = level.gate.forward(up.clone(), skip);
            let merged = level.merge.forward(Tensor::cat(vec![passed, up], 1));
            x = parametric_rectifier(normalise_instances(merged, 1.0), level.merge_slope.val());
        }
        self.last.forward(x)
    }

    fn multiple(&self) -> [usize; 3] {
        [1 << self.levels.len(); 3]
    }

    /// The library nests each level in the one above.
    fn checkpoint_name(&self, path: &str) -> String {
        let block = |rest: &str| {
            let rest = rest.replacen("first.", "conv.0.", 1).replacen("second.", "conv.1.", 1);
            rest.replacen(".norm.", ".adn.N.", 1)
        };
        if let Some(rest) = path.strip_prefix("head.") {
            return format!("model.0.{}", block(rest));
        }
        let Some(rest) = path.strip_prefix("levels.") else {
            return path.replacen("last.", "model.2.conv.", 1);
        };
        let (number, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let number: usize = number.parse().unwrap_or(0);
        let prefix = format!("model.1{}", ".submodule.1".repeat(number));
        if let Some(rest) = rest.strip_prefix("down.") {
            let within = if number + 1 == self.levels.len() { "submodule" } else { "submodule.0" };
            return format!("{prefix}.{within}.{}", block(rest));
        }
        let names = [
            ("up.", "upconv.up.conv."),
            ("up_norm.", "upconv.up.adn.N."),
            ("gate.of_gate.", "attention.W_g.0.conv."),
            ("gate.of_gate_norm.", "attention.W_g.1."),
            ("gate.of_skip.", "attention.W_x.0.conv."),
            ("gate.of_skip_norm.", "attention.W_x.1."),
            ("gate.psi.", "attention.psi.0.conv."),
            ("gate.psi_norm.", "attention.psi.1."),
            ("merge.", "merge.conv."),
            ("merge_slope", "merge.adn.A.weight"),
        ];
        let named = names.iter().find_map(|(ours, theirs)| Some(format!("{theirs}{}", rest.strip_prefix(ours)?)));
        format!("{prefix}.{}", named.unwrap_or_else(|| rest.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn it_equals_the_library() {
        let config = AttentionUNetConfig { channels: vec![4, 8, 16], ..Default::default() };
        let network = |device: &Device| AttentionUNet::new(&config, 0, device).expect("valid");
        Golden::read("attention_unet").check(network, 2e-3);
        let published =
            AttentionUNet::new(&AttentionUNetConfig::default(), 0, &Device::flex()).expect("valid").weights();
        assert_eq!(Golden::n_learned(&published), Golden::read("n_parameters").number("attention_unet") as usize);
    }
}
