//! Labels of images in the JSON of ISAT (Image Segmentation Annotation Tool), one file an image.
//!
//! A file lists polygons, not objects: those of equal group and category are parts of one object, and a hole is a polygon
//! of the category `__background__` in a higher layer. [`masks`] turns them into masks and back. Reading is tolerant
//! of what versions of the program and its converters have written; fields that are not understood here are kept, so that
//! reading and writing a file loses nothing. `bbox` and `area` may be absent or stale: they are computed anew on writing.

pub mod categories;
mod lenient;
pub mod masks;
pub mod merge;

use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::limits::{MAX_METADATA_BYTES, read_text};
use crate::polygon::{Points, area_px2, bounds};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Write as _;
use std::path::Path;

/// The category of holes. Polygons of it are no objects.
pub const BACKGROUND: &str = "__background__";

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// The image.
    pub info: Info,
    /// The polygons, in the order of the file.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// Fields that are not understood here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The key of `info` under which a program notes that no person has seen the labels. ISAT drops it when a person saves the
/// file, which so becomes verified.
const STATUS: &str = "sparkwave_status";
/// Its value for labels that followed from those of other frames.
const PROPAGATED: &str = "propagated";

impl Annotation {
    /// True if the labels followed from those of other frames, and no person has saved them since.
    pub fn is_propagated(&self) -> bool {
        self.info.rest.get(STATUS).and_then(Value::as_str) == Some(PROPAGATED)
    }

    /// Notes that the labels followed from those of other frames.
    pub fn mark_propagated(&mut self) {
        self.info.rest.insert(STATUS.into(), PROPAGATED.into());
    }
}

/// What is said about the image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// `ISAT`, by which the program knows its files.
    pub description: String,
    /// The folder of the image when it was labelled; of no use to others, and left empty by us.
    #[serde(default, deserialize_with = "lenient::text")]
    pub folder: String,
    /// File name of the image, with extension.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Columns.
    #[serde(deserialize_with = "lenient::size")]
    pub width: usize,
    /// Rows.
    #[serde(deserialize_with = "lenient::size")]
    pub height: usize,
    /// Channels: 3 for RGB; programs disagree about grey.
    #[serde(default, deserialize_with = "lenient::depth")]
    pub depth: Option<u32>,
    /// Free text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub note: String,
    /// Fields that are not understood here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A polygon: an object, a part of one, or a hole.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Object {
    /// The name of its class; `UNKNOWN` if the file has none.
    #[serde(default = "unknown", deserialize_with = "lenient::text")]
    pub category: String,
    /// Number of the object that it is part of; 0 if the file has none, and for holes.
    #[serde(default, deserialize_with = "lenient::group")]
    pub group: u32,
    /// The corners. The file does not tell whether pixel `i` is centred at `i` (contours of a network, ours) or spans `i`
    /// to `i + 1` (drawn by hand); the first is assumed here.
    #[serde(default)]
    pub segmentation: Points,
    /// Order of painting, ascending.
    #[serde(default = "default_layer", deserialize_with = "lenient::layer")]
    pub layer: f64,
    /// Set if it marks a crowd rather than one object.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub iscrowd: bool,
    /// Free text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub note: String,
    /// Fields that are not understood here, and `area` and `bbox` as they were read.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn unknown() -> String {
    "UNKNOWN".into()
}

/// The layer that the program gives to polygons of files without layers.
fn default_layer() -> f64 {
    2.0
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("category", &self.category)?;
        map.serialize_entry("group", &self.group)?;
        map.serialize_entry("segmentation", &self.segmentation)?;
        map.serialize_entry("area", &area_px2(&self.segmentation))?;
        map.serialize_entry("layer", &self.layer)?;
        map.serialize_entry("bbox", &bounds(&self.segmentation))?;
        map.serialize_entry("iscrowd", &self.iscrowd)?;
        map.serialize_entry("note", &self.note)?;
        for (key, value) in self.rest.iter().filter(|(key, _)| !matches!(key.as_str(), "area" | "bbox")) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Reads a file.
///
/// # Errors
/// If the file cannot be read, is not JSON of this program, or a value cannot be understood even with good will.
pub fn read(path: &Path) -> Result<Annotation, Error> {
    let text = read_text(path, MAX_METADATA_BYTES)?;
    let malformed = |found: String| Error::malformed("read", path, "an ISAT annotation", found);
    let annotation: Annotation = serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))?;
    if annotation.info.description != "ISAT" {
        return Err(malformed(format!("info.description {:?}", annotation.info.description)));
    }
    Ok(annotation)
}

/// Writes a file as the program does: indented by 4, text beyond ASCII as it is, `area` (the shoelace formula, px²) and
/// `bbox` (corners) of each polygon computed from its points.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, annotation: &Annotation) -> Result<(), Error> {
    let mut file = AtomicFile::create(path)?;
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut file, formatter);
    annotation.serialize(&mut serializer).map_err(|e| Error::io("write", path, e.into()))?;
    file.write_all(b"\n").map_err(|e| Error::io("write", path, e))?;
    file.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_str(text: &str) -> Result<Annotation, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    /// With the oddities of many versions at once.
    const ODD: &str = include_str!("../tests/golden/annotation_odd.json");

    #[test]
    fn what_programs_have_written_is_understood() {
        let annotation = read_str(ODD).unwrap();
        assert_eq!((annotation.info.width, annotation.info.height, annotation.info.depth), (51, 40, None));
        let of = |o: &Object| (o.category.clone(), o.group, o.layer, o.iscrowd, o.note.clone());
        let found: Vec<_> = annotation.objects.iter().map(of).collect();
        let expected = [("UNKNOWN", 0, 2.0, true), ("1-2", 7, 3.0, true), (BACKGROUND, 0, 4.0, false)];
        assert_eq!(found, expected.map(|(c, g, l, f)| (c.to_string(), g, l, f, String::new())));
        assert_eq!(annotation.objects[0].segmentation[1], [3.25, 2.0]);
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        let annotation = read_str(ODD).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        write(&path, &annotation).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\n    \"info\": {\n        \"description\": \"ISAT\"") && text.contains("图.tiff"));
        let again = read(&path).unwrap();
        assert_eq!(again.info, annotation.info);
        assert_eq!((&again.rest["version"], &again.objects[1].rest["score"]), (&"1.3.0".into(), &0.5.into()));
        assert_eq!(again.objects[1].rest["bbox"], serde_json::json!([0.1, 0.0, 4.0, 4.0]));
        assert_eq!(again.objects[0].rest["area"], serde_json::json!(3.375));
        assert_eq!(again.objects[2].rest["bbox"], Value::Null);
        write(&path, &again).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn files_of_the_program_come_back_byte_for_byte() {
        let golden = include_str!("../tests/golden/annotation.json");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        write(&path, &read_str(golden).unwrap()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), golden);
    }

    #[test]
    fn other_documents_are_refused() {
        let sound = |group: &str| {
            format!(r#"{{"info":{{"description":"ISAT","width":1,"height":1}},"objects":[{{"group":{group}}}]}}"#)
        };
        assert!(read_str(&sound("3")).is_ok());
        let others = ["", "[]", r#"{"info":{"description":"COCO","width":1,"height":1}}"#, r#"{"objects":[]}"#];
        for text in others.map(String::from).into_iter().chain(["-1", "\"wave\"", "1.5", "[]"].map(sound)) {
            let error = read_str(&text).unwrap_err().to_string();
            assert!(error.contains("an ISAT annotation") && error.contains("a.json"), "{error}");
        }
    }
}
