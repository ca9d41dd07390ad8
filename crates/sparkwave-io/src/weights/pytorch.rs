//! Weights in checkpoints of PyTorch: a ZIP archive of a pickle that describes the arrays, and of their bytes.

use super::pickle::{self, Value};
use super::{MAX_WEIGHTS_BYTES, f16_value, f64_value};
use crate::error::Error;
use half::bf16;
use sparkwave_core::weights::{Parameter, Weights};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use zip::ZipArchive;

/// Under which key a training program keeps the network beside its optimizer.
const MODEL_KEYS: [&str; 4] = ["model", "state_dict", "model_state_dict", "net"];

/// Largest description of arrays, in bytes; that of a thousand arrays and their optimizer takes less than one million.
const MAX_PICKLE_BYTES: u64 = 1 << 24;

/// Reads the bytes of a checkpoint; errors speak of `path`. Arrays of whole numbers, such as counters of batches, are left
/// out.
///
/// # Errors
/// If the bytes are no checkpoint, or one of the old format without an archive, or name what no weights need, or an array
/// reaches beyond its storage.
pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Weights, Error> {
    let malformed = |found: String| Error::malformed("read", path, "a checkpoint of PyTorch", found);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| malformed(e.to_string()))?;
    let pickled = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with("/data.pkl") || name == "data.pkl")
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| malformed("an archive without data.pkl".into()))?;
    let root = pickled.trim_end_matches("data.pkl").to_owned();
    let described = member(&mut archive, &pickled, MAX_PICKLE_BYTES, path)?;
    if let Ok(order) = member(&mut archive, &format!("{root}byteorder"), 16, path)
        && order != b"little"
    {
        return Err(malformed(format!("{} byte order", String::from_utf8_lossy(&order))));
    }
    let top = pickle::load(&described).map_err(malformed)?;
    let entries = top.entries().ok_or_else(|| malformed("no dictionary of arrays".into()))?;
    let inner = entries
        .iter()
        .find(|(key, value)| key.text().is_some_and(|key| MODEL_KEYS.contains(&key)) && value.entries().is_some());
    let entries = inner.and_then(|(_, value)| value.entries()).unwrap_or(entries);

    let mut parameters = BTreeMap::new();
    let (mut n_bytes, mut n_read) = (0u64, 0u64);
    for (key, value) in entries {
        let (Some(name), Some(tensor)) = (key.text(), Tensor::of(value)) else { continue };
        let Some(size) = tensor.kind.n_bytes() else { continue };
        n_bytes = n_bytes.saturating_add(4 * tensor.n_values().unwrap_or(u64::MAX / 8));
        if n_bytes > MAX_WEIGHTS_BYTES {
            let expected = format!("at most {MAX_WEIGHTS_BYTES} bytes of arrays");
            return Err(Error::limit("read", path, expected, format!("{n_bytes} bytes with {name}")));
        }
        // PyTorch does not compress, so a storage larger than the file is a bomb.
        let stored = member(&mut archive, &format!("{root}data/{}", tensor.storage), bytes.len() as u64, path)?;
        n_read = n_read.saturating_add(stored.len() as u64);
        if n_read > MAX_WEIGHTS_BYTES {
            let expected = format!("arrays in storages of at most {MAX_WEIGHTS_BYTES} bytes together");
            return Err(Error::limit("read", path, expected, format!("{n_read} bytes with {name}")));
        }
        let values = tensor
            .gather(&stored, size)
            .ok_or_else(|| malformed(format!("{name}, which reaches beyond its {} bytes", stored.len())))?;
        parameters.insert(name.to_owned(), Parameter::new(tensor.shape, values));
    }
    if parameters.is_empty() {
        return Err(malformed("no arrays of floating-point numbers".into()));
    }
    Ok(Weights { parameters, texts: BTreeMap::new() })
}

/// The bytes of a member of the archive, at most `cap`.
fn member(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, cap: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let malformed = |found: String| Error::malformed("read", path, format!("{name} in the archive"), found);
    let file = archive.by_name(name).map_err(|e| malformed(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| malformed(e.to_string()))?;
    if bytes.len() as u64 > cap {
        return Err(Error::limit("read", path, format!("at most {cap} bytes of {name}"), "more".to_owned()));
    }
    Ok(bytes)
}

/// The number type of a storage.
#[derive(Clone, Copy)]
enum Kind {
    F64,
    F32,
    F16,
    Bf16,
    /// Whole numbers and truth values.
    Other,
}

impl Kind {
    fn n_bytes(self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::Other => None,
        }
    }
}

/// An array as the pickle describes it.
struct Tensor {
    storage: String,
    kind: Kind,
    offset: u64,
    shape: Vec<usize>,
    strides: Vec<u64>,
}

impl Tensor {
    /// The array that a value describes: a call of `_rebuild_tensor_v2(storage, offset, size, stride, ...)`, or of
    /// `_rebuild_parameter(array, ...)` round it.
    fn of(value: &Value) -> Option<Self> {
        let Value::Call(call) = value else { return None };
        let (Value::Global(callee), arguments) = (&call.inside.0, call.inside.1.items()) else { return None };
        match (&**callee, arguments) {
            ("torch._utils._rebuild_parameter", [tensor, ..]) => Self::of(tensor),
            ("torch._utils._rebuild_tensor_v2", [Value::Persistent(storage), offset, shape, strides, ..]) => {
                let [_, kind, key, ..] = storage.inside.items() else { return None };
                let Value::Global(kind) = kind else { return None };
                let lengths = |v: &Value| -> Option<Vec<u64>> {
                    v.items().iter().map(|n| u64::try_from(n.int()?).ok()).collect()
                };
                let (shape, strides) = (lengths(shape)?, lengths(strides)?);
                if shape.len() != strides.len() {
                    return None;
                }
                Some(Self {
                    storage: key.text()?.to_owned(),
                    kind: match &**kind {
                        "torch.DoubleStorage" => Kind::F64,
                        "torch.FloatStorage" => Kind::F32,
                        "torch.HalfStorage" => Kind::F16,
                        "torch.BFloat16Storage" => Kind::Bf16,
                        _ => Kind::Other,
                    },
                    offset: u64::try_from(offset.int()?).ok()?,
                    shape: shape.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<_>>()?,
                    strides,
                })
            }
            _ => None,
        }
    }

    fn n_values(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |acc, &n| acc.checked_mul(n as u64)).filter(|n| *n <= MAX_WEIGHTS_BYTES)
    }

    /// The values in row-major order; `None` if one lies beyond the storage.
    fn gather(&self, stored: &[u8], size: usize) -> Option<Vec<f32>> {
        let n = self.n_values()? as usize;
        let furthest = self.shape.iter().zip(&self.strides).try_fold(self.offset, |acc, (&n, stride)| {
            acc.checked_add(stride.checked_mul((n as u64).saturating_sub(1))?)
        })?;
        let end = furthest.checked_add(1)?.checked_mul(size as u64)?;
        if n == 0 {
            return Some(Vec::new());
        }
        if end > stored.len() as u64 {
            return None;
        }
        let value = |at: u64| {
            let bytes = &stored[at as usize * size..][..size];
            match self.kind {
                Kind::F64 => f64_value(bytes),
                Kind::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
                Kind::F16 => f16_value(bytes),
                Kind::Bf16 => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
                Kind::Other => 0.0,
            }
        };
        let mut values = Vec::with_capacity(n);
        let mut index = vec![0usize; self.shape.len()];
        for _ in 0..n {
            let at = index.iter().zip(&self.strides).fold(self.offset, |acc, (&i, stride)| acc + i as u64 * stride);
            values.push(value(at));
            for (i, &length) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < length {
                    break;
                }
                *i = 0;
            }
        }
        Some(values)
    }
}
