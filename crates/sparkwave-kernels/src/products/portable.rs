//! The block in plain Rust, which compilers turn into whatever vectors they have.

use super::{COLUMNS, LANES, ROWS, Sums, Vector};

/// Sums of the rows times the inputs from `starts` on whose lanes are set.
pub(super) fn products(
    rows: &[[Vector; ROWS]],
    data: &[f32],
    starts: [isize; COLUMNS],
    lanes: [&[u16]; COLUMNS],
) -> Sums {
    let mut sums = [[[0.0f32; LANES]; COLUMNS]; ROWS];
    for (vector, rows) in rows.iter().enumerate() {
        let inputs: [[f32; LANES]; COLUMNS] = std::array::from_fn(|column| {
            load(data, (vector * LANES).wrapping_add_signed(starts[column]), lanes[column][vector])
        });
        for (row, sums) in rows.iter().zip(&mut sums) {
            for (sums, inputs) in sums.iter_mut().zip(&inputs) {
                for ((sum, grad), input) in sums.iter_mut().zip(&row.0).zip(inputs) {
                    *sum += grad * input;
                }
            }
        }
    }
    sums.map(|row| row.map(|lanes| lanes.iter().sum()))
}

/// The values from `start` on whose lanes are set, zero elsewhere.
fn load(data: &[f32], start: usize, lanes: u16) -> [f32; LANES] {
    let mut values = [0.0; LANES];
    if lanes == u16::MAX {
        values.copy_from_slice(&data[start..][..LANES]);
    } else {
        for (lane, value) in values.iter_mut().enumerate() {
            if lanes >> lane & 1 == 1 {
                *value = data[start.wrapping_add(lane)];
            }
        }
    }
    values
}
