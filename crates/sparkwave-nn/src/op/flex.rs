//! The operations of [`super`] on the CPU, with the gradients of our kernels.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, Tensor};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d};
use sparkwave_kernels::norm::{self, BatchNorm, Moments};
use sparkwave_kernels::pool;
use sparkwave_kernels::transposed::{self, Transposed};
use sparkwave_kernels::{Batch, Isa, Volume};

type Primitive = FloatTensor<Flex>;

#[backend_extension(Autodiff, Flex)]
pub(crate) trait VolumeOps: Backend {
    fn volume_conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    fn volume_upsample(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self>;

    fn volume_pool(x: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self>;

    fn volume_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::volume_conv(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()))
}

pub(super) fn upsample(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>, stride: [usize; 3]) -> Tensor<5> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::volume_upsample(x, weight, bias, stride))
}

pub(super) fn max_pool(x: Tensor<5>, stride: [usize; 3]) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::volume_pool(x.into_dispatch(), stride))
}

pub(super) fn norm_batch(
    x: Tensor<5>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f32,
    slope: f32,
) -> (Tensor<5>, Tensor<1>, Tensor<1>) {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    let (y, mean, var) = Dispatch::volume_norm(x, weight, bias, epsilon, slope);
    (Tensor::from_dispatch(y), Tensor::from_dispatch(mean), Tensor::from_dispatch(var))
}

/// Why a kernel cannot refuse: it is given what the tensors themselves say of their shapes.
const FITS: &str = "the shapes were taken from the tensors";

fn dims<const D: usize>(x: &Primitive) -> [usize; D] {
    x.shape().dims()
}

fn batch_of(x: &Primitive) -> Batch {
    let [n, _, t, h, w] = dims(x);
    Batch::new(n, Volume::new(t, h, w))
}

fn slice(x: &Primitive) -> &[f32] {
    x.as_slice::<f32>().expect("made contiguous before")
}

fn empty(shape: impl Into<Shape>) -> Primitive {
    Primitive::empty(shape.into(), DType::F32)
}

fn vector(values: Vec<f32>) -> Primitive {
    let n = values.len();
    Primitive::from_data(burn::tensor::TensorData::new(values, [n]))
}

fn rectifier(slope: f32) -> Activation {
    if slope == 0.0 {
        Activation::Relu
    } else if slope == 1.0 {
        Activation::Identity
    } else {
        Activation::LeakyRelu(slope)
    }
}

fn conv_layer(weight: &Primitive) -> Conv3d {
    let [n_out, n_in, kt, ky, kx] = dims(weight);
    Conv3d::new(n_in, n_out, [kt, ky, kx]).expect(FITS)
}

fn upsample_layer(weight: &Primitive, stride: [usize; 3]) -> Transposed {
    let [n_in, n_out, kt, ky, kx] = dims(weight);
    Transposed::new(n_in, n_out, [kt, ky, kx], stride).expect(FITS)
}

fn forward_conv(x: &Primitive, weight: &Primitive, bias: &Primitive) -> Primitive {
    let layer = conv_layer(weight);
    let packed = layer.pack(slice(weight)).expect(FITS);
    let ([n, _, t, h, w], [n_out, ..]) = (dims::<5>(x), dims::<5>(weight));
    let mut y = empty([n, n_out, t, h, w]);
    let (bias, out) = (Some(slice(bias)), y.storage_mut::<f32>());
    conv3d::forward(Isa::best(), &packed, bias, Activation::Identity, &[slice(x)], batch_of(x), out).expect(FITS);
    y
}

fn forward_upsample(x: &Primitive, weight: &Primitive, bias: &Primitive, stride: [usize; 3]) -> Primitive {
    let packed = upsample_layer(weight, stride).pack(slice(weight)).expect(FITS);
    let ([n, _, t, h, w], [_, n_out, ..]) = (dims::<5>(x), dims::<5>(weight));
    let mut y = empty([n, n_out, t * stride[0], h * stride[1], w * stride[2]]);
    let (bias, out) = (Some(slice(bias)), y.storage_mut::<f32>());
    transposed::forward(Isa::best(), &packed, bias, Activation::Identity, slice(x), batch_of(x), out).expect(FITS);
    y
}

fn forward_pool(x: &Primitive, stride: [usize; 3], place: Option<&mut Vec<u8>>) -> Primitive {
    let [n, c, t, h, w] = dims(x);
    let mut y = empty([n, c, t / stride[0], h / stride[1], w / stride[2]]);
    let out = y.storage_mut::<f32>();
    let place = place.map(|place| {
        place.resize(out.len(), 0);
        place.as_mut_slice()
    });
    pool::forward(Isa::best(), slice(x), n * c, Volume::new(t, h, w), stride, out, place).expect(FITS);
    y
}

fn forward_norm(x: &Primitive, weight: &Primitive, bias: &Primitive, eps: f32, slope: f32) -> (Primitive, Moments) {
    let mut y = empty(x.shape());
    let norm = BatchNorm { scale: slice(weight), shift: slice(bias), eps, activation: rectifier(slope) };
    let out = y.storage_mut::<f32>();
    let moments = norm::forward_training(Isa::best(), &norm, slice(x), batch_of(x), out).expect(FITS);
    (y, moments)
}

impl VolumeOps for Flex {
    fn volume_conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
        forward_conv(&x, &weight, &bias)
    }

    fn volume_upsample(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self> {
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
        forward_upsample(&x, &weight, &bias, stride)
    }

    fn volume_pool(x: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self> {
        forward_pool(&x.to_contiguous(), stride, None)
    }

    fn volume_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_contiguous());
        let (y, moments) = forward_norm(&x, &weight, &bias, epsilon, slope);
        (y, vector(moments.mean), vector(moments.variance))
    }
}

/// Hands a gradient on to where it is wanted.
fn register(grads: &mut Gradients, node: Option<NodeId>, grad: Primitive) {
    if let Some(node) = node {
        grads.register::<Flex>(node, grad);
    }
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<Flex, 3> for ConvBackward {
    /// The input and the weights.
    type State = (Primitive, Primitive);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [of_x, of_weight, of_bias] = ops.parents.map(|node| node.map(|node| node.id));
        let (x, weight) = ops.state;
        let (layer, batch) = (conv_layer(&weight), batch_of(&x));
        if let Some(node) = of_x {
            let mut gx = empty(x.shape());
            let out = &mut [gx.storage_mut::<f32>()];
            conv3d::input_gradient(Isa::best(), &layer, slice(&weight), slice(&grad), batch, out).expect(FITS);
            grads.register::<Flex>(node, gx);
        }
        let (mut gw, mut gb) = (empty(weight.shape()), empty([dims::<5>(&weight)[0]]));
        let (w, b) = (gw.storage_mut::<f32>(), gb.storage_mut::<f32>());
        conv3d::weight_gradient(Isa::best(), &layer, &[slice(&x)], slice(&grad), batch, w, Some(b)).expect(FITS);
        register(grads, of_weight, gw);
        register(grads, of_bias, gb);
    }
}

#[derive(Debug)]
struct UpsampleBackward;

impl Backward<Flex, 3> for UpsampleBackward {
    /// The input, the weights and the stride.
    type State = (Primitive, Primitive, [usize; 3]);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [of_x, of_weight, of_bias] = ops.parents.map(|node| node.map(|node| node.id));
        let (x, weight, stride) = ops.state;
        let (layer, batch) = (upsample_layer(&weight, stride), batch_of(&x));
        if let Some(node) = of_x {
            let mut gx = empty(x.shape());
            let out = gx.storage_mut::<f32>();
            transposed::input_gradient(Isa::best(), &layer, slice(&weight), slice(&grad), batch, out).expect(FITS);
            grads.register::<Flex>(node, gx);
        }
        let (mut gw, mut gb) = (empty(weight.shape()), empty([dims::<5>(&weight)[1]]));
        let (w, b) = (gw.storage_mut::<f32>(), gb.storage_mut::<f32>());
        transposed::weight_gradient(Isa::best(), &layer, slice(&x), slice(&grad), batch, w, Some(b)).expect(FITS);
        register(grads, of_weight, gw);
        register(grads, of_bias, gb);
    }
}

#[derive(Debug)]
struct PoolBackward;

impl Backward<Flex, 1> for PoolBackward {
    /// Where each maximum was in its window, the shape of the input, and the stride.
    type State = (Vec<u8>, [usize; 5], [usize; 3]);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [of_x] = ops.parents.map(|node| node.map(|node| node.id));
        let (place, [n, c, t, h, w], stride) = ops.state;
        if let Some(node) = of_x {
            let mut gx = empty([n, c, t, h, w]);
            let (volume, out) = (Volume::new(t, h, w), gx.storage_mut::<f32>());
            pool::backward(Isa::best(), slice(&grad), &place, n * c, volume, stride, out).expect(FITS);
            grads.register::<Flex>(node, gx);
        }
    }
}

#[derive(Debug)]
struct NormBackward;

impl Backward<Flex, 3> for NormBackward {
    /// The input, scale and shift, the moments of the batch, epsilon and slope.
    type State = (Primitive, Primitive, Primitive, Moments, f32, f32);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [of_x, of_weight, of_bias] = ops.parents.map(|node| node.map(|node| node.id));
        let (x, weight, bias, moments, eps, slope) = ops.state;
        let norm = BatchNorm { scale: slice(&weight), shift: slice(&bias), eps, activation: rectifier(slope) };
        let mut gx = empty(x.shape());
        let out = gx.storage_mut::<f32>();
        let found =
            norm::backward(Isa::best(), &norm, &moments, slice(&x), slice(&grad), batch_of(&x), out).expect(FITS);
        register(grads, of_x, gx);
        register(grads, of_weight, vector(found.scale));
        register(grads, of_bias, vector(found.shift));
    }
}

impl<C: CheckpointStrategy> VolumeOps for Autodiff<Flex, C> {
    fn volume_conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = ConvBackward.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let [x, weight, bias] = [x, weight, bias].map(|t| t.primitive().to_contiguous());
        let y = forward_conv(&x, &weight, &bias);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn volume_upsample(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let prepared = UpsampleBackward.prepare::<C>(nodes).compute_bound().stateful();
        let [x, weight, bias] = [x, weight, bias].map(|t| t.primitive().to_contiguous());
        let y = forward_upsample(&x, &weight, &bias, stride);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, stride), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn volume_pool(x: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self> {
        let prepared = PoolBackward.prepare::<C>([x.node()]).compute_bound().stateful();
        let x = x.primitive().to_contiguous();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let mut place = Vec::new();
                let y = forward_pool(&x, stride, Some(&mut place));
                prepared.finish((place, dims(&x), stride), y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(forward_pool(&x, stride, None)),
        }
    }

    fn volume_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = NormBackward.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let [x, weight, bias] = [x, weight, bias].map(|t| t.primitive().to_contiguous());
        let (y, moments) = forward_norm(&x, &weight, &bias, epsilon, slope);
        // The moments feed the stored statistics, through which no gradient flows.
        let [mean, var] = [&moments.mean, &moments.variance].map(|values| Self::from_inner(vector(values.clone())));
        let y = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, bias, moments, epsilon, slope), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        };
        (y, mean, var)
    }
}
