//! What the network saw before, brought to the features of the image before it: four layers of self-attention and of
//! attention to memories (Ravi et al. 2024, section 4).

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::RotaryAttention;
use crate::layers::{Initial, LayerNorm, Linear};
use crate::op::After;

/// Layers.
const DEPTH: usize = 4;
/// Length between the two linear layers.
const INNER: usize = 2048;

/// One layer.
#[derive(Module, Debug)]
struct Layer {
    self_attn: RotaryAttention,
    cross_attn_image: RotaryAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
}

impl Layer {
    fn new(n: usize, n_memory: usize, initial: &mut Initial) -> Self {
        Self {
            self_attn: RotaryAttention::new(n, n, initial),
            cross_attn_image: RotaryAttention::new(n, n_memory, initial),
            linear1: Linear::new(n, INNER, initial),
            linear2: Linear::new(INNER, n, initial),
            norm1: LayerNorm::new(n, initial),
            norm2: LayerNorm::new(n, initial),
            norm3: LayerNorm::new(n, initial),
        }
    }

    fn forward(
        &self,
        x: Tensor<3>,
        keys: Tensor<3>,
        memory: Tensor<3>,
        placed: usize,
        rotations: &[Tensor<2>; 2],
    ) -> Tensor<3> {
        let [_, tokens, _] = x.dims();
        let normed = self.norm1.forward(x.clone());
        let x = self.self_attn.forward_onto(x, normed.clone(), normed.clone(), normed, tokens, rotations);
        let normed = self.norm2.forward(x.clone());
        let x = self.cross_attn_image.forward_onto(x, normed, keys, memory, placed, rotations);
        let inner = self.linear1.forward_then(self.norm3.forward(x.clone()), After::Relu);
        self.linear2.forward_onto(inner, After::Nothing, Some(x))
    }
}

/// The layers.
#[derive(Module, Debug)]
pub(crate) struct MemoryAttention {
    layers: Vec<Layer>,
    norm: LayerNorm,
}

impl MemoryAttention {
    /// Over features of length `n` and memories of length `n_memory`.
    pub(crate) fn new(n: usize, n_memory: usize, initial: &mut Initial) -> Self {
        Self {
            layers: (0..DEPTH).map(|_| Layer::new(n, n_memory, initial)).collect(),
            norm: LayerNorm::new(n, initial),
        }
    }

    /// Features `[n, tokens, c]` of an image and the place of each, `[1 or n, tokens, c]`, with memories `[n, placed +
    /// pointers, m]` and the place and time of each, of the same shape: to features of the same shape. The `placed` ones are
    /// of whole images.
    pub(crate) fn forward(
        &self,
        features: Tensor<3>,
        places: Tensor<3>,
        memory: Tensor<3>,
        of_memory: Tensor<3>,
        placed: usize,
        rotations: &[Tensor<2>; 2],
    ) -> Tensor<3> {
        let keys = memory.clone() + of_memory;
        let x = features + places * 0.1;
        let x =
            self.layers.iter().fold(x, |x, layer| layer.forward(x, keys.clone(), memory.clone(), placed, rotations));
        self.norm.forward(x)
    }
}
