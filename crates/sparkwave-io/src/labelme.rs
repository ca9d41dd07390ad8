//! Labels of single images in the JSON of LabelMe.
//!
//! Pieces of an object without holes are polygons through the centres of their boundary pixels, which LabelMe draws with
//! the boundary; a piece with holes, which its polygons cannot tell, is a bitmap (`"mask"`, LabelMe 5.2 and later).

use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::instance::Instance;
use crate::outline::outlines;
use crate::png;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::{Value, json};
use std::path::Path;

/// Version of the layout, which LabelMe compares with its own.
const VERSION: &str = "5.5.0";

/// Writes the labels of an image of `(height, width)` pixels beside it; `image_name` is its file name. The image is not
/// copied into the file.
///
/// # Errors
/// If the file cannot be written.
pub fn write(
    path: &Path,
    image_name: &str,
    (height, width): (usize, usize),
    instances: &[Instance],
) -> Result<(), Error> {
    let mut shapes = Vec::new();
    for instance in instances {
        shapes.extend(shapes_of(instance).map_err(|e| Error::refused("write", path, "a bitmap", e))?);
    }
    let document = json!({
        "version": VERSION, "flags": {}, "shapes": shapes, "imagePath": image_name, "imageData": null,
        "imageHeight": height, "imageWidth": width,
    });
    let mut file = AtomicFile::create(path)?;
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"  ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut file, formatter);
    document.serialize(&mut serializer).map_err(|e| Error::io("write", path, e.into()))?;
    file.finish()
}

fn shapes_of(instance: &Instance) -> Result<Vec<Value>, String> {
    let outlines = outlines(&instance.mask);
    if outlines.iter().all(|outline| outline.holes.is_empty()) {
        let polygons = outlines.into_iter().map(|outline| shape(instance, "polygon", json!(outline.outer), None));
        return Ok(polygons.collect());
    }
    let mask = &instance.mask;
    let (height, width) = mask.bits().dim();
    let (y0, x0) = (mask.y0(), mask.x0());
    let bytes = png::encode_gray8(mask.bits().mapv(|inside| if inside { 255 } else { 0 }).view())?;
    let corners = json!([[x0, y0], [x0 + width - 1, y0 + height - 1]]);
    Ok(vec![shape(instance, "mask", corners, Some(STANDARD.encode(bytes)))])
}

fn shape(instance: &Instance, shape_type: &str, points: Value, mask: Option<String>) -> Value {
    // LabelMe shows groups that are not null; ours count from 1.
    let group = (instance.group > 0).then_some(instance.group);
    json!({
        "label": instance.category, "points": points, "group_id": group, "description": "", "shape_type": shape_type,
        "flags": {}, "mask": mask,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::polygon::fill;
    use ndarray::Array2;
    use sparkwave_core::mask::Mask;

    #[test]
    fn shapes_cover_the_masks() {
        let image =
            |inside: &dyn Fn(i64, i64) -> bool| Array2::from_shape_fn((30, 40), |(y, x)| inside(y as i64, x as i64));
        let disc = image(&|y, x| (y - 8).pow(2) + (x - 9).pow(2) <= 40 || (y == 25 && x > 30));
        let ring = image(&|y, x| (30..90).contains(&((y - 15).pow(2) + (x - 25).pow(2))));
        let of = |category: &str, group, image: &Array2<bool>| Instance {
            category: category.into(),
            group,
            mask: Mask::of_image(image).unwrap(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, "a.tiff", (30, 40), &[of("1", 0, &disc), of("1-2", 2, &ring)]).unwrap();
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let shapes = document["shapes"].as_array().unwrap();
        let kinds: Vec<&str> = shapes.iter().map(|s| s["shape_type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["polygon", "polygon", "mask"]);
        assert_eq!((&shapes[0]["group_id"], &shapes[2]["group_id"]), (&Value::Null, &json!(2)));
        let mut drawn = Array2::from_elem((30, 40), false);
        for shape in &shapes[..2] {
            let points: Vec<[f64; 2]> = serde_json::from_value(shape["points"].clone()).unwrap();
            fill(&points, &mut drawn, true);
        }
        assert_eq!(drawn, disc);
        let bytes = STANDARD.decode(shapes[2]["mask"].as_str().unwrap()).unwrap();
        std::fs::write(folder.path().join("m.png"), bytes).unwrap();
        let png::Image::Gray8(bitmap) = png::read(&folder.path().join("m.png")).unwrap() else { panic!() };
        let mask = Mask::of_image(&ring).unwrap();
        assert_eq!(bitmap.mapv(|v| v == 255), mask.bits());
        let corners: Vec<[usize; 2]> = serde_json::from_value(shapes[2]["points"].clone()).unwrap();
        assert_eq!(corners[0], [mask.x0(), mask.y0()]);
        assert_eq!(corners[1], [mask.x0() + bitmap.ncols() - 1, mask.y0() + bitmap.nrows() - 1]);
    }
}
