//! What a training run tells of itself so far: the loss of every step and its validations. It travels in the checkpoint, from
//! which a resumed run writes the same tables again.

use crate::error::Error;
use crate::run_folder::RunFolder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::weights::Weights;

/// The file of a run that holds all that is needed to go on.
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
/// The texts of a checkpoint that hold the two lists, as JSON.
const LOSSES: &str = "losses";
const VALIDATIONS: &str = "validations";

/// What a validation tells of a network.
pub(super) trait Score: Clone + PartialEq + Serialize + DeserializeOwned {
    /// What is drawn beside the losses.
    const DRAWN: &'static str;

    /// Steps taken.
    fn step(&self) -> usize;

    /// By which the best network is told from the others.
    fn merit(&self) -> f64;

    /// The number that is drawn, if it is known.
    fn drawn(&self) -> Option<f64>;

    /// A row each.
    fn table(scores: &[Self]) -> Table;
}

/// The losses, one a step, and the validations, in order.
pub(super) struct History<V> {
    pub(super) losses: Vec<f32>,
    pub(super) validations: Vec<V>,
}

impl<V: Score> History<V> {
    /// Nothing yet, or that of the checkpoint in the folder, which `resume` is then told.
    ///
    /// # Errors
    /// If the checkpoint cannot be read, or is none of this network.
    pub(super) fn of(
        folder: &RunFolder,
        resume: impl FnOnce(&Weights) -> sparkwave_nn::error::Result<()>,
    ) -> Result<Self, Error> {
        if folder.is_missing(CHECKPOINT) {
            return Ok(Self { losses: Vec::new(), validations: Vec::new() });
        }
        let path = folder.file(CHECKPOINT);
        let checkpoint = sparkwave_io::weights::read(&path)?;
        let text = |name: &str| checkpoint.texts.get(name).map_or("[]", String::as_str);
        let bad = |e: serde_json::Error| Error::Config { path: path.clone(), message: e.to_string() };
        let losses = serde_json::from_str(text(LOSSES)).map_err(bad)?;
        let validations = serde_json::from_str(text(VALIDATIONS)).map_err(bad)?;
        resume(&checkpoint).map_err(|e| Error::of_weights(&path, e))?;
        Ok(Self { losses, validations })
    }

    /// The loss of the last step.
    pub(super) fn loss(&self) -> Option<f64> {
        self.losses.last().map(|loss| f64::from(*loss))
    }

    /// The validation of the highest merit, the earlier one on ties.
    pub(super) fn best(&self) -> Option<&V> {
        self.validations.iter().reduce(|best, v| if v.merit() > best.merit() { v } else { best })
    }

    /// Writes the tables and the figure, and last the checkpoint with this in it, which holds all that they are made from.
    pub(super) fn write(&self, mut checkpoint: Weights, folder: &RunFolder) -> Result<(), Error> {
        let mut losses = Table::new();
        losses.push("step", (1..=self.losses.len()).map(|i| Value::Int(i as i64)).collect());
        losses.push("loss", self.losses.iter().map(|l| Value::float(f64::from(*l))).collect());
        sparkwave_io::csv::write_table(&losses, &folder.file("losses.csv"))?;
        sparkwave_io::csv::write_table(&V::table(&self.validations), &folder.file("validation.csv"))?;
        let drawn: Vec<_> = self.validations.iter().filter_map(|v| Some((v.step(), v.drawn()?))).collect();
        let figure = sparkwave_analysis::figure::training_losses(&self.losses, V::DRAWN, &drawn);
        sparkwave_io::atomic::write_atomic(&folder.file("losses.svg"), figure.svg.as_bytes())?;
        let json = |what: serde_json::Result<String>| what.expect("numbers are JSON");
        checkpoint.texts.insert(LOSSES.into(), json(serde_json::to_string(&self.losses)));
        checkpoint.texts.insert(VALIDATIONS.into(), json(serde_json::to_string(&self.validations)));
        Ok(sparkwave_io::weights::write(&checkpoint, &folder.file(CHECKPOINT))?)
    }
}
