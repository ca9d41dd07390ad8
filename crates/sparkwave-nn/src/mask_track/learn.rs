//! Training: clips in, weights out, one step at a time.
//!
//! What the network is shown in training is what it will be shown in use: in most examples it has followed the object for
//! some frames by itself, so that it learns to mend its own errors (the idea of S. Ross et al., AISTATS 2011); in others a
//! person has just pointed at it. What is drawn at a step follows from the seed and the step's number alone.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use sparkwave_core::mask::Mask;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;

use super::answer::{Answering, probability};
use super::blur::blur;
use super::clip::Clip;
use super::look::{box_hint, look, look_twice, point_hint};
use super::tracker::MaskTracker;
use super::view::{self, Contrast, View};
use super::window::Window;
use super::{BESIDE, CHANNELS, EDGE, shape};
use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::loss::Loss;
use crate::models::unet2d::UNet2d;
use crate::parameters::replace;
use crate::sam2::Direction;
use crate::train::{Schedule, Voxelwise};

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskTrainingConfig {
    /// Steps of the optimizer, at least 1.
    pub steps: usize,
    /// Examples a step, 1 to 256.
    pub batch: usize,
    /// Step size of Adam at first, above 0, at most 1; it falls along half a cosine.
    pub learning_rate: f64,
    /// Seed of the initial weights and of the examples.
    pub seed: u64,
}

impl Default for MaskTrainingConfig {
    fn default() -> Self {
        Self { steps: 4000, batch: 16, learning_rate: 2e-3, seed: 1 }
    }
}

impl MaskTrainingConfig {
    /// Checks that every number has a meaning.
    ///
    /// # Errors
    /// Names the first that has none.
    pub fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.into(), found });
        if self.steps == 0 {
            return fail("steps", "at least 1", "0".into());
        }
        if !(1..=256).contains(&self.batch) {
            return fail("batch", "1 to 256", self.batch.to_string());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return fail("learning rate", "above 0, at most 1", self.learning_rate.to_string());
        }
        Ok(())
    }
}

/// Training on its way.
pub struct MaskTraining {
    config: MaskTrainingConfig,
    learner: Learner<UNet2d>,
}

/// Examples in which a person has just pointed at the object.
const PROMPTED: f64 = 0.2;
/// How many frames the network has followed an object by itself before it is corrected; each is as probable.
const FOLLOWED: [usize; 8] = [0, 0, 1, 1, 2, 3, 4, 6];
/// Examples in which it was pointed at where it appears: things change most there.
const FROM_THE_FIRST: f64 = 0.5;
/// Examples in which every second frame is left out.
const SKIPPING: f64 = 0.3;
/// Examples of the second look at a frame.
const SECOND_LOOK: f64 = 0.5;
/// Examples that run backwards in time.
const REVERSED: f64 = 0.35;
/// Frames that are blurred, and by how much at most, as part of the edge of a frame.
const BLURRED: f64 = 0.1;
const MOST_BLUR: f64 = 0.03;
/// A mask of its own that overlaps less than this with the object is given up in training.
const GIVEN_UP: f32 = 0.05;
/// Examples whose masks are displaced, by how much of the edge of the window at most, and how much larger or smaller they are:
/// so the network learns to look at the frame, as it would not if masks were always nearly right.
const DISPLACED: f64 = 0.4;
const MOST_DISPLACED: f64 = 0.15;
const DISPLACED_SCALE: (f64, f64) = (0.65, 1.7);
/// How far a window is from where the tracker would put it, as a factor of its edge and a part of it.
const WINDOW_SCALE: (f64, f64) = (0.8, 1.3);

impl MaskTraining {
    /// Training of a fresh network.
    ///
    /// # Errors
    /// If the configuration makes no sense.
    pub fn new(config: &MaskTrainingConfig) -> Result<Self> {
        config.check()?;
        let device = Device::flex().autodiff();
        let model = UNet2d::new(&shape(), config.seed, &device)?;
        Ok(Self { config: config.clone(), learner: Learner::new(model, &device) })
    }

    /// Training that begins with these weights.
    ///
    /// # Errors
    /// If the configuration makes no sense, or the weights are not of this network.
    pub fn from(config: &MaskTrainingConfig, weights: &Weights) -> Result<Self> {
        let mut training = Self::new(config)?;
        training.learner.model = replace(training.learner.model, weights)?;
        Ok(training)
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step(&self) -> usize {
        self.learner.step()
    }

    /// Takes one step on clips of several kinds, each of which is drawn from equally often; gives the loss before it.
    ///
    /// # Errors
    /// If there is no clip with an object, or the loss is not a number.
    pub fn advance(&mut self, kinds: &[Vec<Clip>]) -> Result<f32> {
        let step = self.step();
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(1 + step as u64);
        let network = Answering::new(&self.weights())?;
        let n = self.config.batch;
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let (input, target) = example(&network, kinds, &mut rng)?;
            inputs.extend(input);
            targets.extend(target);
        }
        let device = &self.learner.device;
        let input = Tensor::from_data(TensorData::new(inputs, [n, CHANNELS, 1, EDGE, EDGE]), device);
        let target = Tensor::from_data(TensorData::new(targets, [n, 1, 1, EDGE, EDGE]), device);
        let loss = Loss::DiceBce.of(self.learner.model.logits(input), target, &vec![true; n]);
        let part = step as f64 / self.config.steps as f64;
        self.learner.descend(loss, self.config.learning_rate * Schedule::Cosine.at(part))
    }

    /// The network's arrays as they are now.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.learner.model.weights()
    }

    /// Everything needed to go on from here.
    #[must_use]
    pub fn checkpoint(&self) -> Weights {
        self.learner.checkpoint()
    }

    /// Goes on from where `checkpoint` was taken.
    ///
    /// # Errors
    /// If the checkpoint is not one of this network.
    pub fn resume(&mut self, checkpoint: &Weights) -> Result<()> {
        self.learner.resume(checkpoint)
    }
}

/// What the network is shown, and what it should say.
fn example(network: &Answering, kinds: &[Vec<Clip>], rng: &mut ChaCha8Rng) -> Result<(Vec<f32>, Vec<f32>)> {
    /// Draws before it is said that there are no objects.
    const TRIES: usize = 1000;
    for _ in 0..TRIES {
        let Some(clip) = drawn(kinds, rng).and_then(|clips| drawn(clips, rng)) else { continue };
        let n_followed = FOLLOWED[rng.random_range(0..FOLLOWED.len())];
        let stride = if rng.random_bool(SKIPPING) { 2 } else { 1 };
        let n_shown = n_followed + 2;
        let reversed = rng.random_bool(REVERSED);
        let mut seen = (0..clip.n_frames()).filter(|&t| clip.n_inside(t) > 0);
        let appears = if reversed { seen.next_back() } else { seen.next() };
        let Some(appears) = appears else { continue };
        let first = if rng.random_bool(FROM_THE_FIRST) { appears } else { rng.random_range(0..clip.n_frames()) };
        let onwards: Vec<usize> =
            if reversed { (0..=first).rev().collect() } else { (first..clip.n_frames()).collect() };
        let frames: Vec<usize> = onwards.into_iter().step_by(stride).take(n_shown + BESIDE).collect();
        if frames.len() < n_shown || clip.n_inside(first) == 0 {
            continue;
        }
        let clip = varied(clip, &frames, rng);
        let is_prompted = rng.random_bool(PROMPTED);
        return Ok(if is_prompted { pointed_at(&clip, rng) } else { followed(network, &clip, n_shown - 1, rng) });
    }
    let expected = "a clip with an object that is seen in some frames".into();
    Err(Error::Parameter { name: "training set", expected, found: "none".into() })
}

/// One of several; `None` of none.
fn drawn<'a, T>(of: &'a [T], rng: &mut ChaCha8Rng) -> Option<&'a T> {
    (!of.is_empty()).then(|| &of[rng.random_range(0..of.len())])
}

/// Some frames of a clip, mirrored, turned, inverted, blurred and noisier than they were.
fn varied(clip: &Clip, frames: &[usize], rng: &mut ChaCha8Rng) -> Clip {
    let mut varied = Clip { frames: clip.frames.select(Axis(0), frames), masks: clip.masks.select(Axis(0), frames) };
    // Of what is known: a single NaN would be in all noise.
    let spread = varied.frames.iter().copied().filter(|v| v.is_finite()).collect::<Array1<f32>>().std(0.0);
    for axis in [1, 2] {
        if rng.random_bool(0.5) {
            varied.frames.invert_axis(Axis(axis));
            varied.masks.invert_axis(Axis(axis));
        }
    }
    if rng.random_bool(0.5) {
        varied.frames.swap_axes(1, 2);
        varied.masks.swap_axes(1, 2);
    }
    if rng.random_bool(0.3) {
        varied.frames.mapv_inplace(|v| -v);
    }
    let edge = varied.size()[0].max(varied.size()[1]) as f64;
    let noise = if rng.random_bool(0.3) { rng.random_range(0.0..0.7f32) } else { 0.0 };
    for mut frame in varied.frames.outer_iter_mut() {
        if rng.random_bool(BLURRED) {
            let radius = (rng.random_range(0.0..MOST_BLUR) * edge).round() as usize;
            let blurred = blur(frame.view(), radius);
            frame.assign(&blurred);
        }
        if noise > 0.0 {
            frame.mapv_inplace(|v| v + noise * spread * rng.sample::<f32, _>(StandardNormal));
        }
    }
    varied
}

/// The part of each cell that a mask covers.
fn covered(window: Window, mask: &Array2<f32>) -> Vec<f32> {
    window.sample(mask.view()).into_iter().map(|p| if p.is_finite() { p } else { 0.0 }).collect()
}

/// A window that is not quite where it would be put.
fn jittered(window: Window, size: [usize; 2], rng: &mut ChaCha8Rng) -> Window {
    window.scaled(rng.random_range(WINDOW_SCALE.0..WINDOW_SCALE.1), size)
}

/// An object that the network has followed up to the frame before `last`, or to some frame before it lost it.
fn followed(network: &Answering, clip: &Clip, last: usize, rng: &mut ChaCha8Rng) -> (Vec<f32>, Vec<f32>) {
    let contrast = Contrast::of(clip.frame(0), &clip.mask(0));
    let (mut mask, mut earlier) = (clip.mask(0), clip.mask(0));
    let mut at = 0;
    for t in 1..last {
        let Some(window) = Window::round(&mask) else { break };
        let window = jittered(window, clip.size(), rng);
        let (logits, _) = look_twice(network, clip.moment(t), [&mask, &earlier], contrast, window, None);
        let found = logits.mapv(probability);
        let truth = clip.mask(t);
        let overlap = dice(&found, &truth);
        // An object that is lost is taken up where it is, as the tracker would not.
        let next = if overlap < GIVEN_UP { truth } else { found };
        if !shows(&next) {
            break;
        }
        earlier = std::mem::replace(&mut mask, next);
        at = t;
    }
    let target = at + 1;
    let (moment, truth) = (clip.moment(target), clip.mask(target));
    if rng.random_bool(SECOND_LOOK) {
        let window = Window::round(&mask).map(|window| jittered(window, clip.size(), rng));
        let found = window.map(|w| look(network, moment, [&mask, &earlier], contrast, w, None).0.mapv(probability));
        let is_seen = |found: &Array2<f32>| shows(found) && (!shows(&truth) || dice(found, &truth) >= GIVEN_UP);
        if let Some(found) = found.filter(is_seen) {
            earlier = std::mem::replace(&mut mask, found);
        }
    }
    let window = Window::round(&mask)
        .map_or_else(|| Window::new([0.0; 2], f64::MAX, clip.size()), |w| jittered(w, clip.size(), rng));
    let displaced = |rng: &mut ChaCha8Rng| {
        let shift = [(); 2].map(|()| rng.random_range(-MOST_DISPLACED..MOST_DISPLACED));
        window.beside(shift, rng.random_range(DISPLACED_SCALE.0..DISPLACED_SCALE.1))
    };
    let seen_through = if rng.random_bool(DISPLACED) { [displaced(rng), displaced(rng)] } else { [window, window] };
    let (hint, earlier) = (view::hint(seen_through[0], &mask), view::hint(seen_through[1], &earlier));
    let view = View { moment, hint, earlier, contrast };
    (view.channels(window), covered(window, &truth))
}

/// An object that a person points at in the first frame of a clip, with a box, points or both, or corrects.
fn pointed_at(clip: &Clip, rng: &mut ChaCha8Rng) -> (Vec<f32>, Vec<f32>) {
    /// Edges of windows as factors of the longer side of the object.
    const ROOM: (f64, f64) = (1.5, 6.0);
    let (frame, mask) = (clip.frame(0), clip.mask(0));
    let inside: Vec<(usize, usize)> = mask.indexed_iter().filter(|(_, p)| **p > 0.5).map(|(at, _)| at).collect();
    let outside: Vec<(usize, usize)> = mask.indexed_iter().filter(|(_, p)| **p <= 0.5).map(|(at, _)| at).collect();
    let bounds = |of: fn(&(usize, usize)) -> usize| {
        let values = || inside.iter().map(of);
        [values().min().unwrap_or(0) as f64, values().max().unwrap_or(0) as f64]
    };
    let (rows, columns) = (bounds(|at| at.0), bounds(|at| at.1));
    let longer = (rows[1] - rows[0]).max(columns[1] - columns[0]) + 1.0;
    let shifted = |middle: [f64; 2], rng: &mut ChaCha8Rng| middle.map(|m| m + rng.random_range(-0.2..0.2) * longer);
    let middle = shifted([(rows[0] + rows[1]) / 2.0, (columns[0] + columns[1]) / 2.0], rng);
    let window = Window::new(middle, longer * rng.random_range(ROOM.0..ROOM.1), clip.size());
    let with_box = rng.random_bool(0.6);
    let mut hint = if with_box {
        let mut loose = |v: f64| v + rng.random_range(-0.08..0.08) * longer;
        let (from, to) = ([loose(rows[0]), loose(columns[0])], [loose(rows[1]), loose(columns[1])]);
        box_hint(window.cell_of(from[0], from[1]), window.cell_of(to[0], to[1]))
    } else {
        vec![0.0; EDGE * EDGE]
    };
    let mut point = |of: &[(usize, usize)], sign: f32, hint: &mut [f32]| {
        if !of.is_empty() {
            let (y, x) = of[rng.random_range(0..of.len())];
            point_hint(hint, window.cell_of(y as f64, x as f64), sign);
        }
    };
    point(&inside, 1.0, &mut hint);
    if with_box {
        point(&outside, -1.0, &mut hint);
    } else {
        (0..2).for_each(|_| point(&inside, 1.0, &mut hint));
    }
    (View::pointed_at(frame, hint).channels(window), covered(window, &mask))
}

/// Whether anything is more than half probable.
fn shows(mask: &Array2<f32>) -> bool {
    mask.iter().any(|&p| p > 0.5)
}

/// The Dice coefficient of what is more than half probable; 1 if nothing is in either.
fn dice(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    let (mut both, mut each) = (0usize, 0usize);
    for (a, b) in a.iter().zip(b) {
        both += usize::from(*a > 0.5 && *b > 0.5);
        each += usize::from(*a > 0.5) + usize::from(*b > 0.5);
    }
    if each == 0 { 1.0 } else { 2.0 * both as f32 / each as f32 }
}

/// The mean Dice coefficient over the frames of a clip in which there is an object, the first such frame excepted, whose mask
/// is the only prompt; `None` if there are no such frames.
///
/// # Errors
/// If the weights are not of this network.
pub fn dice_of_followed(weights: &Weights, clip: &Clip) -> Result<Option<f64>> {
    let seen: Vec<usize> = (0..clip.n_frames()).filter(|&t| clip.n_inside(t) > 0).collect();
    let [first, rest @ ..] = seen.as_slice() else { return Ok(None) };
    let mut tracker = MaskTracker::new(weights, clip.n_frames(), clip.size())?;
    let bits = clip.masks.index_axis(Axis(0), *first).to_owned();
    let prompt = Prompt {
        frame: *first,
        object: 1,
        positive: Vec::new(),
        negative: Vec::new(),
        bounds: None,
        mask: Mask::of_image(&bits),
        verified: false,
    };
    tracker.prompt(&prompt, clip.frame(*first))?;
    let mut scores = Vec::new();
    for t in *first..clip.n_frames() {
        let after: Vec<_> = (t + 1..clip.n_frames()).take(BESIDE).map(|t| clip.frame(t)).collect();
        let found = tracker.step(t, clip.frame(t), &after, Direction::Forwards, &|_| true)?;
        if rest.contains(&t) {
            let mask = found.first().map_or_else(|| Array2::zeros(clip.size()), |f| f.logits.mapv(probability));
            scores.push(f64::from(dice(&mask, &clip.mask(t))));
        }
    }
    Ok((!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, s};
    use sparkwave_core::synth::MovingShape;

    fn clips(n: u64) -> Vec<Clip> {
        (0..n)
            .map(|seed| {
                let MovingShape { frames, masks } = MovingShape::draw(8, 64, seed);
                Clip { frames, masks }
            })
            .collect()
    }

    #[test]
    fn a_network_learns_to_follow_and_a_resumed_training_gives_the_same_bytes() {
        let clips = [clips(4)];
        let config = MaskTrainingConfig { steps: 24, batch: 4, learning_rate: 1e-3, seed: 1 };
        let mut whole = MaskTraining::new(&config).expect("valid");
        let mut checkpoint = None;
        let mut losses = Vec::new();
        for step in 0..24 {
            if step == 20 {
                checkpoint = Some(whole.checkpoint());
            }
            losses.push(whole.advance(&clips).expect("a step"));
        }
        let mean = |range: std::ops::Range<usize>| losses[range.clone()].iter().sum::<f32>() / range.len() as f32;
        assert!(mean(16..24) < 0.8 * mean(0..4), "{losses:?}");
        let mut again = MaskTraining::new(&config).expect("valid");
        again.resume(&checkpoint.expect("taken")).expect("its own");
        for &loss in &losses[20..] {
            assert_eq!(again.advance(&clips).expect("a step"), loss);
        }
        assert_eq!(again.weights(), whole.weights());
        let score = dice_of_followed(&whole.weights(), &clips[0][0]).expect("its weights").expect("an object");
        assert!((0.0..=1.0).contains(&score));
    }

    #[test]
    fn what_is_unknown_in_a_frame_stays_there() {
        let mut clip = clips(1).remove(0);
        clip.frames[[0, 20, 30]] = f32::NAN;
        for seed in 0..20 {
            let varied = varied(&clip, &[0, 1, 2], &mut ChaCha8Rng::seed_from_u64(seed));
            assert!(varied.frames.slice(s![1.., .., ..]).iter().all(|v| v.is_finite()), "seed {seed}");
        }
    }

    #[test]
    fn nothing_to_learn_from_is_an_error() {
        let mut training = MaskTraining::new(&MaskTrainingConfig::default()).expect("valid");
        assert!(training.advance(&[]).is_err());
        let empty = Clip { frames: Array3::zeros((3, 64, 64)), masks: Array3::from_elem((3, 64, 64), false) };
        assert!(training.advance(&[vec![empty]]).expect_err("no object").to_string().contains("clip"));
        assert!(MaskTrainingConfig { batch: 0, ..MaskTrainingConfig::default() }.check().is_err());
    }
}
