//! Prompts as JSON: what to follow, and from where.
//!
//! `{"frames": N, "prompts": [{"frame": 0, "object": 1, "points": [{"y": 10.0, "x": 12.0, "positive": true}],
//! "box": {"y0": .., "x0": .., "y1": .., "x1": ..}, "mask": "file.png"}]}`: every field but `frame` and `object` may be
//! absent, but not all. A mask is a grey image beside the file whose pixels above zero are the object. One that a person has seen
//! to be right is `"verified": true`; a mask alone is, unless it says `false`, and one beside points or a box only if it says so.
//! Labels of ISAT are prompts as well ([`isat`]).

pub mod isat;

use crate::error::Error;
use crate::limits::{MAX_METADATA_BYTES, read_text};
use ndarray::Axis;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::{PointYx, Span};
use sparkwave_core::mask::Mask;
use sparkwave_core::movie::MovieShape;
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
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

/// Reads prompts for a recording of frames `[T, Y, X]` of this shape; for waves a frame is an interval.
///
/// # Errors
/// If the file cannot be read, is no such JSON, is for another number of frames, or has a prompt that says nothing, is verified
/// without a mask, or names a frame beyond the last, an object 0, a point or a whole box beside the image, a corner beyond the
/// numbers of 32 bits, or a mask that cannot be read, is empty or of another size.
pub fn read(path: &Path, shape: MovieShape) -> Result<Vec<Prompt>, Error> {
    let MovieShape { n_frames, height, width } = shape;
    let text = read_text(path, MAX_METADATA_BYTES)?;
    let document: Document =
        serde_json::from_str(&text).map_err(|e| Error::refused("read", path, "prompts as JSON", e.to_string()))?;
    if document.frames != n_frames {
        let (expected, found) = (format!("prompts for {n_frames} frames"), format!("\"frames\": {}", document.frames));
        return Err(Error::refused("read", path, expected, found));
    }
    // Pixel centres are integers; NaN and infinity are in no image.
    let (bottom, right) = (height as f64 - 0.5, width as f64 - 0.5);
    let in_image = |p: &Point| (-0.5..bottom).contains(&p.y) && (-0.5..right).contains(&p.x);
    let n_prompts = document.prompts.len();
    let mut prompts = Vec::with_capacity(n_prompts);
    for (entry, i) in document.prompts.into_iter().zip(1..) {
        let Entry { frame, object, .. } = entry;
        let refused = |expected: String, found: String| {
            let which = format!("prompt {i} of {n_prompts} (frame {frame}, object {object})");
            Error::refused("read", path, expected, format!("{found} in {which}"))
        };
        if frame >= n_frames || object == 0 {
            let found = format!("frame {frame}, object {object}");
            return Err(refused(format!("a frame below {n_frames} and an object above 0"), found));
        }
        let is_pointed_at = !entry.points.is_empty() || entry.bounds.is_some();
        if !is_pointed_at && entry.mask.is_none() {
            return Err(refused("points, a box or a mask".into(), "none".into()));
        }
        let verified = entry.verified.unwrap_or(entry.mask.is_some() && !is_pointed_at);
        if verified && entry.mask.is_none() {
            return Err(refused("a mask beside \"verified\": true".into(), "none".into()));
        }
        let beside = |what: String| refused(format!("places in an image of {height} x {width} pixels"), what);
        if let Some(p) = entry.points.iter().find(|p| !in_image(p)) {
            return Err(beside(format!("a point at y {}, x {}", p.y, p.x)));
        }
        let bounds = entry.bounds.as_ref().map(|b| Bounds {
            from: PointYx { y: b.y0.min(b.y1), x: b.x0.min(b.x1) },
            to: PointYx { y: b.y0.max(b.y1), x: b.x0.max(b.x1) },
        });
        // The networks, which get them as they are, count in numbers of 32 bits.
        let is_near = |b: &Bounds| [b.from.y, b.from.x, b.to.y, b.to.x].iter().all(|v| (*v as f32).is_finite());
        let meets =
            |b: &Bounds| is_near(b) && b.from.y < bottom && b.from.x < right && b.to.y >= -0.5 && b.to.x >= -0.5;
        if let Some(b) = bounds.filter(|b| !meets(b)) {
            return Err(beside(format!("a box from y {}, x {} to y {}, x {}", b.from.y, b.from.x, b.to.y, b.to.x)));
        }
        let at = |positive: bool| -> Vec<PointYx> {
            let chosen = entry.points.iter().filter(|p| p.positive == positive);
            chosen.map(|p| PointYx { y: p.y, x: p.x }).collect()
        };
        let mask = entry.mask.as_deref().map(|name| read_mask(path, name, (height, width))).transpose()?;
        let (positive, negative) = (at(true), at(false));
        prompts.push(Prompt { frame, object, positive, negative, bounds, mask, verified });
    }
    Ok(prompts)
}

fn read_mask(prompts: &Path, name: &str, (height, width): (usize, usize)) -> Result<Mask, Error> {
    let path = prompts.parent().unwrap_or(Path::new("")).join(name);
    let source = crate::open(&path)?;
    let shape = source.shape();
    let expected = format!("a mask of {height} x {width} pixels, some of them above zero");
    if (shape.height, shape.width) != (height, width) {
        return Err(Error::refused("read", &path, expected, format!("{} x {} pixels", shape.height, shape.width)));
    }
    let pixels = source
        .read(Span::new(0, 1), Span::new(0, height))
        .map_err(|e| Error::refused("read", &path, "a mask", e.to_string()))?
        .to_f32();
    Mask::of_image(&pixels.index_axis(Axis(0), 0).mapv(|v| v > 0.0))
        .ok_or_else(|| Error::refused("read", &path, expected, "none above zero"))
}

/// Writes prompts for a recording of `n_frames` frames; masks in them are left out, and with them that they are verified; boxes and
/// points stay.
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
        verified: None,
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

    fn shape(n_frames: usize) -> MovieShape {
        MovieShape { n_frames, height: 20, width: 30 }
    }

    #[test]
    fn prompts_survive_writing_and_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("提示.json");
        let mask = Mask::of_pixels([(3, 4), (3, 5), (4, 5)]).unwrap();
        let prompts = vec![Prompt::of_mask(2, 1, &mask), Prompt::of_mask(0, 7, &mask)];
        // What was verified was the mask, which is not written.
        let verified = Prompt { verified: true, mask: Some(mask), ..prompts[1].clone() };
        write(&path, 9, &[prompts[0].clone(), verified]).unwrap();
        assert_eq!(read(&path, shape(9)).unwrap(), prompts);
        assert!(read(&path, shape(8)).unwrap_err().to_string().contains("8 frames"));
    }

    #[test]
    fn a_mask_alone_is_verified_unless_it_says_no() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        let mask = ndarray::Array2::from_elem((20, 30), 255);
        crate::png::write_gray8(&folder.path().join("m.png"), mask.view()).unwrap();
        let text = r#"{"frames": 2, "prompts": [{"frame": 0, "object": 1, "mask": "m.png"},
            {"frame": 1, "object": 1, "mask": "m.png", "verified": false},
            {"frame": 1, "object": 2, "points": [{"y": 1, "x": 1}]},
            {"frame": 1, "object": 3, "mask": "m.png", "points": [{"y": 1, "x": 1}]},
            {"frame": 1, "object": 4, "mask": "m.png", "box": {"y0": 1, "x0": 1, "y1": 2, "x1": 2}},
            {"frame": 0, "object": 2, "mask": "m.png", "points": [{"y": 1, "x": 1}], "verified": true}]}"#;
        std::fs::write(&path, text).unwrap();
        let verified: Vec<bool> = read(&path, shape(2)).unwrap().iter().map(|p| p.verified).collect();
        assert_eq!(verified, [true, false, false, false, false, true]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        let gray = |name: &str, size: (usize, usize)| {
            crate::png::write_gray8(&folder.path().join(name), ndarray::Array2::zeros(size).view()).unwrap();
        };
        gray("empty.png", (20, 30));
        gray("other.png", (30, 20));
        for (prompts, told) in [
            (r#"[{"frame": 5, "object": 1}]"#, "frame 5"),
            (r#"[{"frame": 1, "object": 0}]"#, "object 0"),
            (r#"[{"frame": 1, "object": 1, "point": []}]"#, "point"),
            (r#"[{"frame": 1, "object": 1, "mask": "absent.png"}]"#, "absent.png"),
            (r#"[{"frame": 1, "object": 1, "mask": "empty.png"}]"#, "empty.png"),
            (r#"[{"frame": 1, "object": 1, "mask": "other.png"}]"#, "30 x 20"),
            (r#"[{"frame": 1, "object": 1, "points": [{"y": 19.4, "x": 29.5}]}]"#, "a point at y 19.4, x 29.5"),
            (r#"[{"frame": 1, "object": 1, "points": [{"y": -1, "x": 3, "positive": false}]}]"#, "y -1, x 3"),
            (r#"[{"frame": 1, "object": 1, "box": {"y0": 40, "x0": 0, "y1": 20, "x1": 9}}]"#, "from y 20, x 0"),
            ("7", "JSON"),
            (r#"[{"frame": 1, "object": 1}]"#, "none in prompt 1 of 1 (frame 1, object 1)"),
            (r#"[{"frame": 1, "object": 1, "points": [], "verified": false}]"#, "points, a box or a mask"),
            (
                r#"[{"frame": 0, "object": 1, "box": {"y0": 0, "x0": 0, "y1": 9, "x1": 9}},
                    {"frame": 1, "object": 3, "box": {"y0": -1e39, "x0": 0, "y1": 9, "x1": 9}}]"#,
                "prompt 2 of 2 (frame 1, object 3)",
            ),
            (r#"[{"frame": 1, "object": 1, "points": [{"y": 1, "x": 1}], "verified": true}]"#, "a mask beside"),
        ] {
            std::fs::write(&path, format!(r#"{{"frames": 5, "prompts": {prompts}}}"#)).unwrap();
            let error = read(&path, shape(5)).unwrap_err().to_string();
            assert!(error.contains(told), "{prompts}: {error}");
        }
    }
}
