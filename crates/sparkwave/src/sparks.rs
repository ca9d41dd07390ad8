//! Sparks: a raw calcium movie becomes events, labels, figures and a report.
//!
//! The stages in order: register, project, background and foreground, then block by block baseline and detect, then
//! assemble, clips, measure, draw, write. [`run`] reads as that list.

mod blocks;
mod clips;
mod config;
mod finder;
pub(crate) mod learned;
mod outputs;
mod revisit;
mod scratch;
mod standard;
mod stars;

pub use config::{Detector, Keep, SparksConfig};
pub(crate) use revisit::revisit;
pub(crate) use standard::{NOISE as NOISE_NORMALISATION, PUBLISHED as PUBLISHED_NORMALISATION};

use crate::compute::{Compute, Device};
use crate::error::Error;
use crate::provenance::RunRecord;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use ndarray::Array2;
use sparkwave_analysis::measure::{Calibration, measure_events};
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::Table;
use sparkwave_imgproc::background::{background_pixels, background_trace, check_region};
use sparkwave_imgproc::foreground::foreground;
use sparkwave_imgproc::projection::{Projections, project};
use sparkwave_imgproc::register::resample::valid_margin;
use sparkwave_imgproc::register::{Drift, estimate_drift};
use sparkwave_imgproc::sampling::{PUBLISHED_INTERVAL_S, PUBLISHED_PIXEL_UM, Sampling};
use std::path::Path;
use std::time::Instant;

/// What a run found, besides the files that it wrote.
#[derive(Clone, Debug)]
pub struct SparksResult {
    /// The events.
    pub events: Vec<Event>,
    /// The rows of `events.csv`.
    pub table: Table,
    /// The record written to `run.json`.
    pub record: RunRecord,
}

/// Everything that later stages and outputs need to know about the movie.
struct Prepared<'a> {
    source: &'a dyn FrameSource,
    sampling: Sampling,
    drift: Drift,
    projections: Projections,
    background: Vec<f64>,
    foreground: Array2<bool>,
}

/// Runs the pipeline on the movie that `config` names and writes its files into `out`.
///
/// # Errors
/// If the movie cannot be read, a parameter makes no sense, there is no such device, the folder is not free, a file cannot
/// be written, or the user cancels. Finished files stay; none is partial.
pub fn run(
    config: &SparksConfig,
    out: &Path,
    existing: Existing,
    compute: impl Into<Compute>,
    progress: &dyn Progress,
) -> Result<SparksResult, Error> {
    config.check()?;
    let Compute { threads, device } = compute.into();
    let run = crate::pool(threads)?.install(|| run_here(config, out, existing, device, progress));
    // Wherever the wish to stop was noticed, it is told in the same words.
    run.map_err(|e| if e.is_cancelled() { Error::Cancelled } else { e })
}

fn run_here(
    config: &SparksConfig,
    out: &Path,
    existing: Existing,
    device: Device,
    progress: &dyn Progress,
) -> Result<SparksResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let of_network = if config.detector == Detector::Network { device } else { Device::Cpu };
    if of_network != device {
        clock.warn("only networks compute on a graphics card; all of this run is for the processor");
    }
    let device = of_network.open()?;
    let source = sparkwave_io::open(&config.input)?;
    let source = crate::calibrate::calibrate(source, config.pixel_size_um, config.frame_interval_s)?;
    let source = source.as_ref();
    if let Some(region) = config.background {
        // The region is used only after registration, too late to tell of a slip.
        check_region(region, source.shape().height, source.shape().width)?;
    }
    let folder = RunFolder::open(out, existing, &config.to_toml()?)?;
    warn_of_recording(source, &clock);

    let mut record = RunRecord::new("sparks run", config.seed, rayon::current_num_threads());
    record.computes_on(&device);
    let (prepared, events) = record.with_inputs(&[&config.input], &clock, || {
        process(config, source, &folder, blocks::samples(config.detector), &device, &clock)
    })?;

    let clips = clips::collect(&prepared, &events, &clock)?;
    clock.begin("measure", 1);
    let calibration = Calibration::of(source.recording(), source.shape().n_frames);
    let table = measure_events(&events, &calibration, &config.detector_name(), Some(&clips.traces));
    outputs::write(config, &prepared, &events, &table, clips, &folder, &clock)?;

    let summary = serde_json::json!({
        "n_events": events.len(),
        "n_regions": events.iter().map(|e| e.region_id).max().unwrap_or(0),
        "n_burst_events": events.iter().filter(|e| e.burst).count(),
        "detector": config.detector_name(),
        "out": folder.path(),
    });
    record.finish(started, &clock, summary, &folder)?;
    Ok(SparksResult { events, table, record })
}

/// What [`standardise`] found on its way.
pub(crate) struct Standardised {
    /// The mean image of the registered movie, `[Y, X]`.
    pub(crate) mean: Array2<f32>,
    pub(crate) sampling: Sampling,
    /// Pixels at each border that some frames could not see.
    pub(crate) margin: [usize; 4],
}

/// Writes the movie as networks see it ([`NOISE_NORMALISATION`]) to `out`.
pub(crate) fn standardise(
    config: &SparksConfig,
    source: &dyn FrameSource,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Standardised, Error> {
    let clock = StageClock::new(progress);
    let prepared = prepare(config, source, &clock)?;
    standard::write(config, &prepared, out, &clock)?;
    let margin = valid_margin(&prepared.drift.displacements);
    Ok(Standardised { mean: prepared.projections.mean, sampling: prepared.sampling, margin })
}

/// The events of a movie, without the files of a run; `scratch` is a folder that may be made.
pub(crate) fn find(
    config: &SparksConfig,
    source: &dyn FrameSource,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Event>, Error> {
    let folder = RunFolder::open(scratch, Existing::Overwrite, "")?;
    let clock = StageClock::new(progress);
    Ok(process(config, source, &folder, blocks::samples(config.detector), &sparkwave_nn::cpu(), &clock)?.1)
}

/// From pixels to events.
fn process<'a>(
    config: &SparksConfig,
    source: &'a dyn FrameSource,
    folder: &RunFolder,
    max_samples: usize,
    device: &sparkwave_nn::Device,
    clock: &StageClock<'_>,
) -> Result<(Prepared<'a>, Vec<Event>), Error> {
    let mut finder = finder::Finder::new(config, device)?;
    let prepared = prepare(config, source, clock)?;
    let active = blocks::active_voxels(config, &mut finder, &prepared, folder, max_samples, clock)?;
    clock.begin("assemble", 1);
    let shape = source.shape();
    let movie = [shape.n_frames, shape.height, shape.width];
    let events = finder.events(config, active, movie, prepared.sampling)?;
    clock.advance(1);
    Ok((prepared, events))
}

/// Registers the movie and finds where to search it.
fn prepare<'a>(
    config: &SparksConfig,
    source: &'a dyn FrameSource,
    clock: &StageClock<'_>,
) -> Result<Prepared<'a>, Error> {
    let sampling = Sampling::of(source.recording());
    let drift = estimate_drift(source, &config.register, sampling, clock)?;
    if !drift.flagged.is_empty() {
        clock.warn(&format!(
            "{} of {} frames hardly resemble the rest; their drift was interpolated",
            drift.flagged.len(),
            drift.displacements.len()
        ));
    }
    let projections = project(source, &drift, clock)?;
    let n_broken = projections.mean.iter().filter(|v| !v.is_finite()).count();
    if n_broken > 0 {
        clock.warn(&format!("{n_broken} pixels hold values that are not numbers; they were left out"));
    }
    clock.begin("background", 1);
    let background_at = background_pixels(&projections.mean, config.background)?;
    let background = background_trace(source, &background_at)?;
    let margin = valid_margin(&drift.displacements);
    let foreground = foreground(&projections.mean, &config.foreground, sampling, margin);
    clock.advance(1);
    Ok(Prepared { source, sampling, drift, projections, background, foreground })
}

fn warn_of_recording(source: &dyn FrameSource, progress: &dyn Progress) {
    let recording = source.recording();
    recording.warnings.iter().for_each(|w| progress.warn(w));
    if recording.pixel_size.is_none() {
        progress.warn(&format!(
            "the pixel size is unknown (give --pixel-size-um): columns in micrometres are empty, and the detector looks \
             for spots of the size they have at {PUBLISHED_PIXEL_UM} um per pixel"
        ));
    }
    if recording.frame_interval().is_none() {
        progress.warn(&format!(
            "the frame interval is unknown (give --frame-interval-s): columns in seconds are empty, and the detector \
             looks for decays as long as they are at {PUBLISHED_INTERVAL_S} s per frame"
        ));
    }
    if source.shape().n_frames < 3 {
        progress.warn("a movie of fewer than three frames holds no transients that could be told from noise");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::synth::{SparksParams, SparksScene, SparksSource};
    use sparkwave_nn::card::{Architecture, Card};
    use sparkwave_nn::models::stardist3d::StarDist3dConfig;
    use sparkwave_nn::models::unet3d::UNet3dConfig;
    use std::sync::Arc;

    /// A network that was never trained, with `bias` added to its last layer and this factor before it: what it calls events
    /// is arbitrary, but must not depend on how it is shown.
    fn write_untrained(path: &Path, architecture: Architecture, normalisation: &str, head: (&str, f32, f32)) {
        let mut weights = sparkwave_nn::network::untrained(&architecture, 1).expect("valid");
        let (layer, bias, factor) = head;
        weights.parameters.get_mut(&format!("{layer}.bias")).expect("present").values.fill(bias);
        let kernel = weights.parameters.get_mut(&format!("{layer}.weight")).expect("present");
        kernel.values.iter_mut().for_each(|w| *w *= factor);
        // Stars of some 2.5 voxels, not too ragged to hold any.
        if let Some(distances) = weights.parameters.get_mut("dist.bias") {
            distances.values.fill(2.5);
            let kernel = weights.parameters.get_mut("dist.weight").expect("present");
            kernel.values.iter_mut().for_each(|w| *w *= 0.1);
        }
        let card = Card {
            name: "untrained".into(),
            version: String::new(),
            architecture,
            normalisation: normalisation.into(),
            threshold: Some(0.2),
            trained_on: Vec::new(),
            training: None,
            steps: 0,
            scores: std::collections::BTreeMap::new(),
            licence: None,
            probe: Vec::new(),
        };
        card.attach(&mut weights);
        sparkwave_io::weights::write(&weights, path).expect("writable");
    }

    #[test]
    fn events_do_not_depend_on_where_the_movie_is_cut() {
        let params =
            SparksParams { n_frames: 120, height: 96, width: 80, events_per_minute: 200.0, ..SparksParams::default() };
        let scene = SparksScene::new(&params, 3).expect("valid parameters");
        let source = SparksSource::new(Arc::new(scene));
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let model = temporary.path().join("untrained.safetensors");
        let unet = UNet3dConfig { width: 2, pools: vec![[1, 2, 2]], ..UNet3dConfig::sparks() };
        let stars = StarDist3dConfig { width: 2, features: 8, n_rays: 16, ..StarDist3dConfig::sparks() };
        // Half of the voxels would be probable; the brightest few are now.
        let heads = [("final_conv", -1.5, 10.0), ("prob", -3.0, 4.0)];
        let cases = [
            (Detector::Matched, None, 6),
            (Detector::Idt, None, 6),
            (Detector::Network, Some((Architecture::Unet3d(unet.clone()), NOISE_NORMALISATION, heads[0])), 6),
            (Detector::Network, Some((Architecture::Unet3d(unet), PUBLISHED_NORMALISATION, heads[0])), 1),
            (Detector::Network, Some((Architecture::Stardist3d(stars), NOISE_NORMALISATION, heads[1])), 6),
        ];
        for (detector, network, at_least) in cases {
            let name = format!("{detector:?} {network:?}");
            if let Some((architecture, normalisation, head)) = network {
                write_untrained(&model, architecture, normalisation, head);
            }
            let config =
                SparksConfig { model: Some(model.clone()), ..SparksConfig::new(Path::new("simulated"), detector) };
            let folder = RunFolder::open(temporary.path(), Existing::Overwrite, "").expect("writable");
            let run = |max_samples| {
                let clock = StageClock::new(&Silent);
                process(&config, &source, &folder, max_samples, &sparkwave_nn::cpu(), &clock).expect("no failure").1
            };
            let whole = run(blocks::BLOCK_SAMPLES);
            assert!(whole.len() >= at_least, "{name} found {} events", whole.len());
            assert_eq!(run(120 * 80 * 40), whole, "{name}");
        }
    }
}
