//! Validation on whole recordings: what a user would get, not a loss on crops that all hold an event.

use super::history::Score;
use super::streams::{blocks, whole};
use crate::error::Error;
use crate::sparks::learned;
use serde::{Deserialize, Serialize};
use sparkwave_analysis::evaluate::detection::{Detection, Limits, Mode, evaluate};
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::weights::Weights;
use sparkwave_nn::Device;
use sparkwave_nn::card::Architecture;
use sparkwave_nn::stream::Stream;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest distance between an event and its prediction: those of the published rule, in pixels and in frames apart.
const LIMIT_PX: f64 = 6.0;
const LIMIT_FRAMES: f64 = 6.0;

/// A recording that is not learned from, and where its events are.
pub(crate) struct Labelled {
    pub(crate) stream: Stream,
    pub(crate) truth: Vec<Detection>,
    /// The label of each.
    pub(crate) ids: Vec<u32>,
}

impl Labelled {
    /// All events, however improbable, that a network finds in it.
    pub(crate) fn events(
        &self,
        architecture: &Architecture,
        weights: &Weights,
        device: &Device,
        progress: &dyn Progress,
    ) -> Result<Vec<Event>, Error> {
        learned::events(architecture, weights, &whole(self.stream.input.as_ref())?, device, progress)
    }
}

/// Finds the events of recordings, once for all times that they are scored.
pub(crate) fn with_truth(streams: Vec<Stream>) -> Result<Vec<Labelled>, Error> {
    let labelled = |stream: Stream| {
        let (ids, truth) = truths(stream.label.as_ref())?.into_iter().unzip();
        Ok(Labelled { stream, truth, ids })
    };
    streams.into_iter().map(labelled).collect()
}

/// The scores of a network after some steps, means over the validation recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps taken.
    pub step: usize,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// F1 at the threshold.
    pub f1: Option<f64>,
    /// The threshold of the highest mean F1.
    pub threshold: Option<f64>,
}

impl Validation {
    /// The scores by name, for a model card.
    pub(super) fn scores(&self) -> BTreeMap<String, f64> {
        let named = [("validation_ap", self.average_precision), ("validation_f1", self.f1)];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Score for Validation {
    const DRAWN: &'static str = "Average precision";

    fn step(&self) -> usize {
        self.step
    }

    /// F1 at its threshold: a network that was trained for too long may still rank its events well while no threshold fits all
    /// recordings.
    fn merit(&self) -> f64 {
        self.f1.unwrap_or(0.0)
    }

    fn drawn(&self) -> Option<f64> {
        self.average_precision
    }

    fn table(scores: &[Self]) -> Table {
        let mut table = Table::new();
        table.push("step", scores.iter().map(|v| Value::Int(v.step as i64)).collect());
        table.push("average_precision", scores.iter().map(|v| Value::maybe(v.average_precision)).collect());
        table.push("f1", scores.iter().map(|v| Value::maybe(v.f1)).collect());
        table.push("threshold", scores.iter().map(|v| Value::maybe(v.threshold)).collect());
        table
    }
}

/// Runs the network over whole recordings and scores the events that come out.
pub(super) fn validate(
    architecture: &Architecture,
    weights: &Weights,
    recordings: &[Labelled],
    step: usize,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Validation, Error> {
    let mut pairs = Vec::with_capacity(recordings.len());
    for recording in recordings {
        let events = recording.events(architecture, weights, device, progress)?;
        let found: Vec<Detection> = events.iter().map(detection).collect();
        pairs.push((&recording.truth, found));
    }
    let mode = mode();
    let fail = |source| Error::Evaluate { path: Path::new("validation").to_path_buf(), source };
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let mut precisions = Vec::new();
    for (truth, found) in &pairs {
        precisions.extend(evaluate(truth, found, &mode).map_err(fail)?.ap);
    }
    let mut best: Option<(f64, f64)> = None;
    for i in 1..40 {
        let threshold = f64::from(i) / 40.0;
        let mut scores = Vec::new();
        for (truth, found) in &pairs {
            let kept: Vec<Detection> = found.iter().filter(|d| d.score >= Some(threshold)).copied().collect();
            scores.extend(evaluate(truth, &kept, &mode).map_err(fail)?.f1);
        }
        if let Some(f1) = mean(scores)
            && best.is_none_or(|(so_far, _)| f1 > so_far)
        {
            best = Some((f1, threshold));
        }
    }
    Ok(Validation {
        step,
        average_precision: mean(precisions),
        f1: best.map(|(f1, _)| f1),
        threshold: best.map(|(_, threshold)| threshold),
    })
}

/// How events are paired.
pub(crate) fn mode() -> Mode {
    Mode::Physical(Limits::new(LIMIT_PX, LIMIT_FRAMES).expect("positive numbers"))
}

/// An event as a prediction with its score.
pub(crate) fn detection(event: &Event) -> Detection {
    let (y, x) = centroid(event);
    Detection { score: Some(f64::from(event.score)), ..Detection::new(f64::from(event.peak.t), y, x) }
}

/// The mean place of an event's voxels in its peak frame.
fn centroid(event: &Event) -> (f64, f64) {
    let at_peak = event.voxels.iter().filter(|v| v.t == event.peak.t);
    let sum = at_peak.fold((0.0, 0.0, 0.0), |s, v| (s.0 + 1.0, s.1 + f64::from(v.y), s.2 + f64::from(v.x)));
    (sum.1 / sum.0, sum.2 / sum.0)
}

/// The label of each event, and where and when it is: the middle of its voxels in the frame in which it has most of them.
fn truths(label: &dyn FrameSource) -> Result<Vec<(u32, Detection)>, Error> {
    let mut by_frame: BTreeMap<(u32, usize), (usize, f64, f64)> = BTreeMap::new();
    for block in blocks(label) {
        let (first, block) = block?;
        for ((t, y, x), &id) in block.indexed_iter().filter(|(_, id)| **id > 0.0) {
            let sums = by_frame.entry((id as u32, first + t)).or_default();
            *sums = (sums.0 + 1, sums.1 + y as f64, sums.2 + x as f64);
        }
    }
    let mut largest: BTreeMap<u32, (usize, Detection)> = BTreeMap::new();
    for ((id, t), (n, y, x)) in by_frame {
        let here = Detection::new(t as f64, y / n as f64, x / n as f64);
        let entry = largest.entry(id).or_insert((n, here));
        if n > entry.0 {
            *entry = (n, here);
        }
    }
    Ok(largest.into_iter().map(|(id, (_, d))| (id, d)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::axes::Span;
    use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::{InMemory, SourceError};

    /// A movie that is never read as a whole.
    struct Large(InMemory);

    impl FrameSource for Large {
        fn recording(&self) -> &Recording {
            self.0.recording()
        }

        fn shape(&self) -> MovieShape {
            self.0.shape()
        }

        fn pixel_type(&self) -> PixelType {
            self.0.pixel_type()
        }

        fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
            assert!(frames.len() < self.shape().n_frames, "all frames at once");
            self.0.read(frames, rows)
        }
    }

    #[test]
    fn a_truth_is_where_an_event_is_largest() {
        let mut label = Array3::zeros((80, 5, 5));
        label[[0, 1, 1]] = 7.0;
        for x in 1..4 {
            label[[2, 2, x]] = 7.0;
        }
        label[[70, 4, 4]] = 9.0;
        let label = Large(InMemory::new(Recording::default(), Pixels::F32(label)));
        let found = truths(&label).expect("in memory");
        assert_eq!(found, [(7, Detection::new(2.0, 2.0, 2.0)), (9, Detection::new(70.0, 4.0, 4.0))]);
    }
}
