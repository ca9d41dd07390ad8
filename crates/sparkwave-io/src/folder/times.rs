//! When the frames of a folder were taken: from the metadata of the camera, else from names, else from the times at which
//! the files were last written.

use super::{name_of, stem_of};
use crate::civil::SECOND_NS;
use crate::frame_times::Times;
use crate::name_times::times_of_names;
use crate::tiff::camera_time::{CameraTime, camera_times};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use sparkwave_core::recording::Recording;
use std::ffi::OsString;
use std::path::Path;
use std::time::UNIX_EPOCH;

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
        times.record(recording);
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
    Some(Times::of_names(times_of_names(&names)?, "file names"))
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
