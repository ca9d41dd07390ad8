//! Regions: events at the same site share an id, so that they can be proofed together (paper, section 2.4: weighted
//! centroids closer than 2.55 µm).

use super::sparse::{find, union};
use sparkwave_core::axes::PointYx;
use std::collections::HashMap;

/// Distance below which two events belong to one region, µm (paper, section 2.4).
pub const REGION_UM: f64 = 2.55;

/// The 1-based region of each centroid: single linkage of centroids closer than `limit_px`, numbered in order of their
/// first member.
pub fn regions(centroids: &[PointYx], limit_px: f64) -> Vec<u32> {
    // Cells of the size of the limit: partners lie in the cell itself or in one of its eight neighbours.
    let cell = |p: &PointYx| ((p.y / limit_px).floor() as i64, (p.x / limit_px).floor() as i64);
    let mut cells: HashMap<(i64, i64), Vec<u32>> = HashMap::new();
    let mut parent: Vec<u32> = (0..centroids.len() as u32).collect();
    for (i, p) in centroids.iter().enumerate() {
        let (cy, cx) = cell(p);
        for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
            for &j in cells.get(&(cy + dy, cx + dx)).map_or(&[][..], Vec::as_slice) {
                let q = centroids[j as usize];
                if (p.y - q.y).hypot(p.x - q.x) < limit_px {
                    union(&mut parent, i as u32, j);
                }
            }
        }
        cells.entry((cy, cx)).or_default().push(i as u32);
    }
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    (0..centroids.len())
        .map(|i| {
            let root = find(&mut parent, i as u32);
            let next = numbers.len() as u32 + 1;
            *numbers.entry(root).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_join_and_distant_events_do_not() {
        let at = |y: f64, x: f64| PointYx { y, x };
        let found = regions(&[at(0.0, 0.0), at(50.0, 50.0), at(0.0, 3.0), at(0.0, 6.0), at(0.0, 10.0)], 3.5);
        assert_eq!(found, [1, 2, 1, 1, 3]);
        assert!(regions(&[], 3.0).is_empty());
    }
}
