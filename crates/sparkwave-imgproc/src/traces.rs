//! The traces of the foreground pixels of a movie: what baseline and detectors work on.

use crate::error::Error;
use crate::register::drift::{Drift, batches};
use crate::register::resample::read_displaced;
use ndarray::{Array2, ArrayView3, Axis};
use rayon::prelude::*;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::source::FrameSource;

/// One value per frame and foreground pixel, frame by frame: `[T][pixel]`.
///
/// A few per cent of an image are foreground, so this is much smaller than the movie; it is also the layout in which
/// frames arrive and in which neighbouring pixels fill a vector register.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    frames: Span,
    width: usize,
    pixels: Vec<u32>,
    values: Vec<f32>,
}

impl Traces {
    /// Traces of zeros for the frames `frames` and the pixels `pixels` (indices `y * width + x`, increasing).
    pub fn zeros(frames: Span, width: usize, pixels: Vec<u32>) -> Self {
        let values = vec![0.0; frames.len() * pixels.len()];
        Self { frames, width, pixels, values }
    }

    /// The traces of every pixel of a movie `[T, Y, X]`.
    pub fn from_movie(movie: ArrayView3<'_, f32>) -> Self {
        let (n_frames, height, width) = movie.dim();
        let pixels = (0..(height * width) as u32).collect();
        Self { frames: Span::new(0, n_frames), width, pixels, values: movie.iter().copied().collect() }
    }

    /// Frames covered, in the numbering of the movie.
    pub fn frames(&self) -> Span {
        self.frames
    }

    /// Number of frames.
    pub fn n_frames(&self) -> usize {
        self.frames.len()
    }

    /// Pixels covered, as indices `y * width + x`, increasing.
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Number of pixels.
    pub fn n_pixels(&self) -> usize {
        self.pixels.len()
    }

    /// Width of the image from which the pixels were taken.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The value of pixel number `pixel` in frame `frames().start + t`.
    pub fn get(&self, t: usize, pixel: usize) -> f32 {
        self.values[t * self.pixels.len() + pixel]
    }

    /// All pixels of frame `frames().start + t`.
    pub fn frame(&self, t: usize) -> &[f32] {
        &self.values[t * self.pixels.len()..][..self.pixels.len()]
    }

    /// All frames in order, each with all its pixels.
    pub fn frames_mut(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        self.values.chunks_exact_mut(self.pixels.len().max(1))
    }

    /// Splits the pixels into groups of `size` neighbours that can be written from different threads.
    pub(crate) fn by_pixel_group(&mut self, size: usize) -> PixelGroups<'_> {
        let (n, n_frames) = (self.pixels.len(), self.frames.len());
        let values = SharedValues { start: self.values.as_mut_ptr(), _owner: std::marker::PhantomData };
        let groups = (0..n.div_ceil(size))
            .map(|g| PixelGroup { values, n_pixels: n, n_frames, first: g * size, len: size.min(n - g * size) })
            .collect();
        PixelGroups { groups }
    }
}

#[derive(Clone, Copy)]
struct SharedValues<'a> {
    start: *mut f32,
    _owner: std::marker::PhantomData<&'a mut [f32]>,
}

/// Disjoint groups of pixels of one [`Traces`].
pub(crate) struct PixelGroups<'a> {
    pub(crate) groups: Vec<PixelGroup<'a>>,
}

/// A column of neighbouring pixels through all frames.
pub(crate) struct PixelGroup<'a> {
    values: SharedValues<'a>,
    n_pixels: usize,
    n_frames: usize,
    first: usize,
    len: usize,
}

// SAFETY: the groups of one `Traces` cover disjoint pixels, every access stays in the group's own pixels, and
// the exclusive borrow held by `SharedValues` keeps everybody else away from the values.
unsafe impl Send for PixelGroup<'_> {}

impl PixelGroup<'_> {
    /// Number of pixels, at least 1.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Reads frame `t`; lanes beyond the group repeat its last pixel.
    pub(crate) fn load<const LANES: usize>(&self, t: usize, lanes: &mut [f32; LANES]) {
        let start = self.start_of(t, LANES);
        // SAFETY: `start_of` checks that the frame exists and that the group fits the lanes; the pixels of the group
        // belong to nobody else.
        let pixels = unsafe { std::slice::from_raw_parts(self.values.start.add(start), self.len) };
        lanes[..self.len].copy_from_slice(pixels);
        lanes[self.len..].fill(pixels[self.len - 1]);
    }

    /// Writes frame `t`; lanes beyond the group are ignored.
    pub(crate) fn store<const LANES: usize>(&mut self, t: usize, lanes: &[f32; LANES]) {
        let start = self.start_of(t, LANES);
        // SAFETY: as in `load`; the group is borrowed exclusively.
        let pixels = unsafe { std::slice::from_raw_parts_mut(self.values.start.add(start), self.len) };
        pixels.copy_from_slice(&lanes[..self.len]);
    }

    fn start_of(&self, t: usize, lanes: usize) -> usize {
        assert!(t < self.n_frames && self.len <= lanes, "outside the group");
        t * self.n_pixels + self.first
    }
}

/// Reads a frame of the registered movie: the rows `rows` of frame `t`, put back in place.
pub fn registered_frame(source: &dyn FrameSource, drift: &Drift, t: usize, rows: Span) -> Result<Array2<f32>, Error> {
    let shape = source.shape();
    let displacement = drift.displacements[t];
    // Rows that the displaced read touches: the displacement itself and half the interpolation kernel.
    let reach = displacement.y.abs().ceil() as usize + 5;
    let read = rows.widened(reach, shape.height);
    let raw = source.read(Span::new(t, t + 1), read)?.to_f32().index_axis_move(Axis(0), 0);
    let placed = read_displaced(raw.view(), displacement);
    if read == rows {
        return Ok(placed);
    }
    let inside = rows.start - read.start..rows.end - read.start;
    Ok(placed.slice(ndarray::s![inside, ..]).to_owned())
}

/// Extracts the fluorescence of `pixels` (indices into the whole image, increasing) in the frames `frames`: registered
/// counts minus the background of each frame.
///
/// # Errors
/// If the movie cannot be read.
pub fn extract(
    source: &dyn FrameSource,
    drift: &Drift,
    background: &[f64],
    frames: Span,
    pixels: Vec<u32>,
) -> Result<Traces, Error> {
    let MovieShape { height, width, .. } = source.shape();
    let (Some(&first), Some(&last)) = (pixels.first(), pixels.last()) else {
        return Ok(Traces::zeros(frames, width, pixels));
    };
    let rows = Span::new(first as usize / width, last as usize / width + 1);
    debug_assert!(rows.end <= height, "a pixel lies outside the image");
    let offset = rows.start * width;
    let mut traces = Traces::zeros(frames, width, pixels.clone());
    traces.values.par_chunks_exact_mut(pixels.len()).enumerate().try_for_each(|(i, out)| -> Result<(), Error> {
        let t = frames.start + i;
        let frame = registered_frame(source, drift, t, rows)?;
        let frame = frame.as_slice().expect("a new array is contiguous");
        for (o, &p) in out.iter_mut().zip(&pixels) {
            *o = (f64::from(frame[p as usize - offset]) - background[t]) as f32;
        }
        Ok(())
    })?;
    Ok(traces)
}

/// Calls `visit` with every registered frame in order; frames are read and registered in parallel ahead of it.
///
/// # Errors
/// If the movie cannot be read or `visit` fails.
pub fn for_each_registered_frame<E: From<Error>>(
    source: &dyn FrameSource,
    drift: &Drift,
    mut visit: impl FnMut(usize, &Array2<f32>) -> Result<(), E>,
) -> Result<(), E> {
    let rows = Span::new(0, source.shape().height);
    for batch in batches(source.shape().n_frames) {
        let frames: Vec<Array2<f32>> = batch
            .range()
            .into_par_iter()
            .map(|t| registered_frame(source, drift, t, rows))
            .collect::<Result<_, Error>>()?;
        for (t, frame) in batch.range().zip(&frames) {
            visit(t, frame)?;
        }
    }
    Ok(())
}
