//! Layers of vectors, one after the other.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::{Initial, Linear};
use crate::op::After;

/// Linear layers, at least one, with a function between them.
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
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, between: After) -> Tensor<D> {
        self.forward_onto(x, between, None)
    }

    /// The same, added to `past`, `[..., last]`, if there is any.
    pub(crate) fn forward_onto<const D: usize>(
        &self,
        x: Tensor<D>,
        between: After,
        past: Option<Tensor<D>>,
    ) -> Tensor<D> {
        let (last, others) = self.layers.split_last().expect("there is a layer");
        let x = others.iter().fold(x, |x, layer| layer.forward_then(x, between));
        last.forward_onto(x, After::Nothing, past)
    }
}
