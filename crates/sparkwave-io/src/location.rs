//! Where a movie is: a path, and inside a container which of its parts.
//!
//! `file.h5::group/dataset` names a data set, `movie.zarr::labels/cells` an array, `stack.tif::c=0,z=1` a channel and a
//! plane, `stack.tif::pages` takes every page as a frame whatever the metadata say.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// A path taken apart at its `::`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// What stands after `::`.
    pub(crate) part: Option<String>,
}

impl Location {
    /// Splits at the last `::`, unless something of the whole name exists on disk.
    pub(crate) fn parse(path: &Path) -> Self {
        let whole = || Self { path: path.to_path_buf(), part: None };
        if path.exists() {
            return whole();
        }
        match path.to_str().and_then(|text| text.rsplit_once("::")) {
            Some((file, part)) if !file.is_empty() => Self { path: PathBuf::from(file), part: Some(part.to_string()) },
            _ => whole(),
        }
    }
}

/// Which index of the axes that a movie does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AxisChoice {
    /// Channel.
    pub(crate) c: Option<u64>,
    /// Plane in depth.
    pub(crate) z: Option<u64>,
    /// Image of a multi-image file.
    pub(crate) image: Option<u64>,
    /// Take every page as a frame, in file order.
    pub(crate) pages: bool,
}

impl AxisChoice {
    /// Reads `c=0,z=1`, `image=2` or `pages`; `None` if `text` is something else, such as a data set's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut choice = Self::default();
        for item in text.split(',') {
            let item = item.trim();
            if item == "pages" {
                choice.pages = true;
                continue;
            }
            let (key, value) = item.split_once('=')?;
            let slot = match key.trim() {
                "c" => &mut choice.c,
                "z" => &mut choice.z,
                "image" => &mut choice.image,
                _ => return None,
            };
            *slot = Some(value.trim().parse().ok()?);
        }
        Some(choice)
    }

    /// Like [`AxisChoice::parse`], for files that have no named parts.
    pub(crate) fn of(location: &Location) -> Result<Self, Error> {
        let Some(part) = &location.part else { return Ok(Self::default()) };
        Self::parse(part).ok_or_else(|| {
            Error::refused("open", &location.path, "a selection such as ::c=0,z=1 or ::pages", format!("::{part}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_double_colon_splits() {
        let location = Location::parse(Path::new("no such/a::b.h5::g/d"));
        assert_eq!((location.path.to_str(), location.part.as_deref()), (Some("no such/a::b.h5"), Some("g/d")));
        assert_eq!(Location::parse(Path::new("a.tif")).part, None);
    }

    #[test]
    fn axis_choices_are_told_from_names() {
        assert_eq!(AxisChoice::parse("c=1, z=2"), Some(AxisChoice { c: Some(1), z: Some(2), ..Default::default() }));
        assert_eq!(AxisChoice::parse("pages"), Some(AxisChoice { pages: true, ..Default::default() }));
        assert_eq!(AxisChoice::parse("c=-1"), None);
        assert_eq!(AxisChoice::parse("dff/ch0"), None);
    }
}
