//! Sums of weights times shifted inputs: every forward pass and every input gradient.
//!
//! For output channel `o` and voxel `p`, the sum over inputs, channels `i` and taps `t` of
//! `weight[o, i, t] * input[i, p + shift(t)]`, inputs outside the volume being zero. It is computed for a tile of 8
//! channels by 48 voxels at a time, whose sums stay in registers. The order of the terms of one sum is that of
//! [`Filters`] and depends on nothing else.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod channels;
mod cut;
mod portable;

pub(crate) use channels::Channels;

use crate::filters::{BLOCK, Filters};
use crate::isa::{Isa, Kind};
use crate::lanes::{Lanes, offset};
use crate::stack::{Layout, Stack};
use cut::{Cut, Task};
use rayon::prelude::*;

/// Voxels of a vector.
pub(crate) const LANES: usize = 16;

/// Vectors of a tile.
const VECTORS: usize = 3;

/// Voxels of a tile.
pub(crate) const TILE: usize = LANES * VECTORS;

/// Samples of fewer voxels are gathered: vectors would be too empty otherwise.
pub(crate) const GATHER_OUTPUTS: usize = 64;

/// The sums of a tile, by output channel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [[f32; TILE]; BLOCK]);

/// What the sums are added to, and what happens to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    /// The factor on sums below zero.
    pub(crate) slope: f32,
}

/// Which sums a tile holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Position of the first voxel, counting through all runs.
    pub(crate) position: usize,
    /// Voxels.
    pub(crate) len: usize,
    /// First output channel.
    pub(crate) channel: usize,
    /// Output channels.
    pub(crate) channels: usize,
}

/// Where the sums go. Every channel of every position goes to one call of `store`.
pub(crate) trait Sink: Sync {
    /// Writes sums, one value of `Sums` for each of the filters.
    fn store(&self, place: Place, sums: &[Sums]);
}

/// An input of the tiles of a run.
struct TileInput<'a> {
    /// The tensor of the run.
    data: &'a [f32],
    stride: usize,
    channels: usize,
    /// For each tap, from an output to its input, in memory.
    offsets: &'a [isize],
}

/// Which sums to compute: tile and block of channels.
struct Tile<'a> {
    inputs: &'a [TileInput<'a>],
    /// For each tap of each input, one bit a voxel, set where the input exists.
    lanes: &'a [u64],
    /// The weights of the block.
    weights: &'a [f32],
    bias: [f32; BLOCK],
    /// The factor on sums below zero.
    slope: f32,
    /// First voxel, in the volume of the inputs.
    position: usize,
    /// Voxels.
    len: usize,
}

/// Computes all sums and gives them to `sink`, for every tile one value of `Sums` for each of `filters` (which differ in
/// weights and taps, not in sizes).
///
/// # Panics
///
/// If `stacks` does not hold what `filters` and `layout` imply.
pub(crate) fn correlate(
    isa: Isa,
    filters: &[&Filters],
    stacks: &[Stack<'_>],
    layout: Layout,
    finish: Finish<'_>,
    sink: &impl Sink,
) {
    let Some(first) = filters.first() else { return };
    let (runs, len, volume) = (layout.runs(), layout.positions(), layout.volume);
    if runs * len == 0 || first.outputs == 0 {
        return;
    }
    assert!(filters.iter().all(|f| f.outputs == first.outputs && f.inputs.len() == stacks.len()), "one stack an input");
    for (input, stack) in filters.iter().flat_map(|f| f.inputs.iter().zip(stacks)) {
        let end = (runs - 1) * stack.run_stride + (input.channels.max(1) - 1) * stack.channel_stride + layout.reach();
        assert!(input.channels == 0 || end <= stack.data.len(), "{end} values of a stack of {}", stack.data.len());
    }
    let offsets: Vec<Vec<Vec<isize>>> = filters
        .iter()
        .map(|f| f.inputs.iter().map(|i| i.taps.iter().map(|t| offset(*t, volume)).collect()).collect())
        .collect();
    let cut = Cut::new(layout, first.blocks());
    (0..cut.tasks()).into_par_iter().for_each(|task| {
        let Task { run, segments, blocks } = cut.task(task);
        let inputs: Vec<_> =
            filters.iter().zip(&offsets).map(|(f, offsets)| inputs_of(f, stacks, offsets, run)).collect();
        let mut lanes: Vec<Vec<u64>> = vec![Vec::new(); filters.len()];
        let mut sums = vec![Sums([[0.0; TILE]; BLOCK]); filters.len()];
        for (position, voxels) in segments.flat_map(|segment| cut.tiles(segment)) {
            let inside = Lanes::new(volume, layout.first + position, voxels);
            for (filters, lanes) in filters.iter().zip(&mut lanes) {
                lanes.clear();
                for input in &filters.inputs {
                    lanes.extend(input.taps.iter().map(|tap| inside.of(*tap)));
                }
            }
            for block in blocks.clone() {
                let channel = block * BLOCK;
                let channels = BLOCK.min(first.outputs - channel);
                let mut bias = [0.0; BLOCK];
                if let Some(all) = finish.bias {
                    bias[..channels].copy_from_slice(&all[channel..][..channels]);
                }
                let place = Place { position: run * len + position, len: voxels, channel, channels };
                for (((filters, inputs), lanes), sums) in filters.iter().zip(&inputs).zip(&lanes).zip(&mut sums) {
                    let (weights, slope) = (filters.block(block), finish.slope);
                    let position = layout.first + position;
                    let tile = Tile { inputs, lanes, weights, bias, slope, position, len: voxels };
                    tile.compute(isa, sums);
                }
                sink.store(place, &sums);
            }
        }
    });
}

/// The inputs of one run.
fn inputs_of<'a>(filters: &Filters, stacks: &[Stack<'a>], offsets: &'a [Vec<isize>], run: usize) -> Vec<TileInput<'a>> {
    let inputs = filters.inputs.iter().zip(stacks).zip(offsets);
    inputs
        .map(|((input, stack), offsets)| TileInput {
            data: &stack.data[run * stack.run_stride..],
            stride: stack.channel_stride,
            channels: input.channels,
            offsets,
        })
        .collect()
}

impl Tile<'_> {
    /// Its sums plus bias, times `slope` below zero. Of `sums`, only the first `len` of each channel are meant.
    fn compute(&self, isa: Isa, sums: &mut Sums) {
        let taps: usize = self.inputs.iter().map(|i| i.offsets.len()).sum();
        let weights: usize = self.inputs.iter().map(|i| i.channels * i.offsets.len() * BLOCK).sum();
        assert!(
            self.lanes.len() == taps && self.weights.len() == weights && self.len <= TILE,
            "the parts of a tile fit"
        );
        match isa.0 {
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX-512 F and VL.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::compute(self, sums) },
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::compute(self, sums) },
            Kind::Portable => portable::compute(self, sums),
        }
    }
}
