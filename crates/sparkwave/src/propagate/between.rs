//! Masks of frames that show nothing, from the masks before and after.
//!
//! Each mask is turned into signed distances to its outline about its own middle; both are mixed in proportion to the time, and
//! laid around a middle that moves in a straight line (shape-based interpolation: Raya and Udupa, IEEE Trans. Med. Imaging 9,
//! 32-42, 1990).

use super::trust::centroid;
use ndarray::{Array2, ArrayViewMut1, Axis};

/// An object before and after a gap.
pub(super) struct Between {
    distances: [Array2<f64>; 2],
    /// Rows and columns.
    centroids: [[f64; 2]; 2],
}

impl Between {
    /// From two masks of one size; `None` if one of them is empty.
    pub(super) fn new(before: &Array2<bool>, after: &Array2<bool>) -> Option<Self> {
        let centroids = [centroid(before)?, centroid(after)?];
        Some(Self { distances: [signed_distances(before), signed_distances(after)], centroids })
    }

    /// Distances to the outline at a fraction of the time from before to after, px; positive inside.
    pub(super) fn at(&self, fraction: f64) -> Array2<f64> {
        let [from, to] = self.centroids;
        let middle = [0, 1].map(|axis| (1.0 - fraction) * from[axis] + fraction * to[axis]);
        let about = |which: usize, y: usize, x: usize| {
            let own = self.centroids[which];
            sample(&self.distances[which], y as f64 - middle[0] + own[0], x as f64 - middle[1] + own[1])
        };
        Array2::from_shape_fn(self.distances[0].dim(), |(y, x)| {
            (1.0 - fraction) * about(0, y, x) + fraction * about(1, y, x)
        })
    }
}

/// Between four pixels; beyond the image as at its edge.
fn sample(image: &Array2<f64>, y: f64, x: f64) -> f64 {
    let (height, width) = image.dim();
    let (y, x) = (y.clamp(0.0, (height - 1) as f64), x.clamp(0.0, (width - 1) as f64));
    let (top, left) = (y.floor() as usize, x.floor() as usize);
    let (bottom, right) = ((top + 1).min(height - 1), (left + 1).min(width - 1));
    let (down, across) = (y - top as f64, x - left as f64);
    let upper = (1.0 - across) * image[[top, left]] + across * image[[top, right]];
    let lower = (1.0 - across) * image[[bottom, left]] + across * image[[bottom, right]];
    (1.0 - down) * upper + down * lower
}

/// From the middle of each pixel to the outline, which runs half way between pixels inside and outside; positive inside.
fn signed_distances(mask: &Array2<bool>) -> Array2<f64> {
    let (inside, outside) = (squared_distances(mask), squared_distances(&mask.mapv(|inside| !inside)));
    let mut signed = inside;
    signed.zip_mut_with(&outside, |to_inside, to_outside| {
        *to_inside = if *to_inside > 0.0 { 0.5 - to_inside.sqrt() } else { to_outside.sqrt() - 0.5 };
    });
    signed
}

/// The squared distance of each pixel to the nearest one that is set, px² (Felzenszwalb and Huttenlocher, Theory of Computing 8,
/// 415-428, 2012); larger than any in the image where none is.
fn squared_distances(set: &Array2<bool>) -> Array2<f64> {
    let (height, width) = set.dim();
    let far = 4.0 * (height * height + width * width) as f64;
    let mut distances = set.mapv(|set| if set { 0.0 } else { far });
    for axis in [Axis(0), Axis(1)] {
        distances.lanes_mut(axis).into_iter().for_each(|lane| lower_envelope(lane));
    }
    distances
}

/// Replaces the values of a line by the lower envelope of parabolas that stand on them.
fn lower_envelope(mut line: ArrayViewMut1<'_, f64>) {
    let values = line.to_vec();
    let height = |i: usize| values[i] + (i * i) as f64;
    // The parabolas of the envelope, and where each begins.
    let mut parabolas: Vec<(usize, f64)> = vec![(0, f64::NEG_INFINITY)];
    for i in 1..values.len() {
        loop {
            let &(last, begin) = parabolas.last().expect("the first is never taken away");
            let crossing = (height(i) - height(last)) / (2 * (i - last)) as f64;
            if crossing > begin {
                parabolas.push((i, crossing));
                break;
            }
            parabolas.pop();
        }
    }
    let mut at = 0;
    for (i, value) in line.iter_mut().enumerate() {
        while parabolas.get(at + 1).is_some_and(|(_, begin)| *begin < i as f64) {
            at += 1;
        }
        let from = parabolas[at].0;
        *value = (i as f64 - from as f64).powi(2) + values[from];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(y: f64, x: f64, radius: f64) -> Array2<bool> {
        Array2::from_shape_fn((60, 80), |(row, column)| (row as f64 - y).hypot(column as f64 - x) <= radius)
    }

    #[test]
    fn distances_are_those_of_all_pairs() {
        let set = Array2::from_shape_fn((7, 9), |(y, x)| (y * 9 + x) % 11 == 3);
        let found = squared_distances(&set);
        for ((y, x), distance) in found.indexed_iter() {
            let far = |(py, px): (usize, usize)| (y.abs_diff(py).pow(2) + x.abs_diff(px).pow(2)) as f64;
            let nearest = set.indexed_iter().filter(|(_, set)| **set).map(|(at, _)| far(at)).fold(f64::MAX, f64::min);
            assert_eq!(*distance, nearest, "{y} {x}");
        }
        assert!(squared_distances(&Array2::from_elem((3, 4), false)).iter().all(|d| *d > 25.0));
    }

    #[test]
    fn a_disc_that_moves_and_grows_is_a_disc_in_between() {
        let between = Between::new(&disc(20.0, 15.0, 6.0), &disc(36.0, 55.0, 14.0)).expect("both are there");
        for fraction in [0.0, 0.25, 0.5, 1.0] {
            let found = between.at(fraction).mapv(|d| d > 0.0);
            let expected = disc(20.0 + 16.0 * fraction, 15.0 + 40.0 * fraction, 6.0 + 8.0 * fraction);
            let count = |both: &dyn Fn(bool, bool) -> bool| {
                found.iter().zip(&expected).filter(|(a, b)| both(**a, **b)).count() as f64
            };
            let iou = count(&|a, b| a && b) / count(&|a, b| a || b);
            assert!(iou > 0.92, "{fraction}: {iou}");
        }
        assert!(Between::new(&disc(20.0, 15.0, 6.0), &disc(0.0, 0.0, -1.0)).is_none());
    }
}
