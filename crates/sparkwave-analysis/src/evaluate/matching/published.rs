//! The matching rule behind the published scores.

use crate::evaluate::Error;

use super::{Detection, Pair};

/// Largest distance of the published rule, exclusive, in a unit that is a pixel and a frame at once.
pub const PUBLISHED_DISTANCE: f64 = 6.0;

/// Largest number of costs held at once: 25 million, 200 MB. Published recordings have 100 to 800 events.
const MAX_COSTS: usize = 25_000_000;

/// Pairs truths with predictions as the code of the mSCT paper does, for comparison with its scores.
///
/// The distance is Euclidean in (frame, row, column) with a frame as long as a pixel. Points without a partner nearer
/// than [`PUBLISHED_DISTANCE`] are removed, the rest are assigned at the smallest sum of ln(d + 1e-6), and assigned pairs
/// at or beyond the distance are dropped. Since the assignment may pick such pairs, the number of pairs left can be less
/// than possible; [`super::match_within`] has no such flaw.
///
/// Returns the pairs in the order of the truths. Points with a coordinate that is not finite have no partner.
///
/// # Errors
/// [`Error::TooLargeForPublishedRule`] beyond 25 million combinations of truths and predictions with a partner: the rule
/// forbids no pair, so that it needs all costs at once.
pub fn match_published(truths: &[Detection], predictions: &[Detection]) -> Result<Vec<Pair>, Error> {
    let has_partner = |point: &Detection, others: &[Detection]| others.iter().any(|o| is_near(distance(point, o)));
    let rows: Vec<usize> = (0..truths.len()).filter(|&i| has_partner(&truths[i], predictions)).collect();
    let columns: Vec<usize> = (0..predictions.len()).filter(|&j| has_partner(&predictions[j], truths)).collect();
    if rows.len().saturating_mul(columns.len()) > MAX_COSTS {
        return Err(Error::TooLargeForPublishedRule {
            n_truths: rows.len(),
            n_predictions: columns.len(),
            limit: MAX_COSTS,
        });
    }
    let costs: Vec<f64> = rows
        .iter()
        .flat_map(|&i| columns.iter().map(move |&j| (distance(&truths[i], &predictions[j]) + 1e-6).ln()))
        .collect();
    let (assigned_rows, assigned_columns) = lsap::solve(rows.len(), columns.len(), &costs, false)
        .expect("a point with a partner is finite, so all costs are, and a complete cost matrix is feasible");
    let mut pairs: Vec<Pair> = assigned_rows
        .into_iter()
        .zip(assigned_columns)
        .map(|(row, column)| (rows[row], columns[column]))
        .filter(|&(i, j)| is_near(distance(&truths[i], &predictions[j])))
        .map(|(i, j)| Pair::of(truths, predictions, i, j))
        .collect();
    pairs.sort_unstable_by_key(|pair| pair.truth);
    Ok(pairs)
}

/// Never infinite between finite points, so that every cost is finite. Squares, not `hypot`: a distance of exactly 6
/// must come out as 6.
fn distance(a: &Detection, b: &Detection) -> f64 {
    let squares = (a.t_frame - b.t_frame).powi(2) + (a.y_px - b.y_px).powi(2) + (a.x_px - b.x_px).powi(2);
    squares.sqrt().min(f64::MAX)
}

fn is_near(distance: f64) -> bool {
    distance < PUBLISHED_DISTANCE
}
