//! Clips whose masks a person verified, one object each, read frame by frame. A frame that no person verified ends a clip.
//!
//! ```text
//! DATA/segment_0_000000_000017/          or DATA/SUBJECT/segment_...: frames with ISAT labels, verified unless they
//!                                        are marked as propagated
//! DATA/frames/000000.png                 or DATA/CLIP/frames/...: images with masks of the same names, in which the
//! DATA/masks/000000.png                  value of a pixel is its object (DAVIS)
//! ```

use crate::error::Error;
use ndarray::{Array2, Array3};
use sparkwave_core::mask::Mask;
use sparkwave_core::progress::Progress;
use sparkwave_io::instance::Instance;
use sparkwave_io::png::{self, Image};
use sparkwave_io::prompts::isat::Name;
use sparkwave_io::segments::read::{SegmentFolder, segments_of};
use sparkwave_nn::sam2::Frame;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Frames that follow each other.
enum Recording {
    /// With ISAT labels.
    Segment(SegmentFolder),
    /// Images, and masks of those that have one.
    Pngs(Vec<Labelled>),
}

struct Labelled {
    image: PathBuf,
    mask: Option<PathBuf>,
}

impl Recording {
    fn len(&self) -> usize {
        match self {
            Self::Segment(segment) => segment.frames.len(),
            Self::Pngs(paths) => paths.len(),
        }
    }

    fn is_verified(&self, frame: usize) -> Result<bool, Error> {
        match self {
            Self::Segment(segment) => Ok(segment.is_verified(&segment.frames[frame])?),
            Self::Pngs(paths) => Ok(paths[frame].mask.is_some()),
        }
    }

    /// Image `[3, y, x]` from 0 to 1, and the objects in it.
    fn read(&self, frame: usize) -> Result<(Array3<f32>, Vec<Instance>), Error> {
        match self {
            Self::Segment(segment) => {
                let read = segment.read(&segment.frames[frame])?;
                Ok((shades(Image::Rgb8(read.rgb)), read.instances))
            }
            Self::Pngs(paths) => {
                let Labelled { image, mask } = &paths[frame];
                let image = shades(png::read(image)?);
                let Some(mask) = mask else { return Ok((image, Vec::new())) };
                let numbers = numbers(png::read(mask)?, mask)?;
                let ((_, height, width), found) = (image.dim(), numbers.dim());
                if found != (height, width) {
                    let message =
                        format!("expected {height} x {width} pixels as in its frame, found {} x {}", found.0, found.1);
                    return Err(Error::Config { path: mask.clone(), message });
                }
                let objects: BTreeSet<u32> = numbers.iter().copied().filter(|object| *object > 0).collect();
                let instance = |object: u32| {
                    let mask = Mask::of_image(&numbers.mapv(|at| at == object))?;
                    Some(Instance { category: String::new(), group: object, mask })
                };
                Ok((image, objects.into_iter().filter_map(instance).collect()))
            }
        }
    }
}

fn name(instance: &Instance) -> Name {
    Name { group: instance.group, category: instance.category.clone() }
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

/// An object in verified frames that follow each other.
struct Clip {
    /// The recording.
    recording: usize,
    /// Its first frame there.
    first: usize,
    object: Name,
}

/// All clips of a data set, in the order of their names, frames and objects.
pub(super) struct Clips {
    recordings: Vec<Recording>,
    clips: Vec<Clip>,
    /// For each frame of each clip, whether the object is in it.
    present: Vec<Vec<bool>>,
}

impl Clips {
    /// Lists the clips of two frames or more; all masks in verified frames are read for it.
    ///
    /// # Errors
    /// If a file is damaged, there is not a single object in such frames, or the user cancels.
    pub(super) fn list(data: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        let mut recordings = Vec::new();
        for folder in std::iter::once(data.to_path_buf()).chain(folders(data)?) {
            recordings.extend(segments_of(&folder)?.into_iter().map(Recording::Segment));
            recordings.extend(pngs(&folder)?.map(Recording::Pngs));
        }
        progress.begin("read masks", recordings.iter().map(|r| r.len() as u64).sum());
        let (mut clips, mut present) = (Vec::new(), Vec::new());
        for (recording, frames) in recordings.iter().enumerate() {
            for Stretch { first, found } in stretches(frames, progress)?.into_iter().filter(|s| s.found.len() > 1) {
                for object in found.iter().flatten().collect::<BTreeSet<_>>() {
                    present.push(found.iter().map(|objects| objects.contains(object)).collect());
                    clips.push(Clip { recording, first, object: object.clone() });
                }
            }
        }
        if clips.is_empty() {
            let message =
                "expected segments with ISAT labels that a person saved, or folders frames and masks with PNG \
                           images, found no object in verified frames that follow each other"
                    .into();
            return Err(Error::Config { path: data.to_path_buf(), message });
        }
        Ok(Self { recordings, clips, present })
    }

    /// How many clips are learned from. The last fifth of the recordings that have clips, at least one, is held out; of a single
    /// recording the last fifth of the clips, at least one; of a single clip nothing.
    pub(super) fn n_learned(&self) -> usize {
        let learned = |n: usize| if n == 1 { 1 } else { n - (n / 5).max(1) };
        let recordings: BTreeSet<usize> = self.clips.iter().map(|clip| clip.recording).collect();
        match recordings.iter().nth(learned(recordings.len())) {
            Some(held_out) => self.clips.partition_point(|clip| clip.recording < *held_out),
            None => learned(self.clips.len()),
        }
    }

    /// For each frame of each clip, whether the object is in it.
    pub(super) fn present(&self) -> &[Vec<bool>] {
        &self.present
    }

    /// A frame of a clip.
    pub(super) fn read(&self, clip: usize, frame: usize) -> Result<Frame, Error> {
        let Clip { recording, first, object } = &self.clips[clip];
        let (image, instances) = self.recordings[*recording].read(first + frame)?;
        let (_, h, w) = image.dim();
        let found = instances.iter().find(|instance| name(instance) == *object);
        let mask = found.map_or_else(|| Array2::from_elem((h, w), false), |instance| instance.mask.to_image(h, w));
        Ok(Frame { image, mask })
    }
}

/// Verified frames that follow each other.
struct Stretch {
    first: usize,
    /// The objects in each.
    found: Vec<BTreeSet<Name>>,
}

fn stretches(frames: &Recording, progress: &dyn Progress) -> Result<Vec<Stretch>, Error> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for t in 0..frames.len() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if frames.is_verified(t)? {
            let objects = frames.read(t)?.1.iter().map(name).collect();
            match stretches.last_mut() {
                Some(Stretch { first, found }) if *first + found.len() == t => found.push(objects),
                _ => stretches.push(Stretch { first: t, found: vec![objects] }),
            }
        }
        progress.advance(1);
    }
    Ok(stretches)
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

/// Images in `frames/` and what is called the same in `masks/`, in natural order of their names.
fn pngs(folder: &Path) -> Result<Option<Vec<Labelled>>, Error> {
    let (frames, masks) = (folder.join("frames"), folder.join("masks"));
    if !frames.is_dir() || !masks.is_dir() {
        return Ok(None);
    }
    let mut images: Vec<PathBuf> = entries(&frames)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")))
        .collect();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    images.sort_by(|a, b| sparkwave_io::natural_order(&name(a), &name(b)));
    let with_mask = |image: PathBuf| {
        let mask = image.file_name().map(|name| masks.join(name)).filter(|mask| mask.is_file());
        Labelled { image, mask }
    };
    Ok(Some(images.into_iter().map(with_mask).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;
    use sparkwave_io::isat::masks;
    use sparkwave_io::segments::name::{Moment, SegmentName};
    use sparkwave_io::segments::write::SegmentWriter;

    fn spot(object: usize) -> Mask {
        Mask::of_pixels([(1, 3 * object), (1, 3 * object + 1), (2, 3 * object)]).expect("pixels")
    }

    /// A segment of frames that a person labelled `p`, whose labels followed `f`, or that have none `-`; in all of them are
    /// these objects.
    fn segment(subject: &Path, index: usize, frames: &str, objects: &[(&str, u32)]) {
        let name = SegmentName { index, start: Moment::Frame(0), end: Moment::Frame(frames.len() - 1) };
        let mut writer = SegmentWriter::create(subject, &name).expect("room");
        let instances: Vec<Instance> = objects
            .iter()
            .enumerate()
            .map(|(i, (category, group))| Instance { category: (*category).into(), group: *group, mask: spot(i) })
            .collect();
        for (t, labels) in frames.chars().enumerate() {
            let frame = Moment::Frame(t).to_string();
            let mut annotation = masks::annotation_of("a.tiff", (8, 10), &instances).expect("apart");
            if labels == 'f' {
                annotation.mark_propagated();
            }
            let rgb = Array3::from_elem((8, 10, 3), 10 * t as u8);
            writer.append_labelled(&frame, rgb.view(), &annotation).expect("room");
            if labels == '-' {
                std::fs::remove_file(subject.join(name.to_string()).join(format!("{frame}.json"))).expect("there");
            }
        }
    }

    fn lengths(clips: &Clips) -> Vec<usize> {
        clips.present().iter().map(Vec::len).collect()
    }

    #[test]
    fn what_no_person_verified_is_not_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        segment(folder.path(), 0, "ppfp-pppff", &[("a", 1)]);
        let clips = Clips::list(folder.path(), &Silent).expect("clips");
        assert_eq!(lengths(&clips), [2, 3], "a frame alone is no clip");
        let shown = clips.read(1, 2).expect("a frame");
        assert_eq!((shown.image[[0, 0, 0]], shown.mask), (70.0 / 255.0, spot(0).to_image(8, 10)));

        let followed = tempfile::tempdir().expect("a temporary folder");
        segment(followed.path(), 0, "ff-f", &[("a", 1)]);
        let error = Clips::list(followed.path(), &Silent).err().expect("nothing verified").to_string();
        assert!(error.contains("verified") && error.contains("ISAT"), "{error}");
    }

    /// Images of names, and masks of those that are not `unlabelled`, in which the spot moves on.
    fn images(folder: &Path, names: std::ops::Range<usize>, unlabelled: usize) {
        for part in ["frames", "masks"] {
            std::fs::create_dir(folder.join(part)).expect("room");
            for t in names.clone().filter(|t| part == "frames" || *t != unlabelled) {
                let image = spot(t % 3).to_image(8, 10).mapv(|inside| if inside { 3 } else { 0 });
                let path = folder.join(part).join(format!("{t}.png"));
                sparkwave_io::png::write_gray8(&path, image.view()).expect("room");
            }
        }
    }

    #[test]
    fn masks_without_a_file_end_a_clip() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        images(folder.path(), 0..5, 2);
        let clips = Clips::list(folder.path(), &Silent).expect("clips");
        assert_eq!(lengths(&clips), [2, 2]);
        assert_eq!(clips.read(1, 0).expect("a frame").mask, spot(0).to_image(8, 10));
    }

    #[test]
    fn images_follow_each_other_as_their_numbers_do() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        images(folder.path(), 8..13, 0);
        let clips = Clips::list(folder.path(), &Silent).expect("clips");
        assert_eq!(lengths(&clips), [5]);
        let masks: Vec<Array2<bool>> = (0..5).map(|t| clips.read(0, t).expect("a frame").mask).collect();
        assert_eq!(masks, [8, 9, 10, 11, 12].map(|name| spot(name % 3).to_image(8, 10)));
    }

    #[test]
    fn a_mask_of_another_size_than_its_frame_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        images(folder.path(), 0..2, 2);
        let larger = spot(1).to_image(9, 12).mapv(u8::from);
        let path = folder.path().join("masks").join("1.png");
        sparkwave_io::png::write_gray8(&path, larger.view()).expect("room");
        let error = Clips::list(folder.path(), &Silent).err().expect("not of its frame").to_string();
        assert!(error.contains("1.png: expected 8 x 10 pixels") && error.contains("found 9 x 12"), "{error}");
    }

    #[test]
    fn objects_are_told_apart_by_their_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        segment(folder.path(), 0, "pp", &[("a", 0), ("b", 0), ("b", 7)]);
        let clips = Clips::list(folder.path(), &Silent).expect("clips");
        let masks: Vec<Array2<bool>> = (0..3).map(|clip| clips.read(clip, 1).expect("a frame").mask).collect();
        assert_eq!(masks, [0, 1, 2].map(|i| spot(i).to_image(8, 10)));
        assert_eq!(clips.n_learned(), 2, "of one recording the last object is held out");
    }

    #[test]
    fn whole_recordings_are_held_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        segment(folder.path(), 0, "pp-pp", &[("a", 1), ("b", 2)]);
        segment(folder.path(), 1, "ppp", &[("a", 1), ("b", 2)]);
        segment(folder.path(), 2, "fff", &[("a", 1)]);
        let clips = Clips::list(folder.path(), &Silent).expect("clips");
        assert_eq!((lengths(&clips), clips.n_learned()), (vec![2, 2, 2, 2, 3, 3], 4));
    }
}
