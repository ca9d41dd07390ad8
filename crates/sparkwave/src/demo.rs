//! The demonstration: simulate a recording, run the pipeline on it, score the result, show the report.

use crate::error::Error;
use crate::evaluate::{self, DetectionReport, DetectionRequest};
use crate::run_folder::Existing;
use crate::simulate::{self, SimulateSparks};
use crate::sparks::{self, Detector, SparksConfig, SparksResult};
use sparkwave_analysis::figure::precision_recall;
use sparkwave_core::progress::Progress;
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
    let config = SparksConfig::new(&simulated.join("movie.tif"), Detector::Matched);
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
