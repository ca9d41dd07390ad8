//! Movies through every format and back, against files of other programs, and against hostile bytes.
#![allow(clippy::unwrap_used, missing_docs)]

mod allocation;
mod common;
mod datasets;
mod foreign;
mod frames;
mod hostile;
mod keras;
mod packed;
mod round_trip;
