//! Training of the propagator inside the program: simulated waves and other things that move become clips, clips become a
//! network that follows objects from a prompt.
//!
//! A run writes `checkpoint.safetensors` (everything needed to go on), `best.safetensors` and `last.safetensors` (the model of
//! the highest Dice coefficient on clips that it did not learn from, and that of the last step), `losses.csv`,
//! `validation.csv` and `losses.svg`. A run that was stopped at any moment and resumed gives the same bytes as one that was
//! not.

use super::history::Score;
use super::steps::{self, Pace, Trainee};
use crate::error::Error;
use crate::propagate::mask_track::CARD;
use crate::provenance::{RunRecord, input_record, version};
use crate::run_folder::{Existing, RunFolder, config_text, read_config};
use crate::stage_clock::StageClock;
use crate::waves::shape::MIN_FRAME_MM2;
use ndarray::{Array2, Array3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::progress::Progress;
use sparkwave_core::synth::{MovingShape, WavesParams, WavesScene, waves};
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::WaveFrame;
use sparkwave_core::weights::Weights;
use sparkwave_nn::mask_track::{Clip, MaskTraining, MaskTrainingConfig, dice_of_followed};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Every parameter of a run. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskTrackRun {
    /// The weights that it begins with; drawn at random if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// Simulated recordings of waves to learn from; an eighth as many are held out.
    pub recordings: usize,
    /// Simulated movies of other things that move; an eighth as many are held out.
    pub shapes: usize,
    /// Edge of the frames, px, 64 to 512.
    pub edge_px: usize,
    /// Steps between validations and checkpoints, at least 1.
    pub checkpoint_every: usize,
    /// How it is trained.
    pub train: MaskTrainingConfig,
}

impl Default for MaskTrackRun {
    fn default() -> Self {
        Self {
            base: None,
            recordings: 256,
            shapes: 200,
            edge_px: 192,
            checkpoint_every: 500,
            train: MaskTrainingConfig::default(),
        }
    }
}

impl MaskTrackRun {
    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_config(path)
    }

    fn check(&self) -> Result<(), Error> {
        self.train.check()?;
        let fail = |name, expected, found: usize| Err(Error::Parameter { name, expected, found: found.to_string() });
        if self.recordings + self.shapes == 0 {
            return fail("recordings and shapes", "at least 1", 0);
        }
        if !(64..=512).contains(&self.edge_px) {
            return fail("edge", "64 to 512 px", self.edge_px);
        }
        if self.checkpoint_every == 0 {
            return fail("checkpoint every", "at least 1 step", 0);
        }
        Ok(())
    }
}

/// How well objects are followed from their first mask, on clips that were held out: mean Dice coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowingScore {
    /// After so many steps.
    pub step: usize,
    /// Of waves.
    pub waves: Option<f64>,
    /// Of other things.
    pub shapes: Option<f64>,
}

impl Score for FollowingScore {
    const DRAWN: &'static str = "Dice";

    fn step(&self) -> usize {
        self.step
    }

    /// The mean of those that are known.
    fn merit(&self) -> f64 {
        let known: Vec<f64> = [self.waves, self.shapes].into_iter().flatten().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }

    fn drawn(&self) -> Option<f64> {
        Some(self.merit())
    }

    fn table(scores: &[Self]) -> Table {
        let mut table = Table::new();
        table.push("step", scores.iter().map(|v| Value::Int(v.step as i64)).collect());
        table.push("dice_of_waves", scores.iter().map(|v| Value::maybe(v.waves)).collect());
        table.push("dice_of_shapes", scores.iter().map(|v| Value::maybe(v.shapes)).collect());
        table
    }
}

/// Trains the network and writes it into `out`; gives the best validation.
///
/// # Errors
/// If a parameter makes no sense, the folder is not free, a file cannot be written, or the user cancels; a cancelled run can be
/// resumed.
pub fn run(
    config: &MaskTrackRun,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<FollowingScore, Error> {
    crate::pool(threads)?.install(|| {
        let started = Instant::now();
        config.check()?;
        let clock = StageClock::new(progress);
        let training = match &config.base {
            Some(base) => MaskTraining::from(&config.train, &sparkwave_io::weights::read(base)?)
                .map_err(|e| Error::of_weights(base, e))?,
            None => MaskTraining::new(&config.train)?,
        };
        let folder = RunFolder::open(out, existing, &config_text(config)?)?;
        let mut record = RunRecord::new("train mask-track", config.train.seed, rayon::current_num_threads());
        if let Some(base) = &config.base {
            record.inputs.push(input_record(base, &|| clock.is_cancelled())?);
        }
        let clips = Clips::simulate(config, &clock)?;
        let every = config.checkpoint_every;
        let pace = Pace { steps: config.train.steps, validate_every: every, checkpoint_every: every };
        let history = steps::take(Run { config, clips: &clips, training }, pace, &folder, &clock)?;
        let best = history.best().copied().unwrap_or(FollowingScore { step: 0, waves: None, shapes: None });
        let summary =
            serde_json::json!({ "step": best.step, "dice_of_waves": best.waves, "dice_of_shapes": best.shapes });
        record.finish(started, &clock, summary, &folder)?;
        Ok(best)
    })
}

/// What it learns from, and what it is held against: waves, and other things that move.
struct Clips {
    train: [Vec<Clip>; 2],
    valid: [Vec<Clip>; 2],
}

/// Seeds of recordings and shapes are counted from the run's, held-out ones from far away.
const HELD_OUT: u64 = 1 << 32;

impl Clips {
    fn simulate(config: &MaskTrackRun, progress: &dyn Progress) -> Result<Self, Error> {
        let (recordings, shapes) = (config.recordings, config.shapes);
        let held_out = |n: usize| n.div_ceil(8);
        let total = recordings + held_out(recordings) + shapes + held_out(shapes);
        progress.begin("simulate", total as u64);
        let first = config.train.seed << 16;
        let many = |n: usize, from: u64, make: &(dyn Fn(u64) -> Result<Vec<Clip>, Error> + Sync)| {
            let made = (0..n as u64).into_par_iter().map(|i| {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let clips = make(from + i)?;
                progress.advance(1);
                Ok(clips)
            });
            Ok::<_, Error>(made.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect::<Vec<Clip>>())
        };
        let waves = |seed: u64| clips_of_waves(config.edge_px, seed);
        let shape = |seed: u64| Ok(vec![clip_of_a_shape(config.edge_px, seed)]);
        Ok(Self {
            train: [many(recordings, first, &waves)?, many(shapes, first, &shape)?],
            valid: [
                many(held_out(recordings), first + HELD_OUT, &waves)?,
                many(held_out(shapes), first + HELD_OUT, &shape)?,
            ],
        })
    }

    fn score(&self, training: &MaskTraining, progress: &dyn Progress) -> Result<FollowingScore, Error> {
        let weights = training.weights();
        progress.begin("validate", self.valid.iter().map(|clips| clips.len() as u64).sum());
        let mean = |clips: &[Clip]| {
            let mut scores = Vec::new();
            for clip in clips {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                scores.extend(dice_of_followed(&weights, clip)?);
                progress.advance(1);
            }
            Ok::<_, Error>((!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64))
        };
        let [waves, shapes] = &self.valid;
        Ok(FollowingScore { step: training.step(), waves: mean(waves)?, shapes: mean(shapes)? })
    }
}

/// Frames of a clip of a shape.
const SHAPE_FRAMES: usize = 10;

fn clip_of_a_shape(edge_px: usize, seed: u64) -> Clip {
    let MovingShape { frames, masks } = MovingShape::draw(SHAPE_FRAMES, edge_px, seed);
    Clip { frames, masks }
}

/// Intervals before and after a wave that belong to its clip.
const AROUND: usize = 2;
/// Length of a recording, s: room for one wave or two.
const DURATION_S: f64 = 260.0;

/// The rates of change over the intervals of a recording in which there is a wave, a clip for each wave.
fn clips_of_waves(edge_px: usize, seed: u64) -> Result<Vec<Clip>, Error> {
    let params = varied_waves(edge_px, seed);
    let scene = WavesScene::new(&params, seed)?;
    let pixel_mm2 = (params.field_mm / edge_px as f64).powi(2);
    let rest = scene.rest();
    let step = waves::INTERVAL_S;
    let n = scene.intervals().len();
    let rate = |i: usize| -> Array2<f32> {
        let (Some(from), Some(to)) = (scene.second(i * step), scene.second((i + 1) * step)) else {
            return Array2::from_elem(rest.dim(), f32::NAN);
        };
        (to - from) / &rest
    };
    let clips = scene.waves().iter().filter_map(|wave| {
        // Nobody would point at less.
        let visible = |frame: &&WaveFrame| frame.mask.n_pixels() as f64 * pixel_mm2 >= MIN_FRAME_MM2;
        let first = wave.frames.iter().find(visible)?.frame;
        let last = wave.frames.iter().rfind(visible)?.frame;
        let frames: Vec<usize> = (first.saturating_sub(AROUND)..(last + 1 + AROUND).min(n)).collect();
        let mut clip = Clip {
            frames: Array3::zeros((frames.len(), edge_px, edge_px)),
            masks: Array3::from_elem((frames.len(), edge_px, edge_px), false),
        };
        for (i, &frame) in frames.iter().enumerate() {
            clip.frames.index_axis_mut(Axis(0), i).assign(&rate(frame));
            if (first..=last).contains(&frame) {
                clip.masks.index_axis_mut(Axis(0), i).assign(&scene.masks(frame).mapv(|id| id == wave.id));
            }
        }
        Some(clip)
    });
    Ok(clips.collect())
}

/// Recordings of different cameras and animals that move more or less, as if registered more or less well.
fn varied_waves(edge_px: usize, seed: u64) -> WavesParams {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut log_uniform = |low: f64, high: f64| (rng.random_range(low.ln()..high.ln())).exp();
    let (amplitude, noise) = (log_uniform(0.003, 0.03), log_uniform(0.001, 0.012));
    let (vasomotion, slow) = (log_uniform(0.02, 0.3) * amplitude, log_uniform(1.8, 3.6));
    let (motion_rms_px, speed_variation) = (log_uniform(0.02, 0.6), log_uniform(0.05, 0.3));
    let (flicker, jolts_per_minute) = (log_uniform(0.0003, 0.004), log_uniform(0.05, 1.0));
    let (field_mm, amplitude_decay_mm) = (log_uniform(7.0, 12.0), log_uniform(5.0, 15.0));
    WavesParams {
        duration_s: DURATION_S,
        height: edge_px,
        width: edge_px,
        field_mm,
        n_waves: 2,
        n_overlapping: usize::from(rng.random_bool(0.5)),
        amplitude: (amplitude, 1.5 * amplitude),
        speed_mm_min: (slow, 1.6 * slow),
        speed_variation,
        amplitude_decay_mm,
        noise,
        motion_rms_px,
        jolts_per_minute,
        flicker,
        vasomotion,
        ..WavesParams::default()
    }
}

/// A run on its way.
struct Run<'a> {
    config: &'a MaskTrackRun,
    clips: &'a Clips,
    training: MaskTraining,
}

impl Trainee for Run<'_> {
    type Score = FollowingScore;

    fn step(&self) -> usize {
        self.training.step()
    }

    fn advance(&mut self) -> Result<f32, Error> {
        Ok(self.training.advance(&self.clips.train)?)
    }

    fn score(&self, progress: &dyn Progress) -> Result<Option<FollowingScore>, Error> {
        self.clips.score(&self.training, progress).map(Some)
    }

    fn model(&self, latest: Option<&FollowingScore>) -> Result<Weights, Error> {
        let mut weights = self.training.weights();
        let card = serde_json::json!({
            "name": "mask-track", "version": version(), "training": self.config, "steps": self.step(),
            "scores": latest, "licence": "MIT OR Apache-2.0",
        });
        weights.texts.insert(CARD.into(), card.to_string());
        Ok(weights)
    }

    fn checkpoint(&self) -> Weights {
        self.training.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Weights) -> sparkwave_nn::error::Result<()> {
        self.training.resume(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::CHECKPOINT;
    use super::*;
    use crate::propagate::Display;
    use crate::propagate::propagator::propagator;
    use crate::stop_after::StopAfter;
    use sparkwave_core::movie::MovieShape;
    use sparkwave_core::progress::Silent;

    #[test]
    fn a_run_that_was_stopped_and_resumed_leaves_the_same_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let config = MaskTrackRun {
            recordings: 0,
            shapes: 2,
            edge_px: 64,
            checkpoint_every: 2,
            train: MaskTrainingConfig { steps: 3, batch: 2, ..MaskTrainingConfig::default() },
            ..MaskTrackRun::default()
        };
        let train = |out: &str, existing, progress: &dyn Progress| run(&config, &at(out), existing, Some(2), progress);
        let best = train("whole", Existing::Refuse, &Silent).expect("a network");
        assert!([2, 3].contains(&best.step) && best.waves.is_none() && best.shapes.is_some(), "{best:?}");
        // Simulating takes three counts, one a movie: it is stopped as it is validated after two steps.
        let error = train("stopped", Existing::Refuse, &StopAfter::new(5)).expect_err("stopped");
        assert!(error.is_cancelled(), "{error}");
        let left = sparkwave_io::weights::read(&at("stopped").join(CHECKPOINT)).expect("a checkpoint").texts;
        assert_eq!((left["step"].as_str(), left["validations"].as_str()), ("2", "[]"));
        train("stopped", Existing::Resume, &Silent).expect("the rest");
        let names = ["best.safetensors", "last.safetensors", CHECKPOINT, "losses.csv", "losses.svg", "validation.csv"];
        for name in names {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("in both");
            assert!(read("whole") == read("stopped"), "{name} differs");
        }
        let movie = MovieShape { n_frames: 3, height: 64, width: 64 };
        let display = Display { black: 0.0, white: 1.0 };
        let opened = propagator(&at("whole").join("best.safetensors"), None, movie, display).expect("a propagator");
        assert_eq!(opened.description()["mask_track"]["training"]["shapes"], 2, "{}", opened.description());
        let base = at("whole").join("best.safetensors");
        let further = MaskTrackRun { base: Some(base.clone()), ..config.clone() };
        run(&further, &at("further"), Existing::Refuse, Some(2), &Silent).expect("a network");
        let record = std::fs::read_to_string(at("further").join("run.json")).expect("there");
        let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        let digest = input_record(&base, &|| false).expect("readable").sha256;
        assert_eq!(
            (&record["inputs"][0]["path"], &record["inputs"][0]["sha256"]),
            (&base.to_str().into(), &digest.into())
        );
        let checkpoint = at("whole").join(CHECKPOINT);
        let other = MaskTrackRun { base: Some(checkpoint.clone()), ..config.clone() };
        let error = run(&other, &at("odd"), Existing::Refuse, None, &Silent).expect_err("another network");
        assert!(error.to_string().contains(CHECKPOINT) && !error.is_bad_parameter(), "{error}");
        let mut damaged = sparkwave_io::weights::read(&checkpoint).expect("readable");
        damaged.texts.remove("step");
        sparkwave_io::weights::write(&damaged, &checkpoint).expect("room");
        let error = train("whole", Existing::Resume, &Silent).expect_err("no step");
        assert!(error.to_string().contains(CHECKPOINT) && !error.is_bad_parameter(), "{error}");
        let odd = MaskTrackRun { shapes: 0, ..config };
        assert!(run(&odd, &at("odd"), Existing::Refuse, None, &Silent).expect_err("no movies").is_bad_parameter());
    }
}
