//! Times SAM 2 on the CPU, with weights that mean nothing: what happens to a frame of a video with one object. Arguments:
//! size (tiny, small, base_plus, large) and pixels of an edge.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use sparkwave_nn::cpu;
use sparkwave_nn::models::sam2::config::Sam2Config;
use sparkwave_nn::models::sam2::{MEMORIES, Pointed, Prompt, Remembered, Sam2};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let size = serde_json::from_value(serde_json::json!(args[0])).unwrap();
    let config = Sam2Config { size, image_px: args[1].parse().unwrap(), ..Sam2Config::tiny() };
    let network = Sam2::untrained(&config, 0, &cpu()).unwrap();
    let (px, side) = (config.image_px, config.image_px / 16);
    let image = noise([1, 3, px, px]);
    let features = time("encode", || network.encode(image.clone()));
    let memory = noise([1, side, side, 64]);
    let pointer = noise([1, 256]);
    let frames: Vec<_> = (0..MEMORIES).map(|age| Remembered { memory: &memory, age }).collect();
    let pointers: Vec<_> = (0..16).map(|i| Pointed { pointer: &pointer, distance: i as f32 / 15.0 }).collect();
    let seen = time("condition", || network.condition(features.image.clone(), &frames, &pointers));
    let answer = time("segment", || network.segment(seen.clone(), &features.fine, &Prompt::default(), true));
    let mask = time("enlarge", || network.enlarge(answer.mask.clone()));
    time("remember", || network.remember(features.image.clone(), mask.clone(), answer.presence.clone(), false));
}

/// The result; says the median of some runs after a first one, and the mean processor time, which tells most on a busy
/// machine.
fn time<T>(what: &str, run: impl Fn() -> T) -> T {
    let result = run();
    let before = processor_ms();
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let of_processor = (processor_ms() - before) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    println!("{what}: median {:.1} ms, best {:.1} ms, of processors {of_processor:.1} ms", times[2], times[0]);
    result
}

/// Time that the threads of this program have spent on processors, where Linux tells.
fn processor_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    times.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}

fn noise<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let n: usize = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1009) as f32 / 504.0 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), &cpu())
}
