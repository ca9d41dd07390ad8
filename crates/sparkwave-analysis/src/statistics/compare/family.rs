//! Several measures, with the correction for their number.

use super::{Comparison, Options, Row, compare};
use crate::statistics::Error;
use crate::statistics::multiplicity::Correction;
use serde::Serialize;

/// One measure of a family.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// The measure.
    pub measure: String,
    /// Its comparison; `None` if undefined.
    pub comparison: Option<Comparison>,
    /// Why it is undefined; such members do not count in the correction.
    pub undefined: Option<String>,
    /// P-value corrected for the family.
    pub p_adjusted: Option<f64>,
}

/// Several measures compared alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Family {
    /// The correction.
    pub correction: Correction,
    /// The measures in the order given.
    pub members: Vec<Member>,
    /// The sentence for a Methods section.
    pub methods: String,
}

/// Compares each measure as [`compare`] does, and corrects their p-values together by `options.correction`.
///
/// # Errors
/// [`Error::TooFew`] without measures. A measure that cannot be compared does not spoil the others: see [`Member`].
pub fn compare_all(measures: &[(String, Vec<Row>)], options: &Options) -> Result<Family, Error> {
    if measures.is_empty() {
        return Err(Error::TooFew { test: "family of comparisons", what: "measures", needed: 1, found: 0 });
    }
    let results: Vec<Result<Comparison, Error>> =
        measures.iter().map(|(measure, rows)| compare(measure, rows, options)).collect();
    let p: Vec<f64> = results.iter().flatten().map(|comparison| comparison.outcome.p).collect();
    let mut adjusted = options.correction.adjust(&p)?.into_iter();
    let member = |((measure, _), result): (&(String, Vec<Row>), Result<Comparison, Error>)| match result {
        Ok(comparison) => Member {
            measure: measure.clone(),
            comparison: Some(comparison),
            undefined: None,
            p_adjusted: adjusted.next(),
        },
        Err(error) => {
            Member { measure: measure.clone(), comparison: None, undefined: Some(error.to_string()), p_adjusted: None }
        }
    };
    let members: Vec<Member> = measures.iter().zip(results).map(member).collect();
    let methods = match options.correction {
        Correction::None => format!("The p-values of {} measures were not corrected.", p.len()),
        correction => format!("The p-values of {} measures were adjusted by {}.", p.len(), correction.name()),
    };
    Ok(Family { correction: options.correction, members, methods })
}
