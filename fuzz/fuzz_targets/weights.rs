//! Weights of networks: safetensors, checkpoints of PyTorch, pickles.
#![no_main]

libfuzzer_sys::fuzz_target!(init: sparkwave_fuzz::contain_panics(), |bytes: &[u8]| sparkwave_io::exercise::weights(bytes));
