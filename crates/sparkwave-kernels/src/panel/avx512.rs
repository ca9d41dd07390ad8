//! The sums with AVX-512: 8 rows by up to 3 vectors of 16 columns are 24 registers.

use super::{Block, LANES, ROWS, Start, VECTORS};
use std::arch::x86_64::{
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

/// See [`super::add_products`].
///
/// # Safety
///
/// All rows must lie in their slice, as far as the panel has steps.
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) unsafe fn add(block: &Block<'_>, columns: usize, out: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe {
        match columns / LANES {
            1 => vectors::<1>(block, out),
            2 => vectors::<2>(block, out),
            _ => vectors::<3>(block, out),
        }
    }
}

/// # Safety
///
/// As for [`add`], with `V` vectors of columns.
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn vectors<const V: usize>(block: &Block<'_>, out: &mut [f32]) {
    const { assert!(V <= VECTORS) };
    let columns = V * LANES;
    let mut sums = [[_mm512_setzero_ps(); V]; ROWS];
    if !matches!(block.start, Start::Zero) {
        for (sums, out) in sums.iter_mut().zip(out.chunks_exact(columns)) {
            for (v, (sum, from)) in sums.iter_mut().zip(out.as_chunks::<LANES>().0).enumerate() {
                // SAFETY: `from` is 16 values.
                *sum = unsafe { _mm512_loadu_ps(from.as_ptr()) };
                if let Start::Scaled(factors) = block.start {
                    // SAFETY: there is a factor for each of 48 columns.
                    *sum = _mm512_mul_ps(*sum, unsafe { _mm512_loadu_ps(factors[v * LANES..][..LANES].as_ptr()) });
                }
            }
        }
    }
    let mut rows = block.starts.map(|start| block.data.as_ptr().wrapping_add(start));
    for panel in block.panel.chunks_exact(columns) {
        let mut values = [_mm512_setzero_ps(); V];
        for (value, from) in values.iter_mut().zip(panel.as_chunks::<LANES>().0) {
            // SAFETY: `from` is 16 values.
            *value = unsafe { _mm512_loadu_ps(from.as_ptr()) };
        }
        for (sums, row) in sums.iter_mut().zip(&mut rows) {
            // SAFETY: the caller vouches that each row has a value for every step.
            let factor = _mm512_set1_ps(unsafe { **row });
            *row = row.wrapping_add(block.step_stride);
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = _mm512_fmadd_ps(factor, *value, *sum);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
        for (sum, to) in sums.iter().zip(out.as_chunks_mut::<LANES>().0) {
            // SAFETY: `to` is 16 values.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), *sum) };
        }
    }
}
