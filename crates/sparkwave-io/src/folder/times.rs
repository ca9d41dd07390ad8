//! When the frames of a folder were taken: from the metadata of the camera, else from names, else from the times at which
//! the files were last written.

use super::names::stamps_of_names;
use super::{name_of, stem_of};
use crate::calibration;
use crate::civil::SECOND_NS;
use crate::tiff::camera_time::{CameraTime, camera_times};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use sparkwave_core::recording::{Recording, Sourced};
use std::ffi::OsString;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// One time a frame, in nanoseconds.
struct Times {
    ns: Vec<i64>,
    source: String,
    /// Longest time that the source cannot resolve, if frames may share a stamp for that reason.
    resolution_ns: Option<i64>,
    /// True if times count from 1970.
    absolute: bool,
}

/// Finds the times of the frames and notes them in the recording; `frames` are names in natural order, and come out in
/// order of time if only the file system knows it.
///
/// Metadata are looked for in four frames; only where these carry times are all files opened, side by side. A camera time
/// in whole seconds ranks behind the names, which may tell fractions.
pub(super) fn resolve(folder: &Path, frames: &mut Vec<OsString>, recording: &mut Recording) {
    if frames.len() < 2 {
        return;
    }
    let camera = probe(folder, frames);
    let fine =
        camera.iter().find(|time| !time.whole_seconds).and_then(|time| of_camera(folder, frames, *time, recording));
    let times = fine
        .or_else(|| of_names(frames))
        .or_else(|| camera.iter().find_map(|time| of_camera(folder, frames, *time, recording)))
        .or_else(|| of_files(folder, frames, recording));
    if let Some(times) = times {
        record(times, recording);
    }
}

fn record(times: Times, recording: &mut Recording) {
    let Times { mut ns, mut source, resolution_ns, absolute } = times;
    if let Some(resolution_ns) = resolution_ns
        && spread(&mut ns, resolution_ns)
    {
        source.push_str(", frames of one stamp spread evenly");
    }
    let first = ns[0];
    let stamps = ns.iter().map(|t| (t - first) as f64 / SECOND_NS as f64).collect();
    let n_frames = ns.len();
    if calibration::set_stamps(recording, stamps, n_frames, &source) && absolute {
        recording.started_s = Some(Sourced::new(first as f64 / SECOND_NS as f64, source));
    }
}

/// The camera's fields that four frames, spread over the recording, all carry with different times.
fn probe(folder: &Path, frames: &[OsString]) -> Vec<CameraTime> {
    let n = frames.len();
    let probes: Vec<Vec<CameraTime>> =
        [0, 1, n / 2, n - 1].iter().map(|&i| camera_times(&folder.join(&frames[i])).unwrap_or_default()).collect();
    let of = |times: &[CameraTime], source| times.iter().find(|t: &&CameraTime| t.source == source).map(|t| t.ns);
    let carried = |time: &CameraTime| {
        let all: Option<Vec<i64>> = probes.iter().map(|times| of(times, time.source)).collect();
        all.is_some_and(|all| all.iter().any(|t| *t != all[0]))
    };
    probes[0].iter().copied().filter(carried).collect()
}

fn of_camera(folder: &Path, frames: &[OsString], field: CameraTime, recording: &mut Recording) -> Option<Times> {
    let of_frame = |name: &OsString| {
        let times = camera_times(&folder.join(name)).ok()?;
        times.into_iter().find(|time| time.source == field.source)
    };
    let found: Vec<Option<CameraTime>> = frames.par_iter().map(of_frame).collect();
    if let Some(frame) = found.iter().position(Option::is_none) {
        let name = frames[frame].to_string_lossy();
        recording.warnings.push(format!("{} is in some frames, but not in {name}: it is ignored", field.source));
        return None;
    }
    let ns = found.iter().flatten().map(|time| time.ns).collect();
    let resolution_ns = found.iter().flatten().all(|time| time.whole_seconds).then_some(SECOND_NS);
    Some(Times { ns, source: field.source.into(), resolution_ns, absolute: field.absolute })
}

fn of_names(frames: &[OsString]) -> Option<Times> {
    let names: Vec<String> = frames.iter().map(|name| stem_of(Path::new(name))).collect();
    let stamps = stamps_of_names(&names)?;
    let resolution_ns = stamps.whole_seconds.then_some(SECOND_NS);
    Some(Times { ns: stamps.ns, source: stamps.rule.into(), resolution_ns, absolute: stamps.absolute })
}

/// Frames per second beyond which times of files are those of a copy: wide-field recordings are slower.
const MAX_RATE_HZ: f64 = 200.0;
/// Share of neighbouring files that may have been written in the other order.
const MAX_BACKWARD_SHARE: f64 = 0.1;

/// Times at which the files were last written, if these can be the times of a recording.
fn of_files(folder: &Path, frames: &mut Vec<OsString>, recording: &mut Recording) -> Option<Times> {
    let written = |name: &OsString| {
        let modified = std::fs::metadata(folder.join(name)).ok()?.modified().ok()?;
        i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
    };
    let Some(ns) = frames.par_iter().map(written).collect::<Option<Vec<i64>>>() else {
        recording
            .warnings
            .push("neither metadata nor names tell the times of the frames, nor do the files: unknown".into());
        return None;
    };
    let mut distrust = |reason: String| {
        recording.warnings.push(format!(
            "neither metadata nor names tell the times of the frames, and those at which the files were written are not \
             trusted, as {reason}: frame times unknown"
        ));
    };
    let n_back = ns.windows(2).filter(|w| w[1] < w[0]).count();
    if n_back as f64 > MAX_BACKWARD_SHARE * (ns.len() - 1) as f64 {
        distrust(format!("{n_back} of {} files are older than the one before by name", ns.len()));
        return None;
    }
    let (first, last) = (ns.iter().min().copied()?, ns.iter().max().copied()?);
    let span_s = (last - first) as f64 / SECOND_NS as f64;
    if span_s * MAX_RATE_HZ < (ns.len() - 1) as f64 {
        distrust(format!("{} files were written within {span_s:.1} s, as by a copy", ns.len()));
        return None;
    }
    // A stable sort: files of one time keep the order of their names.
    let mut order: Vec<usize> = (0..ns.len()).collect();
    order.sort_by_key(|&i| ns[i]);
    let sorted = order.iter().map(|&i| ns[i]).collect();
    *frames = order.iter().map(|&i| std::mem::take(&mut frames[i])).collect();
    recording.warnings.push(format!(
        "the times of the frames are those at which the files were last written, which copying may have changed: {} \
         frames within {span_s:.1} s, the first is {}",
        frames.len(),
        name_of(Path::new(&frames[0]))
    ));
    // File systems keep nanoseconds, whole seconds, or even seconds.
    let resolution_s = [2, 1].into_iter().find(|s| ns.iter().all(|t| t % (s * SECOND_NS) == 0));
    Some(Times {
        ns: sorted,
        source: "modification times of the files".into(),
        resolution_ns: resolution_s.map(|s| s * SECOND_NS),
        absolute: true,
    })
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
