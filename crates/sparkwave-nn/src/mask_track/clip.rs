//! Clips to learn from.

use ndarray::{Array2, Array3};

/// A short movie of an object with its mask in every frame.
#[derive(Clone, Debug)]
pub struct Clip {
    /// `[T, Y, X]`, in any unit; NaN where nothing is known.
    pub frames: Array3<f32>,
    /// `[T, Y, X]`.
    pub masks: Array3<bool>,
}

impl Clip {
    /// The mask of a frame as probabilities.
    pub(super) fn mask(&self, frame: usize) -> Array2<f32> {
        self.masks.index_axis(ndarray::Axis(0), frame).mapv(|inside| if inside { 1.0 } else { 0.0 })
    }

    /// Pixels of a mask.
    pub(super) fn n_inside(&self, frame: usize) -> usize {
        self.masks.index_axis(ndarray::Axis(0), frame).iter().filter(|inside| **inside).count()
    }

    pub(super) fn n_frames(&self) -> usize {
        self.frames.dim().0
    }

    pub(super) fn size(&self) -> [usize; 2] {
        [self.frames.dim().1, self.frames.dim().2]
    }
}
