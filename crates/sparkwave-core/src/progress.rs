//! How a long computation tells of its advance, collects warnings and learns that it should stop.

/// Receives the progress of a computation. Libraries never print; whoever starts them decides what is shown.
pub trait Progress: Sync {
    /// A stage begins; `total` is its number of steps.
    fn begin(&self, stage: &str, total: u64);

    /// `n` more steps of the current stage are done.
    fn advance(&self, n: u64);

    /// Something the user should know, as a sentence.
    fn warn(&self, message: &str);

    /// True if the user asked to stop; long loops look here and return [`Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The user asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: u64) {}
    fn advance(&self, _n: u64) {}
    fn warn(&self, _message: &str) {}
}
