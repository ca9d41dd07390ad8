//! Spatial filters on single images.

pub mod gaussian;
pub mod masked;
pub mod median;
