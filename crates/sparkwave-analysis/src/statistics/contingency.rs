//! Chi-square tests of contingency tables, and how strong an association is.

use super::Error;
use super::bootstrap::{Estimate, Interval, Resampling, any};
use super::multiplicity::Correction;
use serde::Serialize;

const TEST: &str = "chi-square test";

/// Result of [`chi_square`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChiSquare {
    /// Pearson's statistic, without continuity correction.
    pub chi2: f64,
    /// (rows - 1) (columns - 1).
    pub df: f64,
    /// P-value.
    pub p: f64,
    /// Sum of the counts.
    pub n: u64,
    /// Cramer's V, 0..=1: sqrt(chi2 / (n (min(rows, columns) - 1))).
    pub cramers_v: f64,
    /// The smallest expected count; below 5 the p-value is rough.
    pub smallest_expected: f64,
}

/// Whether the rows of a table of counts have the same proportions. There is no continuity correction, as published; SciPy
/// applies one to 2 x 2 tables unless told not to.
///
/// # Errors
/// [`Error::TooFew`] below 2 rows or columns; [`Error::Lengths`] for rows of different lengths; [`Error::EmptyMargin`].
pub fn chi_square(table: &[Vec<u64>]) -> Result<ChiSquare, Error> {
    let (n_rows, n_columns) = (table.len(), table.first().map_or(0, Vec::len));
    for (what, found) in [("rows", n_rows), ("columns", n_columns)] {
        if found < 2 {
            return Err(Error::TooFew { test: TEST, what, needed: 2, found });
        }
    }
    if let Some(row) = table.iter().find(|row| row.len() != n_columns) {
        return Err(Error::Lengths { test: TEST, first: n_columns, second: row.len() });
    }
    let of_rows: Vec<f64> = table.iter().map(|row| row.iter().map(|&n| n as f64).sum()).collect();
    let of_columns: Vec<f64> = (0..n_columns).map(|j| table.iter().map(|row| row[j] as f64).sum()).collect();
    for (line, margin) in [("row", &of_rows), ("column", &of_columns)] {
        if let Some(index) = margin.iter().position(|&n| n == 0.0) {
            return Err(Error::EmptyMargin { test: TEST, line, index });
        }
    }
    let n: f64 = of_rows.iter().sum();
    let smallest = |margin: &[f64]| margin.iter().copied().fold(f64::INFINITY, f64::min);
    let smallest_expected = smallest(&of_rows) * smallest(&of_columns) / n;
    let counts: Vec<Vec<usize>> = table.iter().map(|row| row.iter().map(|&n| n as usize).collect()).collect();
    let result = anofox_statistics::chisq_test(&counts, false).map_err(|_| Error::TooFew {
        test: TEST,
        what: "counts",
        needed: 1,
        found: 0,
    })?;
    let cramers_v = (result.statistic / (n * (n_rows.min(n_columns) - 1) as f64)).sqrt().min(1.0);
    Ok(ChiSquare {
        chi2: result.statistic,
        df: result.df,
        p: result.p_value,
        n: n as u64,
        cramers_v,
        smallest_expected,
    })
}

/// One class of [`one_vs_rest`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OneVsRest {
    /// 0-based column.
    pub column: usize,
    /// Chi-square test of this column against all others together.
    pub test: ChiSquare,
    /// Its p-value corrected for the number of classes.
    pub p_adjusted: f64,
}

/// Every column against the sum of the others; columns without counts are left out.
///
/// # Errors
/// Those of [`chi_square`] that are not about columns.
pub fn one_vs_rest(table: &[Vec<u64>], correction: Correction) -> Result<Vec<OneVsRest>, Error> {
    let n_columns = table.first().map_or(0, Vec::len);
    if let Some(row) = table.iter().find(|row| row.len() != n_columns) {
        return Err(Error::Lengths { test: TEST, first: n_columns, second: row.len() });
    }
    let mut tests = Vec::new();
    for column in 0..n_columns {
        let of_one = |row: &Vec<u64>| vec![row[column], row.iter().sum::<u64>() - row[column]];
        match chi_square(&table.iter().map(of_one).collect::<Vec<_>>()) {
            Ok(test) => tests.push((column, test)),
            Err(Error::EmptyMargin { line: "column", .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let adjusted = correction.adjust(&tests.iter().map(|(_, test)| test.p).collect::<Vec<_>>())?;
    Ok(tests
        .into_iter()
        .zip(adjusted)
        .map(|((column, test), p_adjusted)| OneVsRest { column, test, p_adjusted })
        .collect())
}

/// Cramer's V with a bootstrap interval over clusters: for each neuron or animal one table of all groups (rows) and classes
/// (columns), drawn whole with replacement. Tables of a single count each are the plain bootstrap over events, which is
/// too narrow where events of a neuron are alike.
///
/// The bootstrap of V is biased upwards near 0, where V cannot fall below it.
///
/// # Errors
/// Those of [`chi_square`] on the sum of the tables; [`Error::TooFew`] without tables.
pub fn cramers_v(clusters: &[Vec<Vec<u64>>], resampling: &Resampling) -> Result<Estimate, Error> {
    let Some(first) = clusters.first() else {
        return Err(Error::TooFew { test: TEST, what: "tables", needed: 1, found: 0 });
    };
    let shape = |table: &Vec<Vec<u64>>| table.iter().map(Vec::len).collect::<Vec<_>>();
    if let Some(other) = clusters.iter().find(|table| shape(table) != shape(first)) {
        return Err(Error::Lengths { test: TEST, first: first.len(), second: other.len() });
    }
    let empty: Vec<Vec<u64>> = first.iter().map(|row| vec![0; row.len()]).collect();
    let total = |drawn: &mut dyn Iterator<Item = usize>| {
        let mut sum = empty.clone();
        for cluster in drawn {
            for (sums, counts) in sum.iter_mut().zip(&clusters[cluster]) {
                sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
        }
        sum
    };
    let value = chi_square(&total(&mut (0..clusters.len())))?.cramers_v;
    let resampled = resampling.replicate(|rng| {
        let drawn: Vec<usize> = (0..clusters.len()).map(|_| any(clusters.len(), rng)).collect();
        chi_square(&total(&mut drawn.into_iter())).ok().map(|test| test.cramers_v)
    });
    let interval = if clusters.len() > 1 { Interval::percentile(resampled, resampling.level) } else { None };
    Ok(Estimate { value, interval })
}
