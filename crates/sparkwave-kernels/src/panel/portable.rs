//! The sums in plain Rust, which compilers turn into whatever vectors they have.

use super::{Block, LANES, ROWS, Start};

/// See [`super::add_products`].
pub(super) fn add(block: &Block<'_>, columns: usize, out: &mut [f32]) {
    for column in (0..columns).step_by(LANES) {
        let mut sums = [[0.0f32; LANES]; ROWS];
        if !matches!(block.start, Start::Zero) {
            for (sums, out) in sums.iter_mut().zip(out.chunks_exact(columns)) {
                sums.copy_from_slice(&out[column..][..LANES]);
            }
        }
        if let Start::Scaled(factors) = block.start {
            for sums in &mut sums {
                sums.iter_mut().zip(&factors[column..]).for_each(|(sum, factor)| *sum *= factor);
            }
        }
        for (step, panel) in block.panel.chunks_exact(columns).enumerate() {
            let values = &panel[column..][..LANES];
            for (sums, start) in sums.iter_mut().zip(&block.starts) {
                let factor = block.data[start + step * block.step_stride];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
            }
        }
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
            out[column..][..LANES].copy_from_slice(sums);
        }
    }
}
