//! The kernels against their definitions, against finite differences and against PyTorch.
#![allow(clippy::unwrap_used)]

mod attention;
mod conv3d;
mod definition;
mod golden;
mod linear;
mod norm;
mod planes;
mod pool;
mod random;
mod transposed;
