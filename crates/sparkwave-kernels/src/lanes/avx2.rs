//! Lanes as AVX2 wants them: all bits of a lane set or none.

use std::arch::x86_64::{__m256i, _mm256_loadu_si256};

/// For every set of 8 lanes, its mask.
static MASKS: [[i32; 8]; 256] = masks();

const fn masks() -> [[i32; 8]; 256] {
    let mut masks = [[0; 8]; 256];
    let mut i = 0;
    while i < 256 * 8 {
        masks[i / 8][i % 8] = -(((i / 8) >> (i % 8) & 1) as i32);
        i += 1;
    }
    masks
}

/// The mask of 8 lanes, given one bit each.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn mask(lanes: u8) -> __m256i {
    // SAFETY: an entry of the table is 8 values.
    unsafe { _mm256_loadu_si256(MASKS[usize::from(lanes)].as_ptr().cast()) }
}
