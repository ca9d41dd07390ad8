//! The grid on which the scene is drawn: pixel pitch, a margin around the field, and the motion of the whole.

use super::params::WavesParams;
use crate::axes::PointYx;
use ndarray::Array2;

/// Taps of the interpolation kernel.
const TAPS: usize = 6;
/// Pixels beyond each edge of the field; motion is limited to this less the kernel.
const MARGIN: usize = 16;

/// Largest displacement in pixels that the margin allows.
pub(super) const MAX_MOTION_PX: f64 = (MARGIN - TAPS / 2 - 1) as f64;

/// Where the grid lies in the field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows of the field, in pixels.
    pub(super) height: usize,
    /// Columns of the field, in pixels.
    pub(super) width: usize,
    /// Edge of a pixel, mm.
    pub(super) mm_per_px: f64,
}

impl Grid {
    pub(super) fn new(params: &WavesParams) -> Self {
        Self { height: params.height, width: params.width, mm_per_px: params.mm_per_px() }
    }

    /// Rows and columns of the grid, margins included.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.height + 2 * MARGIN, self.width + 2 * MARGIN)
    }

    /// Position of a grid point in mm; the centre of the first pixel of the field is the origin.
    pub(super) fn mm(&self, (y, x): (usize, usize)) -> PointYx {
        let place = |i: usize| (i as f64 - MARGIN as f64) * self.mm_per_px;
        PointYx { y: place(y), x: place(x) }
    }

    /// Grid coordinates of a position in mm.
    pub(super) fn cell(&self, mm: PointYx) -> PointYx {
        let place = |v: f64| v / self.mm_per_px + MARGIN as f64;
        PointYx { y: place(mm.y), x: place(mm.x) }
    }

    /// Pixels of the field in grid coordinates.
    pub(super) fn field(&self) -> ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix2> {
        ndarray::s![MARGIN..MARGIN + self.height, MARGIN..MARGIN + self.width]
    }

    /// The field as it is seen when the content is displaced by `motion` pixels, added to `sum`: six-point Lagrange
    /// interpolation in each direction.
    ///
    /// The content is band-limited by the optics (a Gaussian of at least one pixel), for which the kernel is off by less
    /// than 1.5 % of the height of a spot of that width.
    pub(super) fn add_resampled(&self, image: &Array2<f32>, motion: PointYx, sum: &mut Array2<f32>) {
        let (first_y, weights_y) = kernel(MARGIN as f64 - motion.y);
        let (first_x, weights_x) = kernel(MARGIN as f64 - motion.x);
        let mut line = vec![0f32; image.ncols()];
        for (y, mut row) in sum.rows_mut().into_iter().enumerate() {
            line.fill(0.0);
            for (tap, &weight) in weights_y.iter().enumerate() {
                for (total, &value) in line.iter_mut().zip(image.row(first_y + y + tap)) {
                    *total += weight * value;
                }
            }
            for (tap, &weight) in weights_x.iter().enumerate() {
                row.iter_mut().zip(&line[first_x + tap..]).for_each(|(total, &value)| *total += weight * value);
            }
        }
    }
}

/// First sample and weights of the Lagrange kernel around `position` (grid points), which lies inside the margin.
fn kernel(position: f64) -> (usize, [f32; TAPS]) {
    let position = position.clamp(3.0, (2 * MARGIN - TAPS / 2 - 1) as f64);
    let cell = position.floor();
    let fraction = position - cell;
    let nodes: [f64; TAPS] = std::array::from_fn(|i| i as f64 - 2.0);
    let weights = std::array::from_fn(|i| {
        (0..TAPS).filter(|&j| j != i).map(|j| (fraction - nodes[j]) / (nodes[i] - nodes[j])).product::<f64>() as f32
    });
    (cell as usize - 2, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_moves_by_the_stated_motion() {
        let grid = Grid::new(&WavesParams { height: 64, width: 72, ..Default::default() });
        let spot = |y: f64, x: f64| (-0.5 * (y * y + x * x) / 1.44).exp();
        let image = Array2::from_shape_fn(grid.shape(), |(y, x)| spot(y as f64 - 46.0, x as f64 - 50.0) as f32);
        for (dy, dx) in [(0.0, 0.0), (0.37, -0.81), (-4.5, 3.2), (11.9, -11.9)] {
            let mut seen = Array2::zeros((64, 72));
            grid.add_resampled(&image, PointYx { y: dy, x: dx }, &mut seen);
            for ((y, x), &value) in seen.indexed_iter() {
                let truth = spot(y as f64 - 30.0 - dy, x as f64 - 34.0 - dx);
                assert!((f64::from(value) - truth).abs() < 0.015, "{dy} {dx}: {value} {truth}");
            }
        }
    }
}
