//! The eight published checkpoints of SAM 2 as a table.

use serde::{Deserialize, Serialize};
use sparkwave_core::weights::Weights;

use crate::error::{Error, Result};

/// Which release of the weights. They differ in what is told of time: 2.1 says how long ago a pointer was made and
/// marks memories of frames from which the object was absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// July 2024.
    #[serde(rename = "2")]
    V2,
    /// September 2024.
    #[serde(rename = "2.1")]
    V2_1,
}

/// Which image encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// 38.9 million values in all.
    Tiny,
    /// 46.0 million.
    Small,
    /// 80.8 million.
    BasePlus,
    /// 224.4 million.
    Large,
}

/// The shape of a SAM 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sam2Config {
    /// The release of the weights.
    pub version: Version,
    /// The image encoder.
    pub size: Size,
    /// Pixels along each edge of the square image that it sees: a multiple of 32 from 64 to 2048. The checkpoints were
    /// trained with 1024; half of it is four to eight times faster and coarser.
    pub image_px: usize,
}

/// The shape of a Hiera image encoder (Ryali et al. 2023).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trunk {
    /// Channels at stride 4; each stage has twice those of the one before.
    pub(crate) width: usize,
    /// Heads of the first stage; each stage has twice those of the one before.
    pub(crate) heads: usize,
    /// Blocks of each stage.
    pub(crate) stages: [usize; 4],
    /// Blocks, counted from 0, that attend to the whole image.
    pub(crate) global: [usize; 3],
    /// Positions along each edge for which a vector was learned.
    pub(crate) positions: usize,
    /// Tokens along each edge of a window, by stage.
    pub(crate) windows: [usize; 4],
}

impl Sam2Config {
    /// The one that the paper on spreading waves used, at the resolution at which it was trained: tiny.
    #[must_use]
    pub const fn tiny() -> Self {
        Self { version: Version::V2_1, size: Size::Tiny, image_px: 1024 }
    }

    /// All published checkpoints.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let sizes = [Size::Tiny, Size::Small, Size::BasePlus, Size::Large];
        let of = |version| sizes.map(|size| Self { version, size, image_px: 1024 });
        [of(Version::V2), of(Version::V2_1)].concat()
    }

    /// The checkpoint whose arrays these are, or nearly: the one of the same width and the most similar number of blocks, so
    /// that what is missing or too much can be named. `None` without an image encoder.
    #[must_use]
    pub fn of(weights: &Weights, image_px: usize) -> Option<Self> {
        const BLOCK: &str = "image_encoder.trunk.blocks.";
        let names = weights.parameters.keys();
        let blocks = names.filter_map(|name| name.strip_prefix(BLOCK)?.split('.').next()?.parse::<usize>().ok());
        let n_blocks = blocks.max()?.saturating_add(1);
        let width = weights.parameters.get("image_encoder.trunk.patch_embed.proj.weight").and_then(|p| p.shape.first());
        let later = ["no_obj_embed_spatial", "obj_ptr_tpos_proj.weight"];
        let later = later.iter().any(|name| weights.parameters.contains_key(*name));
        let version = if later { Version::V2_1 } else { Version::V2 };
        let sizes = [Size::Tiny, Size::Small, Size::BasePlus, Size::Large];
        let unlike = |config: &Self| {
            let trunk = config.trunk();
            (width != Some(&trunk.width), trunk.stages.iter().sum::<usize>().abs_diff(n_blocks))
        };
        sizes.map(|size| Self { version, size, image_px }).into_iter().min_by_key(unlike)
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !self.image_px.is_multiple_of(32) || !(64..=2048).contains(&self.image_px) {
            let (expected, found) = ("a multiple of 32 from 64 to 2048".to_owned(), self.image_px.to_string());
            return Err(Error::Parameter { name: "image_px", expected, found });
        }
        Ok(())
    }

    /// Tokens along each edge of the embedding of an image.
    pub(crate) const fn side(&self) -> usize {
        self.image_px / 16
    }

    pub(crate) const fn trunk(&self) -> Trunk {
        match self.size {
            Size::Tiny => Trunk {
                width: 96,
                heads: 1,
                stages: [1, 2, 7, 2],
                global: [5, 7, 9],
                positions: 7,
                windows: [8, 4, 14, 7],
            },
            Size::Small => Trunk {
                width: 96,
                heads: 1,
                stages: [1, 2, 11, 2],
                global: [7, 10, 13],
                positions: 7,
                windows: [8, 4, 14, 7],
            },
            Size::BasePlus => Trunk {
                width: 112,
                heads: 2,
                stages: [2, 3, 16, 3],
                global: [12, 16, 20],
                positions: 14,
                windows: [8, 4, 14, 7],
            },
            Size::Large => Trunk {
                width: 144,
                heads: 2,
                stages: [2, 6, 36, 4],
                global: [23, 33, 43],
                positions: 7,
                windows: [8, 4, 16, 8],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_the_strides_do_not_divide_is_refused() {
        assert_eq!(Sam2Config::all().len(), 8);
        assert!(Sam2Config::all().iter().all(|config| config.check().is_ok()));
        for image_px in [0, 32, 100, 1000, 4096] {
            let error = Sam2Config { image_px, ..Sam2Config::tiny() }.check().expect_err("refused").to_string();
            assert!(error.contains(&image_px.to_string()), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_is_known_by_what_is_left_of_it() {
        let config = Sam2Config { version: Version::V2, size: Size::Small, image_px: 64 };
        let mut weights = crate::sam2::untrained(&config, 0).expect("valid");
        assert_eq!(Sam2Config::of(&weights, 64), Some(config));
        let gone = "image_encoder.trunk.blocks.5.norm1.weight";
        weights.parameters.remove(gone);
        weights
            .parameters
            .insert("classifier.weight".into(), sparkwave_core::weights::Parameter::new(vec![1], vec![0.0]));
        let name = "no_mem_embed";
        weights.parameters.insert(name.into(), sparkwave_core::weights::Parameter::new(vec![256], vec![0.0; 256]));
        let found = Sam2Config::of(&weights, 64).expect("nearly one");
        assert_eq!(found, config);
        let error = crate::sam2::Sam2::load(&found, &weights, &crate::cpu()).expect_err("not quite").to_string();
        for part in
            [format!("missing: {gone}"), "unexpected: classifier.weight".into(), format!("unfit: {name} is [256]")]
        {
            assert!(error.contains(&part), "{part}: {error}");
        }
        weights.parameters.retain(|name, _| !name.starts_with("image_encoder"));
        assert_eq!(Sam2Config::of(&weights, 64), None);
    }

    #[test]
    fn configurations_are_read_by_their_usual_names() {
        let text = r#"{"version":"2.1","size":"base_plus","image_px":512}"#;
        let config: Sam2Config = serde_json::from_str(text).expect("valid");
        assert_eq!(config, Sam2Config { version: Version::V2_1, size: Size::BasePlus, image_px: 512 });
    }
}
