//! Draws every picture of waves and a report from a small synthetic cortex, to look at.
//!
//! `cargo run --release -p sparkwave-analysis --example gallery_waves -- FOLDER`

#![allow(clippy::print_stdout)]

use ndarray::{Array2, Array3};
use sparkwave_analysis::figure::waves::{
    self, ColorMap, Field, Look, Timeline, TrackPoint, TrackingScene, TrackingVideo, WaveTrack,
};
use sparkwave_analysis::figure::{EpisodeSection, Figure, WavesReport, waves_report_html};
use sparkwave_analysis::measure::waves::visited_time_map;
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Cortex, Episode, Interval, Midline, Wave, WaveFrame, Waveform};
use std::path::{Path, PathBuf};

const SIDE: usize = 512;
const PIXEL_UM: f64 = 20.0;
const INTERVAL_S: f64 = 5.0;
const N_INTERVALS: usize = 2160;
/// Rise of the reflectance when a wave passes, a fraction.
const PEAK: f64 = 0.04;
/// Change at the ends of the colour scale.
const LIMIT: f32 = 0.02;
/// Seconds between midnight and the first frame.
const STARTED_S: f64 = 22.0 * 3600.0 + 14.0 * 60.0 + 31.0;

/// A wave as it was made.
#[derive(Clone, Copy)]
struct Truth {
    id: u32,
    episode_id: u32,
    name: &'static str,
    onset_s: f64,
    origin: PointYx,
    /// Direction and half-width of the sector it fills, rad.
    heading: f64,
    half_angle: f64,
    speed_mm_min: f64,
    reach_mm: f64,
}

const TRUTH: [Truth; 3] = [
    Truth {
        id: 1,
        episode_id: 1,
        name: "1",
        onset_s: 1802.0,
        origin: PointYx { y: 150.0, x: 130.0 },
        heading: 0.9,
        half_angle: 0.9,
        speed_mm_min: 3.4,
        reach_mm: 6.0,
    },
    Truth {
        id: 2,
        episode_id: 2,
        name: "2-1",
        onset_s: 6003.0,
        origin: PointYx { y: 330.0, x: 110.0 },
        heading: -0.9,
        half_angle: 1.1,
        speed_mm_min: 3.0,
        reach_mm: 3.6,
    },
    Truth {
        id: 3,
        episode_id: 2,
        name: "2-2",
        onset_s: 6025.0,
        origin: PointYx { y: 140.0, x: 400.0 },
        heading: 2.0,
        half_angle: 1.0,
        speed_mm_min: 4.1,
        reach_mm: 4.4,
    },
];

impl Truth {
    fn arrival_s(&self, y: usize, x: usize) -> Option<f64> {
        let (dy, dx) = (y as f64 - self.origin.y, x as f64 - self.origin.x);
        let distance_mm = dy.hypot(dx) * PIXEL_UM / 1000.0;
        let turn = (dy.atan2(dx) - self.heading + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU);
        let is_near = distance_mm < 0.15 || (turn - std::f64::consts::PI).abs() < self.half_angle;
        let wobble = 1.0 + 0.12 * (x as f64 / 37.0).sin() * (y as f64 / 29.0).cos();
        (is_near && distance_mm < self.reach_mm).then(|| self.onset_s + distance_mm * wobble / self.speed_mm_min * 60.0)
    }
}

/// Relative change a time after arrival: up in 15 s, down in a minute.
fn course(lag_s: f64) -> f64 {
    if lag_s <= 0.0 {
        return 0.0;
    }
    let rise = (lag_s / 15.0).min(1.0);
    PEAK * rise * rise * (3.0 - 2.0 * rise) * (-(lag_s - 15.0).max(0.0) / 40.0).exp()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery_waves FOLDER")?);
    let anatomy = anatomy();
    let cortex = cortex();
    let intervals = intervals();
    let calibrated = PixelSize::square(Micrometers::new(PIXEL_UM));
    for (name, pixel_size) in [("calibrated", calibrated), ("uncalibrated", None)] {
        let field = Field { anatomy: &anatomy, cortex: &cortex, pixel_size };
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let waves: Vec<Wave> = TRUTH.iter().map(|truth| wave(truth, &intervals, &cortex)).collect();
        let tracks: Vec<WaveTrack<'_>> =
            TRUTH.iter().zip(&waves).map(|(truth, wave)| track(truth, wave, &field, &intervals)).collect();
        let episodes = episodes(&waves, &intervals);
        let recording = figures_of_recording(&field, &intervals, &episodes);
        write_all(&folder, &recording)?;
        let mut per_episode = Vec::new();
        for episode in &episodes {
            let mine: Vec<WaveTrack<'_>> = tracks.iter().filter(|t| t.wave.episode_id == episode.id).cloned().collect();
            let figures = figures_of_episode(&field, &intervals, episode, &mine);
            write_all(&folder, &figures)?;
            video(&folder, &field, &intervals, episode, &mine)?;
            per_episode.push(figures);
        }
        report(&folder, (&field, &intervals), &episodes, &tracks, (&recording, &per_episode))?;
    }
    empty(&folder.join("empty"))
}

fn write_all(folder: &Path, figures: &[Figure]) -> std::io::Result<()> {
    for figure in figures {
        std::fs::write(folder.join(format!("{}.svg", figure.name)), &figure.svg)?;
        std::fs::write(folder.join(format!("{}.png", figure.name)), &figure.png)?;
        println!("{}: svg {} kB, png {} kB", figure.name, figure.svg.len() / 1024, figure.png.len() / 1024);
    }
    Ok(())
}

fn figures_of_recording(field: &Field<'_>, intervals: &[Interval], episodes: &[Episode]) -> Vec<Figure> {
    let mut noise = Noise(3);
    let evidence: Vec<f64> = intervals
        .iter()
        .map(|i| {
            let active = episodes.iter().any(|e| i.start_s >= e.start_s && i.end_s <= e.end_s + 20.0);
            0.04 * noise.normal() + if active { 0.35 } else { 0.0 }
        })
        .collect();
    let motion: Vec<(f64, PointYx)> = (0..N_INTERVALS * 5)
        .map(|s| {
            let t = s as f64;
            (t, PointYx { y: (t / 1700.0).sin() + 0.08 * noise.normal(), x: t / 9000.0 + 0.08 * noise.normal() })
        })
        .collect();
    let recording = Timeline {
        intervals,
        evidence: &evidence,
        evidence_title: "Mean rate (% per 5 s)",
        episodes,
        motion: &motion,
        pixel_size: field.pixel_size,
    };
    vec![waves::cortex_window(field), waves::timeline(&recording), waves::motion_trace(&recording)]
}

fn figures_of_episode(
    field: &Field<'_>,
    intervals: &[Interval],
    episode: &Episode,
    tracks: &[WaveTrack<'_>],
) -> Vec<Figure> {
    let maps: Vec<(usize, Array2<f32>)> =
        waves::strip_intervals(episode).into_iter().map(|i| (i, rate(intervals[i], i))).collect();
    let colors = (LIMIT, ColorMap::Diverging);
    let mut figures = vec![waves::rate_strip(field, episode, &maps, tracks, intervals, colors)];
    for track in tracks {
        let truth = TRUTH.iter().find(|t| t.id == track.wave.id).expect("every track has its truth");
        let per_mm_min = if field.pixel_size.is_some() { 1.0 } else { 1000.0 / PIXEL_UM / 60.0 };
        let mut noise = Noise(11);
        let speeds = track.wave.arrival_s.to_image(SIDE, SIDE).mapv(|arrival| {
            let spread = 1.0 + 0.15 * noise.normal();
            if arrival.is_finite() { (truth.speed_mm_min * per_mm_min * spread) as f32 } else { f32::NAN }
        });
        figures.extend([
            waves::isochrones(field, track),
            waves::speed_map(field, track, &Patch::of_image(&speeds)),
            waves::visited_time(field, track, &visited_time_map(track.wave, intervals)),
            waves::waveform(track.wave),
            waves::wave_course(field, track),
        ]);
    }
    figures
}

fn video(
    folder: &Path,
    field: &Field<'_>,
    intervals: &[Interval],
    episode: &Episode,
    tracks: &[WaveTrack<'_>],
) -> Result<(), Box<dyn std::error::Error>> {
    for (look, map, image_px) in [
        (Look::Current, ColorMap::Diverging, 1024),
        (Look::Current, ColorMap::Jet, 640),
        (Look::Legacy, ColorMap::Jet, 512),
    ] {
        let started_s = field.pixel_size.map(|_| STARTED_S);
        let scene = TrackingScene {
            field: *field,
            intervals,
            episode,
            waves: tracks,
            started_s,
            limit: LIMIT,
            map,
            look,
            image_px,
        };
        let begun = std::time::Instant::now();
        let video = TrackingVideo::new(scene);
        let prepared = begun.elapsed();
        let mut drawing = std::time::Duration::ZERO;
        let all = video.intervals();
        for i in all.clone() {
            let rate = rate(intervals[i], i);
            let begun = std::time::Instant::now();
            let frame = video.frame(i, &rate.view());
            drawing += begun.elapsed();
            let is_kept = i == all.start || i == (all.start + all.end) / 2 || i + 1 == all.end;
            if is_kept {
                let name = format!("video_{}_{look:?}_{map:?}_{}.png", episode.id, i - all.start);
                write_png(&folder.join(name), &frame)?;
            }
        }
        println!(
            "episode {} {look:?} {map:?} {:?}: prepared in {prepared:?}, a frame in {:?}",
            episode.id,
            video.size(),
            drawing / all.len().max(1) as u32
        );
    }
    Ok(())
}

fn write_png(path: &Path, image: &Array3<u8>) -> Result<(), Box<dyn std::error::Error>> {
    let (height, width, _) = image.dim();
    let mut encoder = png::Encoder::new(std::fs::File::create(path)?, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    let bytes: Vec<u8> = image.iter().copied().collect();
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}

fn report(
    folder: &Path,
    (field, intervals): (&Field<'_>, &[Interval]),
    episodes: &[Episode],
    tracks: &[WaveTrack<'_>],
    (recording, per_episode): (&[Figure], &[Vec<Figure>]),
) -> std::io::Result<()> {
    let (episode_table, wave_table) = (episode_table(episodes, intervals), wave_table(field, tracks));
    let mut rejected = Table::new();
    rejected.push("start_s", vec![Value::float(512.5), Value::float(9010.0)]);
    rejected.push("end_s", vec![Value::float(535.0), Value::float(9050.0)]);
    rejected.push("max_area_mm2", vec![Value::float(0.42), Value::float(12.0)]);
    let reasons = ["the area does not grow", "the whole window changes at once & <the lamp flickers>"];
    rejected.push("reason", reasons.map(|r| Value::Text(r.to_owned())).to_vec());
    let mut report = WavesReport::new("Synthetic cortex", &episode_table, &wave_table);
    report.version = "sparkwave gallery".to_owned();
    report.facts = [
        ("Input", "drawn by this program, 512 x 512 px"),
        ("Length", "3 h, 60 frames a second"),
        ("Pixel size", if field.pixel_size.is_some() { "20 µm (ruler image)" } else { "unknown" }),
        ("Gaps", "one, 120 s"),
        ("Motion", "largest shift 1.6 px"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let warnings = ["The recording is synthetic.".to_owned()];
    report.warnings = &warnings;
    report.stages = vec![("bin".to_owned(), 12.3), ("detect".to_owned(), 4.5)];
    report.observed_s = Some(intervals.iter().filter(|i| i.valid).map(|i| i.duration_s()).sum());
    report.rejected = Some(&rejected);
    report.figures = recording;
    report.sections = episodes
        .iter()
        .zip(per_episode)
        .map(|(episode, figures)| EpisodeSection {
            id: episode.id,
            notes: vec![format!("Quality {}, level {}.", episode.quality, episode.level), episode.reasons.join("; ")],
            video: Some(format!("tracking_{}.mp4", episode.id)),
            figures,
        })
        .collect();
    let html = waves_report_html(&report);
    println!("report.html: {} kB", html.len() / 1024);
    std::fs::write(folder.join("report.html"), html)
}

/// A recording in which nothing was found.
fn empty(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let anatomy = anatomy();
    let cortex = Cortex { inside: Array2::from_elem((SIDE, SIDE), false), midline: None };
    let field = Field { anatomy: &anatomy, cortex: &cortex, pixel_size: None };
    let figures = figures_of_recording(&field, &intervals(), &[]);
    write_all(folder, &figures)?;
    let (episodes, waves) = (Table::new(), Table::new());
    let mut report = WavesReport::new("Nothing found", &episodes, &waves);
    report.figures = &figures;
    std::fs::write(folder.join("report.html"), waves_report_html(&report))?;
    Ok(())
}

fn intervals() -> Vec<Interval> {
    let interval = |i: usize| {
        let start_s = 0.5 + INTERVAL_S * i as f64;
        Interval { start_s, end_s: start_s + INTERVAL_S, valid: !(1500..1524).contains(&i) }
    };
    (0..N_INTERVALS).map(interval).collect()
}

fn rate(interval: Interval, seed: usize) -> Array2<f32> {
    let mut noise = Noise(seed as u64 + 1);
    Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        let change = |truth: &Truth| {
            let arrival = truth.arrival_s(y, x)?;
            Some(course(interval.end_s - arrival) - course(interval.start_s - arrival))
        };
        (TRUTH.iter().filter_map(change).sum::<f64>() + 0.0012 * noise.normal()) as f32
    })
}

fn wave(truth: &Truth, intervals: &[Interval], cortex: &Cortex) -> Wave {
    let mut noise = Noise(u64::from(truth.id));
    let arrival = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        let arrival = truth.arrival_s(y, x).filter(|_| cortex.inside[[y, x]]);
        arrival.map_or(f32::NAN, |t| (t + 0.6 * noise.normal()) as f32)
    });
    let frames: Vec<WaveFrame> = intervals
        .iter()
        .enumerate()
        .filter_map(|(frame, interval)| {
            let rise = |t: f64| course(interval.end_s - t) - course(interval.start_s - t);
            let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))).filter(|&(y, x)| {
                cortex.inside[[y, x]] && truth.arrival_s(y, x).is_some_and(|t| rise(t) > 0.35 * 0.5 * PEAK)
            });
            let is_near = (-10.0..250.0).contains(&(interval.end_s - truth.onset_s));
            let mask = if is_near { Mask::of_pixels(pixels) } else { None }?;
            let filled = ((interval.end_s - truth.onset_s) / INTERVAL_S) as usize == 6;
            Some(WaveFrame { frame, mask, filled })
        })
        .collect();
    let lag_s: Vec<f64> = (-6..=30).map(|i| f64::from(i) * INTERVAL_S).collect();
    let drr = lag_s.iter().map(|&t| course(t) + 0.0004 * noise.normal()).collect();
    Wave {
        id: truth.id,
        episode_id: truth.episode_id,
        name: truth.name.to_owned(),
        frames,
        peak_drr: Patch::of_image(&arrival.mapv(|t| if t.is_finite() { PEAK as f32 } else { f32::NAN })),
        arrival_s: Patch::of_image(&arrival),
        waveform: Waveform { lag_s, drr },
    }
}

fn track<'a>(truth: &Truth, wave: &'a Wave, field: &Field<'_>, intervals: &[Interval]) -> WaveTrack<'a> {
    let point = |frame: &WaveFrame| {
        let n = frame.mask.n_pixels() as f64;
        let sum = frame.mask.pixels().fold((0.0, 0.0), |(a, b), (y, x)| (a + y as f64, b + x as f64));
        let away = |p: &PointYx| (p.y - truth.origin.y).hypot(p.x - truth.origin.x);
        let front = frame
            .mask
            .pixels()
            .map(|(y, x)| PointYx { y: y as f64, x: x as f64 })
            .max_by(|a, b| away(a).total_cmp(&away(b)));
        let speed = if field.pixel_size.is_some() { truth.speed_mm_min } else { truth.speed_mm_min / 60.0 / 0.02 };
        TrackPoint {
            frame: frame.frame,
            t_s: intervals[frame.frame].end_s,
            n_pixels: frame.mask.n_pixels(),
            centroid: Some(PointYx { y: sum.0 / n, x: sum.1 / n }),
            front,
            speed: Some(speed * (1.0 + 0.1 * (frame.frame as f64).sin())),
            filled: frame.filled,
        }
    };
    let points = wave.frames.iter().map(point).collect();
    WaveTrack { wave, onset_s: truth.onset_s, origin: Some(truth.origin), points }
}

fn episodes(waves: &[Wave], intervals: &[Interval]) -> Vec<Episode> {
    let episode = |id: u32| {
        let mine: Vec<&Wave> = waves.iter().filter(|w| w.episode_id == id).collect();
        let frames = || mine.iter().flat_map(|w| w.frames.iter().map(|f| f.frame));
        let (start_frame, end_frame) = (frames().min().unwrap_or(0), frames().max().unwrap_or(0) + 1);
        let onset = TRUTH.iter().filter(|t| t.episode_id == id).map(|t| t.onset_s).fold(f64::INFINITY, f64::min);
        Episode {
            id,
            start_frame,
            end_frame,
            start_s: onset,
            end_s: intervals[end_frame - 1].end_s,
            start_uncertainty_s: 1.2,
            n_waves: mine.len() as u32,
            quality: 0.93,
            level: 1,
            reasons: vec!["clear in every interval".to_owned(), "grows from one place".to_owned()],
        }
    };
    vec![episode(1), episode(2)]
}

fn episode_table(episodes: &[Episode], intervals: &[Interval]) -> Table {
    let mut table = Table::new();
    let mut push =
        |name: &str, value: &dyn Fn(&Episode) -> Value| table.push(name, episodes.iter().map(value).collect());
    push("episode_id", &|e| Value::Int(i64::from(e.id)));
    push("start_frame", &|e| Value::Int(e.start_frame as i64));
    push("end_frame", &|e| Value::Int(e.end_frame as i64));
    push("start_s", &|e| Value::float(e.start_s));
    push("end_s", &|e| Value::float(e.end_s));
    push("duration_s", &|e| Value::float(e.end_s - e.start_s));
    push("start_uncertainty_s", &|e| Value::float(e.start_uncertainty_s));
    push("n_waves", &|e| Value::Int(i64::from(e.n_waves)));
    push("level", &|e| Value::Int(i64::from(e.level)));
    push("quality", &|e| Value::float(e.quality));
    push("reasons", &|e| Value::Text(e.reasons.join("; ")));
    push("valid", &|e| Value::Bool(intervals[e.start_frame].valid));
    table
}

fn wave_table(field: &Field<'_>, tracks: &[WaveTrack<'_>]) -> Table {
    let is_calibrated = field.pixel_size.is_some();
    let mut table = Table::new();
    let mut push = |name: &str, value: &dyn Fn(&Truth) -> Value| table.push(name, TRUTH.iter().map(value).collect());
    let mm = |value: f64| Value::maybe(is_calibrated.then_some(value));
    let mm_of_px = |px: f64| mm(px * PIXEL_UM / 1000.0);
    let points = |t: &Truth| tracks.iter().find(|track| track.wave.id == t.id).map_or(&[][..], |track| &track.points);
    push("wave_id", &|t| Value::Int(i64::from(t.id)));
    push("episode_id", &|t| Value::Int(i64::from(t.episode_id)));
    push("name", &|t| Value::Text(t.name.to_owned()));
    push("start_s", &|t| Value::float(t.onset_s));
    push("duration_s", &|t| Value::float(points(t).len() as f64 * INTERVAL_S));
    push("origin_y_px", &|t| Value::float(t.origin.y));
    push("origin_x_px", &|t| Value::float(t.origin.x));
    push("origin_y_mm", &|t| mm_of_px(t.origin.y));
    push("origin_x_mm", &|t| mm_of_px(t.origin.x));
    push("speed_mm_min", &|t| mm(t.speed_mm_min));
    push("speed_ci_low", &|t| mm(t.speed_mm_min * 0.93));
    push("speed_ci_high", &|t| mm(t.speed_mm_min * 1.08));
    push("path_length_mm", &|t| mm(t.reach_mm * 1.05));
    push("net_displacement_mm", &|t| mm(t.reach_mm));
    push("cover_area_mm2", &|t| mm(t.half_angle * t.reach_mm * t.reach_mm));
    push("max_area_mm2", &|t| {
        mm(points(t).iter().map(|p| p.n_pixels).max().unwrap_or(0) as f64 * PIXEL_UM * PIXEL_UM / 1e6)
    });
    push("peak_drr_pct", &|_| Value::float(100.0 * PEAK));
    push("time_to_peak_s", &|_| Value::float(15.0));
    push("direction_deg", &|t| Value::float(t.heading.to_degrees()));
    push("side", &|t| Value::Text(if t.origin.x < 256.0 { "left" } else { "right" }.to_owned()));
    table
}

/// Reproducible numbers for a drawing; nothing here is statistics.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..4).map(|_| self.uniform()).sum::<f64>() * 1.732 - 3.464
    }
}

fn cortex() -> Cortex {
    let inside = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        ((y as f64 - 256.0) / 225.0).powi(2) + ((x as f64 - 256.0) / 240.0).powi(2) < 1.0
    });
    let midline = Midline { from: PointYx { y: 31.0, x: 262.0 }, to: PointYx { y: 480.0, x: 250.0 } };
    Cortex { inside, midline: Some(midline) }
}

/// Tissue under a lamp, with a few branching dark vessels; bone around it.
fn anatomy() -> Array2<f32> {
    let cortex = cortex();
    let vessels = |y: f64, x: f64| -> f64 {
        let lines = [
            (x - 256.0 - 6.0 * (y / 60.0).sin(), 5.0, 0.4),
            (y - 120.0 - 0.5 * x - 18.0 * (x / 50.0).sin(), 3.0, 0.25),
            (y - 400.0 + 0.35 * x - 14.0 * (x / 37.0).cos(), 2.6, 0.25),
            (y - 0.9 * x + 140.0 - 12.0 * (x / 23.0).sin(), 1.8, 0.18),
            (y + 0.8 * x - 560.0 - 10.0 * (x / 31.0).sin(), 2.0, 0.2),
        ];
        lines.iter().map(|(off, width, depth)| depth * (-(off / width).powi(2) / 2.0).exp()).sum()
    };
    let mut noise = Noise(5);
    Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        let (v, u) = (y as f64, x as f64);
        let lamp = 1.0 - 0.25 * (((v - 230.0) / 300.0).powi(2) + ((u - 280.0) / 300.0).powi(2));
        let light = if cortex.inside[[y, x]] { 9000.0 * (1.0 - vessels(v, u)) } else { 3500.0 };
        (light * lamp + 60.0 * noise.normal()) as f32
    })
}
