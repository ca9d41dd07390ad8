//! Between images of a movie and what the network sees and says.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView2, ArrayView3};

use crate::error::{Error, Result};
use crate::models::sam2::Point;
use crate::models::sam2::resample::{Kernel, resample};

/// Mean and deviation of red, green and blue in ImageNet, on which the image encoder was trained.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// An image `[3, y, x]`, red, green and blue from 0 to 1, as the network sees it: `[1, 3, px, px]`.
pub(super) fn seen(image: ArrayView3<f32>, px: usize, device: &Device) -> Tensor<4> {
    let (_, h, w) = image.dim();
    let image = Tensor::from_data(TensorData::new(image.iter().copied().collect::<Vec<f32>>(), [1, 3, h, w]), device);
    let of = |values: [f32; 3]| Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), device);
    (resample(image, Kernel::Antialiased, [px; 2]) - of(MEAN)) / of(DEVIATION)
}

/// Points in an image of a size `[y, x]` as the network sees them.
pub(super) fn points(points: &[Point], [h, w]: [usize; 2], px: usize) -> Result<Vec<Point>> {
    if let Some(point) = points.iter().find(|p| !p.x_px.is_finite() || !p.y_px.is_finite()) {
        let (expected, found) = ("a number".to_owned(), format!("{point:?}"));
        return Err(Error::Parameter { name: "point", expected, found });
    }
    let [h, w, px] = [h, w, px].map(|n| n as f32);
    Ok(points.iter().map(|p| Point { x_px: p.x_px / w * px, y_px: p.y_px / h * px, mark: p.mark }).collect())
}

/// A mask `[y, x]` as the network sees it: `[1, 1, px, px]`, 0 and 1.
pub(super) fn seen_mask(mask: ArrayView2<bool>, px: usize, device: &Device) -> Tensor<4> {
    let (h, w) = mask.dim();
    let values: Vec<f32> = mask.iter().map(|&inside| f32::from(u8::from(inside))).collect();
    let mask = Tensor::from_data(TensorData::new(values, [1, 1, h, w]), device);
    resample(mask, Kernel::Antialiased, [px; 2]).greater_equal_elem(0.5).float()
}

/// Logits `[1, 1, y, x]` of the network at the size `[y, x]` of the movie.
pub(super) fn said(logits: Tensor<4>, [h, w]: [usize; 2]) -> Array2<f32> {
    let values: Vec<f32> = resample(logits, Kernel::Bilinear, [h, w]).into_data().iter::<f32>().collect();
    Array2::from_shape_vec((h, w), values).expect("resampled to this size")
}
