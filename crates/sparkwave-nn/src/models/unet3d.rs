//! 3D U-Net (Çiçek et al., MICCAI 2016), in two forms: as published for miniature synaptic calcium transients (Digital
//! Discovery 2025, 4, 105; 6,487,417 parameters, whose checkpoints load), and ours.
//!
//! The published network pools five times by 2 on every axis, so that a training crop of 32 voxels reaches the bottleneck
//! as a single voxel: 26 of the 27 taps of its two convolutions meet nothing but padding in training, and act untrained at
//! inference. Ours pools so that the bottleneck is trained at the size at which it runs, and normalises it too.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::{Conv3d, Initial, Norm, Upsample};
use crate::op;
use crate::train::Voxelwise;

/// The shape of a 3D U-Net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNet3dConfig {
    /// Channels of the input.
    pub n_in: usize,
    /// Channels of the output.
    pub n_out: usize,
    /// Channels of the first level; each further level has twice as many.
    pub width: usize,
    /// The stride of each pooling along t, y and x, 1 or 2; one entry a level of the encoder.
    pub pools: Vec<[usize; 3]>,
    /// Whether the bottleneck is normalised as the other levels are, and the last layer begins with rare events: ours.
    pub normalised_bottleneck: bool,
}

impl UNet3dConfig {
    /// The published network.
    #[must_use]
    pub fn published() -> Self {
        Self { n_in: 1, n_out: 1, width: 8, pools: vec![[2, 2, 2]; 5], normalised_bottleneck: false }
    }

    /// Our network for events of a few frames and a few pixels.
    #[must_use]
    pub fn sparks() -> Self {
        Self { n_in: 1, n_out: 1, width: 8, pools: vec![[2, 2, 2]; 2], normalised_bottleneck: true }
    }

    /// The lengths of whose multiples every axis of an input must be.
    #[must_use]
    pub fn multiple(&self) -> [usize; 3] {
        multiple(&self.pools)
    }

    fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.to_owned(), found });
        if !(1..=64).contains(&self.n_in) {
            return fail("n_in", "1 to 64", self.n_in.to_string());
        }
        if !(1..=256).contains(&self.n_out) {
            return fail("n_out", "1 to 256", self.n_out.to_string());
        }
        if !(1..=128).contains(&self.width) {
            return fail("width", "1 to 128", self.width.to_string());
        }
        if !(1..=6).contains(&self.pools.len()) || self.pools.iter().flatten().any(|s| !(1..=2).contains(s)) {
            return fail("pools", "1 to 6 levels of strides of 1 or 2", format!("{:?}", self.pools));
        }
        let widest = self.width << self.pools.len();
        if widest > MAX_CHANNELS {
            return fail("channels of the bottleneck", "at most 1024", widest.to_string());
        }
        Ok(())
    }
}

/// Most channels of the bottleneck. A file says how large its network is before its arrays are seen; four times the
/// published network's is more than any needs, and 0.2 GB.
const MAX_CHANNELS: usize = 1024;

/// By how much the pools shrink each axis together.
fn multiple(pools: &[[usize; 3]]) -> [usize; 3] {
    std::array::from_fn(|axis| pools.iter().map(|p| p[axis]).product())
}

/// Two convolutions, each normalised and rectified.
#[derive(Module, Debug)]
struct Stage {
    conv0: Conv3d,
    norm0: Norm,
    conv1: Conv3d,
    norm1: Norm,
    slope: f32,
}

impl Stage {
    fn new(n_in: usize, n_out: usize, slope: f32, initial: &mut Initial) -> Self {
        Self {
            conv0: Conv3d::new(n_in, n_out, [3, 3, 3], initial),
            norm0: Norm::new(n_out, initial),
            conv1: Conv3d::new(n_out, n_out, [3, 3, 3], initial),
            norm1: Norm::new(n_out, initial),
            slope,
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = self.norm0.forward(self.conv0.forward(x), self.slope);
        self.norm1.forward(self.conv1.forward(x), self.slope)
    }
}

/// One level of the decoder.
#[derive(Module, Debug)]
struct Up {
    upconv: Upsample,
    stage: Stage,
}

/// The convolutions between encoder and decoder.
#[derive(Module, Debug)]
struct Bottleneck {
    conv0: Conv3d,
    norm0: Option<Norm>,
    conv1: Conv3d,
    norm1: Option<Norm>,
}

impl Bottleneck {
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let rectified = |x, norm: &Option<Norm>| match norm {
            Some(norm) => norm.forward(x, 0.0),
            None => op::rectify(x, 0.0),
        };
        let x = rectified(self.conv0.forward(x), &self.norm0);
        rectified(self.conv1.forward(x), &self.norm1)
    }
}

/// The network. Its output is a probability a voxel and class, `[n, n_out, t, y, x]`.
#[derive(Module, Debug)]
pub struct UNet3d {
    down_convs: Vec<Stage>,
    bottleneck: Bottleneck,
    up_convs: Vec<Up>,
    final_conv: Conv3d,
    pools: Vec<[usize; 3]>,
}

impl UNet3d {
    /// The slope of the rectifiers of the encoder: the value of the published code (its text says 0.02).
    pub const SLOPE: f32 = 0.2;

    /// A network with initial values drawn from `seed`.
    ///
    /// # Errors
    /// If a number of `config` is outside its range.
    pub fn new(config: &UNet3dConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let initial = &mut Initial::new(seed, device);
        let widths: Vec<usize> = (0..=config.pools.len()).map(|level| config.width << level).collect();
        let depth = config.pools.len();
        let down_convs = (0..depth)
            .map(|level| {
                let n_in = if level == 0 { config.n_in } else { widths[level - 1] };
                Stage::new(n_in, widths[level], Self::SLOPE, initial)
            })
            .collect();
        let bottleneck = Bottleneck {
            conv0: Conv3d::new(widths[depth - 1], widths[depth], [3, 3, 3], initial),
            norm0: config.normalised_bottleneck.then(|| Norm::new(widths[depth], initial)),
            conv1: Conv3d::new(widths[depth], widths[depth], [3, 3, 3], initial),
            norm1: config.normalised_bottleneck.then(|| Norm::new(widths[depth], initial)),
        };
        let up_convs = (0..depth)
            .rev()
            .map(|level| Up {
                upconv: Upsample::new(widths[level + 1], widths[level], config.pools[level], initial),
                stage: Stage::new(widths[level + 1], widths[level], 0.0, initial),
            })
            .collect();
        let final_conv = if config.normalised_bottleneck {
            Conv3d::head(widths[0], config.n_out, initial)
        } else {
            Conv3d::new(widths[0], config.n_out, [1; 3], initial)
        };
        Ok(Self { down_convs, bottleneck, up_convs, final_conv, pools: config.pools.clone() })
    }

    /// `[n, n_in, t, y, x]` to logits `[n, n_out, t, y, x]`; each axis a multiple of [`UNet3dConfig::multiple`].
    #[must_use]
    pub fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        let mut x = x;
        let mut skips = Vec::with_capacity(self.down_convs.len());
        for (stage, pool) in self.down_convs.iter().zip(&self.pools) {
            let skip = stage.forward(x);
            x = op::max_pool(skip.clone(), *pool);
            skips.push(skip);
        }
        x = self.bottleneck.forward(x);
        for up in &self.up_convs {
            let skip = skips.pop().expect("one skip a level");
            x = up.stage.forward(Tensor::cat(vec![skip, up.upconv.forward(x)], 1));
        }
        self.final_conv.forward(x)
    }

    /// `[n, n_in, t, y, x]` to probabilities `[n, n_out, t, y, x]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        activation::sigmoid(self.logits(x))
    }
}

impl Voxelwise for UNet3d {
    fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        self.logits(x)
    }

    fn multiple(&self) -> [usize; 3] {
        multiple(&self.pools)
    }

    /// The name of an array in a checkpoint: the published code keeps the two convolutions of a level, their
    /// normalisations and rectifiers in one list.
    fn checkpoint_name(&self, path: &str) -> String {
        if let Some(rest) = path.strip_prefix("bottleneck.") {
            let rest = rest.replacen("conv0.", "dilated_conv.0.", 1).replacen("conv1.", "conv2.", 1);
            return format!("bottleneck.{rest}");
        }
        let path = path.replacen(".stage.", ".", 1);
        [("conv0", "convs.0"), ("norm0", "convs.1"), ("conv1", "convs.3"), ("norm1", "convs.4")]
            .iter()
            .find_map(|(ours, theirs)| path.contains(&format!(".{ours}.")).then(|| path.replacen(ours, theirs, 1)))
            .unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;
    use crate::parameters::replace;

    #[test]
    fn the_published_network_equals_pytorch() {
        let golden = Golden::read("published_unet");
        let network = |device: &Device| UNet3d::new(&UNet3dConfig::published(), 0, device).expect("valid");
        let n = Golden::n_learned(&network(&Device::flex()).weights());
        assert_eq!(n, golden.number("n_parameters") as usize);
        golden.check(network, 2e-3);
    }

    #[test]
    fn arrays_that_do_not_fit_are_named() {
        let device = Device::flex();
        let config = UNet3dConfig { pools: vec![[1, 2, 2]], width: 2, ..UNet3dConfig::sparks() };
        let model = UNet3d::new(&config, 0, &device).expect("a valid configuration");
        let mut weights = model.weights();
        let kernel = weights.parameters.remove("down_convs.0.convs.3.weight").expect("present");
        weights.parameters.insert("something.else".into(), kernel);
        let error = replace(model, &weights).expect_err("an array is missing").to_string();
        assert!(
            error.contains("missing: down_convs.0.convs.3.weight") && error.contains("unexpected: something.else"),
            "{error}"
        );
        assert!(UNet3d::new(&UNet3dConfig { width: 0, ..config.clone() }, 0, &device).is_err());
        let huge = UNet3dConfig { width: 128, pools: vec![[1, 2, 2]; 6], ..config };
        assert!(UNet3d::new(&huge, 0, &device).expect_err("8192 channels").to_string().contains("8192"));
    }
}
