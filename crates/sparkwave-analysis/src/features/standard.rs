//! Standard scores: every feature with mean 0 and standard deviation 1.

use serde::Serialize;

use super::{Error, FeatureTable};

/// What a sum of squared deviations is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Deviation {
    /// The number of values, as published for subtypes.
    Population,
    /// One less, as published for classifiers; at least two values are needed.
    Sample,
}

/// Centre and width of a feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// The feature.
    pub feature: String,
    /// Number of known values.
    pub n: usize,
    /// Their mean; `None` without known values.
    pub mean: Option<f64>,
    /// Their standard deviation; `None` if it is 0, or undefined for too few values. Such a feature is constant for all
    /// that is known.
    pub sd: Option<f64>,
}

/// Centres and widths of features, from one table and for any other of the same features.
///
/// Subtypes are found on one set of events and assigned to others; both must be scaled alike, hence fit and apply.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standardization {
    /// One for each feature.
    pub scales: Vec<Scale>,
}

impl Standardization {
    /// Measures centre and width of every feature over its known values.
    pub fn fit(table: &FeatureTable, deviation: Deviation) -> Self {
        let scale = |(feature, column): (&String, &Vec<Option<f64>>)| {
            let known: Vec<f64> = column.iter().flatten().copied().collect();
            let (mean, sd) = mean_and_sd(&known, deviation);
            Scale { feature: feature.clone(), n: known.len(), mean, sd }
        };
        Self { scales: table.names().iter().zip(table.columns()).map(scale).collect() }
    }

    /// (value - mean) / sd. Unknown stays unknown. Where the fit found no width, a value equal to the mean is 0 and any
    /// other is unknown: how far it is out, nobody can say.
    ///
    /// # Errors
    /// [`Error::OtherFeatures`] unless the table has the features of the fit, in their order.
    pub fn apply(&self, table: &FeatureTable) -> Result<FeatureTable, Error> {
        let fitted = || self.scales.iter().map(|s| &s.feature);
        if !fitted().eq(table.names()) {
            let expected = fitted().cloned().collect::<Vec<_>>().join(", ");
            return Err(Error::OtherFeatures { expected, found: table.names().join(", ") });
        }
        let columns = self.scales.iter().zip(table.columns()).map(|(scale, column)| {
            let standard = |value: &Option<f64>| {
                let above = value.as_ref()? - scale.mean?;
                match scale.sd {
                    Some(sd) => Some(above / sd),
                    None => is_rounding(above, scale.mean?).then_some(0.0),
                }
            };
            (scale.feature.clone(), column.iter().map(standard).collect())
        });
        FeatureTable::new(columns.collect())
    }
}

/// Whether a deviation from a mean is no more than what rounding of equal values makes of it.
fn is_rounding(deviation: f64, mean: f64) -> bool {
    deviation.abs() <= 10.0 * f64::EPSILON * mean.abs()
}

fn mean_and_sd(values: &[f64], deviation: Deviation) -> (Option<f64>, Option<f64>) {
    let n = values.len();
    if n == 0 {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    // The mean of equal values is not always that value.
    let is_constant = values.iter().all(|v| *v == values[0]);
    let divisor = match deviation {
        Deviation::Population => n,
        Deviation::Sample => n - 1,
    };
    if is_constant || divisor == 0 {
        return (Some(if is_constant { values[0] } else { mean }), None);
    }
    let sum: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let sd = (sum / divisor as f64).sqrt();
    (Some(mean), (sd > 0.0 && sd.is_finite()).then_some(sd))
}
