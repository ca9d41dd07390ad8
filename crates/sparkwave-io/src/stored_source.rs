//! Frames of formats whose libraries give boxes of an array: what HDF5 and Zarr sources have in common.

use crate::error::Error;
use crate::stored::{Stored, StoredType};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, SourceError, check_spans};
use std::path::Path;

/// What is known of a movie without its pixels.
pub(crate) struct StoredMovie {
    pub(crate) shape: MovieShape,
    /// Type of the pixels in the file.
    pub(crate) stored: StoredType,
    pub(crate) recording: Recording,
}

/// Reads pixels in the type of the file.
pub(crate) trait ReadStored: Send + Sync + 'static {
    /// The file, for messages.
    fn path(&self) -> &Path;

    /// Reads some rows of some frames. Both spans lie in the movie and are not empty.
    fn read_stored(&self, movie: &StoredMovie, frames: Span, rows: Span) -> Result<Stored, Error>;
}

/// A movie read on demand.
pub(crate) struct StoredSource<R> {
    movie: StoredMovie,
    reader: R,
}

impl<R: ReadStored> StoredSource<R> {
    pub(crate) fn boxed(movie: StoredMovie, reader: R) -> Box<dyn FrameSource> {
        Box::new(Self { movie, reader })
    }
}

impl<R: ReadStored> FrameSource for StoredSource<R> {
    fn recording(&self) -> &Recording {
        &self.movie.recording
    }

    fn shape(&self) -> MovieShape {
        self.movie.shape
    }

    fn pixel_type(&self) -> PixelType {
        self.movie.stored.pixel_type()
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.movie.shape, frames, rows)?;
        let shape = MovieShape { n_frames: frames.len(), height: rows.len(), width: self.movie.shape.width };
        let stored = if frames.is_empty() || rows.is_empty() {
            Stored::zeros(self.movie.stored, 0)
        } else {
            self.reader.read_stored(&self.movie, frames, rows).map_err(SourceError::new)?
        };
        stored.into_pixels(shape).map_err(|e| {
            let expected = format!("values of frames {} to {}", frames.start, frames.end.saturating_sub(1));
            SourceError::new(Error::unsupported("read", self.reader.path(), expected, e.to_string()))
        })
    }
}
