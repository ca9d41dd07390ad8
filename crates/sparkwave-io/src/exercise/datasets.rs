//! Hostile labels of images, lists of classes, coloured frames and names of folders.

use super::{MAX_READ_BYTES, in_folder};
use crate::isat::{self, categories, masks};
use crate::segments::name::{Moment, SegmentName, SubjectName};
use crate::{stamp, tiff};

/// Bytes of an annotation: what is read is turned into masks and written again.
pub fn annotation(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.json");
        std::fs::write(&path, bytes)?;
        if let Ok(annotation) = isat::read(&path) {
            let _ = masks::doubts(&annotation);
            if annotation.info.width.saturating_mul(annotation.info.height) <= MAX_READ_BYTES {
                let _ = masks::instances_of(&annotation);
            }
            let _ = isat::write(&path, &annotation);
        }
        Ok(())
    });
}

/// Bytes of a list of classes.
pub fn classes(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("isat.yaml");
        std::fs::write(&path, bytes)?;
        let _ = categories::read(&path);
        Ok(())
    });
}

/// Bytes of a coloured frame.
pub fn coloured_frame(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.tiff");
        std::fs::write(&path, bytes)?;
        let _ = tiff::rgb::read(&path);
        Ok(())
    });
}

/// Bytes of a name.
pub fn name(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    let _ = (SegmentName::parse(&name), SubjectName::parse(&name), Moment::parse(&name), stamp::seconds(&name));
}
