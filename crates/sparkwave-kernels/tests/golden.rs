//! The layers against PyTorch in double precision: `tests/reference/kernels.py` writes the numbers.

use crate::random::{assert_close, sets, volume};
use serde_json::Value;
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d};
use sparkwave_kernels::norm::{self, BatchNorm};
use sparkwave_kernels::pool;
use sparkwave_kernels::transposed::{self, Transposed};
use sparkwave_kernels::{Batch, Isa};
use std::path::Path;

/// Tensor `seed` of the reference program.
fn values(seed: usize, n: usize) -> Vec<f32> {
    (0..n).map(|i| (((7919 * i + 104_729 * seed) % 1009) as f64 / 504.5 - 1.0) as f32).collect()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn sizes(value: &Value) -> [usize; 3] {
    std::array::from_fn(|i| size(&value[i]))
}

#[track_caller]
fn compare(case: &Value, isa: Isa, output: &[f32], grads: &[&[f32]]) {
    let what = format!("{} {isa:?}", case["name"]);
    assert_close(output, &numbers(&case["output"]), 2e-6, &what);
    assert_eq!(grads.len(), case["grads"].as_array().unwrap().len(), "{what}");
    for (i, found) in grads.iter().enumerate() {
        assert_close(found, &numbers(&case["grads"][i]), 4e-6, &format!("{what}, gradient {i}"));
    }
}

#[test]
fn layers_equal_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/kernels.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    for (case, isa) in cases.iter().flat_map(|case| sets().into_iter().map(move |isa| (case, isa))) {
        match case["name"].as_str().unwrap() {
            "conv3d" => convolution(case, isa),
            "transposed" => transposed_convolution(case, isa),
            "norm" => batch_norm(case, isa),
            _ => pooling(case, isa),
        }
    }
    assert_eq!(cases.len(), 11);
}

fn convolution(case: &Value, isa: Isa) {
    let (inputs, outputs) = (size(&case["inputs"]), size(&case["outputs"]));
    let batch = Batch::new(size(&case["n"]), volume(sizes(&case["size"])));
    let voxels = batch.samples * batch.volume.voxels().unwrap();
    let layer = Conv3d::new(inputs, outputs, sizes(&case["kernel"])).unwrap();
    let (mut x, mut weight, mut bias) = (values(1, inputs * voxels), values(2, layer.weights()), values(3, outputs));
    let (mut y, grad) = (vec![0.0; outputs * voxels], values(9, outputs * voxels));
    let packed = layer.pack(&weight).unwrap();
    conv3d::forward(isa, &packed, Some(&bias), Activation::Identity, &[&x], batch, &mut y).unwrap();
    let input = x.clone();
    conv3d::input_gradient(isa, &layer, &weight, &grad, batch, &mut [&mut x]).unwrap();
    conv3d::weight_gradient(isa, &layer, &[&input], &grad, batch, &mut weight, Some(&mut bias)).unwrap();
    compare(case, isa, &y, &[&x, &weight, &bias]);
}

fn transposed_convolution(case: &Value, isa: Isa) {
    let (inputs, outputs) = (size(&case["inputs"]), size(&case["outputs"]));
    let batch = Batch::new(size(&case["n"]), volume(sizes(&case["size"])));
    let layer = Transposed::new(inputs, outputs, sizes(&case["kernel"]), sizes(&case["stride"])).unwrap();
    let large = outputs * batch.samples * layer.output(batch.volume).unwrap().voxels().unwrap();
    let (mut x, mut weight, mut bias) = (
        values(1, inputs * batch.samples * batch.volume.voxels().unwrap()),
        values(2, layer.weights()),
        values(3, outputs),
    );
    let (mut y, grad) = (vec![0.0; large], values(9, large));
    let packed = layer.pack(&weight).unwrap();
    transposed::forward(isa, &packed, Some(&bias), Activation::Identity, &x, batch, &mut y).unwrap();
    let input = x.clone();
    transposed::input_gradient(isa, &layer, &weight, &grad, batch, &mut x).unwrap();
    transposed::weight_gradient(isa, &layer, &input, &grad, batch, &mut weight, Some(&mut bias)).unwrap();
    compare(case, isa, &y, &[&x, &weight, &bias]);
}

fn batch_norm(case: &Value, isa: Isa) {
    let channels = size(&case["channels"]);
    let batch = Batch::new(size(&case["n"]), volume(sizes(&case["size"])));
    let n = channels * batch.samples * batch.volume.voxels().unwrap();
    let (x, scale, shift, grad) = (values(1, n), values(2, channels), values(3, channels), values(9, n));
    let activation = Activation::LeakyRelu(case["slope"].as_f64().unwrap() as f32);
    let norm = BatchNorm { scale: &scale, shift: &shift, eps: 1e-5, activation };
    let (mut y, mut of_x) = (vec![0.0; n], vec![0.0; n]);
    let moments = norm::forward_training(isa, &norm, &x, batch, &mut y).unwrap();
    let parameters = norm::backward(isa, &norm, &moments, &x, &grad, batch, &mut of_x).unwrap();
    compare(case, isa, &y, &[&of_x, &parameters.scale, &parameters.shift]);
    assert_close(&moments.mean, &numbers(&case["running_mean"]), 1e-6, "mean");
    assert_close(&moments.unbiased_variance(), &numbers(&case["running_variance"]), 1e-6, "variance");
}

fn pooling(case: &Value, isa: Isa) {
    let (maps, size, window) = (size(&case["maps"]), volume(sizes(&case["size"])), sizes(&case["window"]));
    let x = values(1, maps * size.voxels().unwrap());
    let n = maps * pool::output(size, window).unwrap().voxels().unwrap();
    let (mut y, mut place, mut of_x) = (vec![0.0; n], vec![0; n], vec![0.0; x.len()]);
    pool::forward(isa, &x, maps, size, window, &mut y, Some(&mut place)).unwrap();
    pool::backward(isa, &values(9, n), &place, maps, size, window, &mut of_x).unwrap();
    compare(case, isa, &y, &[&of_x]);
}
