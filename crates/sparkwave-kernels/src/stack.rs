//! How the voxels of a batch lie in memory when a kernel goes over them.

use crate::error::ShapeError;
use crate::planes::expect_range;
use crate::volume::{Batch, Volume};
use std::borrow::Cow;
use std::ops::Range;

/// A tensor: where its values are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stack<'a> {
    pub(crate) data: &'a [f32],
    /// From a voxel to the same voxel of the next channel.
    pub(crate) channel_stride: usize,
    /// From a voxel to the same voxel of the next run.
    pub(crate) run_stride: usize,
}

/// The order of the voxels of a batch: runs of positions that follow each other in memory.
///
/// Usually a run is a sample. Where samples are small, the same channel of all samples is gathered into one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    samples: usize,
    /// Voxels of a sample.
    pub(crate) voxels: usize,
    /// The volume in which inputs are looked up.
    pub(crate) volume: Volume,
    gathered: bool,
    /// The position in it of the first output.
    pub(crate) first: usize,
}

impl Layout {
    /// The layout that gathers samples of fewer voxels than `small`.
    ///
    /// # Errors
    ///
    /// If a sample is too large to be addressed.
    pub(crate) fn new(batch: Batch, small: usize) -> Result<Self, ShapeError> {
        let voxels = batch.volume.voxels()?;
        let gathered = batch.samples > 1 && voxels < small;
        Ok(Self { samples: batch.samples, voxels, volume: batch.volume, gathered, first: 0 })
    }

    /// The layout of outputs at these planes of a volume.
    ///
    /// # Errors
    ///
    /// If they are not planes of it, or it is too large to be addressed.
    pub(crate) fn of_planes(volume: Volume, planes: &Range<usize>) -> Result<Self, ShapeError> {
        expect_range(planes, volume)?;
        volume.voxels()?;
        let plane = volume.height * volume.width;
        Ok(Self { samples: 1, voxels: planes.len() * plane, volume, gathered: false, first: planes.start * plane })
    }

    /// How many values of a channel a run reads.
    pub(crate) fn reach(&self) -> usize {
        if self.gathered { self.positions() } else { self.volume.depth * self.volume.height * self.volume.width }
    }

    pub(crate) fn runs(&self) -> usize {
        if self.gathered { 1 } else { self.samples }
    }

    /// Voxels of a run.
    pub(crate) fn positions(&self) -> usize {
        if self.gathered { self.samples * self.voxels } else { self.voxels }
    }

    /// The layout of one run.
    pub(crate) fn run(&self) -> Self {
        if self.gathered { *self } else { Self { samples: 1, ..*self } }
    }

    /// A tensor of a contiguous `[N, channels, D, H, W]` in this order.
    pub(crate) fn tensor<'a>(&self, data: &'a [f32], channels: usize) -> Tensor<'a> {
        let (channel_stride, run_stride) = (self.positions(), channels * self.positions());
        if !self.gathered {
            return Tensor { values: Cow::Borrowed(data), channel_stride, run_stride };
        }
        let mut values = Vec::with_capacity(data.len());
        for channel in 0..channels {
            for sample in 0..self.samples {
                values.extend_from_slice(&data[(sample * channels + channel) * self.voxels..][..self.voxels]);
            }
        }
        Tensor { values: Cow::Owned(values), channel_stride, run_stride }
    }

    /// The pieces of one sample in `len` positions from `position` on: sample, first voxel, number of voxels.
    pub(crate) fn pieces(&self, position: usize, len: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (voxels, end) = (self.voxels, position + len);
        let mut at = position;
        std::iter::from_fn(move || {
            let (sample, first) = (at / voxels, at % voxels);
            let piece = (voxels - first).min(end - at);
            at += piece;
            (piece > 0).then_some((sample, first, piece))
        })
    }
}

/// A tensor, borrowed or copied.
pub(crate) struct Tensor<'a> {
    values: Cow<'a, [f32]>,
    channel_stride: usize,
    run_stride: usize,
}

impl Tensor<'_> {
    pub(crate) fn stack(&self) -> Stack<'_> {
        Stack { data: &self.values, channel_stride: self.channel_stride, run_stride: self.run_stride }
    }
}
