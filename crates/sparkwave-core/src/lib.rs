//! The nouns of sparkwave.
//!
//! Plain data shared by every other crate: coordinates and spans ([`axes`]), units ([`units`]), what a recording is and
//! how it was calibrated ([`recording`]), pixels ([`movie`]), the one door through which pixels enter ([`source`]),
//! what an algorithm found ([`event`], [`wave`], [`mask`]), what a network computes ([`graph`]) and what it learned
//! ([`weights`]), progress and warnings ([`progress`]), and synthetic recordings whose truth is known ([`synth`]).
//!
//! This crate does no I/O, reads no clock and no environment, and draws no random number without a `seed`.

pub mod axes;
pub mod event;
pub mod graph;
pub mod mask;
pub mod movie;
pub mod progress;
pub mod prompt;
pub mod recording;
pub mod source;
pub mod synth;
pub mod table;
pub mod units;
pub mod wave;
pub mod weights;
