//! Which pairs are possible: the feasibility graph, found with a spatial index.

use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::{Detection, Limits};

/// A possible partner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Index of the partner.
    pub(super) column: u32,
    /// Cost of the pair, finite and not negative.
    pub(super) cost: f64,
}

/// For every row point its possible partners among the column points, by ascending column.
pub(super) fn within(rows: &[Detection], columns: &[Detection], limits: &Limits) -> Vec<Vec<Candidate>> {
    let position = |d: &Detection| [d.t_frame / limits.time_frames, d.y_px / limits.y_px, d.x_px / limits.x_px];
    let finite = |p: &[f64; 3]| p.iter().all(|v| v.is_finite());
    let points: Vec<_> = columns
        .iter()
        .enumerate()
        .filter_map(|(i, d)| Some(position(d)).filter(finite).map(|p| GeomWithData::new(p, i as u32)))
        .collect();
    let tree = RTree::bulk_load(points);
    rows.iter()
        .map(|row| {
            let Some(centre) = Some(position(row)).filter(finite) else { return Vec::new() };
            // Limits of 1 in the plane and 1 in time lie inside a ball of radius sqrt 2; the rest is slack for rounding.
            let mut partners: Vec<Candidate> = tree
                .locate_within_distance(centre, 2.0 + 1e-6)
                .filter_map(|point| {
                    let cost = limits.cost(row, &columns[point.data as usize])?;
                    Some(Candidate { column: point.data, cost })
                })
                .collect();
            partners.sort_unstable_by_key(|c| c.column);
            partners
        })
        .collect()
}
