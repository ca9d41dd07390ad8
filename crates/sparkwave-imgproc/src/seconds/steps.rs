//! The steps of a clock from frame to frame, and times that only ever go on.

use super::{GridError, PAUSE_S, ROUNDING_S};
use sparkwave_core::recording::FrameTimes;

/// A step of the clock that no frame interval explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockJump {
    /// The last frame before it.
    pub after_frame: usize,
    /// What the clock says that passed from that frame to the next, s; negative if it was set back.
    pub step_s: f64,
}

impl ClockJump {
    /// True for steps as at the start and the end of daylight saving time.
    pub fn is_about_an_hour(self) -> bool {
        (self.step_s.abs() - 3600.0).abs() < PAUSE_S
    }
}

/// Times of frames since the first, s, that never decrease.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// Time from frame to frame, s.
    pub interval_s: f64,
    /// Frames whose time equals that of the frame before.
    pub n_repeated: usize,
    /// Frames whose time was interpolated.
    pub n_misplaced: usize,
    /// Steps backwards and long pauses.
    pub jumps: Vec<ClockJump>,
    times: Times,
}

#[derive(Clone, Debug, PartialEq)]
enum Times {
    Regular(usize),
    Stamped(Vec<f64>),
}

/// A step back of more than this many intervals is a clock that was set; less is jitter.
const BACK_INTERVALS: f64 = 1.5;

impl Steps {
    /// Follows the clock over `n_frames` frames.
    ///
    /// # Errors
    /// If the times show no interval.
    pub fn new(times: &FrameTimes, n_frames: usize) -> Result<Self, GridError> {
        match times {
            FrameTimes::Regular { interval } => Ok(Self {
                interval_s: interval.get(),
                n_repeated: 0,
                n_misplaced: 0,
                jumps: Vec::new(),
                times: Times::Regular(n_frames),
            }),
            FrameTimes::Stamped(stamps) => {
                let stamps = &stamps[..n_frames.min(stamps.len())];
                let interval_s = typical_step(stamps).ok_or(GridError::NoInterval(n_frames))?;
                Ok(follow(stamps, interval_s))
            }
        }
    }

    /// Number of frames.
    pub fn n_frames(&self) -> usize {
        match &self.times {
            Times::Regular(n) => *n,
            Times::Stamped(times) => times.len(),
        }
    }

    /// Time of a frame since the first, s; `frame` is below [`Steps::n_frames`].
    pub fn at(&self, frame: usize) -> f64 {
        match &self.times {
            Times::Regular(_) => frame as f64 * self.interval_s,
            Times::Stamped(times) => times[frame],
        }
    }
}

/// Mean of the steps between half and one and a half times the median of the steps that go on.
///
/// The median resists drops and pauses, the mean the rounding of stamps: at 60 Hz in milliseconds, two steps of three are
/// 17 ms.
fn typical_step(stamps: &[f64]) -> Option<f64> {
    let mut steps: Vec<f64> = stamps.windows(2).map(|w| w[1] - w[0]).filter(|s| s.is_finite() && *s > 0.0).collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return None;
    }
    let median = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
    // The order after the selection is not defined: stamps are summed in theirs.
    let close = |s: &f64| (0.5 * median..=1.5 * median).contains(s);
    let (sum, n) = stamps.windows(2).map(|w| w[1] - w[0]).filter(close).fold((0.0, 0u64), |(a, n), s| (a + s, n + 1));
    Some(sum / n as f64)
}

fn follow(stamps: &[f64], interval_s: f64) -> Steps {
    let mut jumps = Vec::new();
    let (mut n_repeated, mut n_misplaced) = (0, 0);
    // Added to the clock to undo that it was set back.
    let mut offset = -stamps[0];
    let mut times = Vec::with_capacity(stamps.len());
    times.push(0.0);
    let mut last = stamps[0];
    for (i, &stamp) in stamps.iter().enumerate().skip(1) {
        let step = stamp - last;
        let before = times[i - 1];
        let unusual = step < -BACK_INTERVALS * interval_s || step > PAUSE_S.max(BACK_INTERVALS * interval_s);
        if let Some(next) = stamps.get(i + 1)
            && unusual
            && (next - last - 2.0 * interval_s).abs() <= BACK_INTERVALS * interval_s
        {
            // The neighbours agree with each other: only this time is wrong, and the clock is followed from the last good.
            n_misplaced += 1;
            times.push(before + (next - last).max(0.0) / 2.0);
            continue;
        }
        if unusual {
            jumps.push(ClockJump { after_frame: i - 1, step_s: step });
        }
        if step < -BACK_INTERVALS * interval_s {
            offset = before + interval_s - stamp;
        }
        n_repeated += usize::from(step.abs() < ROUNDING_S);
        times.push((stamp + offset).max(before));
        last = stamp;
    }
    Steps { interval_s, n_repeated, n_misplaced, jumps, times: Times::Stamped(times) }
}
