//! Inference of a U-Net with buffers that are used again: `name:DxHxW:samples`, where the name is `small` (4 poolings,
//! 1.41 M parameters, kernel 2 upwards) or `published` (5 poolings, 6.49 M parameters, kernel 3 upwards). 8 channels at full
//! size, batch norm folded into weights and bias. Samples are computed one after the other.

use crate::Case;
use crate::layers::{values, volume};
use sparkwave_kernels::activation::Activation::{LeakyRelu, Relu, Sigmoid};
use sparkwave_kernels::conv3d::{self, Conv3d, PackedConv3d};
use sparkwave_kernels::transposed::{self, PackedTransposed, Transposed};
use sparkwave_kernels::{Batch, Isa, Volume, pool};
use std::ops::{Deref, DerefMut};

const BASE: usize = 8;

/// Values that start where a cache line starts, which saves some per cent.
struct Buffer {
    values: Vec<f32>,
    first: usize,
}

fn buffer(n: usize) -> Buffer {
    let values = vec![0.0; n + 15];
    Buffer { first: values.as_ptr().align_offset(64).min(15), values }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[self.first..][..self.values.len() - 15]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let n = self.values.len() - 15;
        &mut self.values[self.first..][..n]
    }
}

struct Convolution {
    packed: PackedConv3d,
    bias: Vec<f32>,
    flop_a_voxel: usize,
}

fn convolution(inputs: [usize; 2], outputs: usize, kernel: usize) -> Convolution {
    let layer = Conv3d::of_two(inputs, outputs, [kernel; 3]).unwrap();
    let weight: Vec<f32> = values(layer.weights()).iter().map(|v| v / ((inputs[0] + inputs[1]) as f32 * 9.0)).collect();
    Convolution { packed: layer.pack(&weight).unwrap(), bias: values(outputs), flop_a_voxel: 2 * layer.weights() }
}

struct Level {
    batch: Batch,
    channels: usize,
    down: [Convolution; 2],
    up: [Convolution; 2],
    upwards: PackedTransposed,
    /// What the level keeps beside: inner, skip, result.
    buffers: [Buffer; 3],
    pooled: Buffer,
}

pub(crate) fn inference(isa: Isa, rest: &str) -> Case {
    let fields: Vec<&str> = rest.split(':').collect();
    let (depth, kernel) = if fields[0] == "small" { (4, 2) } else { (5, 3) };
    let (full, samples) = (volume(fields[1]), fields[2].parse::<usize>().unwrap());
    let mut flop = 0;
    let mut size = full;
    let mut levels = Vec::new();
    for level in 0..depth {
        let (channels, voxels) = (BASE << level, size.voxels().unwrap());
        let below = if level == 0 { 1 } else { channels / 2 };
        let upwards = Transposed::new(2 * channels, channels, [kernel; 3], [2; 3]).unwrap();
        let weight: Vec<f32> = values(upwards.weights()).iter().map(|v| v / channels as f32 / 8.0).collect();
        let down = [convolution([below, 0], channels, 3), convolution([channels, 0], channels, 3)];
        let up = [convolution([channels, channels], channels, 3), convolution([channels, 0], channels, 3)];
        flop += down.iter().chain(&up).map(|c| c.flop_a_voxel).sum::<usize>() * voxels + upwards.weights() * voxels / 4;
        levels.push(Level {
            batch: Batch::new(1, size),
            channels,
            down,
            up,
            upwards: upwards.pack(&weight).unwrap(),
            buffers: [(); 3].map(|()| buffer(channels * voxels)),
            pooled: buffer(channels * voxels / 8),
        });
        size = Volume::new(size.depth / 2, size.height / 2, size.width / 2);
    }
    let (voxels, channels) = (size.voxels().unwrap(), BASE << depth);
    let bottom = [convolution([channels / 2, 0], channels, 3), convolution([channels, 0], channels, 3)];
    let head = convolution([BASE, 0], 1, 1);
    flop += bottom.iter().map(|c| c.flop_a_voxel).sum::<usize>() * voxels + head.flop_a_voxel * full.voxels().unwrap();
    let mut buffers = [(); 2].map(|()| buffer(channels * voxels));
    let input = values(full.voxels().unwrap());
    let mut output = input.clone();
    let run = move || {
        for _ in 0..samples {
            let mut from: &[f32] = &input;
            for level in &mut levels {
                let [inner, skip, _] = &mut level.buffers;
                apply(isa, &level.down[0], &[from], level.batch, inner);
                apply(isa, &level.down[1], &[inner], level.batch, skip);
                pool::forward(isa, skip, level.channels, level.batch.volume, [2; 3], &mut level.pooled, None).unwrap();
                from = &level.pooled;
            }
            let [first, second] = &mut buffers;
            let batch = Batch::new(1, size);
            conv3d::forward(isa, &bottom[0].packed, Some(&bottom[0].bias), Relu, &[from], batch, first).unwrap();
            conv3d::forward(isa, &bottom[1].packed, Some(&bottom[1].bias), Relu, &[first], batch, second).unwrap();
            let (mut from, mut below): (&[f32], _) = (second, batch);
            for level in levels.iter_mut().rev() {
                let bias = &level.up[0].bias;
                let [inner, skip, result] = &mut level.buffers;
                let none = sparkwave_kernels::activation::Activation::Identity;
                transposed::forward(isa, &level.upwards, Some(bias), none, from, below, result).unwrap();
                apply(isa, &level.up[0], &[skip, result], level.batch, inner);
                apply(isa, &level.up[1], &[inner], level.batch, result);
                (from, below) = (result, level.batch);
            }
            conv3d::forward(isa, &head.packed, Some(&head.bias), Sigmoid, &[from], below, &mut output).unwrap();
        }
    };
    Case { run: Box::new(run), flop: (flop * samples) as f64 }
}

fn apply(isa: Isa, convolution: &Convolution, inputs: &[&[f32]], batch: Batch, output: &mut [f32]) {
    let bias = Some(convolution.bias.as_slice());
    conv3d::forward(isa, &convolution.packed, bias, LeakyRelu(0.2), inputs, batch, output).unwrap();
}
