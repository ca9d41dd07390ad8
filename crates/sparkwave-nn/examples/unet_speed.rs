//! Times a training step of the 3D U-Net through the tensor library, and a tile of inference. Arguments: `train BATCH` or
//! `infer EDGE`, any number of pairs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Array3};
use sparkwave_core::movie::Pixels;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::InMemory;
use sparkwave_nn::card::Architecture;
use sparkwave_nn::models::unet3d::UNet3dConfig;
use sparkwave_nn::network;
use sparkwave_nn::stream::{Extent, Stream};
use sparkwave_nn::train::{self, TrainConfig};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let architecture = Architecture::Unet3d(UNet3dConfig { pools: vec![[2; 3]; 4], ..UNet3dConfig::published() });
    let device = sparkwave_nn::cpu();
    for pair in args.chunks(2) {
        let n: usize = pair[1].parse().unwrap();
        let mut run: Box<dyn FnMut()> = match pair[0].as_str() {
            "train" => {
                let config = TrainConfig { batch: n, pu_ratio: 0, ..TrainConfig::default() };
                let streams = [noise(64)];
                let mut training = train::begin(&config, &architecture, &streams, &device).unwrap();
                Box::new(move || {
                    training.advance(&streams).unwrap();
                })
            }
            "infer" => {
                let weights = network::untrained(&architecture, 0).unwrap();
                let mut network = network::open(&architecture, &weights, &device).unwrap();
                let input = Array3::from_elem([n; 3], 0.5);
                Box::new(move || drop(network.whole(input.view())))
            }
            other => panic!("{other}: train or infer"),
        };
        run();
        let mut times: Vec<f64> = (0..7)
            .map(|_| {
                let start = Instant::now();
                run();
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{} {n}: median {:.1} ms, best {:.1} ms", pair[0], times[3], times[0]);
    }
}

fn noise(edge: usize) -> Stream {
    let values = Array3::from_shape_fn((edge, edge, edge), |(t, y, x)| ((t * 31 + y * 17 + x * 7) % 23) as f32 / 23.0);
    let source = |a: Array3<f32>| Arc::new(InMemory::new(Recording::default(), Pixels::F32(a)));
    Stream {
        name: "noise".into(),
        label: source(values.mapv(|v| f32::from(u8::from(v > 0.9)))),
        input: source(values),
        events: vec![Extent { first: [30; 3], last: [34; 3] }],
        foreground: Array2::from_elem((edge, edge), true),
    }
}
