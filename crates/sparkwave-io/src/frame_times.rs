//! One time a frame, and how it comes into the recording.

use crate::calibration;
use crate::civil::SECOND_NS;
use crate::name_times::NameTimes;
use sparkwave_core::recording::{Recording, Sourced};

/// One time a frame, in nanoseconds.
pub(crate) struct Times {
    pub(crate) ns: Vec<i64>,
    pub(crate) source: String,
    /// Longest time that the source cannot resolve, if frames may share a stamp for that reason.
    pub(crate) resolution_ns: Option<i64>,
    /// True if times count from 1970.
    pub(crate) absolute: bool,
}

impl Times {
    /// The times in names of the kind `what`.
    pub(crate) fn of_names(found: NameTimes, what: &str) -> Self {
        let NameTimes { ns, rule, whole_seconds, absolute } = found;
        Self { ns, source: format!("{what} ({rule})"), resolution_ns: whole_seconds.then_some(SECOND_NS), absolute }
    }

    /// Notes the times, and the start of the recording if they tell it.
    pub(crate) fn record(self, recording: &mut Recording) {
        let Self { mut ns, mut source, resolution_ns, absolute } = self;
        if let Some(resolution_ns) = resolution_ns
            && spread(&mut ns, resolution_ns)
        {
            source.push_str(", frames of one stamp spread evenly");
        }
        let first = ns[0];
        let stamps = ns.iter().map(|t| (t - first) as f64 / SECOND_NS as f64).collect();
        let n_frames = ns.len();
        if calibration::set_stamps(recording, stamps, n_frames, &source) && absolute {
            // Whole seconds apart: nanoseconds since 1970 do not fit into a double.
            let (whole_s, rest_ns) = (first.div_euclid(SECOND_NS), first.rem_euclid(SECOND_NS));
            recording.started_s = Some(Sourced::new(whole_s as f64 + rest_ns as f64 / SECOND_NS as f64, source));
        }
    }
}

/// Spreads frames of one stamp evenly over what the stamp leaves open. True if there was anything to spread.
///
/// Where fewer frames than usual share a stamp, they keep the usual distance: the recording began within the first stamp
/// and ended within the last, and in between frames are missing. Stamps that are usually those of one frame stay alone, so
/// that a repeated one is seen as such.
fn spread(ns: &mut [i64], resolution_ns: i64) -> bool {
    let runs: Vec<usize> = ns.chunk_by(|a, b| a == b).map(<[i64]>::len).collect();
    let mut inner = if runs.len() > 2 { runs[1..runs.len() - 1].to_vec() } else { runs.clone() };
    inner.sort_unstable();
    // Of two runs the longer one is closer to a whole second.
    let usual = if runs.len() > 2 { inner[(inner.len() - 1) / 2] } else { inner.last().copied().unwrap_or(1) };
    if usual <= 1 {
        return false;
    }
    let mut start = 0;
    for (i, &n) in runs.iter().enumerate() {
        let n_slots = n.max(usual) as i64;
        let first_slot = if i == 0 && runs.len() > 1 { n_slots - n as i64 } else { 0 };
        for (k, t) in ns[start..start + n].iter_mut().enumerate() {
            *t += (first_slot + k as i64) * resolution_ns / n_slots;
        }
        start += n;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_one_second_are_spread_over_it() {
        let mut ns: Vec<i64> = Vec::new();
        for (second, n) in [(100, 2), (101, 4), (102, 3), (103, 4), (104, 1)] {
            ns.extend(vec![second * SECOND_NS; n]);
        }
        assert!(spread(&mut ns, SECOND_NS));
        let quarters: Vec<i64> = ns.iter().map(|t| (t - 100 * SECOND_NS) * 4 / SECOND_NS).collect();
        // The recording begins in the middle of its first second; a frame is missing at the end of the third.
        assert_eq!(quarters, [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16]);
    }

    #[test]
    fn a_stamp_that_is_repeated_once_stays_repeated() {
        let mut ns: Vec<i64> = [0, 1, 2, 2, 3].map(|s| s * SECOND_NS).to_vec();
        let before = ns.clone();
        assert!(!spread(&mut ns, SECOND_NS));
        assert_eq!(ns, before);
    }
}
