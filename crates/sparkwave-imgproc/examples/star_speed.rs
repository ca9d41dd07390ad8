//! Times the way from a prediction to objects, and that from labels to star distances, on arrays that
//! `tests/reference/bench_stardist.py` wrote.
//!
//! ```sh
//! cargo build --release -p sparkwave-imgproc --example star_speed
//! python3 tests/reference/bench_stardist.py target/release/examples/star_speed
//! ```
//!
//! The folder named as argument holds `case.json` and arrays of little-endian numbers; survivors and labels are written
//! beside them, the seconds of each step are printed as JSON. Threads: RAYON_NUM_THREADS.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ndarray::{Array3, Array4};
use serde_json::{Value, json};
use sparkwave_imgproc::star::distances::star_distances;
use sparkwave_imgproc::star::instances::{InstanceParams, candidates};
use sparkwave_imgproc::star::probability::object_probability;
use sparkwave_imgproc::star::render::{Fill, labels};
use sparkwave_imgproc::star::suppress::suppress;
use sparkwave_imgproc::star::{Rays, Stars};
use std::path::Path;
use std::time::Instant;

fn read<T>(path: &Path, from: impl Fn([u8; 4]) -> T) -> Vec<T> {
    std::fs::read(path).unwrap().chunks_exact(4).map(|b| from(b.try_into().unwrap())).collect()
}

fn timed<T>(what: &str, times: &mut Value, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    times[what] = json!(start.elapsed().as_secs_f64());
    result
}

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let folder = Path::new(&folder);
    let case: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
    let sizes = |name: &str| -> Vec<usize> { serde_json::from_value(case[name].clone()).unwrap() };
    let three = |name: &str| -> [usize; 3] { sizes(name).try_into().unwrap() };
    let (shape, coarse, grid) = (three("shape"), three("coarse"), three("grid"));
    let anisotropy: [f64; 3] = serde_json::from_value(case["anisotropy"].clone()).unwrap();
    let rays = Rays::golden_spiral(case["rays"].as_u64().unwrap() as usize, anisotropy).unwrap();
    let params = InstanceParams {
        probability: case["probability"].as_f64().unwrap() as f32,
        overlap: case["overlap"].as_f64().unwrap() as f32,
        border: case["border"].as_u64().unwrap() as usize,
    };
    let probability = read(&folder.join("probability.f32"), f32::from_le_bytes);
    let probability = Array3::from_shape_vec(coarse, probability).unwrap();
    let distances = read(&folder.join("distances.f32"), f32::from_le_bytes);
    let distances = Array4::from_shape_vec((coarse[0], coarse[1], coarse[2], rays.len()), distances).unwrap();

    let mut times = json!({});
    let found: Stars = timed("candidates", &mut times, || {
        candidates(probability.view(), distances.view(), &rays, grid, &params).unwrap()
    });
    let kept = timed("suppress", &mut times, || found.select(&suppress(&found, params.overlap)));
    let drawn = timed("render", &mut times, || labels(&kept, shape, Fill::Full, None));
    let truth = folder.join("truth.u32");
    if truth.exists() {
        let truth = Array3::from_shape_vec(shape, read(&truth, u32::from_le_bytes)).unwrap();
        timed("distances", &mut times, || star_distances(truth.view(), &rays, grid).unwrap());
        timed("probability", &mut times, || object_probability(truth.view(), anisotropy, grid).unwrap());
    }
    let centres: Vec<u8> = kept.centres().iter().flat_map(|c| [c.t, c.y, c.x]).flat_map(u32::to_le_bytes).collect();
    std::fs::write(folder.join("centres.u32"), centres).unwrap();
    std::fs::write(folder.join("labels.u32"), drawn.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    times["n_candidates"] = json!(found.len());
    times["n_kept"] = json!(kept.len());
    println!("{times}");
}
