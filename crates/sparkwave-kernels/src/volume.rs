//! Sizes of the tensors.

use crate::error::{ShapeError, product};

/// Size of one channel of one sample, in voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Planes; 1 in a 2-D network.
    pub depth: usize,
    /// Rows of a plane.
    pub height: usize,
    /// Voxels of a row.
    pub width: usize,
}

impl Volume {
    /// A volume of these sizes, in voxels.
    #[must_use]
    pub const fn new(depth: usize, height: usize, width: usize) -> Self {
        Self { depth, height, width }
    }

    /// Its number of voxels.
    ///
    /// # Errors
    ///
    /// If that many could not be addressed.
    pub fn voxels(self) -> Result<usize, ShapeError> {
        product(&[self.depth, self.height, self.width])
    }

    /// Depth, height, width.
    pub(crate) const fn sizes(self) -> [usize; 3] {
        [self.depth, self.height, self.width]
    }
}

/// What all tensors of a layer's input, or all of its output, have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Samples, N.
    pub samples: usize,
    /// Size of each channel of each sample.
    pub volume: Volume,
}

impl Batch {
    /// `samples` samples of this size.
    #[must_use]
    pub const fn new(samples: usize, volume: Volume) -> Self {
        Self { samples, volume }
    }
}
