//! The background: what the camera reports where no fluorophore is in focus. Its mean is subtracted frame by frame
//! (paper, section 2.4, where the region is drawn by hand).

use crate::error::Error;
use crate::filter::median::median_3x3;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::source::FrameSource;

/// A rectangle of pixels: `y0 <= y < y1`, `x0 <= x < x1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rectangle {
    /// First row.
    pub y0: usize,
    /// Row after the last.
    pub y1: usize,
    /// First column.
    pub x0: usize,
    /// Column after the last.
    pub x1: usize,
}

/// Share of the pixels, the darkest of the median-filtered mean image, that serve as background by default.
pub const DARKEST_FRACTION: f64 = 0.05;

/// Checks that a region of interest holds pixels of an image of `height` rows and `width` columns.
///
/// # Errors
/// If the region is empty or reaches outside the image.
pub fn check_region(region: Rectangle, height: usize, width: usize) -> Result<(), Error> {
    let Rectangle { y0, y1, x0, x1 } = region;
    if y0 >= y1 || x0 >= x1 || y1 > height || x1 > width {
        return Err(Error::Region { found: format!("{y0}:{y1},{x0}:{x1} (y0:y1,x0:x1)"), height, width });
    }
    Ok(())
}

/// The background pixels: those of the region if one is given, otherwise the darkest 5 % of the mean image.
/// Pixels that are not finite in some frame never count. Indices `y * width + x`, increasing.
///
/// # Errors
/// If the region is empty or reaches outside the image.
pub fn background_pixels(mean: &Array2<f32>, region: Option<Rectangle>) -> Result<Vec<u32>, Error> {
    let (height, width) = mean.dim();
    let finite = |p: &u32| mean[[*p as usize / width, *p as usize % width]].is_finite();
    if let Some(r) = region {
        check_region(r, height, width)?;
        let pixels = (r.y0..r.y1).flat_map(|y| (r.x0..r.x1).map(move |x| (y * width + x) as u32));
        return Ok(pixels.filter(finite).collect());
    }
    let smooth = median_3x3(mean.view());
    let smooth = smooth.as_slice().expect("a new array is contiguous");
    let mut pixels: Vec<u32> = (0..(height * width) as u32).filter(finite).collect();
    let n = ((pixels.len() as f64 * DARKEST_FRACTION).ceil() as usize).min(pixels.len());
    if n > 0 {
        // Ties are broken by position: the choice does not depend on the sorting algorithm.
        let order = |a: &u32, b: &u32| smooth[*a as usize].total_cmp(&smooth[*b as usize]).then(a.cmp(b));
        pixels.select_nth_unstable_by(n - 1, order);
        pixels.truncate(n);
        pixels.sort_unstable();
    }
    Ok(pixels)
}

/// The mean of the background pixels in every frame, counts; 0 if there are none.
///
/// Read without registration: the background is even on the scale of the drift, so its mean does not move.
///
/// # Errors
/// If the movie cannot be read.
pub fn background_trace(source: &dyn FrameSource, pixels: &[u32]) -> Result<Vec<f64>, Error> {
    let shape = source.shape();
    let (Some(&first), Some(&last)) = (pixels.first(), pixels.last()) else { return Ok(vec![0.0; shape.n_frames]) };
    let rows = Span::new(first as usize / shape.width, last as usize / shape.width + 1);
    let offset = rows.start * shape.width;
    (0..shape.n_frames)
        .into_par_iter()
        .map(|t| {
            let frame = source.read(Span::new(t, t + 1), rows)?.to_f32();
            let frame = frame.as_slice().expect("a block that was just read is contiguous");
            let sum: f64 = pixels.iter().map(|&p| f64::from(frame[p as usize - offset])).sum();
            Ok(sum / pixels.len() as f64)
        })
        .collect()
}
