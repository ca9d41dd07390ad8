//! The documents beside weights of StarDist.
#![no_main]

libfuzzer_sys::fuzz_target!(init: sparkwave_fuzz::contain_panics(), |bytes: &[u8]| sparkwave_io::exercise::stardist(bytes));
