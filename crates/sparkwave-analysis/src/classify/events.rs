//! Events with features, a class and a neuron.

use ndarray::{Array2, ArrayView2};

use super::Error;

/// Events to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledEvents {
    features: Array2<f64>,
    names: Vec<String>,
    labels: Vec<usize>,
    classes: Vec<String>,
    groups: Vec<usize>,
}

impl LabelledEvents {
    /// Checks and keeps events: `features` `[N, M]`, all finite, with their names; the 0-based class of each event, an
    /// index into `classes`; and the 0-based group of each, the neuron or better the animal, which is never split between
    /// training and test.
    ///
    /// # Errors
    /// [`Error::Nothing`], [`Error::Length`], [`Error::NotFinite`], [`Error::Label`], and [`Error::EmptyClass`] unless
    /// there are events of every class and two classes.
    pub fn new(
        features: Array2<f64>,
        names: Vec<String>,
        labels: Vec<usize>,
        classes: Vec<String>,
        groups: Vec<usize>,
    ) -> Result<Self, Error> {
        let (n, n_features) = features.dim();
        let lengths =
            [("feature names", n_features, names.len()), ("labels", n, labels.len()), ("groups", n, groups.len())];
        if let Some((what, expected, found)) = lengths.into_iter().find(|(_, expected, found)| expected != found) {
            return Err(Error::Length { what, expected, found });
        }
        check_features(features.view(), |feature| names[feature].clone())?;
        check_labels(&labels, classes.len())?;
        let is_empty = |class: &usize| !labels.contains(class);
        if let Some(class) = (0..classes.len().max(2)).find(is_empty) {
            let class = classes.get(class).cloned().unwrap_or_else(|| "a second one".to_owned());
            return Err(Error::EmptyClass { place: "the events".to_owned(), class });
        }
        Ok(Self { features, names, labels, classes, groups })
    }

    /// Features, `[N, M]`.
    pub fn features(&self) -> ArrayView2<'_, f64> {
        self.features.view()
    }

    /// Names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Class of each event.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Group of each event.
    pub fn groups(&self) -> &[usize] {
        &self.groups
    }
}

/// # Errors
/// [`Error::Nothing`] and [`Error::NotFinite`].
pub(super) fn check_features(features: ArrayView2<f64>, name: impl Fn(usize) -> String) -> Result<(), Error> {
    let (n, n_features) = features.dim();
    if n == 0 || n_features == 0 {
        return Err(Error::Nothing { n, n_features });
    }
    match features.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, feature), &found)) => Err(Error::NotFinite { row, feature: name(feature), found }),
        None => Ok(()),
    }
}

/// # Errors
/// [`Error::Label`].
pub(super) fn check_labels(labels: &[usize], n_classes: usize) -> Result<(), Error> {
    match labels.iter().find(|label| **label >= n_classes) {
        Some(&found) => Err(Error::Label { last: n_classes.saturating_sub(1), found }),
        None => Ok(()),
    }
}
