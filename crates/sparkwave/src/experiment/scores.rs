//! A trained network on the test recordings.

use crate::error::Error;
use crate::models::Model;
use crate::train::streams;
use crate::train::validate::{self, Labelled};
use ndarray::Array3;
use serde::{Deserialize, Serialize};
use sparkwave_analysis::evaluate::detection::{PrPoint, evaluate};
use sparkwave_analysis::experiment::{MovieScores, N_DFF_BINS, Outcomes, tally};
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use std::collections::BTreeMap;
use std::path::Path;

/// The fold that nothing is chosen on.
const FOLD: &str = "test";

/// The test recordings with the amplitude of each event, NaN where it is unknown.
pub(super) struct TestRecordings {
    recordings: Vec<(Labelled, Vec<f64>)>,
}

impl TestRecordings {
    pub(super) fn read(data: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        let listed = sparkwave_io::msct::list(data)?;
        let streams = streams::load(data, &listed, FOLD, progress)?;
        if streams.is_empty() {
            let expected = "a training file with recordings of the fold test";
            return Err(Error::Parameter { name: "data", expected, found: "none".into() });
        }
        let mut recordings = Vec::with_capacity(streams.len());
        let infos = listed.iter().filter(|info| info.fold == FOLD);
        for (labelled, info) in validate::with_truth(streams)?.into_iter().zip(infos) {
            let events = sparkwave_io::msct::read_events(data, FOLD, &info.stream)?;
            let dff = sparkwave_io::msct::read_peak_dff(data, FOLD, &info.stream)?.unwrap_or_default();
            let by_id: BTreeMap<u32, f64> = events.iter().zip(dff).map(|(e, dff)| (e.id as u32, dff)).collect();
            let dff = labelled.ids.iter().map(|id| by_id.get(id).copied().unwrap_or(f64::NAN)).collect();
            recordings.push((labelled, dff));
        }
        Ok(Self { recordings })
    }

    /// The scores of a model, computed on `device`, on each.
    pub(super) fn score(
        &self,
        model: &Path,
        device: &sparkwave_nn::Device,
        progress: &dyn Progress,
    ) -> Result<Vec<MovieScores>, Error> {
        let Model { weights, card, .. } = Model::open(model)?;
        let threshold = card.threshold.unwrap_or(0.5) as f32;
        let mut scores = Vec::with_capacity(self.recordings.len());
        for (labelled, truth_dff) in &self.recordings {
            let name = &labelled.stream.name;
            let events = labelled.events(&card.architecture, &weights, device, progress)?;
            let found: Vec<_> = events.iter().map(validate::detection).collect();
            let fail = |source| Error::Evaluate { path: name.into(), source };
            let all = evaluate(&labelled.truth, &found, &validate::mode()).map_err(fail)?;
            let kept: Vec<&Event> = events.iter().filter(|e| e.score >= threshold).collect();
            let at_threshold: Vec<_> = kept.iter().map(|e| validate::detection(e)).collect();
            let pairs = evaluate(&labelled.truth, &at_threshold, &validate::mode()).map_err(fail)?.pairs;
            // The file holds dF/F0 over noise: how bright a prediction is in dF/F0 is not known.
            let (outcomes, by_dff) = tally(&pairs, truth_dff, &vec![f64::NAN; kept.len()]);
            let label = streams::whole(labelled.stream.label.as_ref())?;
            let sizes = sizes(&label);
            let mut dice = vec![0.0; labelled.truth.len()];
            for pair in &pairs {
                let (id, event) = (labelled.ids[pair.truth], kept[pair.prediction]);
                let both =
                    event.voxels.iter().filter(|v| label[[v.t as usize, v.y as usize, v.x as usize]] == id as f32);
                let of_both = sizes.get(&id).copied().unwrap_or(0) + event.voxels.len();
                dice[pair.truth] = 2.0 * both.count() as f64 / of_both as f64;
            }
            scores.push(MovieScores { movie: name.clone(), curve: all.curve, ap: all.ap, outcomes, by_dff, dice });
        }
        Ok(scores)
    }
}

/// Voxels of each label.
fn sizes(label: &Array3<f32>) -> BTreeMap<u32, usize> {
    let mut sizes = BTreeMap::new();
    label.iter().filter(|id| **id > 0.0).for_each(|id| *sizes.entry(*id as u32).or_default() += 1);
    sizes
}

/// [`MovieScores`] in a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    movie: String,
    /// Threshold, precision, recall, found and spurious of each point.
    curve: Vec<(f64, f64, f64, usize, usize)>,
    ap: Option<f64>,
    /// Found, missed and spurious.
    outcomes: [usize; 3],
    by_dff: [[usize; 3]; N_DFF_BINS],
    dice: Vec<f64>,
}

/// The text of `scores.json`.
pub(super) fn to_json(scores: &[MovieScores]) -> String {
    let counts = |o: &Outcomes| [o.found, o.missed, o.spurious];
    let stored: Vec<Stored> = scores
        .iter()
        .map(|s| Stored {
            movie: s.movie.clone(),
            curve: s.curve.iter().map(|p| (p.threshold, p.precision, p.recall, p.tp, p.fp)).collect(),
            ap: s.ap,
            outcomes: counts(&s.outcomes),
            by_dff: std::array::from_fn(|i| counts(&s.by_dff[i])),
            dice: s.dice.clone(),
        })
        .collect();
    serde_json::to_string(&stored).expect("numbers are JSON")
}

/// Reads `scores.json`.
pub(super) fn read(path: &Path) -> Result<Vec<MovieScores>, Error> {
    let io = |source| sparkwave_io::Error::Io { operation: "read", path: path.to_path_buf(), source };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let stored: Vec<Stored> = serde_json::from_str(&text)
        .map_err(|e| Error::Config { path: path.to_path_buf(), message: format!("expected scores, found {e}") })?;
    let outcomes = |[found, missed, spurious]: [usize; 3]| Outcomes { found, missed, spurious };
    let point = |(threshold, precision, recall, tp, fp)| PrPoint { threshold, precision, recall, tp, fp };
    let scores = stored.into_iter().map(|s| MovieScores {
        movie: s.movie,
        curve: s.curve.into_iter().map(point).collect(),
        ap: s.ap,
        outcomes: outcomes(s.outcomes),
        by_dff: s.by_dff.map(outcomes),
        dice: s.dice,
    });
    Ok(scores.collect())
}
