//! Networks of sparkwave: models, training and inference. The only crate that names the tensor library.

mod adam;
mod batch;
pub mod card;
pub mod crops;
pub mod engine;
pub mod error;
#[cfg(test)]
mod golden;
pub mod infer;
mod layers;
pub mod loss;
pub mod models;
mod op;
mod parameters;
pub mod reach;
pub mod stream;
pub mod train;

pub use batch::Augment;
pub use burn::tensor::Device;

/// The processor. With [`Device::autodiff`] it keeps what gradients need.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}
