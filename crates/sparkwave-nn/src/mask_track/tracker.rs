//! Following objects from frame to frame.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::{Parameter, Weights};

use super::BESIDE;
use super::answer::{Answering, probability};
use super::look::{agrees, is_there, look_twice, search};
use super::rivals;
use super::view::{Beside, Contrast, Moment};
use super::window::Window;
use crate::apart::set_apart;
use crate::error::{Error, Result};
use crate::sam2::{Direction, Followed};

/// Frames without a sign of an object after which its last mask does not tell any more where to look.
const LOST_AFTER: usize = 4;
/// Logits of what a person said; nothing else is as sure.
const SURE: f32 = 10.0;
const NEARLY_SURE: f32 = 9.0;

/// Names of the arrays of a state.
const PIXELS: &str = "pixels";
const BEFORE: &str = "before";
const MASK: &str = "mask";
const EARLIER: &str = "earlier";
const OTHERS: &str = "others";
const CONTRAST: &str = "contrast";

/// Follows objects through a movie whose frames come one by one, in any order: each from where something was said of it, to
/// either side.
#[derive(Debug)]
pub struct MaskTracker {
    network: Answering,
    n_frames: usize,
    size: [usize; 2],
    objects: BTreeMap<u32, Object>,
}

/// What is known of an object.
#[derive(Debug, Default)]
struct Object {
    /// In the frames where something was said of it, but for those that were reached and left again: what followed from them
    /// is in `last`.
    told: BTreeMap<usize, Told>,
    /// In the frame that was followed last.
    last: Option<Seen>,
}

#[derive(Debug)]
struct Told {
    seen: Seen,
    quality: f32,
    presence: f32,
    /// Whether it was said of a frame to which the object had been followed.
    corrects: bool,
}

/// An object where it was seen last.
#[derive(Clone, Debug)]
struct Seen {
    frame: usize,
    pixels: Arc<Array2<f32>>,
    /// Of the frames in which it was seen before, the latest first; one less than [`BESIDE`] at most.
    before: Vec<Arc<Array2<f32>>>,
    /// Probability of each pixel.
    mask: Array2<f32>,
    earlier: Array2<f32>,
    /// Where, in the frame in which it was seen before, there were others like it: 1.
    others: Array2<f32>,
    /// Where something was said of it, from which this follows.
    contrast: Option<Contrast>,
    /// Frames since, in which there was no sign of it.
    missed: usize,
}

impl MaskTracker {
    /// With these weights, for a movie of `n_frames` of `size` `[y, x]`.
    ///
    /// # Errors
    /// If the weights are not of this network, or one of the lengths is 0.
    pub fn new(weights: &Weights, n_frames: usize, size: [usize; 2]) -> Result<Self> {
        if n_frames == 0 || size.contains(&0) {
            let found = format!("{n_frames} frames of {size:?}");
            return Err(Error::Parameter { name: "movie", expected: "no length of 0".to_owned(), found });
        }
        Ok(Self { network: Answering::new(weights)?, n_frames, size, objects: BTreeMap::new() })
    }

    /// Adds what a person says of an object in a frame of these pixels `[y, x]`. Gives the logits `[y, x]` of its mask there;
    /// above 0 is inside. A mask is taken as it is, unless points beside it say otherwise: these correct it, as they correct one that
    /// was followed. Where nothing of it was found, what it is not takes nothing away.
    ///
    /// # Errors
    /// If the frame is beyond the movie or of another size, or, in one to which the object was not followed, nothing is said but where
    /// it is not.
    pub fn prompt(&mut self, prompt: &Prompt, pixels: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check(prompt.frame, pixels)?;
        let given = prompt.mask.as_ref().map(|mask| mask.to_image(self.size[0], self.size[1]));
        let given = given.map(|mask| mask.mapv(|inside| if inside { 1.0f32 } else { 0.0 }));
        let object = self.objects.entry(prompt.object).or_default();
        let reached = object.last.as_ref().filter(|seen| seen.frame == prompt.frame);
        let followed = reached.filter(|seen| seen.missed == 0);
        let told = object.told.get(&prompt.frame).map(|told| &told.seen);
        let known = given.as_ref().or(told.or(followed).map(|seen| &seen.mask));
        let says_where = prompt.bounds.is_some() || !prompt.positive.is_empty();
        if reached.is_some() && !says_where && !prompt.negative.is_empty() && known.and_then(Window::round).is_none() {
            return Ok(Array2::from_elem(self.size, -SURE));
        }
        let pixels = Arc::new(pixels.to_owned());
        let (logits, quality, presence) = match &given {
            Some(mask) if agrees(mask, prompt) => (mask.mapv(|p| if p > 0.5 { SURE } else { -SURE }), 1.0, 1.0),
            _ => {
                let (window, answer) = search(&self.network, prompt, pixels.view(), known, self.size)?;
                (window.spread(&answer.logits, self.size), answer.quality, answer.presence)
            }
        };
        let mask = logits.mapv(probability);
        let contrast = Contrast::of(pixels.view(), &mask);
        let (before, earlier) = match followed {
            Some(seen) => (seen.before.clone(), seen.earlier.clone()),
            None => (Vec::new(), mask.clone()),
        };
        let others = followed.map_or_else(|| Array2::zeros(self.size), |seen| seen.others.clone());
        let seen = Seen { frame: prompt.frame, pixels, before, mask, earlier, others, contrast, missed: 0 };
        let corrects = reached.is_some();
        if corrects {
            object.last = Some(seen.clone());
        }
        object.told.insert(prompt.frame, Told { seen, quality, presence, corrects });
        Ok(logits)
    }

    /// Learns that an object is not in the frame to which it was followed last: it is lost from there on, until something is
    /// said of it again.
    pub fn absent(&mut self, object: u32, frame: usize) {
        let last = self.objects.get_mut(&object).and_then(|object| object.last.as_mut());
        if let Some(last) = last.filter(|last| last.frame == frame) {
            last.missed = LOST_AFTER + 1;
        }
    }

    /// What is known of an object in a frame in which something was said of it.
    #[must_use]
    pub fn told(&self, object: u32, frame: usize) -> Option<Followed> {
        Some(self.objects.get(&object)?.told.get(&frame)?.as_followed(object))
    }

    /// Follows objects to the next frame in a direction, `wanted` ones; `after` are the frames that will follow it, of which the
    /// first [`BESIDE`] are looked at. Gives each of them of which something was said in a frame that lies behind this one, or in
    /// this one, where it stands. No pixel belongs to two objects.
    ///
    /// # Errors
    /// If the frame is beyond the movie, or any is of another size.
    pub fn step(
        &mut self,
        frame: usize,
        pixels: ArrayView2<'_, f32>,
        after: &[ArrayView2<'_, f32>],
        direction: Direction,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Result<Vec<Followed>> {
        self.check(frame, pixels)?;
        after.iter().try_for_each(|after| self.check(frame, *after))?;
        let pixels = Arc::new(pixels.to_owned());
        let after: Beside<'_> = std::array::from_fn(|i| after.get(i).map(|after| after.view()));
        let (mut found, mut places) = (Vec::new(), Vec::new());
        for (&id, object) in self.objects.iter_mut().filter(|(id, _)| wanted(**id)) {
            if let Some(told) = object.told.get(&frame) {
                found.push(told.as_followed(id));
                places.push((told.seen.clone(), true));
                continue;
            }
            let Some(from) = object.behind(frame, direction) else { continue };
            object.told.retain(|_, told| !told.corrects);
            let others = if from.is_lost() {
                from.others.clone()
            } else {
                rivals::others(from.pixels.view(), &from.mask, &from.others, from.contrast)
            };
            let followed = follow(&self.network, id, &from, &others, frame, pixels.view(), after);
            let is_seen = is_there(&followed.logits);
            places.push((if is_seen { Seen { others, ..from } } else { from }, is_seen));
            found.push(followed);
        }
        // One that meets another does not go on with it.
        set_apart(&mut found, 0.0, |surest| -surest);
        for (followed, (place, is_seen)) in found.iter().zip(places) {
            let mask = || followed.logits.mapv(probability);
            let last = if !is_seen {
                Seen { frame, missed: place.missed + 1, ..place }
            } else if place.frame == frame {
                Seen { mask: mask(), ..place }
            } else {
                let before = std::iter::once(place.pixels).chain(place.before).take(BESIDE - 1).collect();
                let (pixels, earlier, contrast) = (Arc::clone(&pixels), place.mask, place.contrast);
                Seen { frame, pixels, before, mask: mask(), earlier, others: place.others, contrast, missed: 0 }
            };
            self.objects.entry(followed.object).or_default().last = Some(last);
        }
        Ok(found)
    }

    /// Where every object was seen last, as named arrays; what was said is not among it.
    #[must_use]
    pub fn state(&self) -> Weights {
        let mut state = Weights::default();
        for (id, object) in &self.objects {
            let Some(seen) = &object.last else { continue };
            let mut put = |name: &str, values: &Array2<f32>| {
                let parameter = Parameter::new(values.shape().to_vec(), values.iter().copied().collect());
                state.parameters.insert(format!("{id}.{name}"), parameter);
            };
            put(PIXELS, &seen.pixels);
            put(MASK, &seen.mask);
            put(EARLIER, &seen.earlier);
            put(OTHERS, &seen.others);
            for (i, before) in seen.before.iter().enumerate() {
                put(&format!("{BEFORE}{i}"), before);
            }
            if let Some(contrast) = seen.contrast {
                let name = format!("{id}.{CONTRAST}");
                state.parameters.insert(name, Parameter::new(vec![], vec![contrast.value()]));
            }
            state.texts.insert(format!("{id}"), format!("{} {}", seen.frame, seen.missed));
        }
        state
    }

    /// Goes on from what [`MaskTracker::state`] gave, after the same prompts.
    ///
    /// # Errors
    /// If it is not the state of this movie.
    pub fn restore(&mut self, state: &Weights) -> Result<()> {
        let unfit = |found: &str| Error::Saved {
            name: "state",
            expected: "that of a propagator of the same movie".to_owned(),
            found: found.to_owned(),
        };
        for (id, text) in &state.texts {
            let array = |name: &str| {
                let parameter = state.parameters.get(&format!("{id}.{name}"));
                let parameter = parameter.filter(|p| p.shape == self.size).ok_or_else(|| unfit(name))?;
                Array2::from_shape_vec(self.size, parameter.values.clone()).map_err(|_| unfit(name))
            };
            let mut numbers = text.split(' ').map(str::parse::<usize>);
            let (Ok(id), Some(Ok(frame)), Some(Ok(missed))) = (id.parse::<u32>(), numbers.next(), numbers.next())
            else {
                return Err(unfit(text));
            };
            let (pixels, mask, earlier) = (Arc::new(array(PIXELS)?), array(MASK)?, array(EARLIER)?);
            let others = array(OTHERS)?;
            let names = (0..BESIDE - 1).map(|i| format!("{BEFORE}{i}"));
            let names = names.take_while(|name| state.parameters.contains_key(&format!("{id}.{name}")));
            let before = names.map(|name| Ok(Arc::new(array(&name)?))).collect::<Result<_>>()?;
            let contrast = state.parameters.get(&format!("{id}.{CONTRAST}")).and_then(|p| p.values.first());
            let contrast = contrast.copied().map(Contrast::new);
            let seen = Seen { frame, pixels, before, mask, earlier, others, contrast, missed };
            self.objects.entry(id).or_default().last = Some(seen);
        }
        Ok(())
    }

    fn check(&self, frame: usize, pixels: ArrayView2<'_, f32>) -> Result<()> {
        if frame >= self.n_frames {
            let expected = format!("below {}", self.n_frames);
            return Err(Error::Parameter { name: "frame", expected, found: frame.to_string() });
        }
        if pixels.shape() != self.size {
            let (expected, found) = (format!("of {:?}", self.size), format!("{:?}", pixels.shape()));
            return Err(Error::Parameter { name: "image", expected, found });
        }
        Ok(())
    }
}

impl Object {
    /// Where it was seen last on the way to a frame; `None` if nothing was said of it on that way.
    fn behind(&self, frame: usize, direction: Direction) -> Option<Seen> {
        let is_behind = |at: usize| match direction {
            Direction::Forwards => at < frame,
            Direction::Backwards => at > frame,
        };
        let told = self.told.values().map(|told| &told.seen).filter(|seen| is_behind(seen.frame));
        let told = told.min_by_key(|seen| seen.frame.abs_diff(frame))?;
        let is_nearer = |seen: &&Seen| seen.frame.abs_diff(frame) <= told.frame.abs_diff(frame);
        let last = self.last.as_ref().filter(|seen| is_behind(seen.frame)).filter(is_nearer);
        Some(last.unwrap_or(told).clone())
    }
}

impl Seen {
    /// Whether it was not seen for so long that where it was tells nothing.
    fn is_lost(&self) -> bool {
        self.missed > LOST_AFTER
    }
}

impl Told {
    fn as_followed(&self, object: u32) -> Followed {
        let logits = self.seen.mask.mapv(|p| (p / (1.0 - p)).ln().clamp(-SURE, SURE));
        Followed { object, logits, quality: self.quality, presence: self.presence }
    }
}

/// An object in a frame, from where it was seen before.
fn follow(
    network: &Answering,
    object: u32,
    from: &Seen,
    others: &Array2<f32>,
    frame: usize,
    pixels: ArrayView2<'_, f32>,
    after: Beside<'_>,
) -> Followed {
    let size = [pixels.nrows(), pixels.ncols()];
    let Some(window) = Window::round(&from.mask).filter(|_| !from.is_lost()) else {
        return Followed { object, logits: Array2::from_elem(size, -SURE), quality: 0.0, presence: 0.0 };
    };
    let window = window.for_gap(from.missed + from.frame.abs_diff(frame), size);
    let mut before = std::iter::once(&from.pixels).chain(&from.before).map(|pixels| pixels.view());
    let before = std::array::from_fn(|_| before.next());
    let moment = Moment { frame: pixels, before, after };
    let masks = [&from.mask, &from.earlier];
    let (mut logits, answer) = look_twice(network, moment, masks, from.contrast, window, Some(others));
    logits.mapv_inplace(|logit| logit.min(NEARLY_SURE));
    Followed { object, quality: answer.quality, presence: answer.presence, logits }
}

#[cfg(test)]
mod tests {
    use super::super::BESIDE;
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::axes::PointYx;
    use sparkwave_core::mask::Mask;
    use sparkwave_core::prompt::Bounds;

    fn untrained() -> Weights {
        use crate::card::Architecture;
        crate::network::untrained(&Architecture::Unet2d(super::super::shape()), 5).expect("valid")
    }

    /// Frames of the movie.
    const N: usize = 10;

    fn movie() -> Array3<f32> {
        let disc = |t: usize, y: usize, x: usize| y.abs_diff(30).pow(2) + x.abs_diff(20 + 3 * t).pow(2) < 64;
        Array3::from_shape_fn((N, 64, 80), |(t, y, x)| if disc(t, y, x) { 9.0 } else { 2.0 + (x % 3) as f32 })
    }

    fn prompt(frame: usize, object: u32) -> Prompt {
        Prompt { frame, object, positive: Vec::new(), negative: Vec::new(), bounds: None, mask: None, verified: false }
    }

    #[test]
    fn the_surest_object_keeps_a_pixel() {
        let followed = |object, logits: [f32; 4]| Followed {
            object,
            logits: Array2::from_shape_vec((1, 4), logits.to_vec()).expect("four"),
            quality: 1.0,
            presence: 1.0,
        };
        let mut found =
            [followed(1, [3.0, 1.0, 2.0, -1.0]), followed(4, [-2.0, 2.0, 2.0, -3.0]), followed(9, [1.0; 4])];
        set_apart(&mut found, 0.0, |surest| -surest);
        let logits = found.map(|f| f.logits.into_raw_vec_and_offset().0);
        assert_eq!(logits, [[3.0, -2.0, 2.0, -1.0], [-3.0, 2.0, -2.0, -3.0], [-3.0, -2.0, -2.0, 1.0]]);
    }

    /// What comes of an untrained network is noise; what is asked is who is told about when, and that it can be repeated.
    #[test]
    fn what_was_said_stands_and_the_rest_follows_from_it() {
        let movie = movie();
        let frame = |t: usize| movie.index_axis(ndarray::Axis(0), t);
        let mut tracker = MaskTracker::new(&untrained(), N, [64, 80]).expect("its weights");
        let truth = Mask::of_image(&frame(2).mapv(|v| v == 9.0));
        let given = Prompt { mask: truth.clone(), ..prompt(2, 7) };
        let logits = tracker.prompt(&given, frame(2)).expect("a mask");
        assert!(logits.iter().zip(frame(2)).all(|(l, v)| (*l > 0.0) == (*v == 9.0)));
        let corners = Bounds { from: PointYx { y: 20.0, x: 10.0 }, to: PointYx { y: 40.0, x: 30.0 } };
        let boxed = Prompt { bounds: Some(corners), ..prompt(0, 3) };
        assert!(tracker.prompt(&boxed, frame(0)).expect("a box").iter().all(|l| l.is_finite()));
        assert!(tracker.prompt(&prompt(1, 9), frame(1)).expect_err("nothing said").to_string().contains("object 9"));

        let after = |t: usize| (t + 1..N).take(BESIDE).map(frame).collect::<Vec<_>>();
        let step = |tracker: &mut MaskTracker, t: usize, after: &[ArrayView2<'_, f32>]| {
            tracker.step(t, frame(t), after, Direction::Forwards, &|_| true).expect("a step")
        };
        let run =
            |tracker: &mut MaskTracker| -> Vec<Followed> { (2..6).flat_map(|t| step(tracker, t, &after(t))).collect() };
        let found = run(&mut tracker);
        assert_eq!(found.iter().map(|f| f.object).collect::<Vec<_>>(), [3, 7, 3, 7, 3, 7, 3, 7]);
        assert!(found[1].logits.iter().zip(frame(2)).all(|(l, v)| (*l > 0.0) == (*v == 9.0)));
        assert_eq!((found[1].quality, found[1].presence), (1.0, 1.0));
        assert!(found.iter().all(|f| (0.0..=1.0).contains(&f.quality) && (0.0..=1.0).contains(&f.presence)));
        assert!(found == run(&mut tracker), "another pass from the same prompts is another result");

        let mut half = MaskTracker::new(&untrained(), N, [64, 80]).expect("its weights");
        half.prompt(&given, frame(2)).expect("a mask");
        half.prompt(&boxed, frame(0)).expect("a box");
        for t in [2, 3] {
            step(&mut half, t, &after(t));
        }
        let state = half.state();
        let mut rest = MaskTracker::new(&untrained(), N, [64, 80]).expect("its weights");
        rest.prompt(&given, frame(2)).expect("a mask");
        rest.prompt(&boxed, frame(0)).expect("a box");
        rest.restore(&state).expect("its own");
        let found_after: Vec<Followed> = (4..6).flat_map(|t| step(&mut rest, t, &after(t))).collect();
        assert!(found[4..] == found_after, "what goes on from a state differs");
        let mut other = MaskTracker::new(&untrained(), N, [32, 32]).expect("its weights");
        assert!(other.restore(&state).is_err());
        assert!(tracker.step(N, frame(0), &[], Direction::Forwards, &|_| true).is_err());
        let small = Array2::zeros((32, 32));
        assert!(tracker.step(3, frame(3), &[small.view()], Direction::Forwards, &|_| true).is_err());

        // What comes after a frame is looked at, a frame further than is looked is not.
        let seen_with = |after: &[ArrayView2<'_, f32>]| {
            let mut tracker = MaskTracker::new(&untrained(), N, [64, 80]).expect("its weights");
            tracker.prompt(&given, frame(2)).expect("a mask");
            tracker.step(3, frame(3), after, Direction::Forwards, &|_| true).expect("a step")
        };
        let far: Vec<_> = (4..N).map(frame).collect();
        assert!(far.len() > BESIDE);
        (0..BESIDE).for_each(|n| assert!(seen_with(&far[..n]) != seen_with(&far[..=n]), "{n} frames ahead"));
        assert!(seen_with(&far[..BESIDE]) == seen_with(&far));
        assert!(MaskTracker::new(&Weights::default(), N, [64, 80]).is_err());
    }

    #[test]
    fn an_object_is_followed_from_where_something_was_said_of_it_and_corrected_where_it_was_reached() {
        let movie = movie();
        let frame = |t: usize| movie.index_axis(ndarray::Axis(0), t);
        let mask = |t: usize| Mask::of_image(&frame(t).mapv(|v| v == 9.0));
        let new = || {
            let mut tracker = MaskTracker::new(&untrained(), N, [64, 80]).expect("its weights");
            tracker.prompt(&Prompt { mask: mask(1), ..prompt(1, 1) }, frame(1)).expect("a mask");
            tracker.prompt(&Prompt { mask: mask(4), ..prompt(4, 2) }, frame(4)).expect("a mask");
            tracker
        };
        let objects = |found: &[Followed]| found.iter().map(|f| f.object).collect::<Vec<_>>();
        let mut tracker = new();
        let step = |tracker: &mut MaskTracker, t: usize, direction| {
            tracker.step(t, frame(t), &[], direction, &|_| true).expect("a step")
        };
        for (t, expected) in [(1, vec![1]), (2, vec![1]), (3, vec![1]), (4, vec![1, 2]), (5, vec![1, 2])] {
            assert_eq!(objects(&step(&mut tracker, t, Direction::Forwards)), expected, "frame {t}");
        }
        // Backwards from the prompt of the second, the first is behind it.
        let back = tracker.step(3, frame(3), &[], Direction::Backwards, &|_| true).expect("a step");
        assert_eq!(objects(&back), [2]);
        let none = tracker.step(3, frame(3), &[], Direction::Backwards, &|_| false).expect("a step");
        assert!(none.is_empty());

        // Corrected, the object goes on from there, and from a state as well.
        let mut tracker = new();
        let corrected = |tracker: &mut MaskTracker| {
            (1..4).for_each(|t| drop(tracker.step(t, frame(t), &[], Direction::Forwards, &|_| true).expect("a step")));
            tracker.prompt(&Prompt { mask: mask(3), ..prompt(3, 1) }, frame(3)).expect("a mask");
        };
        corrected(&mut tracker);
        let told = tracker.told(1, 3).expect("just said");
        assert!(told.logits.iter().zip(frame(3)).all(|(l, v)| (*l > 0.0) == (*v == 9.0)));
        let state = tracker.state();
        let next = step(&mut tracker, 4, Direction::Forwards);
        assert!(next[0] != step(&mut new(), 4, Direction::Forwards)[0], "a correction changes what follows");
        let mut other = new();
        other.restore(&state).expect("its own");
        assert!(next == step(&mut other, 4, Direction::Forwards));
        assert!(step(&mut tracker, 5, Direction::Forwards) == step(&mut other, 5, Direction::Forwards));

        // What is not there any more is not found again by itself.
        let mut tracker = new();
        corrected(&mut tracker);
        tracker.absent(1, 3);
        assert!(!is_there(&step(&mut tracker, 4, Direction::Forwards)[0].logits));
        assert!(!is_there(&step(&mut tracker, 5, Direction::Forwards)[0].logits));
        // What it is not takes nothing away there; where it was never followed to, it says nothing.
        let negative = |frame, object| Prompt { negative: vec![PointYx { y: 30.0, x: 35.0 }], ..prompt(frame, object) };
        assert!(!is_there(&tracker.prompt(&negative(5, 1), frame(5)).expect("not there")));
        assert!(tracker.told(1, 5).is_none() && tracker.prompt(&negative(5, 9), frame(5)).is_err());
    }
}
