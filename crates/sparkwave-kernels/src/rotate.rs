//! Rotary embedding (Su et al. 2021): pairs of numbers of a vector turned by angles that tell its place.

use crate::activation::PIECE;
use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use rayon::prelude::*;

/// Turns the vectors of `values` in place, number `i` of the first half of each with number `i` of the second. There are as
/// many vectors for each of several samples as `values` holds; of each sample the first `placed` are turned, by the
/// cosines and sines, `[places, half a vector]`, of one place after the other, over and over.
///
/// # Errors
///
/// If there is no whole number of places, or of vectors in `placed`, or `values` holds no whole number of samples.
pub fn forward(
    isa: Isa,
    [samples, vectors, length]: [usize; 3],
    placed: usize,
    [cos, sin]: [&[f32]; 2],
    values: &mut [f32],
) -> Result<(), ShapeError> {
    expect_len("values", values.len(), &[samples, vectors, length])?;
    let half = length / 2;
    let places = cos.len().checked_div(half).unwrap_or(0);
    expect_len("cosines", cos.len(), &[places, half])?;
    expect_len("sines", sin.len(), &[places, half])?;
    if placed > vectors || (placed > 0 && places == 0) || !length.is_multiple_of(2) {
        return Err(ShapeError::Length { what: "cosines", expected: placed.min(vectors) * half, found: cos.len() });
    }
    if values.is_empty() || placed == 0 {
        return Ok(());
    }
    let together = (PIECE / length).max(1);
    values.par_chunks_mut(vectors * length).for_each(|sample| {
        let pieces = sample[..placed * length].par_chunks_mut(together * length).enumerate();
        pieces.for_each(|(i, piece)| turn(isa, i * together, half, cos, sin, piece));
    });
    Ok(())
}

for_each_isa! {
    fn turn(first: usize, half: usize, cos: &[f32], sin: &[f32], values: &mut [f32]) = turned
}

#[inline(always)]
fn turned(first: usize, half: usize, cos: &[f32], sin: &[f32], values: &mut [f32]) {
    let places = cos.len() / half;
    for (i, vector) in values.chunks_exact_mut(2 * half).enumerate() {
        let place = (first + i) % places * half;
        let (cos, sin) = (&cos[place..][..half], &sin[place..][..half]);
        let (a, b) = vector.split_at_mut(half);
        for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cos).zip(sin) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }
}
