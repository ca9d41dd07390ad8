//! Analyses of tables that runs left: what a paper concludes from them.

pub mod compare;
