//! Folds of whole neurons.

use std::collections::BTreeMap;

use super::Error;
use super::events::check_labels;

/// Evaluations of folds nearer than this count as equal, as in the published library.
const ALIKE: f64 = 1e-8;

/// The fold of each event, 0-based: no group is in two folds, and the classes are spread over the folds as evenly as that
/// allows.
///
/// Groups are taken by falling spread of their class counts, those of equal spread by number, and each goes to the fold
/// that leaves the classes most even, of equal ones to the one with fewest events, then to the first: the rule of
/// scikit-learn's `StratifiedGroupKFold`, whose folds these are. Nothing is drawn.
///
/// # Errors
/// [`Error::Folds`] unless there are at least 2 folds and a group for each; [`Error::Length`]; [`Error::Label`].
pub fn grouped_folds(
    labels: &[usize],
    n_classes: usize,
    groups: &[usize],
    n_folds: usize,
) -> Result<Vec<usize>, Error> {
    if labels.len() != groups.len() {
        return Err(Error::Length { what: "groups", expected: labels.len(), found: groups.len() });
    }
    check_labels(labels, n_classes)?;
    let mut of_group: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut of_class = vec![0.0; n_classes];
    for (&label, &group) in labels.iter().zip(groups) {
        of_group.entry(group).or_insert_with(|| vec![0.0; n_classes])[label] += 1.0;
        of_class[label] += 1.0;
    }
    if n_folds < 2 || of_group.len() < n_folds {
        return Err(Error::Folds { n_groups: of_group.len(), found: n_folds });
    }
    // Classes without events are the same in every fold.
    let classes: Vec<usize> = (0..n_classes).filter(|&class| of_class[class] > 0.0).collect();
    let mut by_spread: Vec<(usize, Vec<f64>)> = of_group.into_iter().collect();
    let spread_of = |counts: &[f64]| spread(classes.iter().map(|&class| counts[class]));
    by_spread.sort_by(|a, b| spread_of(&b.1).total_cmp(&spread_of(&a.1)));

    let mut folds = vec![vec![0.0; n_classes]; n_folds];
    let mut fold_of_group = BTreeMap::new();
    for (group, counts) in by_spread {
        let mut best = (0, f64::INFINITY, f64::INFINITY);
        for fold in 0..n_folds {
            add(&mut folds[fold], &counts, 1.0);
            let parts = |class: usize| folds.iter().map(move |fold| fold[class]);
            let uneven = classes.iter().map(|&class| spread(parts(class).map(|n| n / of_class[class]))).sum::<f64>()
                / classes.len() as f64;
            let n_events: f64 = folds[fold].iter().sum();
            add(&mut folds[fold], &counts, -1.0);
            let is_alike = (uneven - best.1).abs() <= ALIKE + 1e-5 * best.1.abs();
            if uneven < best.1 || (is_alike && n_events < best.2) {
                best = (fold, uneven, n_events);
            }
        }
        add(&mut folds[best.0], &counts, 1.0);
        fold_of_group.insert(group, best.0);
    }
    Ok(groups.iter().map(|group| fold_of_group[group]).collect())
}

fn add(fold: &mut [f64], counts: &[f64], sign: f64) {
    fold.iter_mut().zip(counts).for_each(|(sum, n)| *sum += sign * n);
}

/// Population standard deviation.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
}
