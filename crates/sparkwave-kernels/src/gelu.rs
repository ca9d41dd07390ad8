//! The Gaussian error linear unit (Hendrycks and Gimpel 2016).

use crate::activation::PIECE;
use crate::exp2::exp2;
use crate::isa::{Isa, for_each_isa};
use rayon::prelude::*;

/// `x * Phi(x)` in place, Phi being the cumulative normal distribution, within 4e-7 of |x|.
pub fn gelu(isa: Isa, values: &mut [f32]) {
    values.par_chunks_mut(PIECE).for_each(|values| gelu_piece(isa, values));
}

for_each_isa! {
    fn gelu_piece(values: &mut [f32]) = gelu_of
}

/// By the tail of the distribution, 1 - Phi(|x|), after Abramowitz and Stegun 1964, 7.1.26, as x Phi(x) is
/// max(x, 0) - |x| tail(|x|).
#[inline(always)]
pub(crate) fn gelu_of(values: &mut [f32]) {
    const P: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
    const A: [f32; 5] = [0.254_829_6, -0.284_496_74, 1.421_413_7, -1.453_152, 1.061_405_4];
    const HALF_LOG2_E: f32 = 0.5 * std::f32::consts::LOG2_E;
    let [a, b, c, d, e] = A;
    for value in values {
        let (x, size) = (*value, value.abs());
        let t = 1.0 / (1.0 + P * size);
        let tail = 0.5 * t * (a + t * (b + t * (c + t * (d + t * e)))) * exp2(-HALF_LOG2_E * size * size);
        let above = if x < 0.0 { 0.0 } else { x };
        *value = above - size * tail;
    }
}
