//! Hints to the processor.

/// Brings the value at `place`, if there is one, into the cache.
#[inline]
pub(crate) fn prefetch(values: &[f32], place: usize) {
    #[cfg(target_arch = "x86_64")]
    if place < values.len() {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has it, and it is a hint that accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(place).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, place);
}
