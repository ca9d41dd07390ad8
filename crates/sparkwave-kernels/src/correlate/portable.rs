//! The tile in plain Rust, which compilers turn into whatever vectors they have.

use super::{Sums, TILE, TileInput};
use crate::filters::{BLOCK, CHUNK};

/// Bias plus the sums of a tile.
pub(super) fn tile(
    inputs: &[TileInput<'_>],
    weights: &[f32],
    position: usize,
    len: usize,
    bias: &[f32; BLOCK],
    sums: &mut Sums,
) {
    for (row, bias) in sums.iter_mut().zip(bias) {
        row.fill(*bias);
    }
    let full = u64::MAX >> (64 - len);
    let mut weights = weights;
    for input in inputs {
        for chunk in (0..input.channels).step_by(CHUNK) {
            let channels = chunk..input.channels.min(chunk + CHUNK);
            for tap in input.taps {
                let (of_tap, rest) = weights.split_at(channels.len() * BLOCK);
                weights = rest;
                if tap.lanes == 0 {
                    continue;
                }
                for (channel, of_channel) in channels.clone().zip(of_tap.chunks_exact(BLOCK)) {
                    let start = (channel * input.stride + position).wrapping_add_signed(tap.offset);
                    let mut values = [0.0; TILE];
                    if tap.lanes == full {
                        values[..len].copy_from_slice(&input.data[start..][..len]);
                    } else {
                        for (lane, value) in values[..len].iter_mut().enumerate() {
                            if tap.lanes >> lane & 1 == 1 {
                                *value = input.data[start.wrapping_add(lane)];
                            }
                        }
                    }
                    for (row, weight) in sums.iter_mut().zip(of_channel) {
                        for (sum, value) in row.iter_mut().zip(&values) {
                            *sum += weight * value;
                        }
                    }
                }
            }
        }
    }
}
