//! OME-Zarr 0.4 (Zarr format 2) and 0.5 (Zarr format 3): images and labels of a hierarchy of folders.
//!
//! Chunks are decoded and encoded by `zarrs`. What the JSON documents say is read here and not by a typed model of the
//! specification: files in the wild bend it, and scales must keep all their digits. What we write is checked against
//! that model in the tests.

mod bounded;
mod metadata;
mod source;
mod store;
pub(crate) mod write;

pub(crate) use source::{is_hierarchy, open};
