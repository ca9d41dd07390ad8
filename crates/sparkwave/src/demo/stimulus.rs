//! A simulated stimulus with a known effect: neurons are recorded before and after it, the pipeline runs on every movie,
//! and what is concluded is told beside what was simulated.

use crate::analyze::change::{self, ChangeRequest, ChangeResult, NeuronPair};
use crate::error::Error;
use crate::run_folder::Existing;
use crate::simulate::{self, SimulatePair, SimulateSparks};
use crate::sparks::{self, Detector, SparksConfig};
use sparkwave_analysis::categories::{CategoryParams, NeuronChange, SiteCategory};
use sparkwave_analysis::statistics::compare::Options;
use sparkwave_core::progress::Progress;
use sparkwave_core::synth::{SparksPair, SparksScene};
use std::path::{Path, PathBuf};

/// What is simulated and how it is analysed.
#[derive(Clone, Debug, PartialEq)]
pub struct StimulusDemo {
    /// Number of neurons.
    pub n_neurons: usize,
    /// Each neuron, with its own seed counted from this one's.
    pub pair: SimulatePair,
    /// How events are found.
    pub detector: Detector,
}

impl StimulusDemo {
    /// Eight neurons whose lasting sites fire 2.5 times as often and 1.3 times as high, while three sites in ten fall
    /// silent and one in ten is new.
    pub fn new(seed: u64) -> Self {
        Self {
            n_neurons: 8,
            pair: SimulatePair {
                silenced: 0.3,
                new: 0.1,
                rate_factor: 2.5,
                amplitude_factor: 1.3,
                ..Self::without_effect(seed).pair
            },
            ..Self::without_effect(seed)
        }
    }

    /// The same neurons under a stimulus that does nothing.
    pub fn without_effect(seed: u64) -> Self {
        // Sparse enough that transients of one site seldom run into each other, which would hide a rise of their rate.
        let recording = SimulateSparks { n_frames: 300, height: 128, width: 128, seed, ..SimulateSparks::default() };
        let pair = SimulatePair { events_per_minute: 45.0, recording, ..SimulatePair::default() };
        Self { n_neurons: 8, pair, detector: Detector::default() }
    }
}

/// What the demonstration made.
#[derive(Clone, Debug)]
pub struct StimulusResult {
    /// What was concluded from the runs.
    pub found: ChangeResult,
    /// What a detector that misses nothing would have counted.
    pub truth: Vec<NeuronChange>,
    /// Distance between the offset found and the true one for each neuron, µm.
    pub offset_errors_um: Vec<f64>,
    /// The report to open.
    pub report: PathBuf,
}

/// Simulates, runs and analyses. Writes `simulation/`, `runs/` (both with a folder for each neuron) and `analysis/` into
/// `out`.
///
/// # Errors
/// As the steps it joins.
pub fn stimulus(
    request: &StimulusDemo,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<StimulusResult, Error> {
    let quiet = OnlyStops(progress);
    let (mut pairs, mut truth, mut shifts) = (Vec::new(), Vec::new(), Vec::new());
    progress.begin("stimulus: simulate and find", 2 * request.n_neurons as u64);
    for i in 0..request.n_neurons {
        let neuron = format!("neuron-{}", i + 1);
        let recording = SimulateSparks { seed: seed_of(request.pair.recording.seed, i), ..request.pair.recording };
        let simulated = out.join("simulation").join(&neuron);
        let scenes =
            simulate::pair(&SimulatePair { recording, ..request.pair }, &simulated, existing, threads, &quiet)?;
        let folders = ["before", "after"].map(|time| out.join("runs").join(&neuron).join(time));
        for (time, folder) in ["before", "after"].iter().zip(&folders) {
            let config = SparksConfig::new(&simulated.join(time).join("movie.tif"), request.detector);
            sparks::run(&config, folder, existing, threads, &quiet)?;
            progress.advance(1);
        }
        let [before, after] = folders;
        truth.push(known(&neuron, &scenes));
        shifts.push(scenes.shift);
        pairs.push(NeuronPair { neuron, animal: None, before, after, offset: None });
    }
    let analysis = ChangeRequest { params: CategoryParams::default(), options: Options::default(), pairs };
    let folder = out.join("analysis");
    let found = change::run(&analysis, Some(&truth), &folder, existing, progress)?;
    let um = request.pair.recording.pixel_size_um;
    let error = |(alignment, shift): (&crate::analyze::Alignment, &sparkwave_core::axes::PointYx)| {
        (alignment.offset.y_um + shift.y * um).hypot(alignment.offset.x_um + shift.x * um)
    };
    let offset_errors_um = found.alignments.iter().zip(&shifts).map(error).collect();
    Ok(StimulusResult { found, truth, offset_errors_um, report: folder.join("report.html") })
}

/// Seeds of neurons are far apart, so that those of demonstrations with neighbouring seeds differ.
fn seed_of(seed: u64, neuron: usize) -> u64 {
    seed.wrapping_mul(1_000).wrapping_add(neuron as u64)
}

/// What is true of a simulated neuron.
fn known(neuron: &str, pair: &SparksPair) -> NeuronChange {
    let scenes = [&pair.before, &pair.after];
    let mean_log_peak = |scene: &SparksScene| {
        let peaks: Vec<f64> = scene.truth().iter().map(|event| f64::from(event.peak_dff).ln()).collect();
        (!peaks.is_empty()).then(|| peaks.iter().sum::<f64>() / peaks.len() as f64)
    };
    let count = |category: SiteCategory| {
        let is_of = |(before, after): (usize, usize)| match category {
            SiteCategory::Silenced => before > 0 && after == 0,
            SiteCategory::New => before == 0 && after > 0,
            SiteCategory::Recurrent => before > 0 && after > 0,
        };
        pair.sites.iter().filter(|site| is_of((site.n_before, site.n_after))).count()
    };
    NeuronChange {
        neuron: neuron.to_owned(),
        animal: None,
        n_events: scenes.map(|scene| scene.truth().len()),
        n_sites: SiteCategory::ALL.map(count),
        mean_log_peak: scenes.map(mean_log_peak),
    }
}

/// Tells nothing, but hears that it should stop: one stage stands for many small runs.
struct OnlyStops<'a>(&'a dyn Progress);

impl Progress for OnlyStops<'_> {
    fn begin(&self, _stage: &str, _total: u64) {}
    fn advance(&self, _n: u64) {}
    fn warn(&self, _message: &str) {}
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;

    #[test]
    fn a_known_effect_on_small_neurons_is_recovered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut request = StimulusDemo::new(2);
        request.n_neurons = 3;
        request.pair.recording = SimulateSparks { n_frames: 200, height: 96, width: 96, ..request.pair.recording };
        let result = stimulus(&request, folder.path(), Existing::Refuse, Some(2), &Silent).expect("analysed");
        let total =
            |neurons: &[NeuronChange], side: usize| neurons.iter().map(|n| n.n_events[side]).sum::<usize>() as f64;
        for side in 0..2 {
            let (found, truth) = (total(&result.found.neurons, side), total(&result.truth, side));
            assert!(found > 0.4 * truth && found < 1.4 * truth, "{found} events of {truth}");
        }
        let ratio = result.found.conclusion.ratios[0].ratio.expect("three neurons");
        assert!(ratio > 1.1, "{ratio} {:?}", result.found.sentences);
        assert!(result.offset_errors_um.iter().all(|error| *error < 0.25), "{:?}", result.offset_errors_um);
        let page = std::fs::read_to_string(&result.report).expect("written");
        assert!(page.contains("simulated") && page.contains("neuron-3"), "{page}");
        let conclusions = std::fs::read_to_string(folder.path().join("analysis/conclusions.csv")).expect("written");
        assert!(conclusions.starts_with("measure,n_neurons,ratio,ratio_low,ratio_high,true_ratio,test,p,p_adjusted"));
    }
}
