//! The experiment on positive-unlabeled learning (Digital Discovery 2025, 4, 105, figures 3 and 4): a network for every ratio
//! of unlabeled crops, part of the recordings, draw and seed, each scored on the same test recordings.
//!
//! Every network is a training run of its own in `cells/`, with its scores beside it; a run that was stopped goes on where it
//! was. At the end stand `cells.csv`, `summary.csv`, `answer.txt` and the figures.

mod scores;

use crate::compute::Compute;
use crate::error::Error;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use crate::train::{self, Subset, TrainRun};
use serde::{Deserialize, Serialize};
use sparkwave_analysis::evaluate::detection::Resampling;
use sparkwave_analysis::experiment::{Cell, Condition, Model, best_against_none, summarize, summary_table};
use sparkwave_analysis::figure;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::Path;
use std::time::Instant;

/// The grid. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PuExperiment {
    /// Unlabeled crops for each event, one training each; 0 is training without them.
    pub ratios: Vec<usize>,
    /// Seeds of training.
    pub seeds: Vec<u64>,
    /// Parts of the recordings.
    pub parts: Vec<f64>,
    /// Draws of each part below 1.
    pub draws: u64,
    /// Everything else about training; its ratio, seed and part are those of the grid.
    pub train: TrainRun,
}

/// What the experiment found.
#[derive(Clone, Debug)]
pub struct PuResult {
    /// One sentence for each part of the recordings: whether unlabeled crops help.
    pub answers: Vec<String>,
    /// Networks that were trained.
    pub n_networks: usize,
}

/// One network of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    ratio: usize,
    subset: Subset,
    seed: u64,
}

impl Place {
    fn name(&self) -> String {
        let Subset { part, draw } = self.subset;
        format!("part-{part}-draw-{draw}-ratio-{}-seed-{}", self.ratio, self.seed)
    }
}

impl PuExperiment {
    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }

    /// The networks of the grid, seed by seed, so that a run that is stopped early has whole repetitions.
    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for &seed in &self.seeds {
            for &part in &self.parts {
                for draw in 0..if part < 1.0 { self.draws } else { 1 } {
                    let place = |&ratio: &usize| Place { ratio, subset: Subset { part, draw }, seed };
                    places.extend(self.ratios.iter().map(place));
                }
            }
        }
        places
    }
}

/// Trains and scores every network of the grid that is not there yet, and draws the figures.
///
/// # Errors
/// If the grid is empty, there is no such device, the training file has no test recordings, the folder is not free, a training fails, or the user
/// cancels; a cancelled run can be resumed.
pub fn run(
    config: &PuExperiment,
    out: &Path,
    existing: Existing,
    compute: impl Into<Compute>,
    progress: &dyn Progress,
) -> Result<PuResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let places = config.places();
    if places.is_empty() {
        let expected = "at least one ratio, seed and part of the recordings";
        return Err(Error::Parameter { name: "grid", expected, found: "none".into() });
    }
    let compute = compute.into();
    let (pool, device) = (crate::pool(compute.threads)?, compute.device.open()?);
    let tests = pool.install(|| scores::TestRecordings::read(&config.train.data, &clock))?;
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(config)?)?;
    let cells_folder = folder.create_subfolder("cells")?;
    let mut cells = Vec::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        let cell_folder = cells_folder.join(place.name());
        let stored = cell_folder.join("scores.json");
        let is_missing = |file: &str| folder.is_missing(&format!("cells/{}/{file}", place.name()));
        if is_missing("scores.json") {
            progress.begin(&format!("network {} of {}: {}", i + 1, places.len(), place.name()), 1);
            let mut run = config.train.clone();
            (run.train.pu_ratio, run.train.seed, run.subset) = (place.ratio, place.seed, place.subset);
            let existing = if is_missing("run.toml") { Existing::Overwrite } else { Existing::Resume };
            train::run(&run, &cell_folder, existing, compute, progress)?;
            let model = cell_folder.join("best.safetensors");
            let scored = pool.install(|| tests.score(&model, &device, progress))?;
            sparkwave_io::atomic::write_atomic(&stored, scores::to_json(&scored).as_bytes())?;
        }
        let movies = scores::read(&stored)?;
        let condition = Condition {
            model: Model::UNet,
            subset: place.subset.part,
            ratio: u32::try_from(place.ratio).unwrap_or(u32::MAX),
        };
        let draw = u32::try_from(place.subset.draw).unwrap_or(u32::MAX);
        cells.push(Cell { condition, draw, seed: place.seed, movies });
    }

    clock.begin("summary", 1);
    let summaries = summarize(&cells, &Resampling::default());
    folder.write_table("cells", &cell_table(&cells), false)?;
    folder.write_table("summary", &summary_table(&summaries), false)?;
    let answers: Vec<String> = best_against_none(&summaries).iter().map(|c| c.sentence()).collect();
    folder.write("answer.txt", (answers.join("\n") + "\n").as_bytes())?;
    for figure in figure::experiment::figures(&summaries) {
        folder.write_figure(&figure)?;
    }
    let mut record = RunRecord::new("experiment pu", 0, pool.current_num_threads());
    record.computes_on(&device);
    record.inputs.push(input_record(&config.train.data, &|| clock.is_cancelled())?);
    record.finish(started, &clock, serde_json::json!({"answers": answers, "n_networks": cells.len()}), &folder)?;
    Ok(PuResult { answers, n_networks: cells.len() })
}

/// A row for each network and test recording.
fn cell_table(cells: &[Cell]) -> Table {
    let rows: Vec<_> = cells.iter().flat_map(|cell| cell.movies.iter().map(move |movie| (cell, movie))).collect();
    let mut table = Table::new();
    table.push("part", rows.iter().map(|(c, _)| Value::float(c.condition.subset)).collect());
    table.push("draw", rows.iter().map(|(c, _)| Value::Int(i64::from(c.draw))).collect());
    table.push("ratio", rows.iter().map(|(c, _)| Value::Int(i64::from(c.condition.ratio))).collect());
    table.push("seed", rows.iter().map(|(c, _)| Value::Int(c.seed as i64)).collect());
    table.push("movie", rows.iter().map(|(_, m)| Value::Text(m.movie.clone())).collect());
    table.push("ap", rows.iter().map(|(_, m)| Value::maybe(m.ap)).collect());
    table.push("precision", rows.iter().map(|(_, m)| Value::maybe(m.outcomes.precision())).collect());
    table.push("recall", rows.iter().map(|(_, m)| Value::maybe(m.outcomes.recall())).collect());
    table.push("f1", rows.iter().map(|(_, m)| Value::maybe(m.outcomes.f1())).collect());
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Known, SimulateDataset, simulate};
    use sparkwave_core::progress::Silent;
    use sparkwave_nn::card::Architecture;
    use sparkwave_nn::models::unet3d::UNet3dConfig;
    use sparkwave_nn::train::TrainConfig;

    #[test]
    fn a_grid_ends_in_an_answer_and_is_resumed_where_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("d.h5");
        let size = SimulateDataset { train: 6, valid: 1, test: 2, n_frames: 100, edge: 80, known: Known::All, seed: 5 };
        simulate(&size, &data, false, Some(2), &Silent).expect("a training file");
        let shape = UNet3dConfig { width: 2, pools: vec![[2, 2, 2]], ..UNet3dConfig::sparks() };
        let config = PuExperiment {
            ratios: vec![0, 2],
            seeds: vec![1, 2],
            parts: vec![0.5, 1.0],
            draws: 1,
            train: TrainRun {
                data,
                validate_every: 0,
                checkpoint_every: 10,
                architecture: Architecture::Unet3d(shape),
                subset: Subset::default(),
                train: TrainConfig { steps: 3, batch: 2, crop: [16; 3], ..TrainConfig::default() },
            },
        };
        let out = folder.path().join("out");
        let result = run(&config, &out, Existing::Refuse, Some(2), &Silent).expect("a grid");
        assert_eq!((result.n_networks, result.answers.len()), (8, 2));
        assert!(result.answers[0].contains("1:0") && result.answers[0].contains("1:2"), "{:?}", result.answers);
        let read = |name: &str| std::fs::read(out.join(name)).expect("written");
        assert_eq!(String::from_utf8(read("cells.csv")).expect("text").lines().count(), 1 + 8 * 2);
        let whole = [read("cells.csv"), read("summary.csv"), read("answer.txt")];

        // As if it had been stopped after the first networks.
        let last = out.join("cells/part-1-draw-0-ratio-2-seed-2");
        std::fs::remove_dir_all(&last).expect("there");
        for name in ["cells.csv", "summary.csv", "answer.txt", "run.json"] {
            std::fs::remove_file(out.join(name)).expect("there");
        }
        run(&config, &out, Existing::Resume, Some(2), &Silent).expect("the rest");
        assert!(last.join("scores.json").exists());
        assert_eq!([read("cells.csv"), read("summary.csv"), read("answer.txt")], whole);
    }
}
