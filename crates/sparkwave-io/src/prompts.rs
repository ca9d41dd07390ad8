//! Prompts as JSON: what to follow, and from where.
//!
//! `{"frames": N, "prompts": [{"frame": 0, "object": 1, "points": [{"y": 10.0, "x": 12.0, "positive": true}],
//! "box": {"y0": .., "x0": .., "y1": .., "x1": ..}, "mask": "file.png"}]}`: every field but `frame` and `object` may be
//! absent. A mask is a grey image beside the file whose pixels above zero are the object.

use crate::error::Error;
use crate::limits::{MAX_METADATA_BYTES, read_text};
use ndarray::Axis;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::{PointYx, Span};
use sparkwave_core::mask::Mask;
use sparkwave_core::prompt::{Bounds, Prompt};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Document {
    frames: usize,
    prompts: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    frame: usize,
    object: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    points: Vec<Point>,
    #[serde(default, rename = "box", skip_serializing_if = "Option::is_none")]
    bounds: Option<Corners>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    y: f64,
    x: f64,
    #[serde(default = "yes")]
    positive: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corners {
    y0: f64,
    x0: f64,
    y1: f64,
    x1: f64,
}

fn yes() -> bool {
    true
}

/// Reads prompts for a recording of `n_frames` frames.
///
/// # Errors
/// If the file cannot be read, is no such JSON, is for another number of frames, or names a frame beyond the last, an
/// object 0, a coordinate that is not finite, or a mask that cannot be read.
pub fn read(path: &Path, n_frames: usize) -> Result<Vec<Prompt>, Error> {
    let text = read_text(path, MAX_METADATA_BYTES)?;
    let document: Document =
        serde_json::from_str(&text).map_err(|e| Error::refused("read", path, "prompts as JSON", e.to_string()))?;
    let refused = |expected: String, found: String| Error::refused("read", path, expected, found);
    if document.frames != n_frames {
        return Err(refused(format!("prompts for {n_frames} frames"), format!("\"frames\": {}", document.frames)));
    }
    let mut prompts = Vec::with_capacity(document.prompts.len());
    for entry in document.prompts {
        if entry.frame >= n_frames || entry.object == 0 {
            let found = format!("frame {}, object {}", entry.frame, entry.object);
            return Err(refused(format!("a frame below {n_frames} and an object above 0"), found));
        }
        let corners = entry.bounds.iter().flat_map(|b| [b.y0, b.x0, b.y1, b.x1]);
        if !entry.points.iter().flat_map(|p| [p.y, p.x]).chain(corners).all(f64::is_finite) {
            return Err(refused("finite coordinates".into(), format!("frame {}", entry.frame)));
        }
        let at = |positive: bool| -> Vec<PointYx> {
            let chosen = entry.points.iter().filter(|p| p.positive == positive);
            chosen.map(|p| PointYx { y: p.y, x: p.x }).collect()
        };
        let bounds = entry.bounds.as_ref().map(|b| Bounds {
            from: PointYx { y: b.y0.min(b.y1), x: b.x0.min(b.x1) },
            to: PointYx { y: b.y0.max(b.y1), x: b.x0.max(b.x1) },
        });
        let mask = entry.mask.as_deref().map(|name| read_mask(path, name)).transpose()?.flatten();
        let (positive, negative) = (at(true), at(false));
        prompts.push(Prompt { frame: entry.frame, object: entry.object, positive, negative, bounds, mask });
    }
    Ok(prompts)
}

fn read_mask(prompts: &Path, name: &str) -> Result<Option<Mask>, Error> {
    let path = prompts.parent().unwrap_or(Path::new("")).join(name);
    let source = crate::open(&path)?;
    let pixels = source
        .read(Span::new(0, 1), Span::new(0, source.shape().height))
        .map_err(|e| Error::refused("read", &path, "a mask", e.to_string()))?
        .to_f32();
    Ok(Mask::of_image(&pixels.index_axis(Axis(0), 0).mapv(|v| v > 0.0)))
}

/// Writes prompts for a recording of `n_frames` frames; masks in them are left out, boxes and points stay.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, n_frames: usize, prompts: &[Prompt]) -> Result<(), Error> {
    let entry = |p: &Prompt| Entry {
        frame: p.frame,
        object: p.object,
        points: [(&p.positive, true), (&p.negative, false)]
            .into_iter()
            .flat_map(|(points, positive)| points.iter().map(move |p| Point { y: p.y, x: p.x, positive }))
            .collect(),
        bounds: p.bounds.map(|b| Corners { y0: b.from.y, x0: b.from.x, y1: b.to.y, x1: b.to.x }),
        mask: None,
    };
    let document = Document { frames: n_frames, prompts: prompts.iter().map(entry).collect() };
    let text = serde_json::to_string_pretty(&document)
        .map_err(|e| Error::refused("write", path, "prompts with finite coordinates", e.to_string()))?;
    crate::atomic::write_atomic(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn prompts_survive_writing_and_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("提示.json");
        let mask = Mask::of_pixels([(3, 4), (3, 5), (4, 5)]).unwrap();
        let prompts = vec![Prompt::of_mask(2, 1, &mask), Prompt::of_mask(0, 7, &mask)];
        write(&path, 9, &prompts).unwrap();
        assert_eq!(read(&path, 9).unwrap(), prompts);
        assert!(read(&path, 8).unwrap_err().to_string().contains("8 frames"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        for (prompts, told) in [
            (r#"[{"frame": 5, "object": 1}]"#, "frame 5"),
            (r#"[{"frame": 1, "object": 0}]"#, "object 0"),
            (r#"[{"frame": 1, "object": 1, "point": []}]"#, "point"),
            (r#"[{"frame": 1, "object": 1, "mask": "absent.png"}]"#, "absent.png"),
            ("7", "JSON"),
        ] {
            std::fs::write(&path, format!(r#"{{"frames": 5, "prompts": {prompts}}}"#)).unwrap();
            let error = read(&path, 5).unwrap_err().to_string();
            assert!(error.contains(told), "{prompts}: {error}");
        }
    }
}
