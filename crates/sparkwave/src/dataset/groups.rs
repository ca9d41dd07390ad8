//! Which recordings belong together: a network must not be validated on an animal, a coverslip or a neuron that it was
//! trained on.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use sparkwave_io::msct::{Origin, StreamInfo};
use std::collections::BTreeMap;

/// The part of a training file that a recording belongs to.
pub(super) const FOLDS: [&str; 2] = ["train", "valid"];

/// The number of each recording's group, counted in the order of first members. Recordings that share an animal, a coverslip
/// or a neuron are in one group; names of coverslips and neurons count within what stands above them. One of which nothing
/// is known is alone.
pub(super) fn groups(origins: &[&Origin]) -> Vec<usize> {
    let mut first_with: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    let mut group: Vec<usize> = (0..origins.len()).collect();
    for (i, origin) in origins.iter().enumerate() {
        for key in keys(origin) {
            let first = *first_with.entry(key).or_insert(i);
            let (a, b) = (group[first], group[i]);
            group.iter_mut().filter(|g| **g == a.max(b)).for_each(|g| *g = a.min(b));
        }
    }
    let mut numbers = BTreeMap::new();
    group
        .iter()
        .map(|g| {
            let next = numbers.len();
            *numbers.entry(*g).or_insert(next)
        })
        .collect()
}

/// The names by which an origin is tied to others; a level that is not known is an empty name, and ties only by what is.
fn keys(origin: &Origin) -> Vec<Vec<&str>> {
    let levels = [&origin.animal, &origin.coverslip, &origin.neuron].map(|name| name.as_deref().unwrap_or(""));
    (1..=levels.len()).filter(|n| !levels[n - 1].is_empty()).map(|n| levels[..n].to_vec()).collect()
}

/// The fold of each recording: whole groups, drawn at random, are set aside for validation until they hold about the part
/// `valid` of all events. With at least two groups, both folds have one.
pub(super) fn folds(origins: &[&Origin], n_events: &[usize], valid: f64, seed: u64) -> Vec<&'static str> {
    let group = groups(origins);
    let n_groups = group.iter().max().map_or(0, |g| g + 1);
    let events =
        |g: usize| group.iter().zip(n_events).filter(|(of, _)| **of == g).map(|(_, n)| n).sum::<usize>() as f64;
    let wanted = valid * n_events.iter().sum::<usize>() as f64;
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (mut aside, mut held) = (vec![false; n_groups], 0.0);
    let mut left = n_groups;
    for g in order {
        let closer = (held + events(g) - wanted).abs() < (held - wanted).abs();
        let first = held == 0.0 && valid > 0.0;
        if (closer || first) && left > 1 {
            (aside[g], held, left) = (true, held + events(g), left - 1);
        }
    }
    group.iter().map(|&g| FOLDS[usize::from(aside[g])]).collect()
}

/// What would let a network be validated on what it has seen, one sentence each.
#[must_use]
pub fn leaks(streams: &[StreamInfo]) -> Vec<String> {
    let origins: Vec<&Origin> = streams.iter().map(|s| &s.origin).collect();
    let group = groups(&origins);
    let name = |i: usize| format!("{}/{}", streams[i].fold, streams[i].stream);
    let mut found = Vec::new();
    for i in 0..streams.len() {
        let other = |j: &usize| group[*j] == group[i] && streams[*j].fold != streams[i].fold;
        if let Some(j) = (0..i).find(other) {
            found.push(format!("{} and {} are of one animal, coverslip or neuron", name(j), name(i)));
        }
        let same = |j: &usize| origins[*j].sha256.is_some() && origins[*j].sha256 == origins[i].sha256;
        if let Some(j) = (0..i).find(same) {
            found.push(format!("{} and {} hold the same pixels", name(j), name(i)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::movie::MovieShape;

    fn origin(animal: &str, coverslip: &str, neuron: &str) -> Origin {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Origin { animal: known(animal), coverslip: known(coverslip), neuron: known(neuron), ..Origin::default() }
    }

    #[test]
    fn what_shares_an_animal_a_coverslip_or_a_neuron_stays_together() {
        let all = [
            origin("a", "1", "x"),
            origin("b", "1", "x"),
            origin("a", "2", ""),
            origin("", "", ""),
            origin("", "7", ""),
            origin("", "7", "y"),
            origin("", "", ""),
            origin("b", "", ""),
        ];
        let all: Vec<&Origin> = all.iter().collect();
        assert_eq!(groups(&all), [0, 1, 0, 2, 3, 3, 4, 1]);
    }

    #[test]
    fn folds_are_whole_groups_of_about_the_wanted_part() {
        let all: Vec<Origin> = (0..60).map(|i| origin(&format!("animal {}", i % 20), "", "")).collect();
        let all: Vec<&Origin> = all.iter().collect();
        let n_events: Vec<usize> = (0..60).map(|i| 10 + i % 7).collect();
        for seed in 0..20 {
            let folds = folds(&all, &n_events, 0.2, seed);
            let valid: usize = folds.iter().zip(&n_events).filter(|(f, _)| **f == "valid").map(|(_, n)| n).sum();
            let part = valid as f64 / n_events.iter().sum::<usize>() as f64;
            assert!((part - 0.2).abs() < 0.03, "{part}");
            assert!((0..60).all(|i| folds[i] == folds[i % 20]));
        }
        let two = [origin("a", "", ""), origin("b", "", "")];
        let two: Vec<&Origin> = two.iter().collect();
        let folds = folds(&two, &[5, 500], 0.01, 3);
        assert_eq!(folds.iter().filter(|f| **f == "valid").count(), 1, "{folds:?}");
        assert_eq!(super::folds(&two[..1], &[5], 0.5, 3), ["train"]);
    }

    #[test]
    fn leaks_are_told() {
        let shape = MovieShape { n_frames: 1, height: 1, width: 1 };
        let stream = |fold: &str, stream: &str, animal: &str, sha256: Option<&str>| StreamInfo {
            fold: fold.into(),
            stream: stream.into(),
            shape,
            n_events: 1,
            has_foreground: false,
            origin: Origin { sha256: sha256.map(str::to_owned), ..origin(animal, "", "") },
        };
        let clean = [stream("train", "0", "a", Some("1")), stream("valid", "1", "b", Some("2"))];
        assert!(leaks(&clean).is_empty());
        let leaky = [clean[0].clone(), stream("valid", "1", "a", Some("2")), stream("train", "2", "c", Some("1"))];
        let found = leaks(&leaky);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("train/0 and valid/1 are of one animal") && found[1].contains("train/0 and train/2"));
    }
}
