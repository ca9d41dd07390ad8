//! The tile with AVX2 and FMA: 4 channels by 3 vectors of 8 voxels at a time are 12 of the 16 registers.

use super::{Sums, TILE, Tile};
use crate::filters::{BLOCK, CHUNK};
use crate::lanes::avx2::mask;
use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _mm256_blendv_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
    _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_ps,
};

/// Voxels of a vector.
const LANES: usize = 8;

/// Vectors that are summed together.
const VECTORS: usize = 3;

/// Channels that are summed together.
const ROWS: usize = 4;

/// See [`Tile::compute`], which checked the sizes.
#[target_feature(enable = "avx2,fma")]
pub(super) fn compute(tile: &Tile<'_>, sums: &mut Sums) {
    const { assert!(TILE.is_multiple_of(LANES * VECTORS) && BLOCK.is_multiple_of(ROWS)) };
    for first in (0..tile.len).step_by(LANES * VECTORS) {
        for row in (0..BLOCK).step_by(ROWS) {
            part(tile, first, row, sums);
        }
    }
}

/// The sums of `ROWS` channels from `row` on, of `VECTORS` vectors from voxel `first` of the tile on.
#[target_feature(enable = "avx2,fma")]
fn part(tile: &Tile<'_>, first: usize, row: usize, sums: &mut Sums) {
    let mut acc = [[_mm256_setzero_ps(); VECTORS]; ROWS];
    for (acc, bias) in acc.iter_mut().zip(&tile.bias[row..]) {
        *acc = [_mm256_set1_ps(*bias); VECTORS];
    }
    let full = (1u64 << (LANES * VECTORS)) - 1;
    let mut weight = tile.weights.as_ptr().wrapping_add(row);
    let mut lanes = tile.lanes;
    for input in tile.inputs {
        let (of_input, rest) = lanes.split_at(input.offsets.len());
        lanes = rest;
        for chunk in (0..input.channels).step_by(CHUNK) {
            let channels = CHUNK.min(input.channels - chunk);
            let start = input.data.as_ptr().wrapping_add(chunk * input.stride + tile.position + first);
            for (lanes, offset) in of_input.iter().zip(input.offsets) {
                let lanes = *lanes >> first & full;
                let value = start.wrapping_offset(*offset);
                // SAFETY: a lane of a tap is set only where its input exists, so what is loaded lies in the tensor, whose
                // length `correlate` checked; there is a block of weights for each channel of each tap, as `Tile::compute`
                // checked.
                unsafe {
                    if lanes == full {
                        add::<false>(value, input.stride, weight, channels, lanes, &mut acc);
                    } else if lanes != 0 {
                        add::<true>(value, input.stride, weight, channels, lanes, &mut acc);
                    }
                }
                weight = weight.wrapping_add(channels * BLOCK);
            }
        }
    }
    let slopes = _mm256_set1_ps(tile.slope);
    for (acc, sums) in acc.iter().zip(&mut sums.0[row..]) {
        for (sum, to) in acc.iter().zip(sums[first..].as_chunks_mut::<LANES>().0) {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(*sum, _mm256_setzero_ps());
            let sum = _mm256_blendv_ps(_mm256_mul_ps(slopes, *sum), *sum, above);
            // SAFETY: `to` is 8 values.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), sum) };
        }
    }
}

/// Adds the products of one tap and some channels.
///
/// Not inlined, because two loops in one function would compete for the registers.
///
/// # Safety
///
/// For each channel, values whose lanes are set (all of them unless `MASKED`) and a block of weights must be readable.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
unsafe fn add<const MASKED: bool>(
    mut value: *const f32,
    stride: usize,
    mut weight: *const f32,
    channels: usize,
    lanes: u64,
    all: &mut [[__m256; VECTORS]; ROWS],
) {
    let mut acc = *all;
    let mut masks = [_mm256_setzero_si256(); VECTORS];
    for (v, to) in masks.iter_mut().enumerate() {
        *to = mask((lanes >> (v * LANES)) as u8);
    }
    for _ in 0..channels {
        let mut values = [_mm256_setzero_ps(); VECTORS];
        for (v, (to, mask)) in values.iter_mut().zip(&masks).enumerate() {
            let at = value.wrapping_add(v * LANES);
            // SAFETY: the caller's; masked lanes are not accessed.
            *to = unsafe { if MASKED { _mm256_maskload_ps(at, *mask) } else { _mm256_loadu_ps(at) } };
        }
        for (c, row) in acc.iter_mut().enumerate() {
            // SAFETY: the caller's.
            let weight = _mm256_set1_ps(unsafe { *weight.add(c) });
            for (sum, value) in row.iter_mut().zip(&values) {
                *sum = _mm256_fmadd_ps(weight, *value, *sum);
            }
        }
        value = value.wrapping_add(stride);
        weight = weight.wrapping_add(BLOCK);
    }
    *all = acc;
}
