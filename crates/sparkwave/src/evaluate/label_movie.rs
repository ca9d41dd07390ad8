//! A movie of labels, read frame by frame.

use crate::error::Error;
use ndarray::{Array2, Axis};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::source::FrameSource;
use std::path::{Path, PathBuf};

/// Labels of a run, in order of preference.
const OF_A_RUN: [&str; 2] = ["masks.tif", "labels.tif"];

/// A movie of labels.
pub(super) struct LabelMovie {
    source: Box<dyn FrameSource>,
    path: PathBuf,
}

impl LabelMovie {
    /// Opens a stack, a folder of frames, or the labels in the folder of a run.
    ///
    /// # Errors
    /// If there is no movie.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let of_run = OF_A_RUN.iter().map(|name| path.join(name)).find(|file| file.is_file());
        let path = of_run.unwrap_or_else(|| path.to_path_buf());
        Ok(Self { source: sparkwave_io::open(&path)?, path })
    }

    /// Opens a movie of the same extent.
    ///
    /// # Errors
    /// If there is no movie, or it is of another extent.
    pub(super) fn open_like(path: &Path, first: &Self) -> Result<Self, Error> {
        let movie = Self::open(path)?;
        let words = |s: MovieShape| format!("{} frames of {} x {}", s.n_frames, s.height, s.width);
        if movie.shape() != first.shape() {
            let (expected, found) = (words(first.shape()), words(movie.shape()));
            let message = format!("expected {expected} as in {}, found {found}", first.path.display());
            return Err(Error::Config { path: movie.path, message });
        }
        Ok(movie)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn shape(&self) -> MovieShape {
        self.source.shape()
    }

    /// Height and width of a pixel in micrometres: as the user states it, or as the file does.
    pub(super) fn pixel_um(&self, stated_um: Option<f64>) -> Option<[f64; 2]> {
        let of_file = || self.source.recording().pixel_size.as_ref().map(|s| [s.value.y.get(), s.value.x.get()]);
        stated_um.map(|um| [um, um]).or_else(of_file)
    }

    /// Time from one frame to the next in seconds, likewise.
    pub(super) fn interval_s(&self, stated_s: Option<f64>) -> Option<f64> {
        let of_file = || Some(self.source.recording().frame_times.as_ref()?.value.interval()?.get());
        stated_s.or_else(of_file)
    }

    /// Labels of a frame, `[Y, X]`.
    ///
    /// # Errors
    /// If it cannot be read, or a value is no label.
    pub(super) fn frame(&self, frame: usize) -> Result<Array2<u32>, Error> {
        let span = Span::new(frame, frame + 1);
        let labels = sparkwave_io::labels::read_frames(self.source.as_ref(), span, &self.path)?;
        Ok(labels.index_axis_move(Axis(0), 0))
    }
}
