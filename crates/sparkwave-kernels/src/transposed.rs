//! Transposed convolution (PyTorch's `ConvTranspose3d`) whose output is `stride` times its input along each axis.
//!
//! Along an axis, the kernel is 3 with stride 2 (padding 1, output padding 1) or stride 1 (padding 1), or as long as the
//! stride, 2 or 1 (no padding). Weights are `[channels in, channels out, kernel depth, height, width]`.
//!
//! The outputs that belong to one voxel of the input are *phases*, each a convolution at the resolution of the input with
//! some of the taps; see [`conv3d`](crate::conv3d) for those. No product with an inserted zero is computed.

use crate::activation::{Activation, sigmoid};
use crate::correlate::{Channels, Finish, GATHER_OUTPUTS, Place, Sink, Sums, correlate};
use crate::error::{ShapeError, expect_len, product};
use crate::filters::{Filters, Input};
use crate::isa::{Isa, for_each_isa};
use crate::output::Output;
use crate::planes::{Planes, PlanesMut, expect_planes};
use crate::prefetch::prefetch;
use crate::products::{GATHER_PRODUCTS, products};
use crate::stack::{Layout, Stack};
use crate::stencil::{self, Phase};
use crate::volume::{Batch, Volume};
use rayon::prelude::*;
use std::ops::Range;

/// How many rows before it is needed a row is brought into the cache.
const AHEAD: usize = 8;

/// Sizes of a transposed convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transposed {
    inputs: usize,
    outputs: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    phases: Vec<Phase>,
}

/// Weights in the order in which the kernels read them.
#[derive(Debug, Clone)]
pub struct PackedTransposed {
    layer: Transposed,
    /// For each phase.
    filters: Vec<Filters>,
}

impl Transposed {
    /// A layer from `inputs` to `outputs` channels.
    ///
    /// # Errors
    ///
    /// If an axis (depth, height, width) has another kernel and stride than those of this module.
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 3], stride: [usize; 3]) -> Result<Self, ShapeError> {
        let what = "kernel, not 3 with stride 2 or 1, 2 with stride 2 or 1 with stride 1 an axis";
        let phases = stencil::transposed(kernel, stride).ok_or(ShapeError::Unsupported { what, found: kernel })?;
        product(&[inputs, outputs, 27])?;
        Ok(Self { inputs, outputs, kernel, stride, phases })
    }

    /// Elements of the weights.
    #[must_use]
    pub const fn weights(&self) -> usize {
        self.inputs * self.outputs * self.elements()
    }

    const fn elements(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.kernel[2]
    }

    /// The size of the output for this size of the input.
    ///
    /// # Errors
    ///
    /// If it could not be addressed.
    pub fn output(&self, input: Volume) -> Result<Volume, ShapeError> {
        let [d, h, w] = input.sizes();
        let output =
            Volume::new(product(&[d, self.stride[0]])?, product(&[h, self.stride[1]])?, product(&[w, self.stride[2]])?);
        output.voxels()?;
        Ok(output)
    }

    /// Packs weights for [`forward`].
    ///
    /// # Errors
    ///
    /// If their number is another one.
    pub fn pack(&self, weight: &[f32]) -> Result<PackedTransposed, ShapeError> {
        expect_len("weight", weight.len(), &[self.weights()])?;
        let pack = |phase: &Phase| {
            let inputs = vec![Input { channels: self.inputs, taps: phase.taps.clone() }];
            Filters::pack(self.outputs, inputs, weight, |output, input| self.place(input, output))
        };
        Ok(PackedTransposed { layer: self.clone(), filters: self.phases.iter().map(pack).collect() })
    }

    /// Where the weights have the kernel of two channels.
    const fn place(&self, input: usize, output: usize) -> usize {
        (input * self.outputs + output) * self.elements()
    }

    /// Checks both sides; the batch is that of the input.
    fn expect(
        &self,
        input: (&'static str, usize),
        output: (&'static str, usize),
        batch: Batch,
    ) -> Result<(), ShapeError> {
        expect_len(input.0, input.1, &[batch.samples, self.inputs, batch.volume.voxels()?])?;
        expect_len(output.0, output.1, &[batch.samples, self.outputs, self.output(batch.volume)?.voxels()?])
    }

    /// Fills a row with the values that a phase has of a channel of a tensor on the side of the output, from a position of
    /// the input on.
    fn take(
        &self,
        isa: Isa,
        (data, layout): (&[f32], Layout),
        phase: &Phase,
        channel: usize,
        position: usize,
        row: &mut [f32],
    ) {
        let ([_, height, width], [along_z, along_y, along_x]) = (layout.volume.sizes(), self.stride);
        let of_large = layout.voxels * self.phases.len();
        let mut rest = row;
        for (sample, first, len) in layout.pieces(position, rest.len()) {
            let from = &data[(sample * self.outputs + channel) * of_large..][..of_large];
            let (mut z, mut y, mut x) = (first / width / height, first / width % height, first % width);
            let mut left = len;
            while left > 0 {
                let n = (width - x).min(left);
                let (piece, after) = std::mem::take(&mut rest).split_at_mut(n);
                let of_large = (z * along_z + phase.at[0]) * height * along_y + y * along_y + phase.at[1];
                let start = (of_large * width + x) * along_x;
                // Rows of a phase lie apart, which is too irregular for the processor to foresee.
                for line in (0..n * along_x).step_by(16) {
                    prefetch(from, start + AHEAD * along_y * width * along_x + line);
                }
                let from = &from[start..][..n * along_x];
                if along_x == 2 {
                    if phase.at[2] == 0 { evens(isa, from, piece) } else { odds(isa, from, piece) }
                } else {
                    piece.copy_from_slice(from);
                }
                (rest, left, x) = (after, left - n, 0);
                (z, y) = if y + 1 < height { (z, y + 1) } else { (z + 1, 0) };
            }
        }
    }
}

for_each_isa! {
    /// The first value of each pair of `from`.
    fn evens(from: &[f32], to: &mut [f32]) = second::<0>
}

for_each_isa! {
    /// The second value of each pair of `from`.
    fn odds(from: &[f32], to: &mut [f32]) = second::<1>
}

#[inline(always)]
fn second<const WHICH: usize>(from: &[f32], to: &mut [f32]) {
    let (to, to_rest) = to.as_chunks_mut::<16>();
    let (from, from_rest) = from.as_chunks::<32>();
    for (to, from) in to.iter_mut().zip(from) {
        for i in 0..16 {
            to[i] = from[2 * i + WHICH];
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest.as_chunks::<2>().0) {
        *to = from[WHICH];
    }
}

/// The row of the output that belongs to a row of the input in a phase.
fn row_of(phase: &Phase, volume: Volume, stride: [usize; 3], row: usize) -> usize {
    let (z, y) = (row / volume.height, row % volume.height);
    (z * stride[0] + phase.at[0]) * volume.height * stride[1] + y * stride[1] + phase.at[1]
}

/// The transposed convolution plus `bias`, activated.
///
/// `input` is `[N, channels in, D, H, W]`, whose N, D, H and W are `batch`; `bias` has one value a channel of `output`,
/// which is `[N, channels out, D * stride, H * stride, W * stride]`. Memory is allocated only for several samples of fewer
/// than 64 voxels.
///
/// # Errors
///
/// If a slice has another length.
pub fn forward(
    isa: Isa,
    packed: &PackedTransposed,
    bias: Option<&[f32]>,
    activation: Activation,
    input: &[f32],
    batch: Batch,
    output: &mut [f32],
) -> Result<(), ShapeError> {
    let layer = &packed.layer;
    layer.expect(("input", input.len()), ("output", output.len()), batch)?;
    if let Some(bias) = bias {
        expect_len("bias", bias.len(), &[layer.outputs])?;
    }
    let layout = Layout::new(batch, GATHER_OUTPUTS)?;
    let tensor = layout.tensor(input, layer.inputs);
    let stride = layer.output(batch.volume)?.voxels()?;
    run(
        isa,
        packed,
        Finish { bias, slope: activation.slope() },
        tensor.stack(),
        layout,
        &Output::new(&mut *output),
        stride,
    );
    if activation == Activation::Sigmoid {
        sigmoid(isa, output);
    }
    Ok(())
}

/// [`forward`] from some planes of a volume of one sample, without an activation: `input` holds the planes of `volume`, and
/// `output` receives what belongs to `planes` of these, stride times as many.
///
/// # Errors
///
/// If a slice is too short for its planes, or `planes` are not planes of the volume.
pub fn forward_planes(
    isa: Isa,
    packed: &PackedTransposed,
    bias: Option<&[f32]>,
    input: Planes<'_>,
    volume: Volume,
    planes: Range<usize>,
    output: PlanesMut<'_>,
) -> Result<(), ShapeError> {
    let layer = &packed.layer;
    let layout = Layout::of_planes(volume, &planes)?;
    expect_planes("input", (input.data.len(), input.channel_stride), layer.inputs, volume)?;
    if let Some(bias) = bias {
        expect_len("bias", bias.len(), &[layer.outputs])?;
    }
    let (large, stride) = (layer.output(Volume { depth: planes.len(), ..volume })?, output.channel_stride);
    expect_planes("output", (output.data.len(), stride), layer.outputs, large)?;
    run(isa, packed, Finish { bias, slope: 1.0 }, input.stack(), layout, &Output::new(output.data), stride);
    Ok(())
}

/// Computes all phases; `channel_stride` is that of the output.
fn run(
    isa: Isa,
    packed: &PackedTransposed,
    finish: Finish<'_>,
    stack: Stack<'_>,
    layout: Layout,
    output: &Output<'_>,
    channel_stride: usize,
) {
    let layer = &packed.layer;
    // Phases beside each other along the width are computed and written together.
    let along_x = layer.stride[2];
    for (phases, filters) in layer.phases.chunks_exact(along_x).zip(packed.filters.chunks_exact(along_x)) {
        let filters: Vec<_> = filters.iter().collect();
        let sink = Interleaved { layer, layout, channel_stride, phase: &phases[0], output };
        correlate(isa, &filters, &[stack], layout, finish, &sink);
    }
}

/// Sums of the phases beside each other along the width, written in turns.
struct Interleaved<'a> {
    layer: &'a Transposed,
    layout: Layout,
    /// From a voxel of the output to the same voxel of its next channel.
    channel_stride: usize,
    /// The first of the phases.
    phase: &'a Phase,
    output: &'a Output<'a>,
}

impl Interleaved<'_> {
    /// Calls `part` for each part of a place that lies together: channel within the place, first value of the output, first
    /// voxel within the place, number of voxels.
    #[inline]
    fn parts(&self, place: Place, mut part: impl FnMut(usize, usize, usize, usize)) {
        let (width, along_x) = (self.layout.volume.width, self.layer.stride[2]);
        let mut done = 0;
        for (sample, first, len) in self.layout.pieces(place.position, place.len) {
            let mut at = first;
            while at < first + len {
                let n = (width - at % width).min(first + len - at);
                let row = row_of(self.phase, self.layout.volume, self.layer.stride, at / width);
                let start = row * width * along_x + at % width * along_x;
                for channel in 0..place.channels {
                    let plane = (sample * self.layer.outputs + place.channel + channel) * self.channel_stride;
                    part(channel, plane + start, done, n);
                }
                at += n;
                done += n;
            }
        }
    }
}

impl Sink for Interleaved<'_> {
    fn store(&self, place: Place, sums: &[Sums]) {
        self.parts(place, |channel, start, done, len| {
            // SAFETY: every channel of every position comes once, and each has its own piece of a row of the output.
            let row = unsafe { self.output.part(start, len * self.layer.stride[2]) };
            match sums {
                [even, odd] => {
                    let pairs = even.0[channel][done..].iter().zip(&odd.0[channel][done..]);
                    for (values, (even, odd)) in row.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
                        *values = [*even, *odd];
                    }
                }
                _ => row.copy_from_slice(&sums[0].0[channel][done..done + len]),
            }
        });
    }
}

/// Gradient with respect to the input, from the gradient with respect to the sums. `grad_input` is overwritten.
///
/// # Errors
///
/// If a slice has another length than in [`forward`].
pub fn input_gradient(
    isa: Isa,
    layer: &Transposed,
    weight: &[f32],
    grad_output: &[f32],
    batch: Batch,
    grad_input: &mut [f32],
) -> Result<(), ShapeError> {
    layer.expect(("grad_input", grad_input.len()), ("grad_output", grad_output.len()), batch)?;
    expect_len("weight", weight.len(), &[layer.weights()])?;
    let layout = Layout::new(batch, GATHER_OUTPUTS)?;
    let reversed = |phase: &Phase| phase.taps.iter().map(|t| t.reversed()).collect();
    let inputs = layer.phases.iter().map(|p| Input { channels: layer.outputs, taps: reversed(p) }).collect();
    let outputs = layer.outputs.max(1);
    let filters = Filters::pack(layer.inputs, inputs, weight, |input, output| layer.place(input, output % outputs));
    let of_run = layout.run();
    let (values, positions) = (layer.outputs * layout.positions(), layout.positions());
    if grad_input.is_empty() {
        return Ok(());
    }
    let of_output = layer.phases.len() * values;
    grad_input.par_chunks_mut(layer.inputs * positions).zip(grad_output.par_chunks(of_output)).for_each_init(
        || vec![0.0; of_output],
        |split, (grad_input, grad_output)| {
            // Of each channel, what belongs to each phase, one after the other: so a channel is read from the cache.
            let of_channel = layer.phases.len() * positions;
            split.par_chunks_mut(of_channel).enumerate().for_each(|(channel, split)| {
                for (phase, split) in layer.phases.iter().zip(split.chunks_exact_mut(positions)) {
                    layer.take(isa, (grad_output, of_run), phase, channel, 0, split);
                }
            });
            let stack =
                |phase| Stack { data: &split[phase * positions..], channel_stride: of_channel, run_stride: of_output };
            let stacks: Vec<_> = (0..layer.phases.len()).map(stack).collect();
            let outputs = vec![(layer.inputs, Output::new(grad_input))];
            let sink = Channels { layout: of_run, stride: of_run.voxels, outputs };
            correlate(isa, &[&filters], &stacks, of_run, Finish { bias: None, slope: 1.0 }, &sink);
        },
    );
    Ok(())
}

/// Gradients with respect to the weights and to the bias, from the gradient with respect to the sums. `grad_weight` and
/// `grad_bias` are overwritten.
///
/// # Errors
///
/// If a slice has another length than in [`forward`].
pub fn weight_gradient(
    isa: Isa,
    layer: &Transposed,
    input: &[f32],
    grad_output: &[f32],
    batch: Batch,
    grad_weight: &mut [f32],
    mut grad_bias: Option<&mut [f32]>,
) -> Result<(), ShapeError> {
    layer.expect(("input", input.len()), ("grad_output", grad_output.len()), batch)?;
    expect_len("grad_weight", grad_weight.len(), &[layer.weights()])?;
    if let Some(grad_bias) = &grad_bias {
        expect_len("grad_bias", grad_bias.len(), &[layer.outputs])?;
    }
    let layout = Layout::new(batch, GATHER_PRODUCTS)?;
    let tensor = layout.tensor(input, layer.inputs);
    let grad = |phase: usize, channel: usize, position: usize, row: &mut [f32]| {
        layer.take(isa, (grad_output, layout), &layer.phases[phase], channel, position, row);
    };
    let sums = products(isa, (layer.outputs, grad), (tensor.stack(), layer.inputs), &layer.phases, layout);
    for (output, sums) in sums.chunks_exact(layer.inputs * layer.elements() + 1).enumerate() {
        let mut rest = sums.iter();
        for phase in &layer.phases {
            for input in 0..layer.inputs {
                for (tap, sum) in phase.taps.iter().zip(&mut rest) {
                    grad_weight[layer.place(input, output) + tap.index] = *sum;
                }
            }
        }
        if let (Some(grad_bias), Some(total)) = (&mut grad_bias, rest.next()) {
            grad_bias[output] = *total;
        }
    }
    Ok(())
}
