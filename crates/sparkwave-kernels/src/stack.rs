//! How the voxels of a batch lie in memory when a kernel goes over them.

use crate::error::ShapeError;
use crate::volume::{Batch, Volume};
use std::borrow::Cow;

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
    pub(crate) volume: Volume,
    gathered: bool,
}

impl Layout {
    /// The layout that gathers samples of fewer voxels than `small`.
    ///
    /// # Errors
    ///
    /// If a sample is too large to be addressed.
    pub(crate) fn new(batch: Batch, small: usize) -> Result<Self, ShapeError> {
        let voxels = batch.volume.voxels()?;
        Ok(Self { samples: batch.samples, voxels, volume: batch.volume, gathered: batch.samples > 1 && voxels < small })
    }

    pub(crate) fn runs(&self) -> usize {
        if self.gathered { 1 } else { self.samples }
    }

    /// Voxels of a run.
    pub(crate) fn positions(&self) -> usize {
        if self.gathered { self.samples * self.voxels } else { self.voxels }
    }

    /// A tensor of a contiguous `[N, channels, D, H, W]` in this order.
    pub(crate) fn tensor<'a>(&self, data: &'a [f32], channels: usize) -> Tensor<'a> {
        if !self.gathered {
            return self.strided(Cow::Borrowed(data), channels);
        }
        let mut values = vec![0.0; data.len()];
        self.scatter(channels, |sample, channel, place| {
            let from = (sample * channels + channel) * self.voxels;
            values[place..][..self.voxels].copy_from_slice(&data[from..][..self.voxels]);
        });
        self.strided(Cow::Owned(values), channels)
    }

    /// Calls `write` with sample, channel and the place of its first voxel in a tensor of this order.
    pub(crate) fn scatter(&self, channels: usize, mut write: impl FnMut(usize, usize, usize)) {
        for sample in 0..self.samples {
            for channel in 0..channels {
                let row = if self.gathered { channel * self.samples + sample } else { sample * channels + channel };
                write(sample, channel, row * self.voxels);
            }
        }
    }

    /// A tensor whose values are already in this order.
    pub(crate) fn strided<'a>(&self, values: Cow<'a, [f32]>, channels: usize) -> Tensor<'a> {
        Tensor { values, channel_stride: self.positions(), run_stride: channels * self.positions() }
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
