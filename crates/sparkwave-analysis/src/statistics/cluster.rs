//! Bootstrap over clusters: animals, or neurons, drawn whole with all their events.

use super::bootstrap::{Estimate, Interval, Resampling, any};

/// A statistic of groups with its interval over clusters.
///
/// `groups` are lists of clusters, each the values of one animal or neuron. In each resample every group draws as many of
/// its clusters as it has, with replacement, and keeps each whole (Davison and Hinkley 1997, section 3.8); `statistic` sees
/// the values of each group. The interval therefore tells how far the statistic depends on the animals that happened to be
/// looked at. It is `None` if no group has two clusters; the whole is `None` if the statistic is. Few clusters, below some
/// ten, give intervals that are too narrow.
pub fn bootstrap(
    groups: &[Vec<Vec<f64>>],
    statistic: impl Fn(&[Vec<f64>]) -> Option<f64> + Sync,
    resampling: &Resampling,
) -> Option<Estimate> {
    let value = statistic(&groups.iter().map(|clusters| clusters.concat()).collect::<Vec<_>>())?;
    if groups.iter().all(|clusters| clusters.len() < 2) {
        return Some(Estimate { value, interval: None });
    }
    let resampled = resampling.replicate(|rng| {
        let mut draw = |clusters: &Vec<Vec<f64>>| -> Vec<f64> {
            clusters.iter().flat_map(|_| clusters[any(clusters.len(), rng)].iter().copied()).collect()
        };
        let drawn: Vec<Vec<f64>> = groups.iter().map(&mut draw).collect();
        statistic(&drawn)
    });
    Some(Estimate { value, interval: Interval::percentile(resampled, resampling.level) })
}
