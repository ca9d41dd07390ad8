//! Attention between sequences of tokens, with and without rotation by place.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::{Initial, Linear};
use crate::op::{self, After};

/// Multi-head attention (Vaswani et al. 2017).
#[derive(Module, Debug)]
pub(crate) struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl Attention {
    /// Over tokens of length `n`, compared in `inner` numbers.
    pub(crate) fn new(n: usize, inner: usize, heads: usize, initial: &mut Initial) -> Self {
        Self {
            q_proj: Linear::new(n, inner, initial),
            k_proj: Linear::new(n, inner, initial),
            v_proj: Linear::new(n, inner, initial),
            out_proj: Linear::new(inner, n, initial),
            heads,
        }
    }

    /// `q` `[n, q, c]`, `k` and `v` `[n, k, c]` to `[n, q, c]`.
    pub(crate) fn forward(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let heads = |x: Tensor<3>| -> Tensor<4> {
            let [n, tokens, c] = x.dims();
            x.reshape([n, tokens, self.heads, c / self.heads])
        };
        let q = self.q_proj.forward(q);
        let shape = q.dims();
        let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
        self.out_proj.forward(op::attention(heads(q), heads(k), heads(v)).reshape(shape))
    }
}

/// Attention with one head, whose queries and keys are turned by where they are (Su et al. 2021; in two dimensions, Heo et
/// al., ECCV 2024).
#[derive(Module, Debug)]
pub(crate) struct RotaryAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
}

impl RotaryAttention {
    /// Queries of length `n`, keys and values of length `n_kv`.
    pub(crate) fn new(n: usize, n_kv: usize, initial: &mut Initial) -> Self {
        Self {
            q_proj: Linear::new(n, n, initial),
            k_proj: Linear::new(n_kv, n, initial),
            v_proj: Linear::new(n_kv, n, initial),
            out_proj: Linear::new(n, n, initial),
        }
    }

    /// `q` `[n, q, c]` of one image, `k` and `v` `[n, placed + others, c]` of whole images of the same size and of others,
    /// which have no place, to `[n, q, c]`, added to `past`. `rotations` are the cosines and sines of one image.
    pub(crate) fn forward_onto(
        &self,
        past: Tensor<3>,
        q: Tensor<3>,
        k: Tensor<3>,
        v: Tensor<3>,
        placed: usize,
        rotations: &[Tensor<2>; 2],
    ) -> Tensor<3> {
        let [n, tokens, c] = q.dims();
        let n_keys = k.dims()[1];
        let q = op::rotate(pairs_apart(&self.q_proj, q), rotations, tokens);
        let k = op::rotate(pairs_apart(&self.k_proj, k), rotations, placed);
        // The weights of a query sum to 1, so mixing and projecting change places; before the projection, values are short.
        let [.., short] = v.dims();
        let (q, k, v) = (q.reshape([n, tokens, 1, c]), k.reshape([n, n_keys, 1, c]), v.reshape([n, n_keys, 1, short]));
        let mixed: Tensor<3> = op::attention(q, k, v).reshape([n, tokens, short]);
        self.out_proj.forward_onto(self.v_proj.forward(mixed), After::Nothing, Some(past))
    }
}

/// A projection whose even channels come before its odd ones. Scores do not depend on the order of channels, and the two
/// numbers of a pair are turned with whole vectors this way.
fn pairs_apart(proj: &Linear, x: Tensor<3>) -> Tensor<3> {
    let apart = |x: Tensor<2>| -> Tensor<2> {
        let [n_out, n_in] = x.dims();
        let pairs: Tensor<3> = x.reshape([n_out / 2, 2, n_in]);
        pairs.swap_dims(0, 1).reshape([n_out, n_in])
    };
    let [n, tokens, n_in] = x.dims();
    let flat: Tensor<2> = x.reshape([n * tokens, n_in]);
    let weight = apart(proj.weight.val());
    let n_out = weight.dims()[0];
    let bias = match &proj.bias {
        Some(bias) => apart(bias.val().reshape([n_out, 1])).reshape([n_out]),
        None => Tensor::zeros([n_out], &flat.device()),
    };
    op::linear(flat, weight, bias, After::Nothing, None).reshape([n, tokens, n_out])
}
