//! `sparkwave evaluate segmentation|agreement|tracking`

use super::{Kept, rows_to_json, words};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::analysis::evaluate::segmentation::{BothEmpty, Summary};
use sparkwave::analysis::evaluate::tracking::Frames;
use sparkwave::evaluate::agreement::{AgreementRequest, Drawing};
use sparkwave::evaluate::segmentation::SegmentationRequest;
use sparkwave::evaluate::tracking::TrackingRequest;
use std::path::PathBuf;

/// Score masks: Dice, IoU, boundary F, distances of outlines, panoptic quality; by frame and object, pooled, by level and expert
///
/// Label movies are stacks, folders of frames, or folders of runs (masks.tif or labels.tif). Objects are matched by largest
/// overlap. Distances are in um where a pixel size is known, else in px.
#[derive(Debug, clap::Args)]
pub(super) struct SegmentationArgs {
    /// True labels
    #[arg(long, value_name = "T.tif")]
    truth: PathBuf,
    /// Predicted labels
    #[arg(long, value_name = "P.tif")]
    pred: PathBuf,
    /// What frames belong to: CSV with frame, or start_frame and end_frame, and any of episode_id, level, expert, subject
    #[arg(long, value_name = "CSV")]
    groups: Option<PathBuf>,
    /// Outlines at most this far apart agree, um [default: 2 px]
    #[arg(long, value_name = "UM", conflicts_with = "tolerance_px")]
    tolerance_um: Option<f64>,
    /// Outlines at most this far apart agree, px
    #[arg(long, value_name = "PX")]
    tolerance_px: Option<f64>,
    /// Pixel size over that of the files, um
    #[arg(long, value_name = "UM")]
    pixel_size_um: Option<f64>,
    /// What a frame counts that is empty in both
    #[arg(long, value_enum, default_value_t = EmptyName::LeftOut)]
    both_empty: EmptyName,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EmptyName {
    /// Nothing: it is left out of means
    LeftOut,
    /// 1
    Perfect,
}

pub(super) fn segmentation(args: &SegmentationArgs) -> anyhow::Result<()> {
    let request = SegmentationRequest {
        truth: args.truth.clone(),
        pred: args.pred.clone(),
        groups: args.groups.clone(),
        tolerance_um: args.tolerance_um,
        tolerance_px: args.tolerance_px,
        pixel_size_um: args.pixel_size_um,
        both_empty: match args.both_empty {
            EmptyName::LeftOut => BothEmpty::LeftOut,
            EmptyName::Perfect => BothEmpty::Perfect,
        },
        seed: args.seed,
    };
    let report = sparkwave::evaluate::segmentation::segmentation(&request, &Terminal::new(true))?;
    if let Some(out) = &args.kept.out {
        report.write(&request, out, args.kept.existing.existing())?;
    }
    if args.kept.json {
        output::json(&serde_json::json!({
            "scores": rows_to_json(&report.table()), "panoptic": rows_to_json(&report.panoptic_table()),
            "unit": report.unit, "tolerance": report.tolerance, "rule": report.rule(),
        }));
        return Ok(());
    }
    for part in &report.parts {
        let name = if part.name.is_empty() { String::new() } else { format!(" of {} {}", part.by, part.name) };
        print_summary(&format!("{} frames{name}", part.frames.n), &part.frames, report.unit);
    }
    print_summary(&format!("{} objects", report.objects.n), &report.objects, report.unit);
    let panoptic = report.panoptic;
    let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |v| format!("{v:.3}"));
    output::line(&format!(
        "panoptic quality {} = segmentation {} x recognition {} ({} right, {} made up, {} missed)",
        number(panoptic.pq()),
        number(panoptic.sq()),
        number(panoptic.rq()),
        panoptic.tp,
        panoptic.fp,
        panoptic.fn_
    ));
    output::line(&report.rule());
    Ok(())
}

fn print_summary(name: &str, summary: &Summary, unit: &str) {
    let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |v| format!("{v:.2}"));
    output::line(&format!("{name} ({} empty in both):", summary.n_both_empty));
    output::line(&format!("  Dice {}, pooled {}", words(summary.dice), words(summary.pooled_dice)));
    output::line(&format!("  IoU {}, pooled {}", words(summary.iou), words(summary.pooled_iou)));
    output::line(&format!("  boundary F {}, pooled {}", words(summary.boundary_f), words(summary.pooled_boundary_f)));
    output::line(&format!(
        "  outlines apart: mean {} {unit}, 95 % within {} {unit}, at most {} {unit}",
        number(summary.surface_mean.map(|e| e.value)),
        number(summary.surface_p95),
        number(summary.surface_max)
    ));
}

/// Compare observers: Cohen's kappa and Dice between and within experts, and models against the experts' ceiling
///
/// Drawings are label movies, each EXPERT=FILE or FILE. Two drawings of one name are one expert, twice.
#[derive(Debug, clap::Args)]
pub(super) struct AgreementArgs {
    /// Masks of the first expert
    #[arg(long, value_name = "[EXPERT=]A.tif")]
    a: String,
    /// Masks of another one, or of the same one again; may be given again for further drawings
    #[arg(long, value_name = "[EXPERT=]B.tif")]
    b: Vec<String>,
    /// Masks of a model; may be given again
    #[arg(long, value_name = "[NAME=]M.tif")]
    model: Vec<String>,
    /// Pixels that could have been chosen, such as the window: an image, or a movie
    #[arg(long, value_name = "MASK")]
    mask: Option<PathBuf>,
    /// What frames belong to: CSV with frame, or start_frame and end_frame, and episode_id or subject
    #[arg(long, value_name = "CSV")]
    groups: Option<PathBuf>,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    kept: Kept,
}

/// A drawing, named after its file if it was given no name.
fn drawing(text: &str) -> Drawing {
    if let Some((observer, path)) = text.split_once('=') {
        return Drawing { observer: observer.to_owned(), path: path.into() };
    }
    let path = PathBuf::from(text);
    let observer = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Drawing { observer, path }
}

pub(super) fn agreement(args: &AgreementArgs) -> anyhow::Result<()> {
    let request = AgreementRequest {
        experts: std::iter::once(&args.a).chain(&args.b).map(|text| drawing(text)).collect(),
        models: args.model.iter().map(|text| drawing(text)).collect(),
        mask: args.mask.clone(),
        groups: args.groups.clone(),
        seed: args.seed,
    };
    let report = sparkwave::evaluate::agreement::agreement(&request, &Terminal::new(true))?;
    if let Some(out) = &args.kept.out {
        report.write(&request, out, args.kept.existing.existing())?;
    }
    if args.kept.json {
        output::json(&serde_json::json!({
            "agreement": rows_to_json(&report.table()), "models": rows_to_json(&report.standing_table()),
        }));
        return Ok(());
    }
    for rating in &report.ratings {
        output::line(&format!(
            "{} and {} ({}): kappa {}, Dice {} (mean of {} frames)",
            rating.first,
            rating.second,
            rating.kind.name(),
            words(rating.kappa),
            words(rating.dice),
            rating.n_images
        ));
    }
    report.standings.iter().for_each(|standing| output::line(&standing.sentence()));
    let within = if report.has_mask { "within the mask" } else { "over the whole image; give --mask" };
    output::line(&format!("kappa {within}; intervals over {}s", report.drawn_over.name()));
    Ok(())
}

/// Score tracks: J, F and J&F of each object, and the errors of onset, duration, area and speed
///
/// Label movies are stacks, folders of frames, or folders of runs, whose waves.csv then tells times and speeds.
#[derive(Debug, clap::Args)]
pub(super) struct TrackingArgs {
    /// True masks
    #[arg(long, value_name = "TRUTH")]
    truth: PathBuf,
    /// Predicted masks
    #[arg(long, value_name = "PRED")]
    pred: PathBuf,
    /// Table of true waves [default: waves.csv in the folder of --truth]
    #[arg(long, value_name = "CSV")]
    truth_waves: Option<PathBuf>,
    /// Table of predicted waves [default: waves.csv in the folder of --pred]
    #[arg(long, value_name = "CSV")]
    pred_waves: Option<PathBuf>,
    /// How objects find their counterparts
    #[arg(long, value_enum, default_value_t = MatchName::Overlap)]
    matching: MatchName,
    /// Which frames count
    #[arg(long, value_enum, default_value_t = FramesName::Alive)]
    frames: FramesName,
    /// Pixel size over that of the files, um
    #[arg(long, value_name = "UM")]
    pixel_size_um: Option<f64>,
    /// Time between frames over that of the files, s
    #[arg(long, value_name = "S")]
    frame_interval_s: Option<f64>,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MatchName {
    /// Those that share most pixels
    Overlap,
    /// Those of one label
    Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FramesName {
    /// Those in which either object has a pixel
    Alive,
    /// All, those without either as 1
    All,
}

pub(super) fn tracking(args: &TrackingArgs) -> anyhow::Result<()> {
    let request = TrackingRequest {
        truth: args.truth.clone(),
        pred: args.pred.clone(),
        truth_waves: args.truth_waves.clone(),
        pred_waves: args.pred_waves.clone(),
        same_labels: args.matching == MatchName::Label,
        frames: match args.frames {
            FramesName::Alive => Frames::Alive,
            FramesName::All => Frames::All,
        },
        pixel_size_um: args.pixel_size_um,
        frame_interval_s: args.frame_interval_s,
        seed: args.seed,
    };
    let report = sparkwave::evaluate::tracking::tracking(&request, &Terminal::new(true))?;
    if let Some(out) = &args.kept.out {
        report.write(&request, out, args.kept.existing.existing())?;
    }
    if args.kept.json {
        output::json(&serde_json::json!({
            "objects": rows_to_json(&report.table()), "scores": rows_to_json(&report.summary_table()),
            "n_unmatched": report.n_unmatched, "rule": report.rule(),
        }));
        return Ok(());
    }
    for track in &report.tracks {
        let found = track.found.map_or_else(|| "missed".to_owned(), |id| format!("found as {id}"));
        let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |v| format!("{v:.3}"));
        let (j, f) = (track.j().map(|j| j.mean), track.f().map(|f| f.mean));
        let scores = format!("J {}, F {}, J&F {}", number(j), number(f), number(track.j_and_f()));
        output::line(&format!("object {} ({found}): {scores}", track.truth));
    }
    output::line(&format!("mean J {}, F {}, J&F {}", words(report.j), words(report.f), words(report.j_and_f)));
    for quantity in &report.quantities {
        let source = if quantity.is_from_table { "tables" } else { "masks" };
        let (bias, absolute) = (words(quantity.bias), words(quantity.absolute));
        output::line(&format!("{}: bias {bias}, absolute error {absolute} (from {source})", quantity.name));
    }
    output::line(&format!("{} predicted without counterpart; {}", report.n_unmatched, report.rule()));
    Ok(())
}
