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
use crate::stencil::Tap;
use rayon::prelude::*;

/// Samples of fewer voxels are gathered: adding up the lanes at the end of a span would cost too much otherwise.
pub(crate) const GATHER_PRODUCTS: usize = 1024;

/// Voxels of a span: few enough that the gradients of a block stay in the first-level cache.
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

/// A pair of an input channel and a tap, in a span.
#[derive(Clone, Copy)]
struct Column<'a> {
    /// Place of the first voxel's input, possibly outside the volume.
    start: isize,
    /// For each vector of the span, one bit a voxel, set where the input exists.
    lanes: &'a [u16],
}

/// The sums, `[channels of grad, channels of input, taps]`.
///
/// # Panics
///
/// If a stack does not hold its number of channels in this layout.
pub(crate) fn products(
    isa: Isa,
    grad: (Stack<'_>, usize),
    input: (Stack<'_>, usize),
    taps: &[Tap],
    layout: Layout,
) -> Vec<f32> {
    let (runs, positions) = (layout.runs(), layout.positions());
    let columns = input.1 * taps.len();
    let values = grad.1 * columns;
    let spans_of_run = positions.div_ceil(SPAN);
    let spans = runs * spans_of_run;
    if values * spans == 0 {
        return vec![0.0; values];
    }
    for (stack, channels) in [grad, input] {
        let end = (runs - 1) * stack.run_stride + (channels - 1) * stack.channel_stride + positions;
        assert!(end <= stack.data.len(), "{end} values of a stack of {}", stack.data.len());
    }
    let groups = (MAX_PARTIAL / values).clamp(1, MAX_GROUPS).min(spans);
    let blocks = grad.1.div_ceil(ROWS);
    let mut partial = vec![0.0; values * groups];
    let of_blocks = partial.chunks_mut(values).flat_map(|group| group.chunks_mut(ROWS * columns));
    of_blocks.collect::<Vec<_>>().into_par_iter().enumerate().for_each(|(task, sums)| {
        let (group, block) = (task / blocks, task % blocks);
        for span in group * spans / groups..(group + 1) * spans / groups {
            let (run, first) = (span / spans_of_run, span % spans_of_run * SPAN);
            let len = SPAN.min(positions - first);
            let lanes = SpanLanes::new(layout, taps, first, len);
            let grads = &grad.0.data[run * grad.0.run_stride..];
            let rows = std::array::from_fn(|i| (block * ROWS + i).min(grad.1 - 1) * grad.0.channel_stride + first);
            let data = &input.0.data[run * input.0.run_stride..];
            let column = |column: usize| {
                let (channel, tap) = (column / taps.len(), column % taps.len());
                let place = (channel * input.0.channel_stride + first) as isize;
                Column { start: place + offset(taps[tap], layout.volume), lanes: lanes.of(tap) }
            };
            for first in (0..columns).step_by(COLUMNS) {
                let group = std::array::from_fn(|i| column((first + i).min(columns - 1)));
                let added = Span { grads, rows, data, columns: group, len }.products(isa);
                for (sums, added) in sums.chunks_exact_mut(columns).zip(added) {
                    sums[first..].iter_mut().zip(added).for_each(|(sum, value)| *sum += value);
                }
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

/// Which inputs of a span exist.
struct SpanLanes {
    /// `[tap, vector]`.
    lanes: Vec<u16>,
    vectors: usize,
}

impl SpanLanes {
    fn new(layout: Layout, taps: &[Tap], first: usize, len: usize) -> Self {
        let vectors = len.div_ceil(LANES);
        let mut all = vec![0; vectors * taps.len()];
        let mut cursor = Cursor::new(layout.volume, first);
        for vector in (0..vectors).step_by(4) {
            let lanes = cursor.next((4 * LANES).min(len - vector * LANES));
            for (tap, all) in taps.iter().zip(all.chunks_exact_mut(vectors)) {
                let lanes = lanes.of(*tap);
                for (i, mask) in all[vector..].iter_mut().take(4).enumerate() {
                    *mask = (lanes >> (i * LANES) & 0xffff) as u16;
                }
            }
        }
        Self { lanes: all, vectors }
    }

    fn of(&self, tap: usize) -> &[u16] {
        &self.lanes[tap * self.vectors..][..self.vectors]
    }
}

/// Rows and columns whose products are summed over voxels that follow each other.
struct Span<'a> {
    grads: &'a [f32],
    /// Where the rows start in `grads`.
    rows: [usize; ROWS],
    data: &'a [f32],
    columns: [Column<'a>; COLUMNS],
    /// Voxels.
    len: usize,
}

impl Span<'_> {
    fn products(&self, isa: Isa) -> [[f32; COLUMNS]; ROWS] {
        let vectors = self.len.div_ceil(LANES);
        assert!(self.columns.iter().all(|c| c.lanes.len() == vectors), "a mask for every vector");
        assert!(self.rows.iter().all(|r| *r + self.len <= self.grads.len()), "the rows lie in the tensor");
        match isa.0 {
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX-512 F.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::products(self) },
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::products(self) },
            Kind::Portable => portable::products(self),
        }
    }
}

/// Adds to each value of `sums` the sum over all positions of its channel, in double precision.
pub(crate) fn add_channel_sums(isa: Isa, stack: Stack<'_>, layout: Layout, sums: &mut [f32]) {
    let positions = layout.positions();
    if positions == 0 {
        return;
    }
    sums.par_iter_mut().enumerate().for_each(|(channel, sum)| {
        let mut total = 0.0;
        for run in 0..layout.runs() {
            total += sum_of(isa, &stack.data[run * stack.run_stride + channel * stack.channel_stride..][..positions]);
        }
        *sum += total as f32;
    });
}

for_each_isa! {
    fn sum_of(values: &[f32]) -> f64 = sum
}

/// The sum in double precision, in 16 interleaved parts.
#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut parts = [0.0f64; 16];
    let (vectors, rest) = values.as_chunks::<16>();
    for vector in vectors {
        for (part, value) in parts.iter_mut().zip(vector) {
            *part += f64::from(*value);
        }
    }
    for (part, value) in parts.iter_mut().zip(rest) {
        *part += f64::from(*value);
    }
    parts.iter().sum()
}
