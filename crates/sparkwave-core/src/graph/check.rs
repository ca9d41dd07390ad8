//! Whether a graph and its parameters make sense together.

use super::{Graph, Node, Operator};
use crate::weights::Weights;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// What is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct GraphError {
    /// Where: a node, the inputs, the outputs.
    pub place: String,
    /// What was expected there.
    pub expected: String,
    /// What was found.
    pub found: String,
}

fn error(place: &str, expected: impl Into<String>, found: impl Into<String>) -> GraphError {
    GraphError { place: place.to_owned(), expected: expected.into(), found: found.into() }
}

/// What was expected and what was found instead.
type Fault = (String, String);

impl Graph {
    /// Checks that every name is made once, before it is read; that the outputs are made; and that the numbers of
    /// inputs, the settings and the shapes of the parameters fit the operators. Shapes of what is computed are not
    /// followed.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, weights: &Weights) -> Result<(), GraphError> {
        let mut made = BTreeSet::new();
        let make = |place: &str, name: &str, made: &mut BTreeSet<String>| {
            let free = !name.is_empty() && !weights.parameters.contains_key(name) && made.insert(name.to_owned());
            if free { Ok(()) } else { Err(error(place, "a name that is free", format!("{name:?}"))) }
        };
        for port in &self.inputs {
            make("inputs", &port.name, &mut made)?;
        }
        for node in &self.nodes {
            let place = format!("{} {}", node.operator.name(), node.outputs.join(", "));
            if let Some(name) = node.inputs.iter().find(|n| !made.contains(*n) && !weights.parameters.contains_key(*n))
            {
                return Err(error(&place, "an input, a parameter or an earlier result", format!("{name:?}")));
            }
            check_node(node, weights).map_err(|(expected, found)| error(&place, expected, found))?;
            for name in &node.outputs {
                make(&place, name, &mut made)?;
            }
        }
        let mut left = BTreeSet::new();
        match self.outputs.iter().find(|port| !made.contains(&port.name) || !left.insert(&port.name)) {
            Some(port) => Err(error("outputs", "something made, each once", format!("{:?}", port.name))),
            None if self.outputs.is_empty() => Err(error("outputs", "at least one", "none")),
            None => Ok(()),
        }
    }
}

/// How many inputs an operator takes.
fn n_inputs(operator: &Operator) -> RangeInclusive<usize> {
    match operator {
        Operator::Conv { .. } | Operator::ConvTranspose { .. } | Operator::LayerNormalization { .. } => 2..=3,
        Operator::BatchNormalization { .. } => 5..=5,
        Operator::InstanceNormalization { .. } => 3..=3,
        Operator::PRelu | Operator::Add | Operator::Sub | Operator::Mul | Operator::Div | Operator::MatMul => 2..=2,
        Operator::Concat { .. } => 1..=usize::MAX,
        Operator::Relu
        | Operator::LeakyRelu { .. }
        | Operator::Gelu
        | Operator::Sigmoid
        | Operator::Softmax { .. }
        | Operator::MaxPool { .. }
        | Operator::Upsample { .. }
        | Operator::Split { .. }
        | Operator::Reshape { .. }
        | Operator::Transpose { .. } => 1..=1,
    }
}

fn check_node(node: &Node, weights: &Weights) -> Result<(), Fault> {
    let n_in = n_inputs(&node.operator);
    require(n_in.contains(&node.inputs.len()), || format!("{n_in:?} inputs"), || format!("{:?}", node.inputs))?;
    let n_out = if let Operator::Split { sizes, .. } = &node.operator { sizes.len() } else { 1 };
    require(
        n_out >= 1 && node.outputs.len() == n_out,
        || format!("{n_out} outputs"),
        || format!("{:?}", node.outputs),
    )?;
    check_settings(&node.operator)?;
    check_parameters(node, weights)
}

fn check_settings(operator: &Operator) -> Result<(), Fault> {
    let found = || format!("{operator:?}");
    match operator {
        Operator::Conv { strides, padding, dilations, groups } => {
            let lengths = padding.len() == strides.len() && dilations.len() == strides.len();
            let positive = *groups >= 1 && strides.iter().chain(dilations).all(|&n| n >= 1);
            require(lengths && positive, || "one positive entry a spatial axis".into(), found)
        }
        Operator::ConvTranspose { strides, padding, output_padding, groups } => {
            let lengths = padding.len() == strides.len() && output_padding.len() == strides.len();
            let positive = *groups >= 1 && strides.iter().all(|&n| n >= 1);
            require(lengths && positive, || "one positive entry a spatial axis".into(), found)?;
            let added = output_padding.iter().zip(strides).all(|(added, stride)| added < stride);
            require(added, || "less output padding than a stride".into(), found)
        }
        Operator::MaxPool { window, strides } => {
            let positive = window.len() == strides.len() && window.iter().chain(strides).all(|&n| n >= 1);
            require(positive, || "one positive entry a spatial axis".into(), found)
        }
        Operator::Upsample { factors, .. } => require(
            factors.iter().all(|&n| n >= 1) && factors.starts_with(&[1, 1]),
            || "factors 1, 1, ...".into(),
            found,
        ),
        Operator::Split { sizes, .. } => {
            require(sizes.iter().all(|&n| n >= 1), || "parts of some length".into(), found)
        }
        Operator::Reshape { shape } => {
            let rest = shape.iter().filter(|&&n| n == -1).count();
            require(rest <= 1 && shape.iter().all(|&n| n >= -1), || "lengths, 0, or -1 once".into(), found)
        }
        Operator::Transpose { axes } => {
            let all: BTreeSet<usize> = axes.iter().copied().collect();
            let each_once = all.len() == axes.len() && all.iter().all(|&axis| axis < axes.len());
            require(each_once, || "each axis once".into(), found)
        }
        Operator::BatchNormalization { epsilon }
        | Operator::InstanceNormalization { epsilon }
        | Operator::LayerNormalization { epsilon, .. } => {
            require(*epsilon >= 0.0 && epsilon.is_finite(), || "an epsilon of at least 0".into(), found)
        }
        _ => Ok(()),
    }
}

/// Shapes of those inputs that are parameters.
fn check_parameters(node: &Node, weights: &Weights) -> Result<(), Fault> {
    let shape = |i: usize| node.inputs.get(i).and_then(|n| weights.parameters.get(n)).map(|p| p.shape.as_slice());
    let named = |i: usize| format!("{} {:?}", node.inputs[i], shape(i).unwrap_or_default());
    match &node.operator {
        Operator::Conv { strides, groups, .. } | Operator::ConvTranspose { strides, groups, .. } => {
            let Some(weight) = shape(1) else { return Ok(()) };
            let rank = strides.len() + 2;
            let fits = weight.len() == rank && weight.iter().all(|&n| n >= 1) && weight[0].is_multiple_of(*groups);
            require(fits, || format!("a weight of {rank} axes, the first in {groups} groups"), || named(1))?;
            let is_transposed = matches!(node.operator, Operator::ConvTranspose { .. });
            let n_out = if is_transposed { weight[1].saturating_mul(*groups) } else { weight[0] };
            let bias = shape(2).is_none_or(|bias| bias == [n_out]);
            require(bias, || format!("a bias of {n_out} values"), || named(2))
        }
        Operator::BatchNormalization { .. } | Operator::InstanceNormalization { .. } => {
            let Some(scale) = shape(1) else { return Ok(()) };
            require(scale.len() == 1, || "one scale a channel".into(), || named(1))?;
            match (2..node.inputs.len()).find(|&i| shape(i).is_some_and(|s| s != scale)) {
                Some(i) => Err((format!("{} values, as of the scale", scale[0]), named(i))),
                None => Ok(()),
            }
        }
        Operator::LayerNormalization { .. } => match (shape(1), shape(2)) {
            (Some(scale), Some(shift)) => {
                require(scale == shift, || format!("the shape {scale:?} of the scale"), || named(2))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn require(holds: bool, expected: impl FnOnce() -> String, found: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err((expected(), found())) }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Dimension, Graph, Node, Operator, Port};
    use crate::weights::{Parameter, Weights};

    /// A convolution of 3 taps, normalised and cut into two.
    fn example() -> (Graph, Weights) {
        let mut weights = Weights::default();
        for (name, shape) in [("w", vec![4, 2, 3, 3, 3]), ("b", vec![4]), ("s", vec![4])] {
            let n = shape.iter().product();
            weights.parameters.insert(name.into(), Parameter::new(shape, vec![0.5; n]));
        }
        let mut graph = Graph { name: "g".into(), inputs: vec![Port::movies("x", 2)], ..Graph::default() };
        let y = graph.push(Operator::conv(&[3, 3, 3]), &["x", "w", "b"], "conv");
        let y = graph.push(Operator::BatchNormalization { epsilon: 1e-5 }, &[&y, "s", "s", "s", "s"], "norm");
        let split = Operator::Split { axis: 1, sizes: vec![1, 3] };
        graph.nodes.push(Node { operator: split, inputs: vec![y], outputs: vec!["one".into(), "three".into()] });
        graph.outputs = vec![Port::movies("one", 1), Port::movies("three", 3)];
        (graph, weights)
    }

    #[test]
    fn a_graph_that_makes_sense_passes() {
        let (graph, weights) = example();
        graph.check(&weights).expect("a graph that makes sense");
        assert_eq!(graph.inputs[0].shape[1], Dimension::Fixed(2));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let fault = |spoil: &dyn Fn(&mut Graph, &mut Weights)| {
            let (mut graph, mut weights) = example();
            spoil(&mut graph, &mut weights);
            graph.check(&weights).expect_err("spoilt").to_string()
        };
        let has = |text: String, part: &str| assert!(text.contains(part), "{text}");
        has(
            fault(&|g, _| g.nodes.swap(0, 1)),
            "BatchNormalization norm: expected an input, a parameter or an earlier result, found \"conv\"",
        );
        has(fault(&|g, _| g.inputs[0].name = "w".into()), "inputs: expected a name that is free, found \"w\"");
        has(fault(&|g, _| g.nodes[1].outputs[0] = "conv".into()), "a name that is free");
        has(fault(&|g, _| g.outputs[0].name = "four".into()), "outputs: expected something made");
        has(fault(&|g, _| g.outputs[1].name = "one".into()), "each once");
        has(fault(&|g, _| g.outputs.clear()), "at least one");
        has(fault(&|g, _| g.nodes[1].inputs.truncate(4)), "5..=5 inputs");
        has(fault(&|g, _| g.nodes[2].outputs.truncate(1)), "2 outputs");
        has(fault(&|g, _| g.nodes[0].operator = Operator::conv(&[3, 3])), "a weight of 4 axes");
        has(
            fault(&|_, w| w.parameters.get_mut("b").expect("there").shape = vec![1, 4]),
            "a bias of 4 values, found b [1, 4]",
        );
        has(fault(&|_, w| w.parameters.get_mut("s").expect("there").shape = vec![2, 2]), "one scale a channel");
        let transposed = |padding| Operator::ConvTranspose {
            strides: vec![2; 3],
            padding: vec![[1, 1]; 3],
            output_padding: vec![padding; 3],
            groups: 1,
        };
        has(fault(&|g, _| g.nodes[0].operator = transposed(1)), "a bias of 2 values");
        has(fault(&|g, _| g.nodes[0].operator = transposed(2)), "less output padding than a stride");
    }

    #[test]
    fn settings_of_each_operator_are_checked() {
        let passes = |operator: Operator| {
            let (mut graph, weights) = example();
            graph.push(operator, &["three"], "last");
            graph.check(&weights).is_ok()
        };
        let upsample = |factors: &[usize]| Operator::Upsample {
            factors: factors.to_vec(),
            interpolation: crate::graph::Interpolation::Linear,
        };
        assert!(passes(upsample(&[1, 1, 2, 2])) && !passes(upsample(&[2, 1, 2, 2])) && !passes(upsample(&[1, 1, 0])));
        assert!(passes(Operator::max_pool(&[1, 2, 2])) && !passes(Operator::max_pool(&[0, 2])));
        let reshape = |shape: &[i64]| Operator::Reshape { shape: shape.to_vec() };
        assert!(passes(reshape(&[0, -1, 8])) && !passes(reshape(&[-1, -1])) && !passes(reshape(&[-2])));
        let transpose = |axes: &[usize]| Operator::Transpose { axes: axes.to_vec() };
        assert!(passes(transpose(&[0, 2, 1])) && !passes(transpose(&[0, 0, 1])) && !passes(transpose(&[1, 2])));
        assert!(!passes(Operator::Add) && !passes(Operator::LayerNormalization { axis: -1, epsilon: 1e-5 }));
    }
}
