//! The graph of [`crate::models::unetr`], for windows of the size that it sees.

use super::Builder;
use crate::layers::Norm;
use crate::models::unetr::{DEPTH, PATCH, SLOPE, TAPS, UnetrConfig};
use sparkwave_core::graph::{Dimension, Operator};
use sparkwave_core::weights::Parameter;

pub(super) fn logits(config: &UnetrConfig, b: &mut Builder) -> String {
    for port in b.graph.inputs.iter_mut().chain(&mut b.graph.outputs) {
        for (dimension, &n) in port.shape[2..].iter_mut().zip(&config.window) {
            *dimension = Dimension::Fixed(n);
        }
    }
    let mut x = tokens(config, b);
    let mut tapped = Vec::new();
    for i in 0..DEPTH {
        x = transformer(config, b, &x, &format!("vit.blocks.{i}"));
        if TAPS.contains(&i) {
            tapped.push(volume(config, b, &x));
        }
    }
    let normed = layer_norm(b, &x, "vit.norm");
    let mut x = volume(config, b, &normed);
    let w = config.width;
    let mut skips = vec![residual(b, "input", "encoder1.layer", config.n_in, w)];
    for (i, tap) in tapped.iter().enumerate() {
        let (name, width, n_more) = (format!("encoder{}", i + 2), w << (i + 1), 2 - i);
        let mut raised = b.transposed(tap, &format!("{name}.transp_conv_init.conv"), 2, [2; 3]);
        for k in 0..n_more {
            raised = b.transposed(&raised, &format!("{name}.blocks.{k}.0.conv"), 2, [2; 3]);
            raised = residual(b, &raised, &format!("{name}.blocks.{k}.1"), width, width);
        }
        skips.push(raised);
    }
    for (i, skip) in skips.iter().enumerate().rev() {
        let (name, width) = (format!("decoder{}", i + 2), w << i);
        let up = b.transposed(&x, &format!("{name}.transp_conv.conv"), 2, [2; 3]);
        let joined = b.join(&up, skip);
        x = residual(b, &joined, &format!("{name}.conv_block"), 2 * width, width);
    }
    b.conv(&x, "out.conv.conv", 1, 1)
}

/// Patches become tokens `[batch, patches, hidden]`.
fn tokens(config: &UnetrConfig, b: &mut Builder) -> String {
    let embed = Operator::Conv { strides: vec![PATCH; 3], padding: vec![[0; 2]; 3], dilations: vec![1; 3], groups: 1 };
    let x = b.with_parameters(embed, "input", "vit.patch_embedding.patch_embeddings");
    let x = b.push(Operator::Reshape { shape: vec![0, config.hidden as i64, -1] }, &[&x]);
    let x = b.push(Operator::Transpose { axes: vec![0, 2, 1] }, &[&x]);
    b.push(Operator::Add, &[&x, "vit.patch_embedding.position_embeddings"])
}

/// Tokens as a volume, `[batch, hidden, t / 16, y / 16, x / 16]`.
fn volume(config: &UnetrConfig, b: &mut Builder, x: &str) -> String {
    let [t, h, w] = config.window.map(|n| (n / PATCH) as i64);
    let x = b.push(Operator::Transpose { axes: vec![0, 2, 1] }, &[x]);
    b.push(Operator::Reshape { shape: vec![0, 0, t, h, w] }, &[&x])
}

fn transformer(config: &UnetrConfig, b: &mut Builder, x: &str, name: &str) -> String {
    let normed = layer_norm(b, x, &format!("{name}.norm1"));
    let attended = attention(config, b, &normed, &format!("{name}.attn"));
    let x = b.push(Operator::Add, &[x, &attended]);
    let normed = layer_norm(b, &x, &format!("{name}.norm2"));
    let inner = linear(b, &normed, &format!("{name}.mlp.linear1"));
    let inner = b.push(Operator::Gelu, &[&inner]);
    let inner = linear(b, &inner, &format!("{name}.mlp.linear2"));
    b.push(Operator::Add, &[&x, &inner])
}

fn attention(config: &UnetrConfig, b: &mut Builder, x: &str, name: &str) -> String {
    let (heads, each) = (config.heads as i64, config.hidden / config.heads);
    let n_tokens: usize = config.window.iter().map(|n| n / PATCH).product();
    let qkv = linear(b, x, &format!("{name}.qkv"));
    let parts = (0..3).map(|i| format!("{name}.part.{i}")).collect::<Vec<_>>();
    b.graph.nodes.push(sparkwave_core::graph::Node {
        operator: Operator::Split { axis: 2, sizes: vec![config.hidden; 3] },
        inputs: vec![qkv],
        outputs: parts.clone(),
    });
    let shape = vec![0, n_tokens as i64, heads, each as i64];
    let mut by_head = |part: &str, axes: [usize; 4]| {
        let x = b.push(Operator::Reshape { shape: shape.clone() }, &[part]);
        b.push(Operator::Transpose { axes: axes.to_vec() }, &[&x])
    };
    let q = by_head(&parts[0], [0, 2, 1, 3]);
    let k = by_head(&parts[1], [0, 2, 3, 1]);
    let v = by_head(&parts[2], [0, 2, 1, 3]);
    let scores = b.push(Operator::MatMul, &[&q, &k]);
    let scale = b.constant("attention.scale", vec![1], vec![(each as f32).sqrt()]);
    let scores = b.push(Operator::Div, &[&scores, &scale]);
    let scores = b.push(Operator::Softmax { axis: -1 }, &[&scores]);
    let mixed = b.push(Operator::MatMul, &[&scores, &v]);
    let mixed = b.push(Operator::Transpose { axes: vec![0, 2, 1, 3] }, &[&mixed]);
    let mixed = b.push(Operator::Reshape { shape: vec![0, 0, config.hidden as i64] }, &[&mixed]);
    linear(b, &mixed, &format!("{name}.out_proj"))
}

fn layer_norm(b: &mut Builder, x: &str, name: &str) -> String {
    let (scale, shift) = (format!("{name}.weight"), format!("{name}.bias"));
    b.push(Operator::LayerNormalization { axis: -1, epsilon: Norm::EPSILON }, &[x, &scale, &shift])
}

/// A product of matrices reads the transposed weight.
fn linear(b: &mut Builder, x: &str, name: &str) -> String {
    let weight = format!("{name}.weight");
    let transposed = transpose(&b.weights.parameters[&weight]);
    // In the place of the original, so that it is stored once.
    b.weights.parameters.insert(weight.clone(), transposed);
    let y = b.push(Operator::MatMul, &[x, &weight]);
    let bias = format!("{name}.bias");
    if b.weights.parameters.contains_key(&bias) { b.push(Operator::Add, &[&y, &bias]) } else { y }
}

fn transpose(matrix: &Parameter) -> Parameter {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1]);
    let values = (0..columns * rows).map(|i| matrix.values[i % rows * columns + i / rows]).collect();
    Parameter::new(vec![columns, rows], values)
}

fn residual(b: &mut Builder, x: &str, name: &str, n_in: usize, n_out: usize) -> String {
    let inner = b.conv(x, &format!("{name}.conv1.conv"), 3, 1);
    let inner = b.instance_norm(&inner, n_out);
    let inner = b.rectify(&inner, SLOPE);
    let inner = b.conv(&inner, &format!("{name}.conv2.conv"), 3, 1);
    let inner = b.instance_norm(&inner, n_out);
    let past = if n_in == n_out {
        x.to_owned()
    } else {
        let past = b.conv(x, &format!("{name}.conv3.conv"), 1, 1);
        b.instance_norm(&past, n_out)
    };
    let sum = b.push(Operator::Add, &[&inner, &past]);
    b.rectify(&sum, SLOPE)
}
