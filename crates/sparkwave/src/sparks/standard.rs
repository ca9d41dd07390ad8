//! The movie as networks see it: dF/F0 in standard deviations of each pixel's noise.

use super::scratch::Scratch;
use super::{Prepared, SparksConfig, blocks};
use crate::error::Error;
use sparkwave_core::progress::Progress;
use std::path::Path;

/// The name of this normalisation in files and model cards.
pub(crate) const NOISE: &str = "dff-over-noise";

/// The name of the published global normalisation ([`sparkwave_imgproc::baseline::global`]) in files and model cards.
pub(crate) const PUBLISHED: &str = "published-global";

/// Writes dF/F0 over noise of every searched pixel of the movie to `out`, 32-bit floats, 0 elsewhere and where nothing
/// fluctuates.
pub(super) fn write(
    config: &SparksConfig,
    prepared: &Prepared<'_>,
    out: &Path,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let mut scratch = Scratch::new(out.to_path_buf(), prepared.source.shape(), 0.0);
    blocks::each_block(
        config,
        prepared,
        blocks::Halo::default(),
        blocks::BLOCK_SAMPLES,
        progress,
        &mut |block, traces, noise| {
            let weights = noise.weights();
            scratch.append(traces, block.core_frames, block.core_rows, |i, dff| dff * weights[i])
        },
    )?;
    scratch.finish(prepared.source.recording(), progress)
}
