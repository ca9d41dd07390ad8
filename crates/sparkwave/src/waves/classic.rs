//! The analyses that the field did before it followed waves: averages over trials, and components of a recording.

use super::config::registration;
use super::seconds::{self, Seconds};
use crate::error::Error;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::{Existing, RunFolder, config_text};
use crate::stage_clock::StageClock;
use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};
use sparkwave_analysis::figure::waves::{ColorMap, rate_colors, symmetric_limit};
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::{FrameTimes, Recording, Sourced};
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Seconds as Duration;
use sparkwave_imgproc::classic::components::independent::{FastIcaParams, independent};
use sparkwave_imgproc::classic::components::principal::principal;
use sparkwave_imgproc::classic::trials::{Reason, TrialParams, average};
use sparkwave_imgproc::register::{Drift, estimate_drift};
use sparkwave_imgproc::waves::cells::enlarge;
use sparkwave_imgproc::waves::light::{common_change, remove};
use sparkwave_imgproc::waves::reflectance::survey;
use sparkwave_imgproc::waves::{WaveParams, sampling};
use sparkwave_io::{MovieWriter, WriteOptions};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The recording of a classic analysis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassicInput {
    /// The raw recording.
    pub path: PathBuf,
    /// Edge of a pixel over that of the file, µm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_size_um: Option<f64>,
    /// Time between frames over that of the file, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_interval_s: Option<f64>,
    /// Length of the time bins that frames are averaged over, s.
    pub bin_s: f64,
}

/// Which components are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Uncorrelated ones that explain most of the variance.
    Pca,
    /// Independent ones in space, by FastICA on the principal ones.
    Ica,
}

/// What `waves components` depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentsConfig {
    /// The recording.
    pub input: ClassicInput,
    /// Which components.
    pub method: Method,
    /// How many.
    pub n: usize,
    /// Seed of the first guess of ICA.
    pub seed: u64,
}

/// What `waves average` depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialsConfig {
    /// The recording.
    pub input: ClassicInput,
    /// A table with a column `onset_s`, s since the first frame.
    pub onsets: PathBuf,
    /// The windows of a trial.
    pub windows: TrialParams,
}

/// The recording as means over time bins, and where the content of each lies.
struct Prepared {
    averaged: Seconds,
    seconds: Box<dyn FrameSource>,
    drift: Drift,
}

fn prepare(input: &ClassicInput, folder: &RunFolder, clock: &StageClock<'_>) -> Result<Prepared, Error> {
    let raw = sparkwave_io::open(&input.path)?;
    let raw = crate::calibrate::calibrate(raw, input.pixel_size_um, input.frame_interval_s)?;
    raw.recording().warnings.iter().for_each(|w| clock.warn(w));
    let averaged = seconds::average(raw.as_ref(), input.bin_s, folder, clock)?;
    let pixel_size = raw.recording().pixel_size.clone();
    let seconds = crate::calibrate::with_recording(averaged.open()?, |r| r.pixel_size = pixel_size);
    let sampling = sampling(seconds.recording(), averaged.grid.bin_s);
    let drift = estimate_drift(seconds.as_ref(), &registration(), sampling, clock)?;
    Ok(Prepared { averaged, seconds, drift })
}

/// Runs one analysis in a run folder and writes its record.
fn record(
    command: &str,
    (input, seed): (&ClassicInput, u64),
    config: &impl Serialize,
    (out, existing): (&Path, Existing),
    (threads, progress): (Option<usize>, &dyn Progress),
    analyse: impl FnOnce(&RunFolder, &StageClock<'_>) -> Result<serde_json::Value, Error> + Send,
) -> Result<RunRecord, Error> {
    let text = config_text(config)?;
    crate::pool(threads)?.install(|| {
        let started = Instant::now();
        let clock = StageClock::new(progress);
        let folder = RunFolder::open(out, existing, &text)?;
        let mut record = RunRecord::new(command, seed, rayon::current_num_threads());
        let summary = analyse(&folder, &clock)?;
        record.inputs.push(input_record(&input.path, &|| clock.is_cancelled())?);
        record.finish(started, &clock, summary, &folder)?;
        Ok(record)
    })
}

/// Decomposes a recording on a grid of some 0.16 mm. Writes `maps.tif` `[K, Y, X]` at the pixels of the image,
/// `maps/K.png`, `courses.csv` (one row a time bin) and `components.csv` (variance of each).
///
/// # Errors
/// If the recording cannot be read or has nothing to decompose, a parameter makes no sense, the folder is not free, a file
/// cannot be written, or the user cancels.
pub fn components(
    config: &ComponentsConfig,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<RunRecord, Error> {
    let input = &config.input;
    let place = (out, existing);
    record("waves components", (input, config.seed), config, place, (threads, progress), |folder, clock| {
        let prepared = prepare(input, folder, clock)?;
        let bin_s = prepared.averaged.grid.bin_s;
        let seconds = prepared.seconds.as_ref();
        let cell_px = sampling(seconds.recording(), bin_s).px(WaveParams::default().cell_um).round().max(1.0) as usize;
        let mut cells = survey(seconds, &prepared.drift, cell_px, clock)?.cells;
        let light = common_change(&cells, &cells.usable.clone(), |_, _, _| false);
        remove(&mut cells, &light);
        clock.begin("decompose", 1);
        let found = match config.method {
            Method::Pca => {
                principal(cells.values.view(), &cells.usable, config.n).map_err(sparkwave_imgproc::Error::from)?
            }
            Method::Ica => {
                let params = FastIcaParams { seed: config.seed, ..FastIcaParams::default() };
                let found = independent(cells.values.view(), &cells.usable, config.n, &params)
                    .map_err(sparkwave_imgproc::Error::from)?;
                if !found.converged {
                    clock.warn("the independent components had not settled when the search ended");
                }
                found.components
            }
        };
        clock.advance(1);
        let shape = seconds.shape();
        let maps: Vec<Array2<f32>> =
            found.maps.outer_iter().map(|map| enlarge(&map.to_owned(), cell_px, shape.height, shape.width)).collect();
        write_stack(folder, "maps.tif", &maps, seconds.recording(), None)?;
        folder.create_subfolder("maps")?;
        for (k, map) in maps.iter().enumerate() {
            let limit = symmetric_limit(map.iter().copied()).unwrap_or(1.0);
            let rgb = rate_colors(map, limit, ColorMap::Diverging, &map.mapv(f32::is_finite));
            sparkwave_io::png::write_rgb8(&folder.file(&format!("maps/{}.png", k + 1)), rgb.view())?;
        }
        let start_s = prepared.averaged.bins().first().map_or(0.0, |b| b.start_s);
        let mut courses = Table::new();
        let n_bins = found.courses.dim().1;
        courses.push("t_s", (0..n_bins).map(|i| Value::float(start_s + (i as f64 + 0.5) * bin_s)).collect());
        for (k, course) in found.courses.outer_iter().enumerate() {
            courses.push(format!("component_{}", k + 1), course.iter().map(|v| Value::float(*v)).collect());
        }
        folder.write_table("courses", &courses, false)?;
        let mut shares = Table::new();
        shares.push("component", (0..maps.len()).map(|k| Value::Int(k as i64 + 1)).collect());
        shares.push("variance", found.variances.iter().map(|v| Value::float(*v)).collect());
        shares.push("variance_fraction", found.variance_fractions.iter().map(|v| Value::float(*v)).collect());
        folder.write_table("components", &shares, false)?;
        Ok(serde_json::json!({ "n_components": maps.len(), "variance_fractions": found.variance_fractions }))
    })
}

/// Averages a recording around the onsets of trials. Writes `average.tif` and `sd.tif` `[L, Y, X]` (dR/R0 at each lag),
/// `lags.csv` and `excluded.csv`.
///
/// # Errors
/// If the recording or the onsets cannot be read, no trial is complete, the folder is not free, a file cannot be written,
/// or the user cancels.
pub fn average_trials(
    config: &TrialsConfig,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<RunRecord, Error> {
    let input = &config.input;
    let onsets = onsets(&config.onsets)?;
    record("waves average", (input, 0), config, (out, existing), (threads, progress), |folder, clock| {
        let prepared = prepare(input, folder, clock)?;
        let bin_s = prepared.averaged.grid.bin_s;
        let start_s = prepared.averaged.bins().first().map_or(0.0, |b| b.start_s);
        // The trials' clock starts with bin 0.
        let since_bin_0: Vec<f64> = onsets.iter().map(|t| t - start_s).collect();
        let seconds = prepared.seconds.as_ref();
        let found = average(seconds, &prepared.drift, bin_s, &since_bin_0, &config.windows, clock)?;
        let planes = |stack: &Array3<f32>| stack.outer_iter().map(|p| p.to_owned()).collect::<Vec<_>>();
        write_stack(folder, "average.tif", &planes(&found.mean), seconds.recording(), Some(bin_s))?;
        write_stack(folder, "sd.tif", &planes(&found.sd), seconds.recording(), Some(bin_s))?;
        let mut lags = Table::new();
        lags.push("frame", (0..found.lags_s.len()).map(|i| Value::Int(i as i64)).collect());
        lags.push("lag_s", found.lags_s.iter().map(|v| Value::float(*v)).collect());
        folder.write_table("lags", &lags, false)?;
        let mut excluded = Table::new();
        excluded.push("onset_s", found.excluded.iter().map(|e| Value::float(onsets[e.trial])).collect());
        let reason = |reason: Reason| match reason {
            Reason::Cut => "reaches beyond the recording",
            Reason::Gap => "has a gap",
        };
        excluded.push("reason", found.excluded.iter().map(|e| Value::Text(reason(e.reason).into())).collect());
        folder.write_table("excluded", &excluded, false)?;
        if !found.excluded.is_empty() {
            clock.warn(&format!("{} of {} trials do not count, see excluded.csv", found.excluded.len(), onsets.len()));
        }
        Ok(serde_json::json!({ "n_trials": found.n_trials, "n_excluded": found.excluded.len() }))
    })
}

/// The column `onset_s` of a table.
fn onsets(path: &Path) -> Result<Vec<f64>, Error> {
    let table = sparkwave_io::csv::read_table(path)?;
    let numbers = table.column("onset_s").and_then(|c| c.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
    numbers.ok_or_else(|| Error::Config {
        path: path.to_path_buf(),
        message: "expected a column onset_s of numbers, s since the first frame".into(),
    })
}

/// Writes planes as a float movie; `interval_s` is the time between them if they follow each other in time.
fn write_stack(
    folder: &RunFolder,
    name: &str,
    planes: &[Array2<f32>],
    recording: &Recording,
    interval_s: Option<f64>,
) -> Result<(), Error> {
    let Some(first) = planes.first().filter(|_| folder.is_missing(name)) else { return Ok(()) };
    let shape = MovieShape { n_frames: planes.len(), height: first.dim().0, width: first.dim().1 };
    let regular = |s: f64| Sourced::new(FrameTimes::Regular { interval: Duration::new(s) }, "time bins");
    let recording = Recording { frame_times: interval_s.map(regular), ..recording.clone() };
    let options = WriteOptions::default();
    let mut movie = MovieWriter::create(&folder.file(name), shape, PixelType::F32, &recording, &options)?;
    for plane in planes {
        movie.append(&Pixels::F32(plane.clone().insert_axis(Axis(0))))?;
    }
    Ok(movie.finish()?)
}
