//! Numbers and pictures from what was found: evaluation against truth, measures of events, their subtypes and categories,
//! what tells them apart, statistics, figures and the report.
//!
//! Nothing here knows how a prediction was made: this crate must not depend on the detectors or the networks, so that
//! a bug in them cannot cancel itself in their own score. It does no I/O and reads no clock.

pub mod categories;
pub mod classify;
pub mod cross_table;
pub mod evaluate;
pub mod experiment;
pub mod features;
pub mod figure;
pub mod measure;
pub mod statistics;
pub mod subtypes;
