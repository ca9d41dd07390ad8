//! SAM 2 learns from clips whose masks a person verified: mask decoder and memory change, image and prompt encoder stay.
//!
//! At a step it is shown one object in a few frames that follow each other, told of it in the first one, and follows it
//! through the others, as in its own training (Ravi et al. 2024, appendix D.2.2). What is drawn at a step follows from seed
//! and step alone, so a session that is taken up again gives the same bytes as one that was never stopped.

use burn::module::Module;
use burn::tensor::Tensor;
use ndarray::{Array2, Array3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sparkwave_core::weights::Weights;

use super::bank::{Bank, Direction, Seen};
use super::picture;
use crate::error::{Error, Result};
use crate::learner::{Learnable, Learner};
use crate::loss::masks;
use crate::models::sam2::config::Sam2Config;
use crate::models::sam2::{Answer, Features, Mark, Point, Prompt, Sam2};

/// How it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuneConfig {
    /// Steps of the optimizer, at least 1.
    pub steps: usize,
    /// Step size of Adam, above 0, at most 1.
    pub learning_rate: f64,
    /// Frames that are shown at a step, 2 to 16.
    pub clip_frames: usize,
    /// Pixels along each edge of the square image that the network sees, a multiple of 32.
    pub image_px: usize,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Default for TuneConfig {
    /// 1,000 steps of 1e-5 with clips of 4 frames of 512 px.
    fn default() -> Self {
        Self { steps: 1000, learning_rate: 1e-5, clip_frames: 4, image_px: 512, seed: 0 }
    }
}

impl TuneConfig {
    fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.into(), found });
        if self.steps == 0 {
            return fail("steps", "at least 1", "0".into());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return fail("learning rate", "above 0, at most 1", self.learning_rate.to_string());
        }
        if !(2..=16).contains(&self.clip_frames) {
            return fail("frames of a clip", "2 to 16", self.clip_frames.to_string());
        }
        Ok(())
    }
}

/// A frame and what a person says is in it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Red, green and blue from 0 to 1, `[3, y, x]`.
    pub image: Array3<f32>,
    /// The object's pixels, `[y, x]`; none where it is not there.
    pub mask: Array2<bool>,
}

/// What is shown at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Which clip.
    pub clip: usize,
    /// Its frames, in the order in which they are shown: forwards or backwards.
    pub frames: Vec<usize>,
}

/// Training on its way.
pub struct Tuning {
    config: TuneConfig,
    learner: Learner<Sam2>,
    /// The same network, without gradients: its image encoder never changes.
    frozen: Sam2,
}

impl std::fmt::Debug for Tuning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tuning").field("config", &self.config).field("step", &self.step()).finish_non_exhaustive()
    }
}

/// Image and prompt encoder stay as they are in the base.
impl Learnable for Sam2 {
    fn learned(&self) -> Weights {
        let mut learned = self.weights();
        learned.parameters.retain(|name, _| !Sam2::is_frozen(name));
        learned
    }

    fn with_learned(self, learned: Weights) -> Result<Self> {
        let mut all = self.weights();
        all.parameters.retain(|name, _| Sam2::is_frozen(name));
        all.parameters.extend(learned.parameters);
        self.reload(&all)
    }
}

impl Tuning {
    /// Begins with the arrays of a checkpoint of SAM 2.
    ///
    /// # Errors
    /// If a parameter is outside its range, or the arrays are of no SAM 2.
    pub fn new(config: TuneConfig, base: &Weights) -> Result<Self> {
        config.check()?;
        let shape = Sam2Config::of(base, config.image_px).ok_or_else(|| Error::Saved {
            name: "base",
            expected: "a checkpoint of SAM 2 or 2.1".into(),
            found: "arrays of another network".into(),
        })?;
        let device = crate::cpu().autodiff();
        let network = Sam2::load(&shape, base, &device)?.with_encoders_frozen();
        let frozen = network.valid();
        Ok(Self { config, learner: Learner::new(network, &device), frozen })
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step(&self) -> usize {
        self.learner.step()
    }

    /// What to show at the next step. For each frame of each clip, `present` says whether the object is in it.
    ///
    /// # Errors
    /// If no object is in a frame that another one follows.
    pub fn draw(&self, present: &[Vec<bool>]) -> Result<Drawn> {
        let n = self.config.clip_frames;
        let mut starts = Vec::new();
        for (clip, present) in present.iter().enumerate() {
            for first in (0..present.len()).filter(|&t| present[t]) {
                let forwards: Vec<usize> = (first..present.len().min(first + n)).collect();
                let backwards: Vec<usize> = (0..=first).rev().take(n).collect();
                starts.extend([forwards, backwards].into_iter().filter(|f| f.len() > 1).map(|f| (clip, f)));
            }
        }
        if starts.is_empty() {
            let expected = "an object in one of two frames that follow each other".into();
            return Err(Error::Parameter { name: "data", expected, found: "none".into() });
        }
        let (clip, frames) = starts.swap_remove(self.random(0).random_range(0..starts.len()));
        Ok(Drawn { clip, frames })
    }

    /// Random numbers of this step.
    fn random(&self, purpose: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(2 * self.step() as u64 + purpose);
        rng
    }

    /// Takes one step with the frames that were drawn, mirrored half of the time; gives the mean loss of a frame before it.
    ///
    /// # Errors
    /// If there are less than two frames, their sizes differ, the object is not in the first one, or the loss is not a number.
    pub fn learn(&mut self, frames: &[Frame]) -> Result<f32> {
        let mut rng = self.random(1);
        let mirrored = rng.random::<bool>();
        let frames: Vec<Frame> =
            frames.iter().map(|frame| if mirrored { mirror(frame) } else { frame.clone() }).collect();
        check_frames(&frames)?;
        let loss = self.loss(&frames, &mut rng)?;
        let value = self.learner.descend(loss, self.config.learning_rate)?;
        // An array without a part in this step, such as what stands for no memory, would stay on its tape, which is used up now,
        // and have no gradient in the next one. So a step ends as a session that is taken up again begins.
        self.resume(&self.checkpoint())?;
        Ok(value)
    }

    /// The mean over all frames of which the network has something to say.
    fn loss(&self, frames: &[Frame], rng: &mut ChaCha8Rng) -> Result<Tensor<1>> {
        let (px, network, device) = (self.config.image_px, &self.learner.model, &self.learner.device);
        let mut bank = Bank::default();
        let mut losses = Vec::new();
        for (t, frame) in frames.iter().enumerate() {
            let image = picture::seen(frame.image.view(), px, &self.frozen.device());
            let features = network.features(self.frozen.levels(image).map(Tensor::from_inner));
            let target = picture::seen_mask(frame.mask.view(), px, device);
            let (answer, says) = if t == 0 {
                self.told(&features, frame, target.clone(), rng)?
            } else {
                let pointers = bank.pointers(t, Direction::Forwards, frames.len(), None);
                let memories = bank.memories(t, Direction::Forwards, None);
                let seen = network.condition(features.image.clone(), &memories, &pointers);
                (network.segment(seen, &features.fine, &Prompt::default(), true), true)
            };
            if says {
                let masks = network.enlarge(answer.all.masks.clone());
                losses.push(masks::of(masks, &answer.all, target));
            }
            let large = network.enlarge(answer.mask.clone());
            let memory = network.remember(features.image, large, answer.presence, false);
            let seen = Seen { mask: answer.mask, memory, pointer: answer.pointer, quality: 1.0, presence: 0.0 };
            if t == 0 { bank.prompt(t, seen) } else { bank.follow(t, seen) }
        }
        Ok(Tensor::cat(losses, 0).mean())
    }

    /// The answer in the first frame, and whether it is the network's own word: half of the time it is given the mask, a quarter
    /// of it a box, a quarter a point.
    fn told(
        &self,
        features: &Features,
        frame: &Frame,
        target: Tensor<4>,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Answer, bool)> {
        let network = &self.learner.model;
        if rng.random::<bool>() {
            return Ok((network.accept(features.image.clone(), &features.fine, target), false));
        }
        let points = if rng.random::<bool>() { bounds(&frame.mask, rng) } else { vec![inside(&frame.mask, rng)] };
        let several = points.len() == 1;
        let (h, w) = frame.mask.dim();
        let points = vec![picture::points(&points, [h, w], self.config.image_px)?];
        let seen = network.unconditioned(features.image.clone());
        Ok((network.segment(seen, &features.fine, &Prompt { points, masks: None }, several), true))
    }

    /// All arrays of the network as they are now, named as in a checkpoint of SAM 2.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.learner.model.weights()
    }

    /// Everything beside the base that is needed to go on from here.
    #[must_use]
    pub fn checkpoint(&self) -> Weights {
        self.learner.checkpoint()
    }

    /// Goes on from where `checkpoint` was taken, with the same base.
    ///
    /// # Errors
    /// If the checkpoint is not one of this network.
    pub fn resume(&mut self, checkpoint: &Weights) -> Result<()> {
        self.learner.resume(checkpoint)
    }
}

fn check_frames(frames: &[Frame]) -> Result<()> {
    let fail = |expected: &str, found: String| {
        Err(Error::Parameter { name: "frames of a clip", expected: expected.into(), found })
    };
    let Some(first) = frames.first().filter(|_| frames.len() > 1) else {
        return fail("at least 2", frames.len().to_string());
    };
    let (h, w) = first.mask.dim();
    if let Some(odd) = frames.iter().find(|f| f.image.dim() != (3, h, w) || f.mask.dim() != (h, w)) {
        return fail("of one size", format!("{:?} and {:?}", first.mask.dim(), odd.image.dim()));
    }
    if !first.mask.iter().any(|inside| *inside) {
        return fail("an object in the first", "none".into());
    }
    Ok(())
}

/// The frame as in a mirror.
fn mirror(frame: &Frame) -> Frame {
    let (mut image, mut mask) = (frame.image.clone(), frame.mask.clone());
    image.invert_axis(Axis(2));
    mask.invert_axis(Axis(1));
    Frame { image, mask }
}

/// A point of the mask, any with the same probability.
fn inside(mask: &Array2<bool>, rng: &mut ChaCha8Rng) -> Point {
    let pixels: Vec<(usize, usize)> = mask.indexed_iter().filter(|(_, inside)| **inside).map(|(at, _)| at).collect();
    let (y, x) = pixels[rng.random_range(0..pixels.len())];
    Point { x_px: x as f32, y_px: y as f32, mark: Mark::Inside }
}

/// The corners of the mask's box, each off by up to a tenth of its edges.
fn bounds(mask: &Array2<bool>, rng: &mut ChaCha8Rng) -> Vec<Point> {
    let mut low = [f32::MAX; 2];
    let mut high = [f32::MIN; 2];
    for ((y, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
        for (axis, at) in [y, x].into_iter().enumerate() {
            low[axis] = low[axis].min(at as f32);
            high[axis] = high[axis].max(at as f32);
        }
    }
    let mut off = |axis: usize| 0.1 * (high[axis] - low[axis]) * rng.random_range(-1.0f32..1.0);
    let mut corner = |[y, x]: [f32; 2], mark| Point { x_px: x + off(1), y_px: y + off(0), mark };
    vec![corner(low, Mark::FirstCorner), corner(high, Mark::LastCorner)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::sam2::config::{Size, Version};

    /// A disk that moves to the right on a darker ground.
    fn clip() -> Vec<Frame> {
        let disk = |t: usize, y: usize, x: usize| y.abs_diff(20).pow(2) + x.abs_diff(16 + 3 * t).pow(2) < 80;
        let frame = |t: usize| Frame {
            image: Array3::from_shape_fn((3, 40, 48), |(_, y, x)| if disk(t, y, x) { 0.9 } else { 0.2 }),
            mask: Array2::from_shape_fn((40, 48), |(y, x)| disk(t, y, x)),
        };
        (0..5).map(frame).collect()
    }

    fn tuning() -> Tuning {
        let config = TuneConfig { steps: 20, learning_rate: 3e-4, clip_frames: 3, image_px: 64, seed: 4 };
        let shape = Sam2Config { version: Version::V2_1, size: Size::Tiny, image_px: 64 };
        Tuning::new(config, &super::super::untrained(&shape, 1).expect("valid")).expect("valid")
    }

    fn advance(tuning: &mut Tuning, clip: &[Frame]) -> f32 {
        let drawn = tuning.draw(&[vec![true; clip.len()]]).expect("there are frames");
        let frames: Vec<Frame> = drawn.frames.iter().map(|&t| clip[t].clone()).collect();
        tuning.learn(&frames).expect("a step")
    }

    #[test]
    fn a_few_steps_help_and_a_resumed_session_gives_the_same_bytes() {
        let clip = clip();
        let mut whole = tuning();
        let before = whole.weights();
        let mut checkpoint = None;
        let mut losses = Vec::new();
        for step in 0..14 {
            if step == 12 {
                checkpoint = Some(whole.checkpoint());
            }
            losses.push(advance(&mut whole, &clip));
        }
        let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        assert!(mean(&losses[10..]) < 0.7 * mean(&losses[..4]), "{losses:?}");
        let after = whole.weights();
        for (name, array) in &before.parameters {
            if Sam2::is_frozen(name) {
                assert!(after.parameters[name] == *array, "{name} changed");
            }
        }
        let changed = |part: &str| {
            before.parameters.iter().any(|(name, p)| name.starts_with(part) && after.parameters[name] != *p)
        };
        for part in ["sam_mask_decoder.", "memory_attention.", "memory_encoder.", "obj_ptr_proj.", "maskmem_tpos_enc"] {
            assert!(changed(part), "{part} learned nothing");
        }

        let mut again = tuning();
        again.resume(&checkpoint.expect("taken")).expect("its own checkpoint");
        assert_eq!(again.step(), 12);
        let rest: Vec<f32> = (12..14).map(|_| advance(&mut again, &clip)).collect();
        assert_eq!(rest, losses[12..]);
        let (again, whole) = (again.checkpoint(), whole.checkpoint());
        assert!(again == whole, "another checkpoint");
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let mut tuning = tuning();
        assert!(tuning.draw(&[vec![false; 9], vec![true]]).is_err());
        let mut clip = clip();
        assert!(tuning.learn(&clip[..1]).is_err());
        clip[1].mask = Array2::from_elem((4, 4), true);
        assert!(tuning.learn(&clip).is_err());
        clip[0].mask.fill(false);
        assert!(tuning.learn(&clip[..1]).is_err());
        assert_eq!(tuning.step(), 0);
        let other = Weights::default();
        assert!(Tuning::new(TuneConfig::default(), &other).expect_err("no network").to_string().contains("SAM 2"));
        let odd = TuneConfig { clip_frames: 1, ..TuneConfig::default() };
        assert!(Tuning::new(odd, &other).expect_err("too short").to_string().contains("2 to 16"));
    }
}
