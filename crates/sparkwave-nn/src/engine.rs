//! Inference of U-Nets on the CPU: our kernels on buffers that are used again, normalisation folded into the convolutions,
//! no copy of what is joined.

use sparkwave_core::weights::{Parameter, Weights};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d, PackedConv3d};
use sparkwave_kernels::pool;
use sparkwave_kernels::transposed::{self, PackedTransposed, Transposed};
use sparkwave_kernels::{Batch, Isa, Volume};

use crate::error::Result;
use crate::layers::Norm;
use crate::models::unet3d::{UNet3d, UNet3dConfig};
use crate::reach::reach;

/// A convolution with what follows it.
struct Conv {
    packed: PackedConv3d,
    bias: Vec<f32>,
    activation: Activation,
}

impl Conv {
    fn run(&self, inputs: &[&[f32]], volume: Volume, out: &mut [f32]) {
        let batch = Batch::new(1, volume);
        conv3d::forward(Isa::best(), &self.packed, Some(&self.bias), self.activation, inputs, batch, out).expect(FITS);
    }
}

/// Two convolutions.
struct Stage {
    first: Conv,
    second: Conv,
}

struct Up {
    packed: PackedTransposed,
    bias: Vec<f32>,
    stage: Stage,
}

/// Buffers of one level.
#[derive(Default)]
struct Level {
    volume: Option<Volume>,
    /// What the level below sent up, or at the bottom what is sent.
    up: Vec<f32>,
    /// Between the two convolutions.
    between: Vec<f32>,
    /// What crosses from encoder to decoder.
    skip: Vec<f32>,
    /// What goes down to this level.
    pooled: Vec<f32>,
}

/// A U-Net ready to run, with buffers for one tile.
pub struct Engine {
    config: UNet3dConfig,
    reach: [usize; 3],
    down: Vec<Stage>,
    bottleneck: Stage,
    up: Vec<Up>,
    head: Conv,
    levels: Vec<Level>,
}

/// Why no layer can be missing or of another shape: the weights were compared with the network when the engine was made,
/// and its buffers are made for its layers.
const FITS: &str = "layers, weights and buffers of one network";

impl Engine {
    /// The network of this shape and these weights, named as in its checkpoint.
    ///
    /// # Errors
    /// If an array is missing or of another shape.
    pub fn new(config: &UNet3dConfig, weights: &Weights) -> Result<Self> {
        // Building the network checks every name and shape at once.
        let device = burn::tensor::Device::flex();
        crate::parameters::replace(
            UNet3d::new(config, 0, &device)?,
            weights,
            <UNet3d as crate::train::Voxelwise>::checkpoint_name,
        )?;
        let read = Reader { weights };
        let depth = config.pools.len();
        let widths: Vec<usize> = (0..=depth).map(|level| config.width << level).collect();
        let stage = |name: &str, inputs: [usize; 2], n_out: usize, slope: f32| {
            let layer =
                |conv: usize, norm: usize| (format!("{name}.convs.{conv}"), Some(format!("{name}.convs.{norm}")));
            Stage {
                first: read.conv(layer(0, 1), inputs, n_out, [3; 3], rectifier(slope)),
                second: read.conv(layer(3, 4), [n_out, 0], n_out, [3; 3], rectifier(slope)),
            }
        };
        let down = (0..depth)
            .map(|level| {
                let n_in = if level == 0 { config.n_in } else { widths[level - 1] };
                stage(&format!("down_convs.{level}"), [n_in, 0], widths[level], UNet3d::SLOPE)
            })
            .collect();
        let norm = |i: usize| config.normalised_bottleneck.then(|| format!("bottleneck.norm{i}"));
        let (above, bottom) = (widths[depth - 1], widths[depth]);
        let bottleneck = Stage {
            first: read.conv(
                ("bottleneck.dilated_conv.0".into(), norm(0)),
                [above, 0],
                bottom,
                [3; 3],
                Activation::Relu,
            ),
            second: read.conv(("bottleneck.conv2".into(), norm(1)), [bottom, 0], bottom, [3; 3], Activation::Relu),
        };
        let up = (0..depth)
            .map(|i| {
                let level = depth - 1 - i;
                let (name, below, width) = (format!("up_convs.{i}"), widths[level + 1], widths[level]);
                let layer = Transposed::new(below, width, [3; 3], config.pools[level]).expect(FITS);
                Up {
                    packed: layer.pack(&read.array(&format!("{name}.upconv.weight")).values).expect(FITS),
                    bias: read.array(&format!("{name}.upconv.bias")).values.clone(),
                    stage: stage(&name, [width, width], width, 0.0),
                }
            })
            .collect();
        let head = read.conv(("final_conv".into(), None), [widths[0], 0], config.n_out, [1; 3], Activation::Sigmoid);
        let levels = (0..=depth).map(|_| Level::default()).collect();
        Ok(Self { config: config.clone(), reach: reach(config), down, bottleneck, up, head, levels })
    }

    /// The shape of the network.
    #[must_use]
    pub fn config(&self) -> &UNet3dConfig {
        &self.config
    }

    /// How far an output voxel looks, `[t, y, x]` ([`reach`]).
    #[must_use]
    pub fn reach(&self) -> [usize; 3] {
        self.reach
    }

    /// Probabilities `[n_out, t, y, x]` of an input `[n_in, t, y, x]` whose axes `extent` are multiples of
    /// [`UNet3dConfig::multiple`].
    ///
    /// # Panics
    /// If a slice is not as long as the extent says.
    pub fn run(&mut self, input: &[f32], extent: [usize; 3], output: &mut [f32]) {
        let volume = Volume::new(extent[0], extent[1], extent[2]);
        self.make_room(volume);
        let depth = self.down.len();
        for level in 0..depth {
            let (above, below) = self.levels.split_at_mut(level + 1);
            let (at, next) = (&mut above[level], &mut below[0]);
            let volume = at.volume.expect(FITS);
            let source: &[f32] = if level == 0 { input } else { &at.pooled };
            self.down[level].first.run(&[source], volume, &mut at.between);
            self.down[level].second.run(&[&at.between], volume, &mut at.skip);
            let maps = at.skip.len() / volume.voxels().expect(FITS);
            let window = self.config.pools[level];
            pool::forward(Isa::best(), &at.skip, maps, volume, window, &mut next.pooled, None).expect(FITS);
        }
        let bottom = &mut self.levels[depth];
        let volume = bottom.volume.expect(FITS);
        self.bottleneck.first.run(&[&bottom.pooled], volume, &mut bottom.between);
        self.bottleneck.second.run(&[&bottom.between], volume, &mut bottom.up);
        for (i, up) in self.up.iter().enumerate() {
            let level = depth - 1 - i;
            let (above, below) = self.levels.split_at_mut(level + 1);
            let (at, lower) = (&mut above[level], &below[0]);
            let (volume, small) = (at.volume.expect(FITS), lower.volume.expect(FITS));
            let batch = Batch::new(1, small);
            let none = Activation::Identity;
            transposed::forward(Isa::best(), &up.packed, Some(&up.bias), none, &lower.up, batch, &mut at.up)
                .expect(FITS);
            up.stage.first.run(&[&at.skip, &at.up], volume, &mut at.between);
            up.stage.second.run(&[&at.between], volume, &mut at.up);
        }
        let top = &self.levels[0];
        self.head.run(&[&top.up], top.volume.expect(FITS), output);
    }

    /// Bytes of the buffers for a tile of this many voxels.
    #[must_use]
    pub fn bytes(config: &UNet3dConfig, extent: [usize; 3]) -> usize {
        let mut voxels: usize = extent.iter().product();
        let mut floats = 0;
        for (level, pool) in config.pools.iter().enumerate() {
            floats += 3 * (config.width << level) * voxels;
            voxels /= pool.iter().product::<usize>();
            floats += (config.width << level) * voxels;
        }
        floats += 2 * (config.width << config.pools.len()) * voxels;
        4 * floats
    }

    fn make_room(&mut self, volume: Volume) {
        if self.levels[0].volume == Some(volume) {
            return;
        }
        let mut volume = volume;
        let depth = self.config.pools.len();
        let mut n_pooled = 0;
        for (level, buffers) in self.levels.iter_mut().enumerate() {
            let width = self.config.width << level;
            let n = width * volume.voxels().expect(FITS);
            buffers.volume = Some(volume);
            buffers.pooled.resize(n_pooled, 0.0);
            buffers.up.resize(n, 0.0);
            buffers.between.resize(n, 0.0);
            if level < depth {
                buffers.skip.resize(n, 0.0);
                volume = pool::output(volume, self.config.pools[level]).expect(FITS);
                n_pooled = width * volume.voxels().expect(FITS);
            }
        }
    }
}

fn rectifier(slope: f32) -> Activation {
    if slope == 0.0 { Activation::Relu } else { Activation::LeakyRelu(slope) }
}

/// Takes layers out of weights.
struct Reader<'a> {
    weights: &'a Weights,
}

impl Reader<'_> {
    fn array(&self, name: &str) -> &Parameter {
        self.weights.parameters.get(name).expect(FITS)
    }

    /// The convolution `names.0`, with the normalisation `names.1` folded into it: of weight `w g / s` and bias
    /// `(b - m) g / s + h` for the stored mean m and deviation s, the scale g and the shift h.
    fn conv(
        &self,
        names: (String, Option<String>),
        inputs: [usize; 2],
        n_out: usize,
        kernel: [usize; 3],
        activation: Activation,
    ) -> Conv {
        let (conv, norm) = names;
        let mut weight = self.array(&format!("{conv}.weight")).values.clone();
        let mut bias = self.array(&format!("{conv}.bias")).values.clone();
        if let Some(norm) = norm {
            let of = |part: &str| self.array(&format!("{norm}.{part}"));
            let (scale, shift, mean, var) = (of("weight"), of("bias"), of("running_mean"), of("running_var"));
            let per_output = weight.len() / n_out;
            for o in 0..n_out {
                let deviation = (f64::from(var.values[o]) + f64::from(Norm::EPSILON)).sqrt();
                let factor = f64::from(scale.values[o]) / deviation;
                weight[o * per_output..][..per_output].iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
                let centred = f64::from(bias[o]) - f64::from(mean.values[o]);
                bias[o] = (centred * factor + f64::from(shift.values[o])) as f32;
            }
        }
        let layer = Conv3d::of_two(inputs, n_out, kernel).expect(FITS);
        Conv { packed: layer.pack(&weight).expect(FITS), bias, activation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{formula, scatter};
    use crate::parameters::values;
    use crate::train::Voxelwise;
    use burn::tensor::{Device, Tensor, TensorData};

    #[test]
    fn the_engine_equals_the_network() {
        let device = Device::flex();
        let configs = [
            UNet3dConfig { width: 2, pools: vec![[2; 3]; 2], ..UNet3dConfig::published() },
            UNet3dConfig { width: 3, pools: vec![[1, 2, 2], [2, 2, 2]], n_out: 2, ..UNet3dConfig::sparks() },
        ];
        for config in configs {
            let model = UNet3d::new(&config, 4, &device).expect("valid");
            let mut weights = model.weights();
            formula(&mut weights);
            let model = crate::parameters::replace(model, &weights, UNet3d::checkpoint_name).expect("they fit");
            let mut engine = Engine::new(&config, &weights).expect("they fit");
            for extent in [[8, 12, 20], [4, 8, 36]] {
                let n: usize = extent.iter().product();
                let input: Vec<f32> = scatter(n, 0).collect();
                let shape = [1, 1, extent[0], extent[1], extent[2]];
                let expected =
                    values(&model.forward(Tensor::from_data(TensorData::new(input.clone(), shape), &device)));
                let mut found = vec![0.0; n * config.n_out];
                engine.run(&input, extent, &mut found);
                for (i, (a, b)) in found.iter().zip(&expected.values).enumerate() {
                    assert!((a - b).abs() < 1e-5, "voxel {i}: {a} against {b}");
                }
            }
        }
    }
}
