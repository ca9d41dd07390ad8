//! Transposed convolution: values and gradients.

use crate::definition::{self, Layer};
use crate::random::{SHAPES, assert_close, differences, dot, on_any_threads, sets, values, volume};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::transposed::{Transposed, forward, input_gradient, weight_gradient};
use sparkwave_kernels::{Batch, Isa, ShapeError};

/// Kernels and strides.
const KINDS: [([usize; 3], [usize; 3]); 5] = [
    ([3, 3, 3], [2, 2, 2]),
    ([3, 3, 3], [1, 2, 2]),
    ([2, 2, 2], [2, 2, 2]),
    ([1, 2, 2], [1, 2, 2]),
    ([3, 3, 3], [2, 2, 1]),
];

fn cases() -> impl Iterator<Item = (Layer, Batch, Vec<f32>, Vec<f32>, Vec<f32>)> {
    SHAPES.into_iter().flat_map(|shape| KINDS.map(|kind| (shape, kind))).map(|(shape, (kernel, stride))| {
        let (samples, size, inputs, outputs) = shape;
        let layer = Layer { samples, volume: size, inputs, outputs, kernel, stride };
        let x = values(1, samples * inputs * size.iter().product::<usize>());
        let weight = values(2, outputs * inputs * kernel.iter().product::<usize>());
        (layer, Batch::new(samples, volume(size)), x, weight, values(3, outputs))
    })
}

fn of(layer: &Layer) -> Transposed {
    Transposed::new(layer.inputs, layer.outputs, layer.kernel, layer.stride).unwrap()
}

#[test]
fn forward_is_the_definition() {
    for (layer, batch, x, weight, bias) in cases() {
        let expected = definition::transposed(&layer, &x, &weight, &bias);
        let relu: Vec<f32> = expected.iter().map(|v| v.max(0.0)).collect();
        let packed = of(&layer).pack(&weight).unwrap();
        for isa in sets() {
            let what = format!("{isa:?} {batch:?} {:?} {:?}", layer.kernel, layer.stride);
            let run = |activation| {
                let mut y = vec![f32::NAN; expected.len()];
                forward(isa, &packed, Some(&bias), activation, &x, batch, &mut y).unwrap();
                y
            };
            assert_close(&on_any_threads(|| run(Activation::Identity)), &expected, 1e-5, &what);
            assert_close(&run(Activation::Relu), &relu, 1e-5, &what);
        }
    }
}

type Gradients = (Vec<f32>, Vec<f32>, Vec<f32>);

fn gradients(isa: Isa, layer: &Layer, x: &[f32], weight: &[f32], grad: &[f32], batch: Batch) -> Gradients {
    let mut of_x = vec![f32::NAN; x.len()];
    let mut of_weight = vec![f32::NAN; weight.len()];
    let mut of_bias = vec![f32::NAN; layer.outputs];
    input_gradient(isa, &of(layer), weight, grad, batch, &mut of_x).unwrap();
    weight_gradient(isa, &of(layer), x, grad, batch, &mut of_weight, Some(&mut of_bias)).unwrap();
    (of_x, of_weight, of_bias)
}

/// Whether there is time to move each value.
fn is_small((layer, _, x, weight, _): &(Layer, Batch, Vec<f32>, Vec<f32>, Vec<f32>)) -> bool {
    (x.len() + weight.len()) * weight.len() * x.len() / layer.inputs < 5_000_000
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (layer, batch, x, weight, bias) in cases().filter(is_small) {
        let y = definition::transposed(&layer, &x, &weight, &bias);
        let grad = values(4, y.len());
        let by_x = differences(&x, 0.5, |x| dot(&grad, &definition::transposed(&layer, x, &weight, &bias)));
        let by_weight = differences(&weight, 0.5, |w| dot(&grad, &definition::transposed(&layer, &x, w, &bias)));
        let by_bias = differences(&bias, 0.5, |b| dot(&grad, &definition::transposed(&layer, &x, &weight, b)));
        for isa in sets() {
            let what = format!("{isa:?} {batch:?} {:?} {:?}", layer.kernel, layer.stride);
            let (of_x, of_weight, of_bias) = on_any_threads(|| gradients(isa, &layer, &x, &weight, &grad, batch));
            assert_close(&of_x, &by_x, 2e-5, &format!("{what}, input"));
            assert_close(&of_weight, &by_weight, 2e-5, &format!("{what}, weight"));
            assert_close(&of_bias, &by_bias, 2e-5, &format!("{what}, bias"));
        }
    }
}

#[test]
fn gradients_are_adjoint_to_the_forward_pass() {
    for (kernel, stride) in KINDS {
        let layer = Layer { samples: 3, volume: [6, 11, 16], inputs: 17, outputs: 9, kernel, stride };
        let batch = Batch::new(3, volume(layer.volume));
        let x = values(1, 3 * 17 * 6 * 11 * 16);
        let weight = values(2, of(&layer).weights());
        let mut y = vec![0.0; 3 * 9 * of(&layer).output(batch.volume).unwrap().voxels().unwrap()];
        let grad = values(3, y.len());
        for isa in sets() {
            let packed = of(&layer).pack(&weight).unwrap();
            forward(isa, &packed, None, Activation::Identity, &x, batch, &mut y).unwrap();
            let found = on_any_threads(|| gradients(isa, &layer, &x, &weight, &grad, batch));
            let size = dot(&y, &y).sqrt() * dot(&grad, &grad).sqrt();
            assert!((dot(&y, &grad) - dot(&x, &found.0)).abs() < 1e-6 * size, "{isa:?} {kernel:?} {stride:?} input");
            assert!(
                (dot(&y, &grad) - dot(&weight, &found.1)).abs() < 1e-6 * size,
                "{isa:?} {kernel:?} {stride:?} weight"
            );
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(matches!(Transposed::new(1, 1, [3; 3], [2, 3, 2]), Err(ShapeError::Unsupported { .. })));
    let packed = Transposed::new(1, 1, [2; 3], [2; 3]).unwrap().pack(&[0.0; 8]).unwrap();
    let batch = Batch::new(1, volume([1, 1, 1]));
    let found = forward(Isa::best(), &packed, None, Activation::Identity, &[0.0], batch, &mut [0.0; 7]);
    assert!(matches!(found, Err(ShapeError::Length { what: "output", expected: 8, found: 7 })));
}
