//! From voxels to events: connected components, splitting at several peaks, and regions.

pub mod basins;
pub mod grow;
pub mod regions;
pub mod sparse;

pub use sparse::SparseVolume;
