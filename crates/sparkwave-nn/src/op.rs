//! Operations on volumes, `[n, c, t, y, x]`, and on tokens, `[..., c]`: our own kernels on the CPU, the tensor library's elsewhere.
//!
//! The library lacks pooling of volumes, and its convolutions of volumes are slow on the CPU, as are attention and what
//! surrounds it. Gradients of every operation are compared with finite differences and with the library's own in the tests
//! of this module; the kernels of `inference` have none, and where gradients are wanted the library computes these.

mod flex;
mod inference;
mod tokens;

pub(crate) use self::tokens::{After, attention, by_channel, gelu, linear, norm_layer, pool, rotate, window_attention};

use burn::backend::DispatchDevice;
use burn::tensor::module::{conv_transpose3d, conv3d as library_conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, activation};

/// Whether a device is the CPU, for which there are kernels of our own.
pub(crate) fn is_cpu(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// Whether a device is the CPU and keeps no tape, so that a forward pass is all there is.
fn is_cpu_inference(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// A convolution with an odd kernel, stride 1 and zero padding: `[n, in, t, y, x]`, `[out, in, kt, ky, kx]`, `[out]` to
/// `[n, out, t, y, x]`.
pub(crate) fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>) -> Tensor<5> {
    if is_cpu(&x.device()) {
        return flex::conv3d(x, weight, bias);
    }
    let [_, _, kt, ky, kx] = weight.dims();
    let options = ConvOptions::new([1, 1, 1], [kt / 2, ky / 2, kx / 2], [1, 1, 1], 1);
    library_conv3d(x, weight, Some(bias), options)
}

/// A transposed convolution: `[n, in, t, y, x]`, `[in, out, k, k, k]`, `[out]` to `[n, out, t * st, y * sy, x * sx]`, with
/// kernel 3, padding 1 and output padding `stride - 1`, or with kernel and stride of 2 and no padding.
pub(crate) fn upsample(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>, stride: [usize; 3]) -> Tensor<5> {
    if is_cpu(&x.device()) {
        return flex::upsample(x, weight, bias, stride);
    }
    let (padding, beyond) = if weight.dims()[2] == 3 { ([1; 3], stride.map(|s| s - 1)) } else { ([0; 3], [0; 3]) };
    let options = ConvTransposeOptions::new(stride, padding, beyond, [1, 1, 1], 1);
    conv_transpose3d(x, weight, Some(bias), options)
}

/// Every `stride`-th voxel along each axis, the first included: what a strided convolution keeps of a dense one.
pub(crate) fn every(x: Tensor<5>, stride: usize) -> Tensor<5> {
    if stride == 1 {
        return x;
    }
    let [n, c, t, h, w] = x.dims();
    let [kt, kh, kw] = [t, h, w].map(|n| n / stride);
    let windows: Tensor<8> = x.reshape([n, c, kt, stride, kh, stride, kw, stride]);
    windows.slice([0..n, 0..c, 0..kt, 0..1, 0..kh, 0..1, 0..kw, 0..1]).reshape([n, c, kt, kh, kw])
}

/// The largest value of each window, window and stride alike: `[n, c, t, y, x]` to `[n, c, t / st, y / sy, x / sx]`.
/// Every axis must be a multiple of its stride.
pub(crate) fn max_pool(x: Tensor<5>, stride: [usize; 3]) -> Tensor<5> {
    if is_cpu(&x.device()) {
        return flex::max_pool(x, stride);
    }
    let [n, c, t, h, w] = x.dims();
    let [st, sy, sx] = stride;
    let windows: Tensor<7> = x.reshape([n * c, t / st, st, h / sy, sy, w / sx, sx]);
    windows.max_dim(2).max_dim(4).max_dim(6).reshape([n, c, t / st, h / sy, w / sx])
}

/// Every voxel repeated along each axis: `[n, c, t, y, x]` to `[n, c, t * ft, y * fy, x * fx]`.
pub(crate) fn repeat(x: Tensor<5>, factors: [usize; 3]) -> Tensor<5> {
    let [n, c, t, h, w] = x.dims();
    let [ft, fy, fx] = factors;
    let apart: Tensor<8> = x.reshape([n, c, t, 1, h, 1, w, 1]);
    apart.expand([n, c, t, ft, h, fy, w, fx]).reshape([n, c, t * ft, h * fy, w * fx])
}

/// Normalises with the statistics of the batch and rectifies; gives also the batch's mean and (biased) variance, `[c]`.
pub(crate) fn norm_batch(
    x: Tensor<5>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f32,
    slope: f32,
) -> (Tensor<5>, Tensor<1>, Tensor<1>) {
    if is_cpu(&x.device()) {
        return flex::norm_batch(x, weight, bias, epsilon, slope);
    }
    let [_, c, ..] = x.dims();
    let by_channel = |v: Tensor<5>| -> Tensor<5> { v.mean_dim(0).mean_dim(2).mean_dim(3).mean_dim(4) };
    let mean = by_channel(x.clone());
    let centred = x - mean.clone();
    let var = by_channel(centred.clone().powi_scalar(2));
    let scale = weight.reshape([1, c, 1, 1, 1]) / (var.clone() + epsilon).sqrt();
    let y = centred * scale + bias.reshape([1, c, 1, 1, 1]);
    (rectify(y, slope), mean.reshape([c]), var.reshape([c]))
}

/// Normalises with stored statistics and rectifies.
pub(crate) fn norm_stored(
    x: Tensor<5>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    mean: Tensor<1>,
    var: Tensor<1>,
    epsilon: f32,
    slope: f32,
) -> Tensor<5> {
    let [_, c, ..] = x.dims();
    let scale = weight / (var + epsilon).sqrt();
    let shift = bias - mean * scale.clone();
    rectify(x * scale.reshape([1, c, 1, 1, 1]) + shift.reshape([1, c, 1, 1, 1]), slope)
}

/// A leaky rectifier; 0 is the plain one, 1 does nothing.
pub(crate) fn rectify<const D: usize>(x: Tensor<D>, slope: f32) -> Tensor<D> {
    if slope == 0.0 {
        activation::relu(x)
    } else if slope == 1.0 {
        x
    } else {
        activation::leaky_relu(x, f64::from(slope))
    }
}
