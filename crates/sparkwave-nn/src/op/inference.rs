//! The operations of [`super`] that have kernels for inference on the CPU only: with a tape, the library's own run.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use sparkwave_kernels::attention::{self, Tokens};
use sparkwave_kernels::{Isa, gelu, layer_norm};

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
        let slice = |x: &Primitive| x.as_slice::<f32>().expect("made contiguous before").to_vec();
        let (weight, bias) = (slice(&weight), slice(&bias));
        let mut y = Primitive::empty(x.shape(), DType::F32);
        let input = x.as_slice::<f32>().expect("made contiguous before");
        layer_norm::forward(Isa::best(), &weight, &bias, epsilon, input, y.storage_mut::<f32>()).expect(FITS);
        y
    }

    fn infer_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut y = x.to_contiguous();
        drop(x);
        gelu::gelu(Isa::best(), y.storage_mut::<f32>());
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
    }

    #[test]
    fn a_tensor_that_is_used_again_is_left_alone() {
        let x = input([100], 1, &cpu());
        let before = x.clone().into_data();
        let _ = op::gelu(x.clone());
        assert_eq!(x.into_data(), before);
    }
}
