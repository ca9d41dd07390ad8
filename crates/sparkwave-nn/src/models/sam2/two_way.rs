//! A transformer in which tokens attend to an image and the image to the tokens (Kirillov et al., ICCV 2023, appendix A).

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::Attention;
use super::perceptron::Perceptron;
use crate::layers::{Initial, LayerNorm};
use crate::op::After;

/// Layers.
const DEPTH: usize = 2;
/// Heads of every attention.
const HEADS: usize = 8;
/// Length between the two linear layers of a perceptron.
const INNER: usize = 2048;

/// One layer.
#[derive(Module, Debug)]
struct Layer {
    self_attn: Attention,
    norm1: LayerNorm,
    cross_attn_token_to_image: Attention,
    norm2: LayerNorm,
    mlp: Perceptron,
    norm3: LayerNorm,
    norm4: LayerNorm,
    cross_attn_image_to_token: Attention,
}

impl Layer {
    fn new(n: usize, initial: &mut Initial) -> Self {
        Self {
            self_attn: Attention::new(n, n, HEADS, initial),
            norm1: LayerNorm::new(n, initial),
            cross_attn_token_to_image: Attention::new(n, n / 2, HEADS, initial),
            norm2: LayerNorm::new(n, initial),
            mlp: Perceptron::new(&[n, INNER, n], initial),
            norm3: LayerNorm::new(n, initial),
            norm4: LayerNorm::new(n, initial),
            cross_attn_image_to_token: Attention::new(n, n / 2, HEADS, initial),
        }
    }

    /// Tokens and image, each with what says which token or place it is. The first layer is told of tokens only once.
    fn forward(
        &self,
        [tokens, image]: [Tensor<3>; 2],
        [names, places]: &[Tensor<3>; 2],
        first: bool,
    ) -> [Tensor<3>; 2] {
        let tokens = if first {
            self.self_attn.forward(tokens.clone(), tokens.clone(), tokens)
        } else {
            let named = tokens.clone() + names.clone();
            tokens.clone() + self.self_attn.forward(named.clone(), named, tokens)
        };
        let tokens = self.norm1.forward(tokens);

        let placed = image.clone() + places.clone();
        let seen =
            self.cross_attn_token_to_image.forward(tokens.clone() + names.clone(), placed.clone(), image.clone());
        let tokens = self.norm2.forward(tokens + seen);

        let tokens = self.norm3.forward(self.mlp.forward_onto(tokens.clone(), After::Relu, Some(tokens)));

        let told = self.cross_attn_image_to_token.forward(placed, tokens.clone() + names.clone(), tokens.clone());
        [tokens, self.norm4.forward(image + told)]
    }
}

/// The transformer.
#[derive(Module, Debug)]
pub(crate) struct TwoWayTransformer {
    layers: Vec<Layer>,
    final_attn_token_to_image: Attention,
    norm_final_attn: LayerNorm,
}

impl TwoWayTransformer {
    /// Over tokens of length `n`.
    pub(crate) fn new(n: usize, initial: &mut Initial) -> Self {
        Self {
            layers: (0..DEPTH).map(|_| Layer::new(n, initial)).collect(),
            final_attn_token_to_image: Attention::new(n, n / 2, HEADS, initial),
            norm_final_attn: LayerNorm::new(n, initial),
        }
    }

    /// Tokens `[n, tokens, c]`, an image `[n, y * x, c]` and its places `[1, y * x, c]` to tokens and image.
    pub(crate) fn forward(&self, tokens: Tensor<3>, image: Tensor<3>, places: Tensor<3>) -> [Tensor<3>; 2] {
        let names = [tokens.clone(), places];
        let layers = self.layers.iter().enumerate();
        let [tokens, image] = layers.fold([tokens, image], |both, (i, layer)| layer.forward(both, &names, i == 0));
        let [names, places] = names;
        let (q, k) = (tokens.clone() + names, image.clone() + places);
        let seen = self.final_attn_token_to_image.forward(q, k, image.clone());
        [self.norm_final_attn.forward(tokens + seen), image]
    }
}
