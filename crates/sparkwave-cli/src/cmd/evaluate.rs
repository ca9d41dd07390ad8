//! `sparkwave evaluate`

mod masks;
mod thresholds;

use crate::cmd::ExistingFlags;
use crate::output;
use clap::ValueEnum;
use sparkwave::core::table::{Table, Value};
use sparkwave::evaluate::{DetectionReport, DetectionRequest, MoviesReport};
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
    Segmentation(masks::SegmentationArgs),
    Agreement(masks::AgreementArgs),
    Tracking(masks::TrackingArgs),
    Thresholds(thresholds::Args),
}

/// Where tables and figures of a score go, if anywhere.
#[derive(Debug, clap::Args)]
struct Kept {
    /// Folder for tables and figures; created if absent [default: none is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    existing: ExistingFlags,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Score a table of events: tp, fp, fn, precision, recall, f1, and with scores the average precision
///
/// Tables are CSV with t_frame or t_peak_frame, y_px, x_px, and optionally score and peak_dff. The calibration is taken from
/// the tables where they hold both pixels and micrometres, frames and seconds; without one the limits are in pixels and
/// frames. Several movies are scored each by itself, on average and pooled: give as many --truth as --pred, in one order.
#[derive(Debug, clap::Args)]
struct DetectionArgs {
    /// Table of true events; may be given again for further movies
    #[arg(long, value_name = "T.csv", required = true)]
    truth: Vec<PathBuf>,
    /// Table of predicted events; as many as true ones
    #[arg(long, value_name = "P.csv", required = true)]
    pred: Vec<PathBuf>,
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
    #[command(flatten)]
    kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Separate limits in space and time; the largest matching
    Physical,
    /// The published rule: distance below 6 with frames and pixels weighted alike
    Paper,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Detection(args) => detection(args),
        What::Segmentation(args) => masks::segmentation(args),
        What::Agreement(args) => masks::agreement(args),
        What::Tracking(args) => masks::tracking(args),
        What::Thresholds(args) => thresholds::execute(args),
    }
}

fn detection(args: &DetectionArgs) -> anyhow::Result<()> {
    if args.truth.len() != args.pred.len() {
        let found = format!("{} for {}", args.pred.len(), args.truth.len());
        let expected = "as many tables as --truth has";
        return Err(sparkwave::Error::Parameter { name: "--pred", expected, found }.into());
    }
    let request = |(truth, pred): (&PathBuf, &PathBuf)| DetectionRequest {
        truth: truth.clone(),
        pred: pred.clone(),
        paper: args.mode == ModeName::Paper,
        imagej: args.imagej,
        pixel_size_um: args.pixel_size_um,
        frame_interval_s: args.frame_interval_s,
        max_distance_um: args.max_distance_um,
        max_delay_s: args.max_delay_s,
        seed: args.seed,
    };
    let requests: Vec<DetectionRequest> = args.truth.iter().zip(&args.pred).map(request).collect();
    let report = sparkwave::evaluate::movies(&requests)?;
    if let Some(out) = &args.kept.out {
        report.write(&requests, out, args.kept.existing.existing())?;
    }
    if args.kept.json {
        output::json(&movies_to_json(&report));
    } else {
        print(&report.pooled);
        print_movies(&report);
    }
    Ok(())
}

/// The pooled scores as of a single movie; with several movies also each of them and the means.
fn movies_to_json(report: &MoviesReport) -> serde_json::Value {
    let mut all = to_json(&report.pooled);
    if report.pooled.by_dff.is_some() {
        all["by_dff"] = rows_to_json(&report.pooled.amplitude_table());
        all["dim_missed"] = serde_json::json!(report.pooled.dim().map(|dim| dim.missed));
    }
    if report.movies.len() > 1 {
        all["movies"] = rows_to_json(&report.table());
        all["means"] = rows_to_json(&report.mean_table());
    }
    all
}

fn print_movies(report: &MoviesReport) {
    if let Some(dim) = report.pooled.dim() {
        let n = dim.found + dim.missed;
        output::line(&format!("{:<10} {} of {n} below dF/F0 1 missed", "dim", dim.missed));
    }
    if report.movies.len() > 1 {
        output::line(&format!("all of the above: {} movies pooled; means over movies:", report.movies.len()));
        for (name, mean) in &report.means {
            output::line(&format!("{name:<10} {}", words(*mean)));
        }
    }
}

/// A number with its interval, or that it is undefined.
fn words(estimate: Option<sparkwave::analysis::statistics::bootstrap::Estimate>) -> String {
    estimate.map_or_else(|| "undefined".to_owned(), |estimate| estimate.to_string())
}

/// The rows of a table as objects; what is empty is `null`.
fn rows_to_json(table: &Table) -> serde_json::Value {
    let cell = |value: &Value| match value {
        Value::Empty => serde_json::Value::Null,
        Value::Int(i) => serde_json::json!(i),
        Value::Float(x) => serde_json::json!(x),
        Value::Bool(b) => serde_json::json!(b),
        Value::Text(text) => serde_json::json!(text),
    };
    let row = |row: usize| {
        let cells = table.columns().iter().map(|c| (c.name.clone(), cell(&c.values[row])));
        serde_json::Value::Object(cells.collect())
    };
    (0..table.n_rows()).map(row).collect()
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
