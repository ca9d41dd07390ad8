//! U-Net (O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
//! 2015) in its usual form today: padded, batch-normalised, two convolutions a level. For frames one by one, such as the
//! masks of waves. Arrays are named as in the most used PyTorch implementation of it.
//!
//! Frames are volumes of depth 1, so that kernels, training and tiles are those of the other networks.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::{Conv3d, Initial, Norm};
use crate::op;
use crate::train::Voxelwise;

/// The shape of a U-Net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNet2dConfig {
    /// Channels of the input.
    pub n_in: usize,
    /// Channels of the output.
    pub n_out: usize,
    /// Channels of the first level; each further level has twice as many.
    pub width: usize,
    /// Poolings by 2.
    pub depth: usize,
}

impl UNet2dConfig {
    /// The network of the paper, for one channel: 64 to 1024 channels.
    #[must_use]
    pub fn published() -> Self {
        Self { n_in: 1, n_out: 1, width: 64, depth: 4 }
    }

    /// Our network: an eighth as wide.
    #[must_use]
    pub fn frames() -> Self {
        Self { width: 8, ..Self::published() }
    }

    /// The lengths of whose multiples every axis `[t, y, x]` of an input must be.
    #[must_use]
    pub fn multiple(&self) -> [usize; 3] {
        [1, 1 << self.depth, 1 << self.depth]
    }

    fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.to_owned(), found });
        if !(1..=64).contains(&self.n_in) || !(1..=64).contains(&self.n_out) {
            return fail("channels of input and output", "1 to 64", format!("{} and {}", self.n_in, self.n_out));
        }
        if !(1..=6).contains(&self.depth) {
            return fail("depth", "1 to 6", self.depth.to_string());
        }
        if self.width == 0 || self.width > MAX_CHANNELS >> self.depth {
            return fail("width", "1 or more, at most 1024 channels at the bottom", self.width.to_string());
        }
        Ok(())
    }
}

/// Most channels of the lowest level: a file says how large its network is before its arrays are seen.
const MAX_CHANNELS: usize = 1024;

/// Two convolutions, each normalised and rectified.
#[derive(Module, Debug)]
struct Stage {
    conv0: Conv3d,
    norm0: Norm,
    conv1: Conv3d,
    norm1: Norm,
}

impl Stage {
    fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self {
            conv0: Conv3d::new(n_in, n_out, [1, 3, 3], initial),
            norm0: Norm::new(n_out, initial),
            conv1: Conv3d::new(n_out, n_out, [1, 3, 3], initial),
            norm1: Norm::new(n_out, initial),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = self.norm0.forward(self.conv0.forward(x), 0.0);
        self.norm1.forward(self.conv1.forward(x), 0.0)
    }
}

/// One level of the decoder: a transposed convolution with kernel and stride of 2, then a stage.
#[derive(Module, Debug)]
struct Up {
    /// `[in, out, 1, 2, 2]`.
    weight: Param<Tensor<5>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    stage: Stage,
}

/// The network. Its output is a probability a pixel and class, `[n, n_out, frames, y, x]`.
#[derive(Module, Debug)]
pub struct UNet2d {
    inc: Stage,
    down: Vec<Stage>,
    up: Vec<Up>,
    outc: Conv3d,
}

/// The stride of poolings and of the way up.
const STRIDE: [usize; 3] = [1, 2, 2];

impl UNet2d {
    /// A network with initial values drawn from `seed`.
    ///
    /// # Errors
    /// If a number of `config` is outside its range.
    pub fn new(config: &UNet2dConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let initial = &mut Initial::new(seed, device);
        let width = |level: usize| config.width << level;
        let inc = Stage::new(config.n_in, width(0), initial);
        let down = (1..=config.depth).map(|level| Stage::new(width(level - 1), width(level), initial)).collect();
        let up = (0..config.depth)
            .rev()
            .map(|level| {
                let (below, n) = (width(level + 1), width(level));
                // PyTorch counts the fan-in of a transposed convolution over its second axis.
                let fan_in = n * 4;
                Up {
                    weight: initial.uniform([below, n, 1, 2, 2], fan_in),
                    bias: initial.uniform([n], fan_in),
                    stage: Stage::new(2 * n, n, initial),
                }
            })
            .collect();
        Ok(Self { inc, down, up, outc: Conv3d::head(width(0), config.n_out, initial) })
    }
}

impl Voxelwise for UNet2d {
    fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = self.inc.forward(x);
        let mut skips = Vec::with_capacity(self.down.len());
        for stage in &self.down {
            let below = stage.forward(op::max_pool(x.clone(), STRIDE));
            skips.push(x);
            x = below;
        }
        for (up, skip) in self.up.iter().zip(skips.into_iter().rev()) {
            let raised = op::upsample(x, up.weight.val(), up.bias.val(), STRIDE);
            x = up.stage.forward(Tensor::cat(vec![skip, raised], 1));
        }
        self.outc.forward(x)
    }

    fn multiple(&self) -> [usize; 3] {
        [1, 1 << self.down.len(), 1 << self.down.len()]
    }

    /// There, levels are numbered from 1, and the layers of a stage stand in one list.
    fn checkpoint_name(&self, path: &str) -> String {
        let stage = |rest: &str| {
            let numbered = [("conv0", "0"), ("norm0", "1"), ("conv1", "3"), ("norm1", "4")];
            let layer = numbered.iter().find_map(|(ours, theirs)| Some((theirs, rest.strip_prefix(ours)?)));
            layer.map_or_else(|| rest.to_owned(), |(number, array)| format!("double_conv.{number}{array}"))
        };
        let level = |text: &str| text.parse::<usize>().unwrap_or(0) + 1;
        match path.split('.').collect::<Vec<_>>().as_slice() {
            ["inc", rest @ ..] => format!("inc.{}", stage(&rest.join("."))),
            ["down", i, rest @ ..] => format!("down{}.maxpool_conv.1.{}", level(i), stage(&rest.join("."))),
            ["up", i, "stage", rest @ ..] => format!("up{}.conv.{}", level(i), stage(&rest.join("."))),
            ["up", i, array] => format!("up{}.up.{array}", level(i)),
            ["outc", array] => format!("outc.conv.{array}"),
            _ => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn it_equals_pytorch() {
        let config = UNet2dConfig { width: 4, depth: 2, ..UNet2dConfig::published() };
        Golden::read("unet2d").check(|device| UNet2d::new(&config, 0, device).expect("valid"), 2e-3);
        let published = UNet2d::new(&UNet2dConfig::published(), 0, &Device::flex()).expect("valid").weights();
        assert_eq!(Golden::n_learned(&published), Golden::read("n_parameters").number("unet2d") as usize);
    }

    #[test]
    fn a_network_that_is_too_large_is_refused() {
        let config = UNet2dConfig { width: 128, ..UNet2dConfig::published() };
        assert!(config.check().expect_err("2048 channels").to_string().contains("128"));
        assert!(UNet2dConfig { depth: 0, ..UNet2dConfig::frames() }.check().is_err());
    }
}
