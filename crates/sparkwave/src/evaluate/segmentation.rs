//! Label movies against true ones.

use super::groups::Groups;
use super::label_movie::LabelMovie;
use super::{count, push_estimates};
use crate::error::Error;
use crate::run_folder::Existing;
use serde::Serialize;
use sparkwave_analysis::evaluate::overlap::{Overlap, Panoptic};
use sparkwave_analysis::evaluate::segmentation::{
    BothEmpty, FrameScore, MaskScore, ObjectScore, Objects, SegmentationParams, Summary, score_frame, summarize,
};
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Sample, ScoreAxis, samples};
use sparkwave_analysis::statistics::bootstrap::Resampling;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};

pub use super::groups::Unit;

/// Outlines at most so many pixels apart agree if nothing else is said.
pub const TOLERANCE_PX: f64 = 2.0;

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentationRequest {
    /// True labels: a stack, a folder of frames, or the folder of a run.
    pub truth: PathBuf,
    /// Predicted labels, likewise.
    pub pred: PathBuf,
    /// A table that says of which episode, level, expert and subject frames are.
    pub groups: Option<PathBuf>,
    /// Outlines at most this far apart agree, um; needs a pixel size.
    pub tolerance_um: Option<f64>,
    /// Outlines at most this far apart agree, px, over the other one.
    pub tolerance_px: Option<f64>,
    /// Pixel size over that of the files, um.
    pub pixel_size_um: Option<f64>,
    /// What frames count in which neither has a pixel.
    pub both_empty: BothEmpty,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Scores of one part of the movie.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `all`, `level` or `expert`.
    pub by: &'static str,
    /// Which level or expert; empty for all.
    pub name: String,
    /// Frames: all that is inside any object.
    pub frames: Summary,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct SegmentationReport {
    /// `um` or `px`: the unit of distances.
    pub unit: &'static str,
    /// Outlines at most this far apart agree.
    pub tolerance: f64,
    /// What intervals are drawn over.
    pub drawn_over: Unit,
    /// What empty frames count.
    pub both_empty: BothEmpty,
    /// Frames, all of them and by level and expert.
    pub parts: Vec<Part>,
    /// True objects, each over the whole movie.
    pub objects: Summary,
    /// Objects of the whole movie by the panoptic rule.
    pub panoptic: Panoptic,
    /// Objects of single frames by the panoptic rule, all frames together.
    pub panoptic_of_frames: Panoptic,
    frames: Vec<FrameScore>,
    of_objects: Vec<ObjectScore>,
    groups: Groups,
}

/// Scores labels against true labels.
///
/// # Errors
/// If a file cannot be read, the movies differ in extent, or a tolerance has no calibration.
pub fn segmentation(request: &SegmentationRequest, progress: &dyn Progress) -> Result<SegmentationReport, Error> {
    crate::calibrate::check(request.pixel_size_um, None)?;
    let truth = LabelMovie::open(&request.truth)?;
    let pred = LabelMovie::open_like(&request.pred, &truth)?;
    let groups = request.groups.as_deref().map(Groups::read).transpose()?.unwrap_or_default();
    let pixel_um = pred.pixel_um(request.pixel_size_um).or_else(|| truth.pixel_um(None));
    let (params, unit) = params(request, pixel_um)?;
    let fail = |source| Error::Evaluate { path: pred.path().to_path_buf(), source };

    let n_frames = truth.shape().n_frames;
    progress.begin("frames", n_frames as u64);
    let (mut overlap, mut frames) = (Overlap::default(), Vec::with_capacity(n_frames));
    let mut panoptic_of_frames = Panoptic::default();
    for frame in 0..n_frames {
        let (a, b) = (truth.frame(frame)?, pred.frame(frame)?);
        overlap.add(&Overlap::of(a.view(), b.view()).map_err(fail)?);
        let score = score_frame(frame, a.view(), b.view(), &params).map_err(fail)?;
        panoptic_of_frames += score.panoptic;
        frames.push(score);
        advance(progress)?;
    }
    progress.begin("objects", n_frames as u64);
    let mut objects = Objects::new(&overlap.matches(), &params);
    for frame in 0..n_frames {
        objects.add(frame, truth.frame(frame)?.view(), pred.frame(frame)?.view()).map_err(fail)?;
        advance(progress)?;
    }
    let of_objects = objects.finish();

    let drawn_over = groups.unit();
    let resampling = Resampling { seed: request.seed, ..Resampling::default() };
    let names: Vec<String> = frames.iter().map(|f| groups.name(drawn_over, f.frame)).collect();
    let summary = |is_in: &dyn Fn(usize) -> bool| {
        let scores: Vec<(&str, &MaskScore)> = (0..n_frames)
            .filter(|frame| is_in(*frame))
            .map(|frame| (names[frame].as_str(), &frames[frame].foreground))
            .collect();
        summarize(&scores, request.both_empty, &resampling)
    };
    let mut parts = vec![Part { by: "all", name: String::new(), frames: summary(&|_| true) }];
    for (by, of) in [("level", level as fn(&Groups, usize) -> Option<String>), ("expert", expert)] {
        let mut known: Vec<String> = (0..n_frames).filter_map(|frame| of(&groups, frame)).collect();
        known.sort();
        known.dedup();
        for name in known {
            let frames = summary(&|frame| of(&groups, frame).as_ref() == Some(&name));
            parts.push(Part { by, name, frames });
        }
    }
    // An object belongs to the unit in which it begins; where units are frames, objects are units of their own.
    let owners: Vec<String> = of_objects
        .iter()
        .map(|o| if drawn_over == Unit::Frame { o.truth.to_string() } else { groups.name(drawn_over, o.first_frame) })
        .collect();
    let scores: Vec<(&str, &MaskScore)> = owners.iter().zip(&of_objects).map(|(n, o)| (n.as_str(), &o.score)).collect();
    Ok(SegmentationReport {
        unit,
        tolerance: params.tolerance,
        drawn_over,
        both_empty: request.both_empty,
        parts,
        objects: summarize(&scores, request.both_empty, &resampling),
        panoptic: overlap.panoptic(),
        panoptic_of_frames,
        frames,
        of_objects,
        groups,
    })
}

fn level(groups: &Groups, frame: usize) -> Option<String> {
    groups.of(frame)?.level.clone()
}

fn expert(groups: &Groups, frame: usize) -> Option<String> {
    groups.of(frame)?.expert.clone()
}

pub(super) fn advance(progress: &dyn Progress) -> Result<(), Error> {
    progress.advance(1);
    if progress.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

fn params(
    request: &SegmentationRequest,
    pixel_um: Option<[f64; 2]>,
) -> Result<(SegmentationParams, &'static str), Error> {
    let both_empty = request.both_empty;
    for (name, tolerance) in [("--tolerance-um", request.tolerance_um), ("--tolerance-px", request.tolerance_px)] {
        if let Some(found) = tolerance.filter(|t| !(t.is_finite() && *t >= 0.0)) {
            let expected = "a finite number not below zero";
            return Err(Error::Parameter { name, expected, found: found.to_string() });
        }
    }
    match (request.tolerance_px, pixel_um, request.tolerance_um) {
        (None, None, Some(_)) => Err(Error::Parameter {
            name: "--tolerance-um",
            expected: "a pixel size with it (--pixel-size-um)",
            found: "none".to_owned(),
        }),
        (px, Some(pixel), um) => {
            let of_pixels = |px: f64| px * (pixel[0] * pixel[1]).sqrt();
            let tolerance = px.map(of_pixels).or(um).unwrap_or_else(|| of_pixels(TOLERANCE_PX));
            Ok((SegmentationParams { pixel, tolerance, both_empty }, "um"))
        }
        (px, None, _) => {
            let tolerance = px.unwrap_or(TOLERANCE_PX);
            Ok((SegmentationParams { pixel: [1.0, 1.0], tolerance, both_empty }, "px"))
        }
    }
}

impl SegmentationReport {
    /// A row for each part, for objects and for both ways to count panoptically.
    pub fn table(&self) -> Table {
        let frames = self.parts.iter().map(|part| (format!("frames {}", part.by), part.name.clone(), &part.frames));
        let rows: Vec<(String, String, &Summary)> =
            frames.chain(std::iter::once(("objects".to_owned(), String::new(), &self.objects))).collect();
        let mut table = Table::new();
        table.push("scores_of", rows.iter().map(|r| Value::Text(r.0.trim_end_matches(" all").to_owned())).collect());
        let name = |name: &String| if name.is_empty() { Value::Empty } else { Value::Text(name.clone()) };
        table.push("part", rows.iter().map(|r| name(&r.1)).collect());
        table.push("n", rows.iter().map(|r| count(r.2.n)).collect());
        table.push("n_both_empty", rows.iter().map(|r| count(r.2.n_both_empty)).collect());
        table.push(format!("n_{}s", self.drawn_over.name()), rows.iter().map(|r| count(r.2.n_clusters)).collect());
        let mut estimate = |name: &str, of: &dyn Fn(&Summary) -> Option<super::Estimate>| {
            push_estimates(&mut table, name, &rows.iter().map(|r| of(r.2)).collect::<Vec<_>>());
        };
        estimate("dice", &|s| s.dice);
        estimate("iou", &|s| s.iou);
        estimate("boundary_f", &|s| s.boundary_f);
        estimate("pooled_dice", &|s| s.pooled_dice);
        estimate("pooled_iou", &|s| s.pooled_iou);
        estimate("pooled_boundary_f", &|s| s.pooled_boundary_f);
        estimate(&format!("surface_mean_{}", self.unit), &|s| s.surface_mean);
        table.push(format!("surface_p95_{}", self.unit), rows.iter().map(|r| Value::maybe(r.2.surface_p95)).collect());
        table.push(format!("surface_max_{}", self.unit), rows.iter().map(|r| Value::maybe(r.2.surface_max)).collect());
        table
    }

    /// A row for the objects of the movie, and one for those of single frames.
    pub fn panoptic_table(&self) -> Table {
        let rows = [("movie", self.panoptic), ("frames", self.panoptic_of_frames)];
        let mut table = Table::new();
        table.push("objects_of", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
        table.push("tp", rows.iter().map(|r| count(r.1.tp)).collect());
        table.push("fp", rows.iter().map(|r| count(r.1.fp)).collect());
        table.push("fn", rows.iter().map(|r| count(r.1.fn_)).collect());
        table.push("segmentation_quality", rows.iter().map(|r| Value::maybe(r.1.sq())).collect());
        table.push("recognition_quality", rows.iter().map(|r| Value::maybe(r.1.rq())).collect());
        table.push("panoptic_quality", rows.iter().map(|r| Value::maybe(r.1.pq())).collect());
        table
    }

    /// A row for each frame.
    pub fn frame_table(&self) -> Table {
        let mut table = Table::new();
        table.push("frame", self.frames.iter().map(|f| count(f.frame)).collect());
        let word = |of: &dyn Fn(&super::groups::Group) -> Option<String>| {
            let cell = |f: &FrameScore| self.groups.of(f.frame).and_then(of).map_or(Value::Empty, Value::Text);
            self.frames.iter().map(cell).collect::<Vec<_>>()
        };
        table.push("episode", word(&|g| g.episode.clone()));
        table.push("level", word(&|g| g.level.clone()));
        table.push("expert", word(&|g| g.expert.clone()));
        table.push("subject", word(&|g| g.subject.clone()));
        self.push_scores(&mut table, &self.frames.iter().map(|f| &f.foreground).collect::<Vec<_>>());
        table.push("panoptic_quality", self.frames.iter().map(|f| Value::maybe(f.panoptic.pq())).collect());
        table
    }

    /// A row for each true object.
    pub fn object_table(&self) -> Table {
        let objects = &self.of_objects;
        let mut table = Table::new();
        table.push("object_id", objects.iter().map(|o| count(o.truth)).collect());
        table.push("found_id", objects.iter().map(|o| o.found.map_or(Value::Empty, count)).collect());
        table.push("first_frame", objects.iter().map(|o| count(o.first_frame)).collect());
        table.push("n_frames", objects.iter().map(|o| count(o.n_frames)).collect());
        self.push_scores(&mut table, &objects.iter().map(|o| &o.score).collect::<Vec<_>>());
        table
    }

    fn push_scores(&self, table: &mut Table, scores: &[&MaskScore]) {
        let mut column = |name: &str, of: &dyn Fn(&MaskScore) -> Value| {
            table.push(name, scores.iter().map(|s| of(s)).collect());
        };
        column("n_truth_px", &|s| count(s.agreement.both + s.agreement.first_only));
        column("n_found_px", &|s| count(s.agreement.both + s.agreement.second_only));
        column("n_shared_px", &|s| count(s.agreement.both));
        column("dice", &|s| Value::maybe(s.agreement.dice()));
        column("iou", &|s| Value::maybe(s.agreement.iou()));
        column("boundary_f", &|s| Value::maybe(s.near.f()));
        column(&format!("surface_mean_{}", self.unit), &|s| Value::maybe(s.distances.mean()));
        column(&format!("surface_p95_{}", self.unit), &|s| Value::maybe(s.distances.quantile(0.95)));
        column(&format!("surface_max_{}", self.unit), &|s| Value::maybe(s.distances.max()));
    }

    /// How the scores are to be read.
    pub fn rule(&self) -> String {
        let empty = match self.both_empty {
            BothEmpty::LeftOut => "frames that are empty in both are left out",
            BothEmpty::Perfect => "frames that are empty in both count 1",
        };
        format!(
            "outlines agree within {:.4} {}; {empty}; objects matched by largest overlap; intervals over {}s",
            self.tolerance,
            self.unit,
            self.drawn_over.name()
        )
    }

    /// Dice of frames, by level and expert where these are known, and of objects.
    pub fn figure(&self) -> Figure {
        let dice = |is_in: &dyn Fn(usize) -> bool| -> Vec<f64> {
            let frames = self.frames.iter().filter(|f| is_in(f.frame));
            frames.filter_map(|f| f.foreground.agreement.dice()).collect()
        };
        let mut shown = vec![Sample { name: "frames".to_owned(), values: dice(&|_| true) }];
        for part in &self.parts[1..] {
            let of = if part.by == "level" { level } else { expert };
            let values = dice(&|frame| of(&self.groups, frame).as_ref() == Some(&part.name));
            shown.push(Sample { name: part.name.clone(), values });
        }
        let objects = self.of_objects.iter().filter_map(|o| o.score.agreement.dice()).collect();
        shown.push(Sample { name: "objects".to_owned(), values: objects });
        let axis = ScoreAxis { title: "Dice", range: Some((0.0, 1.0)) };
        let caption = format!("Dice of the prediction: {}. Bars are medians and quartiles.", self.rule());
        samples("segmentation_dice", &shown, &axis, &[], &[], caption)
    }

    /// Writes `scores.csv`, `panoptic.csv`, `frames.csv`, `objects.csv` and the figure.
    ///
    /// # Errors
    /// If the folder is not free, or a file cannot be written.
    pub fn write(&self, request: &SegmentationRequest, out: &Path, existing: Existing) -> Result<(), Error> {
        let tables = [
            ("scores", self.table()),
            ("panoptic", self.panoptic_table()),
            ("frames", self.frame_table()),
            ("objects", self.object_table()),
        ];
        super::write(out, existing, request, &tables, &[self.figure()])
    }
}
