//! Smooth random patterns.

use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;

/// Values on a square grid that repeats itself, read between its points: a pattern of about unit variance.
pub(super) struct Texture {
    grid: Array2<f32>,
    /// Pixels from one point to the next.
    step_px: f64,
}

/// Points along an edge of the grid.
const POINTS: usize = 32;

impl Texture {
    /// A pattern whose patches are up to an eighth of `length_px` wide.
    pub(super) fn draw(length_px: f64, rng: &mut impl Rng) -> Self {
        let grid = Array2::from_shape_simple_fn((POINTS, POINTS), || rng.sample(StandardNormal));
        Self { grid, step_px: rng.random_range(1.5..(length_px / 8.0).max(2.0)) }
    }

    /// The value at a point.
    pub(super) fn at(&self, y_px: f64, x_px: f64) -> f64 {
        let (y, x) = (y_px / self.step_px, x_px / self.step_px);
        let (fy, fx) = (y - y.floor(), x - x.floor());
        let index = |v: f64| v.floor().rem_euclid(POINTS as f64) as usize % POINTS;
        let (y, x) = (index(y), index(x));
        let value = |dy: usize, dx: usize| f64::from(self.grid[[(y + dy) % POINTS, (x + dx) % POINTS]]);
        let row = |dy: usize| value(dy, 0) * (1.0 - fx) + value(dy, 1) * fx;
        row(0) * (1.0 - fy) + row(1) * fy
    }
}
