//! Operators in the terms of ONNX: attributes, and the tables that some of them take as inputs.

use super::proto::{AttributeProto, FLOAT, INT64, NodeProto, TensorProto, kind};
use sparkwave_core::graph::{Interpolation, Node, Operator};
use std::collections::BTreeSet;

/// A node, and the initializer of its own that it reads, under a name that is not among those `taken`.
pub(super) fn node(node: &Node, taken: &mut BTreeSet<String>) -> (NodeProto, Option<TensorProto>) {
    let name = node.outputs.first().cloned().unwrap_or_default();
    let mut input = node.inputs.clone();
    let mut table = table(&node.operator);
    if let Some(table) = &mut table {
        table.name = format!("{name}.{}", table.name);
        while !taken.insert(table.name.clone()) {
            table.name.push('_');
        }
        if matches!(node.operator, Operator::Upsample { .. }) {
            // The second input of `Resize`, a region of interest, is left out by an empty name.
            input.push(String::new());
        }
        input.push(table.name.clone());
    }
    let written = NodeProto {
        input,
        output: node.outputs.clone(),
        name,
        op_type: node.operator.name().to_owned(),
        attribute: attributes(&node.operator),
    };
    (written, table)
}

fn attributes(operator: &Operator) -> Vec<AttributeProto> {
    match operator {
        Operator::Conv { strides, padding, dilations, groups } => vec![
            lengths("strides", strides),
            pads(padding),
            lengths("dilations", dilations),
            int("group", *groups as i64),
        ],
        Operator::ConvTranspose { strides, padding, output_padding, groups } => vec![
            lengths("strides", strides),
            pads(padding),
            lengths("output_padding", output_padding),
            int("group", *groups as i64),
        ],
        Operator::BatchNormalization { epsilon } | Operator::InstanceNormalization { epsilon } => {
            vec![float("epsilon", *epsilon)]
        }
        Operator::LayerNormalization { axis, epsilon } => vec![int("axis", *axis), float("epsilon", *epsilon)],
        Operator::LeakyRelu { slope } => vec![float("alpha", *slope)],
        Operator::Softmax { axis } | Operator::Concat { axis } | Operator::Split { axis, .. } => {
            vec![int("axis", *axis)]
        }
        Operator::MaxPool { window, strides } => vec![lengths("kernel_shape", window), lengths("strides", strides)],
        Operator::Upsample { interpolation: Interpolation::Nearest, .. } => vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ],
        Operator::Upsample { interpolation: Interpolation::Linear, .. } => {
            vec![text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")]
        }
        Operator::Transpose { axes } => vec![lengths("perm", axes)],
        Operator::Relu
        | Operator::PRelu
        | Operator::Gelu
        | Operator::Sigmoid
        | Operator::Add
        | Operator::Sub
        | Operator::Mul
        | Operator::Div
        | Operator::MatMul
        | Operator::Reshape { .. } => Vec::new(),
    }
}

/// What an operator reads besides its arrays.
fn table(operator: &Operator) -> Option<TensorProto> {
    let of = |name: &str, data_type, n: usize, raw_data| TensorProto {
        dims: vec![n as i64],
        data_type,
        name: name.to_owned(),
        raw_data,
    };
    match operator {
        Operator::Reshape { shape } => {
            Some(of("shape", INT64, shape.len(), shape.iter().flat_map(|n| n.to_le_bytes()).collect()))
        }
        Operator::Split { sizes, .. } => {
            Some(of("sizes", INT64, sizes.len(), sizes.iter().flat_map(|&n| (n as i64).to_le_bytes()).collect()))
        }
        Operator::Upsample { factors, .. } => {
            Some(of("scales", FLOAT, factors.len(), factors.iter().flat_map(|&n| (n as f32).to_le_bytes()).collect()))
        }
        _ => None,
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), kind, ..AttributeProto::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, kind::INT) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, kind::FLOAT) }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..attribute(name, kind::STRING) }
}

fn lengths(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto { ints: values.iter().map(|&n| n as i64).collect(), ..attribute(name, kind::INTS) }
}

/// All that is before, then all that is behind.
fn pads(padding: &[[usize; 2]]) -> AttributeProto {
    let ends = [0, 1].into_iter().flat_map(|end| padding.iter().map(move |p| p[end]));
    lengths("pads", &ends.collect::<Vec<usize>>())
}
