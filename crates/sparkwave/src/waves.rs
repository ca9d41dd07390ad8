//! Waves: a raw wide-field recording becomes episodes, wave masks, speeds, videos, a data set and a report.
//!
//! The stages in order: average over time bins, register, survey, propose the cortex, find, read the bands, measure,
//! write maps, draw, write. [`run`] reads as that list.

pub mod classic;
mod config;
mod episode_files;
mod figures;
mod find;
mod legacy;
mod maps;
mod outline;
mod outputs;
pub mod seconds;
mod seeds;
mod shape;
mod tables;

pub use config::{Colors, Export, Keep, Propagator, WavesConfig};

use crate::error::Error;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::{Existing, RunFolder, config_text};
use crate::stage_clock::StageClock;
use find::{Found, Guidance, Setting, find};
use ndarray::Array2;
use seconds::Seconds;
use sparkwave_analysis::measure::waves::{WaveSetting, WaveTables, measure_waves};
use sparkwave_core::axes::PointYx;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_core::wave::{Episode, Midline, Wave};
use sparkwave_imgproc::waves::PUBLISHED_PIXEL_UM;
use sparkwave_io::segments::name::frame_name;
use std::path::Path;
use std::time::Instant;

/// Folders of a run that hold one file or folder for each interval, episode or wave.
const FOLDERS: [&str; 6] = ["color", "episodes", "segments", "labelme", "legacy", "figures"];

/// What a run found, besides the files that it wrote.
#[derive(Clone, Debug)]
pub struct WavesResult {
    /// The waves.
    pub waves: Vec<Wave>,
    /// The episodes that they form.
    pub episodes: Vec<Episode>,
    /// The rows of `waves.csv`, `wave_frames.csv` and `waves_legacy.csv`.
    pub tables: WaveTables,
    /// The record written to `run.json`.
    pub record: RunRecord,
}

/// Runs the pipeline on the recording that `config` names and writes its files into `out`.
///
/// # Errors
/// If the recording cannot be read, a parameter makes no sense, the folder is not free, a file cannot be written, or the
/// user cancels. Finished files stay; none is partial.
pub fn run(
    config: &WavesConfig,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<WavesResult, Error> {
    config.check()?;
    crate::pool(threads)?.install(|| run_here(config, out, existing, progress))
}

fn run_here(
    config: &WavesConfig,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<WavesResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let raw = sparkwave_io::open(&config.input)?;
    let raw = crate::calibrate::calibrate(raw, config.pixel_size_um, config.frame_interval_s)?;
    // Before anything is averaged or written: a typing error should not cost an hour.
    let guidance = guidance(config, raw.shape(), seconds::time_grid(raw.as_ref(), config.bin_s)?.bins.len())?;
    let prompts = config.prompts.as_deref().map(|p| input_record(p, &|| clock.is_cancelled())).transpose()?;
    if existing == Existing::Overwrite && out.join("run.toml").is_file() {
        // Their files are named after times and episodes, so those of another run would stay between the new ones.
        FOLDERS.iter().for_each(|name| drop(std::fs::remove_dir_all(out.join(name))));
    }
    let folder = RunFolder::open(out, existing, &config_text(config)?)?;
    warn_of_recording(raw.as_ref(), &clock);

    let mut record = RunRecord::new("waves run", config.seed, rayon::current_num_threads());
    let averaged = seconds::average(raw.as_ref(), config.bin_s, &folder, &clock)?;
    // The digest reads the whole input once more. It would halve the speed of the pass over the frames, so it runs beside
    // what comes after.
    let (found, tables) = record.with_inputs(&[&config.input], &clock, || {
        process(config, raw.as_ref(), &averaged, &guidance, &folder, &clock)
    })?;
    record.inputs.extend(prompts);

    let summary = serde_json::json!({
        "n_episodes": found.shaped.episodes.len(),
        "n_waves": found.shaped.waves.len(),
        "n_rejected": found.rejected.len(),
        "n_intervals": found.intervals.len(),
        "out": folder.path(),
    });
    record.finish(started, &clock, summary, &folder)?;
    Ok(WavesResult { waves: found.shaped.waves, episodes: found.shaped.episodes, tables, record })
}

/// From seconds to files.
fn process(
    config: &WavesConfig,
    raw: &dyn FrameSource,
    averaged: &Seconds,
    guidance: &Guidance,
    folder: &RunFolder,
    clock: &StageClock<'_>,
) -> Result<(Found, WaveTables), Error> {
    let seconds = averaged.open()?;
    // The copy of the seconds on the disk keeps the calibration, but not where it came from.
    let recording = raw.recording().clone();
    let seconds = crate::calibrate::with_recording(seconds, |r| {
        r.pixel_size.clone_from(&recording.pixel_size);
        r.id.clone_from(&recording.id);
        r.started_s.clone_from(&recording.started_s);
    });
    let bin_s = averaged.grid.bin_s;
    let start_s = averaged.bins().first().map_or(0.0, |b| b.start_s);
    let setting = Setting { seconds: seconds.as_ref(), bin_s, start_s };
    let mut found = find(&setting, config, guidance, clock)?;
    if found.intervals.is_empty() {
        let interval_s = config.interval_s;
        clock.warn(&format!("the recording is shorter than an interval of {interval_s} s: no wave can be seen"));
    }
    let names = names(&found, recording.started_s.as_ref().map(|s| s.value));
    let shape = seconds.shape();
    let rates = outputs::write_rates(config, &setting, &found, folder, clock)?;
    if let Some(model) = config.propagator.model() {
        let n_intervals = found.intervals.len();
        outline::outline(
            &mut found,
            &rates,
            &|limit| outline::open(model, MovieShape { n_frames: n_intervals, ..shape }, limit),
            clock,
        )?;
    }
    clock.begin("measure", 1);
    let tables = measure_waves(
        &found.shaped.waves,
        &WaveSetting {
            height: shape.height,
            width: shape.width,
            intervals: &found.intervals,
            pixel_size: recording.pixel_size(),
            cortex: Some(&found.cortex),
            frame_names: &names,
        },
    );
    clock.advance(1);
    outputs::write(config, &setting, averaged, &found, &rates, &names, &tables, folder, clock)?;
    Ok((found, tables))
}

/// What the user says about a recording of this shape and number of time bins, at its pixels and intervals.
fn guidance(config: &WavesConfig, shape: MovieShape, n_bins: usize) -> Result<Guidance, Error> {
    let inside = config.window.as_ref().map(|corners| {
        let corners: Vec<[f64; 2]> = corners.iter().map(|[y, x]| [*x, *y]).collect();
        let mut inside = Array2::from_elem((shape.height, shape.width), false);
        sparkwave_io::polygon::fill(&corners, &mut inside, true);
        inside
    });
    if inside.as_ref().is_some_and(|inside| !inside.iter().any(|m| *m)) {
        let found = format!("none of {} x {} pixels", shape.height, shape.width);
        return Err(Error::Parameter { name: "window", expected: "a polygon that covers part of the image", found });
    }
    let point = |[y, x]: [f64; 2]| PointYx { y, x };
    let beside =
        |[y, x]: &[f64; 2]| !((0.0..=shape.height as f64).contains(y) && (0.0..=shape.width as f64).contains(x));
    if let Some([y, x]) = config.midline.iter().flatten().find(|end| beside(end)) {
        let found = format!("y {y}, x {x} beside {} x {} pixels", shape.height, shape.width);
        return Err(Error::Parameter { name: "midline", expected: "two ends in the image", found });
    }
    let midline = config.midline.map(|[a, b]| {
        let (from, to) = if a <= b { (a, b) } else { (b, a) };
        Midline { from: point(from), to: point(to) }
    });
    let step = ((config.interval_s / config.bin_s).round() as usize).max(1);
    let n_intervals = n_bins.saturating_sub(1) / step;
    let prompts = match &config.prompts {
        Some(file) => sparkwave_io::prompts::read(file, MovieShape { n_frames: n_intervals, ..shape })?,
        None => Vec::new(),
    };
    Ok(Guidance { inside, midline, prompts })
}

/// The name of each interval's frame: the date and time of its later end, as in the published data, or its number.
fn names(found: &Found, started_s: Option<f64>) -> Vec<String> {
    let number = |i: usize| format!("{i:06}");
    let named: Option<Vec<String>> =
        found.intervals.iter().enumerate().map(|(i, t)| frame_name(started_s, t.end_s, i)).collect();
    match named {
        // Names are whole seconds; intervals shorter than that would share one.
        Some(names) if started_s.is_some() && names.windows(2).all(|w| w[0] < w[1]) => names,
        _ => (0..found.intervals.len()).map(number).collect(),
    }
}

fn warn_of_recording(raw: &dyn FrameSource, progress: &dyn Progress) {
    let recording = raw.recording();
    recording.warnings.iter().for_each(|w| progress.warn(w));
    if recording.pixel_size.is_none() {
        progress.warn(&format!(
            "the pixel size is unknown (give --pixel-size-um): columns in mm are empty, and waves are looked for with \
             the widths that they have at {PUBLISHED_PIXEL_UM:.2} um per pixel"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_analysis::evaluate::waves::{LabelledWave, WaveScore, score_waves};
    use sparkwave_core::progress::Silent;
    use sparkwave_core::prompt::Prompt;
    use sparkwave_core::synth::waves::Sampling;
    use sparkwave_core::synth::{WavesParams, WavesScene, WavesSource};
    use std::sync::Arc;

    /// A recording of one wave on a small image, its seconds.
    fn recording(seed: u64) -> (Arc<WavesScene>, WavesSource) {
        let params = WavesParams {
            duration_s: 240.0,
            height: 128,
            width: 128,
            n_waves: 1,
            n_overlapping: 0,
            amplitude: (0.03, 0.03),
            ..WavesParams::default()
        };
        let scene = Arc::new(WavesScene::new(&params, seed).expect("valid parameters"));
        (Arc::clone(&scene), WavesSource::new(scene, Sampling::Seconds))
    }

    fn scores(scene: &WavesScene, found: &Found) -> Vec<WaveScore> {
        let truth: Vec<LabelledWave<'_>> =
            scene.waves().iter().map(|w| LabelledWave { id: w.id, frames: &w.frames }).collect();
        let waves = &found.shaped.waves;
        let found: Vec<LabelledWave<'_>> = waves.iter().map(|w| LabelledWave { id: w.id, frames: &w.frames }).collect();
        score_waves(&truth, &found)
    }

    #[test]
    fn a_wave_is_found_and_outlined_without_a_click() {
        let (scene, source) = recording(4);
        let setting = Setting { seconds: &source, bin_s: 1.0, start_s: 0.0 };
        let config = WavesConfig::new(Path::new("simulated"));
        let found = find(&setting, &config, &Guidance::default(), &Silent).expect("no failure");
        let scores = scores(&scene, &found);
        assert_eq!(found.shaped.waves.len(), scene.waves().len());
        assert!(scores[0].dice > 0.65, "{scores:?}");
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let again = one_thread.install(|| find(&setting, &config, &Guidance::default(), &Silent)).expect("no failure");
        assert_eq!(again.shaped.waves[0].frames, found.shaped.waves[0].frames);
    }

    #[test]
    fn a_wave_that_no_seed_would_find_is_followed_from_a_prompt() {
        let (scene, source) = recording(4);
        let setting = Setting { seconds: &source, bin_s: 1.0, start_s: 0.0 };
        let mut config = WavesConfig::new(Path::new("simulated"));
        config.waves.seed_sd = 1e6;
        let blind = find(&setting, &config, &Guidance::default(), &Silent).expect("no failure");
        assert!(blind.shaped.waves.is_empty());
        let best = scene.waves()[0].frames.iter().max_by_key(|f| f.mask.n_pixels()).expect("it is seen");
        let prompt = Prompt { mask: Some(best.mask.clone()), ..Prompt::of_mask(best.frame, 1, &best.mask) };
        let guidance = Guidance { prompts: vec![prompt], ..Guidance::default() };
        let found = find(&setting, &config, &guidance, &Silent).expect("no failure");
        assert!(scores(&scene, &found)[0].dice > 0.6, "{:?}", scores(&scene, &found));
    }
}
