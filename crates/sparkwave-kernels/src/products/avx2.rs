//! The block with AVX2 and FMA: 4 rows by 3 columns at a time are 12 of the 16 registers.

use super::{COLUMNS, LANES, ROWS, Span};
use std::arch::x86_64::{
    __m256, __m256i, _mm256_and_si256, _mm256_cmpeq_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
    _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_ps, _mm256_storeu_ps,
};

/// Values of a register.
const HALF: usize = LANES / 2;

/// Rows that are summed together.
const TOGETHER: usize = 4;

/// See [`Span::products`], which checked the sizes.
#[target_feature(enable = "avx2,fma")]
pub(super) fn products(span: &Span<'_>) -> [[f32; COLUMNS]; ROWS] {
    let mut found = [[0.0; COLUMNS]; ROWS];
    for first in (0..ROWS).step_by(TOGETHER) {
        let mut sums = [[_mm256_setzero_ps(); COLUMNS]; TOGETHER];
        for vector in 0..span.len.div_ceil(LANES) {
            for half in 0..2 {
                let at = vector * LANES + half * HALF;
                let exists = (0xffu32 >> HALF.saturating_sub(span.len.saturating_sub(at))) as u8;
                let lanes = span.columns.map(|column| (column.lanes[vector] >> (half * HALF)) as u8);
                // SAFETY: a lane is set only where its input exists and rows have `len` values, so what is loaded lies in
                // `data` and in `grads`; other lanes are not accessed.
                unsafe {
                    if exists == 0xff && lanes == [0xff; COLUMNS] {
                        add::<false>(span, first, at, exists, lanes, &mut sums);
                    } else {
                        add::<true>(span, first, at, exists, lanes, &mut sums);
                    }
                }
            }
        }
        for (found, sums) in found[first..].as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            let mut lanes = [0.0; HALF];
            // SAFETY: `lanes` is 8 values.
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), *sums) };
            *found = lanes.iter().sum();
        }
    }
    found
}

/// Adds the products of one vector.
///
/// # Safety
///
/// Values whose lanes are set (all of them unless `MASKED`) must be readable.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add<const MASKED: bool>(
    span: &Span<'_>,
    first: usize,
    at: usize,
    exists: u8,
    lanes: [u8; COLUMNS],
    sums: &mut [[__m256; COLUMNS]; TOGETHER],
) {
    let mut inputs = [_mm256_setzero_ps(); COLUMNS];
    for ((input, column), lanes) in inputs.iter_mut().zip(&span.columns).zip(lanes) {
        let from = span.data.as_ptr().wrapping_offset(column.start).wrapping_add(at);
        // SAFETY: the caller's.
        *input = unsafe { load::<MASKED>(from, lanes) };
    }
    for (sums, row) in sums.iter_mut().zip(&span.rows[first..]) {
        // SAFETY: the caller's.
        let grad = unsafe { load::<MASKED>(span.grads.as_ptr().wrapping_add(row + at), exists) };
        for (sum, input) in sums.iter_mut().zip(&inputs) {
            *sum = _mm256_fmadd_ps(grad, *input, *sum);
        }
    }
}

/// A vector, zero where no lane is set.
///
/// # Safety
///
/// Values whose lanes are set (all of them unless `MASKED`) must be readable.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn load<const MASKED: bool>(from: *const f32, lanes: u8) -> __m256 {
    if MASKED {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let mask: __m256i = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(lanes)), bits), bits);
        // SAFETY: the caller's; masked lanes are not accessed.
        unsafe { _mm256_maskload_ps(from, mask) }
    } else {
        // SAFETY: the caller's.
        unsafe { _mm256_loadu_ps(from) }
    }
}
