//! Weights of Keras: `tests/golden/keras2.h5` and `keras3.h5`, written by `tests/reference/keras_weights.py`, and files
//! spoilt on purpose.

use sparkwave_core::weights::{Parameter, Weights};
use sparkwave_io::{Error, weights};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Value i of array k of a file is k + i / 1024.
fn value(array: usize, i: usize) -> f32 {
    array as f32 + i as f32 / 1024.0
}

/// Value `[b, a, z, y, x]` of a kernel that the file has as `[z, y, x, a, b]`.
fn kernel(array: usize, shape: [usize; 5]) -> Parameter {
    let [b, a, d, h, w] = shape;
    let values =
        ndarray::Array5::from_shape_fn(shape, |(j, i, z, y, x)| value(array, (((z * h + y) * w + x) * a + i) * b + j));
    assert_eq!(values.len(), a * b * d * h * w);
    Parameter::new(shape.to_vec(), values.into_iter().collect())
}

fn list(array: usize, n: usize) -> Parameter {
    Parameter::new(vec![n], (0..n).map(|i| value(array, i)).collect())
}

fn names(weights: &Weights) -> Vec<&str> {
    weights.parameters.keys().map(String::as_str).collect()
}

#[test]
fn weights_of_keras_2_have_names_and_axes_of_pytorch() {
    let found = weights::read(&golden("keras2.h5")).unwrap();
    let expected = [
        ("down_level_0_no_0.weight", kernel(0, [2, 1, 3, 3, 3])),
        ("down_level_0_no_0.bias", list(1, 2)),
        ("batch_normalization.weight", list(2, 2)),
        ("batch_normalization.bias", list(3, 2)),
        ("batch_normalization.running_mean", list(4, 2)),
        ("batch_normalization.running_var", list(5, 2)),
        ("middle_0.bias", list(7, 4)),
        ("features.weight", kernel(8, [3, 6, 3, 1, 2])),
        ("features.bias", list(9, 3)),
        ("prob.weight", kernel(10, [1, 3, 1, 1, 1])),
        ("prob.bias", list(11, 1)),
        ("dist.weight", kernel(12, [8, 3, 1, 1, 1])),
        ("dist.bias", list(13, 8)),
    ];
    for (name, parameter) in &expected {
        assert_eq!(found.parameters.get(*name), Some(parameter), "{name}");
    }
    // In half precision, which has 8 bits behind the point at 6.
    let half = &found.parameters["middle_0.weight"];
    let exact = kernel(6, [4, 2, 3, 3, 3]);
    assert_eq!(half.shape, exact.shape);
    assert!(half.values.iter().zip(&exact.values).all(|(a, b)| (a - b).abs() <= 1.0 / 512.0));
    assert_eq!(found.parameters.len(), expected.len() + 1);
    assert_eq!(found.texts["keras_version"], "2.2.4");
    assert_eq!(found.texts["backend"], "tensorflow");
}

#[test]
fn a_model_of_keras_3_is_read_without_its_optimizer() {
    let found = weights::read(&golden("keras3.h5")).unwrap();
    let expected = [
        "block/conv.bias",
        "block/conv.weight",
        "nested.first.bias",
        "nested.first.weight",
        "nested.second.bias",
        "nested.second.weight",
        "scale.factor",
        "up.bias",
        "up.weight",
    ];
    assert_eq!(names(&found), expected);
    assert_eq!(found.parameters["block/conv.weight"], kernel(0, [2, 1, 3, 3, 3]));
    assert_eq!(found.parameters["up.weight"], kernel(2, [2, 3, 2, 2, 2]), "of a transposed convolution: inputs first");
    assert_eq!(found.parameters["scale.factor"], Parameter::new(vec![], vec![value(9, 0)]));
    assert_eq!(found.texts["backend"], "jax");
}

/// The error of reading bytes under a name.
fn error_of(name: &str, bytes: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = weights::read(&path).expect_err("no weights");
    assert!(error.to_string().contains(name), "{error}");
    error
}

#[test]
fn what_are_no_weights_of_keras_is_said() {
    let movie = std::fs::read(golden("one.h5")).unwrap();
    let error = error_of("movie.h5", &movie);
    assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains("layer_names"), "{error}");
    // The content decides where the name does not.
    assert!(error_of("movie.bin", &movie).to_string().contains("layer_names"));
    assert!(matches!(error_of("text.h5", b"no HDF5"), Error::Malformed(_)));
    assert!(matches!(error_of("empty.h5", b""), Error::Malformed(_)));
    let error = weights::from_bytes(&movie, Path::new("m.h5")).expect_err("not from memory");
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(matches!(weights::read(Path::new("absent.h5")), Err(Error::Io { .. })));
}

#[test]
fn cut_files_are_errors_or_whole() {
    let whole = weights::read(&golden("keras2.h5")).unwrap();
    let bytes = std::fs::read(golden("keras2.h5")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.h5");
    for n in (0..bytes.len()).step_by(331) {
        std::fs::write(&path, &bytes[..n]).unwrap();
        match weights::read(&path) {
            Ok(found) => assert!(found == whole, "{n} bytes"),
            Err(error) => assert!(error.to_string().contains("cut.h5"), "{error}"),
        }
    }
}

/// The bytes of `keras2.h5` with every occurrence of some bytes, of which there is at least one, replaced by as many
/// others.
fn spoilt(old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = std::fs::read(golden("keras2.h5")).unwrap();
    let places: Vec<usize> = (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new));
    bytes
}

#[test]
fn claims_are_checked_before_memory_is_reserved() {
    let extents = |n: [u64; 5]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let found = |claim| error_of("big.h5", &spoilt(&extents([3, 3, 3, 1, 2]), &extents(claim)));
    for claim in [[1 << 40, 3, 3, 1, 2], [u64::MAX; 5], [1 << 20, 1 << 20, 1, 1, 2], [1 << 29, 1, 1, 1, 2]] {
        let error = found(claim);
        assert!(matches!(error, Error::Limit(_)), "{error}");
    }
    let error = found([3000, 3, 3, 1, 2]);
    assert!(matches!(error, Error::Malformed(_)) && error.to_string().contains("no more than the"), "{error}");
}

#[test]
fn weights_of_other_types_and_names_are_errors() {
    // The datatype message of 64-bit floats, and of 64-bit integers.
    let (float, integer) = (b"\x11\x20\x3f\0\x08\0\0\0\0\0\x40\0", b"\x10\x08\0\0\x08\0\0\0\0\0\x40\0");
    let error = error_of("type.h5", &spoilt(float, integer));
    assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains("int64"), "{error}");
    let error = error_of("names.h5", &spoilt(b"weight_names", b"weight_nam3s"));
    assert!(matches!(error, Error::Malformed(_)) && error.to_string().contains("weight_names"), "{error}");
    let error = error_of("twice.h5", &spoilt(b"gamma:0", b"bias:0\0"));
    assert!(error.to_string().contains("batch_normalization.bias twice"), "{error}");
}
