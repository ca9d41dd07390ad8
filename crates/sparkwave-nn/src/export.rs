//! Networks as graphs of plain operations, for other programs to run: what ONNX files are written from.
//!
//! Each is written down again from its published description, and its arrays keep the names of the checkpoint. A program in
//! `tests/reference` holds what other programs compute from the files to the answers of this one.

mod attention_unet;
mod stardist3d;
mod unet2d;
mod unet3d;
mod unetr;

use sparkwave_core::graph::{Graph, Operator, Port};
use sparkwave_core::weights::{Parameter, Weights};

use crate::card::Architecture;
use crate::error::Result;
use crate::layers::Norm;

/// The graph of a network, from `input` to `probability`, and the arrays that it mentions.
///
/// # Errors
/// If the arrays do not fit the network.
pub fn graph(architecture: &Architecture, weights: &Weights) -> Result<(Graph, Weights)> {
    // What does not run is not exported.
    crate::network::open(architecture, weights, &crate::cpu())?;
    let [n_in, n_out] = architecture.channels();
    let mut builder = Builder {
        graph: Graph {
            name: architecture.name().into(),
            inputs: vec![Port::movies("input", n_in)],
            outputs: vec![Port::movies("probability", n_out)],
            nodes: Vec::new(),
        },
        weights: weights.clone(),
    };
    let logits = match architecture {
        Architecture::Unet3d(config) => unet3d::logits(config, &mut builder),
        Architecture::AttentionUnet(config) => attention_unet::logits(config, &mut builder),
        Architecture::Unetr(config) => unetr::logits(config, &mut builder),
        Architecture::Stardist3d(config) => stardist3d::logits(config, &mut builder),
        Architecture::Unet2d(config) => unet2d::logits(config, &mut builder),
    };
    builder.graph.push(Operator::Sigmoid, &[&logits], "probability");
    Ok((builder.graph, builder.weights))
}

/// A graph on its way. Every layer takes and gives names of arrays.
struct Builder {
    graph: Graph,
    weights: Weights,
}

impl Builder {
    /// Appends a node whose output is named after it.
    fn push(&mut self, operator: Operator, inputs: &[&str]) -> String {
        let output = format!("{}.{}", operator.name().to_lowercase(), self.graph.nodes.len());
        self.graph.push(operator, inputs, output)
    }

    /// The convolution of this name, with its bias if it has one.
    fn conv(&mut self, x: &str, name: &str, kernel: usize, stride: usize) -> String {
        let mut operator = Operator::conv(&[kernel; 3]);
        if let Operator::Conv { strides, .. } = &mut operator {
            strides.fill(stride);
        }
        self.with_parameters(operator, x, name)
    }

    /// The transposed convolution of this name: of kernel 3, or 2 with a stride of 2.
    fn transposed(&mut self, x: &str, name: &str, kernel: usize, stride: [usize; 3]) -> String {
        let (pad, beyond) = if kernel == 3 { (1, stride.map(|s| s - 1)) } else { (0, [0; 3]) };
        let operator = Operator::ConvTranspose {
            strides: stride.to_vec(),
            padding: vec![[pad; 2]; 3],
            output_padding: beyond.to_vec(),
            groups: 1,
        };
        self.with_parameters(operator, x, name)
    }

    fn with_parameters(&mut self, operator: Operator, x: &str, name: &str) -> String {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        if self.weights.parameters.contains_key(&bias) {
            self.push(operator, &[x, &weight, &bias])
        } else {
            self.push(operator, &[x, &weight])
        }
    }

    /// The batch normalisation of this name, with stored moments.
    fn norm(&mut self, x: &str, name: &str) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let [scale, shift] = ["weight", "bias"].map(part);
        let [mean, var] = ["running_mean", "running_var"].map(part);
        let operator = Operator::BatchNormalization { epsilon: Norm::EPSILON };
        self.push(operator, &[x, &scale, &shift, &mean, &var])
    }

    /// Normalisation of each channel by its own moments.
    fn instance_norm(&mut self, x: &str, n_channels: usize) -> String {
        let one = self.constant(&format!("one.{n_channels}"), vec![n_channels], vec![1.0; n_channels]);
        let zero = self.constant(&format!("zero.{n_channels}"), vec![n_channels], vec![0.0; n_channels]);
        self.push(Operator::InstanceNormalization { epsilon: Norm::EPSILON }, &[x, &one, &zero])
    }

    fn constant(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) -> String {
        self.weights.parameters.insert(name.to_owned(), Parameter::new(shape, values));
        name.to_owned()
    }

    /// A leaky rectifier; 0 is the plain one.
    fn rectify(&mut self, x: &str, slope: f32) -> String {
        self.push(if slope == 0.0 { Operator::Relu } else { Operator::LeakyRelu { slope } }, &[x])
    }

    fn join(&mut self, a: &str, b: &str) -> String {
        self.push(Operator::Concat { axis: 1 }, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::attention_unet::AttentionUNetConfig;
    use crate::models::stardist3d::StarDist3dConfig;
    use crate::models::unet2d::UNet2dConfig;
    use crate::models::unet3d::UNet3dConfig;
    use crate::models::unetr::UnetrConfig;
    use std::collections::BTreeSet;

    #[test]
    fn graphs_fit_their_arrays_and_mention_all_that_are_used() {
        let all = [
            Architecture::Unet3d(UNet3dConfig { width: 2, ..UNet3dConfig::published() }),
            Architecture::Unet3d(UNet3dConfig { pools: vec![[1, 2, 2], [2, 2, 2]], ..UNet3dConfig::sparks() }),
            Architecture::AttentionUnet(AttentionUNetConfig { channels: vec![4, 6, 8], ..Default::default() }),
            Architecture::Unetr(UnetrConfig { hidden: 24, perceptron: 32, heads: 3, width: 2, ..Default::default() }),
            Architecture::Unet2d(UNet2dConfig { width: 2, ..UNet2dConfig::frames() }),
            Architecture::Stardist3d(StarDist3dConfig {
                width: 2,
                features: 4,
                n_rays: 12,
                ..StarDist3dConfig::published()
            }),
            Architecture::Stardist3d(StarDist3dConfig {
                convolutions: 3,
                features: 0,
                grid: [2, 4, 1],
                ..StarDist3dConfig::sparks()
            }),
        ];
        for architecture in all {
            let weights = crate::network::untrained(&architecture, 1).expect("valid");
            let (graph, with_constants) = super::graph(&architecture, &weights).expect("it runs");
            graph.check(&with_constants).expect("they fit");
            let mentioned: BTreeSet<&String> = graph.nodes.iter().flat_map(|n| &n.inputs).collect();
            let unused: Vec<&String> = weights.parameters.keys().filter(|n| !mentioned.contains(n)).collect();
            assert!(unused.iter().all(|name| name.contains("norm_cross_attn")), "{unused:?}");
        }
    }
}
