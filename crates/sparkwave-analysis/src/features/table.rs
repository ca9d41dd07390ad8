//! A table of features in which any value may be unknown.

use std::collections::BTreeSet;

use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;
use sparkwave_core::table::{Table, Value};

use super::{Error, Feature};

/// Named features, one value a row each; unknown is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureTable {
    names: Vec<String>,
    columns: Vec<Vec<Option<f64>>>,
}

/// The rows in which every feature is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    /// Their 0-based positions in the table, ascending.
    pub rows: Vec<usize>,
    /// `[rows, features]`, all finite.
    pub values: Array2<f64>,
    /// Which features are unknown how often, those that never are left out. A row may count for several.
    pub unknown: Vec<Unknown>,
}

/// How often a feature is unknown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unknown {
    /// The feature.
    pub feature: String,
    /// Rows in which it is unknown.
    pub n: usize,
}

impl FeatureTable {
    /// Features from values; values that are not finite become unknown.
    ///
    /// # Errors
    /// [`Error::Repeated`] and [`Error::Length`].
    pub fn new(columns: Vec<(String, Vec<Option<f64>>)>) -> Result<Self, Error> {
        let n_rows = columns.first().map_or(0, |(_, values)| values.len());
        let mut seen = BTreeSet::new();
        for (name, values) in &columns {
            if !seen.insert(name) {
                return Err(Error::Repeated { name: name.clone() });
            }
            if values.len() != n_rows {
                return Err(Error::Length { feature: name.clone(), expected: n_rows, found: values.len() });
            }
        }
        let finite = |values: Vec<Option<f64>>| values.into_iter().map(|v| v.filter(|v| v.is_finite())).collect();
        let (names, columns) = columns.into_iter().map(|(name, values)| (name, finite(values))).unzip();
        Ok(Self { names, columns })
    }

    /// Computes features from a table of events or waves, one row for each of its rows. A feature is unknown where a
    /// column that it needs is empty, or where the quotient it stands for is undefined.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::NotANumber`] and [`Error::Repeated`].
    pub fn derive(table: &Table, features: &[Feature]) -> Result<Self, Error> {
        // Errors are looked for in the order of the features, whichever thread met one first.
        let derived: Vec<_> = features.par_iter().map(|feature| derive(table, feature)).collect();
        let named = features.iter().zip(derived).map(|(feature, values)| Ok((feature.name.to_owned(), values?)));
        Self::new(named.collect::<Result<_, _>>()?)
    }

    /// Names of the features, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features' values, in the order of the names.
    pub fn columns(&self) -> &[Vec<Option<f64>>] {
        &self.columns
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// The named features, in the order of the names given.
    ///
    /// # Errors
    /// [`Error::UnknownFeature`] and [`Error::Repeated`].
    pub fn select<N: AsRef<str>>(&self, names: &[N]) -> Result<Self, Error> {
        let find = |name: &str| {
            let position = self.names.iter().position(|n| n == name);
            position.map(|i| (name.to_owned(), self.columns[i].clone())).ok_or_else(|| Error::UnknownFeature {
                name: name.to_owned(),
                known: if self.names.is_empty() { "none".to_owned() } else { self.names.join(", ") },
            })
        };
        Self::new(names.iter().map(|name| find(name.as_ref())).collect::<Result<_, _>>()?)
    }

    /// Leaves out the rows in which a feature is unknown, and says which.
    pub fn complete(&self) -> Complete {
        let is_complete = |row: &usize| self.columns.iter().all(|c| c[*row].is_some());
        let rows: Vec<usize> = (0..self.n_rows()).filter(is_complete).collect();
        let value = |(i, j): (usize, usize)| {
            let column: &Vec<Option<f64>> = &self.columns[j];
            column[rows[i]].expect("rows are those in which every feature is known")
        };
        let values = Array2::from_shape_fn((rows.len(), self.columns.len()), value);
        let counted = self
            .names
            .iter()
            .zip(&self.columns)
            .map(|(name, column)| Unknown { feature: name.clone(), n: column.iter().filter(|v| v.is_none()).count() });
        let unknown = counted.filter(|u| u.n > 0).collect();
        Complete { rows, values, unknown }
    }
}

fn derive(table: &Table, feature: &Feature) -> Result<Vec<Option<f64>>, Error> {
    let missing = |column| Error::MissingColumn { feature: feature.name.to_owned(), column };
    let named = feature.columns.iter().map(|&name| Ok((name, table.column(name).ok_or_else(|| missing(name))?)));
    let columns: Vec<(&'static str, &[Value])> = named.collect::<Result<_, _>>()?;
    let mut arguments = Vec::with_capacity(columns.len());
    (0..table.n_rows())
        .map(|row| {
            arguments.clear();
            for &(name, values) in &columns {
                match (&values[row], values[row].as_f64()) {
                    (_, Some(number)) => arguments.push(number),
                    (Value::Empty, None) => {}
                    (other, None) => {
                        return Err(Error::NotANumber { row: row + 1, column: name, found: other.to_string() });
                    }
                }
            }
            let is_known = arguments.len() == columns.len();
            Ok(is_known.then(|| (feature.value)(&arguments)).filter(|v| v.is_finite()))
        })
        .collect()
}
