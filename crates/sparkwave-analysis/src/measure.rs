//! Measures of events in physical units.
