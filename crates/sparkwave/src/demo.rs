//! The demonstrations: simulate a recording, run the pipeline on it, score the result, show the report.

mod stimulus;

pub use stimulus::{StimulusDemo, StimulusResult, stimulus};

use crate::error::Error;
use crate::evaluate::{self, DetectionReport, DetectionRequest};
use crate::run_folder::Existing;
use crate::simulate::{self, SimulateSparks, SimulateWaves};
use crate::sparks::{self, Detector, SparksConfig, SparksResult};
use crate::waves::{self, WavesConfig, WavesResult};
use sparkwave_analysis::evaluate::waves::{LabelledWave, WaveScore, score_waves};
use sparkwave_analysis::figure::precision_recall;
use sparkwave_core::progress::Progress;
use sparkwave_core::synth::WavesScene;
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};

/// What the demonstration made.
#[derive(Clone, Debug)]
pub struct DemoResult {
    /// The run.
    pub run: SparksResult,
    /// Its scores against the simulated truth.
    pub scores: DetectionReport,
    /// The report to open.
    pub report: PathBuf,
}

/// Simulates sparks, finds them and scores what was found. Writes `simulation/`, `run/`, `scores.csv` and
/// `precision_recall.svg` into `out`.
///
/// # Errors
/// As the steps it joins.
pub fn sparks(
    request: &SimulateSparks,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<DemoResult, Error> {
    let (simulated, analysed) = (out.join("simulation"), out.join("run"));
    simulate::sparks(request, &simulated, existing, threads, progress)?;
    let config = SparksConfig::new(&simulated.join("movie.tif"), Detector::default());
    let run = sparks::run(&config, &analysed, existing, threads, progress)?;
    let scores = evaluate::detection(&DetectionRequest {
        truth: simulated.join("events.csv"),
        pred: analysed.join("events.csv"),
        paper: false,
        imagej: false,
        pixel_size_um: Some(request.pixel_size_um),
        frame_interval_s: Some(request.frame_interval_s),
        max_distance_um: None,
        max_delay_s: None,
        seed: request.seed,
    })?;
    sparkwave_io::csv::write_table(&scores.table(), &out.join("scores.csv"))?;
    let curve: Vec<(f64, f64)> = scores.scores.curve.iter().map(|p| (p.recall, p.precision)).collect();
    let figure = precision_recall(&curve, scores.scores.ap, "Detected against simulated events");
    sparkwave_io::atomic::write_atomic(&out.join("precision_recall.svg"), figure.svg.as_bytes())?;
    Ok(DemoResult { run, scores, report: analysed.join("report.html") })
}

/// What the demonstration of waves made.
#[derive(Clone, Debug)]
pub struct WavesDemoResult {
    /// The run.
    pub run: WavesResult,
    /// How each simulated wave was found, one row a wave.
    pub scores: Table,
    /// The report to open.
    pub report: PathBuf,
}

/// Simulates a recording of waves, finds them and scores what was found. Writes `simulation/`, `run/` and `scores.csv`
/// into `out`.
///
/// # Errors
/// As the steps it joins.
pub fn waves(
    request: &SimulateWaves,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<WavesDemoResult, Error> {
    let (simulated, analysed) = (out.join("simulation"), out.join("run"));
    simulate::waves(request, &simulated, existing, threads, progress)?;
    let run = waves::run(&WavesConfig::new(&simulated.join("raw")), &analysed, existing, threads, progress)?;
    let scene = WavesScene::new(&request.params(), request.seed)?;
    let truth: Vec<LabelledWave<'_>> =
        scene.waves().iter().map(|w| LabelledWave { id: w.id, frames: &w.frames }).collect();
    let found: Vec<LabelledWave<'_>> = run.waves.iter().map(|w| LabelledWave { id: w.id, frames: &w.frames }).collect();
    let scores = table(&score_waves(&truth, &found), &scene, &run);
    sparkwave_io::csv::write_table(&scores, &out.join("scores.csv"))?;
    Ok(WavesDemoResult { run, scores, report: analysed.join("report.html") })
}

/// One row a true wave: how it was found, and how far speed and origin are off.
fn table(scores: &[WaveScore], scene: &WavesScene, run: &WavesResult) -> Table {
    let measured = |id: Option<u32>, name: &str| {
        let row = run.waves.iter().position(|w| Some(w.id) == id)?;
        run.tables.waves.column(name)?.get(row)?.as_f64()
    };
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&WaveScore) -> Value| {
        table.push(name, scores.iter().map(value).collect());
    };
    let truth = |s: &WaveScore| scene.waves().iter().find(|w| w.id == s.truth);
    column("truth_id", &|s| Value::Int(s.truth.into()));
    column("wave_id", &|s| s.found.map_or(Value::Empty, |id| Value::Int(id.into())));
    column("dice", &|s| Value::float(s.dice));
    column("temporal_iou", &|s| Value::float(s.temporal_iou));
    column("true_speed_mm_min", &|s| Value::maybe(truth(s).map(|w| w.speed_mm_min)));
    column("speed_mm_min", &|s| Value::maybe(measured(s.found, "speed_mm_min")));
    column("origin_error_mm", &|s| {
        let off = |axis: f64, name: &str| measured(s.found, name).map(|v| v - axis);
        let distance =
            truth(s).and_then(|w| Some(off(w.origin_mm.y, "origin_y_mm")?.hypot(off(w.origin_mm.x, "origin_x_mm")?)));
        Value::maybe(distance)
    });
    table
}
