//! The recordings of a training file, ready to be cut.

use super::Subset;
use crate::error::Error;
use ndarray::{Array2, Array3, Axis};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::source::{FrameSource, InMemory};
use sparkwave_imgproc::threshold::Threshold;
use sparkwave_io::msct::{self, StreamInfo};
use sparkwave_nn::stream::{Extent, Stream};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Movies of a training file are held in memory up to this many bytes; what is beyond stays in the file.
const MEMORY_BYTES: usize = 6 << 30;
/// Frames whose mean shows the foreground where the file does not tell it (published code).
const FOREGROUND_FRAMES: usize = 25;
/// Frames of a movie that are read at once where it need not be held.
const BLOCK_FRAMES: usize = 32;

/// The recordings of one fold among those that the file lists; none if it has no such fold.
pub(crate) fn load(
    path: &Path,
    listed: &[StreamInfo],
    fold: &str,
    progress: &dyn Progress,
) -> Result<Vec<Stream>, Error> {
    let infos: Vec<&StreamInfo> = listed.iter().filter(|s| s.fold == fold).collect();
    progress.begin(&format!("read {fold}"), infos.len() as u64);
    let mut held = 0;
    let mut streams = Vec::with_capacity(infos.len());
    for info in infos {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let n_voxels = info.shape.n_frames * info.shape.frame_len();
        let bytes = n_voxels * (PixelType::F32.n_bytes() + PixelType::U16.n_bytes());
        let in_memory = held + bytes <= MEMORY_BYTES;
        held += if in_memory { bytes } else { 0 };
        let hold = |source: Box<dyn FrameSource>| -> Result<Arc<dyn FrameSource>, Error> {
            if !in_memory {
                return Ok(Arc::from(source));
            }
            let shape = source.shape();
            let pixels = source.read(Span::new(0, shape.n_frames), Span::new(0, shape.height))?;
            Ok(Arc::new(InMemory::new(source.recording().clone(), pixels)))
        };
        let input = hold(msct::open_input(path, fold, &info.stream)?)?;
        let label = hold(msct::open_label(path, fold, &info.stream)?)?;
        let events = extents(path, info)?;
        let foreground = foreground(path, info, input.as_ref())?;
        streams.push(Stream { name: format!("{fold}/{}", info.stream), input, label, events, foreground });
        progress.advance(1);
    }
    Ok(streams)
}

/// Those of the recordings that are learned from which a draw leaves, at least one, and all others.
pub(super) fn subset(listed: &[StreamInfo], subset: Subset) -> Result<Vec<StreamInfo>, Error> {
    if !(subset.part > 0.0 && subset.part <= 1.0) {
        let expected = "above 0, at most 1";
        return Err(Error::Parameter { name: "part of the recordings", expected, found: subset.part.to_string() });
    }
    let mut order: Vec<usize> = (0..listed.len()).filter(|&i| listed[i].fold == "train").collect();
    let kept = ((order.len() as f64 * subset.part) as usize).max(1);
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(subset.draw));
    let dropped: BTreeSet<usize> = order.into_iter().skip(kept).collect();
    let left = listed.iter().enumerate().filter(|(i, _)| !dropped.contains(i));
    Ok(left.map(|(_, info)| info.clone()).collect())
}

/// The boxes of the events, cut to the movie; boxes outside it are left out.
fn extents(path: &Path, info: &StreamInfo) -> Result<Vec<Extent>, Error> {
    let n = [info.shape.n_frames, info.shape.height, info.shape.width];
    let events = msct::read_events(path, &info.fold, &info.stream)?;
    let extent = |e: &msct::EventRow| {
        let (first, last) = ([e.t0, e.y0, e.x0], [e.t1, e.y1, e.x1]);
        let inside = (0..3).all(|a| first[a] >= 0 && last[a] >= first[a] && (first[a] as usize) < n[a]);
        inside.then(|| Extent {
            first: first.map(|v| v as usize),
            last: std::array::from_fn(|a| (last[a] as usize).min(n[a] - 1)),
        })
    };
    Ok(events.iter().filter_map(extent).collect())
}

/// The foreground that the file tells, or the published rule: the mean of the first frames above its triangle threshold.
fn foreground(path: &Path, info: &StreamInfo, input: &dyn FrameSource) -> Result<Array2<bool>, Error> {
    let rows = Span::new(0, info.shape.height);
    if info.has_foreground {
        let mask = msct::open_foreground(path, &info.fold, &info.stream)?.read(Span::new(0, 1), rows)?;
        return Ok(mask.to_f32().index_axis(Axis(0), 0).mapv(|v| v != 0.0));
    }
    let frames = Span::new(0, FOREGROUND_FRAMES.min(info.shape.n_frames));
    let mean = input.read(frames, rows)?.to_f32().mean_axis(Axis(0)).unwrap_or_default();
    let threshold = Threshold::Triangle.of(mean.iter().copied()).unwrap_or(f64::NEG_INFINITY);
    Ok(mean.mapv(|v| f64::from(v) > threshold))
}

/// How the movies of a training file were normalised, as far as the file tells.
pub(super) fn normalisation(listed: &[StreamInfo]) -> String {
    listed.iter().find_map(|s| s.origin.normalisation.clone()).unwrap_or_else(|| "unknown".to_owned())
}

/// A movie as floats, a few frames at a time, each time with the index of the first.
pub(super) fn blocks(source: &dyn FrameSource) -> impl Iterator<Item = Result<(usize, Array3<f32>), Error>> {
    let shape = source.shape();
    (0..shape.n_frames).step_by(BLOCK_FRAMES).map(move |first| {
        let frames = Span::new(first, (first + BLOCK_FRAMES).min(shape.n_frames));
        Ok((first, source.read(frames, Span::new(0, shape.height))?.to_f32()))
    })
}

/// All pixels of a movie as floats.
pub(crate) fn whole(source: &dyn FrameSource) -> Result<Array3<f32>, Error> {
    let shape = source.shape();
    let pixels: Pixels = source.read(Span::new(0, shape.n_frames), Span::new(0, shape.height))?;
    Ok(pixels.to_f32())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::movie::MovieShape;
    use sparkwave_io::msct::Origin;

    #[test]
    fn a_subset_is_of_the_training_recordings_and_the_same_each_time() {
        let shape = MovieShape { n_frames: 1, height: 1, width: 1 };
        let info = |i: usize| StreamInfo {
            fold: if i < 40 { "train" } else { "valid" }.into(),
            stream: i.to_string(),
            shape,
            n_events: 1,
            has_foreground: false,
            origin: Origin::default(),
        };
        let all: Vec<StreamInfo> = (0..50).map(info).collect();
        let names = |part: f64, draw: u64| -> Vec<String> {
            let left = subset(&all, Subset { part, draw }).expect("a part");
            left.into_iter().map(|s| s.stream).collect()
        };
        assert_eq!(names(1.0, 3).len(), 50);
        assert_eq!(names(0.25, 1).len(), 20);
        assert_eq!(names(0.25, 1), names(0.25, 1));
        assert_ne!(names(0.25, 1), names(0.25, 2));
        assert!(names(0.25, 1).iter().all(|n| names(0.5, 1).contains(n)), "one draw is nested in its larger parts");
        assert!(
            names(0.01, 1).len() == 11
                && names(0.01, 1).ends_with(&(40..50).map(|i| i.to_string()).collect::<Vec<_>>())
        );
        assert!(subset(&all, Subset { part: 0.0, draw: 0 }).is_err());
    }
}
