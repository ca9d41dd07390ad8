//! Models: files of weights with their cards, those that come with the program, and those that can be got.

mod frames;
mod published;
mod stardist;

pub use published::{PUBLISHED, Published, locate};

use crate::error::Error;
use crate::propagate::{EMBEDDED, mask_track};
use crate::provenance::{hex, input_record};
use crate::sparks::PUBLISHED_NORMALISATION;
use sha2::{Digest, Sha256};
use sparkwave_core::weights::Weights;
use sparkwave_nn::card::{Architecture, Card};
use sparkwave_nn::{cpu, network};
use std::collections::BTreeMap;
use std::path::Path;

/// A model inside the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name in arguments.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    bytes: &'static [u8],
}

/// The models inside the program.
pub const SHIPPED: [Shipped; 1] = [Shipped {
    name: "unet",
    purpose: "synaptic calcium transients, any microscope",
    bytes: include_bytes!("../models/unet.safetensors"),
}];

/// A model, ready to be looked at or run.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its arrays, with the card among the texts.
    pub weights: Weights,
    /// What it is.
    pub card: Card,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Size of its file in bytes.
    pub n_bytes: usize,
}

impl Shipped {
    /// Reads the model.
    ///
    /// # Errors
    /// If the program was built with a file that is not one; a test sees to it that it was not.
    pub fn open(&self) -> Result<Model, Error> {
        Model::from_bytes(self.bytes, Path::new(self.name))
    }
}

impl Model {
    /// The model of this name inside the program, or else the one in this file.
    ///
    /// # Errors
    /// If there is no such file, it holds no weights, or they have no card.
    pub fn open(what: &Path) -> Result<Self, Error> {
        if let Some(shipped) = SHIPPED.iter().find(|s| Path::new(s.name) == what) {
            return shipped.open();
        }
        if !what.exists() {
            if what == Path::new(EMBEDDED) {
                let message = "the network inside `propagate` has no card; `models/mask-track.sh` is how it was made";
                return Err(Error::Config { path: what.to_path_buf(), message: message.into() });
            }
            if let Some(Published { purpose, licence, url, .. }) = Published::named(what) {
                let message = format!("a checkpoint of its authors, without a card: {purpose}; {licence}; {url}");
                return Err(Error::Config { path: what.to_path_buf(), message });
            }
            if published::is_bare_name(what) {
                return Err(published::no_such(what));
            }
        }
        let file = input_record(what, &|| false)?;
        let weights = sparkwave_io::weights::read(what)?;
        Self::with_card(weights, what, file.sha256, file.n_bytes as usize)
    }

    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let weights = sparkwave_io::weights::from_bytes(bytes, path)?;
        Self::with_card(weights, path, hex(&Sha256::digest(bytes)), bytes.len())
    }

    fn with_card(weights: Weights, path: &Path, sha256: String, n_bytes: usize) -> Result<Self, Error> {
        let card = Card::of(&weights).map_err(|e| {
            let told = if weights.texts.contains_key(mask_track::CARD) {
                "it is a network of `train mask-track`, for `propagate --model FILE`"
            } else {
                "`sparkwave models import` gives a detector of another program a card"
            };
            Error::Config { path: path.to_path_buf(), message: format!("{e} ({told})") }
        })?;
        Ok(Self { weights, card, sha256, n_bytes })
    }

    /// How many values it learned.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        let learned = self.weights.parameters.iter().filter(|(name, _)| !name.contains("running"));
        learned.map(|(_, p)| p.values.len()).sum()
    }

    /// Checks that the arrays are those of the network of the card, and that it says of a fixed input what the card notes.
    ///
    /// # Errors
    /// If they are not, or it says something else.
    pub fn verify(&self) -> Result<Verified, Error> {
        /// Instruction sets sum in different orders.
        const TOLERANCE: f32 = 1e-4;
        let found = sparkwave_nn::probe(network::open(&self.card.architecture, &self.weights, &cpu())?.as_mut())?;
        let expected = &self.card.probe;
        if expected.is_empty() {
            return Ok(Verified { probed: false });
        }
        let agree =
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= TOLERANCE);
        if agree {
            return Ok(Verified { probed: true });
        }
        let message = format!("expected a network that answers {expected:?} to the probe, found {found:?}");
        Err(Error::Config { path: self.card.name.clone().into(), message })
    }
}

/// What was checked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether its card says what it answers, and it still does.
    pub probed: bool,
}

/// What a checkpoint of another program does not say about itself, or what is to be changed in a card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Its name; that of its card, or the file's name without its extension, if none is given.
    pub name: Option<String>,
    /// How movies were normalised for it; as published if neither this nor a card tells.
    pub normalisation: Option<String>,
    /// Lowest peak probability of an event, 0 to 1.
    pub threshold: Option<f64>,
    /// Under which terms it may be used.
    pub licence: Option<String>,
}

/// Reads a checkpoint of another program, finds out which network it is of, and writes it to `out` with a card. Weights that
/// have a card keep it but for what is given.
///
/// # Errors
/// If the threshold is no probability, it cannot be read, is of no network known here, its arrays do not fit, or `out` cannot be
/// written.
pub fn import(path: &Path, import: &Import, out: &Path) -> Result<Model, Error> {
    if let Some(threshold) = import.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(Error::Parameter { name: "threshold", expected: "0 to 1", found: threshold.to_string() });
    }
    let mut weights = sparkwave_io::weights::read(path)?;
    // The library of the published code counts batches; nothing needs that.
    weights.parameters.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let mut card = match Card::of(&weights) {
        Ok(card) => card,
        Err(_) => fresh_card(&mut weights, path)?,
    };
    card.probe = sparkwave_nn::probe(network::open(&card.architecture, &weights, &cpu())?.as_mut())?;
    card.name = import.name.clone().unwrap_or(card.name);
    card.normalisation = import.normalisation.clone().unwrap_or(card.normalisation);
    card.threshold = import.threshold.or(card.threshold);
    card.licence = import.licence.clone().or(card.licence);
    card.attach(&mut weights);
    let bytes = sparkwave_io::weights::to_bytes(&weights);
    sparkwave_io::atomic::write_atomic(out, &bytes)?;
    Model::from_bytes(&bytes, out)
}

/// The card of a checkpoint that has none.
fn fresh_card(weights: &mut Weights, path: &Path) -> Result<Card, Error> {
    let described = stardist::beside(path)?;
    let threshold = described.as_ref().and_then(|d| d.threshold);
    let architecture = match described {
        Some(described) => {
            stardist::renumber(weights);
            Some(Architecture::Stardist3d(described.shape))
        }
        None => {
            frames::as_volumes(weights);
            Architecture::of(weights)
        }
    };
    let architecture = architecture.ok_or_else(|| {
        let first = weights.parameters.keys().next().map_or("none", String::as_str);
        let message = format!(
            "expected the arrays of a network known here, found {first} and others (a checkpoint of StarDist needs its \
             config.json beside it)"
        );
        Error::Config { path: path.to_path_buf(), message }
    })?;
    Ok(Card {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        version: "imported".to_owned(),
        architecture,
        normalisation: PUBLISHED_NORMALISATION.to_owned(),
        threshold,
        trained_on: Vec::new(),
        training: None,
        steps: 0,
        scores: BTreeMap::new(),
        licence: None,
        probe: Vec::new(),
    })
}

/// Writes a model to a file of the format that its extension names: `.safetensors`, or `.onnx` for other programs to run.
///
/// # Errors
/// If the extension is another, or the file cannot be written.
pub fn export(model: &Model, out: &Path) -> Result<(), Error> {
    match out.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(sparkwave_io::weights::write(&model.weights, out)?),
        Some("onnx") => {
            let (graph, weights) = sparkwave_nn::export::graph(&model.card.architecture, &model.weights)?;
            Ok(sparkwave_io::onnx::write(&graph, &weights, out)?)
        }
        other => Err(Error::Parameter {
            name: "output",
            expected: "a file of extension .safetensors or .onnx",
            found: other.unwrap_or("none").to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_models_answer_as_their_cards_say() {
        for shipped in SHIPPED {
            let model = shipped.open().expect("a model");
            assert_eq!(model.verify().expect("intact"), Verified { probed: true }, "{}", shipped.name);
            assert!(
                model.card.threshold.is_some() && model.card.licence.is_some() && !model.card.trained_on.is_empty()
            );
        }
    }

    #[test]
    fn a_checkpoint_of_stardist_is_told_by_the_configuration_beside_it() {
        use sparkwave_nn::models::stardist3d::StarDist3dConfig;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shape =
            StarDist3dConfig { width: 2, features: 4, n_rays: 12, overlap: 0.3, ..StarDist3dConfig::published() };
        let mut weights = network::untrained(&Architecture::Stardist3d(shape.clone()), 3).expect("valid");
        // Keras counted on from an earlier network, and 10 comes before 9 in the alphabet.
        for (ours, theirs) in [("conv3d.", "conv3d_9."), ("conv3d_1.", "conv3d_10.")] {
            for array in ["weight", "bias"] {
                let moved = weights.parameters.remove(&format!("{ours}{array}")).expect("present");
                weights.parameters.insert(format!("{theirs}{array}"), moved);
            }
        }
        let (bare, out) = (folder.path().join("bare.safetensors"), folder.path().join("out.safetensors"));
        sparkwave_io::weights::write(&weights, &bare).expect("writable");
        let error = import(&bare, &Import::default(), &out).expect_err("which network?").to_string();
        assert!(error.contains("config.json"), "{error}");
        let config = |activation: &str| {
            serde_json::json!({
                "n_dim": 3, "n_channel_in": 1, "n_rays": 12, "grid": [1, 2, 2], "backbone": "unet", "unet_n_depth": 2,
                "rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"n": 12, "anisotropy": [1.7, 1.08, 1.0]}},
                "unet_kernel_size": [3, 3, 3], "unet_n_filter_base": 2, "unet_n_conv_per_depth": 2,
                "unet_pool": [2, 2, 2], "unet_activation": activation, "net_conv_after_unet": 4,
            })
        };
        let describe = |file: &str, text: serde_json::Value| {
            std::fs::write(folder.path().join(file), text.to_string()).expect("writable");
        };
        describe("thresholds.json", serde_json::json!({"prob": 0.6, "nms": 0.3}));
        describe("config.json", config("elu"));
        let error = import(&bare, &Import::default(), &out).expect_err("an unknown rectifier").to_string();
        assert!(error.contains("elu"), "{error}");
        describe("config.json", config("relu"));
        let model = import(&bare, &Import::default(), &out).expect("known");
        assert_eq!((&model.card.architecture, model.card.threshold), (&Architecture::Stardist3d(shape), Some(0.6)));
        assert!(model.verify().expect("intact").probed);
        assert_eq!(model.weights.parameters["conv3d_1.weight"], weights.parameters["conv3d_10.weight"]);
    }

    #[test]
    fn an_imported_checkpoint_is_told_by_its_arrays_and_verified() {
        use sparkwave_nn::models::unet3d::UNet3dConfig;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let architecture = Architecture::Unet3d(UNet3dConfig { width: 2, ..UNet3dConfig::published() });
        let weights = network::untrained(&architecture, 3).expect("valid");
        let (bare, out) = (folder.path().join("bare.safetensors"), folder.path().join("out.safetensors"));
        sparkwave_io::weights::write(&weights, &bare).expect("writable");
        assert!(Model::open(&bare).expect_err("no card").to_string().contains("models import"));
        let mut follower = weights.clone();
        follower.texts.insert(mask_track::CARD.into(), "{}".into());
        sparkwave_io::weights::write(&follower, &out).expect("writable");
        assert!(Model::open(&out).expect_err("another card").to_string().contains("propagate --model"));
        std::fs::remove_file(&out).expect("there");
        for threshold in [-0.1, 1.5, f64::NAN] {
            let odd = Import { threshold: Some(threshold), ..Import::default() };
            assert!(import(&bare, &odd, &out).expect_err("no probability").is_bad_parameter() && !out.exists());
        }
        let request = Import { threshold: Some(0.5), ..Import::default() };
        let mut model = import(&bare, &request, &out).expect("a network known here");
        assert_eq!((model.card.normalisation.as_str(), model.card.threshold), (PUBLISHED_NORMALISATION, Some(0.5)));
        let renamed = folder.path().join("renamed.safetensors");
        let again =
            import(&out, &Import { name: Some("x".into()), ..Import::default() }, &renamed).expect("it has a card");
        assert_eq!(again.card, Card { name: "x".into(), ..model.card.clone() });
        assert_eq!((model.card.name.as_str(), &model.card.architecture), ("bare", &architecture));
        assert_eq!(Model::open(&out).expect("readable").sha256, model.sha256);
        assert!(model.verify().expect("intact").probed);
        model.weights.parameters.get_mut("final_conv.bias").expect("present").values[0] += 0.01;
        assert!(model.verify().expect_err("changed").to_string().contains("probe"));
    }
}
