//! Between a network and its [`Weights`]: every array by the name that it has in a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use sparkwave_core::weights::{Parameter, Weights};

use crate::error::{Error, Result};
use crate::train::Voxelwise;

/// The path of the array that is being visited, joined by dots.
#[derive(Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    pub(crate) fn name(&self) -> String {
        self.0.join(".")
    }
}

/// The values of a tensor, copied to main memory.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Parameter {
    let data = tensor.clone().into_data();
    let shape: Vec<usize> = tensor.dims().to_vec();
    let values = data.iter::<f32>().collect();
    Parameter::new(shape, values)
}

/// The arrays of a network, named by `rename` of their paths.
pub(crate) fn collect<M: Module>(module: &M, rename: &dyn Fn(&str) -> String) -> BTreeMap<String, Parameter> {
    struct Collect<'a> {
        path: Path,
        rename: &'a dyn Fn(&str) -> String,
        found: BTreeMap<String, Parameter>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.insert((self.rename)(&self.path.name()), values(&param.val()));
        }
    }
    let mut visitor = Collect { path: Path::default(), rename, found: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.found
}

/// A network with the arrays of `weights` in the place of its own.
///
/// # Errors
/// As [`load`].
pub(crate) fn replace<M: Voxelwise>(module: M, weights: &Weights) -> Result<M> {
    let named = module.clone();
    load(module, &|path| named.checkpoint_name(path), weights)
}

/// A module with the arrays of `weights`, named by `rename` of their paths, in the place of its own.
///
/// # Errors
/// If an array of the module is missing, has another shape, or is not a number, or if `weights` holds an array that the
/// module does not have: all of them are named at once. Counters of batches, which some checkpoints carry, are ignored.
pub(crate) fn load<M: Module>(module: M, rename: &dyn Fn(&str) -> String, weights: &Weights) -> Result<M> {
    struct Replace<'a> {
        path: Path,
        rename: &'a dyn Fn(&str) -> String,
        weights: &'a Weights,
        /// Names of arrays that both have.
        shared: BTreeSet<String>,
        missing: Vec<String>,
        unfit: Vec<String>,
    }
    impl ModuleMapper for Replace<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = (self.rename)(&self.path.name());
            let Some(array) = self.weights.parameters.get(&name) else {
                self.missing.push(name);
                return param;
            };
            self.shared.insert(name.clone());
            let shape = param.val().dims();
            if array.shape != shape {
                self.unfit.push(format!("{name} is {:?}, expected {shape:?}", array.shape));
            } else if !array.values.iter().all(|v| v.is_finite()) {
                self.unfit.push(format!("{name} holds values that are not numbers"));
            } else {
                let data = TensorData::new(array.values.clone(), shape);
                return param.map(|old| {
                    let new = Tensor::from_data(data, &old.device());
                    if old.is_require_grad() { new.require_grad() } else { new }
                });
            }
            param
        }
    }
    let mut mapper = Replace {
        path: Path::default(),
        rename,
        weights,
        shared: BTreeSet::new(),
        missing: Vec::new(),
        unfit: Vec::new(),
    };
    let module = module.map(&mut mapper);
    let unexpected: Vec<String> = weights
        .parameters
        .keys()
        .filter(|name| !mapper.shared.contains(*name) && !name.ends_with("num_batches_tracked"))
        .cloned()
        .collect();
    if mapper.missing.is_empty() && mapper.unfit.is_empty() && unexpected.is_empty() {
        Ok(module)
    } else {
        Err(Error::Weights { missing: mapper.missing, unexpected, unfit: mapper.unfit })
    }
}
