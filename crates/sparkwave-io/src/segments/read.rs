//! Reading segments that we or others wrote.

use super::SegmentFrame;
use super::name::{Moment, SegmentName};
use crate::error::Error;
use crate::isat::{self, masks};
use crate::limits::MAX_FRAMES;
use crate::tiff::rgb;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A segment on the disk.
#[derive(Clone, Debug)]
pub struct SegmentFolder {
    /// Its folder.
    pub path: PathBuf,
    /// What the folder's name says.
    pub name: SegmentName,
    /// Names of the frames that have an image, without extension, in order of time.
    pub frames: Vec<String>,
    /// The images, one a frame.
    images: BTreeMap<String, PathBuf>,
    /// Names of labels without an image.
    stray: Vec<String>,
}

/// The segments in the folder of a subject, by number.
///
/// # Errors
/// If a folder cannot be listed.
pub fn segments_of(subject: &Path) -> Result<Vec<SegmentFolder>, Error> {
    let mut segments = Vec::new();
    for path in entries(subject)? {
        let name = path.file_name().and_then(|name| SegmentName::parse(&name.to_string_lossy()));
        if let Some(name) = name.filter(|_| path.is_dir()) {
            segments.push(segment(path, name)?);
        }
    }
    segments.sort_by(|a, b| (a.name.index, &a.path).cmp(&(b.name.index, &b.path)));
    Ok(segments)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |e| Error::io("open", folder, e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
        if paths.len() as u64 > MAX_FRAMES {
            return Err(Error::limit("open", folder, format!("at most {MAX_FRAMES} files"), "more"));
        }
    }
    Ok(paths)
}

fn segment(path: PathBuf, name: SegmentName) -> Result<SegmentFolder, Error> {
    let (mut images, mut stray) = (BTreeMap::new(), Vec::new());
    for file in entries(&path)? {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match extension.as_str() {
            _ if stem.starts_with('.') => {}
            "tif" | "tiff" => drop(images.insert(stem, file)),
            "json" => stray.push(stem),
            _ => {}
        }
    }
    stray.retain(|stem| !images.contains_key(stem));
    stray.sort();
    // Names that tell no time come last, by their letters.
    let mut frames: Vec<String> = images.keys().cloned().collect();
    frames.sort_by_cached_key(|frame| (Moment::parse(frame).is_none(), Moment::parse(frame)));
    Ok(SegmentFolder { path, name, frames, images, stray })
}

impl SegmentFolder {
    /// Reads a frame; one without a file of labels has no objects.
    ///
    /// # Errors
    /// If there is no such frame, a file is damaged, or labels and image differ in size.
    pub fn read(&self, frame: &str) -> Result<SegmentFrame, Error> {
        let path = self.images.get(frame).ok_or_else(|| {
            let expected = format!("one of {} frames", self.frames.len());
            Error::refused("open", &self.path, expected, format!("{frame:?}"))
        })?;
        let image = rgb::read(path)?;
        let labels = self.labels(frame);
        let mut instances = Vec::new();
        if labels.exists() {
            let annotation = isat::read(&labels)?;
            let (height, width, _) = image.dim();
            let found = (annotation.info.height, annotation.info.width);
            if found != (height, width) {
                let (expected, found) = (format!("{height} x {width} pixels"), format!("{} x {}", found.0, found.1));
                return Err(Error::malformed("read", &labels, expected, found));
            }
            instances = masks::instances_of(&annotation)
                .map_err(|e| Error::limit("read", &labels, "an image of moderate size", e.to_string()))?;
        }
        Ok(SegmentFrame { name: frame.into(), rgb: image, instances })
    }

    /// True if a person labelled a frame: it has a file of labels, and they did not follow from those of other frames.
    ///
    /// # Errors
    /// If the file of labels is damaged.
    pub fn is_verified(&self, frame: &str) -> Result<bool, Error> {
        let labels = self.labels(frame);
        Ok(labels.exists() && !isat::read(&labels)?.is_propagated())
    }

    /// What is doubtful about the segment, as sentences: images without labels and the reverse, frames in the wrong place,
    /// and what [`masks::doubts`] says of the labels, which are all read for it.
    ///
    /// # Errors
    /// If a file of labels cannot be read.
    pub fn doubts(&self) -> Result<Vec<String>, Error> {
        let mut doubts = Vec::new();
        let bare: Vec<&str> = self.frames.iter().map(String::as_str).filter(|f| !self.labels(f).exists()).collect();
        if !bare.is_empty() {
            doubts.push(format!("frames with no labels: {}", bare.join(", ")));
        }
        if !self.stray.is_empty() {
            doubts.push(format!("labels with no image: {}", self.stray.join(", ")));
        }
        let SegmentName { start, end, .. } = &self.name;
        if start > end {
            doubts.push(format!("the segment starts at {start} and ends before, at {end}"));
        }
        let ends = [("starts", start, self.frames.first()), ("ends", end, self.frames.last())];
        for (verb, expected, frame) in ends {
            if let Some(frame) = frame.filter(|frame| Moment::parse(frame).as_ref() != Some(expected)) {
                doubts.push(format!("by its name the segment {verb} at {expected}, by its frames at {frame}"));
            }
        }
        if self.frames.is_empty() {
            doubts.push("the segment has no frames".into());
        }
        for frame in self.frames.iter().filter(|frame| self.labels(frame).exists()) {
            let annotation = isat::read(&self.labels(frame))?;
            doubts.extend(masks::doubts(&annotation).into_iter().map(|doubt| format!("{frame}: {doubt}")));
        }
        Ok(doubts)
    }

    fn labels(&self, frame: &str) -> PathBuf {
        self.path.join(format!("{frame}.json"))
    }
}
