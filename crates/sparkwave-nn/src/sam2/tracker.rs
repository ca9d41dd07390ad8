//! Objects, followed from frame to frame.

mod state;

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::bank::{Bank, Direction, Seen};
use super::{holes, picture};
use crate::apart::set_apart;
use crate::error::{Error, Result};
use crate::models::sam2::{Answer, Features, Point, Prompt, Sam2};

/// Earlier logits go into a new answer no surer than this.
const SUREST: f32 = 32.0;
/// Where another object is surer, the logit of an object is no higher than this.
const OUTSIDE: f32 = -10.0;
/// Up to how many points can mean several things.
const AMBIGUOUS: usize = 1;

/// What one may want otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerParams {
    /// Holes in masks of up to so many pixels, at a quarter of the network's resolution, are filled.
    pub hole_px: usize,
    /// No pixel belongs to two objects: the surer one keeps it.
    pub apart: bool,
    /// Frames that are corrected after they were followed count as prompted from then on. Otherwise, as in the published
    /// predictor, a correction lasts until its frame is passed again.
    pub corrections_count: bool,
    /// Every frame rests on so many prompted frames, the nearest, at least 2; all of them if it is not said how many.
    pub nearest_prompts: Option<usize>,
}

impl Default for TrackerParams {
    /// Those of the published video predictor, except that corrections count.
    fn default() -> Self {
        Self { hole_px: 8, apart: false, corrections_count: true, nearest_prompts: None }
    }
}

/// An object in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// Its number.
    pub object: u32,
    /// The logits `[y, x]` of its mask; above 0 is inside.
    pub logits: Array2<f32>,
    /// The overlap (IoU) that the network expects the mask to have with the object, 0 to 1; 1 of a mask that was given.
    pub quality: f32,
    /// How probable the object is in the frame at all, 0 to 1.
    pub presence: f32,
}

/// Follows objects through a movie whose frames come one by one, in any order.
#[derive(Debug)]
pub struct Tracker {
    network: Sam2,
    params: TrackerParams,
    n_frames: usize,
    /// Of a frame, `[y, x]`.
    size: [usize; 2],
    objects: BTreeMap<u32, Bank>,
    /// The last frame that was encoded, so that clicks on it are answered at once.
    pub(super) encoded: Option<(usize, Features)>,
}

impl Tracker {
    /// For a movie of `n_frames` of `size` `[y, x]`.
    ///
    /// # Errors
    /// If one of the lengths is 0.
    pub fn new(network: Sam2, params: TrackerParams, n_frames: usize, size: [usize; 2]) -> Result<Self> {
        if n_frames == 0 || size.contains(&0) {
            let found = format!("{n_frames} frames of {size:?}");
            return Err(Error::Parameter { name: "movie", expected: "no length of 0".to_owned(), found });
        }
        Ok(Self { network, params, n_frames, size, objects: BTreeMap::new(), encoded: None })
    }

    /// The objects of which something was said.
    pub fn objects(&self) -> impl Iterator<Item = u32> + '_ {
        self.objects.iter().filter(|(_, bank)| !bank.is_empty()).map(|(&object, _)| object)
    }

    /// Adds points to those of an object in a frame, whose image `[3, y, x]` is red, green and blue from 0 to 1. Gives the
    /// logits `[y, x]` of its mask; above 0 is inside. In a frame that was followed before, it is a correction.
    ///
    /// # Errors
    /// If the frame is beyond the movie, its image has another size, or a point is not a number.
    pub fn point(
        &mut self,
        object: u32,
        frame: usize,
        image: ArrayView3<f32>,
        points: &[Point],
    ) -> Result<Array2<f32>> {
        let points = picture::points(points, self.size, self.network.image_px())?;
        let features = self.features(frame, image)?;
        let bank = self.objects.entry(object).or_default();
        let all = bank.points.entry(frame).or_default();
        all.extend(points);
        let several = all.len() <= AMBIGUOUS;
        let points = vec![all.clone()];
        let before = bank.seen(frame).map(|seen| seen.mask.clone().clamp(-SUREST, SUREST));
        let prompt = Prompt { points, masks: before };
        let passed = bank.passed(frame).filter(|_| !bank.is_empty());
        let seen = match passed {
            None => self.network.unconditioned(features.image.clone()),
            Some(direction) => {
                let n = self.params.nearest_prompts;
                remembered(&self.network, &features, bank, frame, direction, self.n_frames, n)
            }
        };
        let answer = self.network.segment(seen, &features.fine, &prompt, several);
        Ok(self.keep(object, frame, &features, answer))
    }

    /// Replaces all that was said of an object in a frame by a mask `[y, x]`. Gives its logits as the network keeps them.
    ///
    /// # Errors
    /// If the frame is beyond the movie, or its image or the mask has another size.
    pub fn mask(
        &mut self,
        object: u32,
        frame: usize,
        image: ArrayView3<f32>,
        mask: ArrayView2<bool>,
    ) -> Result<Array2<f32>> {
        self.check_size("mask", mask.shape())?;
        let features = self.features(frame, image)?;
        self.objects.entry(object).or_default().points.remove(&frame);
        let mask = picture::seen_mask(mask, self.network.image_px(), &features.image.device());
        let answer = self.network.accept(features.image.clone(), &features.fine, mask);
        Ok(self.keep(object, frame, &features, answer))
    }

    /// Remembers what a person said of a frame.
    fn keep(&mut self, object: u32, frame: usize, features: &Features, answer: Answer) -> Array2<f32> {
        let (quality, presence) = trust(&answer);
        let mask = holes::fill(answer.mask, self.params.hole_px);
        let large = self.network.enlarge(mask.clone());
        let memory = self.network.remember(features.image.clone(), large, answer.presence, true);
        let seen = Seen { mask: mask.clone(), memory, pointer: answer.pointer, quality, presence };
        let bank = self.objects.entry(object).or_default();
        let first = bank.is_empty() || bank.passed(frame).is_none();
        // (The published predictor drops what is said again of a prompted frame that was passed.)
        if first || bank.prompted(frame).is_some() {
            bank.prompt(frame, seen);
        } else if self.params.corrections_count {
            bank.correct(frame, seen);
        } else {
            bank.follow(frame, seen);
        }
        picture::said(mask, self.size)
    }

    /// Follows all objects to the next frame in a direction. Gives each object of which something was said, in any frame;
    /// what was said of this one stands.
    ///
    /// # Errors
    /// If the frame is beyond the movie, or its image has another size.
    pub fn step(&mut self, frame: usize, image: ArrayView3<f32>, direction: Direction) -> Result<Vec<Followed>> {
        let features = self.features(frame, image)?;
        let mut found = Vec::new();
        for (&object, bank) in self.objects.iter_mut().filter(|(_, bank)| !bank.is_empty()) {
            let seen = match bank.prompted(frame) {
                Some(seen) => seen.clone(),
                None => {
                    let n = self.params.nearest_prompts;
                    let seen = follow(&self.network, &features, bank, frame, direction, self.n_frames, n);
                    let seen = Seen { mask: holes::fill(seen.mask.clone(), self.params.hole_px), ..seen };
                    bank.follow(frame, seen.clone());
                    seen
                }
            };
            bank.pass(frame, direction);
            found.push(as_followed(object, seen, self.size));
        }
        if self.params.apart {
            set_apart(&mut found, f32::MIN, |_| OUTSIDE);
        }
        Ok(found)
    }

    /// What is known of an object in a frame in which something was said of it.
    #[must_use]
    pub fn told(&self, object: u32, frame: usize) -> Option<Followed> {
        Some(as_followed(object, self.objects.get(&object)?.prompted(frame)?.clone(), self.size))
    }

    /// Takes back what was said of an object in a frame.
    pub fn retract(&mut self, object: u32, frame: usize) {
        if let Some(bank) = self.objects.get_mut(&object) {
            bank.retract(frame);
        }
    }

    /// Forgets an object.
    pub fn forget(&mut self, object: u32) {
        self.objects.remove(&object);
    }

    /// Forgets all objects.
    pub fn reset(&mut self) {
        self.objects.clear();
    }

    fn check_size(&self, name: &'static str, shape: &[usize]) -> Result<()> {
        if shape.ends_with(&self.size) {
            return Ok(());
        }
        Err(Error::Parameter { name, expected: format!("of {:?}", self.size), found: format!("{shape:?}") })
    }

    /// What is known of a frame before anything is asked.
    fn features(&mut self, frame: usize, image: ArrayView3<f32>) -> Result<Features> {
        if frame >= self.n_frames {
            let expected = format!("below {}", self.n_frames);
            return Err(Error::Parameter { name: "frame", expected, found: frame.to_string() });
        }
        self.check_size("image", image.shape())?;
        if image.dim().0 != 3 {
            let (expected, found) = ("of 3 colours".to_owned(), image.dim().0.to_string());
            return Err(Error::Parameter { name: "image", expected, found });
        }
        if let Some((encoded, features)) = &self.encoded
            && *encoded == frame
        {
            return Ok(features.clone());
        }
        let features = self.network.encode(picture::seen(image, self.network.image_px(), &self.network.device()));
        self.encoded = Some((frame, features.clone()));
        Ok(features)
    }
}

fn as_followed(object: u32, seen: Seen, size: [usize; 2]) -> Followed {
    let presence = 1.0 / (1.0 + (-seen.presence).exp());
    Followed { object, logits: picture::said(seen.mask, size), quality: seen.quality, presence }
}

/// The features of a frame in the light of what is remembered of an object.
fn remembered(
    network: &Sam2,
    features: &Features,
    bank: &Bank,
    frame: usize,
    direction: Direction,
    n_frames: usize,
    nearest_prompts: Option<usize>,
) -> Tensor<4> {
    let memories = bank.memories(frame, direction, nearest_prompts);
    let pointers = bank.pointers(frame, direction, n_frames, nearest_prompts);
    network.condition(features.image.clone(), &memories, &pointers)
}

/// An object in a frame of which nothing was said.
fn follow(
    network: &Sam2,
    features: &Features,
    bank: &Bank,
    frame: usize,
    direction: Direction,
    n_frames: usize,
    nearest_prompts: Option<usize>,
) -> Seen {
    let seen = remembered(network, features, bank, frame, direction, n_frames, nearest_prompts);
    let answer = network.segment(seen, &features.fine, &Prompt::default(), true);
    let large = network.enlarge(answer.mask.clone());
    let (quality, presence) = trust(&answer);
    let memory = network.remember(features.image.clone(), large, answer.presence, false);
    Seen { mask: answer.mask, memory, pointer: answer.pointer, quality, presence }
}

/// What the network expects of the best mask of one object, and the logit that there is one.
fn trust(answer: &Answer) -> (f32, f32) {
    let largest = |x: &Tensor<2>| x.clone().into_data().iter::<f32>().fold(f32::MIN, f32::max);
    (largest(&answer.all.quality).clamp(0.0, 1.0), largest(&answer.presence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_surest_object_keeps_a_pixel() {
        let object = |object, logits| Followed { object, logits, quality: 1.0, presence: 1.0 };
        let mut found = [object(1, array![[2.0, -1.0, 3.0]]), object(7, array![[1.0, 4.0, 3.0]])];
        set_apart(&mut found, f32::MIN, |_| OUTSIDE);
        assert_eq!(found[0].logits, array![[2.0, -10.0, 3.0]]);
        assert_eq!(found[1].logits, array![[-10.0, 4.0, -10.0]]);
    }
}
