//! The hot kernels, one at a time, for counting instructions.
//!
//! ```sh
//! cargo build --release -p sparkwave-imgproc --example kernels
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/kernels arpls
//! ```
//!
//! Instruction counts do not depend on what else the machine does. `none` is the cost of setting up.
#![allow(clippy::print_stderr)]

use ndarray::{Array2, Array3};
use sparkwave_core::axes::{PointYx, Span};
use sparkwave_core::progress::Silent;
use sparkwave_imgproc::baseline::{BaselineParams, PixelNoise, to_dff};
use sparkwave_imgproc::detect::matched::{MatchedParams, active_voxels};
use sparkwave_imgproc::register::resample::read_displaced;
use sparkwave_imgproc::register::shift::{Reference, Weighting};
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::traces::Traces;
use std::hint::black_box;

const FRAMES: usize = 600;
const SIDE: usize = 32;

/// A reproducible stand-in for noise, from 0 to 1.
fn noise(i: usize) -> f32 {
    (i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519) as f32 / u32::MAX as f32
}

fn main() {
    let kernel = std::env::args().nth(1).unwrap_or_default();
    let sampling = Sampling { pixel_um: 0.16, interval_s: 0.1 };
    let movie =
        Array3::from_shape_fn((FRAMES, SIDE, SIDE), |(t, y, x)| 100.0 + 20.0 * noise((t * SIDE + y) * SIDE + x));
    let image = Array2::from_shape_fn((512, 512), |(y, x)| 100.0 + 20.0 * noise(y * 512 + x));
    let mut traces = Traces::from_movie(movie.view());
    match kernel.as_str() {
        // 1024 pixels x 600 frames.
        "arpls" => drop(black_box(to_dff(&mut traces, &BaselineParams::default(), sampling, &Silent))),
        "matched" => {
            let noise = PixelNoise { sigma: vec![6.0; SIDE * SIDE], f0: vec![100.0; SIDE * SIDE] };
            let (rows, core) = (Span::new(0, SIDE), Span::new(0, FRAMES));
            drop(black_box(active_voxels(&traces, &noise, rows, core, &MatchedParams::default(), sampling)));
        }
        // One frame of 512 x 512.
        "displacement" => {
            let weighting = Weighting::BandPass { low_px: 1.25, high_px: 25.0 };
            let reference = Reference::new(image.view(), weighting, true);
            black_box(reference.displacement_of(image.view(), 25.0));
        }
        "resample" => drop(black_box(read_displaced(image.view(), PointYx { y: 0.3, x: -0.7 }))),
        "none" => drop(black_box((traces, image))),
        other => eprintln!("expected arpls, matched, displacement, resample or none; found {other:?}"),
    }
}
