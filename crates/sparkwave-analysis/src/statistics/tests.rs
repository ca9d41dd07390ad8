#![allow(clippy::unwrap_used)]

mod golden;
mod properties;
mod published;

/// Relative above 1, absolute below.
#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let is_close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(is_close, "{what}: {found}, expected {expected}");
}

/// P-values agree in their digits, not only in their zeros, down to the rounding of 1 - p.
#[track_caller]
fn assert_p(found: f64, expected: f64, tolerance: f64, what: &str) {
    let is_close = (found - expected).abs() <= tolerance * expected.abs() + 1e-15;
    assert!(is_close, "{what}: p {found:e}, expected {expected:e}");
    assert!((0.0..=1.0).contains(&found), "{what}: p {found}");
}
