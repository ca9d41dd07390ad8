//! The square part of a frame that the network is shown, and the way there and back.

use ndarray::{Array2, ArrayView2};

use super::EDGE;

/// How much larger than the object the window is along its longer side.
const ROOM: f64 = 2.5;
/// Smallest edge of a window, px: below, cells would be smaller than pixels.
const SMALLEST_PX: f64 = EDGE as f64;
/// The logit of what lies outside of the window.
const OUTSIDE: f32 = -10.0;

/// A square of [`EDGE`] x [`EDGE`] cells over a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// The outer corner of the first cell, px; the outer corner of the first pixel is 0.
    y0: f64,
    x0: f64,
    cell_px: f64,
}

impl Window {
    /// A window of this edge round a point, moved into the frame `[y, x]` as far as it fits.
    pub(super) fn new(middle: [f64; 2], edge_px: f64, size: [usize; 2]) -> Self {
        let longest = size[0].max(size[1]) as f64;
        let edge = edge_px.clamp(SMALLEST_PX.min(longest), longest);
        let place = |axis: usize| {
            let n = size[axis] as f64;
            if edge >= n { (n - edge) / 2.0 } else { (middle[axis] - edge / 2.0).clamp(0.0, n - edge) }
        };
        Self { y0: place(0), x0: place(1), cell_px: edge / EDGE as f64 }
    }

    /// A window round what is more than half probable; `None` if nothing is.
    pub(super) fn round(mask: &Array2<f32>) -> Option<Self> {
        let (height, width) = mask.dim();
        let (mut low, mut high) = ([usize::MAX; 2], [0usize; 2]);
        for ((y, x), _) in mask.indexed_iter().filter(|(_, p)| **p > 0.5) {
            low = [low[0].min(y), low[1].min(x)];
            high = [high[0].max(y + 1), high[1].max(x + 1)];
        }
        let extent = (0..2).map(|i| high[i].checked_sub(low[i])).collect::<Option<Vec<_>>>()?;
        let middle = [0, 1].map(|i| (low[i] + high[i]) as f64 / 2.0);
        let longer = extent[0].max(extent[1]) as f64;
        Some(Self::new(middle, ROOM * longer, [height, width]))
    }

    /// The same middle, another edge.
    pub(super) fn scaled(self, by: f64, size: [usize; 2]) -> Self {
        let edge = self.cell_px * EDGE as f64;
        Self::new([self.y0 + edge / 2.0, self.x0 + edge / 2.0], edge * by, size)
    }

    /// With room for what an object does in `n_frames` frames; a window has room for one.
    pub(super) fn for_gap(self, n_frames: usize, size: [usize; 2]) -> Self {
        /// How much wider it is for every further frame.
        const WIDER: f64 = 0.5;
        self.scaled(1.0 + WIDER * n_frames.saturating_sub(1) as f64, size)
    }

    /// A window beside this one, by parts of its edge, and of another size: a mask that is read through it appears displaced.
    pub(super) fn beside(self, shift: [f64; 2], scale: f64) -> Self {
        let edge = self.cell_px * EDGE as f64;
        let corner = |at: f64, shift: f64| at + edge * (shift + (1.0 - scale) / 2.0);
        Self { y0: corner(self.y0, shift[0]), x0: corner(self.x0, shift[1]), cell_px: self.cell_px * scale }
    }

    /// Where the centre of a pixel lies, in cells; the centre of the first cell is 0.
    pub(super) fn cell_of(self, y_px: f64, x_px: f64) -> [f64; 2] {
        [(y_px + 0.5 - self.y0) / self.cell_px - 0.5, (x_px + 0.5 - self.x0) / self.cell_px - 0.5]
    }

    /// Means over the cells, NaN where there are no pixels or none that is a number. A cell smaller than a pixel is read
    /// between the pixels, linearly.
    pub(super) fn sample(self, frame: ArrayView2<'_, f32>) -> Vec<f32> {
        let (height, width) = frame.dim();
        let columns: Vec<Vec<(usize, f32)>> = (0..EDGE).map(|i| self.share(self.x0, i, width)).collect();
        let mut cells = vec![f32::NAN; EDGE * EDGE];
        let mut sums = vec![(0.0f32, 0.0f32); width];
        for (i, row) in cells.chunks_exact_mut(EDGE).enumerate() {
            sums.fill((0.0, 0.0));
            for (y, weight) in self.share(self.y0, i, height) {
                for ((sum, total), &value) in sums.iter_mut().zip(frame.row(y)) {
                    if value.is_finite() {
                        *sum += weight * value;
                        *total += weight;
                    }
                }
            }
            for (cell, column) in row.iter_mut().zip(&columns) {
                let add = |(sum, total): (f32, f32), &(x, weight): &(usize, f32)| {
                    (sum + weight * sums[x].0, total + weight * sums[x].1)
                };
                let (sum, total) = column.iter().fold((0.0, 0.0), add);
                if total > 0.0 {
                    *cell = sum / total;
                }
            }
        }
        cells
    }

    /// The pixels along an axis of which a cell is the mean, and how much of each.
    fn share(self, origin: f64, cell: usize, n: usize) -> Vec<(usize, f32)> {
        let half = self.cell_px.max(1.0) / 2.0;
        let middle = origin + (cell as f64 + 0.5) * self.cell_px;
        let (low, high) = ((middle - half).max(0.0), (middle + half).min(n as f64));
        let pixels = low.floor() as usize..(high.ceil().max(0.0) as usize).min(n);
        let part = |p: usize| ((high.min(p as f64 + 1.0) - low.max(p as f64)) as f32).max(0.0);
        pixels.map(|p| (p, part(p))).filter(|(_, part)| *part > 1e-6).collect()
    }

    /// Logits of cells as logits of the pixels of a frame `[y, x]`, linear between the centres of cells.
    pub(super) fn spread(self, cells: &[f32], size: [usize; 2]) -> Array2<f32> {
        let last = (EDGE - 1) as f64;
        let place = |at: f64| {
            let at = at.clamp(0.0, last);
            let low = (at.floor() as usize).min(EDGE - 2);
            (low, (at - low as f64) as f32)
        };
        let inside = |at: f64| (-0.5..=last + 0.5).contains(&at);
        let columns: Vec<Option<(usize, f32)>> =
            (0..size[1]).map(|x| self.cell_of(0.0, x as f64)[1]).map(|at| inside(at).then(|| place(at))).collect();
        let mut logits = Array2::from_elem((size[0], size[1]), OUTSIDE);
        for (y, mut row) in logits.rows_mut().into_iter().enumerate() {
            let at = self.cell_of(y as f64, 0.0)[0];
            if !inside(at) {
                continue;
            }
            let (i, fy) = place(at);
            for (logit, column) in row.iter_mut().zip(&columns) {
                let Some((j, fx)) = *column else { continue };
                let value = |dy: usize, dx: usize| cells[(i + dy) * EDGE + j + dx];
                let along = |dy: usize| value(dy, 0) * (1.0 - fx) + value(dy, 1) * fx;
                *logit = along(0) * (1.0 - fy) + along(1) * fy;
            }
        }
        logits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    /// A ramp is its own mean in every cell, whatever the size of cells, and comes back where there are cells.
    #[test]
    fn there_and_back() {
        let size = [300, 220];
        let ramp = Array2::from_shape_fn((300, 220), |(y, x)| 0.5 * y as f32 - 0.25 * x as f32);
        for edge_px in [96.0, 130.0, 220.0] {
            let window = Window::new([150.0, 110.0], edge_px, size);
            let cells = window.sample(ramp.view());
            let at = window.cell_of(150.0, 110.0);
            let near = cells[at[0].round() as usize * EDGE + at[1].round() as usize];
            assert!((near - ramp[[150, 110]]).abs() < 1.0, "{near}");
            let back = window.spread(&cells, size);
            for (y, x) in [(150, 110), (120, 90), (170, 140)] {
                assert!((back[[y, x]] - ramp[[y, x]]).abs() < 0.05, "{edge_px}: {} {}", back[[y, x]], ramp[[y, x]]);
            }
            assert_eq!(back[[0, 0]], if edge_px < 200.0 { OUTSIDE } else { back[[0, 0]] });
        }
        // A frame smaller than the smallest window is all of it, magnified.
        let small = Window::new([10.0, 10.0], 5.0, [24, 24]);
        assert_eq!(small.cell_px, 0.25);
        let cells = small.sample(ramp.slice(s![..24, ..24]));
        assert!((cells[50 * EDGE + 50] - ramp[[12, 12]]).abs() < 0.2);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut frame = Array2::from_elem((96, 96), 2.0f32);
        frame.slice_mut(s![..48, ..]).fill(f32::NAN);
        let cells = Window::new([48.0, 48.0], 96.0, [96, 96]).sample(frame.view());
        assert!(cells[10 * EDGE].is_nan() && cells[60 * EDGE + 4] == 2.0);
        assert_eq!(Window::round(&Array2::zeros((8, 8))), None);
    }
}
