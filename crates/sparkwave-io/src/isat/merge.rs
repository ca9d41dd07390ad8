//! New labels of an image beside those that are there.

use super::masks::{MaskError, annotation_of, instances_of};
use super::{Annotation, BACKGROUND, Object};
use crate::instance::Instance;
use sparkwave_core::mask::Mask;
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
/// are in the image or not; other objects stay but for pixels that are now of a followed one, and so do notes, crowd marks
/// and all fields that are not understood here. The result is marked as propagated.
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
    let mut all = found.to_vec();
    for other in instances_of(existing)? {
        if followed.contains(&(other.group, other.category.clone())) {
            continue;
        }
        // Objects of a file that we write do not overlap.
        let free = other.mask.pixels().filter(|&(y, x)| !all.iter().any(|taken| taken.mask.contains(y, x)));
        let mask = Mask::of_pixels(free.collect::<Vec<_>>());
        all.extend(mask.map(|mask| Instance { mask, ..other }));
    }
    let mut merged = annotation_of(&existing.info.name, size, &all)?;
    for object in merged.objects.iter_mut().filter(|o| o.category != BACKGROUND) {
        let same = |o: &&Object| (o.group, &o.category) == (object.group, &object.category);
        if let Some(old) = existing.objects.iter().find(same) {
            (object.note, object.iscrowd, object.rest) = (old.note.clone(), old.iscrowd, old.rest.clone());
        }
    }
    merged.info = existing.info.clone();
    merged.rest = existing.rest.clone();
    merged.mark_propagated();
    Ok(Some(merged))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
}
