//! Convolutions over images whose channels are last, `[n, y, x, c]`, with PyTorch's layout of weights. Most of those in
//! SAM 2 look at every pixel once, so they are products of matrices.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use crate::layers::Initial;
use crate::op::{self, After};

/// A convolution.
#[derive(Module, Debug)]
pub(crate) struct Conv {
    /// `[out, in / groups, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
}

impl Conv {
    pub(crate) fn new(n_in: usize, n_out: usize, kernel: usize, initial: &mut Initial) -> Self {
        let fan_in = n_in * kernel * kernel;
        Self { weight: initial.uniform([n_out, n_in, kernel, kernel], fan_in), bias: initial.uniform([n_out], fan_in) }
    }

    /// One that looks at each channel by itself.
    pub(crate) fn by_channel(n: usize, kernel: usize, initial: &mut Initial) -> Self {
        Self::new(1, n, kernel, initial)
    }

    /// A kernel that is as large as its stride: `[n, y, x, in]` to `[n, y / k, x / k, out]`. Edges must be multiples of k.
    pub(crate) fn patches(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let ([n, h, w, c], [n_out, _, k, _]) = (x.dims(), weight.dims());
        let each = c * k * k;
        let parts: Tensor<6> = x.reshape([n, h / k, k, w / k, k, c]);
        // (Of a kernel of 1 the axes are in order already.)
        let parts = if k == 1 { parts } else { parts.permute([0, 1, 3, 5, 2, 4]) };
        let patches: Tensor<2> = parts.reshape([n * (h / k) * (w / k), each]);
        let y = op::linear(patches, weight.reshape([n_out, each]), self.bias.val(), After::Nothing, None);
        y.reshape([n, h / k, w / k, n_out])
    }

    /// Zero padding of k / 2: `[n, y, x, in]` to `[n, y / stride, x / stride, out]`.
    pub(crate) fn strided(&self, x: Tensor<4>, stride: usize) -> Tensor<4> {
        let weight = self.weight.val();
        let padding = weight.dims()[2] / 2;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        conv2d(x.permute([0, 3, 1, 2]), weight, Some(self.bias.val()), options).permute([0, 2, 3, 1])
    }

    /// Each channel by itself, zero padding of k / 2: `[n, y, x, c]` to the same shape.
    pub(crate) fn each_channel(&self, x: Tensor<4>) -> Tensor<4> {
        op::by_channel(x, self.weight.val(), self.bias.val())
    }
}

/// A transposed convolution of kernel and stride 2.
#[derive(Module, Debug)]
pub(crate) struct Double {
    /// `[in, out, 2, 2]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
}

impl Double {
    pub(crate) fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { weight: initial.uniform([n_in, n_out, 2, 2], n_out * 4), bias: initial.uniform([n_out], n_out * 4) }
    }

    /// `[n, y, x, in]` to `[n, 2 y, 2 x, out]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let ([n, h, w, _], [n_in, n_out, ..]) = (x.dims(), weight.dims());
        let kernel: Tensor<2> = weight.permute([2, 3, 1, 0]).reshape([4 * n_out, n_in]);
        let bias: Tensor<1> = self.bias.val().repeat(&[4]);
        let flat: Tensor<2> = x.reshape([n * h * w, n_in]);
        let parts: Tensor<6> = op::linear(flat, kernel, bias, After::Nothing, None).reshape([n, h, w, 2, 2, n_out]);
        parts.permute([0, 1, 3, 2, 4, 5]).reshape([n, 2 * h, 2 * w, n_out])
    }
}
