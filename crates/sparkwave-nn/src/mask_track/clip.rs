//! Clips to learn from.

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::view::Moment;

/// A short movie of an object with its mask in every frame.
#[derive(Clone, Debug)]
pub struct Clip {
    /// `[T, Y, X]`, in any unit; NaN where nothing is known.
    pub frames: Array3<f32>,
    /// The object's pixels, of the shape of the frames.
    pub masks: Array3<bool>,
}

impl Clip {
    /// A frame `[Y, X]`.
    pub(super) fn frame(&self, t: usize) -> ArrayView2<'_, f32> {
        self.frames.index_axis(Axis(0), t)
    }

    /// A frame with those on either side.
    pub(super) fn moment(&self, t: usize) -> Moment<'_> {
        let before = |i: usize| Some(self.frame(t.checked_sub(i + 1)?));
        let after = |i: usize| (t + i + 1 < self.n_frames()).then(|| self.frame(t + i + 1));
        Moment { frame: self.frame(t), before: std::array::from_fn(before), after: std::array::from_fn(after) }
    }

    /// The mask of a frame as probabilities.
    pub(super) fn mask(&self, frame: usize) -> Array2<f32> {
        self.masks.index_axis(Axis(0), frame).mapv(|inside| if inside { 1.0 } else { 0.0 })
    }

    /// Pixels of a mask.
    pub(super) fn n_inside(&self, frame: usize) -> usize {
        self.masks.index_axis(Axis(0), frame).iter().filter(|inside| **inside).count()
    }

    pub(super) fn n_frames(&self) -> usize {
        self.frames.dim().0
    }

    pub(super) fn size(&self) -> [usize; 2] {
        [self.frames.dim().1, self.frames.dim().2]
    }
}
