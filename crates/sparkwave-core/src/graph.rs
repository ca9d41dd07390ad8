//! The computation of a network as a list of operations on named arrays, for programs other than ours to run.
//!
//! The operators are those of 3D U-Nets, Attention U-Nets, StarDist and UNETR. Arrays are `f32` with the axes batch,
//! channels, t, y, x (or batch, tokens, features); their meaning is that of the operators of the same name in ONNX.

mod check;

pub use check::GraphError;

/// The length of an axis of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this long.
    Fixed(usize),
    /// As long as the user likes; the same name stands for the same length.
    Named(String),
}

/// An array of `f32` that enters or leaves the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Lengths of the axes, slowest first.
    pub shape: Vec<Dimension>,
}

/// How values between those of a coarser grid are found. Pixels are areas: the first centre of a grid `n` times finer
/// lies at `(1 - n) / (2 n)` of the coarser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Every value is repeated.
    Nearest,
    /// Linear along every axis, constant beyond the outermost centres.
    Linear,
}

/// What a node computes. Inputs are named in the order given.
///
/// Strides, padding, windows and dilations hold one entry a spatial axis, in the order t, y, x; padding is
/// `[before, after]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Array, weight `[out, in / groups, kernel...]`, bias (may be left out).
    Conv {
        /// Steps of the window.
        strides: Vec<usize>,
        /// Zeros around the array.
        padding: Vec<[usize; 2]>,
        /// Distances between the taps.
        dilations: Vec<usize>,
        /// Channels are divided into so many groups that do not see each other.
        groups: usize,
    },
    /// Array, weight `[in, out / groups, kernel...]`, bias (may be left out).
    ConvTranspose {
        /// Factors by which the array grows.
        strides: Vec<usize>,
        /// What is cut off the result.
        padding: Vec<[usize; 2]>,
        /// What is then added behind each axis.
        output_padding: Vec<usize>,
        /// As of [`Operator::Conv`].
        groups: usize,
    },
    /// Array, scale, shift, mean, variance: normalisation by stored moments, channel by channel.
    BatchNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Array, scale, shift: normalisation by the moments of each image and channel.
    InstanceNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Array, scale, shift (may be left out): normalisation over the axes from `axis` on; negative counts from the last.
    LayerNormalization {
        /// The first of the axes.
        axis: i64,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Array.
    Relu,
    /// Array: `slope` times what is negative.
    LeakyRelu {
        /// The factor.
        slope: f32,
    },
    /// Array, slopes that stretch to the array's shape.
    PRelu,
    /// Array: `x` times the normal distribution function of `x`, without approximation.
    Gelu,
    /// Array.
    Sigmoid,
    /// Array: along one axis; negative counts from the last.
    Softmax {
        /// The axis.
        axis: i64,
    },
    /// Array: the largest value of a window; what is not a whole window at the end is dropped.
    MaxPool {
        /// Extents of the window.
        window: Vec<usize>,
        /// Its steps.
        strides: Vec<usize>,
    },
    /// Array: every spatial axis becomes a whole factor longer.
    Upsample {
        /// The factors, of all axes: those of batch and channels are 1.
        factors: Vec<usize>,
        /// How values between are found.
        interpolation: Interpolation,
    },
    /// Arrays, one or more, joined along an axis.
    Concat {
        /// The axis.
        axis: i64,
    },
    /// Array, cut along an axis into as many outputs as `sizes` has entries.
    Split {
        /// The axis.
        axis: i64,
        /// Lengths of the parts.
        sizes: Vec<usize>,
    },
    /// Two arrays; axes of length 1 stretch, as in all four.
    Add,
    /// Two arrays.
    Sub,
    /// Two arrays.
    Mul,
    /// Two arrays.
    Div,
    /// Two arrays: products of the matrices in the last two axes.
    MatMul,
    /// Array.
    Reshape {
        /// Lengths of the new axes: 0 is the length that stands there, -1 (once) what remains.
        shape: Vec<i64>,
    },
    /// Array.
    Transpose {
        /// Which axis comes where; each number once.
        axes: Vec<usize>,
    },
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it computes.
    pub operator: Operator,
    /// Names of what it reads: inputs of the graph, parameters, outputs of earlier nodes.
    pub inputs: Vec<String>,
    /// Names of what it makes.
    pub outputs: Vec<String>,
}

/// A network. Its constants are not in it: they are the parameters of [`Weights`](crate::weights::Weights) whose names
/// nodes mention.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// What it is called.
    pub name: String,
    /// What enters.
    pub inputs: Vec<Port>,
    /// What leaves.
    pub outputs: Vec<Port>,
    /// The operations, each after those whose results it reads.
    pub nodes: Vec<Node>,
}

impl Graph {
    /// Appends an operation of one output and returns the output's name, for the next operation to read.
    pub fn push(&mut self, operator: Operator, inputs: &[&str], output: impl Into<String>) -> String {
        let output = output.into();
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node { operator, inputs, outputs: vec![output.clone()] });
        output
    }
}

impl Port {
    /// A batch of movies `[batch, channels, t, y, x]`, of any number and extents.
    #[must_use]
    pub fn movies(name: &str, n_channels: usize) -> Self {
        let named = |name: &str| Dimension::Named(name.to_owned());
        let shape = vec![named("batch"), Dimension::Fixed(n_channels), named("t"), named("y"), named("x")];
        Self { name: name.to_owned(), shape }
    }
}

impl Operator {
    /// A convolution of step 1 that keeps the extents, with kernels of these odd extents.
    #[must_use]
    pub fn conv(kernel: &[usize]) -> Self {
        let n = kernel.len();
        let padding = kernel.iter().map(|k| [k / 2, k / 2]).collect();
        Self::Conv { strides: vec![1; n], padding, dilations: vec![1; n], groups: 1 }
    }

    /// A maximum over windows that touch.
    #[must_use]
    pub fn max_pool(window: &[usize]) -> Self {
        Self::MaxPool { window: window.to_vec(), strides: window.to_vec() }
    }

    /// Its name in ONNX.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "Conv",
            Self::ConvTranspose { .. } => "ConvTranspose",
            Self::BatchNormalization { .. } => "BatchNormalization",
            Self::InstanceNormalization { .. } => "InstanceNormalization",
            Self::LayerNormalization { .. } => "LayerNormalization",
            Self::Relu => "Relu",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::PRelu => "PRelu",
            Self::Gelu => "Gelu",
            Self::Sigmoid => "Sigmoid",
            Self::Softmax { .. } => "Softmax",
            Self::MaxPool { .. } => "MaxPool",
            Self::Upsample { .. } => "Resize",
            Self::Concat { .. } => "Concat",
            Self::Split { .. } => "Split",
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::MatMul => "MatMul",
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
        }
    }
}
