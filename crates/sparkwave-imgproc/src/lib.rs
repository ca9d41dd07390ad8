//! Pure functions on pixels: register, subtract the background, find the foreground, estimate the baseline, detect
//! transients, link them into events; the geometry of star-convex objects.
//!
//! One algorithm a file, its paper in the header. No I/O, no clock, no tensors; parallel over frames and pixels in the
//! caller's thread pool, with results that do not depend on the number of threads.

pub mod background;
pub mod baseline;
pub mod classic;
pub mod detect;
mod error;
pub mod filter;
pub mod foreground;
pub mod legacy;
pub mod link;
pub mod noise;
pub mod projection;
pub mod register;
pub mod sampling;
pub mod seconds;
pub mod star;
pub mod threshold;
pub mod traces;
pub mod waves;

pub use error::Error;
