//! What a person said: prompts of a file, or labels of ISAT.

use super::names::FrameNames;
use crate::error::Error;
use ndarray::Array2;
use sparkwave_core::axes::PointYx;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::prompt::Prompt;
use sparkwave_io::prompts;
use sparkwave_io::prompts::isat::{Labels, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a person said, in the order of frames.
pub(super) struct Said {
    pub(super) prompts: Vec<Prompt>,
    /// Frames in which everything that is to be seen was labelled, and their files.
    pub(super) labelled: BTreeMap<usize, PathBuf>,
    /// What objects are called, other than by their number.
    names: BTreeMap<u32, Name>,
}

/// What was said of an object in a frame, as one prompt, in the order of frames and objects: a point that lies outside says nothing
/// without the box beside it. Of two boxes or masks the later counts.
pub(super) fn joined<'a>(prompts: impl IntoIterator<Item = &'a Prompt>) -> Vec<Prompt> {
    let mut joined: BTreeMap<(usize, u32), Prompt> = BTreeMap::new();
    for prompt in prompts {
        joined
            .entry((prompt.frame, prompt.object))
            .and_modify(|before| {
                before.positive.extend(&prompt.positive);
                before.negative.extend(&prompt.negative);
                before.bounds = prompt.bounds.or(before.bounds);
                before.mask = prompt.mask.clone().or_else(|| before.mask.take());
                before.verified |= prompt.verified;
            })
            .or_insert_with(|| prompt.clone());
    }
    joined.into_values().collect()
}

/// What was said of an object in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Nothing,
    /// Where it is, by points, a box or a mask that nobody verified; whether a point in it is not in what was found.
    Pointed {
        is_left_out: bool,
    },
    /// Its mask, or that it is not there.
    Verified,
}

impl Said {
    /// Reads prompts as JSON, or labels of ISAT, a file or a folder.
    ///
    /// # Errors
    /// If a file is not what it should be, or does not fit the movie.
    pub(super) fn read(path: &Path, shape: MovieShape, frames: &FrameNames) -> Result<Self, Error> {
        let mut said = if prompts::isat::is_isat(path)? {
            let Labels { prompts, frames: labelled, names } =
                prompts::isat::read(path, shape, |name| frames.frame(name))?;
            Self { prompts, labelled, names }
        } else {
            Self { prompts: prompts::read(path, shape)?, labelled: BTreeMap::new(), names: BTreeMap::new() }
        };
        said.tell_absences();
        said.prompts.sort_by_key(|prompt| prompt.frame);
        match said.prompts.iter().find(|prompt| prompt.object > u32::from(u16::MAX)) {
            Some(prompt) => {
                let (expected, found) = ("numbers of objects up to 65535", prompt.object.to_string());
                Err(Error::Parameter { name: "prompts", expected, found })
            }
            None => Ok(said),
        }
    }

    #[cfg(test)]
    pub(super) fn of_prompts(prompts: Vec<Prompt>) -> Self {
        Self { prompts, labelled: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// In a frame that a person labelled, what has no label is not there.
    fn tell_absences(&mut self) {
        let there: BTreeSet<(usize, u32)> = self.prompts.iter().map(|prompt| (prompt.frame, prompt.object)).collect();
        let objects = self.objects();
        let all = self.labelled.keys().flat_map(|&frame| objects.iter().map(move |&object| (frame, object)));
        let absent = all.filter(|at| !there.contains(at)).map(|(frame, object)| Prompt::absence(frame, object));
        self.prompts.extend(absent.collect::<Vec<_>>());
    }

    /// The frames of which something was said, in any order.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        self.prompts.iter().map(|prompt| prompt.frame).chain(self.labelled.keys().copied())
    }

    /// The objects.
    pub(super) fn objects(&self) -> BTreeSet<u32> {
        self.prompts.iter().map(|prompt| prompt.object).collect()
    }

    /// What an object is called in labels of ISAT.
    pub(super) fn name(&self, object: u32) -> Name {
        let own = || Name { group: object, category: object.to_string() };
        self.names.get(&object).cloned().unwrap_or_else(own)
    }

    /// Whether something was said of an object in a frame, and whether it stands whatever is found.
    pub(super) fn of(&self, frame: usize, object: u32) -> (bool, bool) {
        let of = self.prompts.iter().filter(|prompt| (prompt.frame, prompt.object) == (frame, object));
        let (prompted, verified) = of.fold((false, false), |(_, verified), prompt| (true, verified | prompt.verified));
        (prompted, verified || self.labelled.contains_key(&frame))
    }

    /// What was said of an object in a frame, in which it is where `labels` say.
    pub(super) fn word(&self, frame: usize, object: u32, labels: &Array2<u32>) -> Word {
        let (prompted, verified) = self.of(frame, object);
        if verified {
            return Word::Verified;
        }
        if !prompted {
            return Word::Nothing;
        }
        let of = self.prompts.iter().filter(|prompt| (prompt.frame, prompt.object) == (frame, object));
        // Points are in the image: at -0.5 and beyond, rounded to a pixel of it.
        let is_inside = |p: &PointYx| labels.get((p.y.round() as usize, p.x.round() as usize)) == Some(&object);
        Word::Pointed { is_left_out: of.flat_map(|prompt| &prompt.positive).any(|point| !is_inside(point)) }
    }

    /// Puts the masks that a person verified over what was found in a frame. In a labelled frame there is nothing else.
    pub(super) fn lock(&self, frame: usize, labels: &mut Array2<u32>) {
        if self.labelled.contains_key(&frame) {
            labels.fill(0);
        }
        for prompt in self.prompts.iter().filter(|prompt| prompt.frame == frame && prompt.verified) {
            let Some(mask) = &prompt.mask else { continue };
            labels.iter_mut().filter(|label| **label == prompt.object).for_each(|label| *label = 0);
            for at in mask.pixels() {
                if let Some(label) = labels.get_mut(at) {
                    *label = prompt.object;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::mask::Mask;

    #[test]
    fn what_is_said_of_an_object_in_a_frame_counts_together() {
        let point = |y: f64| PointYx { y, x: 1.0 };
        let none = Prompt { verified: false, ..Prompt::absence(2, 1) };
        let inside = Prompt { positive: vec![point(1.0)], ..none.clone() };
        let outside = Prompt { negative: vec![point(5.0)], verified: true, ..none.clone() };
        let mask = Mask::of_pixels([(0, 0)]).expect("a pixel");
        let other = Prompt { frame: 0, ..Prompt::of_mask(0, 1, &mask) };
        let given = Prompt { mask: Some(mask), ..none.clone() };
        let together =
            Prompt { negative: vec![point(5.0)], mask: given.mask.clone(), verified: true, ..inside.clone() };
        assert_eq!(joined([&outside, &other, &inside, &given]), [other.clone(), together]);
        assert!(
            joined([&Prompt::absence(2, 1)])[0].is_absence()
                && !joined([&Prompt::absence(2, 1), &inside])[0].is_absence()
        );
    }

    #[test]
    fn what_is_verified_stands() {
        let mask = |columns: std::ops::Range<usize>| Mask::of_pixels(columns.map(|x| (0, x))).expect("pixels");
        let prompt = |frame, object, columns, verified| {
            let mask = mask(columns);
            Prompt { mask: Some(mask.clone()), verified, ..Prompt::of_mask(frame, object, &mask) }
        };
        let mut said = Said {
            prompts: vec![prompt(2, 1, 0..2, true), prompt(2, 2, 4..6, false), prompt(3, 2, 1..3, true)],
            labelled: BTreeMap::new(),
            names: BTreeMap::from([(2, Name { group: 0, category: "spot".into() })]),
        };
        let locked = |said: &Said, frame| {
            let mut labels = Array2::from_shape_vec((1, 6), vec![2, 2, 1, 1, 2, 3]).expect("six");
            said.lock(frame, &mut labels);
            labels.into_raw_vec_and_offset().0
        };
        assert_eq!(locked(&said, 2), [1, 1, 0, 0, 2, 3]);
        assert_eq!(locked(&said, 3), [0, 2, 2, 1, 0, 3]);
        assert_eq!(locked(&said, 4), [2, 2, 1, 1, 2, 3]);
        assert_eq!((said.of(2, 1), said.of(2, 2), said.of(2, 3)), ((true, true), (true, false), (false, false)));
        let kinds = |said: &Said, frame| {
            let labels = Array2::from_shape_vec((1, 6), vec![1, 1, 0, 2, 2, 0]).expect("six");
            [1, 2, 3].map(|object| said.word(frame, object, &labels))
        };
        assert_eq!(kinds(&said, 2), [Word::Verified, Word::Pointed { is_left_out: true }, Word::Nothing]);
        assert_eq!((said.name(1).category.as_str(), said.name(2).group), ("1", 0));
        said.labelled.insert(3, "3.json".into());
        assert_eq!((locked(&said, 3), said.of(3, 1)), (vec![0, 2, 2, 0, 0, 0], (false, true)));
        assert_eq!(said.objects().into_iter().collect::<Vec<_>>(), [1, 2]);
        said.tell_absences();
        let absent: Vec<&Prompt> = said.prompts.iter().filter(|prompt| prompt.is_absence()).collect();
        assert!(absent.len() == 1 && (absent[0].frame, absent[0].object) == (3, 1), "{absent:?}");
    }
}
