//! Objects followed through a movie against their true course.

use super::label_movie::LabelMovie;
use super::{count, push_estimates};
use crate::error::Error;
use crate::run_folder::Existing;
use serde::Serialize;
use sparkwave_analysis::evaluate::overlap::Overlap;
use sparkwave_analysis::evaluate::tracking::{Course, Frames, Path as Way, Track, Tracks};
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Curve, CurvePanel, curves};
use sparkwave_analysis::statistics::bootstrap::{Estimate, Resampling};
use sparkwave_analysis::statistics::cluster;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Square micrometres in a square millimetre.
const UM2_PER_MM2: f64 = 1e6;
/// Tracks that are drawn, the first ones.
const MOST_DRAWN: usize = 12;

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackingRequest {
    /// True labels: a stack, a folder of frames, or the folder of a run, whose `waves.csv` then tells speeds and times.
    pub truth: PathBuf,
    /// Predicted labels, likewise.
    pub pred: PathBuf,
    /// A table of true waves (`waves.csv`), over that of the folder.
    pub truth_waves: Option<PathBuf>,
    /// A table of predicted waves, likewise.
    pub pred_waves: Option<PathBuf>,
    /// Objects of one label belong together; otherwise those that share most.
    pub same_labels: bool,
    /// Which frames count.
    pub frames: Frames,
    /// Pixel size over that of the files, um.
    pub pixel_size_um: Option<f64>,
    /// Time between frames over that of the files, s.
    pub frame_interval_s: Option<f64>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// A quantity that users conclude from, as it is and as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// As it is.
    pub truth: Option<f64>,
    /// As it was found.
    pub found: Option<f64>,
}

impl Compared {
    /// Found less true.
    pub fn error(&self) -> Option<f64> {
        Some(self.found? - self.truth?)
    }
}

/// A quantity with its unit, of all objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Its name with the unit, such as `onset_s`.
    pub name: String,
    /// Of every object, in the order of the tracks.
    pub of_tracks: Vec<Compared>,
    /// True if it comes from tables of waves, not from masks.
    pub is_from_table: bool,
    /// Mean of found less true over objects that have both.
    pub bias: Option<Estimate>,
    /// Mean of the absolute error.
    pub absolute: Option<Estimate>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct TrackingReport {
    /// True objects.
    pub tracks: Vec<Track>,
    /// Predicted objects that are nobody's counterpart.
    pub n_unmatched: usize,
    /// Mean over objects of their mean J, missed ones as 0.
    pub j: Option<Estimate>,
    /// Mean over objects of their mean F.
    pub f: Option<Estimate>,
    /// Mean of both.
    pub j_and_f: Option<Estimate>,
    /// What users conclude from tracks.
    pub quantities: Vec<Quantity>,
    rule: String,
}

/// Scores tracks against true ones.
///
/// # Errors
/// If a file cannot be read, movies differ in extent, or a table has no `wave_id`.
pub fn tracking(request: &TrackingRequest, progress: &dyn Progress) -> Result<TrackingReport, Error> {
    crate::calibrate::check(request.pixel_size_um, request.frame_interval_s)?;
    let truth = LabelMovie::open(&request.truth)?;
    let pred = LabelMovie::open_like(&request.pred, &truth)?;
    let fail = |source| Error::Evaluate { path: pred.path().to_path_buf(), source };
    let n_frames = truth.shape().n_frames;
    progress.begin("objects", n_frames as u64);
    let mut overlap = Overlap::default();
    for frame in 0..n_frames {
        overlap.add(&Overlap::of(truth.frame(frame)?.view(), pred.frame(frame)?.view()).map_err(fail)?);
        super::segmentation::advance(progress)?;
    }
    let matches = if request.same_labels { overlap.same_labels() } else { overlap.matches() };
    progress.begin("frames", n_frames as u64);
    let mut tracks = Tracks::new(&matches, request.frames);
    for frame in 0..n_frames {
        tracks.add(frame, truth.frame(frame)?.view(), pred.frame(frame)?.view()).map_err(fail)?;
        super::segmentation::advance(progress)?;
    }
    let tracks = tracks.finish();
    let resampling = Resampling { seed: request.seed, ..Resampling::default() };
    let mean = |of: &dyn Fn(&Track) -> Option<f64>| mean_of(tracks.iter().filter_map(of), &resampling);
    let (j, f) = (mean(&|t| Some(t.j()?.mean)), mean(&|t| Some(t.f()?.mean)));
    let j_and_f = mean(&Track::j_and_f);
    let n_matched = matches.iter().filter(|m| m.found.is_some()).count();
    let pixel_um = pred.pixel_um(request.pixel_size_um).or_else(|| truth.pixel_um(None));
    let interval_s = pred.interval_s(request.frame_interval_s).or_else(|| truth.interval_s(None));
    let tables = [waves(&request.truth_waves, &request.truth)?, waves(&request.pred_waves, &request.pred)?];
    let quantities = quantities(&tracks, &tables, pixel_um, interval_s, &resampling);
    let rule = format!(
        "objects matched by {}; {}; contours agree within 0.8 % of the diagonal",
        if request.same_labels { "label" } else { "largest overlap" },
        match request.frames {
            Frames::Alive => "frames in which either has a pixel",
            Frames::All => "all frames, empty ones as 1",
        }
    );
    Ok(TrackingReport { n_unmatched: overlap.found().len() - n_matched, tracks, j, f, j_and_f, quantities, rule })
}

/// The mean with its interval over objects.
pub(super) fn mean_of(values: impl Iterator<Item = f64>, resampling: &Resampling) -> Option<Estimate> {
    let clusters: Vec<Vec<f64>> = values.map(|v| vec![v]).collect();
    let mean = |groups: &[Vec<f64>]| {
        let values = groups.first()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    cluster::bootstrap(&[clusters], mean, resampling)
}

/// The named columns of a table of waves, by the id of the wave.
type Waves = BTreeMap<u32, BTreeMap<String, f64>>;

fn waves(stated: &Option<PathBuf>, of_run: &Path) -> Result<Option<Waves>, Error> {
    let beside = of_run.join("waves.csv");
    let path = match stated {
        Some(path) => path,
        None if beside.is_file() => &beside,
        None => return Ok(None),
    };
    let table = sparkwave_io::csv::read_table(path)?;
    let ids = table.column("wave_id").ok_or_else(|| Error::Config {
        path: path.clone(),
        message: "expected a column wave_id, found none".to_owned(),
    })?;
    let numbers = |row: usize| {
        let cells = table.columns().iter().filter_map(|c| Some((c.name.clone(), c.values[row].as_f64()?)));
        cells.collect::<BTreeMap<String, f64>>()
    };
    let known = ids.iter().enumerate().filter_map(|(row, id)| Some((id.as_f64()? as u32, numbers(row))));
    Ok(Some(known.collect()))
}

/// Onset, duration, area and speed: from tables of waves where both have the column, else from masks.
fn quantities(
    tracks: &[Track],
    tables: &[Option<Waves>; 2],
    pixel_um: Option<[f64; 2]>,
    interval_s: Option<f64>,
    resampling: &Resampling,
) -> Vec<Quantity> {
    let from_tables = |column: &str| -> Option<Vec<Compared>> {
        let [Some(truth), Some(found)] = tables else { return None };
        let has = |waves: &Waves| waves.values().any(|wave| wave.contains_key(column));
        let cell = |waves: &Waves, id: u32| waves.get(&id)?.get(column).copied();
        let compared =
            |t: &Track| Compared { truth: cell(truth, t.truth), found: t.found.and_then(|id| cell(found, id)) };
        (has(truth) && has(found)).then(|| tracks.iter().map(compared).collect())
    };
    let from_masks = |of: &dyn Fn(&Way) -> Option<f64>| -> Vec<Compared> {
        tracks.iter().map(|t| Compared { truth: of(&t.true_path), found: of(&t.found_path) }).collect()
    };
    let (time, time_unit) = interval_s.map_or((1.0, "frame"), |s| (s, "s"));
    let (area, area_unit) = pixel_um.map_or((1.0, "px"), |um| (um[0] * um[1] / UM2_PER_MM2, "mm2"));
    let measured: [(&str, String, Vec<Compared>); 4] = [
        ("start_s", format!("onset_{time_unit}"), from_masks(&|p| Some(p.onset()? as f64 * time))),
        ("duration_s", format!("duration_{time_unit}"), from_masks(&|p| Some(p.n_spanned()? as f64 * time))),
        ("max_area_mm2", format!("max_area_{area_unit}"), from_masks(&|p| Some(p.max_area()? as f64 * area))),
        ("speed_mm_min", speed_name(pixel_um, interval_s), from_masks(&|p| speed(p, pixel_um, interval_s))),
    ];
    let quantity = |(column, name, of_masks): (&str, String, Vec<Compared>)| {
        let of_table = from_tables(column);
        let is_from_table = of_table.is_some();
        let of_tracks = of_table.unwrap_or(of_masks);
        let errors = || of_tracks.iter().filter_map(Compared::error);
        let (bias, absolute) = (mean_of(errors(), resampling), mean_of(errors().map(f64::abs), resampling));
        let name = match column {
            "start_s" if is_from_table => "onset_s".to_owned(),
            _ if is_from_table => column.to_owned(),
            _ => name,
        };
        Quantity { name, of_tracks, is_from_table, bias, absolute }
    };
    measured.into_iter().map(quantity).collect()
}

fn speed_name(pixel_um: Option<[f64; 2]>, interval_s: Option<f64>) -> String {
    if pixel_um.is_some() && interval_s.is_some() { "centroid_speed_mm_min" } else { "centroid_speed_px_frame" }
        .to_owned()
}

fn speed(path: &Way, pixel_um: Option<[f64; 2]>, interval_s: Option<f64>) -> Option<f64> {
    match (pixel_um, interval_s) {
        (Some(um), Some(s)) => Some(path.centroid_speed(um)? / 1e3 / s * 60.0),
        _ => path.centroid_speed([1.0, 1.0]),
    }
}

impl TrackingReport {
    /// How the scores are to be read.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// A row for each true object.
    pub fn table(&self) -> Table {
        let tracks = &self.tracks;
        let mut table = Table::new();
        table.push("object_id", tracks.iter().map(|t| count(t.truth)).collect());
        table.push("found_id", tracks.iter().map(|t| t.found.map_or(Value::Empty, count)).collect());
        table.push("n_frames", tracks.iter().map(|t| count(t.frames.len())).collect());
        let mut column = |name: &str, of: &dyn Fn(&Track) -> Option<f64>| {
            table.push(name, tracks.iter().map(|t| Value::maybe(of(t))).collect());
        };
        column("j_and_f", &Track::j_and_f);
        let parts = [("mean", (|c| c.mean) as fn(Course) -> f64), ("recall", |c| c.recall), ("decay", |c| c.decay)];
        for (name, of) in parts {
            column(&format!("j_{name}"), &|t| t.j().map(of));
        }
        for (name, of) in parts {
            column(&format!("f_{name}"), &|t| t.f().map(of));
        }
        column("area_error", &Track::area_error);
        for quantity in &self.quantities {
            let mut cells = |suffix: &str, of: &dyn Fn(&Compared) -> Option<f64>| {
                let values = quantity.of_tracks.iter().map(|c| Value::maybe(of(c))).collect();
                table.push(format!("{}_{suffix}", quantity.name), values);
            };
            cells("truth", &|c| c.truth);
            cells("found", &|c| c.found);
        }
        table
    }

    /// A row for each score and each quantity over all objects, with intervals over objects.
    pub fn summary_table(&self) -> Table {
        let mut rows: Vec<(String, Option<Estimate>)> =
            vec![("j_and_f".to_owned(), self.j_and_f), ("j".to_owned(), self.j), ("f".to_owned(), self.f)];
        for quantity in &self.quantities {
            rows.push((format!("{}_bias", quantity.name), quantity.bias));
            rows.push((format!("{}_absolute_error", quantity.name), quantity.absolute));
        }
        let mut table = Table::new();
        table.push("score", rows.iter().map(|r| Value::Text(r.0.clone())).collect());
        push_estimates(&mut table, "value", &rows.iter().map(|r| r.1).collect::<Vec<_>>());
        table
    }

    /// A row for each frame of each object.
    pub fn frame_table(&self) -> Table {
        let rows = || self.tracks.iter().flat_map(|t| t.frames.iter().map(move |f| (t, f)));
        let pixels = |path: &Way, frame: usize| count(path.frames.get(&frame).map_or(0, |(n, _)| *n));
        let mut table = Table::new();
        table.push("object_id", rows().map(|(t, _)| count(t.truth)).collect());
        table.push("frame", rows().map(|(_, f)| count(f.frame)).collect());
        table.push("j", rows().map(|(_, f)| Value::float(f.j)).collect());
        table.push("f", rows().map(|(_, f)| Value::float(f.f)).collect());
        table.push("area_truth_px", rows().map(|(t, f)| pixels(&t.true_path, f.frame)).collect());
        table.push("area_found_px", rows().map(|(t, f)| pixels(&t.found_path, f.frame)).collect());
        table
    }

    /// J and F over frames, a panel for each of the first objects.
    pub fn figure(&self) -> Figure {
        let curve = |track: &Track, name: &str, of: &dyn Fn(usize) -> f64| Curve {
            name: name.to_owned(),
            points: track.frames.iter().enumerate().map(|(i, f)| (f.frame as f64, of(i), None)).collect(),
        };
        let panel = |track: &Track| CurvePanel {
            title: track.found.map_or_else(
                || format!("object {}: missed", track.truth),
                |found| format!("object {} (found as {found})", track.truth),
            ),
            x_title: "Frame".to_owned(),
            y_title: "Score".to_owned(),
            y_range: Some((0.0, 1.02)),
            curves: vec![curve(track, "J", &|i| track.frames[i].j), curve(track, "F", &|i| track.frames[i].f)],
            marked: None,
        };
        let panels: Vec<CurvePanel> = self.tracks.iter().take(MOST_DRAWN).map(panel).collect();
        let left_out = self.tracks.len() - panels.len();
        let more = if left_out > 0 { format!(" {left_out} more are in the tables.") } else { String::new() };
        let caption = format!("Region (J) and contour (F) scores of every object: {}.{more}", self.rule);
        curves("tracking", &panels, caption)
    }

    /// Writes `objects.csv`, `scores.csv`, `frames.csv` and the figure.
    ///
    /// # Errors
    /// If the folder is not free, or a file cannot be written.
    pub fn write(&self, request: &TrackingRequest, out: &Path, existing: Existing) -> Result<(), Error> {
        let tables = [("objects", self.table()), ("scores", self.summary_table()), ("frames", self.frame_table())];
        super::write(out, existing, request, &tables, &[self.figure()])
    }
}
