//! The block with AVX-512: 8 rows by 3 columns are 24 registers of sums.

use super::{COLUMNS, LANES, ROWS, Sums, Vector};
use std::arch::x86_64::{
    __m512, _mm_add_ps, _mm_storeu_ps, _mm256_add_ps, _mm256_castpd_ps, _mm256_castps256_ps128, _mm256_extractf128_ps,
    _mm256_hadd_ps, _mm256_setzero_ps, _mm512_castps_pd, _mm512_castps512_ps256, _mm512_extractf64x4_pd,
    _mm512_fmadd_ps, _mm512_load_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
};

/// Sums of the rows times the inputs from `starts` on whose lanes are set.
///
/// # Safety
///
/// Where a lane is set, `data` must have the value.
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) unsafe fn products(
    rows: &[[Vector; ROWS]],
    data: &[f32],
    starts: [isize; COLUMNS],
    lanes: [&[u16]; COLUMNS],
) -> Sums {
    assert!(lanes.iter().all(|lanes| lanes.len() == rows.len()), "a mask for every vector");
    let mut sums = [[_mm512_setzero_ps(); COLUMNS]; ROWS];
    let starts = starts.map(|start| data.as_ptr().wrapping_offset(start));
    for (vector, rows) in rows.iter().enumerate() {
        let mut inputs = [_mm512_setzero_ps(); COLUMNS];
        for ((input, start), lanes) in inputs.iter_mut().zip(&starts).zip(&lanes) {
            // SAFETY: there is a mask for every vector; the caller vouches for the lanes that are set, and others are not
            // accessed.
            *input = unsafe { _mm512_maskz_loadu_ps(*lanes.get_unchecked(vector), start.wrapping_add(vector * LANES)) };
        }
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: a row is 16 values, aligned to 64 bytes.
            let grad = unsafe { _mm512_load_ps(row.0.as_ptr()) };
            for (sum, input) in sums.iter_mut().zip(&inputs) {
                *sum = _mm512_fmadd_ps(grad, *input, *sum);
            }
        }
    }
    let mut found = [[0.0; COLUMNS]; ROWS];
    let (found_eights, sums_eights) =
        (found.as_flattened_mut().as_chunks_mut::<8>().0, sums.as_flattened().as_chunks::<8>().0);
    for (found, sums) in found_eights.iter_mut().zip(sums_eights) {
        add_lanes(sums, found);
    }
    found
}

/// The sum of the lanes of each register.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn add_lanes(sums: &[__m512; 8], found: &mut [f32; 8]) {
    let mut halves = [_mm256_setzero_ps(); 8];
    for (half, sum) in halves.iter_mut().zip(sums) {
        let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(*sum)));
        *half = _mm256_add_ps(_mm512_castps512_ps256(*sum), high);
    }
    for (found, [a, b, c, d]) in found.as_chunks_mut::<4>().0.iter_mut().zip(halves.as_chunks::<4>().0) {
        let sums = _mm256_hadd_ps(_mm256_hadd_ps(*a, *b), _mm256_hadd_ps(*c, *d));
        let sums = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
        // SAFETY: `found` is 4 values.
        unsafe { _mm_storeu_ps(found.as_mut_ptr(), sums) };
    }
}
