//! The model card: what a file of weights is, how it was made, and what it is good for. It travels inside the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sparkwave_core::weights::Weights;

use crate::error::{Error, Result};
use crate::models::attention_unet::AttentionUNetConfig;
use crate::models::stardist3d::StarDist3dConfig;
use crate::models::unet2d::UNet2dConfig;
use crate::models::unet3d::UNet3dConfig;
use crate::models::unetr::UnetrConfig;
use crate::train::TrainConfig;

/// Which network, in which shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Architecture {
    /// [`crate::models::unet3d`].
    Unet3d(UNet3dConfig),
    /// [`crate::models::attention_unet`].
    AttentionUnet(AttentionUNetConfig),
    /// [`crate::models::unetr`].
    Unetr(UnetrConfig),
    /// [`crate::models::stardist3d`].
    Stardist3d(StarDist3dConfig),
    /// [`crate::models::unet2d`].
    Unet2d(UNet2dConfig),
}

impl Architecture {
    /// The name in arguments and files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unet3d(_) => "unet3d",
            Self::AttentionUnet(_) => "attention-unet",
            Self::Unetr(_) => "unetr",
            Self::Stardist3d(_) => "stardist3d",
            Self::Unet2d(_) => "unet2d",
        }
    }
}

impl Architecture {
    /// Channels of input and output.
    #[must_use]
    pub fn channels(&self) -> [usize; 2] {
        match self {
            Self::Unet3d(config) => [config.n_in, config.n_out],
            Self::AttentionUnet(config) => [config.n_in, config.n_out],
            Self::Unetr(config) => [config.n_in, config.n_out],
            Self::Stardist3d(config) => [config.n_in, 1],
            Self::Unet2d(config) => [config.n_in, config.n_out],
        }
    }

    /// The network whose arrays these are, told by their names and shapes: for checkpoints of other programs. Pooling leaves
    /// no trace in the arrays; by 2 along every axis is assumed. `None` if they are of no network known here.
    #[must_use]
    pub fn of(weights: &Weights) -> Option<Self> {
        let shape = |name: &str| weights.parameters.get(name).map(|p| p.shape.as_slice());
        let n_levels = |name: &dyn Fn(usize) -> String| (0..16).take_while(|i| shape(&name(*i)).is_some()).count();
        if let (Some(&[width, n_in, ..]), Some(&[n_out, ..])) =
            (shape("down_convs.0.convs.0.weight"), shape("final_conv.weight"))
        {
            let depth = n_levels(&|i| format!("down_convs.{i}.convs.0.weight"));
            let normalised_bottleneck = shape("bottleneck.norm0.weight").is_some();
            let pools = vec![[2; 3]; depth];
            return Some(Self::Unet3d(UNet3dConfig { n_in, n_out, width, pools, normalised_bottleneck }));
        }
        if let (Some(&[first, n_in, ..]), Some(&[n_out, ..])) =
            (shape("model.0.conv.0.conv.weight"), shape("model.2.conv.weight"))
        {
            let up = |i: usize| format!("model.1{}.upconv.up.conv.weight", ".submodule.1".repeat(i));
            let channels = (0..n_levels(&up)).filter_map(|i| shape(&up(i))?.first().copied());
            let channels = [first].into_iter().chain(channels).collect();
            return Some(Self::AttentionUnet(AttentionUNetConfig { n_in, n_out, channels }));
        }
        if let (Some(&[width, n_in, ..]), Some(&[n_out, ..])) =
            (shape("inc.double_conv.0.weight"), shape("outc.conv.weight"))
        {
            let depth = (1..16).take_while(|i| shape(&format!("up{i}.up.weight")).is_some()).count();
            return Some(Self::Unet2d(UNet2dConfig { n_in, n_out, width, depth }));
        }
        let patch = shape("vit.patch_embedding.patch_embeddings.weight")?;
        let (&[hidden, n_in, ..], &[_, n_patches, _]) = (patch, shape("vit.patch_embedding.position_embeddings")?)
        else {
            return None;
        };
        let edge = (1..=16usize).find(|n| n.pow(3) == n_patches)?;
        Some(Self::Unetr(UnetrConfig {
            n_in,
            n_out: *shape("out.conv.conv.weight")?.first()?,
            window: [16 * edge; 3],
            width: *shape("encoder1.layer.conv1.conv.weight")?.first()?,
            hidden,
            perceptron: *shape("vit.blocks.0.mlp.linear1.weight")?.first()?,
            // The library's default of 12 heads of 64 values, kept for other lengths of a token.
            heads: (hidden / 64).max(1),
        }))
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
    /// What the network says of the fixed input of [`crate::probe()`], to tell later that it still does; empty if
    /// that was not noted.
    #[serde(default)]
    pub probe: Vec<f32>,
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
            |found: String| Error::Saved { name: "model card", expected: "a card of this program".into(), found };
        let json = weights.texts.get(CARD).ok_or_else(|| fail("none".into()))?;
        serde_json::from_str(json).map_err(|e| fail(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::untrained;

    #[test]
    fn a_network_is_told_by_its_arrays() {
        let all = [
            Architecture::Unet3d(UNet3dConfig { width: 2, ..UNet3dConfig::published() }),
            Architecture::Unet3d(UNet3dConfig { width: 3, ..UNet3dConfig::sparks() }),
            Architecture::AttentionUnet(AttentionUNetConfig { channels: vec![4, 6, 8], ..Default::default() }),
            Architecture::Unet2d(UNet2dConfig { width: 3, depth: 2, ..UNet2dConfig::frames() }),
            Architecture::Unetr(UnetrConfig { hidden: 64, perceptron: 32, heads: 1, width: 2, ..Default::default() }),
        ];
        for architecture in all {
            let weights = untrained(&architecture, 1).expect("valid");
            assert_eq!(Architecture::of(&weights), Some(architecture));
        }
        assert_eq!(Architecture::of(&Weights::default()), None);
    }
}
