//! The layers that our networks share, with the field names and the initial values of PyTorch.

use burn::module::{Module, Param, ParamId, RunningState};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::op;

/// Draws initial values from a seed, in the order in which layers are made.
///
/// Weights and biases are uniform within `1 / sqrt(fan_in)`, which is PyTorch's default for convolutions and linear
/// layers (He et al. 2015 with a slope of sqrt 5).
#[derive(Debug)]
pub(crate) struct Initial<'a> {
    rng: Option<ChaCha8Rng>,
    device: &'a Device,
    /// Identifiers are counted, not drawn, so that the state of an optimizer finds its parameters again.
    next_id: u64,
}

impl<'a> Initial<'a> {
    pub(crate) fn new(seed: u64, device: &'a Device) -> Self {
        Self { rng: Some(ChaCha8Rng::seed_from_u64(seed)), device, next_id: 0 }
    }

    /// Zeros in the place of drawn values, for a network whose arrays are about to come from a file.
    pub(crate) fn zeros(device: &'a Device) -> Self {
        Self { rng: None, device, next_id: 0 }
    }

    fn param<const D: usize>(&mut self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        self.next_id += 1;
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        let tensor = if self.device.is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::from(self.next_id), tensor)
    }

    pub(crate) fn uniform<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        self.within(shape, 1.0 / (fan_in as f32).sqrt())
    }

    /// Values from `-bound` to `bound`.
    fn within<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let n = shape.iter().product();
        let values = match &mut self.rng {
            Some(rng) => (0..n).map(|_| rng.random_range(-bound..bound)).collect(),
            None => vec![0.0; n],
        };
        self.param(shape, values)
    }

    pub(crate) fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.param(shape, vec![value; shape.iter().product()])
    }

    fn running(&mut self, n: usize, value: f32) -> RunningState<Tensor<1>> {
        self.next_id += 1;
        let tensor = Tensor::from_data(TensorData::new(vec![value; n], [n]), self.device);
        RunningState::with_id(ParamId::from(self.next_id), tensor)
    }
}

/// A convolution over volumes that keeps their size: odd kernel, stride 1, zero padding.
#[derive(Module, Debug)]
pub(crate) struct Conv3d {
    /// `[out, in, kt, ky, kx]`.
    pub(crate) weight: Param<Tensor<5>>,
    /// `[out]`.
    pub(crate) bias: Param<Tensor<1>>,
}

impl Conv3d {
    pub(crate) fn new(n_in: usize, n_out: usize, kernel: [usize; 3], initial: &mut Initial) -> Self {
        let fan_in = n_in * kernel.iter().product::<usize>();
        Self {
            weight: initial.uniform([n_out, n_in, kernel[0], kernel[1], kernel[2]], fan_in),
            bias: initial.uniform([n_out], fan_in),
        }
    }

    /// With initial values through which a signal neither fades nor grows where rectifiers follow and no normalisation (He et
    /// al., ICCV 2015, eq. 10): six times the variance of PyTorch's.
    pub(crate) fn rectified(n_in: usize, n_out: usize, kernel: [usize; 3], initial: &mut Initial) -> Self {
        let fan_in = n_in * kernel.iter().product::<usize>();
        Self {
            weight: initial.within([n_out, n_in, kernel[0], kernel[1], kernel[2]], (6.0 / fan_in as f32).sqrt()),
            bias: initial.constant([n_out], 0.0),
        }
    }

    /// The last layer of a network of rare events: it begins by saying that one voxel in a hundred belongs to one, or
    /// the first thousand steps would go into learning that (Lin et al., ICCV 2017, section 3.3).
    pub(crate) fn head(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        const PRIOR: f32 = 0.01;
        let bias = initial.constant([n_out], (PRIOR / (1.0 - PRIOR)).ln());
        Self { bias, ..Self::new(n_in, n_out, [1; 3], initial) }
    }

    /// `[n, in, t, y, x]` to `[n, out, t, y, x]`.
    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        op::conv3d(x, self.weight.val(), self.bias.val())
    }
}

/// A transposed convolution that multiplies each axis by its stride of 1 or 2: kernel 3, padding 1, output padding
/// stride - 1.
#[derive(Module, Debug)]
pub(crate) struct Upsample {
    /// `[in, out, 3, 3, 3]`.
    pub(crate) weight: Param<Tensor<5>>,
    /// `[out]`.
    pub(crate) bias: Param<Tensor<1>>,
    stride: [usize; 3],
}

impl Upsample {
    pub(crate) fn new(n_in: usize, n_out: usize, stride: [usize; 3], initial: &mut Initial) -> Self {
        // PyTorch counts the fan-in of a transposed convolution over its second axis.
        let fan_in = n_out * 27;
        Self { weight: initial.uniform([n_in, n_out, 3, 3, 3], fan_in), bias: initial.uniform([n_out], fan_in), stride }
    }

    /// `[n, in, t, y, x]` to `[n, out, t * st, y * sy, x * sx]`.
    pub(crate) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        op::upsample(x, self.weight.val(), self.bias.val(), self.stride)
    }
}

/// Batch normalisation (Ioffe and Szegedy 2015) followed by a leaky rectifier: with the statistics of the batch while
/// training, with the stored ones otherwise. A slope of 0 is the plain rectifier, of 1 none.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    /// `[c]`.
    pub(crate) weight: Param<Tensor<1>>,
    /// `[c]`.
    pub(crate) bias: Param<Tensor<1>>,
    /// `[c]`, what inference uses.
    pub(crate) running_mean: RunningState<Tensor<1>>,
    /// `[c]`, what inference uses.
    pub(crate) running_var: RunningState<Tensor<1>>,
}

impl Norm {
    /// Added to the variance, as in PyTorch.
    pub(crate) const EPSILON: f32 = 1e-5;
    /// How much of a batch's statistics enters the stored ones, as in PyTorch.
    const MOMENTUM: f32 = 0.1;

    pub(crate) fn new(n: usize, initial: &mut Initial) -> Self {
        Self {
            weight: initial.constant([n], 1.0),
            bias: initial.constant([n], 0.0),
            running_mean: initial.running(n, 0.0),
            running_var: initial.running(n, 1.0),
        }
    }

    /// `[n, c, t, y, x]` to the same shape.
    pub(crate) fn forward(&self, x: Tensor<5>, slope: f32) -> Tensor<5> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if !x.device().is_autodiff() {
            let (mean, var) = (self.running_mean.value(), self.running_var.value());
            return op::norm_stored(x, weight, bias, mean, var, Self::EPSILON, slope);
        }
        let [n, _, t, h, w] = x.dims();
        let n_values = (n * t * h * w) as f32;
        let (y, mean, var) = op::norm_batch(x, weight, bias, Self::EPSILON, slope);
        let stored = |running: &RunningState<Tensor<1>>, batch: Tensor<1>| {
            let old = running.value_sync();
            running.update(old * (1.0 - Self::MOMENTUM) + batch.detach() * Self::MOMENTUM);
            // Otherwise the new value would wait for the next step, and a checkpoint would miss it.
            let _ = running.value_sync();
        };
        stored(&self.running_mean, mean);
        stored(&self.running_var, var * (n_values / (n_values - 1.0).max(1.0)));
        y
    }
}

/// A map of vectors along the last axis, with PyTorch's layout of weights.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[out, in]`.
    pub(crate) weight: Param<Tensor<2>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    pub(crate) fn new(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { bias: Some(initial.uniform([n_out], n_in)), ..Self::without_bias(n_in, n_out, initial) }
    }

    pub(crate) fn without_bias(n_in: usize, n_out: usize, initial: &mut Initial) -> Self {
        Self { weight: initial.uniform([n_out, n_in], n_in), bias: None }
    }

    /// `[..., in]` to `[..., out]`, as one product of matrices.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward_onto(x, op::After::Nothing, None)
    }

    /// The same and what follows.
    pub(crate) fn forward_then<const D: usize>(&self, x: Tensor<D>, after: op::After) -> Tensor<D> {
        self.forward_onto(x, after, None)
    }

    /// The same and what follows, added to `past`, `[..., out]`, if there is any.
    pub(crate) fn forward_onto<const D: usize>(
        &self,
        x: Tensor<D>,
        after: op::After,
        past: Option<Tensor<D>>,
    ) -> Tensor<D> {
        let mut shape = x.dims();
        let [n_out, n_in] = self.weight.val().dims();
        let rows = shape.iter().product::<usize>() / n_in;
        let flat: Tensor<2> = x.reshape([rows, n_in]);
        let bias = match &self.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([n_out], &flat.device()),
        };
        let past = past.map(|past| past.reshape([rows, n_out]));
        shape[D - 1] = n_out;
        op::linear(flat, self.weight.val(), bias, after, past).reshape(shape)
    }
}

/// Layer normalisation along the last axis (Ba et al. 2016).
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    /// `[n]`.
    weight: Param<Tensor<1>>,
    /// `[n]`.
    bias: Param<Tensor<1>>,
    /// Added to the variance.
    epsilon: f32,
}

impl LayerNorm {
    /// With PyTorch's epsilon.
    pub(crate) fn new(n: usize, initial: &mut Initial) -> Self {
        Self::with_epsilon(n, Norm::EPSILON, initial)
    }

    pub(crate) fn with_epsilon(n: usize, epsilon: f32, initial: &mut Initial) -> Self {
        Self { weight: initial.constant([n], 1.0), bias: initial.constant([n], 0.0), epsilon }
    }

    /// `[..., c]` to the same shape.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        op::norm_layer(x, self.weight.val(), self.bias.val(), self.epsilon)
    }
}

/// Every channel of every volume normalised by its own mean and variance (Ulyanov et al. 2016), then rectified with this
/// slope, in training and inference alike.
pub(crate) fn normalise_instances(x: Tensor<5>, slope: f32) -> Tensor<5> {
    let [n, c, t, h, w] = x.dims();
    let device = x.device();
    let (one, zero) = (Tensor::ones([n * c], &device), Tensor::zeros([n * c], &device));
    let (y, ..) = op::norm_batch(x.reshape([1, n * c, t, h, w]), one, zero, Norm::EPSILON, slope);
    y.reshape([n, c, t, h, w])
}

/// A rectifier whose slope below zero, `[1]`, is learned (He et al. 2015).
pub(crate) fn parametric_rectifier(x: Tensor<5>, slope: Tensor<1>) -> Tensor<5> {
    let below = -activation::relu(-x.clone());
    activation::relu(x) + below * slope.reshape([1, 1, 1, 1, 1])
}
