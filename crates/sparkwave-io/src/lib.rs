//! Movies, labels and tables in and out.
//!
//! [`open()`] gives a movie of any format as a [`FrameSource`](sparkwave_core::source::FrameSource), which is read
//! piece by piece, from any thread; [`MovieWriter`] writes one frame after frame; [`convert()`] joins the two;
//! [`movie_info`] describes a movie. [`labels`] reads and writes label movies whole. [`csv`] and [`parquet`] hold
//! tables, [`xlsx`] workbooks, [`msct`] the training files, [`weights`] what networks learned, [`onnx`] whole networks,
//! [`stardist`] what networks of that program look like, [`png`] single images, [`mp4`] videos, and [`atomic`] the rule
//! by which all of them appear: whole or not at all.
//!
//! Labelled frames ([`instance`]) are written and read as [`segments`], folders in which each frame has its [`isat`]
//! file, and exported as [`coco`] and [`labelme`]; [`outline`] and [`polygon`] turn masks into polygons and back.
//! [`download`] is the only place that knows a network.
//!
//! Every file is taken as hostile: sizes are checked against the file or a cap of [`limits`] before memory is reserved,
//! and whatever the bytes, the answer is an [`Error`] that names file, operation, what was expected and what was found.

pub mod atomic;
mod bytes;
mod calibration;
mod civil;
pub mod coco;
pub mod convert;
pub mod csv;
pub mod display;
pub mod download;
pub mod error;
#[doc(hidden)]
pub mod exercise;
mod folder;
mod frame_times;
mod gif;
mod hdf5;
pub mod info;
pub mod instance;
pub mod isat;
pub mod labelme;
pub mod labels;
pub mod limits;
mod location;
pub mod mp4;
pub mod msct;
mod name_times;
pub mod onnx;
pub mod open;
mod opened;
pub mod outline;
pub mod parquet;
pub mod png;
pub mod polygon;
pub mod prompts;
mod read_at;
pub mod segments;
mod sif;
pub mod stamp;
pub mod stardist;
mod stored;
mod stored_source;
mod tiff;
pub mod weights;
pub mod write;
pub mod xlsx;
mod zarr;

pub use convert::convert;
pub use error::Error;
pub use folder::{frame_names, natural_order};
pub use info::{MovieInfo, movie_info};
pub use open::open;
pub use write::{Compression, FrameFormat, MovieWriter, OmeZarrVersion, WriteOptions};
