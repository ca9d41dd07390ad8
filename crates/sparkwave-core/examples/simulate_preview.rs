//! Writes a simulated recording as raw little-endian arrays, to be looked at with any tool.
//!
//! `cargo run --release -p sparkwave-core --example simulate_preview -- OUT_DIR [SEED]`
//!
//! Writes `movie.u16` and `labels.u32` [T,Y,X], `rest.f32` [Y,X], `truth.csv`, `drift.csv` and `shape.txt` (T Y X).
#![allow(clippy::print_stdout)]

use sparkwave_core::synth::{SparksParams, SparksScene};
use sparkwave_core::table::Table;
use std::error::Error;
use std::fs::{File, write};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: simulate_preview OUT_DIR [SEED]")?;
    let seed = arguments.next().map_or(Ok(1), |s| s.parse())?;
    let out = Path::new(&out);
    std::fs::create_dir_all(out)?;

    let started = Instant::now();
    let params = SparksParams::default();
    let scene = SparksScene::new(&params, seed)?;
    println!("scene: {:.2} s, {} transients", started.elapsed().as_secs_f64(), scene.truth().len());

    let started = Instant::now();
    let n_threads = std::thread::available_parallelism()?.get();
    let mut movie = BufWriter::new(File::create(out.join("movie.u16"))?);
    let frames: Vec<usize> = (0..scene.n_frames()).collect();
    let mut making = std::time::Duration::ZERO;
    for batch in frames.chunks(8 * n_threads) {
        let begun = Instant::now();
        let made: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = batch
                .chunks(batch.len().div_ceil(n_threads))
                .map(|part| scope.spawn(|| part.iter().map(|&t| scene.frame(t)).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        making += begun.elapsed();
        for frame in made {
            movie.write_all(&frame.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
        }
    }
    movie.flush()?;
    println!(
        "frames: {:.2} s on {n_threads} threads, {:.1} ms each a thread; {:.2} s with writing",
        making.as_secs_f64(),
        1e3 * making.as_secs_f64() * n_threads as f64 / frames.len() as f64,
        started.elapsed().as_secs_f64(),
    );

    let started = Instant::now();
    let mut labels = BufWriter::new(File::create(out.join("labels.u32"))?);
    for &t in &frames {
        labels.write_all(&scene.labels(t).iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    }
    labels.flush()?;
    println!("labels: {:.2} s", started.elapsed().as_secs_f64());

    write(out.join("rest.f32"), scene.rest().iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    write(out.join("truth.csv"), csv(&scene.truth_table()))?;
    let drift: String = scene.drift().iter().enumerate().map(|(t, d)| format!("{t},{},{}\n", d.y, d.x)).collect();
    write(out.join("drift.csv"), format!("frame,y_px,x_px\n{drift}"))?;
    write(out.join("shape.txt"), format!("{} {} {}\n", params.n_frames, params.height, params.width))?;
    Ok(())
}

fn csv(table: &Table) -> String {
    let header: Vec<_> = table.columns().iter().map(|c| c.name.as_str()).collect();
    let rows = (0..table.n_rows())
        .map(|row| table.columns().iter().map(|c| c.values[row].to_string()).collect::<Vec<_>>().join(",") + "\n");
    header.join(",") + "\n" + &rows.collect::<String>()
}
