//! Reads `tests/reference/golden/networks.json`; the formula of weights and inputs stands in `networks.py`.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde_json::Value;
use sparkwave_core::weights::{Parameter, Weights};

use crate::parameters::{Path, replace, values};
use crate::train::Voxelwise;

/// Value i of the array number j, from -1 to 1: the bits of both, mixed.
pub(crate) fn scatter(n: usize, j: usize) -> impl Iterator<Item = f32> {
    exact_scatter(n, j).map(|v| v as f32)
}

fn exact_scatter(n: usize, j: usize) -> impl Iterator<Item = f64> {
    (0..n as u32).map(move |i| crate::probe::scatter(i, j as u32))
}

/// Gives every array the values of the formula.
pub(crate) fn formula(weights: &mut Weights) {
    formula_where(weights, |_| true);
}

/// Gives the arrays of these names the values of the formula.
pub(crate) fn formula_where(weights: &mut Weights, named: impl Fn(&str) -> bool) {
    for (j, (name, array)) in weights.parameters.iter_mut().enumerate().filter(|(_, (name, _))| named(name)) {
        let n = array.values.len();
        let row = (n / array.shape[0]) as f64;
        let value = |v: f64| {
            if array.shape.len() >= 2 {
                v * (3.0 / row).sqrt()
            } else if name.ends_with("running_var") {
                0.5 * v.abs() + 0.5
            } else if name.ends_with("weight") {
                0.1 * v + 1.0
            } else {
                0.1 * v
            }
        };
        array.values = exact_scatter(n, j).map(|v| value(v) as f32).collect();
    }
}

/// One network's part of the file.
pub(crate) struct Golden(Value);

impl Golden {
    pub(crate) fn read(case: &str) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/golden/networks.json");
        let text = std::fs::read_to_string(path).expect("the golden file is in the repository");
        let all: Value = serde_json::from_str(&text).expect("JSON");
        Self(all[case].clone())
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().expect("a number")
    }

    /// Holds a network to PyTorch: inference, a training pass with its loss, and all gradients of the squared error.
    /// Forty layers deep, a rectifier that stands within rounding of zero may open or close, which moves the sum of a
    /// gradient by what one voxel adds to it: gradients have a tolerance of their own.
    pub(crate) fn check<M: Voxelwise>(&self, network: impl Fn(&Device) -> M, of_gradients: f64) {
        let device = Device::flex();
        let model = network(&device);
        let mut weights = model.weights();
        formula(&mut weights);
        let loaded = |device: &Device| replace(network(device), &weights).expect("all arrays fit");
        let shape = self.shape();
        let n: usize = shape.iter().product();
        let input = TensorData::new(scatter(n, 0).collect::<Vec<f32>>(), shape);
        let y = activation::sigmoid(loaded(&device).logits(Tensor::from_data(input.clone(), &device)));
        self.compare("inference", &values(&y), 1e-5);

        let training = device.autodiff();
        let model = loaded(&training);
        let logits = model.logits(Tensor::from_data(input, &training));
        self.compare("training", &values(&activation::sigmoid(logits.clone())), 1e-5);
        let of_answer = logits.dims();
        let target = scatter(of_answer.iter().product(), 3).map(|v| f32::from(u8::from(v > 0.8)));
        let target = Tensor::from_data(TensorData::new(target.collect::<Vec<f32>>(), of_answer), &training);
        let loss = crate::loss::Loss::Mse.of(logits, target, &[true, true]);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        assert!((value - self.number("loss")).abs() < 1e-6, "loss {value}");
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        self.compare_gradients(&model, &grads, of_gradients);
    }

    /// How many values a network learns.
    pub(crate) fn n_learned(weights: &Weights) -> usize {
        let learned = weights.parameters.iter().filter(|(name, _)| !name.contains("running"));
        learned.map(|(_, p)| p.values.len()).sum()
    }

    pub(crate) fn shape(&self) -> [usize; 5] {
        std::array::from_fn(|i| self.0["shape"][i].as_u64().expect("a length") as usize)
    }

    /// Compares an array with its digest.
    pub(crate) fn compare(&self, key: &str, found: &Parameter, tolerance: f64) {
        compare(key, &self.0[key], found, tolerance);
    }

    /// Compares the gradient of every parameter.
    pub(crate) fn compare_gradients<M: Voxelwise>(&self, module: &M, grads: &GradientsParams, tolerance: f64) {
        struct Visitor<'a> {
            path: Path,
            grads: &'a GradientsParams,
            expected: &'a Value,
            rename: &'a dyn Fn(&str) -> String,
            tolerance: f64,
            n: usize,
        }
        impl ModuleVisitor for Visitor<'_> {
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.path.enter(name);
            }
            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.path.exit();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let Some(grad) = self.grads.get::<D>(param.id) else { return };
                let name = (self.rename)(&self.path.name());
                compare(&name, &self.expected[&name], &values(&grad), self.tolerance);
                self.n += 1;
            }
        }
        let expected = &self.0["gradients"];
        let rename = &|path: &str| module.checkpoint_name(path);
        let mut visitor = Visitor { path: Path::default(), grads, expected, rename, tolerance, n: 0 };
        module.visit(&mut visitor);
        assert_eq!(visitor.n, expected.as_object().expect("an object").len());
    }
}

/// Sum, sum of squares and every 97th value, within a part of the largest value that could be expected.
fn compare(what: &str, expected: &Value, found: &Parameter, tolerance: f64) {
    let number = |key: &str| expected[key].as_f64().unwrap_or_else(|| panic!("{what} has no {key}"));
    let shape: Vec<u64> = found.shape.iter().map(|&n| n as u64).collect();
    assert_eq!(expected["shape"], serde_json::json!(shape), "{what}");
    let squares: f64 = found.values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let sum: f64 = found.values.iter().map(|&v| f64::from(v)).sum();
    let norm = number("squares").sqrt();
    if norm < 1e-12 {
        // A bias ahead of a normalisation has no gradient but rounding.
        assert!(squares.sqrt() < 1e-6, "{what}: norm {} against 0", squares.sqrt());
        return;
    }
    assert!((squares.sqrt() - norm).abs() <= tolerance * norm, "{what}: norm {} against {norm}", squares.sqrt());
    let slack = tolerance * norm * (found.values.len() as f64).sqrt();
    assert!((sum - number("sum")).abs() <= slack, "{what}: sum {sum} against {}", number("sum"));
    let Some(sampled) = expected["every_97th"].as_array() else { return };
    for (i, (found, expected)) in found.values.iter().step_by(97).zip(sampled).enumerate() {
        let expected = expected.as_f64().expect("a number");
        assert!((f64::from(*found) - expected).abs() <= tolerance, "{what}, sample {i}: {found} against {expected}");
    }
}
