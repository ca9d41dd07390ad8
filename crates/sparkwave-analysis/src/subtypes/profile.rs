//! What the groups are: their medians, their parts of each set of events, and examples.

use ndarray::ArrayView2;
use serde::Serialize;

use super::Error;
use super::points::{Points, check_labels, squared_distance};
use crate::cross_table::CrossTable;
use crate::statistics::bootstrap::quantile;

/// Medians of the groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// `[group][feature]`, in the unit of the values given; `None` for an empty group.
    pub medians: Vec<Vec<Option<f64>>>,
    /// The same, for each feature scaled over the groups so that the smallest is 0 and the largest 1: the published
    /// barcode. `None` where all groups have one median.
    pub barcode: Vec<Vec<Option<f64>>>,
}

/// Medians and barcode of `k` groups of `[N, M]` values, best in physical units; `labels` has the group of each row.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`], [`Error::Length`] and [`Error::Label`].
pub fn profile(values: ArrayView2<f64>, labels: &[usize], k: usize) -> Result<Profile, Error> {
    let values = Points::new(values)?;
    check_labels(labels, values.len(), k)?;
    let median = |group: usize, feature: usize| {
        let of_group = values.column(feature).zip(labels).filter(|(_, label)| **label == group);
        let mut ascending: Vec<f64> = of_group.map(|(v, _)| v).collect();
        ascending.sort_by(f64::total_cmp);
        (!ascending.is_empty()).then(|| quantile(&ascending, 0.5))
    };
    let medians: Vec<Vec<Option<f64>>> =
        (0..k).map(|group| (0..values.n_features()).map(|feature| median(group, feature)).collect()).collect();
    let scaled = |feature: usize, value: Option<f64>| {
        let known = || medians.iter().filter_map(|group| group[feature]);
        let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        value.filter(|_| high > low).map(|v| (v - low) / (high - low))
    };
    let barcode = medians.iter().map(|group| group.iter().enumerate().map(|(j, &v)| scaled(j, v)).collect()).collect();
    Ok(Profile { medians, barcode })
}

/// How many events of each set (a condition, a neuron) are of each of `k` subtypes, with the proportions. `sets` has the
/// 0-based set of each event, an index into `names`; columns are named by the number of the subtype.
///
/// # Errors
/// [`Error::Length`] and [`Error::Label`].
pub fn proportions(labels: &[usize], k: usize, sets: &[usize], names: &[String]) -> Result<CrossTable, Error> {
    check_labels(labels, sets.len(), k)?;
    check_labels(sets, labels.len(), names.len())?;
    let columns = (0..k).map(|group| group.to_string()).collect();
    Ok(CrossTable::count(names.to_vec(), columns, sets.iter().copied().zip(labels.iter().copied())))
}

/// A typical event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Its 0-based row among the points.
    pub row: usize,
    /// Its distance to the centre.
    pub distance: f64,
}

/// For each group up to `n` events nearest to its centre, nearest first, equally near ones by row. Only rows that
/// `is_shown` allows are taken: events at the border cannot be cut out with their surroundings (the publication leaves 32
/// px). Centres are those of [`super::Clustering`] or, as published, the groups' medians.
///
/// # Errors
/// [`Error::Nothing`], [`Error::NotFinite`], [`Error::Length`] and [`Error::Label`].
pub fn examples(
    points: ArrayView2<f64>,
    labels: &[usize],
    centres: &[Vec<f64>],
    n: usize,
    is_shown: impl Fn(usize) -> bool,
) -> Result<Vec<Vec<Example>>, Error> {
    let points = Points::new(points)?;
    check_labels(labels, points.len(), centres.len())?;
    if let Some(other) = centres.iter().find(|c| c.len() != points.n_features()) {
        return Err(Error::Length { what: "features", expected: points.n_features(), found: other.len() });
    }
    let mut of_group = vec![Vec::new(); centres.len()];
    for (row, &label) in labels.iter().enumerate().filter(|(row, _)| is_shown(*row)) {
        let distance = squared_distance(points.row(row), &centres[label]).sqrt();
        of_group[label].push(Example { row, distance });
    }
    for group in &mut of_group {
        // A stable sort: rows are ascending.
        group.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        group.truncate(n);
    }
    Ok(of_group)
}
