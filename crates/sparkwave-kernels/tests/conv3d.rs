//! Convolution: values, gradients, what the results do not depend on.

use crate::definition::{self, Layer};
use crate::random::{SHAPES, assert_close, differences, dot, on_any_threads, sets, values, volume};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{Conv3d, forward, input_gradient, weight_gradient};
use sparkwave_kernels::{Batch, Isa, ShapeError};

const KERNELS: [[usize; 3]; 4] = [[3, 3, 3], [1, 3, 3], [1, 1, 1], [3, 1, 3]];

/// A layer, its batch, input, weights and bias.
fn cases() -> impl Iterator<Item = (Layer, Batch, Vec<f32>, Vec<f32>, Vec<f32>)> {
    SHAPES.into_iter().flat_map(|shape| KERNELS.map(|kernel| (shape, kernel))).map(|(shape, kernel)| {
        let (samples, size, inputs, outputs) = shape;
        let layer = Layer { samples, volume: size, inputs, outputs, kernel, stride: [1; 3] };
        let x = values(1, samples * inputs * size.iter().product::<usize>());
        let weight = values(2, outputs * inputs * kernel.iter().product::<usize>());
        (layer, Batch::new(samples, volume(size)), x, weight, values(3, outputs))
    })
}

fn run(isa: Isa, layer: &Conv3d, x: &[&[f32]], batch: Batch, weight: &[f32], outputs: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; batch.samples * outputs * batch.volume.voxels().unwrap()];
    let packed = layer.pack(weight).unwrap();
    forward(isa, &packed, None, Activation::Identity, x, batch, &mut y).unwrap();
    y
}

#[test]
fn forward_is_the_definition() {
    for (layer, batch, x, weight, bias) in cases() {
        let expected = definition::conv3d(&layer, &x, &weight, &bias);
        let conv = Conv3d::new(layer.inputs, layer.outputs, layer.kernel).unwrap();
        let packed = conv.pack(&weight).unwrap();
        for isa in sets() {
            let found = on_any_threads(|| {
                let mut y = vec![f32::NAN; expected.len()];
                forward(isa, &packed, Some(&bias), Activation::Identity, &[&x], batch, &mut y).unwrap();
                y
            });
            assert_close(&found, &expected, 1e-5, &format!("{isa:?} {batch:?} {:?}", layer.kernel));
        }
    }
}

#[test]
fn activations_follow_the_sum() {
    let (layer, batch, x, weight, bias) = cases().nth(8).unwrap();
    let sums = definition::conv3d(&layer, &x, &weight, &bias);
    let packed = Conv3d::new(layer.inputs, layer.outputs, layer.kernel).unwrap().pack(&weight).unwrap();
    let of = [
        (Activation::Relu, (|v| v.max(0.0)) as fn(f32) -> f32),
        (Activation::LeakyRelu(0.2), |v| if v > 0.0 { v } else { 0.2 * v }),
        (Activation::Sigmoid, |v| 1.0 / (1.0 + (-v).exp())),
    ];
    for (isa, (activation, f)) in sets().into_iter().flat_map(|isa| of.map(|f| (isa, f))) {
        let mut y = vec![0.0; sums.len()];
        forward(isa, &packed, Some(&bias), activation, &[&x], batch, &mut y).unwrap();
        assert_close(&y, &sums.iter().map(|v| f(*v)).collect::<Vec<_>>(), 1e-5, &format!("{isa:?} {activation:?}"));
    }
}

#[test]
fn two_inputs_are_one_of_their_channels() {
    for (split, samples, size) in [([5, 3], 2, [3, 4, 5]), ([8, 16], 1, [2, 5, 33]), ([1, 9], 3, [2, 2, 2])] {
        let (batch, voxels) = (Batch::new(samples, volume(size)), size.iter().product::<usize>());
        let channels = split[0] + split[1];
        let parts = split.map(|c| values(c as u64, samples * c * voxels));
        let mut joined = Vec::new();
        for sample in 0..samples {
            for (part, c) in parts.iter().zip(split) {
                joined.extend_from_slice(&part[sample * c * voxels..][..c * voxels]);
            }
        }
        let weight = values(2, 7 * channels * 27);
        let grad = values(4, samples * 7 * voxels);
        let two = Conv3d::of_two(split, 7, [3; 3]).unwrap();
        let one = Conv3d::new(channels, 7, [3; 3]).unwrap();
        for isa in sets() {
            let expected = run(isa, &one, &[&joined], batch, &weight, 7);
            let found = run(isa, &two, &[&parts[0], &parts[1]], batch, &weight, 7);
            assert_close(&found, &expected, 1e-5, "forward");

            let mut expected = vec![0.0; joined.len()];
            input_gradient(isa, &one, &weight, &grad, batch, &mut [&mut expected]).unwrap();
            let [mut a, mut b] = split.map(|c| vec![f32::NAN; samples * c * voxels]);
            input_gradient(isa, &two, &weight, &grad, batch, &mut [&mut a, &mut b]).unwrap();
            let mut found = Vec::new();
            for sample in 0..samples {
                for (part, c) in [&a, &b].into_iter().zip(split) {
                    found.extend_from_slice(&part[sample * c * voxels..][..c * voxels]);
                }
            }
            assert_close(&found, &expected, 1e-5, "input gradient");

            let gradient = |layer: &Conv3d, inputs: &[&[f32]]| {
                let mut of_weight = vec![f32::NAN; weight.len()];
                weight_gradient(isa, layer, inputs, &grad, batch, &mut of_weight, None).unwrap();
                of_weight
            };
            let found = gradient(&two, &[&parts[0], &parts[1]]);
            assert_close(&found, &gradient(&one, &[&joined]), 1e-5, "weight gradient");
        }
    }
}

/// Whether there is time to move each value.
fn is_small((layer, _, x, weight, _): &(Layer, Batch, Vec<f32>, Vec<f32>, Vec<f32>)) -> bool {
    (x.len() + weight.len()) * weight.len() * x.len() / layer.inputs < 5_000_000
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (layer, batch, x, weight, bias) in cases().filter(is_small) {
        let conv = Conv3d::new(layer.inputs, layer.outputs, layer.kernel).unwrap();
        let grad = values(4, x.len() / layer.inputs * layer.outputs);
        let by_x = differences(&x, 0.5, |x| dot(&grad, &definition::conv3d(&layer, x, &weight, &bias)));
        let by_weight = differences(&weight, 0.5, |w| dot(&grad, &definition::conv3d(&layer, &x, w, &bias)));
        let by_bias = differences(&bias, 0.5, |b| dot(&grad, &definition::conv3d(&layer, &x, &weight, b)));
        for isa in sets() {
            let what = format!("{isa:?} {batch:?} {:?}", layer.kernel);
            let (of_x, of_weight, of_bias) = on_any_threads(|| gradients(isa, &conv, &x, &weight, &grad, batch));
            assert_close(&of_x, &by_x, 2e-5, &format!("{what}, input"));
            assert_close(&of_weight, &by_weight, 2e-5, &format!("{what}, weight"));
            assert_close(&of_bias, &by_bias, 2e-5, &format!("{what}, bias"));
        }
    }
}

type Gradients = (Vec<f32>, Vec<f32>, Vec<f32>);

fn gradients(isa: Isa, conv: &Conv3d, x: &[f32], weight: &[f32], grad: &[f32], batch: Batch) -> Gradients {
    let outputs = grad.len() / (batch.samples * batch.volume.voxels().unwrap());
    let mut of_x = vec![f32::NAN; x.len()];
    let mut of_weight = vec![f32::NAN; weight.len()];
    let mut of_bias = vec![f32::NAN; outputs];
    input_gradient(isa, conv, weight, grad, batch, &mut [&mut of_x]).unwrap();
    weight_gradient(isa, conv, &[x], grad, batch, &mut of_weight, Some(&mut of_bias)).unwrap();
    (of_x, of_weight, of_bias)
}

/// `<conv(x), g> = <x, input gradient of g> = <weight, weight gradient of g>`, at sizes too large for differences.
#[test]
fn gradients_are_adjoint_to_the_forward_pass() {
    for (samples, size, inputs, outputs) in [(2, [16, 16, 16], 9, 17), (5, [8, 8, 8], 16, 33), (1, [7, 40, 50], 8, 8)] {
        let batch = Batch::new(samples, volume(size));
        let voxels: usize = size.iter().product();
        let (x, grad) = (values(1, samples * inputs * voxels), values(2, samples * outputs * voxels));
        let weight = values(3, outputs * inputs * 27);
        let conv = Conv3d::new(inputs, outputs, [3; 3]).unwrap();
        let mut all: Vec<Gradients> = Vec::new();
        for isa in sets() {
            let y = run(isa, &conv, &[&x], batch, &weight, outputs);
            let found = on_any_threads(|| gradients(isa, &conv, &x, &weight, &grad, batch));
            let product = dot(&y, &grad);
            let size = dot(&y, &y).sqrt() * dot(&grad, &grad).sqrt();
            assert!((product - dot(&x, &found.0)).abs() < 1e-6 * size, "{isa:?} input");
            assert!((product - dot(&weight, &found.1)).abs() < 1e-6 * size, "{isa:?} weight");
            all.push(found);
        }
        for other in &all[1..] {
            assert_close(&other.0, &all[0].0, 1e-5, "instruction sets, input");
            assert_close(&other.1, &all[0].1, 1e-5, "instruction sets, weight");
        }
    }
}

#[test]
fn convolution_is_linear() {
    let (layer, batch, x, weight, _) = cases().nth(20).unwrap();
    let conv = Conv3d::new(layer.inputs, layer.outputs, layer.kernel).unwrap();
    let other = values(9, x.len());
    let mixed: Vec<f32> = x.iter().zip(&other).map(|(a, b)| 2.0 * a - 0.5 * b).collect();
    for isa in sets() {
        let of = |x: &[f32]| run(isa, &conv, &[x], batch, &weight, layer.outputs);
        let expected: Vec<f32> = of(&x).iter().zip(of(&other)).map(|(a, b)| 2.0 * a - 0.5 * b).collect();
        assert_close(&of(&mixed), &expected, 1e-5, "linearity");
    }
}

#[test]
fn a_sample_does_not_depend_on_its_batch() {
    for size in [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4], [5, 9, 21]] {
        let (voxels, conv) = (size.iter().product::<usize>(), Conv3d::new(9, 70, [3; 3]).unwrap());
        let (x, weight) = (values(1, 5 * 9 * voxels), values(2, 70 * 9 * 27));
        for isa in sets() {
            let all = run(isa, &conv, &[&x], Batch::new(5, volume(size)), &weight, 70);
            for sample in 0..5 {
                let alone = &x[sample * 9 * voxels..][..9 * voxels];
                let alone = run(isa, &conv, &[alone], Batch::new(1, volume(size)), &weight, 70);
                assert_eq!(alone, &all[sample * 70 * voxels..][..70 * voxels], "{isa:?} {size:?} sample {sample}");
            }
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(matches!(Conv3d::new(1, 1, [3, 5, 3]), Err(ShapeError::Unsupported { .. })));
    let conv = Conv3d::new(2, 3, [3; 3]).unwrap();
    assert!(matches!(conv.pack(&[0.0; 5]), Err(ShapeError::Length { what: "weight", .. })));
    let packed = conv.pack(&[0.0; 162]).unwrap();
    let batch = Batch::new(1, volume([2, 2, 2]));
    let mut y = [0.0; 24];
    let mut call = |x: &[&[f32]], batch| forward(Isa::best(), &packed, None, Activation::Identity, x, batch, &mut y);
    assert!(call(&[&[0.0; 16]], batch).is_ok());
    assert!(matches!(call(&[&[0.0; 15]], batch), Err(ShapeError::Length { what: "input", expected: 16, found: 15 })));
    assert!(matches!(call(&[&[0.0; 16], &[]], batch), Err(ShapeError::Inputs { expected: 1, found: 2 })));
    let huge = Batch::new(usize::MAX, volume([2, 2, 2]));
    assert_eq!(call(&[&[0.0; 16]], huge), Err(ShapeError::TooLarge));
}

#[test]
fn an_empty_batch_gives_zero_gradients() {
    let (conv, batch) = (Conv3d::new(2, 3, [3; 3]).unwrap(), Batch::new(0, volume([2, 2, 2])));
    let (mut weight, mut bias) = ([1.0; 162], [1.0; 3]);
    weight_gradient(Isa::best(), &conv, &[&[]], &[], batch, &mut weight, Some(&mut bias)).unwrap();
    assert!(weight.iter().chain(&bias).all(|v| *v == 0.0));
}
