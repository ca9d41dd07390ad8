//! The files of a run that are made of all masks together, and the masks themselves.

use super::data_set::{DataSet, Neighbours};
use super::follow::Task;
use super::names::FrameNames;
use super::{Display, pixels};
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Array3, Axis};
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_io::mp4::Mp4Writer;
use sparkwave_io::png::{self, Image, PALETTE};
use sparkwave_io::write::{Compression, MovieWriter, WriteOptions};
use std::path::PathBuf;

/// `masks/`: an image a frame, in the manner of DAVIS: the value of a pixel is its object, a palette shows which.
pub(super) struct MaskFolder {
    path: PathBuf,
    /// Of a frame, `(y, x)`.
    size: (usize, usize),
}

impl MaskFolder {
    pub(super) fn create(folder: &RunFolder, size: (usize, usize)) -> Result<Self, Error> {
        Ok(Self { path: folder.create_subfolder("masks")?, size })
    }

    fn path(&self, frame: usize) -> PathBuf {
        self.path.join(format!("{frame:06}.png"))
    }

    /// Takes away the masks of an earlier run; other images stay.
    pub(super) fn clear(&self) -> Result<(), Error> {
        let fail = |source| sparkwave_io::Error::Io { operation: "list", path: self.path.clone(), source };
        for entry in std::fs::read_dir(&self.path).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let is_of_a_frame = |name: &str| name.len() >= 6 && name.bytes().all(|c| c.is_ascii_digit());
            let is_mask = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_of_a_frame);
            if is_mask && path.extension().is_some_and(|e| e == "png") {
                std::fs::remove_file(&path).map_err(|source| sparkwave_io::Error::Io {
                    operation: "replace",
                    path,
                    source,
                })?;
            }
        }
        Ok(())
    }

    /// Writes the objects of a frame: indexed colours while their numbers fit, grey of 16 bits beyond.
    pub(super) fn write(&self, frame: usize, labels: &Array2<u32>) -> Result<(), Error> {
        let largest = labels.iter().copied().max().unwrap_or(0);
        let path = self.path(frame);
        if largest <= u32::from(u8::MAX) {
            Ok(png::write_indexed8(&path, labels.mapv(|label| label as u8).view(), &PALETTE)?)
        } else if let Some(wide) = narrowed(labels) {
            Ok(png::write_gray16(&path, wide.view())?)
        } else {
            let expected = "numbers of objects up to 65535";
            Err(Error::Parameter { name: "prompts", expected, found: largest.to_string() })
        }
    }

    /// The objects of a frame; `None` if it was not reached.
    pub(super) fn read(&self, frame: usize) -> Result<Option<Array2<u16>>, Error> {
        let path = self.path(frame);
        if !path.is_file() {
            return Ok(None);
        }
        let labels = match png::read(&path)? {
            Image::Gray8(labels) => Some(labels.mapv(u16::from)),
            Image::Gray16(labels) => Some(labels),
            Image::Rgb8(_) => None,
        };
        let Some(labels) = labels.filter(|labels| labels.dim() == self.size) else {
            let message =
                "expected the masks that this run wrote, found a coloured image, or one of another size".into();
            return Err(Error::Config { path, message });
        };
        Ok(Some(labels))
    }
}

fn narrowed(labels: &Array2<u32>) -> Option<Array2<u16>> {
    let narrow: Vec<u16> = labels.iter().map(|&label| u16::try_from(label)).collect::<Result<_, _>>().ok()?;
    Array2::from_shape_vec(labels.dim(), narrow).ok()
}

/// How much of a coloured object shows through.
const OPACITY: f32 = 0.45;
/// Frames of the video in a second.
const FRAMES_PER_S: f64 = 10.0;

/// Writes everything that is made of all masks together: labels of all frames of the movie, and a video of those that were
/// reached. What does not fit into a video is told, and has none. While the run `is_asking`, nothing is written into a folder of
/// someone else.
///
/// # Errors
/// If the movie cannot be read, a file cannot be written, or the user cancels.
pub(super) fn finish(task: &Task<'_>, display: Display, names: &FrameNames, is_asking: bool) -> Result<(), Error> {
    let Task { config, source, said, folder, masks, clock, .. } = *task;
    let shape = source.shape();
    let (labels, options) =
        (folder.file("labels.tif"), WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() });
    let mut labels = MovieWriter::create(&labels, shape, PixelType::U16, source.recording(), &options)?;
    let mut video = Video::create(folder, shape.width, shape.height, clock)?;
    let wanted = config.isat || !config.export.is_empty();
    let mut data_set = if wanted { Some(DataSet::create(config, folder, said, names)?) } else { None };
    // A doubtful label must not stand among those of a person, where the answer would not replace it.
    let into = config.isat_into.as_ref().filter(|_| !is_asking);
    let neighbours = into.map(|into| Neighbours::of(into, said, names)).transpose()?;
    clock.begin("write labels.tif and overlay.mp4", shape.n_frames as u64);
    for frame in 0..shape.n_frames {
        if clock.is_cancelled() {
            return Err(Error::Cancelled);
        }
        clock.advance(1);
        let Some(found) = masks.read(frame)? else {
            labels.append(&Pixels::U16(Array3::zeros((1, shape.height, shape.width))))?;
            continue;
        };
        labels.append(&Pixels::U16(found.clone().insert_axis(Axis(0))))?;
        let gray = pixels(source, frame)?.mapv(|v| 255.0 * display.shade(v));
        video.append(&gray, &found)?;
        if let Some(data_set) = &mut data_set {
            data_set.append(frame, &gray, &found)?;
        }
        if let Some(neighbours) = &neighbours {
            neighbours.write(frame, &found, names)?;
        }
    }
    labels.finish()?;
    video.finish()?;
    data_set.map_or(Ok(()), DataSet::finish)
}

/// `overlay.mp4`, as long as it fits into one.
struct Video<'a> {
    writer: Option<Mp4Writer>,
    clock: &'a dyn Progress,
}

impl<'a> Video<'a> {
    fn create(folder: &RunFolder, width: usize, height: usize, clock: &'a dyn Progress) -> Result<Self, Error> {
        let mut video = Self { writer: None, clock };
        let created = Mp4Writer::create(&folder.file("overlay.mp4"), width, height, FRAMES_PER_S);
        video.writer = video.or_told(created)?;
        Ok(video)
    }

    fn append(&mut self, gray: &Array2<f32>, labels: &Array2<u16>) -> Result<(), Error> {
        if let Some(writer) = &mut self.writer {
            let appended = writer.append(overlay(gray, labels).view());
            if self.or_told(appended)?.is_none() {
                self.writer = None;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        Ok(self.writer.map_or(Ok(()), Mp4Writer::finish)?)
    }

    /// What came of it, unless it does not fit into a video, which is told.
    fn or_told<T>(&self, came: Result<T, sparkwave_io::Error>) -> Result<Option<T>, Error> {
        match came {
            Err(e @ (sparkwave_io::Error::Limit(_) | sparkwave_io::Error::Refused(_))) => {
                self.clock.warn(&format!("no overlay.mp4 is written: {e}"));
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }
}

/// A frame in grey with its objects in colour.
fn overlay(gray: &Array2<f32>, labels: &Array2<u16>) -> Array3<u8> {
    let (height, width) = gray.dim();
    Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
        let (shade, label) = (gray[[y, x]], labels[[y, x]]);
        let colour = f32::from(PALETTE[usize::from(label) % PALETTE.len()][c]);
        let value = if label == 0 { shade } else { (1.0 - OPACITY) * shade + OPACITY * colour };
        value.round() as u8
    })
}
