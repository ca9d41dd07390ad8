//! Frames of an array of the hierarchy, on demand.

use super::bounded;
use super::metadata::{self, ArrayInfo, Axis, Node, array_info, read_multiscale};
use super::store::FolderStore;
use crate::error::Error;
use crate::limits::{MAX_FRAME_BYTES, MAX_FRAMES, MAX_MOVIE_BYTES, checked_bytes};
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use crate::stored::Stored;
use crate::stored_source::{ReadStored, StoredMovie, StoredSource};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::recording::Recording;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{Array, ArrayBytes, ArraySubset};

/// Where an axis of the array stands in a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    Frames,
    Rows,
    Columns,
    /// One index of an axis that the movie does not have.
    Fixed(u64),
}

struct ZarrReader {
    path: PathBuf,
    array: Array<FolderStore>,
    takes: Vec<Take>,
}

/// True if the folder has one of the documents of a hierarchy.
pub(crate) fn is_hierarchy(folder: &Path) -> bool {
    ["zarr.json", ".zgroup", ".zarray", ".zattrs"].iter().any(|name| folder.join(name).is_file())
}

/// Opens the image of a hierarchy, or the node named behind `::`, such as `labels/cells`.
pub(crate) fn open(location: &Location, mut recording: Recording) -> Result<Opened, Error> {
    let root = &location.path;
    let part = location.part.as_deref().unwrap_or("");
    let (choice, folder) = match AxisChoice::parse(part) {
        Some(choice) => (choice, root.clone()),
        None => (AxisChoice::default(), below(root, part)?),
    };
    let node = Node::read(&folder)?.ok_or_else(|| {
        let found = format!("none{}", children(root));
        Error::refused("open", &folder, "a Zarr group or array", found)
    })?;
    if let Some(array) = &node.array {
        let info = info_of(&folder, node.zarr_format, array)?;
        let axes = axes_of_bare_array(&folder, &info)?;
        let format = format!("Zarr {}", node.zarr_format);
        return open_array(&folder, &info, &axes, choice, recording, format);
    }
    let image = node.multiscale().ok_or_else(|| {
        let expected = "an OME-Zarr image (a group with multiscales), or its name after ::";
        Error::ambiguous("open", &folder, expected, format!("a group without{}", children(&folder)))
    })?;
    let (path, axes) = read_multiscale(image).map_err(|e| Error::malformed("open", &folder, "OME-Zarr metadata", e))?;
    let folder_of_array = below(&folder, &path)?;
    let array = Node::read(&folder_of_array)?.and_then(|node| node.array).ok_or_else(|| {
        Error::malformed("open", &folder_of_array, "the array that the OME-Zarr metadata name", "none")
    })?;
    let info = info_of(&folder_of_array, node.zarr_format, &array)?;
    if info.shape.len() != axes.len() {
        let found = format!("an array of extents {:?}", info.shape);
        return Err(Error::malformed("open", &folder_of_array, format!("{} axes", axes.len()), found));
    }
    let n_frames = axes.iter().position(|axis| axis.name == 't').map_or(1, |i| info.shape[i]);
    metadata::calibrate(&node, &axes, usize::try_from(n_frames).unwrap_or(usize::MAX), &mut recording);
    let version = node.ome_version().unwrap_or(if node.zarr_format == 3 { "0.5" } else { "0.4" });
    open_array(&folder_of_array, &info, &axes, choice, recording, format!("OME-Zarr {version}"))
}

/// A folder below another; names that lead out of it are refused.
pub(super) fn below(folder: &Path, part: &str) -> Result<PathBuf, Error> {
    let part = Path::new(part.trim_matches('/'));
    if part.components().all(|piece| matches!(piece, Component::Normal(_) | Component::CurDir)) {
        return Ok(folder.join(part));
    }
    Err(Error::refused("open", folder, "a name inside the hierarchy", part.display().to_string()))
}

/// The groups and arrays right below a folder, for messages.
fn children(folder: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| is_hierarchy(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .take(20)
        .collect();
    names.sort();
    if names.is_empty() { String::new() } else { format!("; there are {}", names.join(", ")) }
}

fn info_of(folder: &Path, zarr_format: u8, array: &serde_json::Value) -> Result<ArrayInfo, Error> {
    let info =
        array_info(zarr_format, array).map_err(|e| Error::unsupported("open", folder, "an array of numbers", e))?;
    let size = info.stored.n_bytes() as u64;
    // Chunks are decoded whole.
    if checked_bytes(&info.chunk, size, MAX_FRAME_BYTES).is_none()
        || checked_bytes(&info.shape, size, MAX_MOVIE_BYTES).is_none()
    {
        let expected = format!("at most {MAX_MOVIE_BYTES} bytes in chunks of at most {MAX_FRAME_BYTES}");
        let found = format!("extents {:?} in chunks {:?}", info.shape, info.chunk);
        return Err(Error::limit("open", folder, expected, found));
    }
    Ok(info)
}

/// An array without OME metadata: named dimensions, or T, Y, X.
fn axes_of_bare_array(folder: &Path, info: &ArrayInfo) -> Result<Vec<Axis>, Error> {
    let plain = |name| Axis { name, unit: None, scale: 1.0 };
    let named: Option<Vec<Axis>> = info.names.as_ref().and_then(|names| {
        names
            .iter()
            .map(|name| match name.to_lowercase().as_str() {
                "t" | "time" => Some(plain('t')),
                "c" | "channel" => Some(plain('c')),
                letter @ ("z" | "y" | "x") => letter.chars().next().map(plain),
                _ => None,
            })
            .collect()
    });
    let letters = |axes: &[Axis]| axes.iter().map(|axis| axis.name).collect::<String>();
    match named {
        Some(axes) if axes.len() == info.shape.len() && letters(&axes).ends_with("yx") => Ok(axes),
        _ if info.shape.len() == 3 => Ok("tyx".chars().map(plain).collect()),
        _ => {
            let found = format!("an array of extents {:?} whose axes are not named", info.shape);
            Err(Error::unsupported("open", folder, "three dimensions (T, Y, X)", found))
        }
    }
}

fn open_array(
    folder: &Path,
    info: &ArrayInfo,
    axes: &[Axis],
    choice: AxisChoice,
    mut recording: Recording,
    format: String,
) -> Result<Opened, Error> {
    let named = || axes.iter().zip(&info.shape).map(|(a, n)| format!("{}={n}", a.name)).collect::<Vec<_>>().join(", ");
    let (mut n_frames, mut height, mut width) = (1, 0, 0);
    let mut takes = Vec::with_capacity(axes.len());
    for (axis, &extent) in axes.iter().zip(&info.shape) {
        takes.push(match axis.name {
            't' => {
                n_frames = extent;
                Take::Frames
            }
            'y' => {
                height = extent;
                Take::Rows
            }
            'x' => {
                width = extent;
                Take::Columns
            }
            name => {
                let chosen = if name == 'c' { choice.c } else { choice.z };
                match chosen {
                    Some(index) if index < extent => Take::Fixed(index),
                    Some(index) => {
                        let expected = format!("{name} below {extent}");
                        return Err(Error::refused("open", folder, expected, format!("{name}={index}")));
                    }
                    None if extent == 1 => Take::Fixed(0),
                    None => {
                        let expected = "one channel and one plane in depth; choose with ::c=0,z=0";
                        return Err(Error::ambiguous("open", folder, expected, format!("the axes {}", named())));
                    }
                }
            }
        });
    }
    if n_frames == 0 || height == 0 || width == 0 {
        return Err(Error::malformed("open", folder, "at least one pixel", format!("the axes {}", named())));
    }
    let fits = checked_bytes(&[height, width], info.stored.n_bytes() as u64, MAX_FRAME_BYTES).is_some();
    if n_frames > MAX_FRAMES || !fits {
        let expected = format!("at most {MAX_FRAMES} frames of {MAX_FRAME_BYTES} bytes");
        return Err(Error::limit("open", folder, expected, format!("the axes {}", named())));
    }
    // All three are below the caps just checked.
    let shape = MovieShape { n_frames: n_frames as usize, height: height as usize, width: width as usize };
    let array = guarded(|| bounded::open(Arc::new(FolderStore::new(folder))))
        .map_err(|e| Error::unsupported("open", folder, "a Zarr array that can be decoded", e))?;
    recording.warnings.extend(info.stored.warning().map(String::from));
    let letters = |axis: &Axis| axis.name.to_ascii_uppercase();
    Ok(Opened {
        format,
        axes: axes.iter().map(letters).collect(),
        stored_type: info.stored.name(),
        compression: info.compression.clone(),
        source: StoredSource::boxed(
            StoredMovie { shape, stored: info.stored, recording },
            ZarrReader { path: folder.to_path_buf(), array, takes },
        ),
    })
}

/// Calls the decoder, which is third-party code on untrusted bytes; a panic in it becomes a sentence. It keeps no state
/// from call to call that a panic could leave broken.
fn guarded<R>(call: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("data on which the Zarr library panics".into()))
}

impl ReadStored for ZarrReader {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read_stored(&self, movie: &StoredMovie, frames: Span, rows: Span) -> Result<Stored, Error> {
        let bad = |found: String| {
            let expected = format!("chunks of frames {} to {}", frames.start, frames.end.saturating_sub(1));
            Error::malformed("read", &self.path, expected, found)
        };
        let range = |span: Span| span.start as u64..span.end as u64;
        let ranges: Vec<_> = self
            .takes
            .iter()
            .map(|take| match take {
                Take::Frames => range(frames),
                Take::Rows => range(rows),
                Take::Columns => 0..movie.shape.width as u64,
                Take::Fixed(index) => *index..*index + 1,
            })
            .collect();
        let subset = ArraySubset::new_with_ranges(&ranges);
        let bytes = guarded(|| {
            let bytes: ArrayBytes<'static> = self.array.retrieve_array_subset(&subset).map_err(|e| e.to_string())?;
            bytes.into_fixed().map_err(|e| e.to_string())
        })
        .map_err(bad)?;
        let mut stored = Stored::zeros(movie.stored, frames.len() * rows.len() * movie.shape.width);
        let target = stored.bytes_mut();
        if bytes.len() != target.len() {
            return Err(bad(format!("{} bytes instead of {}", bytes.len(), target.len())));
        }
        target.copy_from_slice(&bytes);
        Ok(stored)
    }
}
