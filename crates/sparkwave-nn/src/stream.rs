//! What a network learns from: recordings with the events that are known in them.

use std::sync::Arc;

use ndarray::Array2;
use sparkwave_core::source::FrameSource;

/// The box of a known event, both ends inclusive, as training files have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First voxel `[t, y, x]`.
    pub first: [usize; 3],
    /// Last voxel `[t, y, x]`.
    pub last: [usize; 3],
}

impl Extent {
    /// The middle, halves rounded down.
    #[must_use]
    pub fn centre(&self) -> [usize; 3] {
        std::array::from_fn(|axis| usize::midpoint(self.first[axis], self.last[axis]))
    }
}

/// One recording of a training set.
#[derive(Clone)]
pub struct Stream {
    /// Its name in the file.
    pub name: String,
    /// The normalised movie.
    pub input: Arc<dyn FrameSource>,
    /// 0 where no event is known, anything else where one is; of the same extent as `input`.
    pub label: Arc<dyn FrameSource>,
    /// The known events.
    pub events: Vec<Extent>,
    /// The pixels `[y, x]` in which unlabeled crops are centred.
    pub foreground: Array2<bool>,
}
