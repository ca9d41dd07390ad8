//! Training: a training file becomes a model, with its losses, its validation scores and a card.
//!
//! A run writes `checkpoint.safetensors` (everything needed to go on), `best.safetensors` (the model of the highest F1
//! on whole validation recordings, at the threshold that its card holds) and `last.safetensors`, `losses.csv`,
//! `validation.csv` and `losses.svg`. A run that was stopped at any moment and resumed on the same device gives the same bytes
//! as one that was not.

mod clips;
mod history;
pub mod mask_track;
mod prior;
pub mod sam2;
mod steps;
pub(crate) mod streams;
pub(crate) mod validate;

use crate::compute::Compute;
use crate::error::Error;
use crate::provenance::{RunRecord, input_record, version};
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::{Deserialize, Serialize};
use sparkwave_core::progress::Progress;
use sparkwave_core::weights::Weights;
use sparkwave_nn::Device;
use sparkwave_nn::card::{Architecture, Card};
use sparkwave_nn::network;
use sparkwave_nn::stream::Stream;
use sparkwave_nn::train::{self, TrainConfig};
use std::path::{Path, PathBuf};
use std::time::Instant;
use steps::{Pace, Trainee};
use validate::{Labelled, Validation};

/// A part of the recordings, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subset {
    /// Which part, above 0, at most 1.
    pub part: f64,
    /// Seed of the draw.
    pub draw: u64,
}

impl Default for Subset {
    fn default() -> Self {
        Self { part: 1.0, draw: 0 }
    }
}

/// Every parameter of a training run. Written to `run.toml` in full, with the class prior if that was estimated; unknown keys
/// are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRun {
    /// The training file.
    pub data: PathBuf,
    /// Steps between validations on whole recordings; 0 validates at the end only.
    pub validate_every: usize,
    /// Steps between checkpoints, at least 1.
    pub checkpoint_every: usize,
    /// The network.
    pub architecture: Architecture,
    /// Which of the recordings it learns from.
    #[serde(default)]
    pub subset: Subset,
    /// How it is trained.
    pub train: TrainConfig,
}

impl TrainRun {
    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }
}

/// What a training run ended with.
#[derive(Clone, Debug)]
pub struct TrainResult {
    /// The best validation, if there were validation recordings.
    pub best: Option<Validation>,
    /// The loss of the last step.
    pub loss: Option<f64>,
}

/// Trains a network and writes it into `out`.
///
/// # Errors
/// If the training file cannot be read or holds nothing to learn from, a parameter makes no sense, there is no such device,
/// the folder is not free, a file cannot be written, or the user cancels; a cancelled run can be resumed.
pub fn run(
    config: &TrainRun,
    out: &Path,
    existing: Existing,
    compute: impl Into<Compute>,
    progress: &dyn Progress,
) -> Result<TrainResult, Error> {
    let Compute { threads, device } = compute.into();
    crate::pool(threads)?.install(|| {
        let started = Instant::now();
        config.train.check()?;
        if config.checkpoint_every == 0 {
            return Err(Error::Parameter { name: "checkpoint every", expected: "at least 1 step", found: "0".into() });
        }
        let device = device.open()?;
        let clock = StageClock::new(progress);
        let listed = sparkwave_io::msct::list(&config.data)?;
        let train = streams::load(&config.data, &streams::subset(&listed, config.subset)?, "train", &clock)?;
        let valid = validate::with_truth(streams::load(&config.data, &listed, "valid", &clock)?)?;
        let loss = prior::with_prior(config.train.loss, &train, &valid)?;
        let resolved = TrainRun { train: TrainConfig { loss, ..config.train.clone() }, ..config.clone() };
        // Before the folder: parameters that make no sense leave none.
        let session = train::begin(&resolved.train, &resolved.architecture, &train, &device)?;
        let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(&resolved)?)?;
        let mut record = RunRecord::new("train", config.train.seed, rayon::current_num_threads());
        record.computes_on(&device);
        let input = input_record(&config.data, &|| clock.is_cancelled())?;
        let source = Source { sha256: input.sha256.clone(), normalisation: streams::normalisation(&listed) };
        record.inputs.push(input);

        let TrainRun { validate_every, checkpoint_every, .. } = *config;
        let pace = Pace { steps: config.train.steps, validate_every, checkpoint_every };
        let training = Training { config: &resolved, train: &train, valid: &valid, source, device, session };
        let history = steps::take(training, pace, &folder, &clock)?;
        let result = TrainResult { best: history.best().cloned(), loss: history.loss() };
        let best = result.best.as_ref();
        let summary = serde_json::json!({
            "loss": result.loss,
            "average_precision": best.and_then(|v| v.average_precision),
            "f1": best.and_then(|v| v.f1),
            "threshold": best.and_then(|v| v.threshold),
            "step": best.map(|v| v.step),
        });
        record.finish(started, &clock, summary, &folder)?;
        Ok(result)
    })
}

/// What a model card tells of a training file.
struct Source {
    sha256: String,
    normalisation: String,
}

/// A run on its way.
struct Training<'a> {
    config: &'a TrainRun,
    train: &'a [Stream],
    valid: &'a [Labelled],
    source: Source,
    device: Device,
    session: Box<dyn train::Training>,
}

impl Trainee for Training<'_> {
    type Score = Validation;

    fn step(&self) -> usize {
        self.session.step()
    }

    fn advance(&mut self) -> Result<f32, Error> {
        Ok(self.session.advance(self.train)?)
    }

    fn score(&self, progress: &dyn Progress) -> Result<Option<Validation>, Error> {
        if self.valid.is_empty() {
            return Ok(None);
        }
        let (architecture, weights) = (&self.config.architecture, self.session.weights());
        validate::validate(architecture, &weights, self.valid, self.step(), &self.device, progress).map(Some)
    }

    fn model(&self, latest: Option<&Validation>) -> Result<Weights, Error> {
        let mut weights = self.session.weights();
        let mut network = network::open(&self.config.architecture, &weights, &sparkwave_nn::cpu())?;
        let probe = sparkwave_nn::probe(network.as_mut())?;
        self.card(latest, probe).attach(&mut weights);
        Ok(weights)
    }

    fn checkpoint(&self) -> Weights {
        self.session.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Weights) -> sparkwave_nn::error::Result<()> {
        self.session.resume(checkpoint)
    }
}

impl Training<'_> {
    fn card(&self, validation: Option<&Validation>, probe: Vec<f32>) -> Card {
        let scores = validation.map(Validation::scores).unwrap_or_default();
        Card {
            name: self.config.architecture.name().to_owned(),
            version: version(),
            architecture: self.config.architecture.clone(),
            normalisation: self.source.normalisation.clone(),
            threshold: validation.and_then(|v| v.threshold),
            trained_on: vec![self.source.sha256.clone()],
            training: Some(self.config.train.clone()),
            steps: self.session.step(),
            scores,
            licence: None,
            probe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::history::CHECKPOINT;
    use super::*;
    use crate::dataset::{SimulateDataset, simulate};
    use crate::stop_after::StopAfter;
    use sparkwave_core::progress::Silent;
    use sparkwave_nn::loss::Loss;
    use sparkwave_nn::models::unet3d::UNet3dConfig;

    #[test]
    fn a_run_that_was_stopped_and_resumed_leaves_the_same_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("d.h5");
        let request =
            SimulateDataset { train: 2, valid: 1, n_frames: 48, edge: 64, seed: 5, ..SimulateDataset::default() };
        simulate(&request, &data, false, Some(2), &Silent).expect("a training file");
        let shape = UNet3dConfig { width: 2, pools: vec![[2, 2, 2]], ..UNet3dConfig::sparks() };
        let loss = Loss::NnPu { prior: None };
        let config = TrainRun {
            data,
            validate_every: 4,
            checkpoint_every: 3,
            architecture: Architecture::Unet3d(shape),
            subset: Subset::default(),
            train: TrainConfig { steps: 9, batch: 2, crop: [16; 3], pu_ratio: 1, loss, ..TrainConfig::default() },
        };
        let mut odd = config.clone();
        odd.train.crop = [15; 3];
        let nowhere = folder.path().join("nowhere");
        let error = run(&odd, &nowhere, Existing::Refuse, None, &Silent).expect_err("no multiple of the pooling");
        assert!(error.is_bad_parameter() && !nowhere.exists(), "{error}");

        let train = |out: &Path, existing, progress: &dyn Progress| run(&config, out, existing, Some(2), progress);
        let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
        let result = train(&whole, Existing::Refuse, &Silent).expect("a model");
        assert!([4, 8, 9].contains(&result.best.expect("there is a validation recording").step));

        // Reading takes three counts, one a recording.
        let error = train(&stopped, Existing::Refuse, &StopAfter::new(8)).expect_err("stopped");
        assert!(error.is_cancelled(), "{error}");
        assert!(stopped.join(CHECKPOINT).exists() && !stopped.join("run.json").exists());
        train(&stopped, Existing::Resume, &Silent).expect("the rest");
        let mut n_files = 0;
        for entry in std::fs::read_dir(&whole).expect("there") {
            let name = entry.expect("readable").file_name();
            if name != "run.json" {
                let read = |of: &Path| std::fs::read(of.join(&name)).expect("in both");
                assert!(read(&whole) == read(&stopped), "{name:?} differs");
                n_files += 1;
            }
        }
        assert!(n_files >= 7, "{n_files} files");
        let written = TrainRun::read(&whole.join("run.toml")).expect("parameters");
        assert!(matches!(written.train.loss, Loss::NnPu { prior: Some(_) }), "{written:?}");
        let best = sparkwave_io::weights::read(&whole.join("best.safetensors")).expect("readable");
        let card = Card::of(&best).expect("a card");
        assert_eq!(card.normalisation, crate::sparks::NOISE_NORMALISATION);
        assert_eq!(card.trained_on.len(), 1);
    }
}
