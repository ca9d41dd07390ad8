//! How well predictions of classes do.

use serde::Serialize;

use super::Error;
use super::events::check_labels;

/// Events by class and by prediction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// `[class][prediction]`.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts events of `n_classes` classes.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Label`].
    pub fn count(labels: &[usize], predictions: &[usize], n_classes: usize) -> Result<Self, Error> {
        if labels.len() != predictions.len() {
            return Err(Error::Length { what: "predictions", expected: labels.len(), found: predictions.len() });
        }
        check_labels(labels, n_classes)?;
        check_labels(predictions, n_classes)?;
        let mut counts = vec![vec![0; n_classes]; n_classes];
        labels.iter().zip(predictions).for_each(|(&label, &prediction)| counts[label][prediction] += 1);
        Ok(Self { counts })
    }

    /// The part of each class that was recognised; `None` for a class without events.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        let recall = |(class, row): (usize, &Vec<usize>)| {
            let n: usize = row.iter().sum();
            (n > 0).then(|| row[class] as f64 / n as f64)
        };
        self.counts.iter().enumerate().map(recall).collect()
    }

    /// The mean of the recalls over the classes that have events, 1 / classes for a guess; `None` without events.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls: Vec<f64> = self.recalls().into_iter().flatten().collect();
        (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
    }
}
