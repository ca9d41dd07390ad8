//! TIFF stacks: plain, ImageJ, OME and tifffile's, classic and BigTIFF.
//!
//! [`index`] walks the directory chain once and finds where every page is; [`imagej`], [`ome`] and [`shaped`] read what
//! the three dialects say about axes and calibration, [`labels`] what the slices of ImageJ are called; [`axes`] turns that into one page number a frame; [`source`] reads
//! the frames: uncompressed ones straight from the file, others through the `tiff` crate in [`decode`]. [`single`] reads
//! frames that are files of their own, of which there may be half a million, and [`camera_time`] their times.

mod axes;
pub(crate) mod camera_time;
mod decode;
mod describe;
mod directory;
mod imagej;
mod index;
mod labels;
mod ome;
mod page;
pub(crate) mod rgb;
mod shaped;
pub(crate) mod single;
mod source;
pub(crate) mod write;

pub(crate) use source::open;
