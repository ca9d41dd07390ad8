//! CPU kernels of the networks: slices in, slices out, forward and both backward passes.
//!
//! Everything that is unsafe about running a network fast is in this crate. It knows neither tensors nor models.
