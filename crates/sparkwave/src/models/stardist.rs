//! Checkpoints of the StarDist package: what the network is stands in the `config.json` beside them.

use crate::error::Error;
use sparkwave_core::weights::Weights;
use sparkwave_io::stardist::{Backbone, Config, Rays, Thresholds, config_beside, thresholds_beside};
use sparkwave_nn::models::stardist3d::StarDist3dConfig;
use std::path::Path;

/// A network of the package, and from which probability on it was found to see objects.
pub(super) struct Described {
    pub(super) shape: StarDist3dConfig,
    pub(super) threshold: Option<f64>,
}

/// What the files beside a checkpoint say of it; `None` if there are none.
///
/// # Errors
/// If they cannot be read, or describe a network that is not known here.
pub(super) fn beside(path: &Path) -> Result<Option<Described>, Error> {
    let Some(config) = config_beside(path)? else { return Ok(None) };
    let thresholds = thresholds_beside(path)?;
    let shape = shape(&config, thresholds).map_err(|(expected, found)| Error::Config {
        path: path.with_file_name("config.json"),
        message: format!("expected {expected}, found {found}"),
    })?;
    Ok(Some(Described { shape, threshold: thresholds.map(|t| t.probability) }))
}

/// What was expected, and what was found.
type Unknown = (&'static str, String);

fn shape(config: &Config, thresholds: Option<Thresholds>) -> Result<StarDist3dConfig, Unknown> {
    let grid = <[usize; 3]>::try_from(config.grid.clone())
        .map_err(|grid| ("a network of volumes", format!("one of {} axes", grid.len())))?;
    if let Some(n) = config.n_classes {
        return Err(("a network that tells no classes apart", format!("{n} classes")));
    }
    let anisotropy = match &config.rays {
        Some(Rays::GoldenSpiral { anisotropy }) => anisotropy.clone(),
        Some(Rays::Other(name)) => return Err(("rays on a golden spiral", name.clone())),
        None => config.anisotropy.clone(),
    };
    let anisotropy = anisotropy.map_or(Ok([1.0; 3]), <[f64; 3]>::try_from);
    let anisotropy = anisotropy.map_err(|a| ("an anisotropy of three numbers", format!("{a:?}")))?;
    let Backbone::UNet {
        n_depth,
        kernel,
        n_filters,
        n_convs,
        pool,
        activation,
        last_activation,
        is_normalised,
        prefix,
        n_features,
    } = &config.backbone
    else {
        return Err(("the backbone unet", "resnet".to_owned()));
    };
    let plain = kernel.iter().all(|k| *k == 3) && pool.iter().all(|p| *p == 2) && !is_normalised && prefix.is_empty();
    if !plain || activation != "relu" || last_activation != "relu" {
        let found = format!(
            "kernel {kernel:?}, pool {pool:?}, {activation}, {last_activation}, normalised: {is_normalised}, prefix {prefix:?}"
        );
        return Err(("a U-Net of kernels of 3, pools of 2, plain rectifiers and no normalisation", found));
    }
    Ok(StarDist3dConfig {
        n_in: config.n_channels_in,
        grid,
        depth: *n_depth,
        convolutions: *n_convs,
        width: *n_filters,
        features: *n_features,
        n_rays: config.n_rays,
        anisotropy,
        overlap: thresholds.map_or(StarDist3dConfig::published().overlap, |t| t.overlap),
    })
}

/// Numbers the convolutions without names from the first on: Keras counts them through all networks of a session.
pub(super) fn renumber(weights: &mut Weights) {
    const UNNAMED: &str = "conv3d";
    let number = |name: &str| {
        let layer = name.split('.').next()?.strip_prefix(UNNAMED)?;
        if layer.is_empty() { Some(0) } else { layer.strip_prefix('_')?.parse::<u64>().ok() }
    };
    let mut numbers: Vec<u64> = weights.parameters.keys().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let renamed = |name: String| {
        let Some(i) = number(&name).and_then(|n| numbers.binary_search(&n).ok()) else { return name };
        let array = name.split_once('.').map_or("", |(_, array)| array);
        if i == 0 { format!("{UNNAMED}.{array}") } else { format!("{UNNAMED}_{i}.{array}") }
    };
    let parameters = std::mem::take(&mut weights.parameters);
    weights.parameters = parameters.into_iter().map(|(name, array)| (renamed(name), array)).collect();
}
