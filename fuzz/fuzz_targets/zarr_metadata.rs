//! The JSON documents of Zarr hierarchies; the first byte chooses which.
#![no_main]

libfuzzer_sys::fuzz_target!(init: sparkwave_fuzz::contain_panics(), |bytes: &[u8]| sparkwave_io::exercise::zarr_metadata(bytes));
