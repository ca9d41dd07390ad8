//! Outlines of masks, how far apart they are, and how much of them lies within a tolerance.

use rstar::RTree;
use serde::Serialize;
use sparkwave_core::mask::Mask;
use std::collections::BTreeMap;

/// Pixels of a mask that have a neighbour (of four) outside it; what is beyond the image is outside.
pub fn surface(mask: &Mask) -> Vec<(usize, usize)> {
    let inside = |y: usize, x: usize, dy: isize, dx: isize| {
        let at = (y.checked_add_signed(dy), x.checked_add_signed(dx));
        matches!(at, (Some(y), Some(x)) if mask.contains(y, x))
    };
    let is_inner =
        |&(y, x): &(usize, usize)| [(-1, 0), (1, 0), (0, -1), (0, 1)].into_iter().all(|(dy, dx)| inside(y, x, dy, dx));
    mask.pixels().filter(|at| !is_inner(at)).collect()
}

/// The boundary of the DAVIS benchmark (Perazzi et al. 2016, CVPR, 724, after Martin et al. 2004): pixels of an image of
/// `[height, width]` that differ from the one to the right, the one below or the one below to the right, as far as those
/// are in the image.
pub fn davis_boundary(mask: &Mask, [height, width]: [usize; 2]) -> Vec<(usize, usize)> {
    let (rows, columns) = mask.bits().dim();
    let (y0, x0) = (mask.y0(), mask.x0());
    let differs = |y: usize, x: usize| {
        let here = mask.contains(y, x);
        let (has_below, has_right) = (y + 1 < height, x + 1 < width);
        (has_right && mask.contains(y, x + 1) != here)
            || (has_below && mask.contains(y + 1, x) != here)
            || (has_below && has_right && mask.contains(y + 1, x + 1) != here)
    };
    let rows = y0.saturating_sub(1)..(y0 + rows).min(height);
    rows.flat_map(|y| (x0.saturating_sub(1)..(x0 + columns).min(width)).map(move |x| (y, x)))
        .filter(|&(y, x)| differs(y, x))
        .collect()
}

/// For each pixel of `from` the distance to the nearest of `to`, in the unit of `pixel`, the height and width of a pixel;
/// nothing if `to` is empty.
pub fn distances(from: &[(usize, usize)], to: &[(usize, usize)], pixel: [f64; 2]) -> Vec<f64> {
    let place = |&(y, x): &(usize, usize)| [y as f64 * pixel[0], x as f64 * pixel[1]];
    let tree = RTree::bulk_load(to.iter().map(place).collect());
    let nearest = |at: [f64; 2]| {
        let nearest = tree.nearest_neighbor(at)?;
        Some((at[0] - nearest[0]).hypot(at[1] - nearest[1]))
    };
    from.iter().filter_map(|at| nearest(place(at))).collect()
}

/// Distances by how often they occur: on a grid there are few different ones, so that those of hours fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distances {
    /// Counts by the bits of the distance, which rise with it as none is negative.
    counts: BTreeMap<u64, u64>,
}

impl Distances {
    /// Adds distances, none of them negative.
    pub fn extend(&mut self, distances: impl IntoIterator<Item = f64>) {
        for distance in distances {
            *self.counts.entry(distance.to_bits()).or_default() += 1;
        }
    }

    /// Adds those of another outline.
    pub fn add(&mut self, other: &Self) {
        other.counts.iter().for_each(|(bits, n)| *self.counts.entry(*bits).or_default() += n);
    }

    /// How many there are.
    pub fn n(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.counts.iter().map(|(bits, n)| f64::from_bits(*bits) * *n as f64).sum()
    }

    /// Their mean; `None` of none.
    pub fn mean(&self) -> Option<f64> {
        let n = self.n();
        (n > 0).then(|| self.sum() / n as f64)
    }

    /// The quantile `q` in 0..=1, linear between order statistics; `None` of none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let position = q.clamp(0.0, 1.0) * self.n().checked_sub(1)? as f64;
        let (below, part) = (position.floor(), position.fract());
        let (low, high) = (self.ranked(below as u64)?, self.ranked(below as u64 + 1));
        Some(high.map_or(low, |high| low + (high - low) * part))
    }

    /// The largest; `None` of none.
    pub fn max(&self) -> Option<f64> {
        self.counts.keys().next_back().map(|bits| f64::from_bits(*bits))
    }

    /// The distance of a 0-based rank.
    fn ranked(&self, rank: u64) -> Option<f64> {
        let mut n_before = 0;
        let holds = |(bits, n): (&u64, &u64)| {
            n_before += n;
            (rank < n_before).then(|| f64::from_bits(*bits))
        };
        self.counts.iter().find_map(holds)
    }
}

/// Pixels of two outlines that have the other one within the tolerance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Pixels of the true outline.
    pub n_truth: u64,
    /// Of these, pixels with the predicted outline within the tolerance.
    pub truth_near: u64,
    /// Pixels of the predicted outline.
    pub n_found: u64,
    /// Of these, pixels with the true outline within the tolerance.
    pub found_near: u64,
}

impl Near {
    /// Harmonic mean of both parts: 0 if one outline is empty or nothing is near, `None` if both are empty.
    pub fn f(&self) -> Option<f64> {
        if self.n_truth + self.n_found == 0 {
            return None;
        }
        let part = |near: u64, n: u64| if n == 0 { 0.0 } else { near as f64 / n as f64 };
        let (recall, precision) = (part(self.truth_near, self.n_truth), part(self.found_near, self.n_found));
        Some(if recall + precision > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 })
    }
}

impl std::ops::AddAssign for Near {
    fn add_assign(&mut self, other: Self) {
        self.n_truth += other.n_truth;
        self.truth_near += other.truth_near;
        self.n_found += other.n_found;
        self.found_near += other.found_near;
    }
}

/// What exceeds a tolerance by rounding alone is within it: two pixels apart are two pixels, whatever their size.
const ROUNDING: f64 = 1e-9;

/// Two outlines against one another: all distances from either to the other, and how many are within `tolerance`, both in the
/// unit of `pixel`.
pub fn compare(
    truth: &[(usize, usize)],
    found: &[(usize, usize)],
    pixel: [f64; 2],
    tolerance: f64,
) -> (Near, Distances) {
    let (to_found, to_truth) = (distances(truth, found, pixel), distances(found, truth, pixel));
    let n_near = |distances: &[f64]| distances.iter().filter(|d| **d <= tolerance * (1.0 + ROUNDING)).count() as u64;
    let near = Near {
        n_truth: truth.len() as u64,
        truth_near: n_near(&to_found),
        n_found: found.len() as u64,
        found_near: n_near(&to_truth),
    };
    let mut all = Distances::default();
    all.extend(to_found.into_iter().chain(to_truth));
    (near, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(at: usize, side: usize) -> Mask {
        let pixels = (at..at + side).flat_map(|y| (at..at + side).map(move |x| (y, x)));
        Mask::of_pixels(pixels).expect("a square")
    }

    #[test]
    fn the_surface_of_a_square_is_its_rim() {
        assert_eq!(surface(&square(3, 5)).len(), 16);
        assert_eq!(surface(&square(0, 5)).len(), 16, "the border of the image is outside");
        assert_eq!(surface(&square(3, 1)), [(3, 3)]);
    }

    #[test]
    fn the_boundary_of_davis_is_one_pixel_up_and_left() {
        // A square of 2 at (1, 1): all pixels of (0, 0) to (2, 2) but the inner one differ from what follows them.
        let boundary = davis_boundary(&square(1, 2), [5, 5]);
        assert_eq!(boundary, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]);
        // In the corner of the image nothing follows.
        assert_eq!(davis_boundary(&square(3, 2), [5, 5]), [(2, 2), (2, 3), (2, 4), (3, 2), (4, 2)]);
        assert!(davis_boundary(&square(0, 4), [4, 4]).is_empty(), "a full image has no boundary");
    }

    #[test]
    fn distances_are_in_the_unit_of_the_pixel() {
        let (a, b) = (vec![(0, 0), (0, 3)], vec![(4, 0)]);
        assert_eq!(distances(&a, &b, [1.0, 1.0]), [4.0, 5.0]);
        assert_eq!(distances(&a, &b, [0.5, 1.0]), [2.0, 13f64.sqrt()]);
        assert!(distances(&a, &[], [1.0, 1.0]).is_empty());
        let (near, all) = compare(&a, &b, [1.0, 1.0], 4.0);
        assert_eq!(near, Near { n_truth: 2, truth_near: 1, n_found: 1, found_near: 1 });
        assert_eq!((all.n(), all.mean(), all.max()), (3, Some(13.0 / 3.0), Some(5.0)));
        assert_eq!((all.quantile(0.5), all.quantile(0.95), all.quantile(1.0)), (Some(4.0), Some(4.9), Some(5.0)));
    }

    #[test]
    fn empty_outlines() {
        let rim = surface(&square(1, 3));
        assert_eq!(compare(&rim, &[], [1.0, 1.0], 2.0).0.f(), Some(0.0));
        assert_eq!(compare(&[], &[], [1.0, 1.0], 2.0).0.f(), None);
        let none = Distances::default();
        assert_eq!((none.mean(), none.quantile(0.95), none.max(), none.n()), (None, None, None, 0));
        assert_eq!(compare(&rim, &rim, [1.0, 1.0], 0.0).0.f(), Some(1.0));
    }
}
