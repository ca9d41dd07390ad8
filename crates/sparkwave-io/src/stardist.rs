//! The folder of a StarDist model: `config.json` and `thresholds.json` beside `weights_best.h5` (Schmidt et al., MICCAI
//! 2018; Weigert et al., WACV 2020).
//!
//! What concerns training is passed over. Axes are in the order t, y, x (or z, y, x; or y, x).

use crate::error::Error;
use crate::limits::read_text;
use serde::Deserialize;
use std::path::Path;

/// Largest file, in bytes: rays that are listed one by one take some 100 a ray.
const MAX_BYTES: u64 = 1 << 22;

/// What a network of StarDist looks like and what its outputs mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Spatial dimensions, 2 or 3.
    pub n_dim: usize,
    /// Channels of the input.
    pub n_channels_in: usize,
    /// Rays, which are the channels of the distances.
    pub n_rays: usize,
    /// How many pixels of the input one of the output stands for, along each axis.
    pub grid: Vec<usize>,
    /// Typical extents of objects along the axes, relative to each other; `None` if not told.
    pub anisotropy: Option<Vec<f64>>,
    /// How the rays lie, in three dimensions; in two they are evenly spread.
    pub rays: Option<Rays>,
    /// Classes of objects, if any are told apart.
    pub n_classes: Option<usize>,
    /// The network before its heads.
    pub backbone: Backbone,
}

/// How rays lie on the sphere.
#[derive(Debug, Clone, PartialEq)]
pub enum Rays {
    /// On a spiral of the golden angle, squeezed by the anisotropy.
    GoldenSpiral {
        /// As of [`Config`]; `None` is a round sphere.
        anisotropy: Option<Vec<f64>>,
    },
    /// A class of StarDist of this name.
    Other(String),
}

/// The network before its heads.
#[derive(Debug, Clone, PartialEq)]
pub enum Backbone {
    /// `unet_block` of CSBDeep.
    UNet {
        /// Poolings.
        n_depth: usize,
        /// Extents of the kernels.
        kernel: Vec<usize>,
        /// Channels of the first level; each further level has twice as many.
        n_filters: usize,
        /// Convolutions of a level.
        n_convs: usize,
        /// The stride of every pooling.
        pool: Vec<usize>,
        /// The rectifier's name in Keras.
        activation: String,
        /// The rectifier of the last convolution.
        last_activation: String,
        /// Whether convolutions are followed by normalisation.
        is_normalised: bool,
        /// What stands before the names of layers.
        prefix: String,
        /// Channels of the convolution `features` that follows; 0 if there is none.
        n_features: usize,
    },
    /// `resnet_block`s of CSBDeep.
    ResNet {
        /// Blocks.
        n_blocks: usize,
        /// Extents of the kernels.
        kernel: Vec<usize>,
        /// Channels of the first block; twice as many behind every pooling.
        n_filters: usize,
        /// Convolutions of a block.
        n_convs: usize,
        /// The rectifier's name in Keras.
        activation: String,
        /// Whether convolutions are followed by normalisation.
        is_normalised: bool,
        /// As of [`Backbone::UNet`].
        n_features: usize,
    },
}

/// Where objects begin.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Thresholds {
    /// Lowest probability of an object, 0 to 1.
    #[serde(rename = "prob")]
    pub probability: f64,
    /// Largest overlap of two objects, 0 to 1.
    #[serde(rename = "nms")]
    pub overlap: f64,
}

/// Reads the `config.json` beside a file of weights; `None` if there is none.
///
/// # Errors
/// If it cannot be read, or is none of StarDist, or asks for more than any network has.
pub fn config_beside(weights: &Path) -> Result<Option<Config>, Error> {
    let path = weights.with_file_name("config.json");
    if path.exists() { read_config(&path).map(Some) } else { Ok(None) }
}

/// Reads the `thresholds.json` beside a file of weights; `None` if there is none.
///
/// # Errors
/// If it cannot be read, or holds other than two numbers from 0 to 1.
pub fn thresholds_beside(weights: &Path) -> Result<Option<Thresholds>, Error> {
    let path = weights.with_file_name("thresholds.json");
    if !path.exists() {
        return Ok(None);
    }
    let expected = "thresholds of StarDist";
    let text = read_text(&path, MAX_BYTES)?;
    let found: Thresholds =
        serde_json::from_str(&text).map_err(|e| Error::malformed("read", &path, expected, e.to_string()))?;
    let is_share = |v: f64| (0.0..=1.0).contains(&v);
    if is_share(found.probability) && is_share(found.overlap) {
        Ok(Some(found))
    } else {
        Err(Error::malformed("read", &path, "thresholds from 0 to 1", format!("{found:?}")))
    }
}

/// Reads a `config.json`.
///
/// # Errors
/// As [`config_beside`].
pub fn read_config(path: &Path) -> Result<Config, Error> {
    let text = read_text(path, MAX_BYTES)?;
    parse(&text).map_err(|fault| Error::malformed("read", path, fault.0, fault.1))
}

/// What was expected, and what was found.
type Fault = (String, String);

/// The file, as far as it is of use; values that older versions lack have their defaults of then.
#[derive(Deserialize)]
struct Written {
    n_dim: usize,
    n_channel_in: usize,
    n_rays: usize,
    grid: Vec<usize>,
    anisotropy: Option<Vec<f64>>,
    rays_json: Option<WrittenRays>,
    n_classes: Option<usize>,
    backbone: String,
    unet_n_depth: Option<usize>,
    unet_kernel_size: Option<Vec<usize>>,
    unet_n_filter_base: Option<usize>,
    unet_n_conv_per_depth: Option<usize>,
    unet_pool: Option<Vec<usize>>,
    unet_activation: Option<String>,
    unet_last_activation: Option<String>,
    unet_batch_norm: Option<bool>,
    unet_prefix: Option<String>,
    net_conv_after_unet: Option<usize>,
    resnet_n_blocks: Option<usize>,
    resnet_kernel_size: Option<Vec<usize>>,
    resnet_n_filter_base: Option<usize>,
    resnet_n_conv_per_block: Option<usize>,
    resnet_activation: Option<String>,
    resnet_batch_norm: Option<bool>,
    net_conv_after_resnet: Option<usize>,
}

#[derive(Deserialize)]
struct WrittenRays {
    name: String,
    kwargs: WrittenRaysArguments,
}

#[derive(Deserialize)]
struct WrittenRaysArguments {
    n: Option<usize>,
    anisotropy: Option<Vec<f64>>,
}

fn parse(text: &str) -> Result<Config, Fault> {
    let written: Written =
        serde_json::from_str(text).map_err(|e| ("a configuration of StarDist".to_owned(), e.to_string()))?;
    let n_dim = number("n_dim", Some(written.n_dim), 2, 3)?;
    let anisotropy = |found: Option<Vec<f64>>| match found {
        Some(a) if a.len() != n_dim || a.iter().any(|v| !(v.is_finite() && *v > 0.0)) => {
            Err((format!("an anisotropy of {n_dim} positive numbers"), format!("{a:?}")))
        }
        other => Ok(other),
    };
    let n_rays = number("n_rays", Some(written.n_rays), 3, 1024)?;
    let rays = match written.rays_json {
        Some(rays) if rays.name == "Rays_GoldenSpiral" => {
            if rays.kwargs.n.is_some_and(|n| n != n_rays) {
                return Err((format!("a spiral of {n_rays} rays"), format!("{:?}", rays.kwargs.n)));
            }
            Some(Rays::GoldenSpiral { anisotropy: anisotropy(rays.kwargs.anisotropy)? })
        }
        Some(rays) => Some(Rays::Other(rays.name)),
        None => None,
    };
    let backbone = match written.backbone.as_str() {
        "unet" => Backbone::UNet {
            n_depth: number("unet_n_depth", written.unet_n_depth, 0, 8)?,
            kernel: extents("unet_kernel_size", written.unet_kernel_size, n_dim, 15)?,
            n_filters: number("unet_n_filter_base", written.unet_n_filter_base, 1, 512)?,
            n_convs: number("unet_n_conv_per_depth", written.unet_n_conv_per_depth, 1, 8)?,
            pool: extents("unet_pool", written.unet_pool, n_dim, 8)?,
            activation: text_or(written.unet_activation, "relu"),
            last_activation: text_or(written.unet_last_activation, "relu"),
            is_normalised: written.unet_batch_norm.unwrap_or(false),
            prefix: text_or(written.unet_prefix, ""),
            n_features: number("net_conv_after_unet", written.net_conv_after_unet, 0, 4096)?,
        },
        "resnet" => Backbone::ResNet {
            n_blocks: number("resnet_n_blocks", written.resnet_n_blocks, 1, 64)?,
            kernel: extents("resnet_kernel_size", written.resnet_kernel_size, n_dim, 15)?,
            n_filters: number("resnet_n_filter_base", written.resnet_n_filter_base, 1, 512)?,
            n_convs: number("resnet_n_conv_per_block", written.resnet_n_conv_per_block, 2, 8)?,
            activation: text_or(written.resnet_activation, "relu"),
            is_normalised: written.resnet_batch_norm.unwrap_or(false),
            n_features: number("net_conv_after_resnet", written.net_conv_after_resnet, 0, 4096)?,
        },
        other => return Err(("the backbone unet or resnet".into(), other.to_owned())),
    };
    Ok(Config {
        n_dim,
        n_channels_in: number("n_channel_in", Some(written.n_channel_in), 1, 64)?,
        n_rays,
        grid: extents("grid", Some(written.grid), n_dim, 64)?,
        anisotropy: anisotropy(written.anisotropy)?,
        rays,
        n_classes: written.n_classes.map(|n| number("n_classes", Some(n), 1, 256)).transpose()?,
        backbone,
    })
}

fn number(name: &str, found: Option<usize>, least: usize, most: usize) -> Result<usize, Fault> {
    let fault = |found| (format!("{name} from {least} to {most}"), found);
    match found {
        Some(n) if (least..=most).contains(&n) => Ok(n),
        Some(n) => Err(fault(n.to_string())),
        None => Err(fault("none".into())),
    }
}

/// One number an axis, from 1 to `most`.
fn extents(name: &str, found: Option<Vec<usize>>, n_dim: usize, most: usize) -> Result<Vec<usize>, Fault> {
    let found = found.unwrap_or_default();
    if found.len() == n_dim && found.iter().all(|n| (1..=most).contains(n)) {
        return Ok(found);
    }
    Err((format!("{n_dim} numbers {name} from 1 to {most}"), format!("{found:?}")))
}

fn text_or(found: Option<String>, default: &str) -> String {
    found.unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As `Config3D(rays=32, grid=(1, 2, 2), anisotropy=(2, 1, 1))` would be written, after the source of StarDist.
    const WRITTEN: &str = r#"{"n_dim": 3, "axes": "ZYXC", "n_channel_in": 1, "n_channel_out": 33,
        "train_checkpoint": "weights_best.h5", "train_checkpoint_last": "weights_last.h5", "n_rays": 32,
        "grid": [1, 2, 2], "anisotropy": [2.0, 1.0, 1.0], "backbone": "unet",
        "rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"n": 32, "anisotropy": [2.0, 1.0, 1.0]}},
        "n_classes": null, "unet_n_depth": 2, "unet_kernel_size": [3, 3, 3], "unet_n_filter_base": 32,
        "unet_n_conv_per_depth": 2, "unet_pool": [2, 2, 2], "unet_activation": "relu",
        "unet_last_activation": "relu", "unet_batch_norm": false, "unet_dropout": 0.0, "unet_prefix": "",
        "net_conv_after_unet": 128, "net_input_shape": [null, null, null, 1], "net_mask_shape": [null, null, null, 1],
        "train_patch_size": [48, 96, 96], "train_dist_loss": "mae", "train_loss_weights": [1, 0.2], "use_gpu": false}"#;

    #[test]
    fn a_configuration_and_thresholds_beside_weights_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("weights_best.h5");
        assert_eq!(config_beside(&weights).unwrap(), None);
        assert_eq!(thresholds_beside(&weights).unwrap(), None);
        std::fs::write(folder.path().join("config.json"), WRITTEN).unwrap();
        std::fs::write(folder.path().join("thresholds.json"), r#"{"prob": 0.707933, "nms": 0.3}"#).unwrap();
        let anisotropy = Some(vec![2.0, 1.0, 1.0]);
        let expected = Config {
            n_dim: 3,
            n_channels_in: 1,
            n_rays: 32,
            grid: vec![1, 2, 2],
            anisotropy: anisotropy.clone(),
            rays: Some(Rays::GoldenSpiral { anisotropy }),
            n_classes: None,
            backbone: Backbone::UNet {
                n_depth: 2,
                kernel: vec![3; 3],
                n_filters: 32,
                n_convs: 2,
                pool: vec![2; 3],
                activation: "relu".into(),
                last_activation: "relu".into(),
                is_normalised: false,
                prefix: String::new(),
                n_features: 128,
            },
        };
        assert_eq!(config_beside(&weights).unwrap(), Some(expected));
        let found = thresholds_beside(&weights).unwrap();
        assert_eq!(found, Some(Thresholds { probability: 0.707933, overlap: 0.3 }));
        std::fs::write(folder.path().join("thresholds.json"), r#"{"prob": 7, "nms": 0.3}"#).unwrap();
        assert!(thresholds_beside(&weights).unwrap_err().to_string().contains("from 0 to 1"));
    }

    #[test]
    fn what_no_network_has_is_refused() {
        for (old, new, expected) in [
            ("\"n_rays\": 32", "\"n_rays\": 1000000", "n_rays from 3 to 1024"),
            ("\"n\": 32", "\"n\": 33", "a spiral of 32 rays"),
            ("[1, 2, 2]", "[1, 2]", "3 numbers grid"),
            ("[2, 2, 2]", "[2, 0, 2]", "3 numbers unet_pool"),
            ("\"unet_n_depth\": 2", "\"unet_n_depth\": 40", "unet_n_depth from 0 to 8"),
            ("\"unet_n_depth\": 2,", "", "found none"),
            ("[2.0, 1.0, 1.0], \"backbone\"", "[2.0, 0.0, 1.0], \"backbone\"", "an anisotropy of 3 positive numbers"),
            ("\"unet\"", "\"fpn\"", "the backbone unet or resnet"),
            ("\"n_dim\": 3", "\"n_dim\": -3", "a configuration of StarDist"),
            ("{\"n_dim\"", "[\"n_dim\"", "a configuration of StarDist"),
        ] {
            assert!(WRITTEN.contains(old), "{old}");
            let (wanted, found) = parse(&WRITTEN.replacen(old, new, 1)).unwrap_err();
            assert!(format!("{wanted}, found {found}").contains(expected), "{new}: {wanted}, found {found}");
        }
    }

    #[test]
    fn other_rays_and_residual_networks_are_told() {
        let text = WRITTEN.replace("Rays_GoldenSpiral", "Rays_Octo").replace("\"unet\"", "\"resnet\"").replace(
            "\"n_classes\": null",
            "\"n_classes\": 2, \"resnet_n_blocks\": 4, \"resnet_kernel_size\": [3, 3, 3], \"resnet_n_filter_base\": 32,
             \"resnet_n_conv_per_block\": 3, \"net_conv_after_resnet\": 128",
        );
        let found = parse(&text).unwrap();
        assert_eq!(found.rays, Some(Rays::Other("Rays_Octo".into())));
        assert_eq!(found.n_classes, Some(2));
        assert!(matches!(found.backbone, Backbone::ResNet { n_blocks: 4, n_convs: 3, .. }));
    }
}
