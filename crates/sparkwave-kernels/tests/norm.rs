//! Batch normalisation: values, statistics, gradients.

use crate::definition;
use crate::random::{assert_close, differences, dot, on_any_threads, sets, values, volume};
use sparkwave_kernels::Batch;
use sparkwave_kernels::activation::{self, Activation};
use sparkwave_kernels::norm::{BatchNorm, backward, forward, forward_training};

const SHAPES: [(usize, [usize; 3], usize); 5] =
    [(2, [1, 1, 1], 3), (3, [2, 3, 5], 5), (1, [4, 4, 17], 1), (2, [32, 32, 20], 2), (4, [1, 2, 1], 9)];

#[test]
fn training_normalises_by_the_batch() {
    for (samples, size, channels) in SHAPES {
        let (batch, voxels) = (Batch::new(samples, volume(size)), size.iter().product::<usize>());
        let x: Vec<f32> = values(1, samples * channels * voxels).iter().map(|v| 3.0 * v + 5.0).collect();
        let (scale, shift) = (values(2, channels), values(3, channels));
        for (activation, slope) in
            [(Activation::Identity, 1.0), (Activation::Relu, 0.0), (Activation::LeakyRelu(0.2), 0.2)]
        {
            let norm = BatchNorm { scale: &scale, shift: &shift, eps: 1e-5, activation };
            let expected = definition::norm(samples, voxels, &x, &scale, &shift, slope);
            for isa in sets() {
                let (y, moments) = on_any_threads(|| {
                    let mut y = vec![f32::NAN; x.len()];
                    let moments = forward_training(isa, &norm, &x, batch, &mut y).unwrap();
                    (y, moments)
                });
                assert_close(&y, &expected, 1e-5, &format!("{isa:?} {batch:?}"));
                let mut again = vec![f32::NAN; x.len()];
                forward(isa, &norm, &moments.mean, &moments.variance, &x, batch, &mut again).unwrap();
                assert_eq!(y, again, "inference with the statistics of the batch");
                let n = (samples * voxels) as f32;
                let unbiased: Vec<f32> = moments.variance.iter().map(|v| v * n / (n - 1.0)).collect();
                assert_close(&moments.unbiased_variance(), &unbiased, 1e-6, "unbiased variance");
            }
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (samples, size, channels) in SHAPES.into_iter().filter(|(_, size, _)| size.iter().product::<usize>() < 1000) {
        let (batch, voxels) = (Batch::new(samples, volume(size)), size.iter().product::<usize>());
        let x = values(1, samples * channels * voxels);
        let (scale, shift) = (values(2, channels), values(3, channels));
        let grad = values(4, x.len());
        // Where a value is close to zero before the activation, differences go over the bend.
        for (activation, slope) in [(Activation::Identity, 1.0), (Activation::LeakyRelu(0.2), 0.2)] {
            let norm = BatchNorm { scale: &scale, shift: &shift, eps: 1e-5, activation };
            let y = definition::norm(samples, voxels, &x, &scale, &shift, slope);
            let far: Vec<f32> = grad.iter().zip(&y).map(|(g, y)| if y.abs() < 0.02 { 0.0 } else { *g }).collect();
            let loss = |x: &[f32], scale: &[f32], shift: &[f32]| {
                dot(&far, &definition::norm(samples, voxels, x, scale, shift, slope))
            };
            let by_x = differences(&x, 1e-3, |x| loss(x, &scale, &shift));
            let by_scale = differences(&scale, 1e-3, |scale| loss(&x, scale, &shift));
            let by_shift = differences(&shift, 1e-3, |shift| loss(&x, &scale, shift));
            for isa in sets() {
                let (of_x, parameters) = on_any_threads(|| {
                    let mut y = vec![f32::NAN; x.len()];
                    let moments = forward_training(isa, &norm, &x, batch, &mut y).unwrap();
                    let parameters = backward(isa, &norm, &moments, &x, &far, batch, &mut y).unwrap();
                    (y, parameters)
                });
                let what = format!("{isa:?} {batch:?} {activation:?}");
                assert_close(&of_x, &by_x, 2e-3, &format!("{what}, input"));
                assert_close(&parameters.scale, &by_scale, 1e-3, &format!("{what}, scale"));
                assert_close(&parameters.shift, &by_shift, 1e-3, &format!("{what}, shift"));
            }
        }
    }
}

#[test]
fn activations_have_their_derivative() {
    let (x, grad) = (values(1, 100), values(2, 100));
    let of = [
        (Activation::Relu, (|v| v.max(0.0)) as fn(f64) -> f64),
        (Activation::LeakyRelu(0.2), |v| if v > 0.0 { v } else { 0.2 * v }),
        (Activation::Sigmoid, |v| 1.0 / (1.0 + (-v).exp())),
    ];
    for (activation, f) in of {
        let result: Vec<f32> = x.iter().map(|v| f(f64::from(*v)) as f32).collect();
        let slope = |v: f64| (f(v + 1e-5) - f(v - 1e-5)) / 2e-5;
        let expected: Vec<f32> = x.iter().zip(&grad).map(|(v, g)| g * slope(f64::from(*v)) as f32).collect();
        for isa in sets() {
            let mut found = vec![f32::NAN; 100];
            activation::backward(isa, activation, &result, &grad, &mut found).unwrap();
            assert_close(&found, &expected, 1e-5, &format!("{isa:?} {activation:?}"));
        }
    }
}
