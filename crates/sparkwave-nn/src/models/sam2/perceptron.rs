//! Layers of vectors, one after the other.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::{Initial, Linear};

/// Linear layers with a function between them.
#[derive(Module, Debug)]
pub(crate) struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    /// Layers from each of `lengths` to the next.
    pub(crate) fn new(lengths: &[usize], initial: &mut Initial) -> Self {
        Self { layers: lengths.windows(2).map(|pair| Linear::new(pair[0], pair[1], initial)).collect() }
    }

    /// Replaces all values of the last bias.
    #[cfg(test)]
    pub(super) fn set_bias(&mut self, value: f32) {
        let bias = self.layers.last_mut().and_then(|layer| layer.bias.take()).expect("the last layer has a bias");
        let bias = bias.map(|old| old.full_like(value));
        self.layers.last_mut().expect("there is a layer").bias = Some(bias);
    }

    /// `[..., first]` to `[..., last]`; `between` follows every layer but the last.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, between: fn(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
        let last = self.layers.len() - 1;
        self.layers.iter().enumerate().fold(x, |x, (i, layer)| {
            let y = layer.forward(x);
            if i < last { between(y) } else { y }
        })
    }
}
