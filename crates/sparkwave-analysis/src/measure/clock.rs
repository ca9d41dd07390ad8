//! Times of frames and of moments between them.

use sparkwave_core::recording::FrameTimes;

use super::Calibration;

/// The clock of a recording: seconds since its first frame.
pub(super) struct Clock<'a> {
    frame_times: Option<&'a FrameTimes>,
    /// Seconds from a frame to the next, greater than zero.
    interval_s: Option<f64>,
    n_frames: Option<usize>,
}

impl<'a> Clock<'a> {
    pub(super) fn new(calibration: &'a Calibration) -> Self {
        let frame_times = calibration.frame_times.as_ref();
        let interval_s = frame_times.and_then(FrameTimes::interval).map(|s| s.get());
        Self {
            frame_times,
            interval_s: interval_s.filter(|s| s.is_finite() && *s > 0.0),
            n_frames: calibration.n_frames,
        }
    }

    /// The time of a moment in frames, which need not be whole. Between stamps it is interpolated; the last frame lasts
    /// one interval, and nothing is known after it.
    pub(super) fn at(&self, frame: f64) -> Option<f64> {
        let interval_s = self.interval_s?;
        match self.frame_times? {
            FrameTimes::Regular { .. } => Some(frame * interval_s),
            FrameTimes::Stamped(stamps) => {
                let last = stamps.len().checked_sub(1)?;
                if !(0.0..=(last + 1) as f64).contains(&frame) {
                    return None;
                }
                let before = (frame.floor() as usize).min(last);
                let step = stamps.get(before + 1).map_or(interval_s, |after| after - stamps[before]);
                Some(stamps[before] - stamps[0] + step * (frame - before as f64))
            }
        }
    }

    /// Seconds from one moment in frames to another.
    pub(super) fn between(&self, start: f64, end: f64) -> Option<f64> {
        match self.frame_times? {
            // One product, so that three frames of 0.1 s last 0.3 s wherever they lie, up to one rounding.
            FrameTimes::Regular { .. } => Some((end - start) * self.interval_s?),
            FrameTimes::Stamped(_) => Some(self.at(end)? - self.at(start)?),
        }
    }

    /// How long the whole recording lasts.
    pub(super) fn recording_s(&self) -> Option<f64> {
        let n_frames = match self.frame_times? {
            FrameTimes::Regular { .. } => self.n_frames?,
            FrameTimes::Stamped(stamps) => stamps.len(),
        };
        self.at(n_frames as f64).filter(|s| *s > 0.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sparkwave_core::units::Seconds;

    use super::*;

    fn calibration(frame_times: FrameTimes, n_frames: Option<usize>) -> Calibration {
        Calibration { pixel_size: None, frame_times: Some(frame_times), n_frames }
    }

    #[test]
    fn regular_frames() {
        let known = calibration(FrameTimes::Regular { interval: Seconds::new(0.1) }, Some(600));
        let clock = Clock::new(&known);
        assert_eq!(clock.at(2.5), Some(0.25));
        assert_eq!(clock.between(7.0, 9.0), Some(0.2));
        assert!((clock.recording_s().unwrap() - 60.0).abs() < 1e-12);
        let unknown = calibration(FrameTimes::Regular { interval: Seconds::new(0.1) }, None);
        assert_eq!(Clock::new(&unknown).recording_s(), None);
        for bad in [0.0, -1.0, f64::NAN] {
            let bad = calibration(FrameTimes::Regular { interval: Seconds::new(bad) }, Some(9));
            assert_eq!(Clock::new(&bad).at(1.0), None);
            assert_eq!(Clock::new(&bad).between(0.0, 1.0), None);
        }
    }

    #[test]
    fn stamped_frames() {
        let known = calibration(FrameTimes::Stamped(vec![5.0, 6.0, 7.0, 10.0]), Some(4));
        let clock = Clock::new(&known);
        assert_eq!(clock.at(2.5), Some(3.5));
        assert_eq!(clock.at(4.0), Some(6.0), "the last frame lasts the median interval");
        assert_eq!(clock.at(4.5), None);
        assert_eq!(clock.at(-0.5), None);
        assert_eq!(clock.between(2.0, 3.0), Some(3.0));
        assert_eq!(clock.recording_s(), Some(6.0));
    }
}
