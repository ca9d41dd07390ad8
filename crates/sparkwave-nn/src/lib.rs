//! Networks of sparkwave: models, training and inference. The only crate that names the tensor library.

mod adam;
mod apart;
mod batch;
pub mod card;
pub mod crops;
mod device;
pub mod engine;
pub mod error;
pub mod export;
#[cfg(test)]
mod golden;
pub mod infer;
mod layers;
mod learner;
pub mod loss;
pub mod mask_track;
pub mod models;
pub mod network;
mod op;
mod parameters;
mod probe;
pub mod reach;
pub mod sam2;
pub mod stream;
pub mod train;

pub use batch::Augment;
pub use burn::tensor::Device;
pub use device::{card, cpu, gpu};
pub use probe::probe;
