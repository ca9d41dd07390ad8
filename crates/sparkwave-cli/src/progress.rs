//! Progress on stderr: bars with the remaining time on a terminal, one line a stage otherwise.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sparkwave::core::progress::Progress;
use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shows progress and asks the run to stop on Ctrl-C.
pub(crate) struct Terminal {
    bar: Option<ProgressBar>,
    quiet: bool,
    stages: Mutex<HashSet<String>>,
    cancelled: Arc<AtomicBool>,
}

impl Terminal {
    pub(crate) fn new(quiet: bool) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        // A second Ctrl-C ends the program at once: files appear by renaming, so nothing is half written. Without a
        // handler (none can be installed twice in a process) Ctrl-C always does that.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg:>20} [{bar:36}] {pos}/{len}  {elapsed} (ETA {eta})") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, quiet, stages: Mutex::default(), cancelled }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Terminal {
    fn begin(&self, stage: &str, total: u64) {
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_length(total);
            bar.set_message(stage.to_owned());
        } else if !self.quiet {
            let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
            if stages.insert(stage.to_owned()) {
                output::remark(stage);
            }
        }
    }

    fn advance(&self, n: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(n);
        }
    }

    fn warn(&self, message: &str) {
        let text = format!("warning: {message}");
        match &self.bar {
            Some(bar) => bar.suspend(|| output::remark(&text)),
            None if !self.quiet => output::remark(&text),
            None => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}
