//! Training files: what networks learn from, in the HDF5 layout of [`sparkwave_io::msct`].

mod simulated;

pub use simulated::{SimulateDataset, simulate};
