//! The fine grid on which the scene is drawn: half-pixel pitch, a margin around the field, and the operations on it.

use super::params::SparksParams;
use crate::axes::PointYx;
use ndarray::Array2;

/// Samples of the fine grid per pixel edge.
pub(super) const OVERSAMPLING: usize = 2;
/// Taps of the interpolation kernel.
const TAPS: usize = 6;

/// Where the fine grid lies in the field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows of the field, in pixels.
    pub(super) height: usize,
    /// Columns of the field, in pixels.
    pub(super) width: usize,
    /// Pixels beyond each edge of the field.
    pub(super) margin: usize,
    /// Fine samples per µm.
    pub(super) per_um: f64,
}

impl Grid {
    /// A grid whose margin holds the largest drift and the interpolation kernel.
    pub(super) fn new(params: &SparksParams) -> Self {
        Self {
            height: params.height,
            width: params.width,
            margin: params.drift_px.ceil() as usize + TAPS,
            per_um: OVERSAMPLING as f64 / params.pixel_size_um,
        }
    }

    /// Rows and columns of the fine grid.
    pub(super) fn shape(&self) -> (usize, usize) {
        (OVERSAMPLING * (self.height + 2 * self.margin), OVERSAMPLING * (self.width + 2 * self.margin))
    }

    /// Fine coordinate of a position in µm (pixel centres are multiples of the pixel size).
    pub(super) fn fine(&self, um: f64) -> f64 {
        um * self.per_um + (OVERSAMPLING * self.margin) as f64
    }

    /// Fine index of the centre of pixel `i`.
    pub(super) fn fine_of_pixel(&self, i: usize) -> usize {
        OVERSAMPLING * (i + self.margin)
    }

    /// The field as the camera sees it when the content is displaced by `drift` pixels: the fine grid resampled at the
    /// displaced pixel centres by six-point Lagrange interpolation in each direction.
    ///
    /// The content is band-limited by the point spread function (at least 1.2 fine samples wide), for which the kernel is
    /// exact to better than 1 % in value and 0.01 pixel in position.
    pub(super) fn resample(&self, fine: &Array2<f32>, drift: PointYx) -> Array2<f32> {
        let (first_y, weights_y) = kernel((OVERSAMPLING * self.margin) as f64 - OVERSAMPLING as f64 * drift.y);
        let (first_x, weights_x) = kernel((OVERSAMPLING * self.margin) as f64 - OVERSAMPLING as f64 * drift.x);
        let mut line = vec![0f32; fine.ncols()];
        let mut out = Array2::zeros((self.height, self.width));
        for (y, mut row) in out.rows_mut().into_iter().enumerate() {
            line.fill(0.0);
            for (tap, &weight) in weights_y.iter().enumerate() {
                let source = fine.row(first_y + OVERSAMPLING * y + tap);
                for (sum, &value) in line.iter_mut().zip(source) {
                    *sum += weight * value;
                }
            }
            for (x, value) in row.iter_mut().enumerate() {
                let window = &line[first_x + OVERSAMPLING * x..][..TAPS];
                *value = window.iter().zip(&weights_x).map(|(v, w)| v * w).sum();
            }
        }
        out
    }
}

/// First sample and weights of the Lagrange kernel around `position` (samples).
fn kernel(position: f64) -> (usize, [f32; TAPS]) {
    let cell = position.floor();
    let fraction = position - cell;
    let nodes: [f64; TAPS] = std::array::from_fn(|i| i as f64 - 2.0);
    let weights = std::array::from_fn(|i| {
        (0..TAPS).filter(|&j| j != i).map(|j| (fraction - nodes[j]) / (nodes[i] - nodes[j])).product::<f64>() as f32
    });
    // The margin exceeds the drift by at least the kernel's length, so the first tap is never negative.
    ((cell - 2.0).max(0.0) as usize, weights)
}

/// Raises `image` to `value(distance)` in a disc; `centre` and `radius` in fine samples.
pub(super) fn raise_disc(image: &mut Array2<f32>, centre: PointYx, radius: f64, value: impl Fn(f64) -> f32) {
    let (height, width) = image.dim();
    let span = |c: f64, n: usize| {
        let low = (c - radius).ceil().max(0.0) as usize;
        let high = ((c + radius).floor() + 1.0).clamp(0.0, n as f64) as usize;
        low..high.max(low)
    };
    for y in span(centre.y, height) {
        for x in span(centre.x, width) {
            let distance = (y as f64 - centre.y).hypot(x as f64 - centre.x);
            if distance <= radius {
                let cell = &mut image[[y, x]];
                *cell = cell.max(value(distance));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn centroid(image: &Array2<f32>) -> PointYx {
        let (mut sum, mut y_sum, mut x_sum) = (0.0, 0.0, 0.0);
        for ((y, x), &value) in image.indexed_iter() {
            sum += f64::from(value);
            y_sum += f64::from(value) * y as f64;
            x_sum += f64::from(value) * x as f64;
        }
        PointYx { y: y_sum / sum, x: x_sum / sum }
    }

    #[test]
    fn a_spot_moves_by_the_stated_drift() {
        let params = SparksParams { height: 32, width: 40, drift_px: 5.0, ..Default::default() };
        let grid = Grid::new(&params);
        let mut fine = Array2::<f32>::zeros(grid.shape());
        let (cy, cx) = (grid.fine_of_pixel(15), grid.fine_of_pixel(20));
        let sigma = params.psf_sigma_um() * grid.per_um;
        for ((y, x), value) in fine.indexed_iter_mut() {
            let r2 = (y as f64 - cy as f64).powi(2) + (x as f64 - cx as f64).powi(2);
            *value = (1000.0 * (-0.5 * r2 / (sigma * sigma)).exp()) as f32;
        }
        for (dy, dx) in [(0.0, 0.0), (0.25, -0.25), (1.37, 2.71), (-4.9, 3.3), (0.5, -0.5)] {
            let seen = grid.resample(&fine, PointYx { y: dy, x: dx });
            let at = centroid(&seen);
            assert!((at.y - 15.0 - dy).abs() < 0.01 && (at.x - 20.0 - dx).abs() < 0.01, "{dy} {dx}: {at:?}");
            for ((y, x), &value) in seen.indexed_iter() {
                let r2 = ((y as f64 - 15.0 - dy).powi(2) + (x as f64 - 20.0 - dx).powi(2)) * 4.0;
                let truth = 1000.0 * (-0.5 * r2 / (sigma * sigma)).exp();
                assert!((f64::from(value) - truth).abs() < 10.0, "{y} {x}: {value} {truth}");
            }
        }
    }
}
