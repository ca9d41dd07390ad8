//! `sparkwave evaluate detection`

mod thresholds;

use crate::output;
use clap::ValueEnum;
use sparkwave::core::table::Value;
use sparkwave::evaluate::{DetectionReport, DetectionRequest};
use std::path::PathBuf;

/// Score a result against the truth
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Detection(DetectionArgs),
    Thresholds(thresholds::Args),
}

/// Score a table of events: tp, fp, fn, precision, recall, f1, and with scores the average precision
///
/// Tables are CSV with t_frame or t_peak_frame, y_px, x_px, and optionally score. The calibration is taken from the
/// tables where they hold both pixels and micrometres, frames and seconds; without one the limits are in pixels and
/// frames.
#[derive(Debug, clap::Args)]
struct DetectionArgs {
    /// Table of true events
    #[arg(long, value_name = "T.csv")]
    truth: PathBuf,
    /// Table of predicted events
    #[arg(long, value_name = "P.csv")]
    pred: PathBuf,
    /// Matching rule
    #[arg(long, value_enum, default_value_t = ModeName::Physical)]
    mode: ModeName,
    /// Tables with ImageJ's columns Slice, Y, X (slices counted from 1)
    #[arg(long)]
    imagej: bool,
    /// Largest distance between partners, um [default: 0.96, or 6 px if uncalibrated]
    #[arg(long, value_name = "UM")]
    max_distance_um: Option<f64>,
    /// Largest delay between partners, s [default: 0.6, or 6 frames if uncalibrated]
    #[arg(long, value_name = "S")]
    max_delay_s: Option<f64>,
    /// Pixel size, um
    #[arg(long, value_name = "UM")]
    pixel_size_um: Option<f64>,
    /// Frame interval, s
    #[arg(long, value_name = "S")]
    frame_interval_s: Option<f64>,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object on stdout, with the precision-recall curve
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Separate limits in space and time; the largest matching
    Physical,
    /// The published rule: distance below 6 with frames and pixels weighted alike
    Paper,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let args = match &args.what {
        What::Detection(args) => args,
        What::Thresholds(args) => return thresholds::execute(args),
    };
    let report = sparkwave::evaluate::detection(&DetectionRequest {
        truth: args.truth.clone(),
        pred: args.pred.clone(),
        paper: args.mode == ModeName::Paper,
        imagej: args.imagej,
        pixel_size_um: args.pixel_size_um,
        frame_interval_s: args.frame_interval_s,
        max_distance_um: args.max_distance_um,
        max_delay_s: args.max_delay_s,
        seed: args.seed,
    })?;
    if args.json {
        output::json(&to_json(&report));
    } else {
        print(&report);
    }
    Ok(())
}

/// Prints the scores as aligned lines with their intervals.
pub(crate) fn print(report: &DetectionReport) {
    for [name, value, low, high] in rows(report) {
        let text = |v: &Value| match v {
            Value::Float(x) if x.fract() != 0.0 => format!("{x:.4}"),
            other => other.to_string(),
        };
        let interval = match (&low, &high) {
            (Value::Float(l), Value::Float(h)) => format!("  [{l:.4}, {h:.4}]"),
            _ => String::new(),
        };
        let value = if value == Value::Empty { "undefined".to_owned() } else { text(&value) };
        output::line(&format!("{:<10} {value}{interval}", text(&name)));
    }
    output::line(&format!("{:<10} {}", "matching", report.rule));
}

fn rows(report: &DetectionReport) -> Vec<[Value; 4]> {
    let table = report.table();
    let columns = table.columns();
    (0..table.n_rows()).map(|i| std::array::from_fn(|c| columns[c].values[i].clone())).collect()
}

/// The scores as one object: a key a score, `null` where undefined, and `<score>_ci` for its interval.
pub(crate) fn to_json(report: &DetectionReport) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    for [name, value, low, high] in rows(report) {
        let name = name.to_string();
        let number = |v: &Value| match v.as_f64() {
            Some(x) if matches!(name.as_str(), "tp" | "fp" | "fn") => serde_json::json!(x as u64),
            Some(x) => serde_json::json!(x),
            None => serde_json::Value::Null,
        };
        if low != Value::Empty {
            object.insert(format!("{name}_ci"), serde_json::json!([number(&low), number(&high)]));
        }
        object.insert(name.clone(), number(&value));
    }
    let point = |p: &sparkwave::analysis::evaluate::detection::PrPoint| serde_json::json!({"threshold": p.threshold, "precision": p.precision, "recall": p.recall});
    object.insert("curve".into(), report.scores.curve.iter().map(point).collect());
    object.insert("matching".into(), report.rule.clone().into());
    object.into()
}
