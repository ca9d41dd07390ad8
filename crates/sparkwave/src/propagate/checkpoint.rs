//! Where a run stands, so that another can go on from there.
//!
//! `checkpoint.safetensors` holds the memory of the propagator and the place in the passes; rows are in `objects.csv`, masks in
//! `masks/`. It is written after both, so that what it speaks of is there; rows and masks beyond it are made again, with the
//! same bytes. A finished run leaves a small one without a memory.

use super::Stop;
use super::course::Route;
use super::trust::{Rows, rows_of, table};
use crate::error::Error;
use crate::provenance::hex;
use crate::run_folder::RunFolder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sparkwave_core::prompt::Prompt;
use sparkwave_core::weights::Weights;
use std::collections::BTreeMap;
use std::time::Duration;

const FILE: &str = "checkpoint.safetensors";
const ROWS: &str = "objects.csv";
/// The text in it.
const PLACE: &str = "place";

/// How much work may be lost.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// The place in the passes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Which movie is followed through, and by whom; what another has found is worth nothing.
    pub(super) identity: String,
    /// The passes, and where objects are followed from.
    pub(super) route: Route,
    /// The pass, and of its frames the next one; beyond the last pass, all is done.
    pub(super) pass: usize,
    pub(super) next: usize,
    /// Where the run stopped to be asked.
    pub(super) stopped: Option<Stop>,
    /// What was said, as digests, and what became of it.
    pub(super) said: BTreeMap<String, Heard>,
}

/// What became of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Heard {
    /// The propagator was told before the first step.
    Before,
    /// It was told when the frame had been reached.
    There,
    /// The frame was not reached yet.
    NotYet,
}

impl Place {
    /// Whether this was said when the run began or went on.
    pub(super) fn knows(&self, prompt: &Prompt) -> bool {
        self.said.contains_key(&digest(prompt))
    }

    /// What became of a prompt; of one that is new, that its frame was not reached yet.
    pub(super) fn heard(&self, prompt: &Prompt) -> Heard {
        self.said.get(&digest(prompt)).copied().unwrap_or(Heard::NotYet)
    }

    pub(super) fn hear(&mut self, prompt: &Prompt, heard: Heard) {
        self.said.insert(digest(prompt), heard);
    }
}

/// The digest of what was said: with other prompts, what followed from them is worth nothing.
pub(super) fn digest(prompt: &Prompt) -> String {
    let Prompt { frame, object, positive, negative, bounds, mask, verified } = prompt;
    let mut hash = Sha256::new();
    hash.update(format!("{frame} {object} {positive:?} {negative:?} {bounds:?} {verified}\n"));
    if let Some(mask) = mask {
        hash.update(format!("{} {} {:?}\n", mask.y0(), mask.x0(), mask.bits().dim()));
        hash.update(mask.bits().iter().map(|&inside| u8::from(inside)).collect::<Vec<u8>>());
    }
    hex(&hash.finalize())
}

/// Writes where a run stands.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn save(folder: &RunFolder, place: &Place, rows: &Rows, mut memory: Weights) -> Result<(), Error> {
    sparkwave_io::csv::write_table(&table(rows), &folder.file(ROWS))?;
    let text = serde_json::to_string(place).expect("numbers and texts are JSON");
    memory.texts.insert(PLACE.to_owned(), text);
    Ok(sparkwave_io::weights::write(&memory, &folder.file(FILE))?)
}

/// Where an earlier run of this folder stood, with its rows and the memory of its propagator; `None` if there is nothing to go
/// on from.
///
/// # Errors
/// If a file of it cannot be read.
pub(super) fn load(folder: &RunFolder) -> Result<Option<(Place, Rows, Weights)>, Error> {
    if folder.is_missing(FILE) || folder.is_missing(ROWS) {
        return Ok(None);
    }
    let mut memory = sparkwave_io::weights::read(&folder.file(FILE))?;
    let place: Option<Place> = memory.texts.remove(PLACE).and_then(|text| serde_json::from_str(&text).ok());
    let rows = rows_of(&sparkwave_io::csv::read_table(&folder.file(ROWS))?);
    Ok(place.zip(rows).map(|(place, rows)| (place, rows, memory)))
}
