//! Sums over voxels of gradients times shifted inputs: every weight gradient.
//!
//! For output channel `o`, input channel `i` and tap `t`, the sum over voxels `p` of
//! `grad[o, p] * input[i, p + shift(t)]`. Voxels are cut into spans, spans into groups; spans of a group are added one
//! after the other, then the groups. Both depend on the sizes only, never on the number of threads.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::isa::{Isa, Kind, for_each_isa};
use crate::lanes::{Cursor, offset};
use crate::stack::{Layout, Stack};
use crate::stencil::{Phase, Tap};
use crate::volume::Volume;
use rayon::prelude::*;
use std::ops::Range;

/// Samples of fewer voxels are gathered: adding up the lanes at the end of a span would cost too much otherwise.
pub(crate) const GATHER_PRODUCTS: usize = 1024;

/// Voxels of a span: few enough that the gradients of a block stay in the first-level
/// cache.
const SPAN: usize = 1024;

/// Voxels of the vectors that share a mask.
const LANES: usize = 16;

/// Output channels that are computed together.
const ROWS: usize = 8;

/// Pairs of an input channel and a tap that are computed together.
const COLUMNS: usize = 3;

/// Values that the partial sums of all groups may hold together.
const MAX_PARTIAL: usize = 1 << 20;

/// The most groups there are.
const MAX_GROUPS: usize = 32;

/// A pair of an input channel and a tap.
#[derive(Clone, Copy)]
struct Column {
    /// Place of the input of the first position, possibly outside the volume.
    start: isize,
    tap: usize,
}

/// The sums, for each channel of `grad` `[phase, channel of input, tap]` and one more value, the sum over all voxels of the
/// gradients themselves.
///
/// `grad` fills a row with the gradients of a phase (by its index) and a channel from a position on, which counts through
/// all runs; a row lies within a run.
///
/// # Panics
///
/// If `input` does not hold its number of channels in this layout.
pub(crate) fn products(
    isa: Isa,
    (channels, grad): (usize, impl Fn(usize, usize, usize, &mut [f32]) + Sync),
    input: (Stack<'_>, usize),
    phases: &[Phase],
    layout: Layout,
) -> Vec<f32> {
    let (runs, positions) = (layout.runs(), layout.positions());
    let columns = input.1 * phases.iter().map(|phase| phase.taps.len()).sum::<usize>();
    let of_row = columns + 1;
    let values = channels * of_row;
    let spans_of_run = positions.div_ceil(SPAN);
    let spans = runs * spans_of_run;
    if values * spans == 0 {
        return vec![0.0; values];
    }
    let end = (runs - 1) * input.0.run_stride + (input.1.max(1) - 1) * input.0.channel_stride + positions;
    assert!(input.1 == 0 || end <= input.0.data.len(), "{end} values of a stack of {}", input.0.data.len());
    let columns_of = |phase: &Phase| -> Vec<Column> {
        let place = |(channel, tap): (usize, usize)| Column {
            start: (channel * input.0.channel_stride) as isize + offset(phase.taps[tap], layout.volume),
            tap,
        };
        (0..input.1).flat_map(|channel| (0..phase.taps.len()).map(move |tap| (channel, tap))).map(place).collect()
    };
    let all: Vec<Vec<Column>> = phases.iter().map(columns_of).collect();
    let groups = (MAX_PARTIAL / values).clamp(1, MAX_GROUPS).min(spans);
    let blocks = channels.div_ceil(ROWS);
    let mut partial = vec![0.0; values * groups];
    let of_blocks = partial.chunks_mut(values).flat_map(|group| group.chunks_mut(ROWS * of_row));
    of_blocks.collect::<Vec<_>>().into_par_iter().enumerate().for_each(|(task, sums)| {
        let (group, block) = (task / blocks, task % blocks);
        let mut span = Span { rows: Vec::new(), lanes: Vec::new(), vectors: 0, totals: [0.0; ROWS] };
        for index in group * spans / groups..(group + 1) * spans / groups {
            let (run, first) = (index / spans_of_run, index % spans_of_run * SPAN);
            let len = SPAN.min(positions - first);
            let data = &input.0.data[run * input.0.run_stride..];
            let mut before = 0;
            for (index, (phase, columns_of)) in phases.iter().zip(&all).enumerate() {
                let rows = block * ROWS..channels.min((block + 1) * ROWS);
                span.pack(isa, rows, len, |channel, row| grad(index, channel, run * positions + first, row));
                span.find_lanes(layout.volume, &phase.taps, first, len);
                for together in columns_of.chunks(COLUMNS) {
                    let added =
                        span.products(isa, data, first, std::array::from_fn(|i| together[i.min(together.len() - 1)]));
                    for (sums, added) in sums.chunks_exact_mut(of_row).zip(added) {
                        let sums = &mut sums[before..before + together.len()];
                        sums.iter_mut().zip(added).for_each(|(sum, value)| *sum += value);
                    }
                    before += together.len();
                }
                sums.chunks_exact_mut(of_row).zip(span.totals).for_each(|(sums, total)| sums[columns] += total);
            }
        }
    });
    let (sums, others) = partial.split_at_mut(values);
    for other in others.chunks_exact(values) {
        sums.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
    }
    partial.truncate(values);
    partial
}

/// A register of gradients, where one load gets it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Vector([f32; LANES]);

/// Voxels that follow each other, as the blocks of one group of channels want them.
struct Span {
    /// Gradients `[vector, channel, lane]`, zero where there are none.
    rows: Vec<[Vector; ROWS]>,
    /// `[tap, vector]`, one bit a lane, set where the input exists.
    lanes: Vec<u16>,
    vectors: usize,
    /// The sum of each row.
    totals: [f32; ROWS],
}

impl Span {
    /// Takes the rows of `len` voxels of some channels.
    fn pack(&mut self, isa: Isa, channels: Range<usize>, len: usize, fill: impl Fn(usize, &mut [f32])) {
        self.vectors = len.div_ceil(LANES);
        self.rows.resize(self.vectors, [Vector([0.0; LANES]); ROWS]);
        let mut row = [0.0; SPAN];
        for (i, channel) in channels.enumerate() {
            fill(channel, &mut row[..len]);
            row[len..].fill(0.0);
            self.totals[i] = total(isa, &row);
            for (to, from) in self.rows.iter_mut().zip(row.as_chunks::<LANES>().0) {
                to[i] = Vector(*from);
            }
        }
    }

    /// Finds which inputs exist, of `len` voxels from position `first` of a run on.
    fn find_lanes(&mut self, volume: Volume, taps: &[Tap], first: usize, len: usize) {
        self.lanes.clear();
        self.lanes.resize(self.vectors * taps.len(), 0);
        let mut cursor = Cursor::new(volume, first);
        for vector in (0..self.vectors).step_by(4) {
            let lanes = cursor.next((4 * LANES).min(len - vector * LANES));
            for (tap, of_tap) in taps.iter().zip(self.lanes.chunks_exact_mut(self.vectors)) {
                let lanes = lanes.of(*tap);
                for (i, mask) in of_tap[vector..].iter_mut().take(4).enumerate() {
                    *mask = (lanes >> (i * LANES) & 0xffff) as u16;
                }
            }
        }
    }

    /// Sums over the span of the rows times columns of `data`, in which the span starts at `first`.
    fn products(&self, isa: Isa, data: &[f32], first: usize, columns: [Column; COLUMNS]) -> Sums {
        let starts = columns.map(|column| column.start + first as isize);
        let lanes = columns.map(|column| &self.lanes[column.tap * self.vectors..][..self.vectors]);
        match isa.0 {
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX-512 F and VL; a lane is set only where the
            // volume has the input, and `products` checked that the tensor has the volume.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::products(&self.rows, data, starts, lanes) },
            // SAFETY: as above, with AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::products(&self.rows, data, starts, lanes) },
            Kind::Portable => portable::products(&self.rows, data, starts, lanes),
        }
    }
}

/// The sums of a block, by row and column.
type Sums = [[f32; COLUMNS]; ROWS];

for_each_isa! {
    fn total(row: &[f32; SPAN]) -> f32 = total_of
}

/// The sum, in interleaved parts.
#[inline(always)]
fn total_of(row: &[f32; SPAN]) -> f32 {
    let mut parts = [0.0; 4 * LANES];
    for values in row.as_chunks::<{ 4 * LANES }>().0 {
        parts.iter_mut().zip(values).for_each(|(part, value)| *part += value);
    }
    parts.iter().sum()
}
