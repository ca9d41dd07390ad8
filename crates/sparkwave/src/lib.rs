//! Composition: the only place where files, algorithms and figures meet.
//!
//! [`sparks::run`] takes a raw calcium movie to events, labels, figures and a report; [`simulate`] makes recordings with
//! known truth, [`dataset`] training files of them, [`train`] networks from these; [`evaluate`] scores a result; [`demo`]
//! does all three. The command line, and any other front end, is a client of this crate and reaches the lower crates only
//! through it.

pub mod analyze;
pub mod calibrate;
mod compute;
pub mod dataset;
pub mod demo;
mod error;
pub mod evaluate;
pub mod experiment;
pub mod export;
pub mod models;
pub mod propagate;
pub mod provenance;
pub mod run_folder;
pub mod simulate;
pub mod sparks;
pub mod stage_clock;
#[cfg(test)]
mod stop_after;
pub mod thresholds;
pub mod train;
pub mod waves;

pub use compute::{Compute, Device};
pub use error::Error;
pub use sparkwave_analysis as analysis;
pub use sparkwave_core as core;
pub use sparkwave_imgproc as imgproc;
pub use sparkwave_io as io;
pub use sparkwave_nn as nn;

/// A pool of the given number of threads, or one per core.
fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, Error> {
    let n = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| Error::Threads { n, message: e.to_string() })
}
