//! Fine-tuning of SAM 2 on a user's own verified clips: its mask decoder and its memory learn, the image encoder stays.
//!
//! A run writes `checkpoint.safetensors` (with the base, everything needed to go on), `best.safetensors` (of the highest
//! Dice on clips that it did not learn from), `last.safetensors`, `losses.csv`, `validation.csv` and `losses.svg`. A run that
//! was stopped at any moment and resumed gives the same bytes as one that was not.

use super::clips::Clips;
use super::history::Score;
use super::steps::{self, Pace, Trainee};
use crate::error::Error;
use crate::propagate::IMAGE_PX;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::{Deserialize, Serialize};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::weights::Weights;
use sparkwave_nn::sam2::{Direction, Frame, Sam2, Sam2Config, Tracker, TrackerParams, TuneConfig, Tuning};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Frames of a clip that are followed when a network is validated.
const FOLLOWED: usize = 48;

/// Every parameter of a run. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuneRun {
    /// The checkpoint of SAM 2 or 2.1 that it begins with.
    pub base: PathBuf,
    /// Verified clips: segments with ISAT labels, or folders `frames` and `masks` with PNG images.
    pub data: PathBuf,
    /// Steps between validations on clips that are not learned from; 0 validates at the end only.
    pub validate_every: usize,
    /// Steps between checkpoints, at least 1.
    pub checkpoint_every: usize,
    /// How it is trained.
    pub tune: TuneConfig,
}

impl TuneRun {
    /// The defaults.
    #[must_use]
    pub fn new(base: &Path, data: &Path) -> Self {
        let (base, data) = (base.to_path_buf(), data.to_path_buf());
        Self { base, data, validate_every: 200, checkpoint_every: 100, tune: TuneConfig::default() }
    }

    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }
}

/// The score of a network after some steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// Steps taken.
    pub step: usize,
    /// The mean Dice over the frames of the clips that are not learned from, told by the mask of the first.
    pub dice: f64,
}

impl Score for Followed {
    const DRAWN: &'static str = "Dice";

    fn step(&self) -> usize {
        self.step
    }

    fn merit(&self) -> f64 {
        self.dice
    }

    fn drawn(&self) -> Option<f64> {
        Some(self.dice)
    }

    fn table(scores: &[Self]) -> Table {
        let mut table = Table::new();
        table.push("step", scores.iter().map(|v| Value::Int(v.step as i64)).collect());
        table.push("dice", scores.iter().map(|v| Value::float(v.dice)).collect());
        table
    }
}

/// What a run ended with.
#[derive(Clone, Debug)]
pub struct TuneResult {
    /// The best validation, if clips were held out.
    pub best: Option<Followed>,
    /// The loss of the last step.
    pub loss: Option<f64>,
}

/// Fine-tunes a network and writes it into `out`.
///
/// # Errors
/// If a file cannot be read, there is nothing to learn from, a parameter makes no sense, the folder is not free, a file cannot
/// be written, or the user cancels; a cancelled run can be resumed.
pub fn run(
    config: &TuneRun,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<TuneResult, Error> {
    crate::pool(threads)?.install(|| run_here(config, out, existing, progress))
}

fn run_here(config: &TuneRun, out: &Path, existing: Existing, progress: &dyn Progress) -> Result<TuneResult, Error> {
    let started = Instant::now();
    if config.checkpoint_every == 0 {
        return Err(Error::Parameter { name: "checkpoint every", expected: "at least 1 step", found: "0".into() });
    }
    let clock = StageClock::new(progress);
    let clips = Clips::list(&config.data, &clock)?;
    let base = sparkwave_io::weights::read(&config.base)?;
    let session = Tuning::new(config.tune.clone(), &base).map_err(|e| Error::of_weights(&config.base, e))?;
    // Before the folder: data from which nothing can be learned leave none.
    session.draw(&clips.present()[..clips.n_learned()])?;
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(config)?)?;
    let mut record = RunRecord::new("train", config.tune.seed, rayon::current_num_threads());
    for path in [&config.base, &config.data] {
        record.inputs.push(input_record(path, &|| clock.is_cancelled())?);
    }
    let TuneRun { validate_every, checkpoint_every, .. } = *config;
    let pace = Pace { steps: config.tune.steps, validate_every, checkpoint_every };
    let history = steps::take(Run { config, clips: &clips, session }, pace, &folder, &clock)?;
    let result = TuneResult { best: history.best().copied(), loss: history.loss() };
    let summary = serde_json::json!({
        "loss": result.loss,
        "dice": result.best.map(|v| v.dice),
        "step": result.best.map(|v| v.step),
        "n_clips": clips.present().len(),
        "n_held_out": clips.present().len() - clips.n_learned(),
    });
    record.finish(started, &clock, summary, &folder)?;
    Ok(result)
}

/// A run on its way.
struct Run<'a> {
    config: &'a TuneRun,
    clips: &'a Clips,
    session: Tuning,
}

impl Trainee for Run<'_> {
    type Score = Followed;

    fn step(&self) -> usize {
        self.session.step()
    }

    fn advance(&mut self) -> Result<f32, Error> {
        let drawn = self.session.draw(&self.clips.present()[..self.clips.n_learned()])?;
        let frames = drawn.frames.iter().map(|&t| self.clips.read(drawn.clip, t)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.session.learn(&frames)?)
    }

    fn score(&self, progress: &dyn Progress) -> Result<Option<Followed>, Error> {
        let held_out = self.clips.n_learned()..self.clips.present().len();
        if held_out.is_empty() {
            return Ok(None);
        }
        let weights = self.session.weights();
        progress.begin("validate", held_out.len() as u64);
        let mut each = Vec::new();
        for clip in held_out {
            each.extend(self.follow(&weights, clip, progress)?);
            progress.advance(1);
        }
        let mean = || each.iter().sum::<f64>() / each.len() as f64;
        Ok((!each.is_empty()).then(|| Followed { step: self.step(), dice: mean() }))
    }

    fn model(&self, _: Option<&Followed>) -> Result<Weights, Error> {
        let mut weights = self.session.weights();
        weights.texts.insert(IMAGE_PX.to_owned(), self.config.tune.image_px.to_string());
        Ok(weights)
    }

    fn checkpoint(&self) -> Weights {
        self.session.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Weights) -> sparkwave_nn::error::Result<()> {
        self.session.resume(checkpoint)
    }
}

impl Run<'_> {
    /// The Dice of each frame after the first in which the object is, told by its mask there.
    fn follow(&self, weights: &Weights, clip: usize, progress: &dyn Progress) -> Result<Vec<f64>, Error> {
        let present = &self.clips.present()[clip];
        let Some(first) = present.iter().position(|present| *present) else { return Ok(Vec::new()) };
        let shape = Sam2Config::of(weights, self.config.tune.image_px).expect("the arrays of a network of this shape");
        let network = Sam2::load(&shape, weights, &sparkwave_nn::cpu())?;
        let told = self.clips.read(clip, first)?;
        let (h, w) = told.mask.dim();
        let mut tracker = Tracker::new(network, TrackerParams::default(), present.len(), [h, w])?;
        tracker.mask(1, first, told.image.view(), told.mask.view())?;
        let mut dices = Vec::new();
        for t in first..present.len().min(first + FOLLOWED) {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let Frame { image, mask } = self.clips.read(clip, t)?;
            let found = tracker.step(t, image.view(), Direction::Forwards)?;
            let found = found.first().map(|object| object.logits.mapv(|logit| logit > 0.0));
            if let Some(found) = found.filter(|_| t > first) {
                let count = |of: &dyn Fn(bool, bool) -> bool| {
                    found.iter().zip(&mask).filter(|(a, b)| of(**a, **b)).count() as f64
                };
                let (both, sum) = (count(&|a, b| a && b), count(&|a, _| a) + count(&|_, b| b));
                dices.push(if sum > 0.0 { 2.0 * both / sum } else { 1.0 });
            }
        }
        Ok(dices)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::CHECKPOINT;
    use super::*;
    use crate::stop_after::StopAfter;
    use ndarray::{Array2, Array3};
    use sparkwave_core::mask::Mask;
    use sparkwave_core::progress::Silent;
    use sparkwave_io::instance::Instance;
    use sparkwave_io::segments::SegmentFrame;
    use sparkwave_io::segments::name::{Moment, SegmentName};
    use sparkwave_io::segments::write::SegmentWriter;

    fn disk(t: usize, y: usize, x: usize) -> bool {
        y.abs_diff(20).pow(2) + x.abs_diff(15 + 3 * t).pow(2) < 90
    }

    /// A segment with ISAT labels, and a clip of images with masks.
    fn data(folder: &Path) {
        let name = SegmentName { index: 0, start: Moment::Frame(0), end: Moment::Frame(4) };
        let mut writer = SegmentWriter::create(&folder.join("mouse"), &name).expect("new");
        let clip = folder.join("late");
        for part in ["frames", "masks"] {
            std::fs::create_dir_all(clip.join(part)).expect("room");
        }
        for t in 0..5 {
            let image = Array2::from_shape_fn((40, 50), |(y, x)| if disk(t, y, x) { 220u8 } else { 60 });
            let mask = Mask::of_image(&image.mapv(|v| v > 100)).expect("a disk");
            let rgb = Array3::from_shape_fn((40, 50, 3), |(y, x, _)| image[[y, x]]);
            let instances = vec![Instance { category: "a".into(), group: 1, mask }];
            writer.append(&SegmentFrame { name: Moment::Frame(t).to_string(), rgb, instances }).expect("room");
            let name = format!("{t:06}.png");
            sparkwave_io::png::write_gray8(&clip.join("frames").join(&name), image.view()).expect("room");
            let numbers = image.mapv(|v| if v > 100 { 7 } else { 0 });
            sparkwave_io::png::write_gray8(&clip.join("masks").join(&name), numbers.view()).expect("room");
        }
    }

    #[test]
    fn a_run_that_was_stopped_and_resumed_leaves_the_same_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        data(&at("data"));
        let tiny = Sam2Config { image_px: 64, ..Sam2Config::tiny() };
        let base = sparkwave_nn::sam2::untrained(&tiny, 3).expect("valid");
        sparkwave_io::weights::write(&base, &at("tiny.safetensors")).expect("room");
        let config = TuneRun {
            base: at("tiny.safetensors"),
            data: at("data"),
            validate_every: 2,
            checkpoint_every: 2,
            tune: TuneConfig { steps: 3, clip_frames: 2, image_px: 64, ..TuneConfig::default() },
        };
        let train = |out: &str, existing, progress: &dyn Progress| run(&config, &at(out), existing, Some(2), progress);
        let result = train("whole", Existing::Refuse, &Silent).expect("a network");
        let best = result.best.expect("a clip is held out");
        assert!([2, 3].contains(&best.step) && (0.0..=1.0).contains(&best.dice), "{best:?}");

        // Reading takes ten counts, one a frame: it is stopped as it is validated after two steps.
        let error = train("stopped", Existing::Refuse, &StopAfter::new(12)).expect_err("stopped");
        assert!(error.is_cancelled(), "{error}");
        let left = sparkwave_io::weights::read(&at("stopped").join(CHECKPOINT)).expect("a checkpoint").texts;
        assert_eq!((left["step"].as_str(), left["validations"].as_str()), ("2", "[]"));
        train("stopped", Existing::Resume, &Silent).expect("the rest");
        let names = ["best.safetensors", "last.safetensors", CHECKPOINT, "losses.csv", "losses.svg", "validation.csv"];
        for name in names {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("in both");
            assert!(read("whole") == read("stopped"), "{name} differs");
        }
        let best = sparkwave_io::weights::read(&at("whole/best.safetensors")).expect("readable");
        assert_eq!(Sam2Config::of(&best, 64), Some(tiny));
        assert!(Sam2::load(&tiny, &best, &sparkwave_nn::cpu()).is_ok());

        let other = TuneRun { base: at("whole").join(CHECKPOINT), ..config.clone() };
        let error = run(&other, &at("nowhere"), Existing::Refuse, None, &Silent).expect_err("another network");
        assert!(error.to_string().contains(CHECKPOINT) && !error.is_bad_parameter(), "{error}");
        std::fs::create_dir(at("nothing")).expect("room");
        let empty = TuneRun { data: at("nothing"), ..config };
        let error = run(&empty, &at("nowhere"), Existing::Refuse, None, &Silent).expect_err("no clips");
        assert!(error.to_string().contains("ISAT") && !at("nowhere").exists(), "{error}");
    }
}
