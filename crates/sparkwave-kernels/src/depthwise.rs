//! Convolutions of images that look at each channel by itself, channels last.

use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use rayon::prelude::*;

/// Channels whose sums are formed together, in registers.
const LANES: usize = 64;

/// Images, channels last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub n: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

/// The convolution of `input`, `[n, height, width, channels]`, with zeros around it, of an odd kernel `[channels, edge, edge]`,
/// plus `bias`, `[channels]`: of the same shape.
///
/// # Errors
///
/// If the edge is even or a slice has another length than the sizes imply.
pub fn forward(
    isa: Isa,
    images: Images,
    edge: usize,
    weight: &[f32],
    bias: &[f32],
    input: &[f32],
    output: &mut [f32],
) -> Result<(), ShapeError> {
    let Images { n, height, width, channels } = images;
    if edge.is_multiple_of(2) {
        return Err(ShapeError::Unsupported { what: "kernel (odd ones are)", found: [1, edge, edge] });
    }
    expect_len("weight", weight.len(), &[channels, edge, edge])?;
    expect_len("bias", bias.len(), &[channels])?;
    expect_len("input", input.len(), &[n, height, width, channels])?;
    expect_len("output", output.len(), &[n, height, width, channels])?;
    if output.is_empty() {
        return Ok(());
    }
    let taps = edge * edge;
    // `[taps, channels]`.
    let weight: Vec<f32> = (0..taps * channels).map(|i| weight[i % channels * taps + i / channels]).collect();
    let of_image = height * width * channels;
    output.par_chunks_mut(width * channels).enumerate().for_each(|(row, output)| {
        let (image, y) = (row / height, row % height);
        filter_row(isa, images, edge, y, [&weight, bias], &input[image * of_image..][..of_image], output);
    });
    Ok(())
}

for_each_isa! {
    fn filter_row(
        images: Images,
        edge: usize,
        y: usize,
        parameters: [&[f32]; 2],
        input: &[f32],
        output: &mut [f32],
    ) = filtered
}

#[inline(always)]
fn filtered(images: Images, edge: usize, y: usize, [weight, bias]: [&[f32]; 2], input: &[f32], output: &mut [f32]) {
    let Images { height, width, channels, .. } = images;
    let reach = edge / 2;
    let rows = y.saturating_sub(reach)..height.min(y + reach + 1);
    for (x, output) in output.chunks_exact_mut(channels).enumerate() {
        let columns = x.saturating_sub(reach)..width.min(x + reach + 1);
        for first in (0..channels).step_by(LANES) {
            let n = LANES.min(channels - first);
            let mut sums = [0.0; LANES];
            sums[..n].copy_from_slice(&bias[first..first + n]);
            for (from_y, from_x) in rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x))) {
                let tap = (from_y + reach - y) * edge + from_x + reach - x;
                let values = &input[(from_y * width + from_x) * channels + first..][..n];
                let weights = &weight[tap * channels + first..][..n];
                match (<&[f32; LANES]>::try_from(values), <&[f32; LANES]>::try_from(weights)) {
                    // Loops over arrays stay in registers.
                    (Ok(values), Ok(weights)) => {
                        for i in 0..LANES {
                            sums[i] += values[i] * weights[i];
                        }
                    }
                    _ => sums.iter_mut().zip(values).zip(weights).for_each(|((sum, v), w)| *sum += v * w),
                }
            }
            output[first..first + n].copy_from_slice(&sums[..n]);
        }
    }
}
