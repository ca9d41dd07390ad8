//! Did a stimulus change anything? The question is put to neurons, one number each.
//!
//! Three measures, each the logarithm of a ratio, so that what doubles and what halves cancel: how many events there are,
//! how high they are, and whether more sites are new than silenced. Events and sites of one neuron are not independent; the
//! neuron (or the animal) is what is counted.

use super::SiteCategory;
use crate::statistics::bootstrap::Interval;
use crate::statistics::compare::family::{Family, compare_all};
use crate::statistics::compare::{Change, Design, Options, Row};
use crate::statistics::{Error, mean, squares};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// What is known of one neuron.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeuronChange {
    /// Its name.
    pub neuron: String,
    /// The animal, or the culture, if known.
    pub animal: Option<String>,
    /// Events before and after the stimulus.
    pub n_events: [usize; 2],
    /// Sites in the order of [`SiteCategory::ALL`].
    pub n_sites: [usize; 3],
    /// Mean of the natural logarithm of the peak dF/F0 of the events before and after; `None` without events.
    pub mean_log_peak: [Option<f64>; 2],
}

impl NeuronChange {
    /// Part of the sites that are of a category, 0..=1; `None` without sites.
    pub fn part(&self, category: SiteCategory) -> Option<f64> {
        let total: usize = self.n_sites.iter().sum();
        (total > 0).then(|| self.n_sites[category as usize] as f64 / total as f64)
    }
}

/// What is compared, by name.
pub const MEASURES: [&str; 3] = ["events", "peak dF/F0", "new over silenced sites"];

/// A measure over all neurons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeanRatio {
    /// One of [`MEASURES`].
    pub measure: &'static str,
    /// Neurons in which it is defined.
    pub n: usize,
    /// Geometric mean over neurons of after over before (of new over silenced), 1 for no change; `None` without neurons.
    pub ratio: Option<f64>,
    /// Its 95 % interval, from Student's t of the logarithms; `None` of fewer than two neurons.
    pub interval: Option<Interval>,
}

/// What became of a set of neurons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conclusion {
    /// How large the changes are, in the order of [`MEASURES`].
    pub ratios: Vec<MeanRatio>,
    /// The tests, in the same order.
    pub family: Family,
}

/// Compares neurons with themselves. Half an event or half a site is added to every number (Haldane 1956), so that a neuron
/// that falls silent has a ratio.
///
/// # Errors
/// Those of [`compare_all`]; a measure that cannot be tested, such as of two neurons, does not spoil the others.
pub fn conclude(neurons: &[NeuronChange], options: &Options) -> Result<Conclusion, Error> {
    let log_number = |n: usize| (n as f64 + 0.5).ln();
    let logarithms = |neuron: &NeuronChange| -> [Option<[f64; 2]>; 3] {
        let [silenced, new, _] = neuron.n_sites;
        let [before, after] = neuron.mean_log_peak;
        [
            Some(neuron.n_events.map(log_number)),
            before.zip(after).map(|(a, b)| [a, b]),
            Some([silenced, new].map(log_number)),
        ]
    };
    let logarithms: Vec<[Option<[f64; 2]>; 3]> = neurons.iter().map(logarithms).collect();
    let of_measure =
        |i: usize| neurons.iter().zip(&logarithms).filter_map(move |(neuron, all)| Some((neuron, all[i]?)));
    let groups = [["before", "after"], ["before", "after"], ["silenced", "new"]];
    let measures: Vec<(String, Vec<Row>)> = (0..3)
        .map(|i| {
            let rows = of_measure(i).flat_map(|(neuron, pair)| {
                pair.into_iter().zip(groups[i]).map(|(value, group)| Row {
                    value,
                    group: group.to_owned(),
                    neuron: Some(neuron.neuron.clone()),
                    animal: neuron.animal.clone(),
                })
            });
            (format!("log of {}", MEASURES[i]), rows.collect())
        })
        .collect();
    let options = Options { design: Design::Paired(Change::Difference), ..options.clone() };
    let ratios = (0..3).map(|i| {
        let changes: Vec<f64> = of_measure(i).map(|(_, [before, after])| after - before).collect();
        mean_ratio(MEASURES[i], &changes)
    });
    Ok(Conclusion { ratios: ratios.collect(), family: compare_all(&measures, &options)? })
}

fn mean_ratio(measure: &'static str, changes: &[f64]) -> MeanRatio {
    let n = changes.len();
    let middle = mean(changes);
    let half = (n > 1).then(|| {
        let freedom = (n - 1) as f64;
        let student = StudentsT::new(0.0, 1.0, freedom).expect("at least one degree of freedom");
        student.inverse_cdf(0.975) * (squares(changes) / freedom / n as f64).sqrt()
    });
    let interval = middle.zip(half).map(|(m, half)| Interval { low: (m - half).exp(), high: (m + half).exp() });
    MeanRatio { measure, n, ratio: middle.map(f64::exp), interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neuron(i: usize, n_events: [usize; 2], n_sites: [usize; 3], peaks: [f64; 2]) -> NeuronChange {
        let mean_log_peak = peaks.map(|peak| (peak > 0.0).then(|| peak.ln()));
        NeuronChange { neuron: format!("n{i}"), animal: None, n_events, n_sites, mean_log_peak }
    }

    #[test]
    fn a_doubling_is_a_ratio_of_two() {
        let neurons: Vec<NeuronChange> = (0..8)
            .map(|i| neuron(i, [10 + i, 2 * (10 + i) + i % 3], [2, 6 + i % 2, 5], [1.0, 1.5 + 0.01 * i as f64]))
            .collect();
        let found = conclude(&neurons, &Options::default()).expect("compared");
        let ratio = |i: usize| found.ratios[i].ratio.expect("defined");
        // Half an event is added on both sides: 20.5 / 10.5 and so on.
        assert!((ratio(0) - 2.0).abs() < 0.06 && (ratio(1) - 1.535).abs() < 0.01 && (ratio(2) - 2.8).abs() < 0.1);
        let interval = found.ratios[0].interval.expect("eight neurons");
        assert!(interval.low < ratio(0) && ratio(0) < interval.high && interval.low > 1.9);
        let p = |i: usize| found.family.members[i].p_adjusted.expect("tested");
        assert!(p(0) < 0.01 && p(1) < 0.01 && p(2) < 0.01, "{} {} {}", p(0), p(1), p(2));
        assert_eq!(neurons[0].part(SiteCategory::Silenced), Some(2.0 / 13.0));
    }

    #[test]
    fn an_interval_is_the_t_interval_of_the_logarithms() {
        // scipy.stats.t.interval(0.95, 3, 0.25, 0.25) = -0.5456116, 1.0456116 of the logarithms 0, 0, 0, 1.
        let found = mean_ratio("events", &[0.0, 0.0, 0.0, 1.0]);
        let interval = found.interval.expect("four values");
        assert!((interval.low.ln() + 0.545_611_6).abs() < 1e-6 && (interval.high.ln() - 1.045_611_6).abs() < 1e-6);
        assert_eq!(mean_ratio("events", &[0.3]).interval, None);
        assert_eq!(mean_ratio("events", &[]).ratio, None);
    }

    #[test]
    fn neurons_without_events_have_no_height_and_spoil_nothing() {
        let mut neurons: Vec<NeuronChange> = (0..6).map(|i| neuron(i, [9 + i, 9], [1, 1, 4], [1.0, 1.1])).collect();
        neurons.push(neuron(7, [4, 0], [3, 0, 0], [1.0, 0.0]));
        let found = conclude(&neurons, &Options::default()).expect("compared");
        assert_eq!(found.ratios.iter().map(|r| r.n).collect::<Vec<_>>(), [7, 6, 7]);
        assert!(found.family.members[1].undefined.is_none());
    }
}
