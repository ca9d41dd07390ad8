//! The latest frames of a layer.

use std::collections::TryReserveError;
use std::ops::Range;

use sparkwave_kernels::{Planes, PlanesMut};

/// Frames `start..end` of a layer, `[channels, frames, y, x]` with room for `capacity` frames.
#[derive(Debug, Default)]
pub(super) struct Ring {
    data: Vec<f32>,
    channels: usize,
    /// Pixels of a frame.
    plane: usize,
    capacity: usize,
    start: usize,
    end: usize,
}

impl Ring {
    /// Forgets all frames and makes room for others.
    pub(super) fn reset(&mut self, channels: usize, plane: usize, capacity: usize) -> Result<(), TryReserveError> {
        let n = channels * plane * capacity;
        self.data.try_reserve(n.saturating_sub(self.data.len()))?;
        self.data.resize(n, 0.0);
        (self.channels, self.plane, self.capacity, self.start, self.end) = (channels, plane, capacity, 0, 0);
        Ok(())
    }

    /// The place of the next `n` frames; none before `needed` is kept if room must be made.
    ///
    /// # Panics
    /// If there is no room even then.
    pub(super) fn append(&mut self, n: usize, needed: usize) -> PlanesMut<'_> {
        if self.end + n - self.start > self.capacity {
            self.forget(needed);
        }
        let at = (self.end - self.start) * self.plane;
        self.end += n;
        assert!(self.end - self.start <= self.capacity, "the schedule said how many frames are held");
        PlanesMut { data: &mut self.data[at..], channel_stride: self.capacity * self.plane }
    }

    /// Moves the frames from `needed` on to the front.
    fn forget(&mut self, needed: usize) {
        let (kept, from) = ((self.end - needed) * self.plane, (needed - self.start) * self.plane);
        for channel in 0..self.channels {
            let first = channel * self.capacity * self.plane;
            self.data.copy_within(first + from..first + from + kept, first);
        }
        self.start = needed;
    }

    /// Some of its frames.
    pub(super) fn frames(&self, frames: &Range<usize>) -> Planes<'_> {
        assert!(self.start <= frames.start && frames.end <= self.end, "the schedule said which frames are needed");
        let from = (frames.start - self.start) * self.plane;
        Planes { data: &self.data[from..], channel_stride: self.capacity * self.plane }
    }
}
