//! What all targets share.

/// Takes away the hook by which libFuzzer ends the process in the midst of a panic. Readers contain panics of the
/// decoders that they call and turn them into errors: those are no findings. A panic that leaves a target still is one.
pub fn contain_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}
