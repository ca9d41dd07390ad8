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
    /// Packs weights whose kernel of an output channel and a channel (counting through all inputs) starts at `place`.
    pub(crate) fn pack(
        outputs: usize,
        inputs: Vec<Input>,
        weights: &[f32],
        place: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let of_block: usize = inputs.iter().map(|i| i.channels * i.taps.len() * BLOCK).sum();
        let mut packed = vec![0.0; of_block * outputs.div_ceil(BLOCK)];
        packed.par_chunks_exact_mut(of_block.max(1)).enumerate().for_each(|(block, mut rest)| {
            let outputs = block * BLOCK..outputs.min((block + 1) * BLOCK);
            let mut before = 0;
            for input in &inputs {
                for chunk in (0..input.channels).step_by(CHUNK) {
                    let channels = CHUNK.min(input.channels - chunk);
                    let (of_chunk, after) = std::mem::take(&mut rest).split_at_mut(input.taps.len() * channels * BLOCK);
                    rest = after;
                    for (output, lane) in outputs.clone().zip(0..) {
                        for channel in 0..channels {
                            let kernel = &weights[place(output, before + chunk + channel)..];
                            let of_taps = of_chunk[channel * BLOCK + lane..].iter_mut().step_by(channels * BLOCK);
                            of_taps.zip(&input.taps).for_each(|(to, tap)| *to = kernel[tap.index]);
                        }
                    }
                }
                before += input.channels;
            }
        });
        Self { outputs, inputs, weights: packed }
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
