//! From one format to another, in bounded memory.

use crate::display::display_range;
use crate::error::Error;
use crate::limits::CONVERT_BLOCK_BYTES;
use crate::write::{MovieWriter, WriteOptions};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, Pixels};
use sparkwave_core::progress::{Cancelled, Progress};
use sparkwave_core::source::FrameSource;
use std::path::Path;

/// Copies a movie to a file of the format that its name asks for, with its calibration.
///
/// Holds some 32 MiB of pixels at a time, or one frame if that is larger. Progress counts frames; what the format
/// cannot hold is told as warnings.
///
/// # Errors
/// If the source fails, the target cannot be written, or the user cancels; no partial file is left.
pub fn convert(
    source: &dyn FrameSource,
    out: &Path,
    options: &WriteOptions,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let (shape, pixel_type) = (source.shape(), source.pixel_type());
    let mut options = options.clone();
    let shown = |e: &std::ffi::OsStr| e.eq_ignore_ascii_case("gif") || e.eq_ignore_ascii_case("mp4");
    if options.display_range.is_none() && out.extension().is_some_and(shown) {
        options.display_range = sampled_range(source)?;
    }
    let mut writer = MovieWriter::create(out, shape, pixel_type, source.recording(), &options)?;
    for warning in writer.warnings() {
        progress.warn(warning);
    }
    progress.begin("convert", shape.n_frames as u64);
    let step = frames_per_block(shape, pixel_type.n_bytes());
    for start in (0..shape.n_frames).step_by(step) {
        if progress.is_cancelled() {
            return Err(Cancelled.into());
        }
        let frames = Span::new(start, (start + step).min(shape.n_frames));
        writer.append(&source.read(frames, Span::new(0, shape.height))?)?;
        progress.advance(frames.len() as u64);
    }
    writer.finish()
}

fn frames_per_block(shape: MovieShape, pixel_bytes: usize) -> usize {
    (CONVERT_BLOCK_BYTES / (shape.frame_len() * pixel_bytes).max(1)).max(1)
}

/// The range of values for display, from at most 32 frames spread over the movie.
fn sampled_range(source: &dyn FrameSource) -> Result<Option<(f32, f32)>, Error> {
    let MovieShape { n_frames, height, .. } = source.shape();
    let mut range: Option<(f32, f32)> = None;
    for frame in (0..n_frames).step_by(n_frames.div_ceil(32).max(1)) {
        let block: Pixels = source.read(Span::new(frame, frame + 1), Span::new(0, height))?;
        if let Some((low, high)) = display_range(&block) {
            range = Some(range.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
        }
    }
    Ok(range)
}
