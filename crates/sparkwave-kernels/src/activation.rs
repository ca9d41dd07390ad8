//! What is applied to a value before it is stored.

use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use rayon::prelude::*;

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// The value itself.
    Identity,
    /// Zero below zero.
    Relu,
    /// Below zero, the value times this slope (from 0 to 1).
    LeakyRelu(f32),
    /// 1 / (1 + exp(-value)).
    Sigmoid,
}

impl Activation {
    /// The factor on values below zero, where that is all there is to it.
    pub(crate) const fn slope(self) -> f32 {
        match self {
            Self::Identity | Self::Sigmoid => 1.0,
            Self::Relu => 0.0,
            Self::LeakyRelu(slope) => slope,
        }
    }
}

/// `value`, or `slope` times it below zero.
#[inline(always)]
pub(crate) fn leaky(value: f32, slope: f32) -> f32 {
    if value > 0.0 { value } else { slope * value }
}

/// The sigmoid function in place.
pub(crate) fn sigmoid(isa: Isa, values: &mut [f32]) {
    values.par_chunks_mut(PIECE).for_each(|values| sigmoid_piece(isa, values));
}

for_each_isa! {
    fn sigmoid_piece(values: &mut [f32]) = sigmoid_of
}

#[inline(always)]
fn sigmoid_of(values: &mut [f32]) {
    for value in values {
        *value = 1.0 / (1.0 + (-*value).exp());
    }
}

/// Values of one piece of parallel work that only moves memory.
pub(crate) const PIECE: usize = 1 << 14;

/// Gradient with respect to the value, from the gradient with respect to the result and from the result (of any shape,
/// all of one length). Leaky slopes must be above zero; at zero the slope counts.
///
/// # Errors
///
/// If the lengths differ.
pub fn backward(
    isa: Isa,
    activation: Activation,
    result: &[f32],
    grad_result: &[f32],
    grad_value: &mut [f32],
) -> Result<(), ShapeError> {
    expect_len("grad_result", grad_result.len(), &[result.len()])?;
    expect_len("grad_value", grad_value.len(), &[result.len()])?;
    let pieces = result.par_chunks(PIECE).zip(grad_result.par_chunks(PIECE)).zip(grad_value.par_chunks_mut(PIECE));
    pieces.for_each(|((result, grad_result), grad_value)| match activation {
        Activation::Sigmoid => sigmoid_backward(isa, result, grad_result, grad_value),
        _ => leaky_backward(isa, activation.slope(), result, grad_result, grad_value),
    });
    Ok(())
}

for_each_isa! {
    fn leaky_backward(slope: f32, result: &[f32], grad_result: &[f32], grad_value: &mut [f32]) = leaky_backward_of
}

#[inline(always)]
fn leaky_backward_of(slope: f32, result: &[f32], grad_result: &[f32], grad_value: &mut [f32]) {
    for ((y, dy), dx) in result.iter().zip(grad_result).zip(grad_value) {
        *dx = if *y > 0.0 { *dy } else { slope * dy };
    }
}

for_each_isa! {
    fn sigmoid_backward(result: &[f32], grad_result: &[f32], grad_value: &mut [f32]) = sigmoid_backward_of
}

#[inline(always)]
fn sigmoid_backward_of(result: &[f32], grad_result: &[f32], grad_value: &mut [f32]) {
    for ((y, dy), dx) in result.iter().zip(grad_result).zip(grad_value) {
        *dx = dy * y * (1.0 - y);
    }
}
