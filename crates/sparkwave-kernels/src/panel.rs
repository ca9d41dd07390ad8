//! Sums of products of a few rows with a panel: `out[row][column] += rows[row][step] * panel[step][column]`, the inner
//! loop of attention. Rows are read where they are, whatever their strides; panel and sums are packed.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::isa::{Isa, Kind};

/// Columns of a vector.
pub(crate) const LANES: usize = 16;
/// Most vectors of a panel.
pub(crate) const VECTORS: usize = 3;
/// Rows that are summed together.
pub(crate) const ROWS: usize = 8;
/// Most columns of a panel.
pub(crate) const COLUMNS: usize = VECTORS * LANES;

/// Rows somewhere in a slice: value `step` of row `row` is `data[first + row * row_stride + step * step_stride]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) row_stride: usize,
    pub(crate) step_stride: usize,
}

/// What the sums begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Nothing.
    Zero,
    /// What `out` holds.
    Out,
    /// What `out` holds, times the factor of the column.
    Scaled(&'a [f32; COLUMNS]),
}

/// Adds the products of all rows with `panel`, `[steps, columns]`, to `out`, `[rows, columns]`. Columns are a multiple of
/// 16, at most 48.
pub(crate) fn add_products(isa: Isa, rows: Rows<'_>, panel: &[f32], columns: usize, start: Start<'_>, out: &mut [f32]) {
    assert!(columns.is_multiple_of(LANES) && (LANES..=COLUMNS).contains(&columns), "{columns} columns");
    let steps = panel.len() / columns;
    assert!(panel.len() == steps * columns && out.len() == rows.rows * columns, "whole rows");
    if rows.rows == 0 {
        return;
    }
    if steps > 0 {
        let last = rows.first + (rows.rows - 1) * rows.row_stride + (steps - 1) * rows.step_stride;
        assert!(last < rows.data.len(), "the rows lie in their slice");
    }
    for (i, out) in out.chunks_mut(ROWS * columns).enumerate() {
        let n = out.len() / columns;
        // Where there are fewer rows than registers, the last one is summed several times and stored once.
        let starts = std::array::from_fn(|row| rows.first + (i * ROWS + row.min(n - 1)) * rows.row_stride);
        let block = Block { data: rows.data, starts, step_stride: rows.step_stride, panel, start };
        match isa.0 {
            // SAFETY: an `Isa` of this kind exists only on processors that have AVX-512 F and VL; that the rows lie in
            // their slice was checked.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::add(&block, columns, out) },
            // SAFETY: as above, with AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::add(&block, columns, out) },
            Kind::Portable => portable::add(&block, columns, out),
        }
    }
}

/// Up to [`ROWS`] rows and their panel.
struct Block<'a> {
    data: &'a [f32],
    /// The first value of each row.
    starts: [usize; ROWS],
    step_stride: usize,
    panel: &'a [f32],
    start: Start<'a>,
}
