//! Clips whose masks a person verified, one object each, read frame by frame.
//!
//! ```text
//! DATA/segment_0_000000_000017/          or DATA/SUBJECT/segment_...: frames with ISAT labels, as `propagate --isat`
//!                                        and `waves run` write them
//! DATA/frames/000000.png                 or DATA/CLIP/frames/...: images with masks of the same names, in which the
//! DATA/masks/000000.png                  value of a pixel is its object (DAVIS)
//! ```

use crate::error::Error;
use ndarray::{Array2, Array3};
use sparkwave_core::progress::Progress;
use sparkwave_io::png::{self, Image};
use sparkwave_io::segments::read::{SegmentFolder, segments_of};
use sparkwave_nn::sam2::Frame;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Frames that follow each other.
enum Frames {
    /// With ISAT labels.
    Segment(SegmentFolder),
    /// Images and masks.
    Pngs(Vec<[PathBuf; 2]>),
}

impl Frames {
    fn len(&self) -> usize {
        match self {
            Self::Segment(segment) => segment.frames.len(),
            Self::Pngs(paths) => paths.len(),
        }
    }

    /// Image `[3, y, x]` from 0 to 1, and for each pixel the object.
    fn read(&self, frame: usize) -> Result<(Array3<f32>, Array2<u32>), Error> {
        match self {
            Self::Segment(segment) => {
                let read = segment.read(&segment.frames[frame])?;
                let (h, w, _) = read.rgb.dim();
                let image = Array3::from_shape_fn((3, h, w), |(c, y, x)| f32::from(read.rgb[[y, x, c]]) / 255.0);
                let mut objects = Array2::zeros((h, w));
                for instance in &read.instances {
                    instance.mask.pixels().for_each(|(y, x)| objects[[y, x]] = instance.group);
                }
                Ok((image, objects))
            }
            Self::Pngs(paths) => {
                let [image, objects] = &paths[frame];
                Ok((shades(png::read(image)?), numbers(png::read(objects)?, objects)?))
            }
        }
    }
}

fn shades(image: Image) -> Array3<f32> {
    let grey = |grey: Array2<f32>| {
        let (h, w) = grey.dim();
        Array3::from_shape_fn((3, h, w), |(_, y, x)| grey[[y, x]])
    };
    match image {
        Image::Gray8(image) => grey(image.mapv(|v| f32::from(v) / 255.0)),
        Image::Gray16(image) => grey(image.mapv(|v| f32::from(v) / 65535.0)),
        Image::Rgb8(image) => image.permuted_axes([2, 0, 1]).mapv(|v| f32::from(v) / 255.0),
    }
}

fn numbers(image: Image, path: &Path) -> Result<Array2<u32>, Error> {
    match image {
        Image::Gray8(image) => Ok(image.mapv(u32::from)),
        Image::Gray16(image) => Ok(image.mapv(u32::from)),
        Image::Rgb8(_) => {
            let message = "expected a mask with numbers or indexed colours, found a coloured image".into();
            Err(Error::Config { path: path.to_path_buf(), message })
        }
    }
}

/// An object in frames that follow each other.
struct Clip {
    /// Which frames.
    frames: usize,
    object: u32,
}

/// All clips of a data set, in the order of their names and objects.
pub(super) struct Clips {
    frames: Vec<Frames>,
    clips: Vec<Clip>,
    /// For each frame of each clip, whether the object is in it.
    present: Vec<Vec<bool>>,
}

impl Clips {
    /// Lists the clips; all masks are read for it.
    ///
    /// # Errors
    /// If a file is damaged, there is not a single object, or the user cancels.
    pub(super) fn list(data: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        let mut frames = Vec::new();
        for folder in std::iter::once(data.to_path_buf()).chain(folders(data)?) {
            frames.extend(segments_of(&folder)?.into_iter().map(Frames::Segment));
            frames.extend(pngs(&folder)?.map(Frames::Pngs));
        }
        let mut all = Self { frames: Vec::new(), clips: Vec::new(), present: Vec::new() };
        progress.begin("read masks", frames.iter().map(|f| f.len() as u64).sum());
        for frames in frames {
            let mut found: Vec<BTreeSet<u32>> = Vec::new();
            for t in 0..frames.len() {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                found.push(frames.read(t)?.1.iter().copied().filter(|object| *object > 0).collect());
                progress.advance(1);
            }
            for object in found.iter().flatten().copied().collect::<BTreeSet<u32>>() {
                all.clips.push(Clip { frames: all.frames.len(), object });
                all.present.push(found.iter().map(|objects| objects.contains(&object)).collect());
            }
            all.frames.push(frames);
        }
        if all.clips.is_empty() {
            let message = "expected segments with ISAT labels, or folders frames and masks with PNG images, found no \
                           object in any"
                .into();
            return Err(Error::Config { path: data.to_path_buf(), message });
        }
        Ok(all)
    }

    /// The last fifth of the clips, at least one, is not learned from; of a single clip nothing is held out.
    pub(super) fn n_learned(&self) -> usize {
        let n = self.clips.len();
        if n == 1 { 1 } else { n - (n / 5).max(1) }
    }

    /// For each frame of each clip, whether the object is in it.
    pub(super) fn present(&self) -> &[Vec<bool>] {
        &self.present
    }

    /// A frame of a clip.
    pub(super) fn read(&self, clip: usize, frame: usize) -> Result<Frame, Error> {
        let Clip { frames, object } = self.clips[clip];
        let (image, objects) = self.frames[frames].read(frame)?;
        Ok(Frame { image, mask: objects.mapv(|at| at == object) })
    }
}

/// The folders in a folder, by name.
fn folders(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders: Vec<PathBuf> = entries(path)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| sparkwave_io::Error::Io { operation: "list", path: path.to_path_buf(), source };
    let entries = std::fs::read_dir(path).map_err(fail)?;
    Ok(entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(fail)?)
}

/// Images in `frames/` that have a mask in `masks/`, by name.
fn pngs(folder: &Path) -> Result<Option<Vec<[PathBuf; 2]>>, Error> {
    let (frames, masks) = (folder.join("frames"), folder.join("masks"));
    if !frames.is_dir() || !masks.is_dir() {
        return Ok(None);
    }
    let mut images: Vec<PathBuf> = entries(&frames)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")))
        .collect();
    images.sort();
    let both = |image: PathBuf| {
        let mask = masks.join(image.file_name()?);
        mask.is_file().then_some([image, mask])
    };
    Ok(Some(images.into_iter().filter_map(both).collect()))
}
