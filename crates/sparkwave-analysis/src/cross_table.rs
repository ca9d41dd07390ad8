//! Counts of things by two classifications at once.

use serde::Serialize;

/// A table of counts with the proportions of its rows and columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossTable {
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `[row][column]`.
    pub counts: Vec<Vec<usize>>,
    /// Part of the row, 0..=1; `None` for an empty row.
    pub row_proportions: Vec<Vec<Option<f64>>>,
    /// Part of the column, 0..=1; `None` for an empty column.
    pub column_proportions: Vec<Vec<Option<f64>>>,
}

impl CrossTable {
    /// Counts pairs of a row and a column, both 0-based. Pairs beyond the table are not counted.
    pub fn count(rows: Vec<String>, columns: Vec<String>, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; columns.len()]; rows.len()];
        for (row, column) in pairs {
            if let Some(count) = counts.get_mut(row).and_then(|counts| counts.get_mut(column)) {
                *count += 1;
            }
        }
        let of_row: Vec<usize> = counts.iter().map(|row| row.iter().sum()).collect();
        let of_column: Vec<usize> = (0..columns.len()).map(|j| counts.iter().map(|row| row[j]).sum()).collect();
        let proportions = |whole: &dyn Fn(usize, usize) -> usize| -> Vec<Vec<Option<f64>>> {
            let part = |i, j, n| Some(whole(i, j)).filter(|w| *w > 0).map(|w| n as f64 / w as f64);
            let row = |(i, row): (usize, &Vec<usize>)| row.iter().enumerate().map(|(j, &n)| part(i, j, n)).collect();
            counts.iter().enumerate().map(row).collect()
        };
        let row_proportions = proportions(&|i, _| of_row[i]);
        let column_proportions = proportions(&|_, j| of_column[j]);
        Self { rows, columns, counts, row_proportions, column_proportions }
    }

    /// Sum of all counts.
    pub fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_of_rows_and_columns() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let pairs = [(0, 0), (0, 0), (0, 1), (0, 1), (1, 1), (5, 0), (0, 9)];
        let table = CrossTable::count(names(&["a", "b", "c"]), names(&["x", "y"]), pairs);
        assert_eq!(table.counts, [[2, 2], [0, 1], [0, 0]]);
        assert_eq!(table.row_proportions[0], [Some(0.5), Some(0.5)]);
        assert_eq!(table.row_proportions[2], [None, None]);
        assert_eq!(table.column_proportions[0], [Some(1.0), Some(2.0 / 3.0)]);
        assert_eq!(table.column_proportions[1], [Some(0.0), Some(1.0 / 3.0)]);
        assert_eq!(table.total(), 5);
    }
}
