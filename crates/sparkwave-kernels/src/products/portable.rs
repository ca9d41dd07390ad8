//! The block in plain Rust, which compilers turn into whatever vectors they have.

use super::{COLUMNS, LANES, ROWS, Span};

/// See [`Span::products`].
pub(super) fn products(span: &Span<'_>) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[[0.0f32; LANES]; COLUMNS]; ROWS];
    for (vector, at) in (0..span.len).step_by(LANES).enumerate() {
        let n = LANES.min(span.len - at);
        let inputs = span.columns.map(|column| {
            let mut values = [0.0; LANES];
            let lanes = column.lanes[vector];
            let start = at.wrapping_add_signed(column.start);
            if lanes == u16::MAX {
                values.copy_from_slice(&span.data[start..][..LANES]);
            } else {
                for (lane, value) in values[..n].iter_mut().enumerate() {
                    if lanes >> lane & 1 == 1 {
                        *value = span.data[start.wrapping_add(lane)];
                    }
                }
            }
            values
        });
        for (row, sums) in span.rows.iter().zip(&mut sums) {
            let mut values = [0.0; LANES];
            values[..n].copy_from_slice(&span.grads[row + at..][..n]);
            for (sums, inputs) in sums.iter_mut().zip(&inputs) {
                for ((sum, grad), input) in sums.iter_mut().zip(&values).zip(inputs) {
                    *sum += grad * input;
                }
            }
        }
    }
    sums.map(|row| row.map(|lanes| lanes.iter().sum()))
}
