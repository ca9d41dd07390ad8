//! What StarDist minimises: the cross-entropy of the object probability and the absolute error of the distances, weighted
//! by the true probability, with a slight pull to 0 where there is no object (`prob_loss` and `masked_loss_mae` of the
//! StarDist package 0.9, in the proportion of its defaults).

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::ArrayView3;
use sparkwave_imgproc::star::Rays;
use sparkwave_imgproc::star::distances::star_distances;
use sparkwave_imgproc::star::probability::object_probability;

use super::cross_entropy;
use crate::batch::Batch;
use crate::error::{Error, Result};

/// How much the distances weigh beside the probability.
const DISTANCE_WEIGHT: f32 = 0.2;
/// How much distances on the background weigh.
const BACKGROUND: f32 = 1e-4;
/// Keras's guard against dividing by nothing.
const EPSILON: f32 = 1e-7;

/// What the network should say of a batch.
pub(crate) struct Targets {
    /// `[n, 1, t/g, y/g, x/g]`.
    probability: Vec<f32>,
    /// `[n, rays, t/g, y/g, x/g]`.
    distances: Vec<f32>,
}

impl Targets {
    /// Computed from the labels of the batch's crops.
    pub(crate) fn of(batch: &Batch, rays: &Rays, anisotropy: [f64; 3], grid: [usize; 3]) -> Result<Self> {
        let edge = batch.edge;
        let mut targets = Self { probability: Vec::new(), distances: Vec::new() };
        for labels in batch.labels.chunks(edge.iter().product()) {
            let labels = ArrayView3::from_shape(edge, labels).expect("a crop");
            let probability = object_probability(labels, anisotropy, grid).map_err(Error::Stars)?;
            let distances = star_distances(labels, rays, grid).map_err(Error::Stars)?;
            targets.probability.extend(probability.iter());
            targets.distances.extend(distances.permuted_axes([3, 0, 1, 2]).iter());
        }
        Ok(targets)
    }
}

/// The mean loss of a batch.
pub(crate) fn loss(logits: Tensor<5>, found: Tensor<5>, targets: &Targets, device: &Device) -> Tensor<1> {
    let tensor =
        |values: &[f32], shape: [usize; 5]| Tensor::<5>::from_data(TensorData::new(values.to_vec(), shape), device);
    let probability = tensor(&targets.probability, logits.dims());
    let distances = tensor(&targets.distances, found.dims());
    let of_distances = distance_error(found, distances, probability.clone());
    cross_entropy(logits, probability) + of_distances * DISTANCE_WEIGHT
}

/// The mean absolute error of distances `[n, rays, t, y, x]`, weighted by `mask` `[n, 1, t, y, x]`.
fn distance_error(found: Tensor<5>, expected: Tensor<5>, mask: Tensor<5>) -> Tensor<1> {
    let off = (found.clone() - expected).abs().mean_dim(1);
    let on_objects = (off * mask.clone()).mean() / (mask.clone().mean() + EPSILON);
    let on_background = (found.abs().mean_dim(1) * (-mask + 1.0)).mean();
    on_objects + on_background * BACKGROUND
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The hash of `tests/reference/stardist_geometry.py`, 0 to 1.
    fn scatter(i: usize, j: u64) -> f64 {
        let mut h = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(j.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
        h ^= h >> 29;
        h = h.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        h ^= h >> 32;
        (h >> 32) as f64 / 4_294_967_296.0
    }

    #[test]
    fn losses_equal_the_package() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/golden/stardist_losses.json");
        let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("there")).expect("JSON");
        let expected = |key: &str| golden["case"][key].as_f64().expect("a number") as f32;
        let (shape, rays) = ([2, 4, 5, 6], 8);
        let n: usize = shape.iter().product();
        let target = |k: usize| {
            if scatter(k, 902) < 0.1 || scatter(k, 900) >= 0.4 { 0.0 } else { scatter(k, 901) }
        };
        let device = Device::flex();
        let tensor = |values: Vec<f32>, c: usize| {
            let [n, t, y, x] = shape;
            Tensor::<5>::from_data(TensorData::new(values, [n, t, y, x, c]), &device).permute([0, 4, 1, 2, 3])
        };
        let mask: Vec<f32> = (0..n).map(|k| target(k) as f32).collect();
        let of_rays = |value: &dyn Fn(usize) -> f64| tensor((0..n * rays).map(|m| value(m) as f32).collect(), rays);
        let known = of_rays(&|m| if target(m / rays) > 0.0 { 12.0 * scatter(m, 904) } else { 0.0 });
        let found = of_rays(&|m| 12.0 * scatter(m, 905) - 1.0);
        let error = distance_error(found, known, tensor(mask, 1)).into_scalar::<f32>();
        assert!((error - expected("distance_mae")).abs() < 1e-5, "{error}");

        // The voxels whose loss is off have no place in ours: the rest of them, in a row.
        let on: Vec<usize> = (0..n).filter(|&k| scatter(k, 902) >= 0.1).collect();
        let row = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = on.iter().map(|&k| value(k) as f32).collect();
            Tensor::<5>::from_data(TensorData::new(values, [1, 1, 1, 1, on.len()]), &device)
        };
        let logit = row(&|k| {
            let p = 0.01 + 0.98 * scatter(k, 903);
            (p / (1.0 - p)).ln()
        });
        let bce = cross_entropy(logit, row(&target)).into_scalar::<f32>();
        assert!((bce - expected("probability_bce")).abs() < 1e-6, "{bce}");
    }

    #[test]
    fn targets_are_those_of_the_labels() {
        let edge = [8, 12, 12];
        let mut labels = vec![0; edge.iter().product()];
        for (t, y, x) in (0..27).map(|i| (2 + i / 9, 4 + i / 3 % 3, 6 + i % 3)) {
            labels[(t * 12 + y) * 12 + x] = 7;
        }
        let batch = Batch { input: Vec::new(), labels, labelled: vec![true], edge };
        let rays = Rays::golden_spiral(12, [1.7, 1.08, 1.0]).expect("rays");
        let targets = Targets::of(&batch, &rays, [1.7, 1.08, 1.0], [1, 2, 2]).expect("a volume");
        let cell = |t: usize, y: usize, x: usize| (t * 6 + y / 2) * 6 + x / 2;
        let n = 8 * 6 * 6;
        assert_eq!((targets.probability.len(), targets.distances.len()), (n, 12 * n));
        let inside = [(2, 4, 6), (3, 4, 8), (4, 6, 8)];
        for (t, y, x) in inside {
            assert!(targets.probability[cell(t, y, x)] > 0.0);
            assert!((0..12).all(|ray| targets.distances[ray * n + cell(t, y, x)] > 0.0));
        }
        assert_eq!(targets.probability.iter().filter(|p| **p > 0.0).count(), 3 * 2 * 2);
        assert_eq!(targets.distances[cell(0, 0, 0)], 0.0);
    }
}
