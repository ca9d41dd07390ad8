//! A tensor that several threads write, each its own part.

use std::marker::PhantomData;

/// A slice whose parts are handed out one by one.
pub(crate) struct Output<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: the values may be written from any thread; that no two threads write one value is what `part` asks for.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The `len` values from `first` on.
    ///
    /// # Safety
    ///
    /// No other part that is alive may overlap this one.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, first: usize, len: usize) -> &mut [f32] {
        assert!(first <= self.len && len <= self.len - first, "{len} values from {first} on of {}", self.len);
        // SAFETY: the range was checked, the slice is borrowed for as long as `self`, and the caller vouches that this
        // part is handed out once.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), len) }
    }

    /// Writes `values` from `first` on.
    ///
    /// # Safety
    ///
    /// As for [`part`](Self::part).
    #[inline]
    pub(crate) unsafe fn write(&self, first: usize, values: &[f32]) {
        // SAFETY: the caller's.
        let part = unsafe { self.part(first, values.len()) };
        let ((to, to_rest), (from, from_rest)) = (part.as_chunks_mut::<16>(), values.as_chunks::<16>());
        // Whole vectors are moved without a call.
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        to_rest.copy_from_slice(from_rest);
    }
}
