//! Coordinates, stated once.
//!
//! Array axes are **T, Y, X**, row-major, everywhere. Frames are 0-based. Pixel centres are integers: pixel `i` covers
//! `i ± ½`. Spans are half-open: `start` is inside, `end` is not.

use std::ops::Range;

/// A half-open span of frames or rows, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First index inside the span.
    pub start: usize,
    /// First index after the span; never smaller than `start`.
    pub end: usize,
}

impl Span {
    /// The span `start..end`; an `end` before `start` gives an empty span at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Number of indices inside.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// True if nothing is inside.
    pub fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// True if `index` is inside.
    pub fn contains(self, index: usize) -> bool {
        (self.start..self.end).contains(&index)
    }

    /// The span widened by `margin` on both sides, kept inside `0..limit`.
    pub fn widened(self, margin: usize, limit: usize) -> Self {
        Self::new(self.start.saturating_sub(margin), (self.end + margin).min(limit))
    }

    /// The same span as a standard range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A position on the pixel grid of a movie.
///
/// The ordering is lexicographic in (t, y, x), which is also the order of voxels in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voxel {
    /// Frame.
    pub t: u32,
    /// Row.
    pub y: u32,
    /// Column.
    pub x: u32,
}

/// A position or displacement in the image plane, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointYx {
    /// Row coordinate, downwards.
    pub y: f64,
    /// Column coordinate, to the right.
    pub x: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_half_open_and_never_negative() {
        let span = Span::new(3, 7);
        assert_eq!(span.len(), 4);
        assert!(span.contains(3) && !span.contains(7));
        assert!(Span::new(7, 3).is_empty());
        assert_eq!(span.widened(5, 9), Span::new(0, 9));
    }
}
