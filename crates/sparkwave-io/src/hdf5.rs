//! HDF5 files: any three-dimensional numeric data set is a movie.
//!
//! [`adapter`] is the only file that knows the library that decodes HDF5; [`source`] chooses the data set and its
//! calibration, [`write`] streams a movie into one.

pub(crate) mod adapter;
mod source;
pub(crate) mod write;

pub(crate) use source::{open, open_dataset};
