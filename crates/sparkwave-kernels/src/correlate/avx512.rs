//! The tile with AVX-512: 8 channels by up to 3 vectors of 16 voxels are 24 registers of sums.

use super::{LANES, Sums, Tile, VECTORS};
use crate::filters::{BLOCK, CHUNK};
use std::arch::x86_64::{
    __m512, __mmask16, _CMP_GT_OQ, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_mask_mul_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

/// See [`Tile::compute`], which checked the sizes.
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) fn compute(tile: &Tile<'_>, sums: &mut Sums) {
    match tile.len.div_ceil(LANES) {
        1 => vectors::<1>(tile, sums),
        2 => vectors::<2>(tile, sums),
        _ => vectors::<3>(tile, sums),
    }
}

#[target_feature(enable = "avx512f,avx512vl")]
fn vectors<const V: usize>(tile: &Tile<'_>, sums: &mut Sums) {
    const { assert!(V <= VECTORS) };
    let mut acc = [[_mm512_setzero_ps(); V]; BLOCK];
    for (row, bias) in acc.iter_mut().zip(&tile.bias) {
        *row = [_mm512_set1_ps(*bias); V];
    }
    let mut weight = tile.weights.as_ptr();
    let mut lanes = tile.lanes;
    for input in tile.inputs {
        let (of_input, rest) = lanes.split_at(input.offsets.len());
        lanes = rest;
        for chunk in (0..input.channels).step_by(CHUNK) {
            let channels = CHUNK.min(input.channels - chunk);
            let start = input.data.as_ptr().wrapping_add(chunk * input.stride + tile.position);
            for (lanes, offset) in of_input.iter().zip(input.offsets) {
                if *lanes == 0 {
                    weight = weight.wrapping_add(channels * BLOCK);
                    continue;
                }
                let mut value = start.wrapping_offset(*offset);
                for _ in 0..channels {
                    // SAFETY: a lane of a tap is set only where its input exists, so what is loaded lies in the tensor,
                    // whose length `correlate` checked; other lanes are not accessed.
                    let values = unsafe { load::<V>(value, *lanes) };
                    for (c, row) in acc.iter_mut().enumerate() {
                        // SAFETY: one block of weights for each channel of each tap, as `Tile::compute` checked.
                        let weight = _mm512_set1_ps(unsafe { *weight.add(c) });
                        for (sum, value) in row.iter_mut().zip(&values) {
                            *sum = _mm512_fmadd_ps(weight, *value, *sum);
                        }
                    }
                    value = value.wrapping_add(input.stride);
                    weight = weight.wrapping_add(BLOCK);
                }
            }
        }
    }
    let slopes = _mm512_set1_ps(tile.slope);
    for (row, sums) in acc.iter().zip(&mut sums.0) {
        for (sum, to) in row.iter().zip(sums.as_chunks_mut::<LANES>().0) {
            let above: __mmask16 = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(*sum, _mm512_setzero_ps());
            let sum = _mm512_mask_mul_ps(*sum, !above, slopes, *sum);
            // SAFETY: `to` is 16 values.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), sum) };
        }
    }
}

/// Vectors from `from` on, zero where no lane is set.
///
/// # Safety
///
/// Values whose lanes are set must be readable.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn load<const V: usize>(from: *const f32, lanes: u64) -> [__m512; V] {
    let mut values = [_mm512_setzero_ps(); V];
    for (v, value) in values.iter_mut().enumerate() {
        let mask = (lanes >> (v * LANES)) as __mmask16;
        // SAFETY: the caller's; masked lanes are not accessed.
        *value = unsafe { _mm512_maskz_loadu_ps(mask, from.wrapping_add(v * LANES)) };
    }
    values
}
