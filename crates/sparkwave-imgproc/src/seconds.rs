//! From camera frames to a regular grid of time bins, usually of one second.
//!
//! [`TimeGrid`] says which frames fall into which bin, how many should have, and where the clock did something else than
//! run; [`BinSum`] averages the frames of a bin. Time is never compressed: a bin without frames stays, empty.

mod accumulate;
mod steps;

pub use accumulate::BinSum;
pub use steps::{ClockJump, Steps};

use sparkwave_core::axes::Span;
use sparkwave_core::recording::FrameTimes;

/// A bin of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Where it starts, s since the first frame; may be up to one bin before it.
    pub start_s: f64,
    /// The frames that fall into it; empty in a gap.
    pub frames: Span,
    /// Frames that the rate of the recording would have put here and that are absent.
    pub n_missing: u64,
}

/// A regular grid over the times of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeGrid {
    /// Length of a bin, s.
    pub bin_s: f64,
    /// Time from frame to frame, s: the mean of the steps that are close to their median.
    pub interval_s: f64,
    /// The bins, without a hole between them; the first and the last hold frames.
    pub bins: Vec<Bin>,
    /// Frames whose time equals that of the frame before. They count like others.
    pub n_repeated: usize,
    /// Frames whose time was impossible between those of their neighbours, and was interpolated.
    pub n_misplaced: usize,
    /// Steps of the clock backwards, and pauses of more than [`PAUSE_S`].
    pub jumps: Vec<ClockJump>,
}

/// Pauses longer than this are told one by one, s.
pub const PAUSE_S: f64 = 5.0;

/// Most bins without a frame: more than a day of seconds. A clock that leaps further has been set.
pub const MAX_EMPTY_BINS: usize = 100_000;

/// Why there is no grid over some times.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// The bin length makes no sense.
    #[error("bins of {0} s: expected a finite length greater than zero")]
    Length(f64),
    /// The times do not show an interval.
    #[error("the times of {0} frames show no frame interval")]
    NoInterval(usize),
    /// The bins are shorter than the steps between frames.
    #[error("bins of {bin_s} s are shorter than the {interval_s} s from frame to frame")]
    TooShort {
        /// Length of a bin, s.
        bin_s: f64,
        /// Frame interval, s.
        interval_s: f64,
    },
    /// The recording has too long a gap.
    #[error(
        "after frame {after_frame} the clock leaps by {step_s} s, which makes more than {MAX_EMPTY_BINS} empty bins"
    )]
    Leap {
        /// The last frame before the leap.
        after_frame: usize,
        /// Seconds to the next frame.
        step_s: f64,
    },
}

/// Frames this close to the end of a bin belong to the next, s: the rounding of stamps in seconds since 1970.
const ROUNDING_S: f64 = 1e-6;

impl TimeGrid {
    /// The grid over `n_frames` frames at `times`.
    ///
    /// `started_s` is the time of the first frame on a clock, if that is known: the bins then begin at multiples of
    /// `bin_s` on that clock, so that bins of a second are the seconds of the clock. Otherwise the first bin begins with
    /// the first frame.
    ///
    /// Where the clock was set back, time goes on by one interval, as nothing tells how long the step really was; where it
    /// leaps forward, the leap is a gap, as nothing tells a pause from a clock that was set.
    ///
    /// # Errors
    /// If the bin length or the times make no sense, or a gap is too long.
    pub fn new(times: &FrameTimes, n_frames: usize, bin_s: f64, started_s: Option<f64>) -> Result<Self, GridError> {
        if !(bin_s.is_finite() && bin_s > 0.0) {
            return Err(GridError::Length(bin_s));
        }
        let origin_s = started_s.filter(|s| s.is_finite()).map_or(0.0, |s| {
            let into_bin = s.rem_euclid(bin_s);
            // A first frame at the very end of a bin is one at the start of the next, up to rounding.
            if bin_s - into_bin < ROUNDING_S { 0.0 } else { -into_bin }
        });
        let steps = Steps::new(times, n_frames)?;
        if bin_s < steps.interval_s * (1.0 - 1e-9) {
            return Err(GridError::TooShort { bin_s, interval_s: steps.interval_s });
        }
        let bins = bins(&steps, bin_s, origin_s)?;
        let Steps { interval_s, n_repeated, n_misplaced, jumps, .. } = steps;
        Ok(Self { bin_s, interval_s, bins, n_repeated, n_misplaced, jumps })
    }

    /// Frames that a full bin holds at the rate of the recording.
    pub fn n_expected(&self) -> u64 {
        (self.bin_s / self.interval_s).round() as u64
    }

    /// Missing frames in all bins.
    pub fn n_missing(&self) -> u64 {
        self.bins.iter().map(|bin| bin.n_missing).sum()
    }

    /// Runs of empty bins.
    pub fn gaps(&self) -> Vec<Span> {
        let mut gaps: Vec<Span> = Vec::new();
        for (i, _) in self.bins.iter().enumerate().filter(|(_, bin)| bin.frames.is_empty()) {
            match gaps.last_mut() {
                Some(gap) if gap.end == i => gap.end = i + 1,
                _ => gaps.push(Span::new(i, i + 1)),
            }
        }
        gaps
    }
}

/// Puts frames into bins, and the frames that the steps leave out.
fn bins(steps: &Steps, bin_s: f64, origin_s: f64) -> Result<Vec<Bin>, GridError> {
    let index = |time_s: f64| ((time_s - origin_s + ROUNDING_S) / bin_s) as usize;
    let start_s = |i: usize| origin_s + i as f64 * bin_s;
    let n_expected = (bin_s / steps.interval_s).round() as u64;
    let mut bins: Vec<Bin> = Vec::new();
    let mut n_empty = 0;
    let mut before_s = 0.0;
    for frame in 0..steps.n_frames() {
        let time_s = steps.at(frame);
        let i = index(time_s);
        // Every bin begins as an empty one, and a frame extends the last.
        let first_new = bins.len();
        n_empty += i.saturating_sub(first_new);
        if n_empty > MAX_EMPTY_BINS {
            return Err(GridError::Leap { after_frame: frame.saturating_sub(1), step_s: time_s - before_s });
        }
        while bins.len() <= i {
            bins.push(Bin { start_s: start_s(bins.len()), frames: Span::new(frame, frame), n_missing: 0 });
        }
        let n_absent = ((time_s - before_s) / steps.interval_s).round() as u64;
        if frame > 0 && n_absent > 1 {
            let n_absent = n_absent - 1;
            // Absent frames are at `before_s + k * interval`; `k` runs from 1 to `n_absent`.
            let n_before = |end_s: f64| {
                let n = ((end_s - ROUNDING_S - before_s) / steps.interval_s).ceil() - 1.0;
                (n.max(0.0) as u64).min(n_absent)
            };
            let mut counted = 0;
            for (j, bin) in bins.iter_mut().enumerate().skip(index(before_s)) {
                let upto = if j == i { n_absent } else { n_before(start_s(j + 1)) };
                bin.n_missing += upto - counted;
                counted = upto;
            }
        }
        bins[i].frames.end = frame + 1;
        before_s = time_s;
    }
    for bin in &mut bins {
        // A frame that comes late and is followed by hasty ones is no frame that is absent.
        bin.n_missing = bin.n_missing.min(n_expected.saturating_sub(bin.frames.len() as u64));
    }
    Ok(bins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A camera at 60 Hz; `keep` drops frames, `clock` maps true time to stamps.
    fn grid(seconds: usize, keep: impl Fn(usize) -> bool, clock: impl Fn(f64) -> f64) -> TimeGrid {
        let stamps: Vec<f64> = (0..60 * seconds).filter(|&i| keep(i)).map(|i| clock(i as f64 / 60.0)).collect();
        let n = stamps.len();
        TimeGrid::new(&FrameTimes::Stamped(stamps), n, 1.0, None).expect("a plain recording")
    }

    fn counts(grid: &TimeGrid) -> Vec<(usize, u64)> {
        grid.bins.iter().map(|bin| (bin.frames.len(), bin.n_missing)).collect()
    }

    #[test]
    fn a_recording_without_faults_fills_every_bin() {
        for grid in [
            grid(5, |_| true, |t| t),
            grid(5, |_| true, |t| t + 1.7e9),
            // Milliseconds, as names have them: the median step alone would give 58.8 Hz.
            grid(5, |_| true, |t| (t * 1000.0).round() / 1000.0),
        ] {
            assert_eq!(counts(&grid), [(60, 0); 5]);
            assert_eq!((grid.n_expected(), grid.gaps().len(), grid.jumps.len()), (60, 0, 0));
            assert_eq!(grid.bins[3].start_s, 3.0);
        }
        let interval = sparkwave_core::units::Seconds::new(0.1);
        let regular = TimeGrid::new(&FrameTimes::Regular { interval }, 25, 1.0, None).expect("regular");
        assert_eq!(counts(&regular), [(10, 0), (10, 0), (5, 0)]);
    }

    #[test]
    fn missing_seconds_stay_as_empty_bins() {
        let grid = grid(8, |i| !(120..240).contains(&i), |t| t);
        assert_eq!(counts(&grid), [(60, 0), (60, 0), (0, 60), (0, 60), (60, 0), (60, 0), (60, 0), (60, 0)]);
        assert_eq!((grid.gaps(), grid.n_missing()), (vec![Span::new(2, 4)], 120));
        assert_eq!(grid.bins[4].frames, Span::new(120, 180));
    }

    /// The published code groups by the second of the minute and would merge the seconds on both sides.
    #[test]
    fn a_gap_of_exactly_a_minute_is_sixty_bins() {
        let grid = grid(70, |i| !(120..120 + 3600).contains(&i), |t| t);
        assert_eq!((grid.bins.len(), grid.gaps()), (70, vec![Span::new(2, 62)]));
        assert_eq!(grid.jumps.len(), 1);
        assert!((grid.jumps[0].step_s - 60.0 - 1.0 / 60.0).abs() < 1e-9 && grid.jumps[0].after_frame == 119);
    }

    #[test]
    fn single_drops_are_counted_where_they_fell() {
        let grid = grid(4, |i| !matches!(i, 70 | 71 | 130 | 239), |t| t);
        // A frame that is absent at the very end cannot be known.
        assert_eq!(counts(&grid), [(60, 0), (58, 2), (59, 1), (59, 0)]);
    }

    #[test]
    fn repeated_times_count_and_are_told() {
        let grid = grid(3, |_| true, |t| if (t * 60.0).round() as usize % 50 == 7 { t - 1.0 / 60.0 } else { t });
        assert_eq!((grid.n_repeated, grid.n_misplaced), (4, 0));
        assert_eq!(grid.bins.iter().map(|b| b.frames.len()).sum::<usize>(), 180);
        assert_eq!(grid.n_missing(), 0);
    }

    #[test]
    fn a_clock_set_back_by_an_hour_goes_on_without_a_hole() {
        let grid = grid(6, |_| true, |t| if t >= 3.0 - 1e-9 { t - 3600.0 } else { t });
        assert_eq!(counts(&grid), [(60, 0); 6]);
        assert_eq!((grid.jumps.len(), grid.jumps[0].after_frame), (1, 179));
        assert!(grid.jumps[0].is_about_an_hour() && grid.jumps[0].step_s < 0.0);
    }

    #[test]
    fn a_clock_set_forward_leaves_a_gap_and_a_leap_of_days_is_an_error() {
        let forward = |by: f64| move |t: f64| if t >= 2.0 - 1e-9 { t + by } else { t };
        let ahead = grid(4, |_| true, forward(3600.0));
        assert_eq!((ahead.bins.len(), ahead.gaps()), (3604, vec![Span::new(2, 3602)]));
        assert!(ahead.jumps[0].is_about_an_hour());
        let stamps: Vec<f64> = (0..240).map(|i| forward(1e6)(f64::from(i) / 60.0)).collect();
        let error = TimeGrid::new(&FrameTimes::Stamped(stamps), 240, 1.0, None).expect_err("a leap");
        assert!(matches!(error, GridError::Leap { after_frame: 119, .. }), "{error}");
    }

    #[test]
    fn one_impossible_time_is_interpolated() {
        for wrong in [1e6, -500.0] {
            let grid = grid(3, |_| true, |t| if (t * 60.0).round() == 100.0 { wrong } else { t });
            assert_eq!((counts(&grid), grid.n_misplaced, grid.jumps.len()), (vec![(60, 0); 3], 1, 0), "{wrong}");
        }
    }

    #[test]
    fn bins_are_the_seconds_of_a_known_clock() {
        // Starts 0.4 s before midnight.
        let stamps: Vec<f64> = (0..120).map(|i| f64::from(i) / 60.0).collect();
        let started = Some(1_695_427_200.0 - 0.4);
        let grid = TimeGrid::new(&FrameTimes::Stamped(stamps), 120, 1.0, started).expect("plain");
        assert_eq!(counts(&grid), [(24, 0), (60, 0), (36, 0)]);
        assert!((grid.bins[0].start_s + 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_rate_that_wanders_is_no_loss() {
        // 60 Hz that slows down to 57 Hz, with late frames that are caught up.
        let mut stamps = Vec::new();
        let mut t = 0.0;
        for i in 0..600 {
            t += 1.0 / (60.0 - f64::from(i) / 200.0);
            stamps.push(t + if i % 40 == 11 { 0.02 } else { 0.0 });
        }
        let grid = TimeGrid::new(&FrameTimes::Stamped(stamps), 600, 1.0, None).expect("irregular");
        assert_eq!(grid.gaps(), []);
        assert!(grid.n_missing() <= 10, "{:?}", counts(&grid));
        assert!((grid.interval_s - 1.0 / 58.5).abs() < 2e-4, "{}", grid.interval_s);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let times = FrameTimes::Stamped(vec![0.0, 1.0]);
        assert_eq!(TimeGrid::new(&times, 2, 0.0, None), Err(GridError::Length(0.0)));
        assert!(matches!(TimeGrid::new(&times, 2, 0.5, None), Err(GridError::TooShort { .. })));
        assert_eq!(TimeGrid::new(&FrameTimes::Stamped(vec![3.0; 4]), 4, 1.0, None), Err(GridError::NoInterval(4)));
    }

    proptest! {
        #[test]
        fn every_frame_is_in_one_bin_and_bins_are_whole(
            steps in prop::collection::vec(-0.2f64..0.3, 2..200), bin_s in 0.5f64..5.0, start in prop::option::of(0f64..1e9),
        ) {
            let stamps: Vec<f64> = steps.iter().scan(0.0, |t, s| { *t += s; Some(*t) }).collect();
            let n = stamps.len();
            if let Ok(grid) = TimeGrid::new(&FrameTimes::Stamped(stamps), n, bin_s, start) {
                let mut next = 0;
                for (i, bin) in grid.bins.iter().enumerate() {
                    prop_assert_eq!(bin.frames.start, next);
                    next = bin.frames.end;
                    prop_assert!((bin.start_s - grid.bins[0].start_s - i as f64 * bin_s).abs() < 1e-6);
                }
                prop_assert_eq!(next, n);
                prop_assert!(!grid.bins[grid.bins.len() - 1].frames.is_empty());
            }
        }
    }
}
