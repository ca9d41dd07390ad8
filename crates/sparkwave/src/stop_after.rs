//! A user who has had enough, for tests of what is left behind.

use sparkwave_core::progress::Progress;
use std::sync::atomic::{AtomicU64, Ordering};

/// Asks to stop once so many units of work were counted.
pub(crate) struct StopAfter(AtomicU64);

impl StopAfter {
    pub(crate) fn new(n: u64) -> Self {
        Self(AtomicU64::new(n))
    }
}

impl Progress for StopAfter {
    fn begin(&self, _stage: &str, _total: u64) {}
    fn advance(&self, n: u64) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(n)));
    }
    fn warn(&self, _message: &str) {}
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
