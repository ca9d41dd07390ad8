//! The block with AVX-512: 8 rows by 3 columns are 24 registers of sums.

use super::{COLUMNS, LANES, ROWS, Span};
use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_maskz_loadu_ps, _mm512_reduce_add_ps, _mm512_setzero_ps};

/// See [`Span::products`], which checked the sizes.
#[target_feature(enable = "avx512f")]
pub(super) fn products(span: &Span<'_>) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); COLUMNS]; ROWS];
    let rows = span.rows.map(|row| span.grads[row..].as_ptr());
    let columns = span.columns.map(|column| span.data.as_ptr().wrapping_offset(column.start));
    let lanes = span.columns.map(|column| column.lanes);
    for vector in 0..span.len.div_ceil(LANES) {
        let at = vector * LANES;
        let exists = u16::MAX >> (LANES - LANES.min(span.len - at));
        let mut inputs = [_mm512_setzero_ps(); COLUMNS];
        for ((input, column), lanes) in inputs.iter_mut().zip(&columns).zip(&lanes) {
            // SAFETY: there is a mask for every vector, and a lane is set only where its input exists, so what is loaded
            // lies in `data`; other lanes are not accessed.
            *input = unsafe { _mm512_maskz_loadu_ps(*lanes.get_unchecked(vector), column.wrapping_add(at)) };
        }
        for (sums, row) in sums.iter_mut().zip(&rows) {
            // SAFETY: a row has `len` values; lanes beyond are not accessed.
            let grad = unsafe { _mm512_maskz_loadu_ps(exists, row.wrapping_add(at)) };
            for (sum, input) in sums.iter_mut().zip(&inputs) {
                *sum = _mm512_fmadd_ps(grad, *input, *sum);
            }
        }
    }
    let mut found = [[0.0; COLUMNS]; ROWS];
    for (found, sums) in found.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        *found = _mm512_reduce_add_ps(*sums);
    }
    found
}
