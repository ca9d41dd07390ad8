//! The cheapest among the largest matchings of a sparse bipartite graph.
//!
//! Shortest augmenting paths with node potentials (Jonker & Volgenant 1987, Computing 38, 325), on an edge list. A dense
//! solver would need the product of the list lengths in memory, and the graph of a crowded recording can hang together
//! in one piece, so cutting it into connected pieces first would not save one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::candidates::Candidate;

/// For each row the column it is matched to. `rows[i]` lists the possible partners of row `i`, all below `n_columns`.
///
/// The number of matched rows is the largest possible, and the sum of costs the smallest at that number.
pub(super) fn cheapest_largest(rows: &[Vec<Candidate>], n_columns: usize) -> Vec<Option<usize>> {
    let mut solver = Solver {
        rows,
        unmatched_cost: unmatched_cost(rows),
        row_potential: vec![0.0; rows.len()],
        column_potential: vec![0.0; n_columns],
        column_of_row: vec![None; rows.len()],
        row_of_column: vec![None; n_columns],
        distance: vec![f64::INFINITY; n_columns],
        reached_from: vec![0; n_columns],
        is_settled: vec![false; n_columns],
    };
    for (row, partners) in rows.iter().enumerate() {
        if !partners.is_empty() {
            solver.insert(row);
        }
    }
    solver.column_of_row
}

/// The price of leaving a row without partner. It exceeds what any rearrangement of the others can save, which is what
/// puts the number of pairs before their cost.
fn unmatched_cost(rows: &[Vec<Candidate>]) -> f64 {
    let largest = rows.iter().flatten().map(|c| c.cost).fold(0.0, f64::max);
    (rows.len() as f64 + 1.0) * (largest + 1.0)
}

struct Solver<'a> {
    rows: &'a [Vec<Candidate>],
    unmatched_cost: f64,
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    column_of_row: Vec<Option<usize>>,
    row_of_column: Vec<Option<usize>>,
    /// Scratch of one insertion: length of the shortest path to each column, and the row before it.
    distance: Vec<f64>,
    reached_from: Vec<usize>,
    is_settled: Vec<bool>,
}

/// Where a shortest path ends.
#[derive(Clone, Copy)]
enum End {
    /// At a column nobody uses.
    Free(usize),
    /// At a row that gives its column up and stays unmatched.
    Unmatched(usize),
}

impl Solver<'_> {
    /// Adds a row and restores the optimum over all rows added so far.
    fn insert(&mut self, new_row: usize) {
        let mut heap = BinaryHeap::new();
        let mut touched = Vec::new();
        let mut settled = Vec::new();
        let mut end = End::Unmatched(new_row);
        let mut end_distance = f64::INFINITY;
        let (mut row, mut row_distance) = (new_row, 0.0);
        loop {
            let unmatched = row_distance + self.unmatched_cost - self.row_potential[row];
            if unmatched < end_distance {
                (end, end_distance) = (End::Unmatched(row), unmatched);
            }
            for candidate in &self.rows[row] {
                let column = candidate.column as usize;
                if self.is_settled[column] {
                    continue;
                }
                // Reduced costs are not negative in exact arithmetic; rounding must not shorten a path.
                let reduced = candidate.cost - self.row_potential[row] - self.column_potential[column];
                let distance = row_distance + reduced.max(0.0);
                if distance < self.distance[column] {
                    if self.distance[column].is_infinite() {
                        touched.push(column);
                    }
                    self.distance[column] = distance;
                    self.reached_from[column] = row;
                    heap.push(Reached { distance, column });
                }
            }
            let next = loop {
                match heap.pop() {
                    Some(reached) if self.is_settled[reached.column] => {}
                    other => break other,
                }
            };
            let Some(Reached { distance, column }) = next.filter(|n| n.distance < end_distance) else { break };
            match self.row_of_column[column] {
                None => {
                    (end, end_distance) = (End::Free(column), distance);
                    break;
                }
                Some(owner) => {
                    self.is_settled[column] = true;
                    settled.push((column, owner));
                    (row, row_distance) = (owner, distance);
                }
            }
        }
        self.row_potential[new_row] += end_distance;
        for &(column, owner) in &settled {
            let slack = end_distance - self.distance[column];
            self.row_potential[owner] += slack;
            self.column_potential[column] -= slack;
        }
        self.augment(end);
        for column in touched {
            self.distance[column] = f64::INFINITY;
            self.is_settled[column] = false;
        }
    }

    /// Shifts every row on the path to the next column; the new row, which had none, is the last.
    fn augment(&mut self, end: End) {
        let mut column = match end {
            End::Free(column) => column,
            End::Unmatched(row) => match self.column_of_row[row].take() {
                Some(column) => column,
                None => return,
            },
        };
        loop {
            let row = self.reached_from[column];
            self.row_of_column[column] = Some(row);
            match self.column_of_row[row].replace(column) {
                Some(given_up) => column = given_up,
                None => return,
            }
        }
    }
}

/// A column on the search front; the heap yields the nearest first, and the lower index among equally near ones.
#[derive(PartialEq)]
struct Reached {
    distance: f64,
    column: usize,
}

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then_with(|| other.column.cmp(&self.column))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
