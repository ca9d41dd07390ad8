//! What there is to know about a movie without reading its pixels.

use crate::error::Error;
use crate::open::open_with_details;
use sparkwave_core::movie::{MovieShape, PixelType};
use sparkwave_core::recording::{FrameTimes, Recording};
use std::path::{Path, PathBuf};

/// A description of a movie, as `sparkwave info` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieInfo {
    /// The path as it was given, with the part behind `::`.
    pub path: PathBuf,
    /// Name of the format, such as `"TIFF (ImageJ)"` or `"OME-Zarr 0.5"`.
    pub format: String,
    /// Extent in frames, rows and columns.
    pub shape: MovieShape,
    /// Axes as the file has them, such as `"TYX"` or `"TCYX"`.
    pub axes: String,
    /// Number type in which pixels are given.
    pub pixel_type: PixelType,
    /// Number type in the file, as NumPy spells it; differs from `pixel_type` where pixels are converted.
    pub stored_type: String,
    /// How pixels are packed: `"none"`, `"LZW"`, `"zstd"`, ...
    pub compression: String,
    /// Calibration with its sources, frame times, and warnings.
    pub recording: Recording,
    /// Pauses in the stamped times, in order.
    pub gaps: Vec<Gap>,
    /// Bytes of all pixels when unpacked.
    pub n_bytes: u64,
    /// Bytes on the disk.
    pub n_bytes_on_disk: u64,
}

/// A pause between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The last frame before the pause.
    pub after_frame: usize,
    /// Seconds from that frame to the next.
    pub duration_s: f64,
    /// Frames that would have fitted into the pause at the median interval.
    pub n_missing: u64,
}

/// A step of more than this many median intervals is a gap.
const GAP_INTERVALS: f64 = 1.5;

/// Describes a movie; the path is taken as by [`crate::open()`].
///
/// # Errors
/// As [`crate::open()`].
pub fn movie_info(path: &Path) -> Result<MovieInfo, Error> {
    let opened = open_with_details(path)?;
    let source = opened.source;
    let (shape, pixel_type) = (source.shape(), source.pixel_type());
    let recording = source.recording().clone();
    // Readers cap the product below 2^46.
    let n_bytes = shape.n_frames as u64 * shape.frame_len() as u64 * pixel_type.n_bytes() as u64;
    Ok(MovieInfo {
        path: path.to_path_buf(),
        format: opened.format,
        shape,
        axes: opened.axes,
        pixel_type,
        stored_type: opened.stored_type.to_string(),
        compression: opened.compression,
        gaps: recording.frame_times.as_ref().map_or_else(Vec::new, |times| find_gaps(&times.value)),
        recording,
        n_bytes,
        n_bytes_on_disk: bytes_on_disk(&crate::location::Location::parse(path).path),
    })
}

/// Steps between stamps that are longer than 1.5 median intervals. Regular times have none.
pub fn find_gaps(times: &FrameTimes) -> Vec<Gap> {
    let (FrameTimes::Stamped(stamps), Some(interval)) = (times, times.interval()) else { return Vec::new() };
    let interval = interval.get();
    let steps = stamps.windows(2).map(|w| w[1] - w[0]).enumerate();
    steps
        .filter(|(_, step)| *step > GAP_INTERVALS * interval)
        .map(|(after_frame, duration_s)| {
            let n_missing = (duration_s / interval).round() as u64;
            Gap { after_frame, duration_s, n_missing: n_missing.saturating_sub(1) }
        })
        .collect()
}

/// Sum of the lengths of all files of a folder; files that cannot be asked count as nothing.
fn bytes_on_disk(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    // Links are not followed, so that a cycle of them ends.
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => bytes_on_disk(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |m| m.len()),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_the_frames_that_would_have_fitted() {
        let times = FrameTimes::Stamped(vec![0.0, 0.1, 0.2, 0.6, 0.7, 0.8]);
        let gaps = find_gaps(&times);
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].after_frame, gaps[0].n_missing), (2, 3));
        assert!((gaps[0].duration_s - 0.4).abs() < 1e-12);
    }
}
