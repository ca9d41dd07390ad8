//! A scene as a movie that is read piece by piece.

use super::scene::WavesScene;
use crate::axes::Span;
use crate::movie::{MovieShape, PixelType, Pixels};
use crate::recording::{FrameTimes, PixelSize, Recording, Sourced};
use crate::source::{FrameSource, SourceError, check_spans};
use crate::units::{Micrometers, Seconds};
use ndarray::{Array3, s};
use std::sync::Arc;

/// How the scene is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Every frame that the camera delivered, 16-bit counts.
    Frames,
    /// The mean of every second in which there is a frame, in floating point counts.
    Seconds,
}

/// A simulated recording behind the door through which all pixels enter. Frames are made when they are read, each
/// as a whole even if few of its rows are asked for.
#[derive(Clone)]
pub struct WavesSource {
    scene: Arc<WavesScene>,
    sampling: Sampling,
    /// The second behind each frame; empty if frames are frames.
    seconds: Vec<usize>,
    recording: Recording,
}

impl WavesSource {
    /// A source over `scene`, named `waves-seed<seed>`, calibrated and timed by its parameters.
    pub fn new(scene: Arc<WavesScene>, sampling: Sampling) -> Self {
        const SOURCE: &str = "simulation";
        let params = scene.params();
        let seconds: Vec<usize> = match sampling {
            Sampling::Frames => Vec::new(),
            Sampling::Seconds => {
                let present = scene.frames_per_second().iter().enumerate().filter(|(_, n)| **n > 0);
                present.map(|(second, _)| second).collect()
            }
        };
        let (stamps, interval_s) = match sampling {
            Sampling::Frames => (scene.times_s(), 1.0 / params.frame_rate_hz),
            Sampling::Seconds => (seconds.iter().map(|&second| second as f64).collect(), 1.0),
        };
        let complete = stamps.len() == ((stamps.last().copied().unwrap_or(0.0) / interval_s).round() as usize + 1);
        let times = match complete {
            true => FrameTimes::Regular { interval: Seconds::new(interval_s) },
            false => FrameTimes::Stamped(stamps),
        };
        let recording = Recording {
            id: format!("waves-seed{}", scene.seed()),
            pixel_size: PixelSize::square(Micrometers::new(params.pixel_size_um()))
                .map(|size| Sourced::new(size, SOURCE)),
            frame_times: Some(Sourced::new(times, SOURCE)),
            started_s: Some(Sourced::new(params.started_s, SOURCE)),
            ..Recording::default()
        };
        Self { scene, sampling, seconds, recording }
    }

    /// The scene behind the source.
    pub fn scene(&self) -> &WavesScene {
        &self.scene
    }
}

impl FrameSource for WavesSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        let params = self.scene.params();
        let n_frames = match self.sampling {
            Sampling::Frames => self.scene.n_frames(),
            Sampling::Seconds => self.seconds.len(),
        };
        MovieShape { n_frames, height: params.height, width: params.width }
    }

    fn pixel_type(&self) -> PixelType {
        match self.sampling {
            Sampling::Frames => PixelType::U16,
            Sampling::Seconds => PixelType::F32,
        }
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.shape(), frames, rows)?;
        let shape = (frames.len(), rows.len(), self.shape().width);
        let region = s![rows.range(), ..];
        match self.sampling {
            Sampling::Frames => {
                let mut pixels = Array3::zeros(shape);
                for (t, mut target) in frames.range().zip(pixels.outer_iter_mut()) {
                    target.assign(&self.scene.frame(t).slice(region));
                }
                Ok(Pixels::U16(pixels))
            }
            Sampling::Seconds => {
                let mut pixels = Array3::zeros(shape);
                for (t, mut target) in frames.range().zip(pixels.outer_iter_mut()) {
                    if let Some(second) = self.scene.second(self.seconds[t]) {
                        target.assign(&second.slice(region));
                    }
                }
                Ok(Pixels::F32(pixels))
            }
        }
    }
}
