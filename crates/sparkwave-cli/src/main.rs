//! The sparkwave command line.
fn main() {}
