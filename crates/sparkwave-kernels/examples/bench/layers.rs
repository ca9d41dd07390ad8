//! Single layers: `kind:channels[:channels out]:DxHxW:samples:pass`.

use crate::Case;
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d};
use sparkwave_kernels::norm::{self, BatchNorm};
use sparkwave_kernels::pool;
use sparkwave_kernels::transposed::{self, Transposed};
use sparkwave_kernels::{Batch, Isa, Volume};

pub(crate) fn volume(text: &str) -> Volume {
    let sizes: Vec<usize> = text.split('x').map(|s| s.parse().unwrap()).collect();
    Volume::new(sizes[0], sizes[1], sizes[2])
}

pub(crate) fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0).collect()
}

pub(crate) fn case(isa: Isa, kind: &str, rest: &str) -> Case {
    let fields: Vec<&str> = rest.split(':').collect();
    match (kind, fields.as_slice()) {
        (_, [inputs, outputs, size, samples, pass]) => {
            let (inputs, outputs) = (inputs.parse().unwrap(), outputs.parse().unwrap());
            let batch = Batch::new(samples.parse().unwrap(), volume(size));
            match kind {
                "conv" => conv(isa, inputs, outputs, [if batch.volume.depth == 1 { 1 } else { 3 }, 3, 3], batch, pass),
                "conv1" => conv(isa, inputs, outputs, [1; 3], batch, pass),
                "up" => {
                    up(isa, Transposed::new(inputs, outputs, [3; 3], [2; 3]).unwrap(), (inputs, outputs), batch, pass)
                }
                _ => up(isa, Transposed::new(inputs, outputs, [2; 3], [2; 3]).unwrap(), (inputs, outputs), batch, pass),
            }
        }
        ("norm", [channels, size, samples, pass]) => {
            norm_case(isa, channels.parse().unwrap(), Batch::new(samples.parse().unwrap(), volume(size)), pass)
        }
        (_, [channels, size, samples, pass]) => {
            pool_case(isa, channels.parse::<usize>().unwrap() * samples.parse::<usize>().unwrap(), volume(size), pass)
        }
        _ => panic!("unknown case {kind}:{rest}"),
    }
}

fn conv(isa: Isa, inputs: usize, outputs: usize, kernel: [usize; 3], batch: Batch, pass: &str) -> Case {
    let layer = Conv3d::new(inputs, outputs, kernel).unwrap();
    let voxels = batch.samples * batch.volume.voxels().unwrap();
    let flop = (2 * voxels * layer.weights()) as f64;
    let (x, y, weight, bias) =
        (values(inputs * voxels), values(outputs * voxels), values(layer.weights()), values(outputs));
    let run: Box<dyn FnMut() + Send> = match pass {
        "forward" => {
            let (packed, mut y) = (layer.pack(&weight).unwrap(), y);
            let activation = Activation::LeakyRelu(0.2);
            Box::new(move || conv3d::forward(isa, &packed, Some(&bias), activation, &[&x], batch, &mut y).unwrap())
        }
        "input" => {
            let mut x = x;
            Box::new(move || conv3d::input_gradient(isa, &layer, &weight, &y, batch, &mut [&mut x]).unwrap())
        }
        _ => {
            let (mut weight, mut bias) = (weight, bias);
            Box::new(move || {
                conv3d::weight_gradient(isa, &layer, &[&x], &y, batch, &mut weight, Some(&mut bias)).unwrap();
            })
        }
    };
    Case { run, flop }
}

fn up(isa: Isa, layer: Transposed, (inputs, outputs): (usize, usize), batch: Batch, pass: &str) -> Case {
    let voxels = batch.samples * batch.volume.voxels().unwrap();
    let flop = (2 * voxels * layer.weights()) as f64;
    let large = batch.samples * layer.output(batch.volume).unwrap().voxels().unwrap();
    let (x, y, weight, bias) =
        (values(inputs * voxels), values(outputs * large), values(layer.weights()), values(outputs));
    let run: Box<dyn FnMut() + Send> = match pass {
        "forward" => {
            let (packed, mut y) = (layer.pack(&weight).unwrap(), y);
            let activation = Activation::Identity;
            Box::new(move || transposed::forward(isa, &packed, Some(&bias), activation, &x, batch, &mut y).unwrap())
        }
        "input" => {
            let mut x = x;
            Box::new(move || transposed::input_gradient(isa, &layer, &weight, &y, batch, &mut x).unwrap())
        }
        _ => {
            let (mut weight, mut bias) = (weight, bias);
            Box::new(move || {
                transposed::weight_gradient(isa, &layer, &x, &y, batch, &mut weight, Some(&mut bias)).unwrap();
            })
        }
    };
    Case { run, flop }
}

fn norm_case(isa: Isa, channels: usize, batch: Batch, pass: &str) -> Case {
    let n = channels * batch.samples * batch.volume.voxels().unwrap();
    let (x, grad, mut y, parameters) = (values(n), values(n), values(n), values(channels));
    let run: Box<dyn FnMut() + Send> = if pass == "forward" {
        Box::new(move || {
            norm::forward_training(isa, &batch_norm(&parameters), &x, batch, &mut y).unwrap();
        })
    } else {
        let moments = norm::forward_training(isa, &batch_norm(&parameters), &x, batch, &mut y).unwrap();
        Box::new(move || {
            norm::backward(isa, &batch_norm(&parameters), &moments, &x, &grad, batch, &mut y).unwrap();
        })
    };
    Case { run, flop: (4 * n) as f64 }
}

fn batch_norm(parameters: &[f32]) -> BatchNorm<'_> {
    BatchNorm { scale: parameters, shift: parameters, eps: 1e-5, activation: Activation::LeakyRelu(0.2) }
}

fn pool_case(isa: Isa, maps: usize, volume: Volume, pass: &str) -> Case {
    let window = [volume.depth.min(2), 2, 2];
    let small = maps * pool::output(volume, window).unwrap().voxels().unwrap();
    let mut x = values(maps * volume.voxels().unwrap());
    let (mut y, mut place) = (values(small), vec![0; small]);
    let flop = x.len() as f64;
    let run: Box<dyn FnMut() + Send> = if pass == "forward" {
        Box::new(move || pool::forward(isa, &x, maps, volume, window, &mut y, Some(&mut place)).unwrap())
    } else {
        Box::new(move || pool::backward(isa, &y, &place, maps, volume, window, &mut x).unwrap())
    };
    Case { run, flop }
}
