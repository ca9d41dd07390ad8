//! The detector of a run, ready to look at one block after the other.

use super::blocks::{Block, Halo};
use super::learned::Learned;
use super::scratch::Scratch;
use super::{Detector, Prepared, SparksConfig};
use crate::error::Error;
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_imgproc::baseline::PixelNoise;
use sparkwave_imgproc::detect::{assemble, idt, matched};
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::traces::Traces;

/// The detector of a run.
pub(super) enum Finder {
    Matched,
    Idt,
    Network(Learned),
}

impl Finder {
    /// The detector that `config` names; weights are read here, to compute on `device`.
    pub(super) fn new(config: &SparksConfig, device: &sparkwave_nn::Device) -> Result<Self, Error> {
        Ok(match config.detector {
            Detector::Matched => Self::Matched,
            Detector::Idt => Self::Idt,
            Detector::Network => Self::Network(Learned::read(config, device)?),
        })
    }

    /// Frames and rows beyond a block on each side that its results depend on, besides what the baseline needs.
    pub(super) fn halo(&self, config: &SparksConfig, sampling: Sampling) -> Halo {
        match self {
            Self::Matched => Halo { frames: 0, rows: config.matched.reach_px(sampling) },
            Self::Idt => Halo::default(),
            Self::Network(network) => network.halo(),
        }
    }

    /// The voxels of a block that stand out.
    pub(super) fn active_voxels(
        &mut self,
        config: &SparksConfig,
        traces: &Traces,
        noise: &PixelNoise,
        block: &Block,
        prepared: &Prepared<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Active>, Error> {
        let sampling = prepared.sampling;
        progress.begin("detect", 1);
        let found = match self {
            Self::Matched => {
                matched::active_voxels(traces, noise, block.rows, block.core_frames, &config.matched, sampling)
            }
            Self::Idt => idt::active_voxels(traces, noise, block.core_frames, &config.idt, sampling),
            Self::Network(network) => network.active_voxels(traces, noise, block, prepared, progress)?,
        };
        progress.advance(1);
        Ok(found)
    }

    /// Keeps what a network says; other detectors say nothing of the kind.
    pub(super) fn keep_probability(&mut self, scratch: Scratch) {
        if let Self::Network(network) = self {
            network.kept = Some(scratch);
        }
    }

    /// What was kept of a network's answers.
    pub(super) fn kept_probability(&mut self) -> Option<Scratch> {
        match self {
            Self::Network(network) => network.kept.take(),
            Self::Matched | Self::Idt => None,
        }
    }

    /// The events among the voxels that stood out, in a movie of this shape `[T, Y, X]`.
    pub(super) fn events(
        &mut self,
        config: &SparksConfig,
        active: Vec<Active>,
        movie: [usize; 3],
        sampling: Sampling,
    ) -> Result<Vec<Event>, Error> {
        Ok(match self {
            Self::Matched => assemble(active, movie[1], &config.matched.assemble(), sampling),
            Self::Idt => assemble(active, movie[1], &config.idt.assemble(), sampling),
            Self::Network(network) => network.events(active, movie, sampling)?,
        })
    }
}
