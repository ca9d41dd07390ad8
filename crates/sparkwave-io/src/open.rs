//! Opening a movie by what the file is, not by what it is called.

use crate::error::Error;
use crate::location::Location;
use crate::opened::Opened;
use crate::read_at::ReadAt;
use crate::{folder, hdf5, png, sif, tiff, zarr};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::FrameSource;
use std::path::Path;

/// Opens a movie: a TIFF stack, an HDF5 data set, an OME-Zarr image, an Andor SIF file, a PNG image or a folder of single
/// frames.
///
/// The content decides, not the extension. Behind `::` stands a part of the file: a data set (`file.h5::dff/ch0`), an
/// array or label image (`movie.zarr::labels/cells`), a channel and a plane (`stack.tif::c=0,z=1`), an image of a file
/// of several (`::image=2`), or `::pages`, which takes every page of a TIFF file as a frame whatever its metadata say.
/// Nothing but metadata is read; pixels follow on [`FrameSource::read`]. Doubts about the metadata are in
/// [`Recording::warnings`].
///
/// # Errors
/// If there is no such file, if it is not a movie, if it is damaged, or if it holds several movies and the path does
/// not say which; the message then lists them.
pub fn open(path: &Path) -> Result<Box<dyn FrameSource>, Error> {
    open_with_details(path).map(|opened| opened.source)
}

pub(crate) fn open_with_details(path: &Path) -> Result<Opened, Error> {
    let location = Location::parse(path);
    let metadata = std::fs::metadata(&location.path).map_err(|e| Error::io("open", &location.path, e))?;
    let recording = Recording { id: id_of(&location), ..Recording::default() };
    if metadata.is_dir() {
        return if zarr::is_hierarchy(&location.path) {
            zarr::open(&location, recording)
        } else {
            folder::open(&location, recording)
        };
    }
    match sniff(&location.path)? {
        Kind::Tiff => tiff::open(&location, recording),
        Kind::Png => png::open(&location, recording),
        Kind::Hdf5 => hdf5::open(&location, recording),
        Kind::Sif => sif::open(&location, recording),
        Kind::Other(found) => {
            let expected = "a movie: TIFF, HDF5, OME-Zarr, Andor SIF, PNG, or a folder of frames";
            Err(Error::unsupported("open", &location.path, expected, found))
        }
    }
}

/// The name of the file without its extensions, and of the part within it.
fn id_of(location: &Location) -> String {
    let name = location.path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
    let stem = stem.strip_suffix(".ome").unwrap_or(stem);
    match &location.part {
        Some(part) if !part.is_empty() => format!("{stem}::{part}"),
        _ => stem.to_string(),
    }
}

enum Kind {
    Tiff,
    Png,
    Hdf5,
    Sif,
    Other(String),
}

/// The first bytes of an HDF5 file, unless a user block stands before them.
pub(crate) const HDF5_MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

/// First bytes of files that users may hand in and that are no movies here.
const STRANGERS: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF animation"),
    (b"BM", "a BMP image"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB", "a MATLAB file"),
    (b"RIFF", "an AVI or WAV file"),
];

fn sniff(path: &Path) -> Result<Kind, Error> {
    let file = ReadAt::open(path)?;
    let mut head = [0; 64];
    let n = file.read_some(&mut head, 0).map_err(|e| Error::io("read", path, e))?;
    let head = &head[..n];
    if n == 0 {
        return Ok(Kind::Other("an empty file (0 bytes)".into()));
    }
    if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| head.starts_with(&magic[..])) {
        return Ok(Kind::Tiff);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(Kind::Png);
    }
    if head.starts_with(sif::MAGIC) {
        return Ok(Kind::Sif);
    }
    // A user block of 512 bytes or any power of two beyond may stand before the signature (HDF5 specification, II.A).
    let mut offset = 0;
    while offset < file.len() && offset <= 1 << 20 {
        let mut magic = [0; 8];
        let n = file.read_some(&mut magic, offset).map_err(|e| Error::io("read", path, e))?;
        if &magic[..n] == HDF5_MAGIC {
            return Ok(Kind::Hdf5);
        }
        offset = if offset == 0 { 512 } else { offset * 2 };
    }
    let known = STRANGERS.iter().find(|(magic, _)| head.starts_with(magic));
    let video = (head.get(4..8) == Some(b"ftyp")).then_some("an MP4 or QuickTime video");
    let found = known.map(|(_, name)| *name).or(video);
    Ok(Kind::Other(
        found.map_or_else(|| format!("a file that begins with the bytes {:02x?}", &head[..n.min(16)]), String::from),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_movie_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let cases: [(&[u8], &str); 4] =
            [(b"", "empty file"), (b"PK\x03\x04rest", "ZIP"), (b"\0\0\0\x20ftypisom", "MP4"), (b"abc", "61, 62, 63")];
        for (bytes, word) in cases {
            let path = folder.path().join("x.tif");
            std::fs::write(&path, bytes).unwrap();
            let error = open(&path).err().unwrap().to_string();
            assert!(error.contains(word) && error.contains("x.tif"), "{error}");
        }
        let error = open(&folder.path().join("absent.tif")).err().unwrap();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}
