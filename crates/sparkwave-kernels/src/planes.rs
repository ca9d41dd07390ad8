//! Some planes of a tensor, for networks that go over a long volume plane by plane and keep no more than they need.

use crate::error::{ShapeError, product};
use crate::stack::Stack;
use crate::volume::Volume;
use std::ops::Range;

/// Planes of a tensor `[channels, planes, H, W]` of one sample that follow each other, while its channels may lie further
/// apart than these planes are long.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    /// From the first voxel of the first of the planes on.
    pub data: &'a [f32],
    /// From a voxel to the same voxel of the next channel.
    pub channel_stride: usize,
}

impl<'a> Planes<'a> {
    pub(crate) fn stack(&self) -> Stack<'a> {
        Stack { data: self.data, channel_stride: self.channel_stride, run_stride: 0 }
    }
}

/// The same, to be written.
#[derive(Debug)]
pub struct PlanesMut<'a> {
    /// From the first voxel of the first of the planes on.
    pub data: &'a mut [f32],
    /// From a voxel to the same voxel of the next channel.
    pub channel_stride: usize,
}

/// Checks that `len` values hold the planes of a volume for all channels.
///
/// # Errors
///
/// If they do not, or channels overlap.
pub(crate) fn expect_planes(
    what: &'static str,
    (len, channel_stride): (usize, usize),
    channels: usize,
    volume: Volume,
) -> Result<(), ShapeError> {
    let voxels = volume.voxels()?;
    let expected = product(&[channels.saturating_sub(1), channel_stride])? + voxels;
    if channels > 0 && (len < expected || channels > 1 && channel_stride < voxels) {
        return Err(ShapeError::Length { what, expected, found: len });
    }
    Ok(())
}

/// Checks a range of planes.
///
/// # Errors
///
/// If it is not one of the volume's.
pub(crate) fn expect_range(planes: &Range<usize>, volume: Volume) -> Result<(), ShapeError> {
    if planes.start <= planes.end && planes.end <= volume.depth {
        return Ok(());
    }
    Err(ShapeError::Unsupported { what: "planes beyond the volume", found: [planes.start, planes.end, volume.depth] })
}
