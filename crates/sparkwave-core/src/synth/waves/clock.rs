//! Which frames the camera delivered, and when.

use super::params::WavesParams;
use super::{Stream, random_stream};
use rand::Rng;

/// The frames that are there.
pub(super) struct Clock {
    rate_hz: f64,
    /// Numbers of the exposures that were delivered, increasing; never empty.
    delivered: Vec<u32>,
    /// Delivered frames of each second; the last may be a part of one.
    per_second: Vec<u32>,
}

impl Clock {
    pub(super) fn draw(params: &WavesParams, seed: u64) -> Self {
        let mut rng = random_stream(seed, Stream::Clock);
        let n_exposures = (params.duration_s * params.frame_rate_hz).round() as u32;
        let time = |i: u32| f64::from(i) / params.frame_rate_hz;
        let in_gap = |t: f64| params.gaps.iter().any(|g| (g.start_s..g.start_s + g.duration_s).contains(&t));
        let delivered: Vec<u32> = (0..n_exposures)
            .filter(|&i| {
                // The draw comes first, so that a gap does not shift which other frames are lost.
                let lost = rng.random::<f64>() < params.lost_frames;
                // Seconds count from the first frame, which is therefore always there.
                i == 0 || !(lost || in_gap(time(i)))
            })
            .collect();
        let mut per_second = vec![0; params.duration_s.ceil() as usize];
        for &i in &delivered {
            if let Some(n) = per_second.get_mut(second_of(time(i))) {
                *n += 1;
            }
        }
        Self { rate_hz: params.frame_rate_hz, delivered, per_second }
    }

    pub(super) fn n_frames(&self) -> usize {
        self.delivered.len()
    }

    /// Number of exposure and begin of it in s, of a delivered frame.
    pub(super) fn exposure(&self, frame: usize) -> (usize, f64) {
        let i = self.delivered[frame];
        (i as usize, f64::from(i) / self.rate_hz)
    }

    pub(super) fn times_s(&self) -> Vec<f64> {
        self.delivered.iter().map(|&i| f64::from(i) / self.rate_hz).collect()
    }

    /// Delivered frames of each second.
    pub(super) fn per_second(&self) -> &[u32] {
        &self.per_second
    }
}

/// The second in which a time falls; a frame that is due on the second belongs to it whatever the rounding.
fn second_of(t_s: f64) -> usize {
    (t_s + 1e-9).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::super::params::Gap;
    use super::*;

    #[test]
    fn lost_frames_are_absent_and_the_others_keep_their_times() {
        let gaps = vec![Gap { start_s: 10.0, duration_s: 3.0 }, Gap { start_s: 20.5, duration_s: 0.25 }];
        let params = WavesParams { duration_s: 30.0, gaps, lost_frames: 0.0, n_waves: 0, ..Default::default() };
        let clock = Clock::draw(&params, 1);
        assert_eq!(clock.n_frames(), 1800 - 180 - 15);
        assert!(clock.times_s().iter().all(|t| !(10.0..13.0).contains(t) && !(20.5..20.75).contains(t)));
        assert_eq!(clock.per_second()[9..14], [60, 0, 0, 0, 60]);
        assert_eq!(clock.per_second()[20], 45);
        let lossy = Clock::draw(&WavesParams { lost_frames: 0.1, gaps: Vec::new(), ..params }, 1);
        assert!((1540..1700).contains(&lossy.n_frames()), "{}", lossy.n_frames());
        let (exposure, start_s) = lossy.exposure(lossy.n_frames() - 1);
        assert!((start_s - exposure as f64 / 60.0).abs() < 1e-9);
    }
}
