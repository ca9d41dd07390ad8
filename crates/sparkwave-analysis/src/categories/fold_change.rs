//! How the number of events changed, neuron by neuron.

use serde::Serialize;

/// Numbers of events of a neuron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Name of the neuron.
    pub neuron: String,
    /// Events before the stimulus: all, silenced, recurrent, as the question is.
    pub before: usize,
    /// Events after it: all, new, recurrent.
    pub after: usize,
}

/// What a logarithm makes of a neuron without events on one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Zeros {
    /// It is undefined. Neurons that fell silent or awoke are then missing, which biases the average towards no change.
    Undefined,
    /// Half an event is added to both numbers of **every** neuron (Haldane 1956, Ann. Hum. Genet. 20, 309), which pulls
    /// the ratios of all of them a little towards 1, those of few events most.
    AddHalf,
}

/// How changes are computed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoldChangeParams {
    /// What is done about 0.
    pub zeros: Zeros,
    /// Neurons with fewer events than this on either side are marked as too few.
    pub min_events: usize,
}

impl Default for FoldChangeParams {
    /// Half an event added, at least 5 events on both sides as published.
    fn default() -> Self {
        Self { zeros: Zeros::AddHalf, min_events: 5 }
    }
}

/// The change of a neuron.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldChange {
    /// Its numbers.
    pub counts: Counts,
    /// (after - before) / before, as published; `None` if there were none before. From -1 to anything: a halving is -0.5,
    /// a doubling 1, so that changes to and fro do not average to 0.
    pub published: Option<f64>,
    /// log2(after / before), with [`Zeros`]: a halving is -1, a doubling 1. `None` without events on both sides, which tell
    /// of no change.
    pub log2_ratio: Option<f64>,
    /// Whether both numbers reach the least number of events.
    pub has_enough: bool,
}

/// Changes of all neurons, in their order. None is left out; [`FoldChange::has_enough`] tells which the publication would.
pub fn fold_changes(neurons: &[Counts], params: &FoldChangeParams) -> Vec<FoldChange> {
    let change = |counts: &Counts| {
        let (before, after) = (counts.before as f64, counts.after as f64);
        let added = match params.zeros {
            Zeros::Undefined => 0.0,
            Zeros::AddHalf => 0.5,
        };
        let log2_ratio = ((after + added) / (before + added)).log2();
        FoldChange {
            published: (counts.before > 0).then(|| (after - before) / before),
            log2_ratio: Some(log2_ratio).filter(|r| r.is_finite() && counts.before + counts.after > 0),
            has_enough: counts.before.min(counts.after) >= params.min_events,
            counts: counts.clone(),
        }
    };
    neurons.iter().map(change).collect()
}
