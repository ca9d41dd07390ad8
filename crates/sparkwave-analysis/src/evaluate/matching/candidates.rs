//! Which pairs are possible: the feasibility graph, found with a spatial index.

use rstar::RTree;
use rstar::primitives::GeomWithData;

use crate::evaluate::Error;

use super::{Detection, Limits};

/// Most possible pairs held at once: 50 million, 800 MB. Limits of a usual size give a few pairs a point.
const MAX_CANDIDATES: usize = 50_000_000;

/// A possible partner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Index of the partner.
    pub(super) column: u32,
    /// Cost of the pair, finite and not negative.
    pub(super) cost: f64,
}

/// For every row point its possible partners among the column points, by ascending column.
///
/// # Errors
/// [`Error::TooManyCandidates`] beyond 50 million possible pairs.
pub(super) fn within(rows: &[Detection], columns: &[Detection], limits: &Limits) -> Result<Vec<Vec<Candidate>>, Error> {
    within_at_most(MAX_CANDIDATES, rows, columns, limits)
}

fn within_at_most(
    max_candidates: usize,
    rows: &[Detection],
    columns: &[Detection],
    limits: &Limits,
) -> Result<Vec<Vec<Candidate>>, Error> {
    let position = |d: &Detection| [d.t_frame / limits.time_frames, d.y_px / limits.y_px, d.x_px / limits.x_px];
    let finite = |p: &[f64; 3]| p.iter().all(|v| v.is_finite());
    let points: Vec<_> = columns
        .iter()
        .enumerate()
        .filter_map(|(i, d)| Some(position(d)).filter(finite).map(|p| GeomWithData::new(p, i as u32)))
        .collect();
    let tree = RTree::bulk_load(points);
    let mut n_candidates = 0;
    rows.iter()
        .map(|row| {
            let Some(centre) = Some(position(row)).filter(finite) else { return Ok(Vec::new()) };
            // Limits of 1 in the plane and 1 in time lie inside a ball of radius sqrt 2; the rest is slack for rounding.
            let mut partners: Vec<Candidate> = tree
                .locate_within_distance(centre, 2.0 + 1e-6)
                .filter_map(|point| {
                    let cost = limits.cost(row, &columns[point.data as usize])?;
                    Some(Candidate { column: point.data, cost })
                })
                .collect();
            n_candidates += partners.len();
            if n_candidates > max_candidates {
                return Err(Error::TooManyCandidates { limit: max_candidates });
            }
            partners.sort_unstable_by_key(|c| c.column);
            Ok(partners)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn limits_that_allow_too_many_pairs_are_refused() {
        let points: Vec<Detection> = (0..4).map(|i| Detection::new(f64::from(i), 0.0, 0.0)).collect();
        let limits = Limits::new(1.0, 1.5).unwrap();
        // Each point and its neighbours: 4 + 6 pairs.
        assert!(within_at_most(10, &points, &points, &limits).is_ok());
        assert_eq!(within_at_most(9, &points, &points, &limits), Err(Error::TooManyCandidates { limit: 9 }));
    }
}
