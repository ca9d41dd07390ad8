//! The model card: what a file of weights is, how it was made, and what it is good for. It travels inside the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sparkwave_core::weights::Weights;

use crate::error::{Error, Result};
use crate::models::unet3d::UNet3dConfig;
use crate::train::TrainConfig;

/// Which network, in which shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Architecture {
    /// [`crate::models::unet3d`].
    Unet3d(UNet3dConfig),
}

impl Architecture {
    /// The name in arguments and files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unet3d(_) => "unet3d",
        }
    }
}

/// What a file of weights is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// The program that trained it, with its version.
    pub version: String,
    /// The network.
    pub architecture: Architecture,
    /// How a movie is normalised before the network sees it.
    pub normalisation: String,
    /// Lowest peak probability of an event, 0 to 1, tuned on the validation recordings; `None` if there were none.
    pub threshold: Option<f64>,
    /// SHA-256 of the training files, in hexadecimal.
    pub trained_on: Vec<String>,
    /// How it was trained, if that is known.
    pub training: Option<TrainConfig>,
    /// Steps that were taken.
    pub steps: usize,
    /// Scores on the validation recordings by name.
    pub scores: BTreeMap<String, f64>,
    /// Under which terms the weights may be used; `None` if unknown.
    pub licence: Option<String>,
}

/// The name of the card among the texts of [`Weights`].
const CARD: &str = "card";

impl Card {
    /// Puts the card among the texts of some weights.
    pub fn attach(&self, weights: &mut Weights) {
        let json = serde_json::to_string(self).expect("a card is plain data");
        weights.texts.insert(CARD.into(), json);
    }

    /// The card of some weights.
    ///
    /// # Errors
    /// If there is none or it cannot be understood.
    pub fn of(weights: &Weights) -> Result<Self> {
        let fail =
            |found: String| Error::Parameter { name: "model card", expected: "a card of this program".into(), found };
        let json = weights.texts.get(CARD).ok_or_else(|| fail("none".into()))?;
        serde_json::from_str(json).map_err(|e| fail(e.to_string()))
    }
}
