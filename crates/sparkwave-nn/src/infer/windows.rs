//! Overlapping windows: for networks that see one size only and whose every output depends on all of it.
//!
//! Windows overlap by half along each axis and lie on a grid of the movie. A voxel is the mean of what all windows over it
//! say, weighted by a pyramid that falls from the middle of a window to its faces, where a network knows least.

use std::ops::Range;

use ndarray::Array3;
use sparkwave_core::progress::Progress;

use super::{Piece, any};
use crate::error::{Error, Result};
use crate::network::{Network, Shown};

pub(super) fn predict(
    network: &mut dyn Network,
    edge: [usize; 3],
    piece: &Piece<'_>,
    core: &[Range<usize>; 3],
    wanted: &dyn Fn(usize, usize) -> bool,
    progress: &dyn Progress,
) -> Result<Array3<f32>> {
    if !network.reserve(edge) {
        return Err(Error::Memory { bytes: network.bytes(edge) });
    }
    let extent = core.clone().map(|r| r.len());
    let (mut sum, mut weight) = (Array3::<f32>::zeros(extent), Array3::<f32>::zeros(extent));
    let windows = windows(edge, piece.movie, core);
    progress.begin("network", windows.len() as u64);
    let mut probability = Array3::zeros(edge);
    for window in &windows {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let inside: [Range<usize>; 3] =
            std::array::from_fn(|axis| window[axis].start.max(core[axis].start)..window[axis].end.min(core[axis].end));
        if any(wanted, &inside[1], &inside[2]) {
            network.run(&Shown::part(piece, window), &edge.map(|n| 0..n), probability.view_mut())?;
            for t in inside[0].clone() {
                for y in inside[1].clone() {
                    for x in inside[2].clone() {
                        let at = [t, y, x];
                        let local: [usize; 3] = std::array::from_fn(|axis| at[axis] - window[axis].start);
                        let w: f32 = (0..3).map(|axis| pyramid(local[axis], edge[axis])).product();
                        let to = std::array::from_fn(|axis| at[axis] - core[axis].start);
                        sum[to] += w * probability[local];
                        weight[to] += w;
                    }
                }
            }
        }
        progress.advance(1);
    }
    ndarray::Zip::from(&mut sum).and(&weight).for_each(|sum, &weight| *sum /= weight.max(f32::MIN_POSITIVE));
    Ok(sum)
}

/// The weight of a voxel along one axis of a window.
fn pyramid(at: usize, edge: usize) -> f32 {
    (at + 1).min(edge - at) as f32
}

/// The windows that meet `core`, in order; the last along an axis ends with the movie, or reaches beyond a short one.
fn windows(edge: [usize; 3], movie: [usize; 3], core: &[Range<usize>; 3]) -> Vec<[Range<usize>; 3]> {
    let along = |axis: usize| {
        let last = movie[axis].saturating_sub(edge[axis]);
        let step = (edge[axis] / 2).max(1);
        let starts = (0..last).step_by(step).chain([last]);
        let windows = starts.map(move |start| start..start + edge[axis]);
        windows.filter(|w| w.start < core[axis].end && w.end > core[axis].start).collect::<Vec<_>>()
    };
    let (rows, columns) = (along(1), along(2));
    let mut all = Vec::new();
    for t in along(0) {
        for y in &rows {
            all.extend(columns.iter().map(|x| [t.clone(), y.clone(), x.clone()]));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::View;
    use ndarray::{ArrayViewMut3, s};
    use sparkwave_core::progress::Silent;

    /// Says of each voxel what it is shown, and how far from the middle it stands.
    struct Offset;

    impl Network for Offset {
        fn view(&self) -> View {
            View::Window([4, 8, 8])
        }
        fn bytes(&self, _extent: [usize; 3]) -> usize {
            0
        }
        fn reserve(&mut self, _extent: [usize; 3]) -> bool {
            true
        }
        fn run(
            &mut self,
            shown: &Shown<'_>,
            _keep: &[Range<usize>; 3],
            mut output: ArrayViewMut3<'_, f32>,
        ) -> Result<()> {
            let half = shown.extent()[2] / 2;
            for (((_, _, x), to), from) in output.indexed_iter_mut().zip(shown.to_vec()) {
                *to = from + if x < half { -1.0 } else { 1.0 };
            }
            Ok(())
        }
    }

    #[test]
    fn windows_blend_to_the_same_values_however_the_movie_is_cut() {
        let movie = [9, 21, 30];
        let values = Array3::from_shape_fn(movie, |(t, y, x)| (t * 7 + y * 3 + x) as f32);
        let predict = |rows: Range<usize>, columns: Range<usize>| {
            let held = rows.start.saturating_sub(8)..(rows.end + 8).min(21);
            let piece = Piece { values: values.slice(s![.., held.clone(), ..]), origin: [0, held.start, 0], movie };
            super::predict(&mut Offset, [4, 8, 8], &piece, &[0..9, rows, columns], &|_, _| true, &Silent)
        };
        let whole = predict(0..21, 0..30).expect("not cancelled");
        let part = predict(7..12, 3..29).expect("not cancelled");
        assert_eq!(part, whole.slice(s![.., 7..12, 3..29]));
        // Column 8 is the fifth of one window (weight 4, +1) and the first of the next (weight 1, -1), column 9 the sixth
        // (3) and the second (2).
        for (x, expected) in [(8, 0.6), (9, 0.2), (10, -0.2), (11, -0.6)] {
            let error = whole[[4, 10, x]] - values[[4, 10, x]];
            assert!((error - expected).abs() < 1e-4, "column {x}: {error}");
        }
        assert!(whole.iter().zip(&values).all(|(a, b)| (a - b).abs() <= 1.0001));
        let none = super::predict(
            &mut Offset,
            [4, 8, 8],
            &Piece { values: values.view(), origin: [0; 3], movie },
            &[0..9, 0..21, 0..30],
            &|_, _| false,
            &Silent,
        );
        assert!(none.expect("not cancelled").iter().all(|p| *p == 0.0));
    }
}
