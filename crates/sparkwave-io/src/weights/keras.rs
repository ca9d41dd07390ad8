//! Weights of Keras in HDF5: what `save_weights` of Keras 2 and `save` of Keras 2 and 3 write, `weights_best.h5` of
//! StarDist among them; not the `.weights.h5` of Keras 3, which has no names of layers.
//!
//! ```text
//! [/model_weights]                     attribute layer_names    (layer_names0, ... if they are many)
//!   /<layer>                           attribute weight_names
//!     /<scope>/.../kernel:0            numbers
//! ```
//!
//! An array is called `<layer>.<array>`, with what tells the arrays of a layer apart in between: the scopes that all of
//! them share are left out, as they may hold numbers that change from run to run. Arrays have the names and axes that
//! PyTorch gives them:
//!
//! | Keras | here |
//! |---|---|
//! | `kernel` `[kernel..., in, out]` | `weight` `[out, in, kernel...]` |
//! | `kernel` of a transposed convolution `[kernel..., out, in]` | `weight` `[in, out, kernel...]` |
//! | `bias` | `bias` |
//! | `gamma`, `beta`, `moving_mean`, `moving_variance` | `weight`, `bias`, `running_mean`, `running_var` |
//! | any other | the same |
//!
//! The order of the layers is not kept: the numbers in their names have it. What the two attributes list are the paths
//! of groups and arrays, which are there to be walked, so that it makes no difference how their text is encoded.

use super::MAX_WEIGHTS_BYTES;
use crate::error::Error;
use crate::hdf5::adapter::{Dataset, File};
use crate::limits::{MAX_FRAME_BYTES, checked_bytes};
use crate::stored::{Stored, StoredType};
use half::f16;
use sparkwave_core::weights::{Parameter, Weights};
use std::collections::BTreeMap;
use std::path::Path;

/// Where `save` puts the weights, beside those of the optimizer.
const WEIGHTS_OF_MODEL: &str = "model_weights";
/// Attributes of the file that become texts.
const TEXTS: [&str; 2] = ["backend", "keras_version"];

/// Reads a file of weights.
///
/// # Errors
/// If the file is damaged or not laid out as above, or an array is of another type, or larger than the file.
pub(super) fn read(path: &Path) -> Result<Weights, Error> {
    let n_file = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
    let file = File::open(path)?;
    let Some(top) = ["", WEIGHTS_OF_MODEL].into_iter().find(|group| lists(&file, group, "layer_names")) else {
        let expected = "weights of Keras: a group with the attribute layer_names";
        return Err(Error::unsupported("read", path, expected, "an HDF5 file without"));
    };
    let mut layers: BTreeMap<String, Vec<Dataset>> = BTreeMap::new();
    let mut is_layer = BTreeMap::new();
    let mut n_total = 0u64;
    for name in file.dataset_names()? {
        if !(top.is_empty() || name.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))) {
            continue;
        }
        let Some(layer) = layer_of(&file, top, &name, &mut is_layer) else {
            let expected = "arrays within layers, groups with the attribute weight_names";
            return Err(Error::malformed("read", path, expected, name));
        };
        let dataset = file.dataset(&name)?;
        n_total = n_total.saturating_add(n_bytes(&dataset, n_file, path)?);
        if n_total > MAX_WEIGHTS_BYTES {
            let expected = format!("at most {MAX_WEIGHTS_BYTES} bytes of arrays");
            return Err(Error::limit("read", path, expected, format!("{n_total} bytes with {name}")));
        }
        layers.entry(layer).or_default().push(dataset);
    }
    let mut weights = Weights::default();
    for (layer, datasets) in &layers {
        let below = |dataset: &Dataset| dataset.name[layer.len() + 1..].split('/').map(String::from).collect();
        let paths: Vec<Vec<String>> = datasets.iter().map(below).collect();
        let shared = n_shared(&paths);
        // Below `model_weights`, layers are called as they are called elsewhere.
        let layer = layer.strip_prefix(top).map_or(layer.as_str(), |rest| rest.trim_start_matches('/'));
        for (dataset, path_below) in datasets.iter().zip(&paths) {
            let Some((keras, ours)) = path_below.last().map(|leaf| renamed(leaf)) else { continue };
            let Some(parameter) = parameter(&file, dataset, keras, keras != ours)? else { continue };
            let scopes = &path_below[shared..path_below.len() - 1];
            let name =
                [&[layer], &scopes.iter().map(String::as_str).collect::<Vec<_>>()[..], &[ours]].concat().join(".");
            if weights.parameters.contains_key(&name) {
                return Err(Error::malformed("read", path, "arrays of different names", format!("{name} twice")));
            }
            weights.parameters.insert(name, parameter);
        }
    }
    if weights.parameters.is_empty() {
        return Err(Error::malformed("read", path, "weights of Keras", "no arrays of floating-point numbers"));
    }
    let text = |name: &str| Some((name.to_owned(), file.group_text(top, name).or_else(|| file.group_text("", name))?));
    weights.texts.extend(TEXTS.into_iter().filter_map(text));
    Ok(weights)
}

/// True if the group has the attribute, whole or in numbered parts.
fn lists(file: &File, group: &str, attribute: &str) -> bool {
    file.group_attributes(group).iter().any(|name| name == attribute || name.strip_suffix('0') == Some(attribute))
}

/// The group of the layer that an array belongs to: the first on the way to it that lists its weights. `known` spares
/// asking twice.
fn layer_of(file: &File, top: &str, name: &str, known: &mut BTreeMap<String, bool>) -> Option<String> {
    let start = if top.is_empty() { 0 } else { top.len() + 1 };
    let ends = name.match_indices('/').map(|(at, _)| at).filter(|&at| at > start);
    ends.map(|at| &name[..at]).find_map(|group| {
        let is_layer = *known.entry(group.to_owned()).or_insert_with(|| lists(file, group, "weight_names"));
        is_layer.then(|| group.to_owned())
    })
}

/// How many scopes all arrays of a layer share.
fn n_shared(paths: &[Vec<String>]) -> usize {
    let scopes = |path: &[String]| path.len() - 1;
    let most = paths.iter().map(|path| scopes(path)).min().unwrap_or(0);
    (0..most).take_while(|&i| paths.iter().all(|path| path[i] == paths[0][i])).count()
}

/// An array's name without the number that TensorFlow appends, and PyTorch's name of it.
fn renamed(leaf: &str) -> (&str, &str) {
    let name = match leaf.split_once(':') {
        Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => leaf,
    };
    let ours = match name {
        "kernel" | "gamma" => "weight",
        "beta" => "bias",
        "moving_mean" => "running_mean",
        "moving_variance" => "running_var",
        other => other,
    };
    (name, ours)
}

/// Bytes that reading an array takes, within the limits.
fn n_bytes(dataset: &Dataset, n_file: u64, path: &Path) -> Result<u64, Error> {
    let size = dataset.stored.map_or(1, StoredType::n_bytes) as u64;
    let fits = |extents: &[u64]| checked_bytes(extents, size, MAX_FRAME_BYTES);
    // Chunks are decoded whole: theirs is the memory that a read needs besides its result.
    let chunk_fits = dataset.chunk.as_ref().is_none_or(|chunk| fits(chunk).is_some());
    let found = || format!("{} of extents {:?}, chunks {:?}", dataset.name, dataset.shape, dataset.chunk);
    let Some(n) = fits(&dataset.shape).filter(|_| chunk_fits) else {
        return Err(Error::limit("read", path, format!("arrays of at most {MAX_FRAME_BYTES} bytes"), found()));
    };
    if !dataset.filtered && n > n_file {
        return Err(Error::malformed("read", path, format!("no more than the {n_file} bytes of the file"), found()));
    }
    Ok(n)
}

/// An array in single precision; `None` for whole numbers under a name that is no weight's, such as states of
/// generators.
fn parameter(file: &File, dataset: &Dataset, keras: &str, is_known: bool) -> Result<Option<Parameter>, Error> {
    let is_weight = is_known || keras == "bias";
    let stored = match dataset.stored {
        Some(stored @ (StoredType::F16 | StoredType::F32 | StoredType::F64)) => stored,
        Some(_) if !is_weight => return Ok(None),
        other => {
            let found = other.map_or("values of another type", StoredType::name);
            let expected = format!("floating-point numbers in {}", dataset.name);
            return Err(Error::unsupported("read", file.path(), expected, found));
        }
    };
    // All were found to be below the caps.
    let shape: Vec<usize> = dataset.shape.iter().map(|&n| n as usize).collect();
    let values = if shape.contains(&0) {
        Vec::new()
    } else {
        match file.read(&dataset.name, stored, &vec![0; shape.len()], &shape)? {
            Stored::F32(values) => values,
            Stored::F16(bits) => bits.into_iter().map(|b| f16::from_bits(b).to_f32()).collect(),
            Stored::F64(values) => values.into_iter().map(|v| v as f32).collect(),
            _ => return Ok(None),
        }
    };
    let parameter = Parameter::new(shape, values);
    Ok(Some(if keras == "kernel" { outputs_first(parameter) } else { parameter }))
}

/// `[kernel..., a, b]` as `[b, a, kernel...]`.
fn outputs_first(parameter: Parameter) -> Parameter {
    let Parameter { shape, values } = parameter;
    let [kernel @ .., a, b] = shape.as_slice() else { return Parameter { shape, values } };
    let (a, b) = (*a, *b);
    let outputs_first = [&[b, a], kernel].concat();
    if values.is_empty() {
        // Beside an extent of 0 a file may name any others, too many to count to and too large to multiply.
        return Parameter { shape: outputs_first, values };
    }
    let n_taps: usize = kernel.iter().product();
    let mut turned = Vec::with_capacity(values.len());
    for j in 0..b {
        for i in 0..a {
            turned.extend((0..n_taps).map(|tap| values[(tap * a + i) * b + j]));
        }
    }
    Parameter::new(outputs_first, turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_without_values_are_turned_at_once_whatever_their_extents() {
        for [kernel, a, b] in [[0, 1 << 62, 1], [0, 1 << 40, 1 << 40], [1 << 62, 0, 1 << 62]] {
            let turned = outputs_first(Parameter { shape: vec![kernel, a, b], values: Vec::new() });
            assert_eq!((turned.shape, turned.values.len()), (vec![b, a, kernel], 0));
        }
    }
}
