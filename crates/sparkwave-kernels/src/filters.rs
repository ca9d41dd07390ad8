//! Weights in the order in which the kernels read them.

use crate::stencil::Tap;
use rayon::prelude::*;

/// Output channels of a tile.
pub(crate) const BLOCK: usize = 8;

/// Input channels that are added up before the next tap is taken: few enough that what a tile reads of them stays in the
/// first-level cache from one tap to the next, even where channels lie a power of two apart.
pub(crate) const CHUNK: usize = 8;

/// One of the inputs that a sum runs over.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) channels: usize,
    pub(crate) taps: Vec<Tap>,
}

/// Packed weights: `[block of output channels, input, chunk of its channels, tap, channel, output channel]`. Output
/// channels beyond the last are zero.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) outputs: usize,
    pub(crate) inputs: Vec<Input>,
    weights: Vec<f32>,
}

impl Filters {
    /// Packs `weight(output channel, channel, element of the kernel)`, where channels count through all inputs.
    pub(crate) fn pack(outputs: usize, inputs: Vec<Input>, weight: impl Fn(usize, usize, usize) -> f32 + Sync) -> Self {
        let of_block: usize = inputs.iter().map(|i| i.channels * i.taps.len() * BLOCK).sum();
        let mut weights = vec![0.0; of_block * outputs.div_ceil(BLOCK)];
        weights.par_chunks_exact_mut(of_block.max(1)).enumerate().for_each(|(block, weights)| {
            let mut packed = weights.chunks_exact_mut(BLOCK);
            let outputs = block * BLOCK..outputs.min((block + 1) * BLOCK);
            let mut before = 0;
            for input in &inputs {
                for chunk in (0..input.channels).step_by(CHUNK) {
                    for tap in &input.taps {
                        for channel in chunk..input.channels.min(chunk + CHUNK) {
                            let Some(row) = packed.next() else { continue };
                            for (value, output) in row.iter_mut().zip(outputs.clone()) {
                                *value = weight(output, before + channel, tap.index);
                            }
                        }
                    }
                }
                before += input.channels;
            }
        });
        Self { outputs, inputs, weights }
    }

    /// The number of blocks of output channels.
    pub(crate) fn blocks(&self) -> usize {
        self.outputs.div_ceil(BLOCK)
    }

    /// The weights of one block.
    pub(crate) fn block(&self, block: usize) -> &[f32] {
        let len = self.weights.len() / self.blocks();
        &self.weights[block * len..][..len]
    }
}
