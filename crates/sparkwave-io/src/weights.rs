//! Weights of networks: safetensors files in and out, checkpoints of PyTorch and weights of Keras in.
//!
//! Texts that travel with the weights (the model card among them) stand in the file's metadata under one key, as a JSON
//! object, so that the same weights always give the same bytes.

#[cfg(test)]
mod hostile;
mod keras;
pub(crate) mod pickle;
mod pytorch;

use crate::atomic::write_atomic;
use crate::error::Error;
use crate::open::HDF5_MAGIC;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sparkwave_core::weights::{Parameter, Weights};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file of weights that is read, in bytes: SAM 2 large holds 0.9 GB.
pub const MAX_WEIGHTS_BYTES: u64 = 1 << 32;

/// The metadata key of our texts.
const TEXTS: &str = "sparkwave";

/// The first bytes of a ZIP archive, which a checkpoint of PyTorch is.
const ZIP: &[u8] = b"PK";

/// Reads a safetensors file, a checkpoint of PyTorch or weights of Keras in HDF5 (`weights_best.h5` of StarDist), told
/// apart by their first bytes; a name that ends in `.h5` is one of HDF5 in any case. Of a checkpoint that also holds an
/// optimizer, the network is read; no code in it is run.
///
/// # Errors
/// If the file cannot be read, is larger than [`MAX_WEIGHTS_BYTES`], is damaged, or holds arrays that are no
/// floating-point numbers.
pub fn read(path: &Path) -> Result<Weights, Error> {
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let n_bytes = file.metadata().map_err(|e| Error::io("open", path, e))?.len();
    if n_bytes > MAX_WEIGHTS_BYTES {
        return Err(Error::limit(
            "read",
            path,
            format!("at most {MAX_WEIGHTS_BYTES} bytes"),
            format!("{n_bytes} bytes"),
        ));
    }
    let fail = |e| Error::io("read", path, e);
    let mut bytes = Vec::new();
    file.by_ref().take(HDF5_MAGIC.len() as u64).read_to_end(&mut bytes).map_err(fail)?;
    if bytes == HDF5_MAGIC || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("h5")) {
        return keras::read(path);
    }
    bytes.reserve_exact(n_bytes as usize);
    file.take(MAX_WEIGHTS_BYTES).read_to_end(&mut bytes).map_err(fail)?;
    from_bytes(&bytes, path)
}

/// Reads the bytes of a safetensors file or a checkpoint of PyTorch; errors speak of `path`.
///
/// # Errors
/// As [`read`]; also for HDF5, which is read from files only.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Weights, Error> {
    if bytes.starts_with(ZIP) {
        return pytorch::from_bytes(bytes, path);
    }
    if bytes.starts_with(HDF5_MAGIC) {
        let expected = "a safetensors file or a checkpoint of PyTorch";
        return Err(Error::unsupported("read", path, expected, "HDF5 in memory"));
    }
    let malformed = |found: String| Error::malformed("read", path, "a safetensors file", found);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| malformed(e.to_string()))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| malformed(e.to_string()))?;
    let mut parameters = BTreeMap::new();
    for (name, view) in tensors.iter() {
        let values = floats(&view).ok_or_else(|| {
            let expected = format!("floating-point numbers in {name}");
            Error::unsupported("read", path, expected, format!("{:?}", view.dtype()))
        })?;
        parameters.insert(name.to_owned(), Parameter::new(view.shape().to_vec(), values));
    }
    let texts = match metadata.metadata().as_ref().and_then(|m| m.get(TEXTS)) {
        Some(json) => serde_json::from_str(json).map_err(|e| malformed(format!("the key {TEXTS}: {e}")))?,
        None => BTreeMap::new(),
    };
    Ok(Weights { parameters, texts })
}

/// Writes a safetensors file, whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write(weights: &Weights, path: &Path) -> Result<(), Error> {
    write_atomic(path, &to_bytes(weights))
}

/// The bytes of a safetensors file.
pub fn to_bytes(weights: &Weights) -> Vec<u8> {
    let raw: Vec<(&String, &Parameter, Vec<u8>)> = weights
        .parameters
        .iter()
        .map(|(name, p)| (name, p, p.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = raw.iter().map(|(name, p, bytes)| {
        let view = TensorView::new(Dtype::F32, p.shape.clone(), bytes);
        (*name, view.expect("as many bytes as the shape says, which `Parameter::new` checks"))
    });
    let texts = (!weights.texts.is_empty()).then(|| {
        let json = serde_json::to_string(&weights.texts).expect("texts by name are JSON");
        HashMap::from([(TEXTS.to_owned(), json)])
    });
    safetensors::serialize(views, texts).expect("named arrays that do not overlap")
}

/// The values of an array; `None` if they are no floating-point numbers.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => data.chunks_exact(2).map(f16_value).collect(),
        Dtype::BF16 => data.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::F64 => data.chunks_exact(8).map(f64_value).collect(),
        _ => return None,
    })
}

/// A half-precision number of two bytes.
fn f16_value(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// A double-precision number of eight bytes, narrowed.
fn f64_value(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(f32::NAN, |b| f64::from_le_bytes(b) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Weights {
        let mut weights = Weights::default();
        weights.parameters.insert("a.weight".into(), Parameter::new(vec![2, 3], vec![0.0, -1.5, 2.0, 3.0, 4.0, 1e-30]));
        weights.parameters.insert("a.bias".into(), Parameter::new(vec![], vec![7.0]));
        weights.texts.insert("card".into(), "{\"threshold\": 0.5}".into());
        weights.texts.insert("step".into(), "12".into());
        weights
    }

    #[test]
    fn weights_come_back_and_the_bytes_are_the_same_each_time() {
        let weights = example();
        let bytes = to_bytes(&weights);
        assert_eq!(from_bytes(&bytes, Path::new("m")).expect("just written"), weights);
        assert!((0..20).all(|_| to_bytes(&weights) == bytes));
    }

    /// Written by `torch.save` (see `tests/golden/make_checkpoint.py`): a state dictionary beside an optimizer.
    const CHECKPOINT: &[u8] = include_bytes!("../tests/golden/checkpoint.pt");

    #[test]
    fn a_checkpoint_of_pytorch_is_read_and_a_damaged_one_refused() {
        let weights = from_bytes(CHECKPOINT, Path::new("c.pt")).expect("a checkpoint");
        let array = |name: &str| weights.parameters.get(name).expect("present").clone();
        assert_eq!(array("conv.weight"), Parameter::new(vec![2, 1, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        // A transposed view of the same storage, a half-precision array, a parameter of one number.
        assert_eq!(array("view"), Parameter::new(vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert_eq!(array("half"), Parameter::new(vec![2], vec![0.5, -2.0]));
        assert_eq!(array("scale"), Parameter::new(vec![], vec![7.0]));
        assert!(!weights.parameters.contains_key("num_batches_tracked"));
        for n in (0..CHECKPOINT.len()).step_by(7) {
            let _ = from_bytes(&CHECKPOINT[..n], Path::new("c.pt")).expect_err("cut short");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = to_bytes(&example());
        for n in 0..bytes.len() {
            let _ = from_bytes(&bytes[..n], Path::new("m")).expect_err("cut short");
        }
        let mut long = bytes.clone();
        long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let error = from_bytes(&long, Path::new("m.safetensors")).expect_err("a header longer than the file");
        assert!(error.to_string().contains("m.safetensors"), "{error}");
    }
}
