//! Sums of weights times shifted inputs: every forward pass and every input gradient.
//!
//! For output channel `o` and voxel `p`, the sum over inputs, channels `i` and taps `t` of
//! `weight[o, i, t] * input[i, p + shift(t)]`, inputs outside the volume being zero. It is computed for a tile of 8
//! channels by 48 voxels at a time, whose sums stay in registers. The order of the terms of one sum is that of
//! [`Filters`] and depends on nothing else.

mod portable;

use crate::activation::leaky;
use crate::filters::{BLOCK, Filters};
use crate::isa::Isa;
use crate::lanes::{Lanes, offset};
use crate::stack::{Layout, Stack};
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
pub(crate) type Sums = [[f32; TILE]; BLOCK];

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

/// A tap of a tile.
#[derive(Debug, Clone, Copy)]
struct TileTap {
    /// From an output to its input, in memory.
    offset: isize,
    /// One bit a voxel, set where the input exists.
    lanes: u64,
}

/// An input of a tile.
struct TileInput<'a> {
    /// The tensor of one run.
    data: &'a [f32],
    stride: usize,
    channels: usize,
    taps: &'a [TileTap],
}

/// Computes all sums and gives them to `store`, for every tile one value of `Sums` for each of `filters` (which differ in
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
    store: impl Fn(Place, &[Sums]) + Sync,
) {
    let Some(first) = filters.first() else { return };
    let (runs, len, volume) = (layout.runs(), layout.positions(), layout.volume);
    if runs * len == 0 || first.outputs == 0 {
        return;
    }
    assert!(filters.iter().all(|f| f.outputs == first.outputs && f.inputs.len() == stacks.len()), "one stack an input");
    for (input, stack) in filters.iter().flat_map(|f| f.inputs.iter().zip(stacks)) {
        let end = (runs - 1) * stack.run_stride + (input.channels.max(1) - 1) * stack.channel_stride + len;
        assert!(input.channels == 0 || end <= stack.data.len(), "{end} values of a stack of {}", stack.data.len());
    }
    let cut = Cut::new(len, runs, first.blocks());
    (0..cut.tasks()).into_par_iter().for_each(|task| {
        let (run, tiles, blocks) = cut.task(task);
        let mut taps = Vec::new();
        let mut sums = vec![[[0.0; TILE]; BLOCK]; filters.len()];
        for tile in tiles {
            let (position, voxels) = cut.tile(tile);
            let lanes = Lanes::new(volume, position, voxels);
            taps.clear();
            for input in filters.iter().flat_map(|f| &f.inputs) {
                taps.extend(input.taps.iter().map(|t| TileTap { offset: offset(*t, volume), lanes: lanes.of(*t) }));
            }
            for block in blocks.clone() {
                let mut rest: &[TileTap] = &taps;
                for (filters, sums) in filters.iter().zip(&mut sums) {
                    let inputs = filters.inputs.iter().zip(stacks).map(|(input, stack)| {
                        let (taps, after) = rest.split_at(input.taps.len());
                        rest = after;
                        let data = &stack.data[run * stack.run_stride..];
                        TileInput { data, stride: stack.channel_stride, channels: input.channels, taps }
                    });
                    let inputs: Vec<_> = inputs.collect();
                    let mut bias = [0.0; BLOCK];
                    if let Some(all) = finish.bias {
                        bias.iter_mut().zip(&all[block * BLOCK..]).for_each(|(b, v)| *b = *v);
                    }
                    tile_sums(isa, &inputs, filters.block(block), position, voxels, &bias, finish.slope, sums);
                }
                let channel = block * BLOCK;
                let channels = BLOCK.min(first.outputs - channel);
                store(Place { position: run * len + position, len: voxels, channel, channels }, &sums);
            }
        }
    });
}

/// How the work is cut into tasks.
struct Cut {
    positions: usize,
    tiles: usize,
    tiles_per_task: usize,
    runs: usize,
    blocks: usize,
    blocks_per_task: usize,
}

impl Cut {
    fn new(positions: usize, runs: usize, blocks: usize) -> Self {
        let vectors = positions.div_ceil(LANES);
        let tiles = vectors.div_ceil(VECTORS);
        // Small volumes have many channels: there, the weights are what must stay in the cache.
        let by_block = positions <= 512 && blocks >= 8;
        let tiles_per_task = if by_block { tiles } else { tiles.div_ceil(64).max(8) };
        Self { positions, tiles, tiles_per_task, runs, blocks, blocks_per_task: if by_block { 1 } else { blocks } }
    }

    fn tasks(&self) -> usize {
        self.runs * self.tiles.div_ceil(self.tiles_per_task) * self.blocks.div_ceil(self.blocks_per_task)
    }

    /// The run, the tiles and the blocks of a task.
    fn task(&self, task: usize) -> (usize, std::ops::Range<usize>, std::ops::Range<usize>) {
        let cuts = self.tiles.div_ceil(self.tiles_per_task);
        let (block, rest) = (task / (self.runs * cuts), task % (self.runs * cuts));
        let (run, cut) = (rest / cuts, rest % cuts);
        let tiles = cut * self.tiles_per_task..((cut + 1) * self.tiles_per_task).min(self.tiles);
        let blocks = block * self.blocks_per_task..((block + 1) * self.blocks_per_task).min(self.blocks);
        (run, tiles, blocks)
    }

    /// The first position of a tile and its number of voxels. Tiles of one run differ by at most one vector.
    fn tile(&self, tile: usize) -> (usize, usize) {
        let vectors = self.positions.div_ceil(LANES);
        let start = |tile: usize| (tile * (vectors / self.tiles) + tile.min(vectors % self.tiles)) * LANES;
        let first = start(tile);
        (first, start(tile + 1).min(self.positions) - first)
    }
}

/// The sums of one tile, with bias and slope. Of `sums`, only the first `len` of each channel are meant.
#[allow(clippy::too_many_arguments)]
fn tile_sums(
    isa: Isa,
    inputs: &[TileInput<'_>],
    weights: &[f32],
    position: usize,
    len: usize,
    bias: &[f32; BLOCK],
    slope: f32,
    sums: &mut Sums,
) {
    let _ = isa;
    portable::tile(inputs, weights, position, len, bias, sums);
    for row in sums.iter_mut() {
        for sum in &mut row[..len] {
            *sum = leaky(*sum, slope);
        }
    }
}
