//! The movie block by block: each small enough for memory, with margins so that no result depends on where it was cut.

use super::finder::Finder;
use super::scratch::Scratch;
use super::{Detector, Keep, Prepared, SparksConfig};
use crate::error::Error;
use crate::run_folder::RunFolder;
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_imgproc::baseline::{PixelNoise, to_dff};
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::traces::{Traces, extract};

/// Samples (frames times pixels) in a block. Three arrays of 32-bit floats of this size are alive at a time.
pub(super) const BLOCK_SAMPLES: usize = 40_000_000;
/// The same for networks, which look so far that thin bands would be mostly margin.
const NETWORK_BLOCK_SAMPLES: usize = 80_000_000;
/// Longest window of frames; shorter movies are cut in time only if their rows are so long that a band would be thin.
const MAX_WINDOW: usize = 1500;
/// Rows that a band should hold besides its margins.
const MIN_BAND_ROWS: usize = 16;

/// A block: what is read, and the part of it whose results count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) frames: Span,
    pub(super) core_frames: Span,
    pub(super) rows: Span,
    pub(super) core_rows: Span,
}

/// Samples in a block for this detector.
pub(super) fn samples(detector: Detector) -> usize {
    match detector {
        Detector::Matched | Detector::Idt => BLOCK_SAMPLES,
        Detector::Network => NETWORK_BLOCK_SAMPLES,
    }
}

/// What a block needs on each side beside the part that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Halo {
    pub(super) frames: usize,
    pub(super) rows: usize,
}

/// The voxels that stand out in the whole movie.
pub(super) fn active_voxels(
    config: &SparksConfig,
    finder: &mut Finder,
    prepared: &Prepared<'_>,
    folder: &RunFolder,
    max_samples: usize,
    progress: &dyn Progress,
) -> Result<Vec<Active>, Error> {
    let shape = prepared.source.shape();
    let sampling = prepared.sampling;
    let halo = finder.halo(config, sampling);
    let keep_dff = config.keep.contains(&Keep::Dff) && folder.is_missing("dff.tif");
    let mut scratch = keep_dff.then(|| Scratch::new(folder.file("dff.tif"), shape, f32::NAN));
    if config.keep.contains(&Keep::Probability) && folder.is_missing("probability.tif") {
        finder.keep_probability(Scratch::new(folder.file("probability.tif"), shape, 0.0));
    }
    let mut active = Vec::new();
    each_block(config, prepared, halo, max_samples, progress, &mut |block, traces, noise| {
        let found = finder.active_voxels(config, traces, noise, block, prepared, progress)?;
        active.extend(found.into_iter().filter(|a| block.core_rows.contains(a.voxel.y as usize)));
        if let Some(scratch) = &mut scratch {
            scratch.append(traces, block.core_frames, block.core_rows, |_, dff| dff)?;
        }
        Ok(())
    })?;
    for scratch in [scratch, finder.kept_probability()].into_iter().flatten() {
        scratch.finish(prepared.source.recording(), progress)?;
    }
    Ok(active)
}

/// Calls `visit` with dF/F0 and noise of one block after the other; `halo` on each side does not count.
pub(super) fn each_block(
    config: &SparksConfig,
    prepared: &Prepared<'_>,
    halo: Halo,
    max_samples: usize,
    progress: &dyn Progress,
    visit: &mut dyn FnMut(&Block, &Traces, &PixelNoise) -> Result<(), Error>,
) -> Result<(), Error> {
    let shape = prepared.source.shape();
    let sampling = prepared.sampling;
    let foreground: Vec<u32> =
        prepared.foreground.iter().enumerate().filter(|(_, inside)| **inside).map(|(i, _)| i as u32).collect();
    let per_row: Vec<usize> =
        prepared.foreground.rows().into_iter().map(|r| r.iter().filter(|m| **m).count()).collect();
    let forgets = (sampling.frames(config.baseline.cutoff_s).ceil() as usize).clamp(1, MAX_WINDOW / 6);
    // A third of a window at most, so that as much counts.
    let margin = forgets.max(halo.frames.min(MAX_WINDOW / 3));
    for block in plan(&per_row, shape.n_frames, halo.rows, margin, max_samples) {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        progress.begin("extract", 1);
        let first = foreground.partition_point(|&p| (p as usize) < block.rows.start * shape.width);
        let last = foreground.partition_point(|&p| (p as usize) < block.rows.end * shape.width);
        let pixels = foreground[first..last].to_vec();
        let mut traces = extract(prepared.source, &prepared.drift, &prepared.background, block.frames, pixels)?;
        progress.advance(1);
        let noise = to_dff(&mut traces, &config.baseline, sampling, progress)?;
        visit(&block, &traces, &noise)?;
    }
    Ok(())
}

/// Cuts the movie into time windows, and each of these into bands of rows, so that no block holds more than
/// `max_samples` unless a single row does. `per_row` is the number of foreground pixels in each row.
fn plan(per_row: &[usize], n_frames: usize, halo: usize, margin: usize, max_samples: usize) -> Vec<Block> {
    let height = per_row.len();
    let longest_row = per_row.iter().copied().max().unwrap_or(0).max(1);
    let window = max_samples / (longest_row * (MIN_BAND_ROWS + 2 * halo).min(height));
    // Margins may take up to two thirds of a window.
    let window = window.clamp((3 * margin).min(MAX_WINDOW), MAX_WINDOW);
    let windows = if n_frames <= window { 1 } else { n_frames.div_ceil(window - 2 * margin) };
    let mut blocks = Vec::new();
    for w in 0..windows {
        let core_frames = Span::new(w * n_frames / windows, (w + 1) * n_frames / windows);
        let frames = core_frames.widened(if windows == 1 { 0 } else { margin }, n_frames);
        let mut start = 0;
        while start < height {
            let mut core_rows = Span::new(start, start + 1);
            while core_rows.end < height {
                let grown = Span::new(start, core_rows.end + 1);
                let n: usize = per_row[grown.widened(halo, height).range()].iter().sum();
                if n * frames.len() > max_samples {
                    break;
                }
                core_rows = grown;
            }
            let rows = core_rows.widened(halo, height);
            if per_row[core_rows.range()].iter().any(|&n| n > 0) {
                blocks.push(Block { frames, core_frames, rows, core_rows });
            }
            start = core_rows.end;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_tile_the_movie_and_blocks_fit_the_budget() {
        for (height, width, n_frames) in [(512, 512, 600), (2048, 2048, 1250), (512, 100, 20_000), (1, 1, 1), (7, 0, 5)]
        {
            let per_row = vec![width; height];
            let blocks = plan(&per_row, n_frames, 11, 200, BLOCK_SAMPLES);
            let mut covered = 0;
            for b in &blocks {
                covered += b.core_frames.len() * b.core_rows.len();
                assert!(b.rows.start <= b.core_rows.start && b.rows.end >= b.core_rows.end);
                assert!(b.frames.start <= b.core_frames.start && b.frames.end >= b.core_frames.end);
                assert!(b.frames.len() * b.rows.len() * width <= BLOCK_SAMPLES, "{b:?}");
            }
            assert_eq!(covered, if width == 0 { 0 } else { height * n_frames });
        }
    }
}
