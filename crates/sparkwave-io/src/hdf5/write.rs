//! A movie as a data set `[T, Y, X]` of an HDF5 file.
//!
//! Calibration stands in attributes of the data set: `pixel_size_um` `[y, x]`, `frame_interval_s`, and `frame_times`,
//! the name of a data set beside it with the time of each frame in seconds.

use super::adapter::{Layout, NewDataset, NewFile};
use super::source::{FRAME_INTERVAL, FRAME_TIMES, PIXEL_SIZE};
use crate::atomic::AtomicPath;
use crate::error::Error;
use crate::write::{Compression, WriteOptions};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, Recording};
use std::path::Path;

/// A data set under construction.
pub(crate) struct Hdf5Writer {
    place: AtomicPath,
    file: NewFile,
    frames: FrameWriter,
}

impl Hdf5Writer {
    pub(crate) fn create(
        path: &Path,
        part: Option<&str>,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        options: &WriteOptions,
    ) -> Result<Self, Error> {
        if path.exists() && !options.overwrite {
            let expected = "a name that is free (an HDF5 file may hold other data sets)";
            return Err(Error::refused("create", path, expected, "a file of that name"));
        }
        let name = part.unwrap_or("movie").trim_matches('/');
        let valid = |piece: &str| !piece.is_empty() && piece != "." && piece != "..";
        if !name.split('/').all(valid) {
            return Err(Error::refused("create", path, "the name of a data set", format!("::{name}")));
        }
        let deflate = match options.compression {
            Compression::Auto | Compression::None => false,
            Compression::Deflate => true,
            Compression::Zstd => {
                let expected = "no compression or deflate in an HDF5 file (zstd needs a plug-in to be read)";
                return Err(Error::refused("create", path, expected, "zstd"));
            }
        };
        let place = AtomicPath::create(path)?;
        let mut file = NewFile::create(place.temporary(), path)?;
        let frames = FrameWriter::create(&mut file, name, shape, pixel_type, deflate)?;
        calibrate(&mut file, &frames.dataset, name, recording)?;
        Ok(Self { place, file, frames })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        self.frames.append(block)
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { place, file, frames } = self;
        frames.finish()?;
        file.close()?;
        place.finish()
    }
}

fn calibrate(file: &mut NewFile, dataset: &NewDataset, name: &str, recording: &Recording) -> Result<(), Error> {
    if let Some(size) = recording.pixel_size() {
        dataset.set_numbers(PIXEL_SIZE, &[size.y.get(), size.x.get()])?;
    }
    if let Some(interval) = recording.frame_interval() {
        dataset.set_numbers(FRAME_INTERVAL, &[interval.get()])?;
    }
    if let Some(FrameTimes::Stamped(times)) = recording.frame_times.as_ref().map(|t| &t.value) {
        // An attribute holds 64 KiB at most, too little for the times of long movies.
        let times_name = format!("{name}_frame_times_s");
        file.floats(&times_name, times)?;
        dataset.set_text(FRAME_TIMES, times_name.rsplit('/').next().unwrap_or(&times_name))?;
    }
    Ok(())
}

/// Frames on their way into a data set.
pub(crate) struct FrameWriter {
    pub(crate) dataset: NewDataset,
    shape: MovieShape,
    pixel_type: PixelType,
    next: usize,
    /// Frames of a chunk and the bytes of the one being filled, if the data set is chunked.
    chunk: Option<(usize, Vec<u8>)>,
}

impl FrameWriter {
    pub(crate) fn create(
        file: &mut NewFile,
        name: &str,
        shape: MovieShape,
        pixel_type: PixelType,
        deflate: bool,
    ) -> Result<Self, Error> {
        let frames = frames_per_chunk(shape, pixel_type.n_bytes());
        let layout = if deflate { Layout::Deflate { frames } } else { Layout::Contiguous };
        let extents = [shape.n_frames, shape.height, shape.width];
        let dataset = file.dataset(name, &extents, pixel_type, layout)?;
        let chunk = deflate.then(|| (frames, Vec::new()));
        Ok(Self { dataset, shape, pixel_type, next: 0, chunk })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        let n_frames = block.shape().n_frames;
        let Some((chunk_frames, buffer)) = &mut self.chunk else {
            if n_frames > 0 {
                self.dataset.write_frames(self.next, block)?;
            }
            self.next += n_frames;
            return Ok(());
        };
        let frame_bytes = self.shape.frame_len() * self.pixel_type.n_bytes();
        let (dataset, next) = (&self.dataset, &mut self.next);
        crate::bytes::with_le_bytes(block, |bytes| {
            for frame in bytes.chunks_exact(frame_bytes) {
                buffer.extend_from_slice(frame);
                *next += 1;
                if next.is_multiple_of(*chunk_frames) {
                    dataset.write_chunk(*next / *chunk_frames - 1, buffer)?;
                    buffer.clear();
                }
            }
            Ok(())
        })
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if let Some((chunk_frames, buffer)) = &mut self.chunk
            && !buffer.is_empty()
        {
            // The last chunk is stored whole; what lies beyond the last frame is never read.
            let frame_bytes = self.shape.frame_len() * self.pixel_type.n_bytes();
            buffer.resize(*chunk_frames * frame_bytes, 0);
            self.dataset.write_chunk(self.next / *chunk_frames, buffer)?;
        }
        Ok(())
    }
}

/// 8 to 64 frames of some 8 MiB together, and never so few that the index of chunks grows slow (100,000).
fn frames_per_chunk(shape: MovieShape, pixel_bytes: usize) -> usize {
    let frame_bytes = (shape.frame_len() * pixel_bytes).max(1);
    let by_size = ((8 << 20) / frame_bytes).clamp(1, 64);
    by_size.max(shape.n_frames.div_ceil(100_000)).min(shape.n_frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_stay_few() {
        let shape = |n_frames, side| MovieShape { n_frames, height: side, width: side };
        assert_eq!(frames_per_chunk(shape(600, 512), 2), 16);
        assert_eq!(frames_per_chunk(shape(3, 4), 2), 3);
        assert_eq!(frames_per_chunk(shape(16_000_000, 64), 2), 160);
        assert_eq!(frames_per_chunk(shape(10, 10_000), 4), 1);
    }
}
