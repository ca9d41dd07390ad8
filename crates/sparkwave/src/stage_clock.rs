//! Progress with memory: passes everything on and keeps stage times and warnings for the run record.

use sparkwave_core::progress::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Wraps the progress of a run.
pub struct StageClock<'a> {
    outer: &'a dyn Progress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stages: Vec<(String, f64)>,
    running: Option<(String, Instant)>,
    warnings: Vec<String>,
}

impl State {
    fn close(&mut self) {
        if let Some((stage, since)) = self.running.take() {
            let seconds = since.elapsed().as_secs_f64();
            // A stage that is entered once per block counts as one.
            match self.stages.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, total)) => *total += seconds,
                None => self.stages.push((stage, seconds)),
            }
        }
    }
}

impl<'a> StageClock<'a> {
    /// A clock that tells `outer` of everything.
    pub fn new(outer: &'a dyn Progress) -> Self {
        Self { outer, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state stays consistent even if a thread panicked while it held the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the stage that is running and gives the wall seconds of every stage so far, in order.
    pub fn stages(&self) -> Vec<(String, f64)> {
        let mut state = self.state();
        state.close();
        state.stages.clone()
    }

    /// The warnings so far, in order, without repetitions.
    pub fn warnings(&self) -> Vec<String> {
        self.state().warnings.clone()
    }
}

impl Progress for StageClock<'_> {
    fn begin(&self, stage: &str, total: u64) {
        let mut state = self.state();
        state.close();
        state.running = Some((stage.to_owned(), Instant::now()));
        drop(state);
        self.outer.begin(stage, total);
    }

    fn advance(&self, n: u64) {
        self.outer.advance(n);
    }

    fn warn(&self, message: &str) {
        let mut state = self.state();
        if state.warnings.iter().any(|w| w == message) {
            return;
        }
        state.warnings.push(message.to_owned());
        drop(state);
        self.outer.warn(message);
    }

    fn is_cancelled(&self) -> bool {
        self.outer.is_cancelled()
    }
}
