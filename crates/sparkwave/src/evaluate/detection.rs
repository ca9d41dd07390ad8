//! Scores of an event table against a truth.

use crate::error::Error;
use sparkwave_analysis::evaluate::detection::{
    Detection, Interval, Intervals, Limits, Mode, Resampling, Scores, bootstrap, evaluate,
};
use sparkwave_analysis::evaluate::points::detections_from_table;
use sparkwave_analysis::experiment::{DFF_BINS, N_DFF_BINS, N_DIM_BINS, Outcomes, tally};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::{Micrometers, Seconds};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DetectionRequest {
    /// Table of true events.
    pub truth: PathBuf,
    /// Table of predicted events.
    pub pred: PathBuf,
    /// The published mixed-unit rule instead of separate limits.
    pub paper: bool,
    /// Tables in ImageJ's columns `Slice, Y, X` with slices counted from 1.
    pub imagej: bool,
    /// Pixel size, µm, if known.
    pub pixel_size_um: Option<f64>,
    /// Frame interval, s, if known.
    pub frame_interval_s: Option<f64>,
    /// Largest distance between partners, µm; needs the pixel size.
    pub max_distance_um: Option<f64>,
    /// Largest delay between partners, s; needs the frame interval.
    pub max_delay_s: Option<f64>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Scores with their intervals and the rule that gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionReport {
    /// The scores.
    pub scores: Scores,
    /// 95 % bootstrap intervals.
    pub intervals: Intervals,
    /// The matching rule in words.
    pub rule: String,
    /// Outcomes by amplitude, if the tables tell it ([`DFF_BINS`]): true events by their own amplitude, predictions without
    /// truth by theirs.
    pub by_dff: Option<[Outcomes; N_DFF_BINS]>,
    /// 0-based rows of true events that were missed.
    pub missed: Vec<usize>,
    /// Amplitude of every true event, dF/F0, NaN where unknown.
    pub truth_dff: Vec<f64>,
}

/// Reads both tables and scores one against the other.
///
/// Calibration that is not given is derived from a table that has both pixels and micrometres, or frames and seconds.
///
/// # Errors
/// If a table cannot be read or lacks a column, or a limit is given without the calibration that it needs.
pub fn detection(request: &DetectionRequest) -> Result<DetectionReport, Error> {
    Movie::read(request)?.score(request)
}

/// Columns that hold the amplitude of an event, the preferred one first.
const AMPLITUDE: [&str; 2] = ["peak_dff", "dff"];

/// The events of a movie, true and predicted.
pub(super) struct Movie {
    pub(super) truth: Vec<Detection>,
    pub(super) pred: Vec<Detection>,
    pub(super) truth_dff: Vec<f64>,
    pub(super) pred_dff: Vec<f64>,
    pub(super) mode: Mode,
    pub(super) rule: String,
}

impl Movie {
    pub(super) fn read(request: &DetectionRequest) -> Result<Self, Error> {
        crate::calibrate::check(request.pixel_size_um, request.frame_interval_s)?;
        let read = |path: &Path| -> Result<(Table, Vec<Detection>), Error> {
            let table = sparkwave_io::csv::read_table(path)?;
            let detections = detections_from_table(&table, request.imagej && table.column("Slice").is_some())
                .map_err(|source| Error::Evaluate { path: path.to_path_buf(), source })?;
            Ok((table, detections))
        };
        let (truth_table, truth) = read(&request.truth)?;
        let (pred_table, pred) = read(&request.pred)?;
        let derived = |numerator: &str, denominator: &str| {
            [&pred_table, &truth_table].into_iter().find_map(|t| ratio(t, numerator, denominator))
        };
        let pixel_um = request.pixel_size_um.or_else(|| derived("y_um", "y_px"));
        let interval_s = request
            .frame_interval_s
            .or_else(|| derived("t_peak_s", "t_peak_frame"))
            .or_else(|| derived("t_s", "t_frame"));
        let (mode, rule) = mode(request, pixel_um, interval_s)?;
        let amplitudes = |table: &Table| -> Vec<f64> {
            match AMPLITUDE.into_iter().find_map(|name| table.column(name)) {
                Some(column) => column.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect(),
                None => vec![f64::NAN; table.n_rows()],
            }
        };
        let (truth_dff, pred_dff) = (amplitudes(&truth_table), amplitudes(&pred_table));
        Ok(Self { truth, pred, truth_dff, pred_dff, mode, rule })
    }

    pub(super) fn score(&self, request: &DetectionRequest) -> Result<DetectionReport, Error> {
        let scores = evaluate(&self.truth, &self.pred, &self.mode)
            .map_err(|source| Error::Evaluate { path: request.pred.clone(), source })?;
        let intervals = bootstrap(&scores, &Resampling { seed: request.seed, ..Resampling::default() });
        let is_known = self.truth_dff.iter().any(|dff| dff.is_finite());
        let by_dff = is_known.then(|| tally(&scores.pairs, &self.truth_dff, &self.pred_dff).1);
        let found: BTreeSet<usize> = scores.pairs.iter().map(|pair| pair.truth).collect();
        let missed = (0..self.truth.len()).filter(|row| !found.contains(row)).collect();
        let (rule, truth_dff) = (self.rule.clone(), self.truth_dff.clone());
        Ok(DetectionReport { scores, intervals, rule, by_dff, missed, truth_dff })
    }
}

/// The ratio of two columns in the row with the largest denominator, where rounding matters least.
fn ratio(table: &Table, numerator: &str, denominator: &str) -> Option<f64> {
    let rows = table.column(numerator)?.iter().zip(table.column(denominator)?);
    let pairs = rows.filter_map(|(n, d)| Some((n.as_f64()?, d.as_f64()?)));
    let (n, d) = pairs.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(n / d).filter(|r| r.is_finite() && *r > 0.0)
}

fn mode(request: &DetectionRequest, pixel_um: Option<f64>, interval_s: Option<f64>) -> Result<(Mode, String), Error> {
    if request.paper {
        return Ok((Mode::Paper, "published: distance below 6, frames and pixels weighted alike".to_owned()));
    }
    let pixel = pixel_um.and_then(|um| PixelSize::square(Micrometers::new(um)));
    let interval = interval_s.filter(|s| s.is_finite() && *s > 0.0).map(Seconds::new);
    let mut limits = Limits::default_for(pixel, interval);
    let missing = |name, expected| Error::Parameter { name, expected, found: "none".to_owned() };
    let space_px = match (request.max_distance_um, pixel) {
        (None, _) => limits.space_px().0,
        (Some(um), Some(p)) => um / p.mean().get(),
        (Some(_), None) => return Err(missing("--max-distance-um", "a pixel size with it (--pixel-size-um)")),
    };
    let time_frames = match (request.max_delay_s, interval) {
        (None, _) => limits.time_frames(),
        (Some(s), Some(i)) => s / i.get(),
        (Some(_), None) => return Err(missing("--max-delay-s", "a frame interval with it (--frame-interval-s)")),
    };
    if request.max_distance_um.is_some() || request.max_delay_s.is_some() {
        limits = Limits::new(space_px, time_frames).ok_or_else(|| Error::Parameter {
            name: "limits",
            expected: "numbers not below zero",
            found: format!("{space_px} px, {time_frames} frames"),
        })?;
    }
    let calibrated = |known: bool| if known { "" } else { " (uncalibrated)" };
    let rule = format!(
        "physical: at most {:.4} px{} and {:.4} frames{} apart",
        limits.space_px().0,
        pixel_um.map_or(calibrated(false).to_owned(), |um| format!(" = {:.4} um", limits.space_px().0 * um)),
        limits.time_frames(),
        interval_s.map_or(calibrated(false).to_owned(), |s| format!(" = {:.4} s", limits.time_frames() * s)),
    );
    Ok((Mode::Physical(limits), rule))
}

impl DetectionReport {
    /// One row a score: `score, value, ci_low, ci_high`.
    pub fn table(&self) -> Table {
        let s = &self.scores;
        let i = &self.intervals;
        let rows: [(&str, Option<f64>, Option<Interval>); 8] = [
            ("tp", Some(s.tp as f64), None),
            ("fp", Some(s.fp as f64), None),
            ("fn", Some(s.fn_ as f64), None),
            ("precision", s.precision, i.precision),
            ("recall", s.recall, i.recall),
            ("f1", s.f1, i.f1),
            ("ap", s.ap, i.ap),
            ("ap_paper", s.ap_paper, i.ap_paper),
        ];
        let mut table = Table::new();
        table.push("score", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
        table.push("value", rows.iter().map(|r| Value::maybe(r.1)).collect());
        table.push("ci_low", rows.iter().map(|r| Value::maybe(r.2.map(|i| i.low))).collect());
        table.push("ci_high", rows.iter().map(|r| Value::maybe(r.2.map(|i| i.high))).collect());
        table
    }

    /// True events below dF/F0 1: how many, and how many of them were missed; `None` if amplitudes are unknown.
    pub fn dim(&self) -> Option<Outcomes> {
        Some(self.by_dff?[..N_DIM_BINS].iter().copied().sum())
    }

    /// One row a class of amplitude: `dff_from, dff_to, tp, fn, fp, recall, precision, accuracy`; empty if amplitudes are
    /// unknown.
    pub fn amplitude_table(&self) -> Table {
        let rows: Vec<((f64, f64), Outcomes)> =
            self.by_dff.iter().flat_map(|bins| DFF_BINS.into_iter().zip(bins.iter().copied())).collect();
        let mut table = Table::new();
        table.push("dff_from", rows.iter().map(|r| Value::float(r.0.0)).collect());
        table.push("dff_to", rows.iter().map(|r| Value::float(r.0.1)).collect());
        table.push("tp", rows.iter().map(|r| super::count(r.1.found)).collect());
        table.push("fn", rows.iter().map(|r| super::count(r.1.missed)).collect());
        table.push("fp", rows.iter().map(|r| super::count(r.1.spurious)).collect());
        table.push("recall", rows.iter().map(|r| Value::maybe(r.1.recall())).collect());
        table.push("precision", rows.iter().map(|r| Value::maybe(r.1.precision())).collect());
        table.push("accuracy", rows.iter().map(|r| Value::maybe(r.1.accuracy())).collect());
        table
    }
}
