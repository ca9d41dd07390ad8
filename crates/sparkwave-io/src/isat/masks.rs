//! From masks to the polygons of an annotation and back.

use super::{Annotation, BACKGROUND, Info, Object};
use crate::instance::Instance;
use crate::limits::{MAX_FRAME_BYTES, checked_bytes};
use crate::outline::{Outline, outlines};
use crate::polygon::fill;
use ndarray::Array2;
use serde_json::Map;
use sparkwave_core::mask::Mask;
use std::collections::{BTreeMap, BTreeSet};

/// Why masks and polygons cannot be turned into each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// Two masks claim one pixel, which the layers of a file cannot tell.
    #[error("two objects share the pixel at row {y}, column {x}")]
    Overlap {
        /// Row, px.
        y: usize,
        /// Column, px.
        x: usize,
    },
    /// A mask reaches beyond the image.
    #[error("an object reaches beyond the image of {height} x {width} pixels")]
    Outside {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
    /// The category has the name of holes.
    #[error("an object cannot be called {BACKGROUND}")]
    Background,
    /// The image is larger than a frame may be.
    #[error("an image of {height} x {width} pixels is too large")]
    TooLarge {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
}

/// The annotation of an RGB image: polygons for each object, holes as `__background__` above it, larger pieces below
/// smaller ones. [`instances_of`] gives the very same masks.
///
/// # Errors
/// If masks overlap or reach beyond the image.
pub fn annotation_of(
    image_name: &str,
    (height, width): (usize, usize),
    instances: &[Instance],
) -> Result<Annotation, MaskError> {
    check(height, width, instances)?;
    let mut pieces: Vec<(&Instance, Outline)> =
        instances.iter().flat_map(|i| outlines(&i.mask).into_iter().map(move |outline| (i, outline))).collect();
    // What is enclosed is smaller than what encloses it. A stable sort: others keep their order.
    pieces.sort_by_key(|(_, outline)| std::cmp::Reverse(outline.n_filled));
    let mut objects: Vec<Object> = Vec::new();
    let mut layer = 0.0;
    for (instance, outline) in pieces {
        layer += 1.0;
        objects.push(object(&instance.category, instance.group, outline.outer, layer));
        if !outline.holes.is_empty() {
            layer += 1.0;
            objects.extend(outline.holes.into_iter().map(|hole| object(BACKGROUND, 0, hole, layer)));
        }
    }
    let info = Info {
        description: "ISAT".into(),
        folder: String::new(),
        name: image_name.into(),
        width,
        height,
        depth: Some(3),
        note: String::new(),
        rest: Map::new(),
    };
    Ok(Annotation { info, objects, rest: Map::new() })
}

/// For an image of numbers of 32 bits.
fn check_size(height: usize, width: usize) -> Result<(), MaskError> {
    let fits = checked_bytes(&[height as u64, width as u64], 4, MAX_FRAME_BYTES).is_some();
    if fits { Ok(()) } else { Err(MaskError::TooLarge { height, width }) }
}

fn check(height: usize, width: usize, instances: &[Instance]) -> Result<(), MaskError> {
    check_size(height, width)?;
    let mut taken = Array2::from_elem((height, width), false);
    for instance in instances {
        if instance.category == BACKGROUND {
            return Err(MaskError::Background);
        }
        for (y, x) in instance.mask.pixels() {
            let taken = taken.get_mut((y, x)).ok_or(MaskError::Outside { height, width })?;
            if std::mem::replace(taken, true) {
                return Err(MaskError::Overlap { y, x });
            }
        }
    }
    Ok(())
}

fn object(category: &str, group: u32, segmentation: crate::polygon::Points, layer: f64) -> Object {
    let (category, note) = (category.to_string(), String::new());
    Object { category, group, segmentation, layer, iscrowd: false, note, rest: Map::new() }
}

/// The polygons, and where they stand in the file, in the order in which they are painted: by layer, those of one layer as in the
/// file.
pub(super) fn painted(objects: &[Object]) -> Vec<(usize, &Object)> {
    let mut polygons: Vec<(usize, &Object)> = objects.iter().enumerate().collect();
    polygons.sort_by(|a, b| a.1.layer.total_cmp(&b.1.layer));
    polygons
}

/// The objects of an annotation, in the order of group and category. A pixel is of the polygon that is painted last, of
/// nothing if that is a hole; so objects do not overlap. Those of which no pixel is to be seen are left out.
///
/// # Errors
/// If the image is larger than a frame may be.
pub fn instances_of(annotation: &Annotation) -> Result<Vec<Instance>, MaskError> {
    let Info { height, width, .. } = annotation.info;
    check_size(height, width)?;
    let objects = annotation.objects.iter().filter(|o| o.category != BACKGROUND);
    let ids: BTreeSet<(u32, &str)> = objects.map(|o| (o.group, o.category.as_str())).collect();
    let numbers: BTreeMap<(u32, &str), u32> = ids.into_iter().zip(1..).collect();
    let mut image = Array2::zeros((height, width));
    for (_, polygon) in painted(&annotation.objects) {
        // Holes have no number.
        let number = numbers.get(&(polygon.group, polygon.category.as_str())).copied().unwrap_or(0);
        fill(&polygon.segmentation, &mut image, number);
    }
    let instance = |((group, category), number): ((u32, &str), u32)| {
        let mask = Mask::of_image(&image.mapv(|at| at == number))?;
        Some(Instance { category: category.into(), group, mask })
    };
    Ok(numbers.into_iter().filter_map(instance).collect())
}

/// Doubts about an annotation, as sentences: one category in several groups or the reverse, polygons of fewer than three
/// points, points beyond the image.
pub fn doubts(annotation: &Annotation) -> Vec<String> {
    let Info { height, width, .. } = annotation.info;
    let objects: Vec<&Object> = annotation.objects.iter().filter(|o| o.category != BACKGROUND).collect();
    let pairs: BTreeSet<(u32, &str)> = objects.iter().map(|o| (o.group, o.category.as_str())).collect();
    let groups: BTreeSet<u32> = pairs.iter().map(|pair| pair.0).collect();
    let categories: BTreeSet<&str> = pairs.iter().map(|pair| pair.1).collect();
    let mut doubts = Vec::new();
    for category in categories {
        let of = pairs.iter().filter(|pair| pair.1 == category).count();
        if of > 1 {
            doubts.push(format!("category {category:?} is in {of} groups"));
        }
    }
    for group in groups {
        let of = pairs.iter().filter(|pair| pair.0 == group).count();
        if of > 1 {
            doubts.push(format!("group {group} has {of} categories"));
        }
    }
    let n_short = objects.iter().filter(|o| o.segmentation.len() < 3).count();
    if n_short > 0 {
        doubts.push(format!("{n_short} polygons have fewer than 3 points"));
    }
    // Half a pixel more on either side, for points drawn by hand.
    let inside = |[x, y]: &[f64; 2]| (-0.5..=width as f64).contains(x) && (-0.5..=height as f64).contains(y);
    let n_beyond = objects.iter().filter(|o| !o.segmentation.iter().all(inside)).count();
    if n_beyond > 0 {
        doubts.push(format!("{n_beyond} polygons reach beyond the image"));
    }
    doubts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::{Strategy, prop};

    /// Masks from a picture of digits; 0 and `.` are background.
    fn instances(labels: &Array2<u8>) -> Vec<Instance> {
        let of = |id: u8| {
            let mask = Mask::of_image(&labels.mapv(|label| label == id))?;
            Some(Instance { category: format!("wave {id}"), group: u32::from(id), mask })
        };
        (1..=9).filter_map(of).collect()
    }

    fn labels(height: usize, width: usize) -> impl Strategy<Value = Array2<u8>> {
        let pixels = prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 1, 1, 2, 3]), height * width);
        pixels.prop_map(move |pixels| Array2::from_shape_vec((height, width), pixels).unwrap())
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 1000, ..Default::default() })]

        #[test]
        fn masks_come_back_as_they_were(labels in labels(9, 11)) {
            let instances = instances(&labels);
            let annotation = annotation_of("a.tiff", (9, 11), &instances).unwrap();
            proptest::prop_assert_eq!(instances_of(&annotation).unwrap(), instances);
        }

        #[test]
        fn painting_by_layers_gives_the_labels(labels in labels(10, 8)) {
            let annotation = annotation_of("a.tiff", (10, 8), &instances(&labels)).unwrap();
            let mut painted = Array2::from_elem((10, 8), 0u8);
            let layers: Vec<f64> = annotation.objects.iter().map(|o| o.layer).collect();
            proptest::prop_assert!(layers.is_sorted() && annotation.objects.iter().all(|o| o.segmentation.len() >= 3));
            for object in &annotation.objects {
                fill(&object.segmentation, &mut painted, object.group as u8);
            }
            proptest::prop_assert_eq!(painted, labels);
        }
    }

    #[test]
    fn what_lies_above_hides_what_lies_beneath() {
        let block = |category: &str, group, [from, to]: [f64; 2], layer| {
            object(category, group, vec![[from, 1.0], [to, 1.0], [to, 3.0], [from, 3.0]], layer)
        };
        let mut annotation = annotation_of("a", (6, 12), &[]).unwrap();
        // The largest layer is the first in the file; of equal layers the later polygon is above, and one is hidden whole.
        annotation.objects = vec![
            block("a", 1, [0.0, 5.0], 7.5),
            block("b", 2, [4.0, 8.0], 1.0),
            block("c", 3, [8.0, 10.0], 1.0),
            block("d", 4, [0.0, 2.0], 1.0),
        ];
        let found = instances_of(&annotation).unwrap();
        let columns: Vec<_> = found.iter().map(|i| (i.group, i.mask.x0(), i.mask.n_pixels() / 3)).collect();
        assert_eq!(columns, [(1, 0, 6), (2, 6, 2), (3, 8, 3)]);
    }

    #[test]
    fn what_a_file_cannot_hold_is_refused() {
        let at = |category: &str, y, x| Instance {
            category: category.into(),
            group: 1,
            mask: Mask::of_pixels([(y, x)]).unwrap(),
        };
        let of = |instances: &[Instance]| annotation_of("a", (4, 5), instances).unwrap_err();
        assert_eq!(of(&[at("a", 1, 2), at("b", 1, 2)]), MaskError::Overlap { y: 1, x: 2 });
        assert_eq!(of(&[at("a", 1, 5)]), MaskError::Outside { height: 4, width: 5 });
        assert_eq!(of(&[at(BACKGROUND, 1, 1)]), MaskError::Background);
        let mut annotation = annotation_of("a", (4, 5), &[]).unwrap();
        annotation.info.height = 1 << 31;
        assert!(matches!(instances_of(&annotation), Err(MaskError::TooLarge { .. })));
    }

    #[test]
    fn doubts_are_told() {
        let triangle = |category: &str, group, n: usize| {
            object(category, group, [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]][..n].to_vec(), 1.0)
        };
        let mut annotation = annotation_of("a", (4, 5), &[]).unwrap();
        annotation.objects = vec![triangle("a", 1, 3), triangle("b", 2, 3)];
        assert_eq!(doubts(&annotation), Vec::<String>::new());
        annotation.objects.extend([triangle("a", 2, 2), triangle(BACKGROUND, 0, 3)]);
        annotation.objects[0].segmentation[1] = [9.0, 0.0];
        let found = doubts(&annotation);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("\"a\" is in 2") && found[1].contains("group 2"));
    }
}
