//! PNG images.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sparkwave_io::exercise::png(bytes));
