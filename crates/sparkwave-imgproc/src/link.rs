//! From voxels to events: connected components, at one threshold or at all, splitting at several peaks, and regions.

pub mod basins;
pub mod grow;
pub mod regions;
pub mod sparse;
pub mod tree;

pub use sparse::SparseVolume;
