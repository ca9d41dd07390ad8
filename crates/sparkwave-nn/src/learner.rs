//! A network on its way from initial values to trained ones: its arrays, its optimizer and how many steps were taken.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use sparkwave_core::weights::Weights;

use crate::adam::Adam;
use crate::device::read;
use crate::error::{Error, Result};
use crate::parameters::replace;
use crate::train::Voxelwise;

/// A network whose learned arrays can be written down and taken up again.
pub(crate) trait Learnable: Module {
    /// The arrays that learn, as they are now.
    fn learned(&self) -> Weights;

    /// The network with these learned arrays in the place of its own.
    ///
    /// # Errors
    /// If they do not fit, all of them named at once.
    fn with_learned(self, learned: Weights) -> Result<Self>;
}

impl<M: Voxelwise> Learnable for M {
    fn learned(&self) -> Weights {
        self.weights()
    }

    fn with_learned(self, learned: Weights) -> Result<Self> {
        replace(self, &learned)
    }
}

/// What a checkpoint holds.
pub(crate) struct Learner<M> {
    pub(crate) model: M,
    pub(crate) device: Device,
    adam: Adam,
    step: usize,
}

/// The prefix of the network's arrays in a checkpoint, as in the published ones.
const MODEL: &str = "model.";
/// The name of the number of steps taken.
const STEP: &str = "step";

impl<M: Learnable> Learner<M> {
    /// One that begins with `model`, which must be on `device`, a device with gradients.
    pub(crate) fn new(model: M, device: &Device) -> Self {
        Self { model, device: device.clone(), adam: Adam::new(), step: 0 }
    }

    /// How many steps were taken.
    pub(crate) fn step(&self) -> usize {
        self.step
    }

    /// Takes one step of this size against the gradient of `loss`; gives its value.
    ///
    /// # Errors
    /// If the loss is not a number, or the device could not compute it.
    pub(crate) fn descend(&mut self, loss: Tensor<1>, learning_rate: f64) -> Result<f32> {
        let value = read(loss.clone())?.first().copied().unwrap_or(f32::NAN);
        if !value.is_finite() {
            return Err(Error::Diverged(value));
        }
        let grads = GradientsParams::from_grads(loss.backward(), &self.model);
        self.model = self.adam.step(self.model.clone(), grads, learning_rate);
        self.step += 1;
        Ok(value)
    }

    /// Everything needed to go on from here.
    pub(crate) fn checkpoint(&self) -> Weights {
        let mut checkpoint = Weights::default();
        checkpoint.parameters.extend(self.adam.state());
        let model = self.model.learned().parameters;
        checkpoint.parameters.extend(model.into_iter().map(|(name, array)| (format!("{MODEL}{name}"), array)));
        checkpoint.texts.insert(STEP.into(), self.step.to_string());
        checkpoint
    }

    /// Goes on from where `checkpoint` was taken.
    ///
    /// # Errors
    /// If the checkpoint is not one of this network.
    pub(crate) fn resume(&mut self, checkpoint: &Weights) -> Result<()> {
        let strip = |(name, array): (&String, &_)| Some((name.strip_prefix(MODEL)?.to_owned(), Clone::clone(array)));
        let model =
            Weights { parameters: checkpoint.parameters.iter().filter_map(strip).collect(), ..Weights::default() };
        self.model = self.model.clone().with_learned(model)?;
        self.adam = Adam::resume(checkpoint, &self.device);
        let step = checkpoint.texts.get(STEP).and_then(|s| s.parse().ok());
        self.step = step.ok_or_else(|| Error::Saved {
            name: "checkpoint",
            expected: "the number of its step".into(),
            found: "none".into(),
        })?;
        Ok(())
    }
}
