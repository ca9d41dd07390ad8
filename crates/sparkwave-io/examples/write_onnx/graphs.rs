//! Networks for checking the writer. `tests/reference/onnx_graph.py` has the first once more, in PyTorch.

use sparkwave_core::graph::{Dimension, Graph, Interpolation, Node, Operator, Port};
use sparkwave_core::weights::{Parameter, Weights};

/// Adds an array whose value i is ((7919 i + 104729 s) mod 1009) / 504.5 - 1 for the number `s` of arrays before it,
/// times `scale`, plus `shift`.
fn add(weights: &mut Weights, name: &str, shape: &[usize], scale: f32, shift: f32) {
    let seed = weights.parameters.len();
    let value = |i: usize| (((7919 * i + 104_729 * seed) % 1009) as f64 / 504.5 - 1.0) as f32;
    let values = (0..shape.iter().product()).map(|i| scale * value(i) + shift).collect();
    weights.parameters.insert(name.to_owned(), Parameter::new(shape.to_vec(), values));
}

/// One level of a U-Net: a convolution, normalised and rectified; pooled, brought back and joined; two classes.
pub(crate) fn small() -> (Graph, Weights) {
    let mut weights = Weights::default();
    weights.texts.insert("card".into(), "{\"name\":\"small\"}".into());
    for (name, shape, scale, shift) in [
        ("conv.weight", &[4, 1, 3, 3, 3][..], 0.5, 0.0),
        ("conv.bias", &[4], 0.5, 0.0),
        ("norm.weight", &[4], 0.5, 1.0),
        ("norm.bias", &[4], 0.5, 0.0),
        ("norm.running_mean", &[4], 0.5, 0.0),
        ("norm.running_var", &[4], 0.5, 1.0),
        ("up.weight", &[4, 3, 3, 3, 3], 0.5, 0.0),
        ("up.bias", &[3], 0.5, 0.0),
        ("head.weight", &[2, 7, 1, 1, 1], 0.5, 0.0),
        ("head.bias", &[2], 0.5, 0.0),
    ] {
        add(&mut weights, name, shape, scale, shift);
    }
    let mut graph = Graph { name: "small".into(), inputs: vec![Port::movies("x", 1)], ..Graph::default() };
    let x = graph.push(Operator::conv(&[3, 3, 3]), &["x", "conv.weight", "conv.bias"], "conv");
    let moments = ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"];
    let [scale, shift, mean, variance] = moments;
    let x = graph.push(Operator::BatchNormalization { epsilon: 1e-5 }, &[&x, scale, shift, mean, variance], "norm");
    let skip = graph.push(Operator::LeakyRelu { slope: 0.2 }, &[&x], "rectified");
    let x = graph.push(Operator::max_pool(&[1, 2, 2]), &[&skip], "pooled");
    let up = Operator::ConvTranspose {
        strides: vec![1, 2, 2],
        padding: vec![[1, 1]; 3],
        output_padding: vec![0, 1, 1],
        groups: 1,
    };
    let x = graph.push(up, &[&x, "up.weight", "up.bias"], "up");
    let x = graph.push(Operator::Concat { axis: 1 }, &[&skip, &x], "joined");
    let x = graph.push(Operator::conv(&[1, 1, 1]), &[&x, "head.weight", "head.bias"], "logits");
    graph.push(Operator::Sigmoid, &[&x], "probability");
    graph.outputs = vec![Port::movies("probability", 2)];
    (graph, weights)
}

/// What the first lacks: patches of 4 x 8 x 8 voxels as tokens, attention of two heads between them, the patches back
/// as an image, gated, widened at one end only, and brought to four times the extents.
pub(crate) fn attention() -> (Graph, Weights) {
    let mut weights = Weights::default();
    for (name, shape, scale) in [
        ("patch.weight", &[8, 1, 2, 4, 4][..], 0.3),
        ("patch.bias", &[8], 0.3),
        ("position", &[1, 8, 8], 0.3),
        ("norm.weight", &[8], 0.8),
        ("norm.bias", &[8], 0.3),
        ("qkv.weight", &[8, 24], 0.5),
        ("scale", &[], 0.5),
        ("two", &[], 2.0),
        ("fc.weight", &[8, 8], 0.5),
        ("fc.bias", &[8], 0.5),
        ("instance.weight", &[8], 1.5),
        ("instance.bias", &[8], 0.3),
        ("slope", &[8, 1, 1, 1], 0.9),
        ("gate.weight", &[4, 2, 1, 1, 1], 4.0),
    ] {
        add(&mut weights, name, shape, scale, 0.1);
    }
    let fixed = |shape: &[usize]| shape.iter().map(|&n| Dimension::Fixed(n)).collect::<Vec<_>>();
    let port = |name: &str, shape: &[usize]| {
        let shape = [vec![Dimension::Named("batch".into())], fixed(shape)].concat();
        Port { name: name.into(), shape }
    };
    let mut g = Graph { name: "attention".into(), inputs: vec![port("x", &[1, 4, 8, 8])], ..Graph::default() };
    let transpose = |axes: &[usize]| Operator::Transpose { axes: axes.to_vec() };
    let reshape = |shape: &[i64]| Operator::Reshape { shape: shape.to_vec() };
    let conv = |strides: [usize; 3], padding: [[usize; 2]; 3], groups| Operator::Conv {
        strides: strides.to_vec(),
        padding: padding.to_vec(),
        dilations: vec![1; 3],
        groups,
    };
    g.push(conv([2, 4, 4], [[0, 0]; 3], 1), &["x", "patch.weight", "patch.bias"], "patches");
    g.push(reshape(&[0, 8, -1]), &["patches"], "rows");
    g.push(transpose(&[0, 2, 1]), &["rows"], "tokens");
    g.push(Operator::Add, &["tokens", "position"], "placed");
    g.push(Operator::LayerNormalization { axis: -1, epsilon: 1e-5 }, &["placed", "norm.weight", "norm.bias"], "normed");
    g.push(Operator::MatMul, &["normed", "qkv.weight"], "qkv");
    g.push(reshape(&[0, -1, 6, 4]), &["qkv"], "heads");
    g.push(transpose(&[0, 2, 1, 3]), &["heads"], "by_head");
    let (split, outputs) = (Operator::Split { axis: 1, sizes: vec![2, 2, 2] }, ["q", "k", "v"]);
    g.nodes.push(Node { operator: split, inputs: vec!["by_head".into()], outputs: outputs.map(Into::into).to_vec() });
    g.push(transpose(&[0, 1, 3, 2]), &["k"], "k_transposed");
    g.push(Operator::MatMul, &["q", "k_transposed"], "products");
    g.push(Operator::Mul, &["products", "scale"], "scaled");
    g.push(Operator::Softmax { axis: -1 }, &["scaled"], "shares");
    g.push(Operator::MatMul, &["shares", "v"], "mixed");
    g.push(transpose(&[0, 2, 1, 3]), &["mixed"], "by_token");
    g.push(reshape(&[0, -1, 8]), &["by_token"], "features");
    g.push(Operator::MatMul, &["features", "fc.weight"], "product");
    g.push(Operator::Add, &["product", "fc.bias"], "fc");
    g.push(Operator::Gelu, &["fc"], "gelu");
    g.push(Operator::Sub, &["gelu", "placed"], "residual");
    g.push(Operator::Div, &["residual", "two"], "halved");
    g.push(transpose(&[0, 2, 1]), &["halved"], "columns");
    g.push(reshape(&[0, 8, 2, 2, 2]), &["columns"], "image");
    let instance = ["image", "instance.weight", "instance.bias"];
    g.push(Operator::InstanceNormalization { epsilon: 1e-5 }, &instance, "image_normed");
    g.push(Operator::PRelu, &["image_normed", "slope"], "sloped");
    g.push(conv([1; 3], [[0, 0], [0, 1], [2, 0]], 4), &["sloped", "gate.weight"], "gate_logits");
    g.push(Operator::Relu, &["gate_logits"], "gate");
    let upsample = |interpolation| Operator::Upsample { factors: vec![1, 1, 1, 2, 2], interpolation };
    g.push(upsample(Interpolation::Nearest), &["gate"], "finer");
    g.push(upsample(Interpolation::Linear), &["finer"], "finest");
    g.outputs = vec![port("finest", &[4, 2, 12, 16])];
    (g, weights)
}
