//! Training: crops of recordings in, weights out, one step at a time.
//!
//! What is drawn at a step follows from the seed and the step's number alone. A session that is taken up again from its
//! checkpoint therefore continues with the same bytes as one that was never stopped.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use sparkwave_core::weights::Weights;

use crate::batch::{Augment, Batch, Order};
use crate::card::Architecture;
use crate::crops::{self, Crop, PuSampling};
use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::loss::Loss;
use crate::models::attention_unet::AttentionUNet;
use crate::models::stardist3d::StarDist3d;
use crate::models::unet2d::UNet2d;
use crate::models::unet3d::UNet3d;
use crate::models::unetr::Unetr;
use crate::parameters::collect;
use crate::stream::Stream;

/// How the step size of the optimizer changes on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Not at all, as published.
    #[default]
    Constant,
    /// Down to nothing at the last step, along half a cosine (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// What is left of the step size after this part of the way, 0 to 1.
    pub(crate) fn at(self, part: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * part).cos()),
        }
    }
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Steps of the optimizer, at least 1. Default 100,000 (paper).
    pub steps: usize,
    /// Crops a step, 1 to 4096. Default 128 (paper).
    pub batch: usize,
    /// Voxels of a crop along t, y and x. Default 32 each (paper).
    pub crop: [usize; 3],
    /// Step size of Adam, above 0, at most 1. Default 2e-4 (paper).
    pub learning_rate: f64,
    /// How the step size changes on the way.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is minimised. Default the mean squared error (paper).
    pub loss: Loss,
    /// Unlabeled crops for each event. Default 64 (the paper's best).
    pub pu_ratio: usize,
    /// How they are drawn.
    pub pu_sampling: PuSampling,
    /// Voxels `[t, y, x]` kept between known events and unlabeled crops.
    pub pu_margin: [usize; 3],
    /// What is done to a crop before it is shown.
    pub augment: Augment,
    /// Seed of the initial weights, of the crops and of their order.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 100_000,
            batch: 128,
            crop: [32; 3],
            learning_rate: 2e-4,
            schedule: Schedule::default(),
            loss: Loss::Mse,
            pu_ratio: 64,
            pu_sampling: PuSampling::Nested,
            pu_margin: [4, 4, 4],
            augment: Augment::default(),
            seed: 0,
        }
    }
}

impl TrainConfig {
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
        if !(1..=4096).contains(&self.batch) {
            return fail("batch", "1 to 4096", self.batch.to_string());
        }
        if self.crop.iter().any(|n| !(1..=256).contains(n)) {
            return fail("crop", "1 to 256 voxels an axis", format!("{:?}", self.crop));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return fail("learning rate", "above 0, at most 1", self.learning_rate.to_string());
        }
        if self.pu_ratio > 1024 {
            return fail("unlabeled crops for each event", "at most 1024", self.pu_ratio.to_string());
        }
        self.loss.check()
    }

    /// The step size at a step.
    fn learning_rate_at(&self, step: usize) -> f64 {
        self.learning_rate * self.schedule.at(step as f64 / self.steps as f64)
    }

    /// The crops that a session draws from, labelled ones first.
    #[must_use]
    pub fn crops(&self, streams: &[Stream]) -> Vec<Crop> {
        let mut crops = crops::positive(streams);
        for (i, stream) in streams.iter().enumerate() {
            let (sampling, margin) = (self.pu_sampling, self.pu_margin);
            crops.extend(crops::unlabeled(i, stream, self.pu_ratio, sampling, margin, self.crop, self.seed));
        }
        crops
    }
}

/// A network that can be trained on voxels.
pub(crate) trait Voxelwise: Module + 'static {
    /// `[n, 1, t, y, x]` to logits of the same shape.
    fn logits(&self, x: Tensor<5>) -> Tensor<5>;

    /// The lengths of whose multiples every axis `[t, y, x]` of an input must be.
    fn multiple(&self) -> [usize; 3];

    /// The mean loss of a batch whose input is `x`.
    fn loss(&self, x: Tensor<5>, batch: &Batch, loss: Loss) -> Result<Tensor<1>> {
        let known = batch.labels.iter().map(|&label| if label > 0 { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
        let target = Tensor::from_data(TensorData::new(known, x.dims()), &x.device());
        /// The axis of columns.
        const X: isize = 4;
        let target = loss.soften(target, || self.logits(x.clone().flip([X])).flip([X]));
        Ok(loss.of(self.logits(x), target, &batch.labelled))
    }

    /// The name of an array in a checkpoint, given its path.
    fn checkpoint_name(&self, path: &str) -> String;

    /// Its arrays as they are now.
    fn weights(&self) -> Weights {
        Weights { parameters: collect(self, &|path| self.checkpoint_name(path)), ..Weights::default() }
    }
}

/// Training on its way, of whichever network.
pub trait Training {
    /// How many steps were taken.
    fn step(&self) -> usize;

    /// Takes one step; gives the loss before it.
    ///
    /// # Errors
    /// If a recording cannot be read, the loss is not a number, or the device could not compute it.
    fn advance(&mut self, streams: &[Stream]) -> Result<f32>;

    /// The network's arrays as they are now.
    fn weights(&self) -> Weights;

    /// Everything needed to go on from here.
    fn checkpoint(&self) -> Weights;

    /// Goes on from where `checkpoint` was taken.
    ///
    /// # Errors
    /// If the checkpoint is not one of this network.
    fn resume(&mut self, checkpoint: &Weights) -> Result<()>;
}

/// Training of a fresh network of this architecture, on `device`, with the crops that `config` draws from `streams`.
///
/// # Errors
/// If the configuration makes no sense or there is not a single crop.
pub fn begin(
    config: &TrainConfig,
    architecture: &Architecture,
    streams: &[Stream],
    device: &Device,
) -> Result<Box<dyn Training>> {
    if config.loss == (Loss::NnPu { prior: None }) {
        let expected = "a number, estimated before training".into();
        return Err(Error::Parameter { name: "class prior", expected, found: "none".into() });
    }
    let device = device.clone().autodiff();
    let (config, seed, crops) = (config.clone(), config.seed, config.crops(streams));
    Ok(match architecture {
        Architecture::Unet3d(shape) => {
            Box::new(Session::new(config, UNet3d::new(shape, seed, &device)?, crops, &device)?)
        }
        Architecture::AttentionUnet(shape) => {
            Box::new(Session::new(config, AttentionUNet::new(shape, seed, &device)?, crops, &device)?)
        }
        Architecture::Unetr(shape) => {
            Box::new(Session::new(config, Unetr::new(shape, seed, &device)?, crops, &device)?)
        }
        Architecture::Unet2d(shape) => {
            Box::new(Session::new(config, UNet2d::new(shape, seed, &device)?, crops, &device)?)
        }
        Architecture::Stardist3d(shape) => {
            Box::new(Session::new(config, StarDist3d::new(shape, seed, &device)?, crops, &device)?)
        }
    })
}

/// A network that learns from crops.
struct Session<M> {
    config: TrainConfig,
    learner: Learner<M>,
    order: Order,
}

impl<M: Voxelwise> Session<M> {
    /// A session that begins with `model`, which must be on `device`, a device with gradients.
    fn new(config: TrainConfig, model: M, crops: Vec<Crop>, device: &Device) -> Result<Self> {
        config.check()?;
        if crops.is_empty() {
            let expected = "at least one event to learn from".into();
            return Err(Error::Parameter { name: "training set", expected, found: "none".into() });
        }
        let multiple = model.multiple();
        if (0..3).any(|axis| !config.crop[axis].is_multiple_of(multiple[axis])) {
            let expected = format!("multiples of {multiple:?}, which the network's pooling needs");
            return Err(Error::Parameter { name: "crop", expected, found: format!("{:?}", config.crop) });
        }
        let order = Order::new(crops, config.seed);
        Ok(Self { config, learner: Learner::new(model, device), order })
    }
}

impl<M: Voxelwise> Training for Session<M> {
    fn step(&self) -> usize {
        self.learner.step()
    }

    fn advance(&mut self, streams: &[Stream]) -> Result<f32> {
        let step = self.step();
        let drawn = self.order.at(step, self.config.batch);
        let mut batch = Batch::cut(&drawn, streams, self.config.crop, self.config.augment, self.config.seed, step)?;
        let [t, h, w] = self.config.crop;
        let shape = [drawn.len(), 1, t, h, w];
        let input = Tensor::from_data(TensorData::new(std::mem::take(&mut batch.input), shape), &self.learner.device);
        let loss = self.learner.model.loss(input, &batch, self.config.loss)?;
        self.learner.descend(loss, self.config.learning_rate_at(step))
    }

    fn weights(&self) -> Weights {
        self.learner.model.weights()
    }

    fn checkpoint(&self) -> Weights {
        self.learner.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Weights) -> Result<()> {
        self.learner.resume(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::unet3d::UNet3dConfig;
    use crate::stream::Extent;
    use ndarray::{Array2, Array3};
    use rand::{Rng, SeedableRng};
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::InMemory;
    use std::sync::Arc;

    /// Noise with a few bright cubes, which are the events.
    fn stream() -> Stream {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut input = Array3::from_shape_simple_fn((24, 40, 40), || rng.random_range(-0.5f32..0.5));
        let mut label = Array3::zeros((24, 40, 40));
        let mut events = Vec::new();
        for (i, [t, y, x]) in [[4, 8, 8], [12, 30, 10], [8, 20, 30], [18, 10, 28]].into_iter().enumerate() {
            let cube = |a: &mut Array3<f32>, v: f32| {
                a.slice_mut(ndarray::s![t..t + 3, y..y + 4, x..x + 4]).mapv_inplace(|o| o + v)
            };
            cube(&mut input, 2.0);
            cube(&mut label, i as f32 + 1.0);
            events.push(Extent { first: [t, y, x], last: [t + 2, y + 3, x + 3] });
        }
        let source = |a: Array3<f32>| Arc::new(InMemory::new(Recording::default(), Pixels::F32(a)));
        Stream {
            name: "0".into(),
            input: source(input),
            label: source(label),
            events,
            foreground: Array2::from_elem((40, 40), true),
        }
    }

    fn session(config: &TrainConfig, streams: &[Stream]) -> Session<UNet3d> {
        let device = Device::flex().autodiff();
        let shape = UNet3dConfig { width: 4, pools: vec![[1, 2, 2]], ..UNet3dConfig::sparks() };
        let model = UNet3d::new(&shape, config.seed, &device).expect("valid");
        Session::new(config.clone(), model, config.crops(streams), &device).expect("valid")
    }

    #[test]
    fn a_network_learns_and_a_resumed_session_gives_the_same_bytes() {
        let streams = [stream()];
        let config = TrainConfig {
            batch: 4,
            crop: [8, 16, 16],
            learning_rate: 1e-2,
            pu_ratio: 2,
            seed: 5,
            ..TrainConfig::default()
        };
        let mut whole = session(&config, &streams);
        let mut losses = Vec::new();
        let mut checkpoint = None;
        for step in 0..40 {
            if step == 17 {
                checkpoint = Some(whole.checkpoint());
            }
            losses.push(whole.advance(&streams).expect("a step"));
        }
        let mean = |range: std::ops::Range<usize>| losses[range.clone()].iter().sum::<f32>() / range.len() as f32;
        assert!(mean(32..40) < 0.3 * mean(0..4), "{losses:?}");

        let mut again = session(&config, &streams);
        again.resume(&checkpoint.expect("taken")).expect("its own checkpoint");
        assert_eq!(again.step(), 17);
        let rest: Vec<f32> = (17..40).map(|_| again.advance(&streams).expect("a step")).collect();
        assert_eq!(rest, losses[17..]);
        let (again, whole) = (again.checkpoint(), whole.checkpoint());
        let differing: Vec<&String> = whole
            .parameters
            .iter()
            .filter(|(name, p)| again.parameters.get(*name) != Some(*p))
            .map(|(name, _)| name)
            .collect();
        assert!(differing.is_empty() && again.texts == whole.texts, "{differing:?}");

        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        let alone = pool.install(|| {
            let mut session = session(&config, &streams);
            (0..5).map(|_| session.advance(&streams).expect("a step")).collect::<Vec<_>>()
        });
        assert_eq!(alone, losses[..5], "the number of threads changes nothing");
    }

    #[test]
    fn stardist_learns_where_events_are() {
        use crate::models::stardist3d::{StarDist3d, StarDist3dConfig};
        let streams = [stream()];
        let config = TrainConfig {
            batch: 4,
            crop: [8, 16, 16],
            learning_rate: 3e-3,
            loss: Loss::Bce,
            pu_ratio: 1,
            seed: 5,
            ..TrainConfig::default()
        };
        let device = Device::flex().autodiff();
        let shape = StarDist3dConfig { width: 8, features: 8, n_rays: 16, ..StarDist3dConfig::sparks() };
        let model = StarDist3d::new(&shape, config.seed, &device).expect("valid");
        let mut session = Session::new(config.clone(), model, config.crops(&streams), &device).expect("valid");
        let losses: Vec<f32> = (0..400).map(|_| session.advance(&streams).expect("a step")).collect();
        let mean = |range: std::ops::Range<usize>| losses[range.clone()].iter().sum::<f32>() / range.len() as f32;
        assert!(mean(390..400) < 0.3 * mean(0..4), "{losses:?}");
        let mut network =
            crate::network::StarNetwork::new(&shape, &session.weights(), &Device::flex()).expect("its own weights");
        let input =
            streams[0].input.read(sparkwave_core::axes::Span::new(0, 24), sparkwave_core::axes::Span::new(0, 40));
        let said = crate::network::Network::whole(&mut network, input.expect("in memory").to_f32().view());
        let said = said.expect("computed");
        let mean = said.mean().expect("voxels");
        for [t, y, x] in [[5, 10, 10], [13, 32, 12], [9, 22, 32], [19, 12, 30]] {
            assert!(said[[t, y, x]] > 10.0 * mean, "{} of a mean of {mean}", said[[t, y, x]]);
        }
    }

    #[test]
    fn numbers_without_meaning_are_named() {
        let bad = TrainConfig { loss: Loss::NnPu { prior: Some(1.5) }, ..TrainConfig::default() };
        assert!(bad.check().expect_err("no probability").to_string().contains("class prior"));
        let device = Device::flex().autodiff();
        let model = UNet3d::new(&UNet3dConfig::sparks(), 0, &device).expect("valid");
        assert!(Session::new(TrainConfig::default(), model, Vec::new(), &device).is_err(), "nothing to learn from");
    }

    #[test]
    fn a_loss_that_is_no_number_or_a_damaged_checkpoint_is_no_parameter() {
        let streams = [stream()];
        let mut session = session(&TrainConfig { crop: [8, 16, 16], ..TrainConfig::default() }, &streams);
        let loss = Tensor::from_data([f32::NAN], &session.learner.device);
        assert!(matches!(session.learner.descend(loss, 0.1), Err(Error::Diverged(_))));
        let mut checkpoint = session.checkpoint();
        checkpoint.texts.clear();
        assert!(matches!(session.resume(&checkpoint), Err(Error::Saved { .. })));
    }
}
