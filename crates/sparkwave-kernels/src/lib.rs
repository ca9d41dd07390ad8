//! CPU kernels of the networks: slices in, slices out, forward and, for what is trained, both backward passes.
//!
//! Everything that is unsafe about running a network fast is in this crate. It knows neither tensors nor models.
//!
//! Tensors are contiguous `[N, C, D, H, W]` of `f32`; a 2-D network is one of depth 1. A [`Batch`] gives N, D, H and W,
//! the layer the channels. Buffers that start at a multiple of 64 bytes are some per cent faster.
//!
//! | Module | What it computes |
//! |---|---|
//! | [`conv3d`] | convolution of kernel 1 or 3 an axis that keeps the size, of one input or of two side by side |
//! | [`transposed`] | transposed convolution that doubles the size along the axes of stride 2 |
//! | [`norm`] | batch normalisation with the activation that follows |
//! | [`pool`] | maximum of 2 voxels an axis |
//! | [`attention`] | scaled dot-product attention, forward only |
//! | [`depthwise`] | convolution of images by channel, channels last, forward only |
//! | [`linear`] | linear layers with what follows, forward only |
//! | [`layer_norm`] | layer normalisation, forward only |
//! | [`rotate`] | pairs of numbers turned by where they are, forward only |
//! | [`mod@gelu`] | the Gaussian error linear unit, forward only |
//! | [`activation`] | what is applied to a sum before it is stored |
//!
//! # How it works
//!
//! Convolutions, transposed convolutions and their input gradients are one computation, `correlate`: sums over channels
//! and taps of weights times shifted inputs, a tile of 8 channels by 48 voxels at a time in registers. A vector is 16
//! voxels that follow each other in memory, whatever the rows are long; lanes that a tap takes out of the volume are
//! masked, so that no padded copy is needed. Weight gradients are the other computation, `products`.
//!
//! # Determinism
//!
//! A result depends neither on the number of threads nor, in forward passes without batch statistics, on the other
//! samples of the batch: every sum has one order. The instruction sets differ in the last bits, because the portable
//! variant rounds after each product: by less than 1e-5 of the sum of the absolute values of the terms.

pub mod activation;
pub mod attention;
pub mod conv3d;
mod correlate;
pub mod depthwise;
mod error;
mod exp2;
mod filters;
pub mod gelu;
mod isa;
mod lanes;
pub mod layer_norm;
pub mod linear;
pub mod norm;
mod output;
mod panel;
mod planes;
pub mod pool;
mod prefetch;
mod products;
pub mod rotate;
mod stack;
mod stencil;
pub mod transposed;
mod volume;

pub use error::ShapeError;
pub use isa::Isa;
pub use planes::{Planes, PlanesMut};
pub use volume::{Batch, Volume};
