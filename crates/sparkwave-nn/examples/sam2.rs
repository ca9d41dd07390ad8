//! Times SAM 2 on the CPU, with weights that mean nothing: `stages tiny 512` says what happens to a frame of a video with
//! one object, `frames tiny 512 2` follows two objects through frames until all memories are full, and says what the next
//! frames take. `tests/reference/bench_sam2.py` does the latter with the published package.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array2, Array3};
use sparkwave_nn::cpu;
use sparkwave_nn::models::sam2::config::Sam2Config;
use sparkwave_nn::models::sam2::{MEMORIES, Pointed, Prompt, Remembered, Sam2};
use sparkwave_nn::sam2::{Direction, Tracker, TrackerParams};

/// Frames after which everything that can be remembered is.
const FULL: usize = 16;
/// Frames that are timed.
const TIMED: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let size = serde_json::from_value(serde_json::json!(args[1])).unwrap();
    let config = Sam2Config { size, image_px: args[2].parse().unwrap(), ..Sam2Config::tiny() };
    let network = Sam2::untrained(&config, 0, &cpu()).unwrap();
    match args[0].as_str() {
        "stages" => stages(&network),
        "frames" => frames(network, args[3].parse().unwrap()),
        other => panic!("stages or frames, not {other}"),
    }
}

fn stages(network: &Sam2) {
    let (px, side) = (network.image_px(), network.image_px() / 16);
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

fn frames(network: Sam2, objects: u32) {
    let px = network.image_px();
    let mut tracker = Tracker::new(network, TrackerParams::default(), FULL + TIMED, [px; 2]).unwrap();
    let image = |t: usize| {
        Array3::from_shape_fn((3, px, px), |(c, y, x)| ((y * 31 + x * 17 + c * 7 + t * 3) % 256) as f32 / 255.0)
    };
    for object in 1..=objects {
        let edge = px / 2 / object as usize;
        let square = Array2::from_shape_fn((px, px), |(y, x)| y < edge && x < edge);
        tracker.mask(object, 0, image(0).view(), square.view()).unwrap();
    }
    let mut times = Vec::new();
    let mut of_processors = Vec::new();
    for t in 0..FULL + TIMED {
        let image = image(t);
        let (start, before) = (Instant::now(), processor_ms());
        tracker.step(t, image.view(), Direction::Forwards).unwrap();
        if t >= FULL {
            times.push(start.elapsed().as_secs_f64() * 1e3);
            of_processors.push(processor_ms() - before);
        }
    }
    let [wall, processors] = [times, of_processors].map(median);
    println!("{px} px, {objects} objects: {wall:.0} ms a frame, {processors:.0} ms of processors");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The result; says the median of some runs after a first one, and the mean processor time, which tells most on a busy
/// machine.
fn time<T>(what: &str, run: impl Fn() -> T) -> T {
    let result = run();
    let before = processor_ms();
    let times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let of_processors = (processor_ms() - before) / times.len() as f64;
    println!("{what}: median {:.1} ms, of processors {of_processors:.1} ms", median(times));
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
