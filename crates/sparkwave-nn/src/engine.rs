//! Inference of U-Nets on the CPU: our kernels on buffers that are used again, normalisation folded into the convolutions,
//! no copy of what is joined.
//!
//! The network goes over a movie along time, a few frames at a time, and every layer holds no more frames than the next ones
//! still need. So a movie of any length needs no halo along time, and its frames fit whole where a volume would not.

mod ring;
mod schedule;

use std::collections::TryReserveError;
use std::ops::Range;

use ndarray::{ArrayView3, ArrayViewMut3, s};
use sparkwave_core::weights::{Parameter, Weights};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d, PackedConv3d};
use sparkwave_kernels::transposed::{self, PackedTransposed, Transposed};
use sparkwave_kernels::{Isa, PlanesMut, Volume, pool};

use crate::error::{Error, Result};
use crate::layers::Norm;
use crate::models::unet3d::{UNet3d, UNet3dConfig};
use crate::network::{Network, Shown, View};
use crate::reach::reach;
use ring::Ring;
use schedule::{Layer, Schedule, chunks};

/// Frames of the movie that are computed together: fewer would leave little to compute at the bottom of the network, more
/// would take more memory.
const CHUNK: usize = 4;

/// A convolution with what follows it.
struct Conv {
    packed: PackedConv3d,
    bias: Vec<f32>,
    activation: Activation,
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

/// A U-Net ready to run, with buffers for one tile.
pub struct Engine {
    config: UNet3dConfig,
    reach: [usize; 3],
    down: Vec<Stage>,
    bottleneck: Stage,
    up: Vec<Up>,
    head: Conv,
    /// The latest frames of each layer of each level.
    rings: Vec<[Ring; 6]>,
    /// What the last layer says of some frames.
    answer: Vec<f32>,
}

/// Why no layer can be missing or of another shape: the weights were compared with the network when the engine was made,
/// and its buffers are made for its layers.
const FITS: &str = "layers, weights and buffers of one network";

impl Engine {
    /// The network of this shape and these weights, named as in its checkpoint.
    ///
    /// # Errors
    /// If an array is missing or of another shape, or the network has more than one channel of input or output.
    pub fn new(config: &UNet3dConfig, weights: &Weights) -> Result<Self> {
        if (config.n_in, config.n_out) != (1, 1) {
            let found = format!("{} and {}", config.n_in, config.n_out);
            return Err(Error::Parameter { name: "channels of input and output", expected: "1 and 1".into(), found });
        }
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
        Ok(Self {
            config: config.clone(),
            reach: reach(config),
            down,
            bottleneck,
            up,
            head,
            rings: (0..=depth).map(|_| Default::default()).collect(),
            answer: Vec::new(),
        })
    }

    /// The shape of the network.
    #[must_use]
    pub fn config(&self) -> &UNet3dConfig {
        &self.config
    }

    fn schedule(&self, n_frames: usize) -> Schedule {
        Schedule::new(self.config.pools.iter().map(|p| p[0]).collect(), n_frames)
    }

    /// Rows and columns of a level.
    fn plane(&self, extent: [usize; 3], level: usize) -> [usize; 2] {
        [1, 2].map(|axis| extent[axis] / self.config.pools[..level].iter().map(|p| p[axis]).product::<usize>())
    }

    /// Channels of a layer; none of a level that has no such layer.
    fn channels(&self, level: usize, layer: Layer) -> usize {
        let width = self.config.width << level;
        match layer {
            Layer::Input if level == 0 => 1,
            Layer::Input => width / 2,
            Layer::Between | Layer::Skip => width,
            Layer::Up | Layer::Joined | Layer::Output if level == self.down.len() => 0,
            Layer::Up | Layer::Joined | Layer::Output => width,
        }
    }

    /// Forgets all frames and makes room for those of a movie of this extent.
    fn make_room(&mut self, extent: [usize; 3]) -> std::result::Result<(), TryReserveError> {
        for (level, capacities) in self.schedule(extent[0]).capacities(CHUNK).iter().enumerate() {
            let [height, width] = self.plane(extent, level);
            for layer in Layer::ALL {
                let channels = self.channels(level, layer);
                self.rings[level][layer as usize].reset(channels, height * width, capacities[layer as usize])?;
            }
        }
        Ok(())
    }

    /// Computes what the frames of the input that are there allow.
    fn advance(&mut self, before: &Schedule, now: &Schedule, extent: [usize; 3]) {
        let depth = self.down.len();
        for level in 0..=depth {
            let stage = self.down.get(level).unwrap_or(&self.bottleneck);
            let step = Step { before, now, level, plane: self.plane(extent, level) };
            let rings = &mut self.rings[level];
            step.convolve(&stage.first, rings, &[Layer::Input], Layer::Between);
            step.convolve(&stage.second, rings, &[Layer::Between], Layer::Skip);
            if level < depth {
                let (above, below) = self.rings.split_at_mut(level + 1);
                step.pool(self.config.pools[level], &above[level], &mut below[0], self.config.width << level);
            }
        }
        for (i, up) in self.up.iter().enumerate() {
            let level = depth - 1 - i;
            let step = Step { before, now, level, plane: self.plane(extent, level) };
            let (above, below) = self.rings.split_at_mut(level + 1);
            step.rise(up, self.config.pools[level], &below[0], &mut above[level]);
            let rings = &mut self.rings[level];
            step.convolve(&up.stage.first, rings, &[Layer::Skip, Layer::Up], Layer::Joined);
            step.convolve(&up.stage.second, rings, &[Layer::Joined], Layer::Output);
        }
    }

    /// What the network says of some frames, `[frames, y, x]`.
    fn answer(&mut self, frames: &Range<usize>, [height, width]: [usize; 2]) -> ArrayView3<'_, f32> {
        let volume = Volume::new(frames.len(), height, width);
        let n = volume.voxels().expect(FITS);
        self.answer.resize(n, 0.0);
        let output = PlanesMut { data: &mut self.answer, channel_stride: n };
        let input = self.rings[0][Layer::Output as usize].frames(frames);
        let Conv { packed, bias, activation } = &self.head;
        conv3d::forward_planes(Isa::best(), packed, Some(bias), *activation, &[input], volume, 0..frames.len(), output)
            .expect(FITS);
        ArrayView3::from_shape([frames.len(), height, width], &self.answer).expect("as many as were computed")
    }
}

/// What is computed at a level at a time: from the frames that were there `before` to those that can be there `now`.
struct Step<'a> {
    before: &'a Schedule,
    now: &'a Schedule,
    level: usize,
    /// Rows and columns.
    plane: [usize; 2],
}

impl Step<'_> {
    /// The new frames of a layer.
    fn fresh(&self, level: usize, layer: Layer) -> Range<usize> {
        self.before.reached(level, layer)..self.now.reached(level, layer)
    }

    fn volume(&self, frames: &Range<usize>) -> Volume {
        Volume::new(frames.len(), self.plane[0], self.plane[1])
    }

    /// Some frames and, where there are such, one before and one behind them; and which of these they are.
    fn with_neighbours(&self, frames: &Range<usize>, level: usize) -> (Range<usize>, Range<usize>) {
        let seen = frames.start.saturating_sub(1)..(frames.end + 1).min(self.now.total(level));
        let inner = frames.start - seen.start..frames.end - seen.start;
        (seen, inner)
    }

    fn convolve(&self, conv: &Conv, rings: &mut [Ring; 6], from: &[Layer], to: Layer) {
        let frames = self.fresh(self.level, to);
        if frames.is_empty() {
            return;
        }
        let (seen, inner) = self.with_neighbours(&frames, self.level);
        let mut ring = std::mem::take(&mut rings[to as usize]);
        let inputs: Vec<_> = from.iter().map(|layer| rings[*layer as usize].frames(&seen)).collect();
        let output = ring.append(frames.len(), self.before.needed(self.level, to));
        let (bias, volume) = (Some(&conv.bias[..]), self.volume(&seen));
        conv3d::forward_planes(Isa::best(), &conv.packed, bias, conv.activation, &inputs, volume, inner, output)
            .expect(FITS);
        rings[to as usize] = ring;
    }

    fn pool(&self, window: [usize; 3], rings: &[Ring; 6], below: &mut [Ring; 6], channels: usize) {
        let frames = self.fresh(self.level + 1, Layer::Input);
        if frames.is_empty() {
            return;
        }
        let from = frames.start * window[0]..frames.end * window[0];
        let input = rings[Layer::Skip as usize].frames(&from);
        let needed = self.before.needed(self.level + 1, Layer::Input);
        let output = below[Layer::Input as usize].append(frames.len(), needed);
        pool::forward_planes(Isa::best(), input, channels, self.volume(&from), window, output).expect(FITS);
    }

    fn rise(&self, up: &Up, stride: [usize; 3], below: &[Ring; 6], rings: &mut [Ring; 6]) {
        let frames = self.fresh(self.level, Layer::Up);
        if frames.is_empty() {
            return;
        }
        let small = frames.start / stride[0]..frames.end / stride[0];
        let (seen, inner) = self.with_neighbours(&small, self.level + 1);
        let input = below[self.now.source(self.level + 1) as usize].frames(&seen);
        let output = rings[Layer::Up as usize].append(frames.len(), self.before.needed(self.level, Layer::Up));
        let volume = Volume::new(seen.len(), self.plane[0] / stride[1], self.plane[1] / stride[2]);
        transposed::forward_planes(Isa::best(), &up.packed, Some(&up.bias), input, volume, inner, output).expect(FITS);
    }
}

impl Network for Engine {
    fn view(&self) -> View {
        View::Tiles { reach: self.reach, multiple: self.config.multiple() }
    }

    fn bytes(&self, extent: [usize; 3]) -> usize {
        let capacities = self.schedule(extent[0]).capacities(CHUNK);
        let floats = capacities.iter().enumerate().map(|(level, capacities)| {
            let [height, width] = self.plane(extent, level);
            let frames = Layer::ALL.map(|layer| self.channels(level, layer) * capacities[layer as usize]);
            frames.iter().sum::<usize>() * height * width
        });
        size_of::<f32>() * floats.sum::<usize>()
    }

    fn reserve(&mut self, extent: [usize; 3]) -> bool {
        self.make_room(extent).is_ok()
    }

    fn run(&mut self, shown: &Shown<'_>, keep: &[Range<usize>; 3], mut output: ArrayViewMut3<'_, f32>) -> Result<()> {
        let extent = shown.extent();
        let [n_frames, height, width] = extent;
        self.make_room(extent).expect("reserved, or the process has no memory left");
        let mut now = self.schedule(n_frames);
        for frames in chunks(n_frames, CHUNK) {
            let before = now.clone();
            now.advance(frames.end);
            let room = self.rings[0][Layer::Input as usize].append(frames.len(), before.needed(0, Layer::Input));
            shown.copy(&frames, &mut room.data[..frames.len() * height * width]);
            self.advance(&before, &now, extent);
            let ready = before.reached(0, Layer::Output)..now.reached(0, Layer::Output);
            let asked = ready.start.max(keep[0].start)..ready.end.min(keep[0].end);
            if !asked.is_empty() {
                let answer = self.answer(&asked, [height, width]);
                let to = asked.start - keep[0].start..asked.end - keep[0].start;
                output.slice_mut(s![to, .., ..]).assign(&answer.slice(s![.., keep[1].clone(), keep[2].clone()]));
            }
        }
        Ok(())
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
            UNet3dConfig { width: 3, pools: vec![[1, 2, 2], [2, 2, 2]], ..UNet3dConfig::sparks() },
        ];
        for config in configs {
            let model = UNet3d::new(&config, 4, &device).expect("valid");
            let mut weights = model.weights();
            formula(&mut weights);
            let model = crate::parameters::replace(model, &weights).expect("they fit");
            let mut engine = Engine::new(&config, &weights).expect("they fit");
            // Shorter than a chunk, and longer than what is held.
            for extent in [[4, 8, 36], [8, 12, 20], [92, 8, 12]] {
                let n: usize = extent.iter().product();
                let input: Vec<f32> = scatter(n, 0).collect();
                let shape = [1, 1, extent[0], extent[1], extent[2]];
                let expected =
                    values(&model.forward(Tensor::from_data(TensorData::new(input.clone(), shape), &device)));
                let found = engine.whole(ArrayView3::from_shape(extent, &input).expect("as many")).expect("computed");
                for (i, (a, b)) in found.iter().zip(&expected.values).enumerate() {
                    assert!((a - b).abs() < 1e-5, "voxel {i}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_movie() {
        let config = UNet3dConfig::sparks();
        let weights = UNet3d::new(&config, 1, &Device::flex()).expect("valid").weights();
        let engine = Engine::new(&config, &weights).expect("they fit");
        assert_eq!(engine.bytes([400, 64, 64]), engine.bytes([4000, 64, 64]));
        assert!(engine.bytes([400, 64, 64]) < engine.bytes([400, 128, 64]));
    }
}
