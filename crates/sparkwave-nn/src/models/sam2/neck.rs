//! A feature pyramid (Lin et al., CVPR 2017) without the convolutions of its outputs: the stages of the image encoder
//! brought to one number of channels, the coarsest added to the one before it.

use burn::module::Module;
use burn::tensor::Tensor;

use super::conv::Conv;
use crate::layers::Initial;

/// One level.
#[derive(Module, Debug)]
struct Level {
    conv: Conv,
}

/// The pyramid.
#[derive(Module, Debug)]
pub(crate) struct Neck {
    /// The coarsest first.
    convs: Vec<Level>,
}

impl Neck {
    /// From four stages, the first of which has `width` channels, to `n_out`.
    pub(crate) fn new(width: usize, n_out: usize, initial: &mut Initial) -> Self {
        let level = |stage: usize, initial: &mut Initial| Level { conv: Conv::new(width << stage, n_out, 1, initial) };
        Self { convs: (0..4).rev().map(|stage| level(stage, initial)).collect() }
    }

    /// Stages `[n, y, x, c]` at strides 4, 8, 16 and 32 to levels of one number of channels at strides 4, 8 and 16.
    pub(crate) fn forward(&self, stages: [Tensor<4>; 4]) -> [Tensor<4>; 3] {
        let mut convs = self.convs.iter().rev();
        let [first, second, third, fourth] =
            stages.map(|stage| convs.next().expect("there is one for each stage").conv.patches(stage));
        // Only the third level hears of the one above it; the fourth is for nothing else.
        [first, second, third + double(fourth)]
    }
}

/// Every pixel four times: `[n, y, x, c]` to `[n, 2 y, 2 x, c]`.
fn double(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let parts: Tensor<6> = x.reshape([n, h, 1, w, 1, c]);
    parts.expand([n, h, 2, w, 2, c]).reshape([n, 2 * h, 2 * w, c])
}
