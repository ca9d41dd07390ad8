//! New labels of an image beside those that are there.

use super::masks::{MaskError, annotation_of, instances_of, painted};
use super::{Annotation, BACKGROUND, Object};
use crate::instance::Instance;
use crate::outline::outlines;
use crate::polygon::fill;
use ndarray::Array2;
use sparkwave_core::mask::Mask;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Which labels that are there give way to new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// None: only images without labels get some.
    #[default]
    Fill,
    /// Those that no person has seen.
    Unverified,
    /// All.
    All,
}

/// The labels of an image of `(height, width)` pixels after objects were followed through it: `None` if those that are there
/// stay as they are. Where they give way, it is only for the objects that were `followed` (group and category), whether they
/// are in the image or not. These lie above the other objects, which keep polygons, layers, notes and all fields that are not
/// understood here; only those that a followed one covers or encloses, if in part, are drawn anew beside it. What is drawn anew
/// keeps notes, crowd marks and such fields of the part that it was. The result is marked as propagated.
///
/// # Errors
/// If objects overlap or reach beyond the image.
pub fn merge(
    existing: Option<&Annotation>,
    image_name: &str,
    size: (usize, usize),
    found: &[Instance],
    followed: &BTreeSet<(u32, String)>,
    policy: Merge,
) -> Result<Option<Annotation>, MaskError> {
    let Some(existing) = existing else {
        let mut fresh = annotation_of(image_name, size, found)?;
        fresh.mark_propagated();
        return Ok(Some(fresh));
    };
    let gives_way = match policy {
        Merge::Fill => false,
        Merge::Unverified => existing.is_propagated(),
        Merge::All => true,
    };
    if !gives_way {
        return Ok(None);
    }
    let mut merged = existing.clone();
    merged.objects = without(&existing.objects, size, followed);
    let mut others = instances_of(&merged)?;
    let mut anew = found.to_vec();
    let mut redrawn = BTreeSet::new();
    loop {
        // The holes of what is drawn anew take away what lies beneath, so what is enclosed is drawn anew as well.
        let covered = enclosed(&anew, size);
        let meets = |other: &Instance| other.mask.pixels().any(|at| covered.get(at) == Some(&true));
        let (meeting, apart): (Vec<_>, Vec<_>) = others.into_iter().partition(meets);
        if meeting.is_empty() {
            break;
        }
        others = apart;
        for other in meeting {
            redrawn.insert((other.group, other.category.clone()));
            let free = other.mask.pixels().filter(|&(y, x)| !anew.iter().any(|taken| taken.mask.contains(y, x)));
            let mask = Mask::of_pixels(free.collect::<Vec<_>>());
            anew.extend(mask.map(|mask| Instance { mask, ..other }));
        }
    }
    merged.objects = without(&merged.objects, size, &redrawn);
    let top = merged.objects.iter().map(|object| object.layer).fold(0.0, f64::max);
    for mut object in annotation_of(&existing.info.name, size, &anew)?.objects {
        object.layer += top;
        if let Some(old) = part_of(&object, &existing.objects, size) {
            (object.note, object.iscrowd, object.rest) = (old.note.clone(), old.iscrowd, old.rest.clone());
        }
        merged.objects.push(object);
    }
    merged.mark_propagated();
    Ok(Some(merged))
}

/// The pixels that a polygon covers.
fn pixels_of(object: &Object, size: (usize, usize)) -> Array2<bool> {
    let mut image = Array2::from_elem(size, false);
    fill(&object.segmentation, &mut image, true);
    image
}

fn shared(a: &Array2<bool>, b: &Array2<bool>) -> usize {
    a.iter().zip(b).filter(|(a, b)| **a && **b).count()
}

/// The pixels of masks and of their holes.
fn enclosed(instances: &[Instance], size: (usize, usize)) -> Array2<bool> {
    let mut image = Array2::from_elem(size, false);
    for outline in instances.iter().flat_map(|instance| outlines(&instance.mask)) {
        fill(&outline.outer, &mut image, true);
    }
    image
}

/// The polygons that are not of the objects that are `gone`. A hole goes with them if it was cut out of nothing else.
fn without(objects: &[Object], size: (usize, usize), gone: &BTreeSet<(u32, String)>) -> Vec<Object> {
    let [mut all, mut rest] = [0, 1].map(|_| Array2::from_elem(size, false));
    let mut stays = vec![true; objects.len()];
    for (i, object) in painted(objects) {
        let is_hole = object.category == BACKGROUND;
        stays[i] = if is_hole {
            let hole = pixels_of(object, size);
            shared(&hole, &all) == 0 || shared(&hole, &rest) > 0
        } else {
            !gone.contains(&(object.group, object.category.clone()))
        };
        fill(&object.segmentation, &mut all, !is_hole);
        if stays[i] {
            fill(&object.segmentation, &mut rest, !is_hole);
        }
    }
    objects.iter().zip(stays).filter(|(_, stays)| *stays).map(|(object, _)| object.clone()).collect()
}

/// The part of the same object that shares the most pixels with this one, the first of equals; `None` for holes.
fn part_of<'a>(part: &Object, objects: &'a [Object], size: (usize, usize)) -> Option<&'a Object> {
    let pixels = pixels_of(part, size);
    let same = |o: &&Object| o.category != BACKGROUND && (o.group, &o.category) == (part.group, &part.category);
    objects.iter().filter(same).min_by_key(|o| Reverse(shared(&pixels, &pixels_of(o, size))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::{Strategy, prop};

    fn instance(category: &str, group: u32, columns: std::ops::Range<usize>) -> Instance {
        let mask = Mask::of_pixels(columns.flat_map(|x| (2..6).map(move |y| (y, x)))).unwrap();
        Instance { category: category.into(), group, mask }
    }

    #[test]
    fn only_what_was_followed_gives_way_and_nothing_else_is_lost() {
        let size = (10, 20);
        let mut old = annotation_of("旧.tiff", size, &[instance("a", 1, 0..4), instance("b", 2, 6..12)]).unwrap();
        old.info.note = "seen twice".into();
        old.rest.insert("version".into(), 7.into());
        old.objects.iter_mut().filter(|o| o.group == 1).for_each(|o| drop(o.rest.insert("score".into(), 0.5.into())));
        let followed = BTreeSet::from([(1, "a".to_owned())]);
        let new = [instance("a", 1, 3..8)];
        let merged = |policy, old: Option<&Annotation>| merge(old, "n.tiff", size, &new, &followed, policy).unwrap();
        assert_eq!((merged(Merge::Fill, Some(&old)), merged(Merge::Unverified, Some(&old))), (None, None));
        let all = merged(Merge::All, Some(&old)).unwrap();
        let found = instances_of(&all).unwrap();
        assert_eq!(found, [instance("a", 1, 3..8), instance("b", 2, 8..12)]);
        assert_eq!((&all.info.name, &all.info.note, &all.rest), (&old.info.name, &old.info.note, &old.rest));
        assert!(all.is_propagated() && all.objects.iter().any(|o| o.rest.get("score") == Some(&0.5.into())));
        // What a program wrote may be replaced by a program.
        let again = merged(Merge::Unverified, Some(&all)).unwrap();
        assert_eq!(instances_of(&again).unwrap(), found);
        assert_eq!(merged(Merge::Fill, None).unwrap().info.name, "n.tiff");
    }

    const SIZE: (usize, usize) = (10, 40);

    /// A polygon of four rows, with a note and a field of its own.
    fn part(category: &str, group: u32, [from, to]: [f64; 2], layer: f64, note: &str) -> Object {
        Object {
            category: category.into(),
            group,
            segmentation: vec![[from, 1.75], [to, 1.75], [to, 5.25], [from, 5.25]],
            layer,
            iscrowd: false,
            note: note.into(),
            rest: serde_json::Map::from_iter([("by".to_owned(), note.into())]),
        }
    }

    /// An object `a` in two parts, one `b` in two parts of which the first has a hole, and a `c` too small for a pixel.
    fn by_hand() -> Annotation {
        let mut annotation = annotation_of("a.tiff", SIZE, &[]).unwrap();
        annotation.objects = vec![
            part("b", 2, [9.75, 14.25], 9.5, "left"),
            part("a", 1, [0.0, 3.0], 1.0, "first"),
            part(BACKGROUND, 0, [12.0, 13.0], 10.0, "hole"),
            part("b", 2, [20.0, 24.0], 3.0, "right"),
            part("a", 1, [5.0, 7.0], 2.0, "second"),
            part("c", 3, [30.25, 30.5], 4.0, "tiny"),
        ];
        annotation
    }

    fn put(old: &Annotation, found: &[Instance]) -> Annotation {
        let followed = BTreeSet::from([(1, "a".to_owned())]);
        merge(Some(old), "n.tiff", SIZE, found, &followed, Merge::All).unwrap().unwrap()
    }

    #[test]
    fn what_was_not_followed_stays_as_a_person_drew_it() {
        let old = by_hand();
        let found = [instance("a", 1, 2..6)];
        let merged = put(&old, &found);
        let kept: Vec<&Object> = old.objects.iter().filter(|o| o.group != 1).collect();
        assert_eq!(merged.objects[..4].iter().collect::<Vec<_>>(), kept);
        assert!(merged.objects.len() == 5 && merged.objects[4].layer > 10.0);
        assert_eq!(instances_of(&merged).unwrap()[0], found[0]);
        // Nothing piles up.
        assert_eq!(put(&merged, &found), merged);
    }

    #[test]
    fn what_is_drawn_anew_keeps_what_was_said_of_each_part() {
        let found = [instance("a", 1, 4..8), instance("a", 1, 13..22)];
        let mask = Mask::of_pixels(found.iter().flat_map(|i| i.mask.pixels())).unwrap();
        let merged = put(&by_hand(), &[Instance { mask, ..found[0].clone() }]);
        let mut said: Vec<_> = merged.objects.iter().map(|o| (o.category.as_str(), o.note.as_str())).collect();
        said.sort_unstable();
        assert_eq!(said, [("a", "first"), ("a", "second"), ("b", "left"), ("b", "right"), ("c", "tiny")]);
        assert!(merged.objects.iter().all(|o| o.rest["by"] == o.note.as_str()));
        let columns: Vec<usize> =
            instances_of(&merged).unwrap()[1].mask.pixels().filter(|at| at.0 == 3).map(|at| at.1).collect();
        assert_eq!(columns, [10, 11, 22, 23, 24]);
    }

    #[test]
    fn an_object_within_a_followed_one_is_not_painted_over() {
        let block = |category: &str, group, inside: &dyn Fn(usize, usize) -> bool| {
            let pixels = (0..10).flat_map(|y| (0..20).map(move |x| (y, x))).filter(|&(y, x)| inside(y, x));
            Instance { category: category.into(), group, mask: Mask::of_pixels(pixels).unwrap() }
        };
        let ring = |at: usize| {
            move |y: usize, x: usize| {
                [y.abs_diff(4), x.abs_diff(at)].into_iter().max().is_some_and(|d| d == 3 || d == 4)
            }
        };
        let spot = block("b", 2, &|y, x| (3..6).contains(&y) && (8..10).contains(&x));
        let mut old = annotation_of("a", SIZE, &[block("a", 1, &ring(8)), spot.clone()]).unwrap();
        old.objects.iter_mut().filter(|o| o.group == 2).for_each(|o| o.note = "spot".into());
        let found = [block("a", 1, &ring(9))];
        let merged = put(&old, &found);
        assert_eq!(instances_of(&merged).unwrap(), [found[0].clone(), spot]);
        assert_eq!(merged.objects.iter().filter(|o| o.note == "spot").count(), 1);
        assert_eq!(merged.objects.len(), old.objects.len(), "the old hole is gone with its ring");
    }

    fn labels() -> impl Strategy<Value = ndarray::Array2<u8>> {
        let pixels = prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 1, 1, 2, 3]), 9 * 11);
        pixels.prop_map(|pixels| ndarray::Array2::from_shape_vec((9, 11), pixels).unwrap())
    }

    fn instances(labels: &ndarray::Array2<u8>) -> Vec<Instance> {
        let of = |id: u8| {
            let mask = Mask::of_image(&labels.mapv(|label| label == id))?;
            Some(Instance { category: "wave".into(), group: u32::from(id), mask })
        };
        (1..=3).filter_map(of).collect()
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 500, ..Default::default() })]

        #[test]
        fn pixels_are_of_the_followed_object_or_of_whom_they_were(before in labels(), now in labels()) {
            let old = annotation_of("a", (9, 11), &instances(&before)).unwrap();
            let found = instances(&now.mapv(|label| u8::from(label == 1)));
            let followed = BTreeSet::from([(1, "wave".to_owned())]);
            let merged = merge(Some(&old), "a", (9, 11), &found, &followed, Merge::All).unwrap().unwrap();
            let expected = ndarray::Array2::from_shape_fn((9, 11), |at| match (now[at], before[at]) {
                (1, _) => 1,
                (_, 1) => 0,
                (_, other) => other,
            });
            proptest::prop_assert_eq!(instances_of(&merged).unwrap(), instances(&expected));
        }
    }
}
