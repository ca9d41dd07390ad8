//! What the fuzz targets and the mutation tests do with hostile bytes: open, and read what opens.
//!
//! Not part of the API. The functions return nothing: they must not panic, hang or reserve much memory.

pub mod datasets;

use crate::error::Error;
use sparkwave_core::axes::Span;
use sparkwave_core::source::FrameSource;
use std::path::Path;

/// Frames larger than this are legal, but would only slow the search down.
const MAX_READ_BYTES: usize = 1 << 24;
/// Frames read from the start and from the end.
const MAX_READ_FRAMES: usize = 16;

/// Bytes of a movie file: TIFF, HDF5, SIF or PNG, told apart as [`crate::open()`] does.
pub fn movie(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input");
        std::fs::write(&path, bytes)?;
        open_and_read(&path);
        Ok(())
    });
}

/// A folder that holds an OME-Zarr hierarchy, or nearly.
pub fn hierarchy(folder: &Path) {
    open_and_read(folder);
}

/// A JSON document of a hierarchy; the first byte chooses which.
pub fn zarr_metadata(bytes: &[u8]) {
    let Some((which, document)) = bytes.split_first() else { return };
    const ARRAY: &[u8] = br#"{"zarr_format":3,"node_type":"array","shape":[2,2,2],"data_type":"uint8","chunk_grid":
        {"name":"regular","configuration":{"chunk_shape":[2,2,2]}},"chunk_key_encoding":{"name":"default"},
        "fill_value":0,"codecs":[{"name":"bytes"}]}"#;
    const ARRAY_V2: &[u8] = br#"{"zarr_format":2,"shape":[2,2,2],"chunks":[2,2,2],"dtype":"|u1","compressor":null,
        "fill_value":0,"order":"C","filters":null}"#;
    in_folder(|root| {
        let put = |name: &str, content: &[u8]| {
            let path = root.join(name);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(path, content)
        };
        match which % 4 {
            0 => {
                put("zarr.json", document)?;
                put("c/0/0/0", &[7; 64])?;
            }
            1 => {
                put("zarr.json", document)?;
                put("0/zarr.json", ARRAY)?;
            }
            2 => {
                put(".zarray", document)?;
                put("0.0.0", &[7; 64])?;
            }
            _ => {
                put(".zattrs", document)?;
                put("0/.zarray", ARRAY_V2)?;
            }
        }
        open_and_read(root);
        Ok(())
    });
}

/// Files that [`zarr_files`] can name: documents and chunks of the hierarchies in `tests/golden`, and a few more.
const ZARR_FILES: [&str; 18] = [
    "zarr.json",
    ".zgroup",
    ".zattrs",
    ".zarray",
    "c/0/0/0",
    "c/1/0/0",
    "c/2/0/0",
    "0.0.0",
    "0/zarr.json",
    "0/c/0/0/0",
    "0/.zattrs",
    "0/.zarray",
    "0/0.0.0",
    "0/0.0.1",
    "0/1.0.0",
    "0/0/0/0",
    "s0/zarr.json",
    "s0/c/0/0/0/0/0",
];

/// A whole hierarchy, documents and chunks: for each file a byte that chooses its name, two of its length (low byte
/// first) and its content. [`zarr_bytes`] makes such bytes of a folder.
pub fn zarr_files(bytes: &[u8]) {
    in_folder(|root| {
        let mut rest = bytes;
        while let [which, low, high, tail @ ..] = rest {
            let (content, tail) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(tail.len()));
            let path = root.join(ZARR_FILES[usize::from(*which) % ZARR_FILES.len()]);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(path, content)?;
            rest = tail;
        }
        open_and_read(root);
        Ok(())
    });
}

/// The files of a hierarchy in the form that [`zarr_files`] takes; files without a name there are left out.
pub fn zarr_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (which, name) in ZARR_FILES.iter().enumerate() {
        if let Ok(content) = std::fs::read(folder.join(name))
            && let Ok(length) = u16::try_from(content.len())
        {
            bytes.push(which as u8);
            bytes.extend(length.to_le_bytes());
            bytes.extend(content);
        }
    }
    bytes
}

/// Bytes of an image.
pub fn png(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.png");
        std::fs::write(&path, bytes)?;
        let _ = crate::png::read(&path);
        Ok(())
    });
}

/// Bytes of a table as text.
pub fn table(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.csv");
        std::fs::write(&path, bytes)?;
        let _ = crate::csv::read_table(&path);
        Ok(())
    });
}

/// Bytes of a training file.
pub fn training_file(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.h5");
        std::fs::write(&path, bytes)?;
        for stream in crate::msct::list(&path).unwrap_or_default() {
            let _ = crate::msct::read_events(&path, &stream.fold, &stream.stream);
            if let Ok(source) = crate::msct::open_input(&path, &stream.fold, &stream.stream) {
                read_some(source.as_ref());
            }
            if let Ok(source) = crate::msct::open_foreground(&path, &stream.fold, &stream.stream) {
                read_some(source.as_ref());
            }
        }
        Ok(())
    });
}

/// Bytes of a file of weights, taken also as a pickle outside of its archive, whose checksum would keep most mutations
/// from it.
pub fn weights(bytes: &[u8]) {
    let _ = crate::weights::from_bytes(bytes, Path::new("input"));
    let _ = crate::weights::pickle::load(bytes);
}

/// Bytes of weights in HDF5.
pub fn keras(bytes: &[u8]) {
    in_folder(|folder| {
        let path = folder.join("input.h5");
        std::fs::write(&path, bytes)?;
        let _ = crate::weights::read(&path);
        Ok(())
    });
}

/// Bytes of the two JSON documents beside them.
pub fn stardist(bytes: &[u8]) {
    in_folder(|folder| {
        let weights = folder.join("weights_best.h5");
        std::fs::write(folder.join("config.json"), bytes)?;
        std::fs::write(folder.join("thresholds.json"), bytes)?;
        let _ = crate::stardist::config_beside(&weights);
        let _ = crate::stardist::thresholds_beside(&weights);
        Ok(())
    });
}

/// Runs `action` in a fresh folder. A machine that cannot give one is no finding.
fn in_folder(action: impl FnOnce(&Path) -> std::io::Result<()>) {
    if let Ok(folder) = tempfile::tempdir() {
        let _ = action(folder.path());
    }
}

fn open_and_read(path: &Path) {
    let _ = crate::movie_info(path);
    match crate::open(path) {
        Ok(source) => read_some(source.as_ref()),
        // An ambiguous file lists its parts; their readers are exercised as well.
        Err(Error::Ambiguous(_) | Error::Refused(_)) => {
            for part in ["pages", "c=0,z=0", "image=0", "0"] {
                if let Ok(source) = crate::open(Path::new(&format!("{}::{part}", path.display()))) {
                    read_some(source.as_ref());
                }
            }
        }
        Err(_) => {}
    }
}

fn read_some(source: &dyn FrameSource) {
    let shape = source.shape();
    if shape.frame_len() * source.pixel_type().n_bytes() > MAX_READ_BYTES {
        return;
    }
    let rows = Span::new(0, shape.height);
    let head = 0..shape.n_frames.min(MAX_READ_FRAMES);
    let tail = shape.n_frames.saturating_sub(MAX_READ_FRAMES).max(head.end)..shape.n_frames;
    for frame in head.chain(tail) {
        if source.read(Span::new(frame, frame + 1), rows).is_ok() {
            let _ = source.read(Span::new(frame, frame + 1), Span::new(shape.height / 2, shape.height));
        }
    }
}
