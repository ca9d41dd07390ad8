//! Layer normalisation (Ba et al. 2016): each vector by its own mean and deviation.

use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use rayon::prelude::*;

/// Values of one piece of parallel work, about.
const PIECE: usize = 1 << 14;
/// Sums that are formed side by side.
const LANES: usize = 64;

/// `scale * (x - mean) / sqrt(variance + eps) + shift` along the last axis of `input`, `[vectors, channels]`, with the
/// biased variance.
///
/// # Errors
///
/// If `shift` has another length than `scale`, `output` another than `input`, or `input` no whole number of vectors.
pub fn forward(
    isa: Isa,
    scale: &[f32],
    shift: &[f32],
    eps: f32,
    input: &[f32],
    output: &mut [f32],
) -> Result<(), ShapeError> {
    let channels = scale.len();
    expect_len("shift", shift.len(), &[channels])?;
    expect_len("output", output.len(), &[input.len()])?;
    if input.is_empty() {
        return Ok(());
    }
    let vectors = input.len().checked_div(channels).unwrap_or(0);
    expect_len("input", input.len(), &[vectors, channels])?;
    let piece = (PIECE / channels).max(1) * channels;
    let pieces = input.par_chunks(piece).zip(output.par_chunks_mut(piece));
    pieces.for_each(|(input, output)| normalise(isa, scale, shift, eps, input, output));
    Ok(())
}

for_each_isa! {
    fn normalise(scale: &[f32], shift: &[f32], eps: f32, input: &[f32], output: &mut [f32]) = normalised
}

#[inline(always)]
fn normalised(scale: &[f32], shift: &[f32], eps: f32, input: &[f32], output: &mut [f32]) {
    let n = scale.len();
    for (input, output) in input.chunks_exact(n).zip(output.chunks_exact_mut(n)) {
        let mean = sum_of(input, |v| v) / n as f32;
        let variance = sum_of(input, |v| (v - mean) * (v - mean)) / n as f32;
        let factor = 1.0 / (variance + eps).sqrt();
        for (((to, value), scale), shift) in output.iter_mut().zip(input).zip(scale).zip(shift) {
            *to = (value - mean) * factor * scale + shift;
        }
    }
}

/// The sum of a function of the values, in interleaved parts.
#[inline(always)]
fn sum_of(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        parts.iter_mut().zip(values).for_each(|(part, value)| *part += f(*value));
    }
    parts.iter_mut().zip(rest).for_each(|(part, value)| *part += f(*value));
    let mut n = LANES;
    while n > 1 {
        n /= 2;
        let (low, high) = parts.split_at_mut(n);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    parts[0]
}
