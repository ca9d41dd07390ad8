//! The JSON documents of a hierarchy: `zarr.json` (format 3), or `.zgroup`, `.zarray` and `.zattrs` (format 2).

use crate::calibration;
use crate::error::Error;
use crate::stored::StoredType;
use serde_json::{Map, Value as Json};
use sparkwave_core::recording::Recording;
use std::path::Path;

/// Largest document; the times of half a million frames take some 10 MiB.
const MAX_JSON_BYTES: u64 = 1 << 26;

/// A group or array of the hierarchy.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// 2 or 3.
    pub(super) zarr_format: u8,
    /// The array's document, if it is one.
    pub(super) array: Option<Json>,
    /// User attributes.
    pub(super) attributes: Map<String, Json>,
}

pub(super) fn read_json(path: &Path) -> Result<Option<Json>, Error> {
    let length = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    if length > MAX_JSON_BYTES {
        let expected = format!("a document of at most {MAX_JSON_BYTES} bytes");
        return Err(Error::limit("read", path, expected, format!("{length}")));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let json = serde_json::from_slice(&bytes);
    json.map(Some).map_err(|e| Error::malformed("read", path, "a JSON document", e.to_string()))
}

impl Node {
    /// Reads the documents of a folder; `None` if it has none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let object = |json: Option<&Json>| json.and_then(Json::as_object).cloned().unwrap_or_default();
        let file = folder.join("zarr.json");
        if let Some(json) = read_json(&file)? {
            if json.get("zarr_format").and_then(Json::as_u64) != Some(3) {
                return Err(Error::malformed("read", file, "\"zarr_format\": 3", "another or none"));
            }
            let attributes = object(json.get("attributes"));
            let is_array = json.get("node_type").and_then(Json::as_str) == Some("array");
            return Ok(Some(Self { zarr_format: 3, array: is_array.then_some(json), attributes }));
        }
        let array = read_json(&folder.join(".zarray"))?;
        let attributes = read_json(&folder.join(".zattrs"))?;
        if array.is_none() && attributes.is_none() && !folder.join(".zgroup").is_file() {
            return Ok(None);
        }
        Ok(Some(Self { zarr_format: 2, array, attributes: object(attributes.as_ref()) }))
    }

    /// The OME attributes: under `ome` since 0.5, at the top before.
    pub(super) fn ome(&self) -> &Map<String, Json> {
        self.attributes.get("ome").and_then(Json::as_object).unwrap_or(&self.attributes)
    }

    /// The first multiscale image, if the group is one.
    pub(super) fn multiscale(&self) -> Option<&Json> {
        self.ome().get("multiscales")?.as_array()?.first()
    }

    /// The version of the OME specification, if stated.
    pub(super) fn ome_version(&self) -> Option<&str> {
        let ome = self.ome();
        let of_image = self.multiscale().and_then(|image| image.get("version"));
        ome.get("version").or(of_image).and_then(Json::as_str)
    }
}

/// Extents and types of an array.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArrayInfo {
    pub(super) shape: Vec<u64>,
    /// Extents of the outermost chunks.
    pub(super) chunk: Vec<u64>,
    pub(super) stored: StoredType,
    pub(super) compression: String,
    /// Names of the dimensions, if the array has them itself.
    pub(super) names: Option<Vec<String>>,
}

/// Reads what is needed of an array's document; the text says what is wrong with it.
pub(super) fn array_info(zarr_format: u8, json: &Json) -> Result<ArrayInfo, String> {
    let shape = extents(json.get("shape")).ok_or("no shape")?;
    let info = if zarr_format == 3 {
        let grid = json.pointer("/chunk_grid/configuration/chunk_shape");
        let chunk = extents(grid).ok_or("no regular chunk grid")?;
        let name = json.get("data_type").and_then(Json::as_str).ok_or("no data type")?;
        let stored = StoredType::from_name(name).ok_or_else(|| format!("the data type {name}"))?;
        let codecs = json.get("codecs").and_then(Json::as_array).ok_or("no codecs")?;
        let mut packing = Vec::new();
        check_codecs(codecs, &chunk, &mut packing, 0)?;
        let compression = if packing.is_empty() { "none".into() } else { packing.join("+") };
        let names = json
            .get("dimension_names")
            .and_then(Json::as_array)
            .map(|names| names.iter().map(|name| name.as_str().unwrap_or("").to_string()).collect());
        ArrayInfo { shape, chunk, stored, compression, names }
    } else {
        let chunk = extents(json.get("chunks")).ok_or("no chunks")?;
        let name = json.get("dtype").and_then(Json::as_str).ok_or("no plain dtype")?;
        let stored = stored_of_v2(name).ok_or_else(|| format!("the dtype {name}"))?;
        let compressor = json.pointer("/compressor/id").and_then(Json::as_str);
        ArrayInfo { shape, chunk, stored, compression: compressor.unwrap_or("none").into(), names: None }
    };
    if info.shape.len() != info.chunk.len() || info.chunk.contains(&0) {
        return Err(format!("the shape {:?} with chunks {:?}", info.shape, info.chunk));
    }
    Ok(info)
}

fn extents(json: Option<&Json>) -> Option<Vec<u64>> {
    json?.as_array()?.iter().map(Json::as_u64).collect()
}

/// NumPy's type strings: byte order, kind, bytes. The order is undone by the decoder.
fn stored_of_v2(dtype: &str) -> Option<StoredType> {
    let kind = dtype.strip_prefix(['<', '>', '|', '='])?;
    let bits = 8 * kind.get(1..)?.parse::<u32>().ok().filter(|bytes| *bytes <= 8)?;
    let name = match kind.get(..1)? {
        "u" => format!("uint{bits}"),
        "i" => format!("int{bits}"),
        "f" => format!("float{bits}"),
        _ => return None,
    };
    StoredType::from_name(&name)
}

/// Most inner chunks of a shard. Their index is reserved in memory before it is read: 16 bytes each.
const MAX_INNER_CHUNKS: u64 = 1 << 22;

/// Names the codecs that pack bytes, and refuses shards whose index alone would fill the memory.
fn check_codecs(codecs: &[Json], chunk: &[u64], packing: &mut Vec<String>, depth: usize) -> Result<(), String> {
    for codec in codecs {
        let name = codec.get("name").and_then(Json::as_str).or_else(|| codec.as_str()).unwrap_or("unnamed");
        if name != "sharding_indexed" {
            if !matches!(name, "bytes" | "crc32c" | "transpose") {
                packing.push(name.to_string());
            }
            continue;
        }
        let inner = extents(codec.pointer("/configuration/chunk_shape")).ok_or("a shard without chunk shape")?;
        if inner.len() != chunk.len() || inner.contains(&0) || depth > 4 {
            return Err(format!("shards {chunk:?} of chunks {inner:?}"));
        }
        let n = chunk.iter().zip(&inner).try_fold(1u64, |n, (outer, inner)| n.checked_mul(outer.div_ceil(*inner)));
        if n.is_none_or(|n| n > MAX_INNER_CHUNKS) {
            return Err(format!("shards {chunk:?} of more than {MAX_INNER_CHUNKS} chunks {inner:?}"));
        }
        let none = Vec::new();
        let nested = codec.pointer("/configuration/codecs").and_then(Json::as_array).unwrap_or(&none);
        check_codecs(nested, &inner, packing, depth + 1)?;
    }
    Ok(())
}

/// An axis of a multiscale image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// `t`, `c`, `z`, `y` or `x`.
    pub(super) name: char,
    pub(super) unit: Option<String>,
    /// Size of one step, in units.
    pub(super) scale: f64,
}

/// The axes of the first (full) resolution level, and the path of its array.
pub(super) fn read_multiscale(image: &Json) -> Result<(String, Vec<Axis>), String> {
    let level = image.pointer("/datasets/0").ok_or("no datasets")?;
    let path = level.get("path").and_then(Json::as_str).ok_or("a dataset without path")?;
    let list = image.get("axes").and_then(Json::as_array).ok_or("no axes")?;
    let mut axes = Vec::with_capacity(list.len());
    for (i, axis) in list.iter().enumerate() {
        // 0.3 had bare names.
        let name = axis.get("name").and_then(Json::as_str).or_else(|| axis.as_str()).unwrap_or("");
        let kind = axis.get("type").and_then(Json::as_str);
        let letter = match (name.to_lowercase().as_str(), kind) {
            ("t" | "time", _) | (_, Some("time")) => 't',
            ("c" | "channel", _) | (_, Some("channel")) => 'c',
            ("z", _) => 'z',
            ("y", _) => 'y',
            ("x", _) => 'x',
            _ => return Err(format!("the axis {name:?}")),
        };
        let unit = axis.get("unit").and_then(Json::as_str).map(String::from);
        let scale = scale_of(level, i).unwrap_or(1.0) * scale_of(image, i).unwrap_or(1.0);
        axes.push(Axis { name: letter, unit, scale });
    }
    let letters: String = axes.iter().map(|axis| axis.name).collect();
    let in_order = "tczyx".chars().filter(|c| letters.contains(*c)).collect::<String>() == letters;
    if !in_order || !letters.ends_with("yx") {
        return Err(format!("the axes {letters:?}, not in the order t, c, z, y, x"));
    }
    Ok((path.to_string(), axes))
}

fn scale_of(of: &Json, axis: usize) -> Option<f64> {
    let transformations = of.get("coordinateTransformations")?.as_array()?;
    transformations.iter().find_map(|t| t.get("scale"))?.get(axis)?.as_f64()
}

/// Reads calibration: scales with units, and `acquisition.timestamps` in seconds for uneven sampling.
pub(super) fn calibrate(node: &Node, axes: &[Axis], n_frames: usize, recording: &mut Recording) {
    let find = |name| axes.iter().find(|axis| axis.name == name);
    if let (Some(y), Some(x)) = (find('y'), find('x')) {
        let micrometers = |axis: &Axis| Some(axis.scale * calibration::micrometers_per(axis.unit.as_deref()?)?);
        match (micrometers(y), micrometers(x)) {
            (Some(y), Some(x)) => calibration::set_pixel_size(recording, y, x, "OME-Zarr scale"),
            _ if (y.scale, x.scale) != (1.0, 1.0) => {
                let text = format!("OME-Zarr scale {} x {} has no known unit: pixel size unknown", y.scale, x.scale);
                recording.warnings.push(text);
            }
            _ => {}
        }
    }
    let acquisition = node.attributes.get("acquisition").or_else(|| node.ome().get("acquisition"));
    if let Some(stamps) = acquisition.and_then(|a| a.get("timestamps")).and_then(Json::as_array) {
        let stamps: Option<Vec<f64>> = stamps.iter().map(Json::as_f64).collect();
        match stamps {
            Some(stamps) => {
                if calibration::set_stamps(recording, stamps, n_frames, "OME-Zarr acquisition.timestamps") {
                    return;
                }
            }
            None => recording.warnings.push("OME-Zarr acquisition.timestamps are no numbers: ignored".into()),
        }
    }
    if let Some(t) = find('t') {
        match t.unit.as_deref().map(|unit| (unit, calibration::seconds_per(unit))) {
            Some((_, Some(seconds))) => calibration::set_interval(recording, t.scale * seconds, "OME-Zarr scale"),
            Some((unit, None)) => {
                recording.warnings.push(format!("OME-Zarr time unit {unit} is unknown: frame interval unknown"));
            }
            None if t.scale != 1.0 => {
                let text = format!("OME-Zarr time scale {} has no unit: frame interval unknown", t.scale);
                recording.warnings.push(text);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn types_of_both_formats_are_named_alike() {
        assert_eq!(stored_of_v2("<u2"), Some(StoredType::U16));
        assert_eq!(stored_of_v2("|i1"), Some(StoredType::I8));
        assert_eq!(stored_of_v2(">f8"), Some(StoredType::F64));
        for bad in ["", "<", "<u", "<u3", "<c8", "|S5", "<u18446744073709551615", "\u{b5}2"] {
            assert_eq!(stored_of_v2(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_index_that_fills_the_memory_is_refused() {
        let codecs = json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 1], "codecs": []}}]);
        let array = json!({"shape": [1000, 1000, 1000], "data_type": "uint8", "codecs": codecs,
            "chunk_grid": {"configuration": {"chunk_shape": [1000, 1000, 1000]}}});
        assert!(array_info(3, &array).unwrap_err().contains("more than"));
    }

    #[test]
    fn scales_of_image_and_level_multiply() {
        let image = json!({
            "axes": [{"name": "t", "type": "time", "unit": "millisecond"}, {"name": "y", "type": "space"}, "x"],
            "datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5, 0.25]}]}],
            "coordinateTransformations": [{"type": "scale", "scale": [100, 1, 1]}]
        });
        let (path, axes) = read_multiscale(&image).unwrap();
        assert_eq!((path.as_str(), axes[0].scale, axes[2].scale), ("s0", 100.0, 0.25));
        let node = Node { zarr_format: 3, array: None, attributes: Map::new() };
        let mut recording = Recording::default();
        calibrate(&node, &axes, 5, &mut recording);
        assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
        assert!(recording.pixel_size().is_none() && recording.warnings[0].contains("no known unit"));
    }
}
