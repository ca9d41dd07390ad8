//! The intensity-based detection threshold (IDT) annotator of the paper (section 2.4), per pixel:
//!
//! - a peak is a local maximum of dF/F0 of at least 4 noise standard deviations;
//! - its extent is the run of samples of at least 2 standard deviations around it, within ±1.5 s;
//! - extents of a single frame are dropped;
//! - what remains is joined by 26-connectivity, and objects with a spatial axis of 3 px (0.48 µm) or less are dropped.
//!
//! Its authors name what it lacks: events that repeat at a site before the signal is back below 2 standard deviations
//! merge into one that lasts longer than 4.5 s. Such objects, and touching events, are split at their peaks
//! ([`crate::link::basins`]) and marked as bursts; `split: false` gives the published behaviour alone.

use super::{AssembleParams, MinPeak};
use crate::baseline::PixelNoise;
use crate::link::basins::Prominence;
use crate::link::sparse::Active;
use crate::sampling::Sampling;
use crate::traces::Traces;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::{Span, Voxel};

/// Parameters of the IDT detector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdtParams {
    /// Height of a peak, noise standard deviations (paper: 4).
    pub detect_sd: f64,
    /// Level that bounds an event, noise standard deviations (paper: 2).
    pub extent_sd: f64,
    /// Farthest that an event reaches from its peak on either side, s (paper: 1.5).
    pub window_s: f64,
    /// Objects not larger than this along either spatial axis are dropped, µm (paper: 3 px of 0.16 µm).
    pub min_extent_um: f64,
    /// Whether bursts and touching events are split.
    pub split: bool,
}

impl Default for IdtParams {
    fn default() -> Self {
        Self { detect_sd: 4.0, extent_sd: 2.0, window_s: 1.5, min_extent_um: 0.48, split: true }
    }
}

impl IdtParams {
    /// How the active voxels of this detector become events.
    pub fn assemble(&self) -> AssembleParams {
        AssembleParams {
            min_peak: MinPeak::Fixed(self.detect_sd as f32),
            core_fraction: 0.0,
            grow: None,
            split: self.split.then_some(Prominence { absolute: 3.0, relative: 0.4 }),
            min_extent_um: self.min_extent_um,
            min_frames: 2,
        }
    }
}

/// The active voxels of a block of dF/F0 traces. `core` are the frames that count; the others are margin.
pub fn active_voxels(
    traces: &Traces,
    noise: &PixelNoise,
    core: Span,
    params: &IdtParams,
    sampling: Sampling,
) -> Vec<Active> {
    let window = sampling.frames(params.window_s).round() as usize;
    let width = traces.width() as u32;
    let per_pixel: Vec<Vec<Active>> = (0..traces.n_pixels())
        .into_par_iter()
        .map(|p| {
            let sigma = f64::from(noise.sigma[p]);
            if sigma <= 0.0 {
                return Vec::new();
            }
            let z: Vec<f32> = (0..traces.n_frames()).map(|t| (f64::from(traces.get(t, p)) / sigma) as f32).collect();
            let position = traces.pixels()[p];
            let frame = |t: usize| traces.frames().start + t;
            extents(&z, params.detect_sd as f32, params.extent_sd as f32, window)
                .into_iter()
                .flat_map(Span::range)
                .filter(|&t| core.contains(frame(t)))
                .map(|t| Active {
                    voxel: Voxel { t: frame(t) as u32, y: position / width, x: position % width },
                    dff: traces.get(t, p),
                    strength: z[t],
                    level: z[t],
                })
                .collect()
        })
        .collect();
    per_pixel.concat()
}

/// The disjoint spans of a trace in standard deviations that belong to events: `detect` and `extent` are the two levels,
/// `window` the farthest that a span reaches from its peak, in samples.
///
/// A peak is higher than its neighbours on both sides, so neither the first nor the last sample is one; a plateau
/// counts at its first sample. Spans of one sample are dropped, spans that touch or overlap are joined.
pub fn extents(z: &[f32], detect: f32, extent: f32, window: usize) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for t in 1..z.len().saturating_sub(1) {
        let falls_after = z[t..].iter().find(|v| **v != z[t]).is_some_and(|v| *v < z[t]);
        if z[t] < detect || z[t - 1] >= z[t] || !falls_after {
            continue;
        }
        let start = (t.saturating_sub(window)..t).rev().take_while(|&i| z[i] >= extent).last().unwrap_or(t);
        let end = (t..(t + window + 1).min(z.len())).take_while(|&i| z[i] >= extent).last().unwrap_or(t) + 1;
        if end - start < 2 {
            continue;
        }
        match spans.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => spans.push(Span::new(start, end)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(z: &[f32]) -> Vec<Span> {
        extents(z, 4.0, 2.0, 3)
    }

    #[test]
    fn an_extent_is_the_run_above_the_lower_level_around_a_peak() {
        assert_eq!(found(&[0.0, 2.0, 5.0, 3.0, 1.0, 3.0, 0.0]), [Span::new(1, 4)]);
        assert_eq!(found(&[0.0, 3.9, 0.0]), []);
        // A single frame is no event.
        assert_eq!(found(&[0.0, 0.0, 9.0, 0.0]), []);
        // The window bounds what one peak can claim; a second peak extends it.
        assert_eq!(found(&[3.0, 5.0, 3.0, 3.0, 3.0, 3.0, 3.0]), [Span::new(0, 5)]);
        assert_eq!(found(&[3.0, 5.0, 3.0, 3.0, 3.0, 6.0, 3.0, 0.0]), [Span::new(0, 7)]);
        // A plateau, and the ends of the trace, which are no peaks.
        assert_eq!(found(&[0.0, 5.0, 5.0, 0.0, 0.0, 2.0, 5.0]), [Span::new(1, 3)]);
    }
}
