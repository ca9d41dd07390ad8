//! The block with AVX2 and FMA: 4 rows by 3 columns at a time are 12 of the 16 registers.

use super::{COLUMNS, LANES, ROWS, Sums, Vector};
use crate::lanes::avx2::mask;
use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_setzero_ps, _mm256_storeu_ps};

/// Values of a register.
const HALF: usize = LANES / 2;

/// Rows that are summed together.
const TOGETHER: usize = 4;

/// Sums of the rows times the inputs from `starts` on whose lanes are set.
///
/// # Safety
///
/// Where a lane is set, `data` must have the value.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn products(
    rows: &[[Vector; ROWS]],
    data: &[f32],
    starts: [isize; COLUMNS],
    lanes: [&[u16]; COLUMNS],
) -> Sums {
    assert!(lanes.iter().all(|lanes| lanes.len() == rows.len()), "a mask for every vector");
    let starts = starts.map(|start| data.as_ptr().wrapping_offset(start));
    let mut found = [[0.0; COLUMNS]; ROWS];
    for first in (0..ROWS).step_by(TOGETHER) {
        let mut sums = [[_mm256_setzero_ps(); COLUMNS]; TOGETHER];
        for (vector, rows) in rows.iter().enumerate() {
            for half in 0..LANES / HALF {
                let mut inputs = [_mm256_setzero_ps(); COLUMNS];
                for ((input, start), lanes) in inputs.iter_mut().zip(&starts).zip(&lanes) {
                    let at = start.wrapping_add(vector * LANES + half * HALF);
                    // SAFETY: there is a mask for every vector; the caller vouches for the lanes that are set, and others
                    // are not accessed.
                    *input = unsafe {
                        let lanes = *lanes.get_unchecked(vector) >> (half * HALF);
                        _mm256_maskload_ps(at, mask(lanes as u8))
                    };
                }
                for (sums, row) in sums.iter_mut().zip(&rows[first..first + TOGETHER]) {
                    // SAFETY: a row is two times 8 values.
                    let grad = unsafe { _mm256_loadu_ps(row.0.as_ptr().add(half * HALF)) };
                    for (sum, input) in sums.iter_mut().zip(&inputs) {
                        *sum = _mm256_fmadd_ps(grad, *input, *sum);
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
