//! The sums with AVX2 and FMA: 4 rows by 2 vectors of 8 columns at a time.

use super::{Block, LANES, Start};
use std::arch::x86_64::{
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

/// Columns of a register.
const HALF: usize = LANES / 2;
/// Rows that are summed together.
const ROWS: usize = 4;

/// See [`super::add_products`].
///
/// # Safety
///
/// All rows must lie in their slice, as far as the panel has steps.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn add(block: &Block<'_>, columns: usize, out: &mut [f32]) {
    for (rows, out) in block.starts.as_chunks::<ROWS>().0.iter().zip(out.chunks_mut(ROWS * columns)) {
        for column in (0..columns).step_by(LANES) {
            // SAFETY: the caller's.
            unsafe { part(block, rows, columns, column, out) };
        }
    }
}

/// # Safety
///
/// As for [`add`].
#[target_feature(enable = "avx2,fma")]
unsafe fn part(block: &Block<'_>, rows: &[usize; ROWS], columns: usize, column: usize, out: &mut [f32]) {
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    if !matches!(block.start, Start::Zero) {
        for (sums, out) in sums.iter_mut().zip(out.chunks_exact(columns)) {
            for (v, (sum, from)) in sums.iter_mut().zip(out[column..][..LANES].as_chunks::<HALF>().0).enumerate() {
                // SAFETY: `from` is 8 values.
                *sum = unsafe { _mm256_loadu_ps(from.as_ptr()) };
                if let Start::Scaled(factors) = block.start {
                    // SAFETY: there is a factor for each of 48 columns.
                    let factors = unsafe { _mm256_loadu_ps(factors[column + v * HALF..][..HALF].as_ptr()) };
                    *sum = _mm256_mul_ps(*sum, factors);
                }
            }
        }
    }
    let mut rows = rows.map(|start| block.data.as_ptr().wrapping_add(start));
    for panel in block.panel.chunks_exact(columns) {
        let panel = &panel[column..][..LANES];
        let mut values = [_mm256_setzero_ps(); 2];
        for (value, from) in values.iter_mut().zip(panel.as_chunks::<HALF>().0) {
            // SAFETY: `from` is 8 values.
            *value = unsafe { _mm256_loadu_ps(from.as_ptr()) };
        }
        for (sums, row) in sums.iter_mut().zip(&mut rows) {
            // SAFETY: the caller vouches that each row has a value for every step.
            let factor = _mm256_set1_ps(unsafe { **row });
            *row = row.wrapping_add(block.step_stride);
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = _mm256_fmadd_ps(factor, *value, *sum);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
        for (sum, to) in sums.iter().zip(out[column..][..LANES].as_chunks_mut::<HALF>().0) {
            // SAFETY: `to` is 8 values.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), *sum) };
        }
    }
}
