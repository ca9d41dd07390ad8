//! Draws every figure and a report from a small synthetic recording, to look at.
//!
//! `cargo run --release -p sparkwave-analysis --example gallery -- FOLDER [N_EVENTS]`

#![allow(clippy::print_stdout)]

use ndarray::{Array2, Array3, Axis, s};
use sparkwave_analysis::figure::{self, Clip, Figure, Report, Scale, Trace};
use sparkwave_core::axes::{PointYx, Voxel};
use sparkwave_core::event::Event;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::{Micrometers, Seconds};
use std::path::PathBuf;

#[path = "shared/noise.rs"]
mod noise;
use noise::Noise;

const N_FRAMES: usize = 240;
const SIDE: usize = 256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: gallery FOLDER [N_EVENTS]")?);
    let n_events = arguments.next().map_or(Ok(40), |n| n.parse())?;
    std::fs::create_dir_all(&folder)?;
    let mut noise = Noise(7);
    let anatomy = dendrites();
    let events = sparks(n_events, &mut noise);
    let movie = movie(&anatomy, &events, &mut noise);
    let scale =
        Scale { pixel_size: PixelSize::square(Micrometers::new(0.16)), frame_interval: Some(Seconds::new(0.1)) };
    for (name, scale, events) in
        [("calibrated", scale, &events[..]), ("uncalibrated", Scale::default(), &events[..]), ("empty", scale, &[][..])]
    {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let clips: Vec<Clip> = events.iter().map(|event| clip(&movie, &anatomy, event)).collect();
        let table = table(events, &scale);
        let figures = figures(&movie, events, &clips, &table, &scale, &mut noise);
        for figure in &figures {
            std::fs::write(folder.join(format!("{}.svg", figure.name)), &figure.svg)?;
            std::fs::write(folder.join(format!("{}.png", figure.name)), &figure.png)?;
            println!("{name}/{}: svg {} kB, png {} kB", figure.name, figure.svg.len() / 1024, figure.png.len() / 1024);
        }
        let mut report = Report::new(format!("Synthetic recording, {name}"), &table);
        report.version = "sparkwave gallery".to_owned();
        report.facts =
            [("Input", "drawn by this program"), ("Shape", "240 frames, 256 x 256 px"), ("Detector", "none")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec();
        let warnings = ["The recording is synthetic & its <events> are known.".to_owned()];
        report.warnings = &warnings;
        report.stages = vec![("register".to_owned(), 1.23), ("detect".to_owned(), 4.5)];
        report.scale = scale;
        report.rate_per_min_100um2 = scale.pixel_size.map(|_| 1.3 * events.len() as f64 / 40.0);
        report.figures = &figures;
        report.crops = clips.iter().map(|clip| (clip.event_id, figure::event_crop(clip))).collect();
        report.traces = clips.iter().map(Trace::from).collect();
        if let Some((_, crop)) = report.crops.first() {
            std::fs::write(folder.join("crop.png"), crop)?;
            println!("{name}/crop: {} bytes", crop.len());
        }
        let html = figure::report_html(&report);
        println!("{name}/report.html: {} kB", html.len() / 1024);
        std::fs::write(folder.join("report.html"), html)?;
    }
    Ok(())
}

fn figures(
    movie: &Array3<f32>,
    events: &[Event],
    clips: &[Clip],
    table: &Table,
    scale: &Scale,
    noise: &mut Noise,
) -> Vec<Figure> {
    let largest = |axis: usize| movie.fold_axis(Axis(axis), f32::NEG_INFINITY, |a, &b| a.max(b));
    let shifts: Vec<PointYx> = (0..N_FRAMES)
        .map(|t| PointYx {
            y: (t as f64 / 60.0).sin() + 0.1 * noise.normal(),
            x: t as f64 / 100.0 + 0.1 * noise.normal(),
        })
        .collect();
    let curve: Vec<(f64, f64)> = (0..=60)
        .map(|i| f64::from(i) / 60.0 * 0.82)
        .map(|recall| (recall, (1.0 - 0.5 * recall.powi(3) - 0.05 * (recall * 9.0).sin().abs()).min(1.0)))
        .collect();
    vec![
        figure::max_projection(&largest(0), events, scale),
        figure::kymograph(&largest(1), events, scale),
        figure::filmstrips(&clips[..clips.len().min(6)], scale),
        figure::distributions(table),
        figure::drift(&shifts, scale),
        figure::precision_recall(&curve, Some(0.713), "Matched filter, ten recordings"),
        figure::side_by_side(
            &largest(0),
            &movie.index_axis(Axis(0), 0).to_owned(),
            ["maximum over time", "first frame"],
        ),
    ]
}

/// The centre lines of three branches as functions of the row.
fn branches(y: f64) -> [f64; 3] {
    [
        90.0 + 0.5 * y + 12.0 * (y / 40.0).sin(),
        200.0 - 0.35 * y + 8.0 * (y / 25.0).cos(),
        40.0 + 0.1 * y + 6.0 * (y / 18.0).sin(),
    ]
}

fn dendrites() -> Array2<f32> {
    Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        let glow: f64 = branches(y as f64)
            .iter()
            .zip([(3.0, 260.0), (2.2, 160.0), (1.6, 110.0)])
            .map(|(center, (width, height))| height * (-((x as f64 - center) / width).powi(2) / 2.0).exp())
            .sum();
        (420.0 + glow) as f32
    })
}

fn sparks(n_events: usize, noise: &mut Noise) -> Vec<Event> {
    let mut peaks: Vec<(u32, u32, u32)> = (0..n_events)
        .map(|i| {
            let y = 10.0 + noise.uniform() * (SIDE - 20) as f64;
            let x = (branches(y)[i % 3] + 3.0 * noise.normal()).clamp(8.0, (SIDE - 9) as f64);
            (5 + (noise.uniform() * (N_FRAMES - 25) as f64) as u32, y as u32, x as u32)
        })
        .collect();
    peaks.sort_unstable();
    let spark = |(i, &(t, y, x)): (usize, &(u32, u32, u32))| {
        let radius = 2.5 + 3.0 * noise.uniform();
        let amplitude = 0.5 + 1.5 * noise.uniform().powi(2);
        let decay = 1.5 + 3.0 * noise.uniform();
        let (mut voxels, mut dff) = (Vec::new(), Vec::new());
        for dt in 0..(3.0 * decay) as u32 {
            for dy in 0..17 {
                for dx in 0..17 {
                    let r2 = (f64::from(dy) - 8.0).powi(2) + 0.6 * (f64::from(dx) - 8.0).powi(2);
                    let value = amplitude * (-f64::from(dt) / decay).exp() * (-r2 / (2.0 * radius * radius)).exp();
                    if value > 0.2 * amplitude {
                        voxels.push(Voxel { t: t + dt, y: (y + dy).saturating_sub(8), x: (x + dx).saturating_sub(8) });
                        dff.push(value as f32);
                    }
                }
            }
        }
        let keep = |v: &Voxel| (v.t as usize) < N_FRAMES && (v.y as usize) < SIDE && (v.x as usize) < SIDE;
        let (voxels, dff) = voxels.into_iter().zip(dff).filter(|(v, _)| keep(v)).unzip();
        let peak = Voxel { t, y, x };
        Event { id: i as u32 + 1, region_id: 1, peak, voxels, dff, score: amplitude as f32 * 8.0, burst: i % 9 == 0 }
    };
    peaks.iter().enumerate().map(spark).collect()
}

fn movie(anatomy: &Array2<f32>, events: &[Event], noise: &mut Noise) -> Array3<f32> {
    let mut movie =
        Array3::from_shape_fn((N_FRAMES, SIDE, SIDE), |(_, y, x)| anatomy[[y, x]] + 12.0 * noise.normal() as f32);
    for event in events {
        for (v, dff) in event.voxels.iter().zip(&event.dff) {
            let at = [v.t as usize, v.y as usize, v.x as usize];
            movie[at] += dff * (anatomy[[at[1], at[2]]] - 380.0);
        }
    }
    movie
}

fn clip(movie: &Array3<f32>, anatomy: &Array2<f32>, event: &Event) -> Clip {
    let side = 48;
    let begin = |center: u32| (center as usize).saturating_sub(side / 2).min(SIDE - side);
    let (top, left) = (begin(event.peak.y), begin(event.peak.x));
    let frames = event.frames().widened(6, N_FRAMES);
    let pixels = movie.slice(s![frames.range(), top..top + side, left..left + side]).to_owned();
    let mut mask = Array3::from_elem(pixels.dim(), false);
    for v in &event.voxels {
        let (y, x) = ((v.y as usize).wrapping_sub(top), (v.x as usize).wrapping_sub(left));
        if let Some(inside) = mask.get_mut((v.t as usize - frames.start, y, x)) {
            *inside = true;
        }
    }
    let footprint = event.footprint();
    let mean = |t: usize| {
        let dff = |&(y, x): &(u32, u32)| {
            let f0 = anatomy[[y as usize, x as usize]];
            (movie[[t, y as usize, x as usize]] - f0) / (f0 - 380.0)
        };
        footprint.iter().map(dff).sum::<f32>() / footprint.len().max(1) as f32
    };
    Clip {
        event_id: event.id,
        first_frame: frames.start,
        top,
        left,
        pixels,
        mask,
        peak_frame: event.peak.t as usize,
        trace: (0..N_FRAMES).map(mean).collect(),
        trace_first_frame: 0,
    }
}

fn table(events: &[Event], scale: &Scale) -> Table {
    let mut table = Table::new();
    let mut push = |name: &str, value: &dyn Fn(&Event) -> Value| table.push(name, events.iter().map(value).collect());
    let seconds = |frames: f64| Value::maybe(scale.frame_interval.map(|dt| frames * dt.get()));
    let um = |px: f64| Value::maybe(scale.pixel_size.map(|size| px * size.x.get()));
    push("event_id", &|e| Value::Int(i64::from(e.id)));
    push("region_id", &|e| Value::Int(i64::from(e.region_id)));
    push("t_peak_frame", &|e| Value::Int(i64::from(e.peak.t)));
    push("t_start_frame", &|e| Value::Int(e.frames().start as i64));
    push("t_end_frame", &|e| Value::Int(e.frames().end as i64));
    push("t_peak_s", &|e| seconds(f64::from(e.peak.t)));
    push("duration_s", &|e| seconds(e.frames().len() as f64));
    push("y_px", &|e| Value::float(f64::from(e.peak.y)));
    push("x_px", &|e| Value::float(f64::from(e.peak.x)));
    push("y_um", &|e| um(f64::from(e.peak.y)));
    push("x_um", &|e| um(f64::from(e.peak.x)));
    push("n_voxels", &|e| Value::Int(e.voxels.len() as i64));
    push("area_px", &|e| Value::Int(e.footprint().len() as i64));
    push("area_um2", &|e| {
        Value::maybe(scale.pixel_size.map(|size| e.footprint().len() as f64 * size.y.get() * size.x.get()))
    });
    push("peak_dff", &|e| Value::float(e.dff.iter().copied().fold(0.0, f32::max)));
    push("score", &|e| Value::float(e.score));
    push("burst", &|e| Value::Bool(e.burst));
    push("source", &|_| Value::Text("drawn".to_owned()));
    table
}
