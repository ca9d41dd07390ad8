//! Frames read ahead of the one that is shown: as few as are looked at, whatever the length of the movie.

use crate::error::Error;
use ndarray::{Array2, ArrayView2};
use std::collections::VecDeque;

/// Frames in the order in which they are shown.
pub(crate) struct Ring<'a, F> {
    read: F,
    /// Those that are yet to be read.
    frames: std::slice::Iter<'a, usize>,
    ahead: usize,
    held: VecDeque<Array2<f32>>,
}

impl<'a, F: Fn(usize) -> Result<Array2<f32>, Error>> Ring<'a, F> {
    /// Of these frames, which `read` reads; beside each `ahead` of those that follow it are held.
    pub(crate) fn new(frames: &'a [usize], ahead: usize, read: F) -> Self {
        Self { read, frames: frames.iter(), ahead, held: VecDeque::with_capacity(ahead + 1) }
    }

    /// The pixels of the next frame; `None` after the last one.
    ///
    /// # Errors
    /// If a frame cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Array2<f32>>, Error> {
        while self.held.len() <= self.ahead {
            let Some(&frame) = self.frames.next() else { break };
            self.held.push_back((self.read)(frame)?);
        }
        Ok(self.held.pop_front())
    }

    /// The frames that follow it.
    pub(crate) fn after(&self) -> Vec<ArrayView2<'_, f32>> {
        self.held.iter().map(|frame| frame.view()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn each_frame_comes_with_those_that_follow_and_is_read_once() {
        let n_read = Cell::new(0);
        let mut ring = Ring::new(&[3, 5, 4, 9], 2, |frame| {
            n_read.set(n_read.get() + 1);
            Ok(Array2::from_elem((1, 1), frame as f32))
        });
        let mut seen = Vec::new();
        while let Some(pixels) = ring.next().expect("readable") {
            let after: Vec<f32> = ring.after().iter().map(|after| after[[0, 0]]).collect();
            seen.push((pixels[[0, 0]], after, n_read.get()));
        }
        let expected = [(3.0, vec![5.0, 4.0], 3), (5.0, vec![4.0, 9.0], 4), (4.0, vec![9.0], 4), (9.0, vec![], 4)];
        assert_eq!(seen, expected);
        let mut broken = Ring::new(&[0], 2, |_| Err(Error::Cancelled));
        assert!(broken.next().is_err());
    }
}
