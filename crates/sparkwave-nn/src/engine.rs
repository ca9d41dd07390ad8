//! Inference of U-Nets on the CPU: our kernels on buffers that are used again, normalisation folded into the convolutions,
//! no copy of what is joined.

use std::collections::TryReserveError;
use std::ops::Range;

use sparkwave_core::weights::{Parameter, Weights};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d, PackedConv3d};
use sparkwave_kernels::pool;
use sparkwave_kernels::transposed::{self, PackedTransposed, Transposed};
use sparkwave_kernels::{Batch, Isa, Volume};

use crate::error::Result;
use crate::layers::Norm;
use crate::models::unet3d::{UNet3d, UNet3dConfig};
use crate::network::{Network, View};
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
    /// What the last layer says, before it is cut to what was asked for.
    answer: Vec<f32>,
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
        crate::parameters::replace(UNet3d::new(config, 0, &device)?, weights)?;
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
        Ok(Self {
            config: config.clone(),
            reach: reach(config),
            down,
            bottleneck,
            up,
            head,
            levels,
            answer: Vec::new(),
        })
    }

    /// The shape of the network.
    #[must_use]
    pub fn config(&self) -> &UNet3dConfig {
        &self.config
    }

    /// Probabilities `[n_out, t, y, x]` of the voxels `keep` of an input `[n_in, t, y, x]` whose axes `extent` are multiples
    /// of [`UNet3dConfig::multiple`]. The decoder computes what these need and no more.
    ///
    /// # Panics
    /// If a slice is not as long as the extents say.
    pub fn run(&mut self, input: &[f32], extent: [usize; 3], keep: &[Range<usize>; 3], output: &mut [f32]) {
        let volume = Volume::new(extent[0], extent[1], extent[2]);
        self.make_room(volume).expect("reserved, or the process has no memory left");
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

        let needed = self.needed(extent, keep);
        // Where the decoder's last answer lies in its level: all of it at the bottom.
        let mut covered = extents(volume).map(|n| 0..n);
        for (i, up) in self.up.iter().enumerate() {
            let level = depth - 1 - i;
            let (above, below) = self.levels.split_at_mut(level + 1);
            let (at, lower) = (&mut above[level], &mut below[0]);
            let (region, pool) = (&needed[level], self.config.pools[level]);
            let under: [Range<usize>; 3] =
                std::array::from_fn(|axis| region[axis].start / pool[axis]..region[axis].end / pool[axis]);
            let (small, volume) = (volume_of(&under), volume_of(region));
            let n_small = crop(&mut lower.up, &covered, &under, self.config.width << (level + 1));
            let n = (self.config.width << level) * volume.voxels().expect(FITS);
            let (batch, none) = (Batch::new(1, small), Activation::Identity);
            let source = &lower.up[..n_small];
            transposed::forward(Isa::best(), &up.packed, Some(&up.bias), none, source, batch, &mut at.up[..n])
                .expect(FITS);
            let whole = extents(at.volume.expect(FITS)).map(|n| 0..n);
            crop(&mut at.skip, &whole, region, self.config.width << level);
            up.stage.first.run(&[&at.skip[..n], &at.up[..n]], volume, &mut at.between[..n]);
            up.stage.second.run(&[&at.between[..n]], volume, &mut at.up[..n]);
            covered = region.clone();
        }
        let volume = volume_of(&covered);
        let voxels = volume.voxels().expect(FITS);
        self.answer.resize(self.config.n_out * voxels, 0.0);
        self.head.run(&[&self.levels[0].up[..self.config.width * voxels]], volume, &mut self.answer);
        let n = crop(&mut self.answer, &covered, keep, self.config.n_out);
        output.copy_from_slice(&self.answer[..n]);
    }

    /// What the decoder computes at each level so that the voxels `keep` come out right, on the grid of the pooling: two
    /// convolutions of kernel 3 reach 2 voxels, and the transposed convolution before them one more.
    fn needed(&self, extent: [usize; 3], keep: &[Range<usize>; 3]) -> Vec<[Range<usize>; 3]> {
        const REACH: usize = 3;
        let (mut extent, mut keep) = (extent, keep.clone());
        let mut needed = Vec::with_capacity(self.config.pools.len());
        for pool in &self.config.pools {
            let region: [Range<usize>; 3] = std::array::from_fn(|axis| {
                let start = keep[axis].start.saturating_sub(REACH) / pool[axis] * pool[axis];
                start..(keep[axis].end + REACH).next_multiple_of(pool[axis]).min(extent[axis])
            });
            keep = std::array::from_fn(|axis| region[axis].start / pool[axis]..region[axis].end / pool[axis]);
            extent = std::array::from_fn(|axis| extent[axis] / pool[axis]);
            needed.push(region);
        }
        needed
    }

    fn make_room(&mut self, volume: Volume) -> std::result::Result<(), TryReserveError> {
        if self.levels[0].volume == Some(volume) {
            return Ok(());
        }
        self.levels[0].volume = None;
        let resize = |buffer: &mut Vec<f32>, n: usize| -> std::result::Result<(), TryReserveError> {
            buffer.try_reserve(n.saturating_sub(buffer.len()))?;
            buffer.resize(n, 0.0);
            Ok(())
        };
        let depth = self.config.pools.len();
        let (mut at, mut n_pooled) = (volume, 0);
        for (level, buffers) in self.levels.iter_mut().enumerate() {
            let width = self.config.width << level;
            let n = width * at.voxels().expect(FITS);
            buffers.volume = (level > 0).then_some(at);
            resize(&mut buffers.pooled, n_pooled)?;
            resize(&mut buffers.up, n)?;
            resize(&mut buffers.between, n)?;
            if level < depth {
                resize(&mut buffers.skip, n)?;
                at = pool::output(at, self.config.pools[level]).expect(FITS);
                n_pooled = width * at.voxels().expect(FITS);
            }
        }
        // Last: a network without room for all levels has room for none.
        self.levels[0].volume = Some(volume);
        Ok(())
    }
}

impl Network for Engine {
    fn view(&self) -> View {
        View::Tiles { reach: self.reach, multiple: self.config.multiple() }
    }

    fn bytes(&self, extent: [usize; 3]) -> usize {
        let mut voxels: usize = extent.iter().product();
        let mut floats = 0;
        for (level, pool) in self.config.pools.iter().enumerate() {
            floats += 3 * (self.config.width << level) * voxels;
            voxels /= pool.iter().product::<usize>();
            floats += (self.config.width << level) * voxels;
        }
        floats += 2 * (self.config.width << self.config.pools.len()) * voxels;
        size_of::<f32>() * floats
    }

    fn reserve(&mut self, extent: [usize; 3]) -> bool {
        self.make_room(Volume::new(extent[0], extent[1], extent[2])).is_ok()
    }

    fn run(&mut self, input: &[f32], extent: [usize; 3], keep: &[Range<usize>; 3], output: &mut [f32]) {
        self.run(input, extent, keep, output);
    }
}

fn extents(volume: Volume) -> [usize; 3] {
    [volume.depth, volume.height, volume.width]
}

fn volume_of(region: &[Range<usize>; 3]) -> Volume {
    Volume::new(region[0].len(), region[1].len(), region[2].len())
}

/// Moves the part `region` of volumes that cover `covered` to the front of the buffer, in order; gives how many values it
/// has.
fn crop(buffer: &mut [f32], covered: &[Range<usize>; 3], region: &[Range<usize>; 3], n_channels: usize) -> usize {
    let [nt, ny, nx] = covered.clone().map(|r| r.len());
    let from: [usize; 3] = std::array::from_fn(|axis| region[axis].start - covered[axis].start);
    let [t, y, x] = region.clone().map(|r| r.len());
    if [t, y, x] != [nt, ny, nx] {
        for row in 0..n_channels * t * y {
            let (channel, at_t, at_y) = (row / (t * y), row / y % t + from[0], row % y + from[1]);
            let start = ((channel * nt + at_t) * ny + at_y) * nx + from[2];
            // Never behind where it comes from, so nothing is overwritten before it was moved.
            buffer.copy_within(start..start + x, row * x);
        }
    }
    n_channels * t * y * x
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
            let model = crate::parameters::replace(model, &weights).expect("they fit");
            let mut engine = Engine::new(&config, &weights).expect("they fit");
            for extent in [[8, 12, 20], [4, 8, 36]] {
                let n: usize = extent.iter().product();
                let input: Vec<f32> = scatter(n, 0).collect();
                let shape = [1, 1, extent[0], extent[1], extent[2]];
                let expected =
                    values(&model.forward(Tensor::from_data(TensorData::new(input.clone(), shape), &device)));
                let mut found = vec![0.0; n * config.n_out];
                engine.run(&input, extent, &extent.map(|n| 0..n), &mut found);
                for (i, (a, b)) in found.iter().zip(&expected.values).enumerate() {
                    assert!((a - b).abs() < 1e-5, "voxel {i}: {a} against {b}");
                }
            }
        }
    }
}
