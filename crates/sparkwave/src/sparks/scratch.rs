//! Movies of what is computed block by block: blocks come in bands of rows, movies are written frame by frame. The bands
//! wait in scratch files.

use crate::error::Error;
use ndarray::Array3;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_imgproc::traces::Traces;
use sparkwave_io::{MovieWriter, WriteOptions};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;

/// A band of rows through a window of frames, in a scratch file of 32-bit floats `[T][pixel]`.
struct Band {
    frames: Span,
    pixels: Vec<u32>,
    file: File,
}

/// Collects values until every band is there. The scratch files have no name and vanish with the process.
pub(super) struct Scratch {
    shape: MovieShape,
    out: PathBuf,
    /// The value of pixels of which nothing was computed.
    elsewhere: f32,
    bands: Vec<Band>,
}

impl Scratch {
    /// For a movie of this extent at `out`.
    pub(super) fn new(out: PathBuf, shape: MovieShape, elsewhere: f32) -> Self {
        Self { shape, out, elsewhere, bands: Vec::new() }
    }

    fn failed(&self, operation: &'static str, source: std::io::Error) -> Error {
        sparkwave_io::Error::Io { operation, path: self.out.clone(), source }.into()
    }

    /// Adds the part of a block that counts: `value(i, v)` for the value `v` of pixel number `i`.
    pub(super) fn append(
        &mut self,
        traces: &Traces,
        frames: Span,
        rows: Span,
        value: impl Fn(usize, f32) -> f32,
    ) -> Result<(), Error> {
        let width = self.shape.width as u32;
        let inside = |p: u32| rows.contains((p / width) as usize);
        let kept: Vec<usize> = (0..traces.n_pixels()).filter(|&i| inside(traces.pixels()[i])).collect();
        let pixels = kept.iter().map(|&i| traces.pixels()[i]).collect();
        let first = traces.frames().start;
        self.append_band(frames, pixels, |t, k| value(kept[k], traces.frame(t - first)[kept[k]]))
    }

    /// Adds a band: `value(t, k)` for frame `t` of the movie and the `k`-th of `pixels`.
    pub(super) fn append_band(
        &mut self,
        frames: Span,
        pixels: Vec<u32>,
        value: impl Fn(usize, usize) -> f32,
    ) -> Result<(), Error> {
        let folder = self.out.parent().map(PathBuf::from).unwrap_or_default();
        let file = tempfile::tempfile_in(folder).map_err(|e| self.failed("write", e))?;
        let mut writer = BufWriter::with_capacity(1 << 20, file);
        for t in frames.range() {
            for k in 0..pixels.len() {
                writer.write_all(&value(t, k).to_le_bytes()).map_err(|e| self.failed("write", e))?;
            }
        }
        let mut file = writer.into_inner().map_err(|e| self.failed("write", e.into_error()))?;
        std::io::Seek::rewind(&mut file).map_err(|e| self.failed("write", e))?;
        self.bands.push(Band { frames, pixels, file });
        Ok(())
    }

    /// Writes the movie, 32-bit floats.
    pub(super) fn finish(mut self, recording: &Recording, progress: &dyn Progress) -> Result<(), Error> {
        let MovieShape { n_frames, height, width } = self.shape;
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        progress.begin(&format!("write {name}"), n_frames as u64);
        let mut writer =
            MovieWriter::create(&self.out, self.shape, PixelType::F32, recording, &WriteOptions::default())?;
        let mut bands = std::mem::take(&mut self.bands);
        for t in 0..n_frames {
            let mut frame = Array3::from_elem((1, height, width), self.elsewhere);
            let pixels = frame.as_slice_mut().expect("a new array is contiguous");
            for band in bands.iter_mut().filter(|b| b.frames.contains(t)) {
                let mut bytes = vec![0u8; band.pixels.len() * 4];
                band.file.read_exact(&mut bytes).map_err(|e| self.failed("write", e))?;
                for (&p, b) in band.pixels.iter().zip(bytes.chunks_exact(4)) {
                    pixels[p as usize] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                }
            }
            writer.append(&Pixels::F32(frame))?;
            progress.advance(1);
        }
        Ok(writer.finish()?)
    }
}
