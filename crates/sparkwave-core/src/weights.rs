//! The numbers that a network learned: named arrays of `f32`, whatever file they came from.

use std::collections::BTreeMap;

/// One named array of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Lengths of the axes, slowest first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values in row-major order; as many as the product of `shape`.
    pub values: Vec<f32>,
}

impl Parameter {
    /// An array of this shape.
    ///
    /// # Panics
    /// If `values` are not as many as the shape says.
    #[must_use]
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "values of an array of shape {shape:?}");
        Self { shape, values }
    }
}

/// All arrays of a network by name, as in its checkpoint (`down_convs.0.convs.0.weight`), with the texts that travelled
/// with them (the model card among them).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights {
    /// Arrays by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Texts by name.
    pub texts: BTreeMap<String, String>,
}
