//! Waves: raw recordings of intrinsic optical signals become means of a second, and these waves.

pub mod seconds;
