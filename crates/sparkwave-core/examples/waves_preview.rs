//! Writes a simulated recording of waves as raw little-endian arrays, to be looked at with any tool.
//!
//! `cargo run --release -p sparkwave-core --example waves_preview -- OUT_DIR [SEED] [N_WAVES]`
//!
//! Writes `rest.f32`, `frame.u16` [Y,X], `seconds.f32`, `masks.u32` [N,Y,X] (every fifth second, from 0 on), `arrival.f32`
//! [Y,X] of the first wave, and `shape.txt` (N Y X), and prints the time that a frame and a second take on one thread.
#![allow(clippy::print_stdout)]

use sparkwave_core::synth::waves::INTERVAL_S;
use sparkwave_core::synth::{WavesParams, WavesScene};
use std::error::Error;
use std::fs::{File, write};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: waves_preview OUT_DIR [SEED] [N_WAVES]")?;
    let seed = arguments.next().map_or(Ok(1), |s| s.parse())?;
    let n_waves: usize = arguments.next().map_or(Ok(1), |s| s.parse())?;
    let out = Path::new(&out);
    std::fs::create_dir_all(out)?;

    let started = Instant::now();
    let duration_s = 180.0 * n_waves.max(1) as f64;
    let params = WavesParams { duration_s, n_waves, n_overlapping: n_waves / 2, ..WavesParams::default() };
    let scene = WavesScene::new(&params, seed)?;
    println!("scene: {:.2} s", started.elapsed().as_secs_f64());
    for wave in scene.waves() {
        let (first, last) = (wave.frames.first().map(|f| f.frame), wave.frames.last().map(|f| f.frame));
        println!(
            "wave {} {:?}: {:.0} to {:.0} s, intervals {first:?} to {last:?}, {:.2} mm/min, peak {:.2} %, {:.1} mm2",
            wave.id,
            wave.plan.side,
            wave.start_s,
            wave.end_s,
            wave.speed_mm_min,
            100.0 * wave.peak_drr,
            wave.cover_area_mm2
        );
    }
    let started = Instant::now();
    let middle = scene.n_frames() / 2;
    let frames: Vec<_> = (middle..middle + 50).map(|t| scene.frame(t)).collect();
    println!("a frame: {:.1} ms", started.elapsed().as_secs_f64() * 1e3 / frames.len() as f64);

    let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let rest = scene.rest().as_standard_layout().into_owned();
    write(out.join("rest.f32"), floats(rest.as_slice().unwrap_or_default()))?;
    write(out.join("frame.u16"), frames[0].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    if let Some(wave) = scene.waves().first() {
        let arrival = wave.arrival_s.to_image(params.height, params.width);
        write(out.join("arrival.f32"), floats(arrival.as_slice().unwrap_or_default()))?;
    }
    let n = scene.intervals().len();
    let mut seconds = BufWriter::new(File::create(out.join("seconds.f32"))?);
    let mut masks = BufWriter::new(File::create(out.join("masks.u32"))?);
    let started = Instant::now();
    for i in 0..n {
        let second = scene.second(i * INTERVAL_S).ok_or("the recording has no gaps")?;
        seconds.write_all(&floats(second.as_slice().unwrap_or_default()))?;
        masks.write_all(&scene.masks(i).iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    }
    seconds.flush()?;
    masks.flush()?;
    println!("a second: {:.1} ms, with its mask and writing", started.elapsed().as_secs_f64() * 1e3 / n as f64);
    write(out.join("shape.txt"), format!("{n} {} {}\n", params.height, params.width))?;
    Ok(())
}
