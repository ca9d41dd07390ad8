//! The operations of [`super`] that have kernels for inference on the CPU only: with a tape, the library's own run.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use sparkwave_kernels::attention::windows::{self, Windows};
use sparkwave_kernels::attention::{self, Tokens};
use sparkwave_kernels::depthwise::{self, Images};
use sparkwave_kernels::linear::{self, After, Linear};
use sparkwave_kernels::{Isa, gelu, layer_norm, rotate};

type Primitive = FloatTensor<Flex>;

#[backend_extension(Flex)]
pub(crate) trait InferenceOps: Backend {
    fn infer_attention(q: FloatTensor<Self>, k: FloatTensor<Self>, v: FloatTensor<Self>) -> FloatTensor<Self>;

    fn infer_norm_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    fn infer_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn infer_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        after: After,
    ) -> FloatTensor<Self>;

    fn infer_linear_onto(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        after: After,
        past: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn infer_rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        placed: usize,
    ) -> FloatTensor<Self>;

    fn infer_windows(
        qkv: FloatTensor<Self>,
        beyond: FloatTensor<Self>,
        heads: usize,
        edge: usize,
        pooled: bool,
    ) -> FloatTensor<Self>;

    fn infer_by_channel(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::infer_attention(q.into_dispatch(), k.into_dispatch(), v.into_dispatch()))
}

pub(super) fn norm_layer<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, epsilon: f32) -> Tensor<D> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::infer_norm_layer(x, weight, bias, epsilon))
}

pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::infer_gelu(x.into_dispatch()))
}

pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, after: After) -> Tensor<2> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::infer_linear(x, weight, bias, after))
}

pub(super) fn linear_onto(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    after: After,
    past: Tensor<2>,
) -> Tensor<2> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::infer_linear_onto(x, weight, bias, after, past.into_dispatch()))
}

pub(super) fn rotate(x: Tensor<3>, cos: Tensor<2>, sin: Tensor<2>, placed: usize) -> Tensor<3> {
    let (x, cos, sin) = (x.into_dispatch(), cos.into_dispatch(), sin.into_dispatch());
    Tensor::from_dispatch(Dispatch::infer_rotate(x, cos, sin, placed))
}

pub(super) fn window_attention(
    qkv: Tensor<4>,
    beyond: Tensor<1>,
    heads: usize,
    edge: usize,
    pooled: bool,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::infer_windows(qkv.into_dispatch(), beyond.into_dispatch(), heads, edge, pooled))
}

pub(super) fn by_channel(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::infer_by_channel(x, weight, bias))
}

/// Why a kernel cannot refuse: it is given what the tensors themselves say of their shapes.
const FITS: &str = "the shapes were taken from the tensors";

/// A tensor whose vectors along the last axis can be read where they are: as it is, or a copy.
fn readable(x: Primitive) -> Primitive {
    let strides = x.layout().strides();
    if strides.last() == Some(&1) && strides.iter().all(|&s| s >= 0) { x } else { x.to_contiguous() }
}

/// `[samples, tokens, heads, length]` as the kernel wants it.
fn tokens(x: &Primitive) -> Tokens<'_> {
    let [_, tokens, _, length] = x.shape().dims();
    let layout = x.layout();
    let stride = |axis: usize| layout.strides()[axis].unsigned_abs();
    let data = &x.storage::<f32>()[layout.start_offset()..];
    Tokens { data, tokens, length, strides: [stride(0), stride(1), stride(2)] }
}

/// The values of a tensor that was made contiguous.
fn slice(x: &Primitive) -> &[f32] {
    x.as_slice::<f32>().expect("made contiguous before")
}

/// A linear layer and what follows, plus `past`.
fn linear_layer([x, weight, bias]: [Primitive; 3], after: After, past: Option<Primitive>) -> Primitive {
    let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
    let past = past.map(|t| t.to_contiguous());
    let ([vectors, inputs], [outputs, _]): ([usize; 2], [usize; 2]) = (x.shape().dims(), weight.shape().dims());
    let mut y = Primitive::empty([vectors, outputs].into(), DType::F32);
    let residual = past.as_ref().map(slice);
    let layer = Linear { weight: slice(&weight), bias: Some(slice(&bias)), after, residual };
    let sizes = [vectors, inputs, outputs];
    linear::forward(Isa::best(), &layer, sizes, slice(&x), y.storage_mut::<f32>()).expect(FITS);
    y
}

impl InferenceOps for Flex {
    fn infer_attention(q: FloatTensor<Self>, k: FloatTensor<Self>, v: FloatTensor<Self>) -> FloatTensor<Self> {
        let [q, k, v] = [q, k, v].map(readable);
        let ([n, queries, heads, _], [_, _, _, of_value]): ([usize; 4], [usize; 4]) =
            (q.shape().dims(), v.shape().dims());
        let mut y = Primitive::empty([n, queries, heads, of_value].into(), DType::F32);
        let out = y.storage_mut::<f32>();
        attention::forward(Isa::best(), n, heads, tokens(&q), tokens(&k), tokens(&v), out).expect(FITS);
        y
    }

    fn infer_norm_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
        let mut y = Primitive::empty(x.shape(), DType::F32);
        let (scale, shift) = (slice(&weight), slice(&bias));
        layer_norm::forward(Isa::best(), scale, shift, epsilon, slice(&x), y.storage_mut::<f32>()).expect(FITS);
        y
    }

    fn infer_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut y = x.to_contiguous();
        drop(x);
        gelu::gelu(Isa::best(), y.storage_mut::<f32>());
        y
    }

    fn infer_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        after: After,
    ) -> FloatTensor<Self> {
        linear_layer([x, weight, bias], after, None)
    }

    fn infer_linear_onto(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        after: After,
        past: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear_layer([x, weight, bias], after, Some(past))
    }

    fn infer_rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        placed: usize,
    ) -> FloatTensor<Self> {
        let [cos, sin] = [cos, sin].map(|t| t.to_contiguous());
        let mut y = x.to_contiguous();
        drop(x);
        let sizes: [usize; 3] = y.shape().dims();
        rotate::forward(Isa::best(), sizes, placed, [slice(&cos), slice(&sin)], y.storage_mut::<f32>()).expect(FITS);
        y
    }

    fn infer_windows(
        qkv: FloatTensor<Self>,
        beyond: FloatTensor<Self>,
        heads: usize,
        edge: usize,
        pooled: bool,
    ) -> FloatTensor<Self> {
        let [qkv, beyond] = [qkv, beyond].map(|t| t.to_contiguous());
        let [images, height, width, triple]: [usize; 4] = qkv.shape().dims();
        let step = if pooled { 2 } else { 1 };
        let mut y = Primitive::empty([images, height / step, width / step, triple / 3].into(), DType::F32);
        let shape = Windows { images, height, width, heads, length: triple / 3 / heads, edge, pooled };
        windows::forward(Isa::best(), shape, slice(&qkv), slice(&beyond), y.storage_mut::<f32>()).expect(FITS);
        y
    }

    fn infer_by_channel(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
        let ([n, height, width, channels], [.., edge]): ([usize; 4], [usize; 4]) =
            (x.shape().dims(), weight.shape().dims());
        let mut y = Primitive::empty(x.shape(), DType::F32);
        let (images, out) = (Images { n, height, width, channels }, y.storage_mut::<f32>());
        depthwise::forward(Isa::best(), images, edge, slice(&weight), slice(&bias), slice(&x), out).expect(FITS);
        y
    }
}

#[cfg(test)]
mod tests {
    use super::super as op;
    use crate::cpu;
    use crate::golden::scatter;
    use burn::tensor::{Device, Tensor, TensorData};

    fn input<const D: usize>(shape: [usize; D], j: usize, device: &Device) -> Tensor<D> {
        let values: Vec<f32> = scatter(shape.iter().product(), j).map(|v| 3.0 * v).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The same of our kernels and, with a tape, of the library.
    fn same<const D: usize>(of: impl Fn(&Device) -> Tensor<D>) {
        let [ours, theirs] = [cpu(), cpu().autodiff()].map(|device| of(&device));
        assert_eq!(ours.dims(), theirs.dims());
        let values = |x: Tensor<D>| x.into_data().iter::<f32>().collect::<Vec<_>>();
        for (a, b) in values(ours).into_iter().zip(values(theirs)) {
            assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn kernels_give_what_the_library_gives() {
        same(|device| {
            let qkv = input([2, 50, 3 * 24], 1, device);
            let part = |i: usize| -> Tensor<4> { qkv.clone().narrow(2, 24 * i, 24).reshape([2, 50, 3, 8]) };
            op::attention(part(0), part(1), part(2))
        });
        same(|device| {
            let swapped = input([8, 5, 7, 2], 2, device).permute([3, 1, 2, 0]);
            op::attention(swapped.clone(), swapped.clone(), swapped)
        });
        same(|device| {
            let of = |j| input([12], j, device);
            op::norm_layer(input([12, 3, 5], 3, device).permute([1, 2, 0]), of(4), of(5), 1e-6)
        });
        same(|device| op::gelu(input([3, 70, 2], 6, device).swap_dims(0, 2)));
        for after in [op::After::Nothing, op::After::Relu, op::After::Gelu] {
            same(|device| {
                let (x, weight) =
                    (input([7, 30], 7, device).swap_dims(0, 1), input([7, 20], 8, device).swap_dims(0, 1));
                op::linear(x, weight, input([20], 9, device), after, Some(input([30, 20], 10, device)))
            });
        }
        same(|device| {
            let turns = [11, 12].map(|j| input([4, 5], j, device));
            op::rotate(input([2, 11, 10], 13, device), &turns, 8)
        });
        same(|device| {
            let (x, weight) =
                (input([2, 70, 6, 5], 16, device).permute([0, 2, 3, 1]), input([70, 1, 3, 3], 17, device));
            op::by_channel(x, weight, input([70], 18, device))
        });
        for (edge, pooled) in [(4, false), (4, true), (6, true)] {
            same(|device| {
                op::window_attention(input([2, 6, 10, 36], 14, device), input([36], 15, device), 2, edge, pooled)
            });
        }
    }

    #[test]
    fn a_tensor_that_is_used_again_is_left_alone() {
        let x = input([100], 1, &cpu());
        let before = x.clone().into_data();
        let _ = op::gelu(x.clone());
        assert_eq!(x.into_data(), before);
    }
}
