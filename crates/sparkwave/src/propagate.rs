//! Propagation: objects that a person pointed at in some frames of a movie, followed through the others by a
//! [`Propagator`], such as SAM 2 (Ravi et al. 2024, arXiv 2408.00714) from a published checkpoint.
//!
//! Frames are read one by one and masks are written as they come, so a movie of any length takes the same memory. Beside
//! every mask stands how far it is to be trusted.

mod course;
mod display;
mod outputs;
pub mod propagator;
mod sam2;

pub use course::Course;
pub use display::Display;

use crate::error::Error;
use crate::provenance::RunRecord;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use course::Pass;
use ndarray::{Array2, Axis};
use outputs::{MaskFolder, Row, Rows};
use propagator::{Followed, Propagator};
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::source::FrameSource;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Every parameter of a run. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropagateConfig {
    /// The movie.
    pub input: PathBuf,
    /// What is to be followed, and from where: JSON.
    pub prompts: PathBuf,
    /// A checkpoint of SAM 2 or 2.1.
    pub model: PathBuf,
    /// Pixels along each edge of the square image that the network sees, a multiple of 32; the checkpoints were trained
    /// with 1024.
    pub image_px: usize,
    /// The first frame to be followed to, and the last; from end to end by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<usize>,
    /// As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_frame: Option<usize>,
    /// In which direction.
    pub course: Course,
    /// The values that are shown black and white; the 0.1 and 99.9 percentiles of some frames by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// Masks of which the network, or the mask before, makes less than this are doubtful, 0 to 1.
    pub doubt: f32,
    /// Whether to stop at the first doubtful frame, to be asked.
    pub stop_at_doubt: bool,
    /// Whether frames and ISAT labels are written as a data set.
    pub isat: bool,
}

impl PropagateConfig {
    /// The defaults.
    #[must_use]
    pub fn new(input: &Path, prompts: &Path, model: &Path) -> Self {
        Self {
            input: input.to_path_buf(),
            prompts: prompts.to_path_buf(),
            model: model.to_path_buf(),
            image_px: 1024,
            first_frame: None,
            last_frame: None,
            course: Course::Both,
            display: None,
            doubt: 0.5,
            stop_at_doubt: false,
            isat: false,
        }
    }
}

/// What a run ended with.
#[derive(Clone, Debug)]
pub struct PropagateResult {
    /// Frames of which masks were written.
    pub n_frames: usize,
    /// Objects.
    pub n_objects: usize,
    /// Frames in which some mask is doubtful, in order.
    pub doubtful: Vec<usize>,
    /// Where it stopped to be asked.
    pub stopped_at: Option<usize>,
    /// The record written to `run.json`.
    pub record: RunRecord,
}

/// Follows the objects and writes `masks/`, `labels.tif`, `objects.csv` and `overlay.mp4` into `out`.
///
/// # Errors
/// If a file cannot be read or is not what it should be, a parameter makes no sense, the folder is not free, a file cannot
/// be written, or the user cancels; what was written stays.
pub fn run(
    config: &PropagateConfig,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<PropagateResult, Error> {
    crate::pool(threads)?.install(|| run_here(config, out, existing, progress))
}

fn run_here(
    config: &PropagateConfig,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<PropagateResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let source = sparkwave_io::open(&config.input)?;
    let source = source.as_ref();
    let shape = source.shape();
    let prompts = sparkwave_io::prompts::read(&config.prompts, shape)?;
    let range = course::range(config, shape.n_frames)?;
    let passes = course::passes(config.course, &range, prompts.iter().map(|p| p.frame))?;
    let display = display::resolve(config.display, source)?;
    clock.begin("read model", 1);
    let mut propagator = propagator::propagator(config, source, display)?;
    clock.advance(1);
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(config)?)?;
    let mut record = RunRecord::new("propagate", 0, rayon::current_num_threads());
    let paths = [&config.input, &config.prompts, &config.model].map(PathBuf::as_path);
    let task = Task { config, source, prompts: &prompts, display, folder: &folder, clock: &clock };
    let work = || task.follow(propagator.as_mut(), &passes);
    let (rows, stopped_at) = record.with_inputs(&paths, &clock, work)?;
    let frames: BTreeSet<usize> = rows.keys().map(|(frame, _)| *frame).collect();
    let objects: BTreeSet<u32> = rows.keys().map(|(_, object)| *object).collect();
    let doubtful: BTreeSet<usize> = rows.iter().filter(|(_, r)| r.doubtful).map(|((frame, _), _)| *frame).collect();
    let summary = serde_json::json!({
        "n_frames": frames.len(),
        "n_objects": objects.len(),
        "doubtful_frames": doubtful,
        "stopped_at": stopped_at,
        "model": propagator.description(),
        "display": display,
        "out": folder.path(),
    });
    record.finish(started, &clock, summary, &folder)?;
    let doubtful = doubtful.into_iter().collect();
    Ok(PropagateResult { n_frames: frames.len(), n_objects: objects.len(), doubtful, stopped_at, record })
}

/// What is followed, through what, and where it goes.
struct Task<'a> {
    config: &'a PropagateConfig,
    source: &'a dyn FrameSource,
    prompts: &'a [Prompt],
    display: Display,
    folder: &'a RunFolder,
    clock: &'a StageClock<'a>,
}

impl Task<'_> {
    /// Follows the objects and writes their files; gives what is known of each in each frame, and where it stopped to be
    /// asked.
    fn follow(&self, propagator: &mut dyn Propagator, passes: &[Pass]) -> Result<(Rows, Option<usize>), Error> {
        let Task { config, source, prompts, display, folder, clock } = *self;
        let size = [source.shape().height, source.shape().width];
        prompt(propagator, prompts, source, clock)?;
        let masks = MaskFolder::create(folder)?;
        let mut rows = Rows::new();
        let mut stopped_at = None;
        'passes: for pass in passes {
            clock.begin(pass.name(), pass.frames.len() as u64);
            let mut before: BTreeMap<u32, Array2<bool>> = BTreeMap::new();
            for &frame in &pass.frames {
                if clock.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let pixels = pixels(source, frame)?;
                let found = propagator.step(frame, pixels.view(), pass.direction)?;
                let labels = labels(&found, size);
                masks.write(frame, &labels)?;
                let mut doubtful = false;
                for object in &found {
                    let mask = labels.mapv(|label| label == object.object);
                    let asked = prompts.iter().any(|p| (p.frame, p.object) == (frame, object.object));
                    let agreement = before.get(&object.object).and_then(|earlier| outputs::agreement(earlier, &mask));
                    let row = Row::new(object, &mask, agreement, asked, config.doubt);
                    doubtful |= row.doubtful;
                    rows.insert((frame, object.object), row);
                    before.insert(object.object, mask);
                }
                clock.advance(1);
                if doubtful && config.stop_at_doubt {
                    stopped_at = Some(frame);
                    break 'passes;
                }
            }
        }
        outputs::finish(config, source, display, folder, &masks, &rows, clock)?;
        Ok((rows, stopped_at))
    }
}

/// Tells the propagator all that was said, in the order of frames.
fn prompt(
    propagator: &mut dyn Propagator,
    prompts: &[Prompt],
    source: &dyn FrameSource,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let mut in_order: Vec<&Prompt> = prompts.iter().collect();
    in_order.sort_by_key(|p| p.frame);
    progress.begin("prompts", in_order.len() as u64);
    for prompt in in_order {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        propagator.prompt(prompt, pixels(source, prompt.frame)?.view())?;
        progress.advance(1);
    }
    Ok(())
}

/// The values of a frame, `[y, x]`.
fn pixels(source: &dyn FrameSource, frame: usize) -> Result<Array2<f32>, Error> {
    let block = source.read(Span::new(frame, frame + 1), Span::new(0, source.shape().height))?.to_f32();
    Ok(block.index_axis_move(Axis(0), 0))
}

/// The object of each pixel, the surest one; 0 where there is none.
fn labels(found: &[Followed], [height, width]: [usize; 2]) -> Array2<u32> {
    let mut labels = Array2::zeros((height, width));
    let mut surest = Array2::<f32>::zeros((height, width));
    for object in found {
        for ((label, best), &logit) in labels.iter_mut().zip(&mut surest).zip(&object.logits) {
            if logit > *best {
                (*label, *best) = (object.object, logit);
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::recording::Recording;
    use sparkwave_io::write::{MovieWriter, WriteOptions};
    use sparkwave_nn::sam2::Sam2Config;

    /// The checkpoint that was never trained follows nothing; what is asked is that all files come, and the same ones again.
    #[test]
    fn a_movie_is_followed_both_ways_and_every_frame_has_its_masks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let disc = |t: usize, y: usize, x: usize| y.abs_diff(30).pow(2) + x.abs_diff(20 + 2 * t).pow(2) < 100;
        let movie = Array3::from_shape_fn((6, 64, 80), |(t, y, x)| if disc(t, y, x) { 900u16 } else { 200 });
        let pixels = Pixels::U16(movie);
        let (options, recording) = (WriteOptions::default(), Recording::default());
        let mut writer =
            MovieWriter::create(&at("movie.tif"), pixels.shape(), pixels.pixel_type(), &recording, &options)
                .expect("new");
        writer.append(&pixels).expect("room");
        writer.finish().expect("room");
        let prompts = serde_json::json!({"frames": 6, "prompts": [
            {"frame": 2, "object": 1, "box": {"y0": 19.0, "x0": 13.0, "y1": 41.0, "x1": 35.0}},
            {"frame": 4, "object": 7, "points": [{"y": 5.0, "x": 70.0}, {"y": 60.0, "x": 5.0, "positive": false}]},
        ]});
        std::fs::write(at("prompts.json"), prompts.to_string()).expect("room");
        let tiny = Sam2Config { image_px: 64, ..Sam2Config::tiny() };
        let weights = sparkwave_nn::sam2::untrained(&tiny, 3).expect("valid");
        sparkwave_io::weights::write(&weights, &at("tiny.safetensors")).expect("room");
        let config = PropagateConfig {
            image_px: 64,
            isat: true,
            ..PropagateConfig::new(&at("movie.tif"), &at("prompts.json"), &at("tiny.safetensors"))
        };
        let result = run(&config, &at("out"), Existing::Refuse, Some(2), &Silent).expect("followed");
        assert_eq!((result.n_frames, result.n_objects, result.stopped_at), (6, 2, None));
        let labels = sparkwave_io::labels::read(&at("out/labels.tif")).expect("labels");
        assert_eq!(labels.dim(), (6, 64, 80));
        assert!(labels.iter().all(|label| [0, 1, 7].contains(label)));
        for name in ["masks/000005.png", "objects.csv", "overlay.mp4", "run.json"] {
            assert!(at("out").join(name).is_file(), "{name}");
        }
        let table = std::fs::read_to_string(at("out/objects.csv")).expect("text");
        assert_eq!(table.lines().count(), 1 + 12);
        let prompted = |line: &&str| line.split(',').nth(8) == Some("true");
        let rows: Vec<&str> = table.lines().filter(prompted).collect();
        assert!(rows.len() == 2 && rows[0].starts_with("2,1,") && rows[1].starts_with("4,7,"), "{rows:?}");
        run(&config, &at("again"), Existing::Refuse, Some(1), &Silent).expect("followed");
        for name in ["objects.csv", "labels.tif", "overlay.mp4"] {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("there");
            assert!(read("out") == read("again"), "{name} differs");
        }

        let early = PropagateConfig { stop_at_doubt: true, doubt: 1.0, ..config.clone() };
        let result = run(&early, &at("asked"), Existing::Refuse, None, &Silent).expect("stopped");
        assert!(result.stopped_at.is_some() && result.n_frames < 6);
        let odd = PropagateConfig { first_frame: Some(9), ..config };
        let error = run(&odd, &at("odd"), Existing::Refuse, None, &Silent).expect_err("beyond the movie");
        assert!(error.is_bad_parameter() && !at("odd").exists(), "{error}");
    }
}
