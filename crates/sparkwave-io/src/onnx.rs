//! Networks as ONNX files, which other programs run: <https://onnx.ai>, operator set 17 or, where the error function is
//! needed whole, 20.
//!
//! The texts of the weights (the model card among them) stand in the file's metadata under their names.

mod operator;
mod proto;

use crate::atomic::write_atomic;
use crate::error::Error;
use prost::Message;
use proto::{ModelProto, OperatorSet, TensorProto};
use sparkwave_core::graph::{Dimension, Graph, Operator, Port};
use sparkwave_core::weights::{Parameter, Weights};
use std::collections::BTreeSet;
use std::path::Path;

/// Largest file: longer messages are against the rules of protocol buffers.
const MAX_BYTES: usize = i32::MAX as usize;

/// Writes a network, whole or not at all. Of the weights, those that the graph mentions are written.
///
/// # Errors
/// If graph and weights do not fit together ([`Graph::check`]), hold more than 2 GiB, or the file cannot be written.
pub fn write(graph: &Graph, weights: &Weights, path: &Path) -> Result<(), Error> {
    graph
        .check(weights)
        .map_err(|e| Error::refused("write", path, format!("{} in {}", e.expected, e.place), e.found))?;
    let model = model(graph, weights);
    let n_bytes = model.encoded_len();
    if n_bytes > MAX_BYTES {
        return Err(Error::limit("write", path, format!("at most {MAX_BYTES} bytes"), format!("{n_bytes} bytes")));
    }
    write_atomic(path, &model.encode_to_vec())
}

/// The file as a message.
fn model(graph: &Graph, weights: &Weights) -> ModelProto {
    // The oldest operator set, and its version of the format, that has all operators: older programs read it too.
    let has_gelu = graph.nodes.iter().any(|node| node.operator == Operator::Gelu);
    let (ir_version, version) = if has_gelu { (9, 20) } else { (8, 17) };
    let text = |(key, value): (&String, &String)| proto::Text { key: key.clone(), value: value.clone() };
    ModelProto {
        ir_version,
        producer_name: "sparkwave".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph_proto(graph, weights)),
        opset_import: vec![OperatorSet { domain: String::new(), version }],
        metadata_props: weights.texts.iter().map(text).collect(),
    }
}

fn graph_proto(graph: &Graph, weights: &Weights) -> proto::GraphProto {
    let mentioned: BTreeSet<&String> = graph.nodes.iter().flat_map(|node| &node.inputs).collect();
    let parameters = weights.parameters.iter().filter(|(name, _)| mentioned.contains(name));
    let mut initializer: Vec<TensorProto> = parameters.map(|(name, p)| tensor(name, p)).collect();
    let made = graph.nodes.iter().flat_map(|node| &node.outputs).chain(graph.inputs.iter().map(|port| &port.name));
    let mut taken: BTreeSet<String> = weights.parameters.keys().chain(made).cloned().collect();
    let mut node = Vec::with_capacity(graph.nodes.len());
    for n in &graph.nodes {
        let (written, table) = operator::node(n, &mut taken);
        node.push(written);
        initializer.extend(table);
    }
    proto::GraphProto {
        node,
        name: graph.name.clone(),
        initializer,
        input: graph.inputs.iter().map(value_info).collect(),
        output: graph.outputs.iter().map(value_info).collect(),
    }
}

fn tensor(name: &str, parameter: &Parameter) -> TensorProto {
    TensorProto {
        dims: parameter.shape.iter().map(|&n| n as i64).collect(),
        data_type: proto::FLOAT,
        name: name.to_owned(),
        raw_data: parameter.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

fn value_info(port: &Port) -> proto::ValueInfo {
    let dim = port.shape.iter().map(|length| proto::Dimension {
        value: Some(match length {
            Dimension::Fixed(n) => proto::Length::Value(*n as i64),
            Dimension::Named(name) => proto::Length::Name(name.clone()),
        }),
    });
    let shape = Some(proto::Shape { dim: dim.collect() });
    let tensor_type = Some(proto::TensorType { elem_type: proto::FLOAT, shape });
    proto::ValueInfo { name: port.name.clone(), r#type: Some(proto::TypeProto { tensor_type }) }
}

#[cfg(test)]
#[path = "../examples/write_onnx/graphs.rs"]
mod graphs;

#[cfg(test)]
mod tests {
    use super::proto::{GraphProto, Length};
    use super::*;

    fn written(graph: &Graph, weights: &Weights) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.onnx");
        write(graph, weights, &path).expect("a graph that makes sense");
        std::fs::read(path).expect("just written")
    }

    fn decoded(graph: &Graph, weights: &Weights) -> (ModelProto, GraphProto) {
        let bytes = written(graph, weights);
        assert_eq!(bytes, written(graph, weights), "the same bytes each time");
        let model = ModelProto::decode(bytes.as_slice()).expect("a message");
        let graph = model.graph.clone().expect("a graph");
        (model, graph)
    }

    #[test]
    fn a_network_stands_in_the_file_as_it_was_given() {
        let (graph, mut weights) = graphs::small();
        weights.parameters.insert("unused".into(), Parameter::new(vec![1], vec![1.0]));
        let (model, found) = decoded(&graph, &weights);
        assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
        let card = model.metadata_props.iter().find(|t| t.key == "card").expect("the card");
        assert_eq!(card.value, weights.texts["card"]);

        let ops: Vec<&str> = found.node.iter().map(|n| n.op_type.as_str()).collect();
        let expected = "Conv BatchNormalization LeakyRelu MaxPool ConvTranspose Concat Conv Sigmoid";
        assert_eq!(ops.join(" "), expected);
        assert!(found.node.iter().zip(&graph.nodes).all(|(a, b)| a.input == b.inputs && a.output == b.outputs));
        assert_eq!(found.initializer.len(), weights.parameters.len() - 1, "what no node mentions is left out");
        for tensor in &found.initializer {
            let parameter = &weights.parameters[&tensor.name];
            assert!(tensor.dims.iter().zip(&parameter.shape).all(|(a, b)| *a == *b as i64));
            let values: Vec<f32> =
                tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            assert_eq!(values, parameter.values);
        }
        let transposed = &found.node[4];
        let ints = |name: &str| &transposed.attribute.iter().find(|a| a.name == name).expect("there").ints;
        assert_eq!(ints("pads"), &[1, 1, 1, 1, 1, 1]);
        assert_eq!(ints("strides"), &[1, 2, 2]);
        assert_eq!(ints("output_padding"), &[0, 1, 1]);

        let shape = |info: &proto::ValueInfo| {
            let tensor = info.r#type.clone().and_then(|t| t.tensor_type).expect("a tensor");
            tensor.shape.expect("a shape").dim.into_iter().map(|d| d.value.expect("a length")).collect::<Vec<_>>()
        };
        let name = |name: &str| Length::Name(name.into());
        assert_eq!(shape(&found.input[0]), [name("batch"), Length::Value(1), name("t"), name("y"), name("x")]);
        assert_eq!(shape(&found.output[0]), [name("batch"), Length::Value(2), name("t"), name("y"), name("x")]);
    }

    #[test]
    fn tables_of_integers_become_initializers_and_gelu_asks_for_the_newer_set() {
        let (graph, weights) = graphs::attention();
        let (model, found) = decoded(&graph, &weights);
        assert_eq!((model.ir_version, model.opset_import[0].version), (9, 20));
        let reshape = found.node.iter().find(|n| n.op_type == "Reshape").expect("a node");
        let table = found.initializer.iter().find(|t| t.name == reshape.input[1]).expect("its table");
        assert_eq!((table.data_type, table.dims[0] as usize * 8), (proto::INT64, table.raw_data.len()));
        let gate = found.node.iter().find(|n| n.name == "gate_logits").expect("a node");
        let pads = &gate.attribute.iter().find(|a| a.name == "pads").expect("there").ints;
        assert_eq!(pads, &[0, 0, 2, 0, 1, 0], "all that is before, then all that is behind");
        let names: BTreeSet<&String> = found.initializer.iter().map(|t| &t.name).collect();
        assert_eq!(names.len(), found.initializer.len());
    }

    #[test]
    fn a_graph_that_makes_no_sense_leaves_no_file() {
        let (mut graph, weights) = graphs::small();
        graph.nodes.remove(0);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.onnx");
        let error = write(&graph, &weights, &path).expect_err("nothing to normalise").to_string();
        assert!(error.contains("g.onnx") && error.contains("BatchNormalization"), "{error}");
        assert!(!path.exists());
    }
}
