//! Labels of ISAT as prompts: every frame that a person has labelled is known, and what is in it is followed from there.
//!
//! Frames whose labels followed from others ([`Annotation::is_propagated`]) are passed over.

use crate::error::Error;
use crate::isat::{self, Annotation, masks};
use crate::limits::{MAX_METADATA_BYTES, read_text};
use crate::segments::read::segments_of;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name of an object in ISAT.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its group; 0 if its files gave it none.
    pub group: u32,
    /// Its class.
    pub category: String,
}

/// What a person labelled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// A verified mask for each object in each labelled frame, in the order of frames and objects.
    pub prompts: Vec<Prompt>,
    /// The labelled frames and their files: all that is to be seen in them is labelled.
    pub frames: BTreeMap<usize, PathBuf>,
    /// What the objects are called. An object has the number of its group; where that is none from 1 to 65535, or a class
    /// before has it, the smallest that is free.
    pub names: BTreeMap<u32, Name>,
}

/// True if the path is a folder, or a file of labels of ISAT.
///
/// # Errors
/// If it cannot be read.
pub fn is_isat(path: &Path) -> Result<bool, Error> {
    if path.is_dir() {
        return Ok(true);
    }
    let text = read_text(path, MAX_METADATA_BYTES)?;
    let document: Result<serde_json::Value, _> = serde_json::from_str(&text);
    Ok(document.is_ok_and(|d| d.pointer("/info/description").is_some()))
}

/// Reads a file of labels, or those in a folder: beside each other, or in the one segment that it holds. `frame_of` gives the
/// frame that is called so (the file's name without extension).
///
/// # Errors
/// If a file cannot be read, is of an image of another size than the movie's, or belongs to no frame; if there are no labels
/// that a person made.
pub fn read(path: &Path, shape: MovieShape, frame_of: impl Fn(&str) -> Option<usize>) -> Result<Labels, Error> {
    let mut labelled = BTreeMap::new();
    for file in files(path)? {
        let annotation = isat::read(&file)?;
        if annotation.is_propagated() {
            continue;
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let frame = frame_of(&stem).filter(|frame| *frame < shape.n_frames).ok_or_else(|| {
            let expected = format!("the name or the number of one of {} frames", shape.n_frames);
            Error::refused("read", &file, expected, format!("{stem:?}"))
        })?;
        let found = (annotation.info.height, annotation.info.width);
        if found != (shape.height, shape.width) {
            let expected = format!("labels of {} x {} pixels", shape.height, shape.width);
            return Err(Error::refused("read", &file, expected, format!("{} x {}", found.0, found.1)));
        }
        if let Some((_, other)) = labelled.insert(frame, (annotation, file.clone())) {
            let (expected, found) = (format!("one file for frame {frame}"), other.display().to_string());
            return Err(Error::refused("read", &file, expected, found));
        }
    }
    gather(labelled, path)
}

/// The files of labels in a folder, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let direct = json_files(path)?;
    if !direct.is_empty() {
        return Ok(direct);
    }
    match segments_of(path)?.as_slice() {
        [segment] => json_files(&segment.path),
        several => {
            let expected = "a folder of labels (.json), or of one segment with labels";
            Err(Error::refused("read", path, expected, format!("{} segments", several.len())))
        }
    }
}

fn json_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |e| Error::io("open", folder, e);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            found.insert(file);
        }
    }
    Ok(found.into_iter().collect())
}

fn gather(labelled: BTreeMap<usize, (Annotation, PathBuf)>, path: &Path) -> Result<Labels, Error> {
    let mut found = Vec::new();
    let mut frames = BTreeMap::new();
    for (frame, (annotation, file)) in labelled {
        let instances = masks::instances_of(&annotation)
            .map_err(|e| Error::limit("read", &file, "an image of moderate size", e.to_string()))?;
        found.extend(instances.into_iter().map(|instance| (frame, instance)));
        frames.insert(frame, file);
    }
    if found.is_empty() {
        return Err(Error::refused("read", path, "labels that a person made", "none"));
    }
    let names: BTreeSet<Name> =
        found.iter().map(|(_, i)| Name { group: i.group, category: i.category.clone() }).collect();
    let numbers = numbered(names);
    let mut prompts: Vec<Prompt> = Vec::with_capacity(found.len());
    for (frame, instance) in found {
        prompts.push(Prompt {
            frame,
            object: numbers[&Name { group: instance.group, category: instance.category }],
            positive: Vec::new(),
            negative: Vec::new(),
            bounds: None,
            mask: Some(instance.mask),
            verified: true,
        });
    }
    prompts.sort_by_key(|prompt| (prompt.frame, prompt.object));
    Ok(Labels { prompts, frames, names: numbers.into_iter().map(|(name, number)| (number, name)).collect() })
}

/// A number for each object, as [`Labels::names`] tells.
fn numbered(names: BTreeSet<Name>) -> BTreeMap<Name, u32> {
    // Masks hold 16 bits.
    let groups: BTreeSet<u32> =
        names.iter().map(|name| name.group).filter(|group| (1..=u32::from(u16::MAX)).contains(group)).collect();
    let mut free = (1..=u32::MAX).filter(|number| !groups.contains(number));
    let mut left = groups.clone();
    let number = |name: Name| {
        let own = left.remove(&name.group).then_some(name.group);
        (name, own.unwrap_or_else(|| free.next().expect("more numbers than objects in a file")))
    };
    names.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::instance::Instance;
    use ndarray::Array2;
    use sparkwave_core::mask::Mask;

    const SHAPE: MovieShape = MovieShape { n_frames: 9, height: 20, width: 30 };

    fn ring(category: &str, group: u32, at: usize) -> Instance {
        let far = |y: usize, x: usize| (y as f64 - 10.0).hypot(x as f64 - at as f64);
        let mask = Array2::from_shape_fn((20, 30), |(y, x)| (2.0..5.0).contains(&far(y, x)));
        Instance { category: category.into(), group, mask: Mask::of_image(&mask).unwrap() }
    }

    fn number(stem: &str) -> Option<usize> {
        stem.parse().ok()
    }

    #[test]
    fn labelled_frames_are_verified_prompts_with_their_holes() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, instances: &[Instance], propagated: bool| {
            let mut annotation = masks::annotation_of("a.tiff", (20, 30), instances).unwrap();
            if propagated {
                annotation.mark_propagated();
            }
            isat::write(&folder.path().join(name), &annotation).unwrap();
        };
        put("000002.json", &[ring("wave", 3, 8), ring("other", 3, 20)], false);
        put("000003.json", &[ring("wave", 3, 9)], true);
        put("000005.json", &[], false);
        put("000007.json", &[ring("wave", 3, 12), ring("loose", 0, 22)], false);
        assert!(is_isat(folder.path()).unwrap() && is_isat(&folder.path().join("000002.json")).unwrap());
        let labels = read(folder.path(), SHAPE, number).unwrap();
        let found: Vec<(usize, u32, bool)> = labels.prompts.iter().map(|p| (p.frame, p.object, p.verified)).collect();
        // "other" comes before "wave" and keeps the group; "loose" has none.
        assert_eq!(found, [(2, 2, true), (2, 3, true), (7, 1, true), (7, 2, true)]);
        assert_eq!(labels.names[&1], Name { group: 0, category: "loose".into() });
        assert_eq!(labels.names[&2], Name { group: 3, category: "wave".into() });
        assert_eq!(labels.prompts[0].mask.as_ref(), Some(&ring("wave", 3, 8).mask));
        assert_eq!(labels.frames.keys().copied().collect::<Vec<_>>(), [2, 5, 7]);
        let one = read(&folder.path().join("000007.json"), SHAPE, number).unwrap();
        assert_eq!(one.prompts.len(), 2);
    }

    #[test]
    fn groups_that_masks_cannot_hold_get_the_smallest_numbers_that_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let groups = [u32::MAX, 70_000, 65_535, 2, 0];
        let spots: Vec<Instance> = (0..5)
            .map(|i| Instance {
                category: "spot".into(),
                group: groups[i],
                mask: Mask::of_pixels([(3, 4 * i)]).unwrap(),
            })
            .collect();
        let annotation = masks::annotation_of("a.tiff", (20, 30), &spots).unwrap();
        isat::write(&folder.path().join("0.json"), &annotation).unwrap();
        let labels = read(folder.path(), SHAPE, number).unwrap();
        let numbers: Vec<(u32, u32)> = labels.names.iter().map(|(number, name)| (*number, name.group)).collect();
        assert_eq!(numbers, [(1, 0), (2, 2), (3, 70_000), (4, u32::MAX), (65_535, 65_535)]);
        assert_eq!(labels.prompts[3].mask.as_ref(), Some(&spots[0].mask));
    }

    #[test]
    fn labels_that_belong_to_no_frame_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, size: (usize, usize)| {
            let annotation = masks::annotation_of("a.tiff", size, &[]).unwrap();
            isat::write(&folder.path().join(name), &annotation).unwrap();
        };
        let told = |path: &Path| read(path, SHAPE, number).unwrap_err().to_string();
        assert!(told(folder.path()).contains("0 segments"), "{}", told(folder.path()));
        write("000001.json", (20, 30));
        assert!(told(folder.path()).contains("labels that a person made"));
        write("12.json", (20, 30));
        assert!(told(folder.path()).contains("one of 9 frames"));
        write("12.json", (30, 20));
        std::fs::rename(folder.path().join("12.json"), folder.path().join("2.json")).unwrap();
        assert!(told(&folder.path().join("2.json")).contains("20 x 30"));
        write("2.json", (20, 30));
        write("02.json", (20, 30));
        assert!(told(folder.path()).contains("one file for frame 2"));
    }
}
