//! The tile in plain Rust, which compilers turn into whatever vectors they have.

use super::{Sums, TILE, Tile};
use crate::activation::leaky;
use crate::filters::{BLOCK, CHUNK};

/// See [`Tile::compute`].
pub(super) fn compute(tile: &Tile<'_>, sums: &mut Sums) {
    for (row, bias) in sums.0.iter_mut().zip(&tile.bias) {
        row.fill(*bias);
    }
    let (mut weights, mut lanes) = (tile.weights, tile.lanes);
    for input in tile.inputs {
        let (of_input, rest) = lanes.split_at(input.offsets.len());
        lanes = rest;
        for chunk in (0..input.channels).step_by(CHUNK) {
            let channels = chunk..input.channels.min(chunk + CHUNK);
            for (lanes, offset) in of_input.iter().zip(input.offsets) {
                let (of_tap, rest) = weights.split_at(channels.len() * BLOCK);
                weights = rest;
                if *lanes == 0 {
                    continue;
                }
                for (channel, of_channel) in channels.clone().zip(of_tap.chunks_exact(BLOCK)) {
                    let start = (channel * input.stride + tile.position).wrapping_add_signed(*offset);
                    let values = load(input.data, start, *lanes, tile.len);
                    for (row, weight) in sums.0.iter_mut().zip(of_channel) {
                        for (sum, value) in row.iter_mut().zip(&values) {
                            *sum += weight * value;
                        }
                    }
                }
            }
        }
    }
    for sum in sums.0.as_flattened_mut() {
        *sum = leaky(*sum, tile.slope);
    }
}

/// The `len` values from `start` on whose lanes are set, zero elsewhere.
fn load(data: &[f32], start: usize, lanes: u64, len: usize) -> [f32; TILE] {
    let mut values = [0.0; TILE];
    if lanes == u64::MAX >> (64 - len) {
        values[..len].copy_from_slice(&data[start..][..len]);
    } else {
        for (lane, value) in values[..len].iter_mut().enumerate() {
            if lanes >> lane & 1 == 1 {
                *value = data[start.wrapping_add(lane)];
            }
        }
    }
    values
}
