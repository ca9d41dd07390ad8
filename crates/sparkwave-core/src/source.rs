//! The one door through which pixels enter: a movie that is read piece by piece.

use crate::axes::Span;
use crate::movie::{MovieShape, PixelType, Pixels};
use crate::recording::Recording;
use ndarray::s;

/// Why a source could not give its pixels. The message names the file and what was wrong in it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(#[from] Box<dyn std::error::Error + Send + Sync + 'static>);

impl SourceError {
    /// Wraps the error of whatever stands behind a source.
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

/// A movie that can be read span by span, from any thread, without being held in memory.
pub trait FrameSource: Send + Sync {
    /// Metadata of the recording.
    fn recording(&self) -> &Recording;

    /// Extent of the whole movie; all three are at least 1.
    fn shape(&self) -> MovieShape;

    /// The number type in which the pixels are stored and given.
    fn pixel_type(&self) -> PixelType;

    /// Reads the frames `frames`, of them the rows `rows`, all columns: an array
    /// `[frames.len(), rows.len(), width]` of type [`FrameSource::pixel_type`].
    ///
    /// # Errors
    /// If the file cannot be read or decoded. Spans that reach beyond [`FrameSource::shape`] are an error as well.
    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError>;

    /// Like [`FrameSource::read`], into `block`, whose memory is used again where the source can and the block is of the
    /// right shape and type: half a million frames then need no new memory. After an error the block holds anything.
    ///
    /// # Errors
    /// As [`FrameSource::read`].
    fn read_into(&self, frames: Span, rows: Span, block: &mut Pixels) -> Result<(), SourceError> {
        *block = self.read(frames, rows)?;
        Ok(())
    }
}

/// A movie that is already in memory.
#[derive(Clone, Debug)]
pub struct InMemory {
    recording: Recording,
    pixels: Pixels,
}

impl InMemory {
    /// Joins pixels `[T, Y, X]` to their metadata.
    pub fn new(recording: Recording, pixels: Pixels) -> Self {
        Self { recording, pixels }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("read frames {frames:?}, rows {rows:?}: the movie has {n_frames} frames of {height} rows")]
struct OutOfRange {
    frames: Span,
    rows: Span,
    n_frames: usize,
    height: usize,
}

/// Checks that the spans lie inside the movie.
///
/// # Errors
/// Names the spans and the movie's extent.
pub fn check_spans(shape: MovieShape, frames: Span, rows: Span) -> Result<(), SourceError> {
    if frames.end > shape.n_frames || rows.end > shape.height {
        let MovieShape { n_frames, height, .. } = shape;
        return Err(SourceError::new(OutOfRange { frames, rows, n_frames, height }));
    }
    Ok(())
}

impl FrameSource for InMemory {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        self.pixels.shape()
    }

    fn pixel_type(&self) -> PixelType {
        self.pixels.pixel_type()
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.shape(), frames, rows)?;
        let region = s![frames.range(), rows.range(), ..];
        Ok(match &self.pixels {
            Pixels::U8(a) => Pixels::U8(a.slice(region).to_owned()),
            Pixels::U16(a) => Pixels::U16(a.slice(region).to_owned()),
            Pixels::I16(a) => Pixels::I16(a.slice(region).to_owned()),
            Pixels::U32(a) => Pixels::U32(a.slice(region).to_owned()),
            Pixels::F32(a) => Pixels::F32(a.slice(region).to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn a_source_gives_the_rows_that_were_asked_for_and_no_others() {
        let pixels = Array3::from_shape_fn((4, 5, 6), |(t, y, x)| (100 * t + 10 * y + x) as u16);
        let source = InMemory::new(Recording::default(), Pixels::U16(pixels));
        let block = source.read(Span::new(1, 3), Span::new(2, 4)).expect("inside");
        let Pixels::U16(block) = block else { panic!("type changed") };
        assert_eq!(block.dim(), (2, 2, 6));
        assert_eq!(block[[1, 0, 5]], 225);
        let error = source.read(Span::new(1, 5), Span::new(0, 5)).expect_err("beyond the end");
        assert!(error.to_string().contains("4 frames"), "{error}");
    }
}
