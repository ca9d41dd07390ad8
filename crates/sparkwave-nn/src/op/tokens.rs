//! Operations on tokens, `[..., c]`.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, activation};

use super::{inference, is_cpu, is_cpu_inference};

pub(crate) use sparkwave_kernels::linear::After;

/// Normalises each vector along the last axis: `[..., c]`, `[c]`, `[c]` to `[..., c]` (Ba et al. 2016).
pub(crate) fn norm_layer<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, epsilon: f32) -> Tensor<D> {
    if is_cpu_inference(&x.device()) {
        return inference::norm_layer(x, weight, bias, epsilon);
    }
    let centred = x.clone() - x.mean_dim(D - 1);
    let deviation = (centred.clone().powi_scalar(2).mean_dim(D - 1) + epsilon).sqrt();
    centred / deviation * weight.unsqueeze() + bias.unsqueeze()
}

/// The Gaussian error linear unit, x Phi(x) (Hendrycks and Gimpel 2016).
pub(crate) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    if is_cpu_inference(&device) {
        return inference::gelu(x);
    }
    if is_cpu(&device) {
        return activation::gelu(x);
    }
    // Elsewhere the library's gradient is that of the approximation by tanh, some 3e-4 off.
    let below = ((x.clone() / std::f32::consts::SQRT_2).erf() + 1.0) / 2.0;
    x * below
}

/// Scaled dot-product attention (Vaswani et al. 2017): queries `[n, q, heads, d]`, keys `[n, k, heads, d]` and values
/// `[n, k, heads, e]` to `[n, q, heads, e]`.
pub(crate) fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    if is_cpu_inference(&q.device()) {
        return inference::attention(q, k, v);
    }
    let [_, _, _, d] = q.dims();
    let [q, k, v] = [q, k, v].map(|x| x.swap_dims(1, 2));
    let scores = (q / (d as f32).sqrt()).matmul(k.swap_dims(2, 3));
    activation::softmax(scores, 3).matmul(v).swap_dims(1, 2)
}

/// A linear layer and what follows, plus `past` if there is any: `[rows, in]`, `[out, in]`, `[out]`, `[rows, out]` to `[rows,
/// out]`.
pub(crate) fn linear(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    after: After,
    past: Option<Tensor<2>>,
) -> Tensor<2> {
    if is_cpu_inference(&x.device()) {
        return match past {
            Some(past) => inference::linear_onto(x, weight, bias, after, past),
            None => inference::linear(x, weight, bias, after),
        };
    }
    let y = x.matmul(weight.swap_dims(0, 1)) + bias.unsqueeze();
    let y = match after {
        After::Nothing => y,
        After::Relu => activation::relu(y),
        After::Gelu => activation::gelu(y),
    };
    match past {
        Some(past) => past + y,
        None => y,
    }
}

/// Turns the first `placed` vectors of each sample of `[n, vectors, c]`, number i of the first half of each with number i of
/// the second, by the cosines and sines `[places, c / 2]` of one place after the other, over and over.
pub(crate) fn rotate(x: Tensor<3>, [cos, sin]: &[Tensor<2>; 2], placed: usize) -> Tensor<3> {
    if is_cpu_inference(&x.device()) {
        return inference::rotate(x, cos.clone(), sin.clone(), placed);
    }
    let [n, all, c] = x.dims();
    let [places, half] = cos.dims();
    let rest = (placed < all).then(|| x.clone().narrow(1, placed, all - placed));
    let x: Tensor<4> = x.narrow(1, 0, placed).reshape([n, placed / places, places, c]);
    let (a, b) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
    let (cos, sin) = (cos.clone().unsqueeze::<4>(), sin.clone().unsqueeze::<4>());
    let turned_a = a.clone() * cos.clone() - b.clone() * sin.clone();
    let turned_b = a * sin + b * cos;
    let turned = Tensor::cat(vec![turned_a, turned_b], 3).reshape([n, placed, c]);
    Tensor::cat(std::iter::once(turned).chain(rest).collect(), 1)
}

/// Self-attention within windows of `edge` x `edge` pixels: queries, keys and values `[n, y, x, 3 * heads * d]` to `[n, y, x,
/// heads * d]`, or to half of y and x if the largest of 2 x 2 queries become one (`pooled`). Windows at the edge of the image
/// reach beyond it, where every pixel holds `beyond`, `[3 * heads * d]`.
pub(crate) fn window_attention(
    qkv: Tensor<4>,
    beyond: Tensor<1>,
    heads: usize,
    edge: usize,
    pooled: bool,
) -> Tensor<4> {
    if is_cpu_inference(&qkv.device()) {
        return inference::window_attention(qkv, beyond, heads, edge, pooled);
    }
    let [n, h, w, triple] = qkv.dims();
    let step = if pooled { 2 } else { 1 };
    let windows = windows(qkv, beyond, edge);
    let [many, ..] = windows.dims();
    let (width, queries) = (triple / 3, edge / step);
    let part = |i: usize| windows.clone().narrow(3, i * width, width);
    let heads = |x: Tensor<4>| -> Tensor<4> {
        let [many, y, x_, _] = x.dims();
        x.reshape([many, y * x_, heads, width / heads])
    };
    let q = if pooled { pool(part(0)) } else { part(0) };
    let mixed = attention(heads(q), heads(part(1)), heads(part(2)));
    join(mixed.reshape([many, queries, queries, width]), [n, h / step, w / step])
}

/// A convolution that looks at each channel by itself, with zeros around the image: `[n, y, x, c]`, `[c, 1, k, k]` (k odd),
/// `[c]` to `[n, y, x, c]`.
pub(crate) fn by_channel(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    if is_cpu_inference(&x.device()) {
        return inference::by_channel(x, weight, bias);
    }
    let ([.., c], [_, _, k, _]) = (x.dims(), weight.dims());
    let options = ConvOptions::new([1; 2], [k / 2; 2], [1; 2], c);
    conv2d(x.permute([0, 3, 1, 2]), weight, Some(bias), options).permute([0, 2, 3, 1])
}

/// The largest of 2 x 2 tokens, channel by channel: `[n, y, x, c]` to `[n, y / 2, x / 2, c]`.
pub(crate) fn pool(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let rows: Tensor<5> = x.reshape([n * h / 2, 2, w / 2, 2, c]);
    let of = |i: usize, j: usize| rows.clone().narrow(1, i, 1).narrow(3, j, 1);
    let largest = of(0, 0).max_pair(of(0, 1)).max_pair(of(1, 0).max_pair(of(1, 1)));
    largest.reshape([n, h / 2, w / 2, c])
}

/// An image as windows `[windows, edge, edge, c]`, filled up with `beyond`, `[c]`, to whole ones.
fn windows(x: Tensor<4>, beyond: Tensor<1>, edge: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let (below, right) = (h.next_multiple_of(edge) - h, w.next_multiple_of(edge) - w);
    let beyond = beyond.reshape([1, 1, 1, c]);
    let mut x = x;
    if right > 0 {
        x = Tensor::cat(vec![x, beyond.clone().expand([n, h, right, c])], 2);
    }
    if below > 0 {
        x = Tensor::cat(vec![x, beyond.expand([n, below, w + right, c])], 1);
    }
    let (rows, columns) = ((h + below) / edge, (w + right) / edge);
    let parts: Tensor<6> = x.reshape([n, rows, edge, columns, edge, c]);
    parts.permute([0, 1, 3, 2, 4, 5]).reshape([n * rows * columns, edge, edge, c])
}

/// The image `[n, y, x]` of which these are the windows.
fn join(x: Tensor<4>, [n, h, w]: [usize; 3]) -> Tensor<4> {
    let [_, edge, _, c] = x.dims();
    let (rows, columns) = (h.div_ceil(edge), w.div_ceil(edge));
    let parts: Tensor<6> = x.reshape([n, rows, columns, edge, edge, c]);
    let whole: Tensor<4> = parts.permute([0, 1, 3, 2, 4, 5]).reshape([n, rows * edge, columns * edge, c]);
    whole.slice([0..n, 0..h, 0..w, 0..c])
}
