//! The classic analyses of a wide-field recording: averages around events, principal and independent components.

pub mod components;
pub mod trials;
