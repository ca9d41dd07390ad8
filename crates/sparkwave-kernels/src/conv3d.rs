//! Convolution (cross-correlation, as in all frameworks) of stride 1 that keeps the size of its input: the kernel is 1 or
//! 3 along each axis, beyond the volume there are zeros.
//!
//! Weights are `[channels out, channels in, kernel depth, height, width]`, as PyTorch's `Conv3d` has them.

use crate::activation::{Activation, sigmoid};
use crate::correlate::{Channels, Finish, GATHER_OUTPUTS, correlate};
use crate::error::{ShapeError, expect_len, product};
use crate::filters::{self, Filters};
use crate::isa::Isa;
use crate::output::Output;
use crate::planes::{Planes, PlanesMut, expect_planes};
use crate::products::{GATHER_PRODUCTS, products};
use crate::stack::{Layout, Tensor};
use crate::stencil::{self, Phase, Tap};
use crate::volume::{Batch, Volume};
use std::ops::Range;

/// Sizes of a convolution.
///
/// It may have two inputs, whose channels count as one after the other: the convolution of a skip connection and of what
/// comes from below needs no tensor that holds both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv3d {
    inputs: [usize; 2],
    outputs: usize,
    kernel: [usize; 3],
}

/// Weights in the order in which the kernels read them.
#[derive(Debug, Clone)]
pub struct PackedConv3d {
    layer: Conv3d,
    filters: Filters,
}

impl Conv3d {
    /// A layer from `inputs` to `outputs` channels.
    ///
    /// # Errors
    ///
    /// If an axis of the kernel (depth, height, width) is neither 1 nor 3.
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 3]) -> Result<Self, ShapeError> {
        Self::of_two([inputs, 0], outputs, kernel)
    }

    /// A layer of two inputs with these numbers of channels.
    ///
    /// # Errors
    ///
    /// If an axis of the kernel (depth, height, width) is neither 1 nor 3.
    pub fn of_two(inputs: [usize; 2], outputs: usize, kernel: [usize; 3]) -> Result<Self, ShapeError> {
        if stencil::same(kernel).is_none() {
            return Err(ShapeError::Unsupported { what: "kernel, not 1 or 3 an axis", found: kernel });
        }
        product(&[inputs[0].saturating_add(inputs[1]), outputs, 27])?;
        Ok(Self { inputs, outputs, kernel })
    }

    /// Elements of the weights.
    #[must_use]
    pub const fn weights(&self) -> usize {
        self.outputs * (self.inputs[0] + self.inputs[1]) * self.kernel[0] * self.kernel[1] * self.kernel[2]
    }

    /// Channels of each input; one of none has no slice.
    fn inputs(&self) -> impl Iterator<Item = usize> + use<> {
        self.inputs
            .into_iter()
            .enumerate()
            .filter(|(i, channels)| *i == 0 || *channels > 0)
            .map(|(_, channels)| channels)
    }

    fn phase(&self) -> Phase {
        stencil::same(self.kernel).expect("the kernel was checked when the layer was made")
    }

    /// Packs weights for [`forward`].
    ///
    /// # Errors
    ///
    /// If their number is another one.
    pub fn pack(&self, weight: &[f32]) -> Result<PackedConv3d, ShapeError> {
        expect_len("weight", weight.len(), &[self.weights()])?;
        let taps = self.phase().taps;
        let (channels, elements) = (self.inputs[0] + self.inputs[1], taps.len());
        let inputs = self.inputs().map(|channels| filters::Input { channels, taps: taps.clone() }).collect();
        let filters =
            Filters::pack(self.outputs, inputs, weight, |output, input| (output * channels + input) * elements);
        Ok(PackedConv3d { layer: *self, filters })
    }

    /// Checks tensors on the side of the input; returns the voxels of a sample.
    fn expect_inputs<T: AsRef<[f32]>>(
        &self,
        what: &'static str,
        data: &[T],
        batch: Batch,
    ) -> Result<usize, ShapeError> {
        let expected = self.inputs().count();
        if data.len() != expected {
            return Err(ShapeError::Inputs { expected, found: data.len() });
        }
        let voxels = batch.volume.voxels()?;
        for (data, channels) in data.iter().zip(self.inputs()) {
            expect_len(what, data.as_ref().len(), &[batch.samples, channels, voxels])?;
        }
        Ok(voxels)
    }
}

/// The convolution plus `bias`, activated.
///
/// `inputs` are one or two tensors `[N, channels, D, H, W]`, `bias` one value a channel of `output`
/// `[N, channels out, D, H, W]`. Memory is allocated only for several samples of fewer than 64 voxels.
///
/// # Errors
///
/// If a slice has another length.
pub fn forward(
    isa: Isa,
    packed: &PackedConv3d,
    bias: Option<&[f32]>,
    activation: Activation,
    inputs: &[&[f32]],
    batch: Batch,
    output: &mut [f32],
) -> Result<(), ShapeError> {
    let layer = &packed.layer;
    let voxels = layer.expect_inputs("input", inputs, batch)?;
    if let Some(bias) = bias {
        expect_len("bias", bias.len(), &[layer.outputs])?;
    }
    expect_len("output", output.len(), &[batch.samples, layer.outputs, voxels])?;
    let finish = Finish { bias, slope: activation.slope() };
    let layout = Layout::new(batch, GATHER_OUTPUTS)?;
    let tensors: Vec<_> = inputs.iter().zip(layer.inputs()).map(|(data, c)| layout.tensor(data, c)).collect();
    run(isa, &packed.filters, &tensors, layout, finish, vec![(layer.outputs, Output::new(output))]);
    if activation == Activation::Sigmoid {
        sigmoid(isa, output);
    }
    Ok(())
}

/// [`forward`] at some planes of a volume of one sample: `inputs` hold the planes of `volume`, of which `planes` are
/// computed, and `output` receives these.
///
/// # Errors
///
/// If a slice is too short for its planes, or `planes` are not planes of the volume.
#[allow(clippy::too_many_arguments, reason = "those of `forward`, and which planes")]
pub fn forward_planes(
    isa: Isa,
    packed: &PackedConv3d,
    bias: Option<&[f32]>,
    activation: Activation,
    inputs: &[Planes<'_>],
    volume: Volume,
    planes: Range<usize>,
    output: PlanesMut<'_>,
) -> Result<(), ShapeError> {
    let layer = &packed.layer;
    let layout = Layout::of_planes(volume, &planes)?;
    let expected = layer.inputs().count();
    if inputs.len() != expected {
        return Err(ShapeError::Inputs { expected, found: inputs.len() });
    }
    for (input, channels) in inputs.iter().zip(layer.inputs()) {
        expect_planes("input", (input.data.len(), input.channel_stride), channels, volume)?;
    }
    if let Some(bias) = bias {
        expect_len("bias", bias.len(), &[layer.outputs])?;
    }
    let (of_output, stride) = (Volume { depth: planes.len(), ..volume }, output.channel_stride);
    expect_planes("output", (output.data.len(), stride), layer.outputs, of_output)?;
    let stacks: Vec<_> = inputs.iter().map(Planes::stack).collect();
    let finish = Finish { bias, slope: activation.slope() };
    let outputs = vec![(layer.outputs, Output::new(&mut *output.data))];
    correlate(isa, &[&packed.filters], &stacks, layout, finish, &Channels { layout, stride, outputs });
    if activation == Activation::Sigmoid {
        for channel in 0..layer.outputs {
            sigmoid(isa, &mut output.data[channel * stride..][..layout.voxels]);
        }
    }
    Ok(())
}

/// Gradients with respect to the inputs, from the gradient with respect to the sums.
///
/// `grad_output` is `[N, channels out, D, H, W]`, `grad_inputs` one tensor for each input, which is overwritten.
///
/// # Errors
///
/// If a slice has another length.
pub fn input_gradient(
    isa: Isa,
    layer: &Conv3d,
    weight: &[f32],
    grad_output: &[f32],
    batch: Batch,
    grad_inputs: &mut [&mut [f32]],
) -> Result<(), ShapeError> {
    let voxels = layer.expect_inputs("grad_input", grad_inputs, batch)?;
    expect_len("weight", weight.len(), &[layer.weights()])?;
    expect_len("grad_output", grad_output.len(), &[batch.samples, layer.outputs, voxels])?;
    let taps = layer.phase().taps;
    let (channels, elements) = (layer.inputs[0] + layer.inputs[1], taps.len());
    let reversed = taps.into_iter().map(Tap::reversed).collect();
    let inputs = vec![filters::Input { channels: layer.outputs, taps: reversed }];
    let filters = Filters::pack(channels, inputs, weight, |input, output| (output * channels + input) * elements);
    let layout = Layout::new(batch, GATHER_OUTPUTS)?;
    let outputs = layer.inputs().zip(grad_inputs.iter_mut().map(|g| Output::new(g))).collect();
    let finish = Finish { bias: None, slope: 1.0 };
    run(isa, &filters, &[layout.tensor(grad_output, layer.outputs)], layout, finish, outputs);
    Ok(())
}

/// Correlates and writes the channels of the sums to `outputs`, tensors that follow each other.
fn run(
    isa: Isa,
    filters: &Filters,
    tensors: &[Tensor<'_>],
    layout: Layout,
    finish: Finish<'_>,
    outputs: Vec<(usize, Output<'_>)>,
) {
    let stacks: Vec<_> = tensors.iter().map(Tensor::stack).collect();
    correlate(isa, &[filters], &stacks, layout, finish, &Channels { layout, stride: layout.voxels, outputs });
}

/// Gradients with respect to the weights and to the bias, from the gradient with respect to the sums.
///
/// Tensors as in [`forward`] and [`input_gradient`]; `grad_weight` and `grad_bias` are overwritten.
///
/// # Errors
///
/// If a slice has another length.
pub fn weight_gradient(
    isa: Isa,
    layer: &Conv3d,
    inputs: &[&[f32]],
    grad_output: &[f32],
    batch: Batch,
    grad_weight: &mut [f32],
    mut grad_bias: Option<&mut [f32]>,
) -> Result<(), ShapeError> {
    let voxels = layer.expect_inputs("input", inputs, batch)?;
    expect_len("grad_output", grad_output.len(), &[batch.samples, layer.outputs, voxels])?;
    expect_len("grad_weight", grad_weight.len(), &[layer.weights()])?;
    if let Some(grad_bias) = &grad_bias {
        expect_len("grad_bias", grad_bias.len(), &[layer.outputs])?;
    }
    let phase = layer.phase();
    let channels = layer.inputs[0] + layer.inputs[1];
    let layout = Layout::new(batch, GATHER_PRODUCTS)?;
    let grad = |_, channel: usize, position: usize, row: &mut [f32]| {
        let mut rest = row;
        for (sample, first, len) in layout.pieces(position, rest.len()) {
            let (piece, after) = std::mem::take(&mut rest).split_at_mut(len);
            let start = (sample * layer.outputs + channel) * layout.voxels + first;
            piece.copy_from_slice(&grad_output[start..][..len]);
            rest = after;
        }
    };
    let mut before = 0;
    for (data, of_input) in inputs.iter().zip(layer.inputs()) {
        let input = layout.tensor(data, of_input);
        let sums =
            products(isa, (layer.outputs, grad), (input.stack(), of_input), std::slice::from_ref(&phase), layout);
        let of_output = of_input * phase.taps.len();
        for output in 0..layer.outputs {
            let place = (output * channels + before) * phase.taps.len();
            grad_weight[place..][..of_output].copy_from_slice(&sums[output * (of_output + 1)..][..of_output]);
        }
        if let Some(grad_bias) = &mut grad_bias {
            let totals = sums.chunks_exact(of_output + 1).map(|row| row[of_output]);
            grad_bias.iter_mut().zip(totals).for_each(|(bias, total)| *bias = total);
        }
        before += of_input;
    }
    Ok(())
}
