//! Writing a movie as OME-Zarr, and label movies into an existing hierarchy.
//!
//! Version 0.5 stores shards of some 64 MiB with one inner chunk a frame, so that single frames are read without
//! unpacking their neighbours and the number of files stays small; 0.4 stores chunks of some 8 MiB.

use super::metadata::Node;
use super::source::below;
use crate::atomic::{AtomicFolder, write_atomic};
use crate::error::Error;
use crate::write::{Compression, OmeZarrVersion, WriteOptions};
use serde_json::{Value as Json, json};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, Recording};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{Array, ArrayBytes};
use zarrs::filesystem::FilesystemStore;

/// An image or label image under construction.
pub(crate) struct ZarrWriter {
    folder: AtomicFolder,
    path: PathBuf,
    array: Array<FilesystemStore>,
    shape: MovieShape,
    frame_bytes: usize,
    /// Frames of a stored chunk or shard.
    chunk_frames: usize,
    buffer: Vec<u8>,
    next: usize,
    label: Option<Label>,
}

/// A label image to be listed in its group.
struct Label {
    group: PathBuf,
    name: String,
    version: OmeZarrVersion,
    /// Takes the group away again if it stays empty.
    _guard: EmptyFolder,
}

struct EmptyFolder(PathBuf);

impl Drop for EmptyFolder {
    fn drop(&mut self) {
        // Fails, as it should, once the group holds anything.
        let _ = std::fs::remove_dir(&self.0);
    }
}

const SHARD_BYTES: usize = 64 << 20;
const CHUNK_BYTES: usize = 8 << 20;
/// Level 1: the quickest; higher levels gain little on noise.
const ZSTD_LEVEL: i64 = 1;
const GZIP_LEVEL: i64 = 4;

impl ZarrWriter {
    pub(crate) fn create(
        path: &Path,
        part: Option<&str>,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        options: &WriteOptions,
    ) -> Result<Self, Error> {
        let (target, version, label) = match part {
            None => (path.to_path_buf(), options.ome_zarr_version, None),
            Some(part) => {
                let (target, label) = label_target(path, part, pixel_type)?;
                (target, label.version, Some(label))
            }
        };
        let folder = AtomicFolder::create(&target, options.overwrite)?;
        let frame_bytes = shape.frame_len() * pixel_type.n_bytes();
        let budget = if version == OmeZarrVersion::V05 { SHARD_BYTES } else { CHUNK_BYTES };
        let chunk_frames = (budget / frame_bytes).clamp(1, shape.n_frames);
        let root = folder.temporary();
        let array_folder = root.join("0");
        std::fs::create_dir(&array_folder).map_err(|e| Error::io("create", &target, e))?;
        let put = |file: PathBuf, json: &Json| {
            let text = serde_json::to_vec_pretty(json).unwrap_or_default();
            std::fs::write(file, text).map_err(|e| Error::io("write", &target, e))
        };
        let image = Image { shape, pixel_type, recording, compression: options.compression, is_label: label.is_some() };
        match version {
            OmeZarrVersion::V05 => {
                put(array_folder.join("zarr.json"), &image.array_v3(chunk_frames))?;
                put(root.join("zarr.json"), &image.group_v05())?;
            }
            OmeZarrVersion::V04 => {
                put(array_folder.join(".zarray"), &image.array_v2(chunk_frames))?;
                put(root.join(".zgroup"), &json!({"zarr_format": 2}))?;
                put(root.join(".zattrs"), &image.attributes_v04())?;
            }
        }
        let fail = |e: String| Error::refused("create", &target, "a Zarr array", e);
        let store = FilesystemStore::new(root).map_err(|e| fail(e.to_string()))?;
        let array = Array::open(Arc::new(store), "/0").map_err(|e| fail(e.to_string()))?;
        Ok(Self { folder, path: target, array, shape, frame_bytes, chunk_frames, buffer: Vec::new(), next: 0, label })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        let frame_bytes = self.frame_bytes;
        // The encoder takes values in native byte order and orders them itself.
        crate::bytes::with_ne_bytes(block, |bytes| {
            for frame in bytes.chunks_exact(frame_bytes) {
                self.buffer.extend_from_slice(frame);
                self.next += 1;
                if self.next.is_multiple_of(self.chunk_frames) {
                    self.store()?;
                }
            }
            Ok(())
        })
    }

    /// Stores the chunk that is full, or the last one, filled up with zeros that are never read.
    fn store(&mut self) -> Result<(), Error> {
        self.buffer.resize(self.chunk_frames * self.frame_bytes, 0);
        let index = [(self.next - 1) / self.chunk_frames, 0, 0].map(|i| i as u64);
        let bytes = ArrayBytes::new_flen(std::mem::take(&mut self.buffer));
        let stored = self.array.store_chunk(&index, bytes);
        stored.map_err(|e| Error::io("write", &self.path, std::io::Error::other(e.to_string())))
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.store()?;
        }
        let Self { folder, array, label, shape, next, .. } = self;
        debug_assert_eq!(next, shape.n_frames);
        drop(array);
        folder.finish()?;
        label.map_or(Ok(()), |label| label.list())
    }
}

/// Where a label image goes, and in which version, for a part such as `labels/cells`.
fn label_target(path: &Path, part: &str, pixel_type: PixelType) -> Result<(PathBuf, Label), Error> {
    let refused = |expected: &str, found: String| Error::refused("create", path, expected, found);
    let name = part.trim_matches('/').strip_prefix("labels/").filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| refused("::labels/NAME", format!("::{part}")))?.to_string();
    if matches!(pixel_type, PixelType::F32 | PixelType::I16) {
        return Err(refused("unsigned whole numbers as labels", pixel_type.name().into()));
    }
    let root = Node::read(path)?.filter(|node| node.array.is_none());
    let root = root.ok_or_else(|| refused("an OME-Zarr hierarchy to which labels are added", "none".into()))?;
    let version = if root.zarr_format == 3 { OmeZarrVersion::V05 } else { OmeZarrVersion::V04 };
    let group = path.join("labels");
    std::fs::create_dir_all(&group).map_err(|e| Error::io("create", &group, e))?;
    let target = below(&group, &name)?;
    Ok((target, Label { _guard: EmptyFolder(group.clone()), group, name, version }))
}

impl Label {
    /// Adds the name to the list of the group.
    fn list(self) -> Result<(), Error> {
        let node = Node::read(&self.group)?;
        let listed = node.as_ref().and_then(|node| node.ome().get("labels")).and_then(Json::as_array);
        let mut names: Vec<Json> = listed.cloned().unwrap_or_default();
        if !names.iter().any(|name| name.as_str() == Some(&self.name)) {
            names.push(Json::String(self.name));
        }
        let mut attributes = node.map(|node| node.attributes).unwrap_or_default();
        let put = |file: &str, json: &Json| {
            write_atomic(&self.group.join(file), &serde_json::to_vec_pretty(json).unwrap_or_default())
        };
        match self.version {
            OmeZarrVersion::V05 => {
                attributes.insert("ome".into(), json!({"version": "0.5", "labels": names}));
                put("zarr.json", &json!({"zarr_format": 3, "node_type": "group", "attributes": attributes}))
            }
            OmeZarrVersion::V04 => {
                attributes.insert("labels".into(), Json::Array(names));
                put(".zgroup", &json!({"zarr_format": 2}))?;
                put(".zattrs", &Json::Object(attributes))
            }
        }
    }
}

/// What the documents say.
struct Image<'a> {
    shape: MovieShape,
    pixel_type: PixelType,
    recording: &'a Recording,
    compression: Compression,
    is_label: bool,
}

impl Image<'_> {
    fn extents(&self, n_frames: usize) -> Json {
        json!([n_frames, self.shape.height, self.shape.width])
    }

    fn fill_value(&self) -> Json {
        if self.pixel_type == PixelType::F32 { json!(0.0) } else { json!(0) }
    }

    fn array_v3(&self, shard_frames: usize) -> Json {
        let bytes = if self.pixel_type.n_bytes() == 1 {
            json!({"name": "bytes"})
        } else {
            json!({"name": "bytes", "configuration": {"endian": "little"}})
        };
        let mut codecs = vec![bytes];
        match self.compression {
            Compression::None => {}
            Compression::Deflate => codecs.push(json!({"name": "gzip", "configuration": {"level": GZIP_LEVEL}})),
            Compression::Auto | Compression::Zstd => {
                codecs.push(json!({"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": false}}));
            }
        }
        json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": self.extents(self.shape.n_frames),
            "data_type": self.pixel_type.name(),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.extents(shard_frames)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": self.fill_value(),
            "codecs": [{"name": "sharding_indexed", "configuration": {
                "chunk_shape": self.extents(1),
                "codecs": codecs,
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                "index_location": "end",
            }}],
            "attributes": {},
            "dimension_names": ["t", "y", "x"],
        })
    }

    fn array_v2(&self, chunk_frames: usize) -> Json {
        let dtype = match self.pixel_type {
            PixelType::U8 => "|u1",
            PixelType::U16 => "<u2",
            PixelType::I16 => "<i2",
            PixelType::U32 => "<u4",
            PixelType::F32 => "<f4",
        };
        let compressor = match self.compression {
            Compression::None => Json::Null,
            Compression::Deflate => json!({"id": "zlib", "level": GZIP_LEVEL}),
            Compression::Auto | Compression::Zstd => json!({"id": "zstd", "level": ZSTD_LEVEL}),
        };
        json!({
            "zarr_format": 2,
            "shape": self.extents(self.shape.n_frames),
            "chunks": self.extents(chunk_frames),
            "dtype": dtype,
            "compressor": compressor,
            "fill_value": self.fill_value(),
            "order": "C",
            "filters": null,
            "dimension_separator": "/",
        })
    }

    /// One resolution level with its scale. An axis without a unit is one whose scale is not known.
    fn multiscale(&self) -> Json {
        let size = self.recording.pixel_size();
        let stamped = matches!(self.recording.frame_times.as_ref().map(|t| &t.value), Some(FrameTimes::Stamped(_)));
        // Times that are given one by one stand in `acquisition`; the scale of that axis is then 1 by convention.
        let interval = self.recording.frame_interval().filter(|_| !stamped);
        let axis = |name: &str, kind: &str, unit: Option<&str>| match unit {
            Some(unit) => json!({"name": name, "type": kind, "unit": unit}),
            None => json!({"name": name, "type": kind}),
        };
        let length = size.map(|_| "micrometer");
        let (y, x) = size.map_or((1.0, 1.0), |size| (size.y.get(), size.x.get()));
        let scale = [interval.map_or(1.0, |interval| interval.get()), y, x];
        let time = interval.map(|_| "second");
        json!({
            "name": self.recording.id,
            "axes": [axis("t", "time", time), axis("y", "space", length), axis("x", "space", length)],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        })
    }

    fn acquisition(&self) -> Option<Json> {
        match self.recording.frame_times.as_ref().map(|times| &times.value) {
            Some(FrameTimes::Stamped(stamps)) => Some(json!({"time_sampling": "variable", "timestamps": stamps})),
            _ => None,
        }
    }

    fn group_v05(&self) -> Json {
        let mut ome = json!({"version": "0.5", "multiscales": [self.multiscale()]});
        if self.is_label {
            ome["image-label"] = json!({"source": {"image": "../../"}});
        }
        let mut attributes = json!({"ome": ome});
        if let Some(acquisition) = self.acquisition() {
            attributes["acquisition"] = acquisition;
        }
        json!({"zarr_format": 3, "node_type": "group", "attributes": attributes})
    }

    fn attributes_v04(&self) -> Json {
        let mut multiscale = self.multiscale();
        multiscale["version"] = json!("0.4");
        let mut attributes = json!({"multiscales": [multiscale]});
        if self.is_label {
            attributes["image-label"] = json!({"version": "0.4", "source": {"image": "../../"}});
        }
        if let Some(acquisition) = self.acquisition() {
            attributes["acquisition"] = acquisition;
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ome_zarr_metadata::Validate;
    use sparkwave_core::recording::{PixelSize, Sourced};
    use sparkwave_core::units::{Micrometers, Seconds};

    #[test]
    fn the_metadata_obey_the_specification() {
        let size = PixelSize::square(Micrometers::new(0.16)).unwrap();
        let regular = FrameTimes::Regular { interval: Seconds::new(0.1) };
        let known = Recording {
            id: "a".into(),
            pixel_size: Some(Sourced::new(size, "test")),
            frame_times: Some(Sourced::new(regular, "test")),
            ..Recording::default()
        };
        let shape = MovieShape { n_frames: 3, height: 4, width: 5 };
        for (recording, is_label) in [(&Recording::default(), false), (&known, false), (&known, true)] {
            let image =
                Image { shape, pixel_type: PixelType::U16, recording, compression: Compression::Auto, is_label };
            let v05: ome_zarr_metadata::v0_5::OmeZarrGroupAttributes =
                serde_json::from_value(image.group_v05()["attributes"].clone()).unwrap();
            v05.validate().unwrap();
            let v04: ome_zarr_metadata::v0_4::OmeNgffGroupAttributes =
                serde_json::from_value(image.attributes_v04()).unwrap();
            v04.validate().unwrap();
        }
    }
}
