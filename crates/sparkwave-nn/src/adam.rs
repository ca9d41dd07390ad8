//! Adam (Kingma and Ba 2015) over a whole network, with a state that can be written down and taken up again.
//!
//! The library computes the step of one array; what is here keeps the state of each by name, because the library's own
//! record of a network's optimizer is not the same bytes from run to run.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{Adam as Step, AdamConfig, AdamState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use sparkwave_core::weights::{Parameter, Weights};

use crate::parameters::{Path, values};

/// The moments of one array, flat.
struct Moments {
    time: usize,
    first: Tensor<1>,
    second: Tensor<1>,
}

/// The optimizer and its state.
pub(crate) struct Adam {
    step: Step,
    moments: BTreeMap<String, Moments>,
}

const FIRST: &str = "first_moment.";
const SECOND: &str = "second_moment.";
const TIME: &str = "time.";

impl Adam {
    /// With the usual decays of 0.9 and 0.999 and PyTorch's epsilon of 1e-8.
    pub(crate) fn new() -> Self {
        Self { step: AdamConfig::new().with_epsilon(1e-8).build(), moments: BTreeMap::new() }
    }

    /// The network after one step of this size against these gradients.
    pub(crate) fn step<M: Module>(&mut self, module: M, grads: GradientsParams, learning_rate: f64) -> M {
        let mut mapper = Mapper { path: Path::default(), adam: self, grads, learning_rate };
        module.map(&mut mapper)
    }

    /// The state, one parameter a moment and array.
    pub(crate) fn state(&self) -> BTreeMap<String, Parameter> {
        let mut state = BTreeMap::new();
        for (name, moments) in &self.moments {
            state.insert(format!("{FIRST}{name}"), values(&moments.first));
            state.insert(format!("{SECOND}{name}"), values(&moments.second));
            // Exact as a float: training never reaches 2^24 steps.
            state.insert(format!("{TIME}{name}"), Parameter::new(vec![], vec![moments.time as f32]));
        }
        state
    }

    /// The optimizer as it was when `state` was taken; arrays that it does not name start anew.
    pub(crate) fn resume(state: &Weights, device: &Device) -> Self {
        let mut adam = Self::new();
        for (key, first) in &state.parameters {
            let Some(name) = key.strip_prefix(FIRST) else { continue };
            let (Some(second), Some(time)) =
                (state.parameters.get(&format!("{SECOND}{name}")), state.parameters.get(&format!("{TIME}{name}")))
            else {
                continue;
            };
            let tensor = |p: &Parameter| Tensor::from_data(TensorData::new(p.values.clone(), [p.values.len()]), device);
            let time = time.values.first().copied().unwrap_or(0.0) as usize;
            adam.moments.insert(name.to_owned(), Moments { time, first: tensor(first), second: tensor(second) });
        }
        adam
    }
}

struct Mapper<'a> {
    path: Path,
    adam: &'a mut Adam,
    grads: GradientsParams,
    learning_rate: f64,
}

impl ModuleMapper for Mapper<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return param };
        let name = self.path.name();
        let shape = grad.dims();
        let n: usize = shape.iter().product();
        let state = self.adam.moments.remove(&name).filter(|m| m.first.dims() == [n]).map(|m| {
            AdamState::new(AdaptiveMomentumState::new(m.time, m.first.reshape(shape), m.second.reshape(shape)))
        });
        let (adam, learning_rate) = (&mut *self.adam, self.learning_rate);
        param.map(|tensor| {
            let (tensor, state) = adam.step.step(learning_rate, tensor.inner(), grad, state);
            if let Some(AdamState { momentum }) = state {
                let (first, second) = (momentum.moment_1.reshape([n]), momentum.moment_2.reshape([n]));
                adam.moments.insert(name, Moments { time: momentum.time, first, second });
            }
            Tensor::from_inner(tensor).require_grad()
        })
    }
}
