//! Batch normalisation over N, D, H and W with the activation that follows.
//!
//! PyTorch's definitions: `scale * (x - mean) / sqrt(variance + eps) + shift`, where training takes mean and biased variance
//! of the batch, and the running statistics take the unbiased variance. Statistics are summed in double precision.

use crate::activation::{Activation, leaky, sigmoid};
use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use crate::volume::Batch;
use rayon::prelude::*;

/// Voxels that are summed as one piece; the order in which pieces are added is fixed.
const PIECE: usize = 1 << 13;

/// Parameters of a layer.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm<'a> {
    /// Factor of each channel, PyTorch's `weight`.
    pub scale: &'a [f32],
    /// Offset of each channel, PyTorch's `bias`.
    pub shift: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
    /// What follows.
    pub activation: Activation,
}

/// Mean and variance of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Mean over N, D, H and W.
    pub mean: Vec<f32>,
    /// Biased variance: the mean squared deviation.
    pub variance: Vec<f32>,
    /// Values that each was computed from.
    pub count: usize,
}

impl Moments {
    /// The unbiased variance, which running statistics take; the biased one if there is a single value.
    #[must_use]
    pub fn unbiased_variance(&self) -> Vec<f32> {
        let n = self.count as f64;
        let factor = if self.count > 1 { n / (n - 1.0) } else { 1.0 };
        self.variance.iter().map(|v| (f64::from(*v) * factor) as f32).collect()
    }
}

/// Gradients with respect to the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGradients {
    /// Of the factors.
    pub scale: Vec<f32>,
    /// Of the offsets.
    pub shift: Vec<f32>,
}

impl BatchNorm<'_> {
    fn channels(&self) -> usize {
        self.scale.len()
    }

    /// Checks the sizes; returns the voxels of a sample.
    fn expect(&self, batch: Batch, tensors: &[(&'static str, usize)]) -> Result<usize, ShapeError> {
        let voxels = batch.volume.voxels()?;
        expect_len("shift", self.shift.len(), &[self.channels()])?;
        for (what, len) in tensors {
            expect_len(what, *len, &[batch.samples, self.channels(), voxels])?;
        }
        Ok(voxels)
    }

    /// Factor and offset that normalise a channel with this mean and variance.
    fn line(&self, channel: usize, mean: f32, variance: f32) -> (f32, f32) {
        let factor = f64::from(self.scale[channel]) * inverse_deviation(variance, self.eps);
        let offset = f64::from(self.shift[channel]) - f64::from(mean) * factor;
        (factor as f32, offset as f32)
    }

    /// Applies a factor and an offset for each channel, then the activation.
    fn apply(&self, isa: Isa, lines: &[(f32, f32)], voxels: usize, input: &[f32], output: &mut [f32]) {
        if voxels == 0 {
            return;
        }
        let slope = self.activation.slope();
        let rows = input.par_chunks(voxels).zip(output.par_chunks_mut(voxels)).enumerate();
        rows.for_each(|(row, (input, output))| {
            let (factor, offset) = lines[row % lines.len()];
            line(isa, factor, offset, slope, input, output);
        });
        if self.activation == Activation::Sigmoid {
            sigmoid(isa, output);
        }
    }
}

fn inverse_deviation(variance: f32, eps: f32) -> f64 {
    1.0 / (f64::from(variance) + f64::from(eps)).sqrt()
}

/// Normalises with given (running) statistics: inference.
///
/// `input` and `output` are `[N, channels, D, H, W]`.
///
/// # Errors
///
/// If a slice has another length.
pub fn forward(
    isa: Isa,
    norm: &BatchNorm<'_>,
    mean: &[f32],
    variance: &[f32],
    input: &[f32],
    batch: Batch,
    output: &mut [f32],
) -> Result<(), ShapeError> {
    let voxels = norm.expect(batch, &[("input", input.len()), ("output", output.len())])?;
    expect_len("mean", mean.len(), &[norm.channels()])?;
    expect_len("variance", variance.len(), &[norm.channels()])?;
    let lines: Vec<_> = (0..norm.channels()).map(|c| norm.line(c, mean[c], variance[c])).collect();
    norm.apply(isa, &lines, voxels, input, output);
    Ok(())
}

/// Normalises with the statistics of the batch, which it returns: training.
///
/// `input` and `output` are `[N, channels, D, H, W]`.
///
/// # Errors
///
/// If a slice has another length.
pub fn forward_training(
    isa: Isa,
    norm: &BatchNorm<'_>,
    input: &[f32],
    batch: Batch,
    output: &mut [f32],
) -> Result<Moments, ShapeError> {
    let voxels = norm.expect(batch, &[("input", input.len()), ("output", output.len())])?;
    let count = batch.samples * voxels;
    let sums = channel_sums(norm.channels(), voxels, batch.samples, |row, from, to| {
        moments(isa, &input[row * voxels..][from..to])
    });
    let n = count.max(1) as f64;
    let mut found = Moments { mean: Vec::new(), variance: Vec::new(), count };
    for [sum, squares] in sums {
        let mean = sum / n;
        found.mean.push(mean as f32);
        found.variance.push((squares / n - mean * mean).max(0.0) as f32);
    }
    let lines: Vec<_> = (0..norm.channels()).map(|c| norm.line(c, found.mean[c], found.variance[c])).collect();
    norm.apply(isa, &lines, voxels, input, output);
    Ok(found)
}

/// Gradients of [`forward_training`]: `grad_input` is overwritten, those of the parameters are returned.
///
/// `input` and `moments` are what the forward pass took and gave, `grad_output` is with respect to the activated result.
/// Sigmoid is not supported here; apply [`activation::backward`](crate::activation::backward) and
/// [`Activation::Identity`].
///
/// # Errors
///
/// If a slice has another length, or the activation is the sigmoid.
pub fn backward(
    isa: Isa,
    norm: &BatchNorm<'_>,
    moments: &Moments,
    input: &[f32],
    grad_output: &[f32],
    batch: Batch,
    grad_input: &mut [f32],
) -> Result<ParameterGradients, ShapeError> {
    let tensors = [("input", input.len()), ("grad_output", grad_output.len()), ("grad_input", grad_input.len())];
    let voxels = norm.expect(batch, &tensors)?;
    expect_len("mean", moments.mean.len(), &[norm.channels()])?;
    expect_len("variance", moments.variance.len(), &[norm.channels()])?;
    if norm.activation == Activation::Sigmoid {
        return Err(ShapeError::Unsupported { what: "activation, the sigmoid", found: batch.volume.sizes() });
    }
    let slope = norm.activation.slope();
    let lines: Vec<_> = (0..norm.channels()).map(|c| norm.line(c, moments.mean[c], moments.variance[c])).collect();
    let sums = channel_sums(norm.channels(), voxels, batch.samples, |row, from, to| {
        let range = row * voxels + from..row * voxels + to;
        let channel = row % norm.channels();
        gradient_sums(isa, lines[channel], slope, moments.mean[channel], &input[range.clone()], &grad_output[range])
    });
    let n = (batch.samples * voxels).max(1) as f64;
    let mut parameters = ParameterGradients { scale: Vec::new(), shift: Vec::new() };
    let mut terms = Vec::new();
    for (channel, [sum, with_input]) in sums.into_iter().enumerate() {
        let inverse = inverse_deviation(moments.variance[channel], norm.eps);
        parameters.scale.push((with_input * inverse) as f32);
        parameters.shift.push(sum as f32);
        // dx = factor * (dz - mean(dz) - (x - mean) * mean(dz (x - mean)) / (variance + eps))
        let factor = f64::from(norm.scale[channel]) * inverse;
        let of_input = -factor * with_input / n * inverse * inverse;
        let constant = -factor * sum / n - f64::from(moments.mean[channel]) * of_input;
        terms.push([factor as f32, of_input as f32, constant as f32]);
    }
    if voxels > 0 {
        let rows = input.par_chunks(voxels).zip(grad_output.par_chunks(voxels)).zip(grad_input.par_chunks_mut(voxels));
        rows.enumerate().for_each(|(row, ((input, grad_output), grad_input))| {
            let channel = row % norm.channels();
            gradient(isa, lines[channel], slope, terms[channel], input, grad_output, grad_input);
        });
    }
    Ok(parameters)
}

/// Adds up, for each channel, what `piece` gives for pieces of its rows (row of the tensor, first and last voxel).
fn channel_sums(
    channels: usize,
    voxels: usize,
    samples: usize,
    piece: impl Fn(usize, usize, usize) -> [f64; 2] + Sync,
) -> Vec<[f64; 2]> {
    let pieces = voxels.div_ceil(PIECE);
    let parts: Vec<[f64; 2]> = (0..samples * channels * pieces)
        .into_par_iter()
        .map(|i| piece(i / pieces, i % pieces * PIECE, (i % pieces * PIECE + PIECE).min(voxels)))
        .collect();
    let mut sums = vec![[0.0; 2]; channels];
    for (i, [a, b]) in parts.into_iter().enumerate() {
        let sum = &mut sums[i / pieces % channels];
        *sum = [sum[0] + a, sum[1] + b];
    }
    sums
}

for_each_isa! {
    fn line(factor: f32, offset: f32, slope: f32, input: &[f32], output: &mut [f32]) = line_of
}

#[inline(always)]
fn line_of(factor: f32, offset: f32, slope: f32, input: &[f32], output: &mut [f32]) {
    for (x, y) in input.iter().zip(output) {
        *y = leaky(x * factor + offset, slope);
    }
}

for_each_isa! {
    fn moments(input: &[f32]) -> [f64; 2] = moments_of
}

/// Sum and sum of squares, in 16 interleaved parts.
#[inline(always)]
fn moments_of(input: &[f32]) -> [f64; 2] {
    let (mut sums, mut squares) = ([0.0f64; 16], [0.0f64; 16]);
    for values in input.chunks(16) {
        for ((sum, square), x) in sums.iter_mut().zip(&mut squares).zip(values) {
            let x = f64::from(*x);
            *sum += x;
            *square += x * x;
        }
    }
    [sums.iter().sum(), squares.iter().sum()]
}

for_each_isa! {
    fn gradient_sums(line: (f32, f32), slope: f32, mean: f32, input: &[f32], grad: &[f32]) -> [f64; 2] = gradient_sums_of
}

/// Sums of dz and of dz times the deviation of the input, where z is the value before the activation.
#[inline(always)]
fn gradient_sums_of(line: (f32, f32), slope: f32, mean: f32, input: &[f32], grad: &[f32]) -> [f64; 2] {
    let (mut sums, mut with_input) = ([0.0f64; 16], [0.0f64; 16]);
    for (xs, dys) in input.chunks(16).zip(grad.chunks(16)) {
        for (((sum, product), x), dy) in sums.iter_mut().zip(&mut with_input).zip(xs).zip(dys) {
            let dz = if x * line.0 + line.1 > 0.0 { *dy } else { slope * dy };
            *sum += f64::from(dz);
            *product += f64::from(dz) * f64::from(x - mean);
        }
    }
    [sums.iter().sum(), with_input.iter().sum()]
}

for_each_isa! {
    fn gradient(
        line: (f32, f32), slope: f32, terms: [f32; 3], input: &[f32], grad: &[f32], grad_input: &mut [f32],
    ) = gradient_of
}

#[inline(always)]
fn gradient_of(line: (f32, f32), slope: f32, terms: [f32; 3], input: &[f32], grad: &[f32], grad_input: &mut [f32]) {
    for ((x, dy), dx) in input.iter().zip(grad).zip(grad_input) {
        let dz = if x * line.0 + line.1 > 0.0 { *dy } else { slope * dy };
        *dx = terms[0] * dz + terms[1] * x + terms[2];
    }
}
