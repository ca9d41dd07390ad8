//! A scene as a movie that is read piece by piece.

use super::scene::SparksScene;
use crate::axes::Span;
use crate::movie::{MovieShape, PixelType, Pixels};
use crate::recording::{FrameTimes, PixelSize, Recording, Sourced};
use crate::source::{FrameSource, SourceError, check_spans};
use crate::units::{Micrometers, Seconds};
use ndarray::{Array3, s};
use std::sync::Arc;

/// A simulated recording behind the door through which all pixels enter. Frames are made when they are read, each
/// as a whole even if few of its rows are asked for.
#[derive(Clone)]
pub struct SparksSource {
    scene: Arc<SparksScene>,
    recording: Recording,
}

impl SparksSource {
    /// A source over `scene`, named `sparks-seed<seed>` and calibrated by its parameters.
    pub fn new(scene: Arc<SparksScene>) -> Self {
        const SOURCE: &str = "simulation";
        let params = scene.params();
        let pixel_size = PixelSize::square(Micrometers::new(params.pixel_size_um));
        let frame_times = FrameTimes::Regular { interval: Seconds::new(params.frame_interval_s) };
        let recording = Recording {
            id: format!("sparks-seed{}", scene.seed()),
            pixel_size: pixel_size.map(|size| Sourced::new(size, SOURCE)),
            frame_times: Some(Sourced::new(frame_times, SOURCE)),
            ..Recording::default()
        };
        Self { scene, recording }
    }

    /// The scene behind the source.
    pub fn scene(&self) -> &SparksScene {
        &self.scene
    }
}

impl FrameSource for SparksSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        self.scene.shape()
    }

    fn pixel_type(&self) -> PixelType {
        PixelType::U16
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.shape(), frames, rows)?;
        let mut pixels = Array3::zeros((frames.len(), rows.len(), self.shape().width));
        for (t, mut target) in frames.range().zip(pixels.outer_iter_mut()) {
            target.assign(&self.scene.frame(t).slice(s![rows.range(), ..]));
        }
        Ok(Pixels::U16(pixels))
    }
}
