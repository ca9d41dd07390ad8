//! Writing segments, frame by frame.

use super::SegmentFrame;
use super::name::{Moment, SegmentName};
use crate::error::Error;
use crate::isat::categories::{self, Category};
use crate::isat::{self, Annotation, masks};
use crate::tiff::rgb;
use ndarray::ArrayView3;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A segment under construction. Each of its files appears when it is complete, the labels of a frame after its image, so
/// that a run that was stopped can go on where it ended ([`SegmentWriter::is_written`]).
#[derive(Debug)]
pub struct SegmentWriter {
    path: PathBuf,
    range: (Moment, Moment),
    appended: BTreeSet<String>,
}

impl SegmentWriter {
    /// Starts a segment, or goes on with it, in the folder of a subject, which is made if need be.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn create(subject: &Path, name: &SegmentName) -> Result<Self, Error> {
        let path = subject.join(name.to_string());
        std::fs::create_dir_all(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(Self { path, range: (name.start.clone(), name.end.clone()), appended: BTreeSet::new() })
    }

    /// True if image and labels of a frame are there.
    pub fn is_written(&self, frame: &str) -> bool {
        ["tiff", "json"].iter().all(|extension| self.file(frame, extension).is_file())
    }

    /// Writes a frame: `NAME.tiff` and `NAME.json`.
    ///
    /// # Errors
    /// If the name is not one of a frame between the segment's first and last, or was given before; if objects overlap or
    /// reach beyond the image; or if a file cannot be written.
    pub fn append(&mut self, frame: &SegmentFrame) -> Result<(), Error> {
        let SegmentFrame { name, rgb: image, instances } = frame;
        let (height, width, _) = image.dim();
        let annotation = masks::annotation_of(&format!("{name}.tiff"), (height, width), instances).map_err(|e| {
            Error::refused("write", self.file(name, "json"), "objects that can be told apart", e.to_string())
        })?;
        self.append_labelled(name, image.view(), &annotation)
    }

    /// Writes a frame whose labels are given as they stand in a file: `NAME.tiff` and `NAME.json`.
    ///
    /// # Errors
    /// As [`SegmentWriter::append`].
    pub fn append_labelled(
        &mut self,
        name: &str,
        image: ArrayView3<'_, u8>,
        annotation: &Annotation,
    ) -> Result<(), Error> {
        let (first, last) = &self.range;
        let fits = Moment::parse(name).is_some_and(|at| at.to_string() == name && at >= *first && at <= *last);
        if !fits || self.appended.contains(name) {
            let expected = format!("each frame once, from {first} to {last}");
            return Err(Error::refused("write", &self.path, expected, format!("{name:?}")));
        }
        rgb::write(&self.file(name, "tiff"), image)?;
        isat::write(&self.file(name, "json"), annotation)?;
        self.appended.insert(name.to_owned());
        Ok(())
    }

    fn file(&self, frame: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{frame}.{extension}"))
    }
}

/// Writes a coloured frame `[Y, X, 3]` as a TIFF file of 8-bit red, green and blue.
///
/// # Errors
/// If it cannot be written.
pub fn write_image(path: &Path, image: ArrayView3<'_, u8>) -> Result<(), Error> {
    rgb::write(path, image)
}

/// Writes `isat.yaml` into the folder of a subject, which is made if need be.
///
/// # Errors
/// If it cannot be written.
pub fn write_categories(subject: &Path, list: &[Category]) -> Result<(), Error> {
    std::fs::create_dir_all(subject).map_err(|e| Error::io("create", subject, e))?;
    categories::write(&subject.join("isat.yaml"), list)
}
