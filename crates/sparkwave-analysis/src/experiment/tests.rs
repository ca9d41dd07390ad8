//! Closed forms of what a grid of trainings amounts to.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::evaluate::detection::{Detection, Limits, Mode, Resampling, evaluate};

fn condition(ratio: u32) -> Condition {
    Condition { model: Model::UNet, subset: 0.25, ratio }
}

/// A movie on which `found` of `n` events come first and the others are never found: precision 1 up to that recall.
fn movie(name: &str, found: usize, n: usize) -> MovieScores {
    let curve: Vec<PrPoint> = (1..=found)
        .map(|tp| PrPoint {
            threshold: 1.0 - tp as f64 / 100.0,
            precision: 1.0,
            recall: tp as f64 / n as f64,
            tp,
            fp: 0,
        })
        .collect();
    let outcomes = Outcomes { found, missed: n - found, spurious: 0 };
    let mut by_dff = [Outcomes::default(); N_DFF_BINS];
    by_dff[1] = outcomes;
    MovieScores {
        movie: name.to_owned(),
        curve,
        ap: Some(found as f64 / n as f64),
        outcomes,
        by_dff,
        dice: vec![found as f64 / n as f64; 4],
    }
}

fn cell(ratio: u32, draw: u32, seed: u64, movies: Vec<MovieScores>) -> Cell {
    Cell { condition: condition(ratio), draw, seed, movies }
}

/// Networks that find `base` of 20 events, one more or less by draw, seed and movie.
fn grid(ratio: u32, base: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for draw in 0..2 {
        for seed in 42..45 {
            let found = |m: usize| base + draw as usize + (seed as usize % 3) + 2 * m - 3;
            let movies = (0..3).map(|m| movie(&format!("movie {m}"), found(m), 20)).collect();
            cells.push(cell(ratio, draw, seed, movies));
        }
    }
    cells
}

#[test]
fn amplitudes_fall_into_the_published_classes() {
    let expected = [(-0.2, 0), (0.0, 0), (0.49, 0), (0.5, 1), (1.0, 2), (2.99, 5), (3.0, 6), (f64::INFINITY, 6)];
    for (dff, bin) in expected {
        assert_eq!(dff_bin(dff), Some(bin), "{dff}");
    }
    assert_eq!(dff_bin(f64::NAN), None);
    for (bin, (start, _)) in DFF_BINS.iter().enumerate() {
        assert_eq!(dff_bin(*start), Some(bin));
    }
}

#[test]
fn outcomes_are_those_of_the_pairs() {
    let at = |t: f64| Detection { t_frame: t, y_px: 5.0, x_px: 5.0, score: None };
    let truths = [at(10.0), at(50.0), at(90.0)];
    let predictions = [at(90.0), at(10.0), at(200.0), at(300.0)];
    let scores = evaluate(&truths, &predictions, &Mode::Physical(Limits::new(3.0, 3.0).unwrap())).unwrap();
    // Found: the first truth (0.2, dim) and the third of unknown amplitude; spurious: 0.7 and 4.
    let (all, by_dff) = tally(&scores.pairs, &[0.2, 1.2, f64::NAN], &[9.0, 9.0, 0.7, 4.0]);
    assert_eq!(all, Outcomes { found: 2, missed: 1, spurious: 2 });
    assert_eq!(by_dff[0], Outcomes { found: 1, missed: 0, spurious: 0 });
    assert_eq!(by_dff[1], Outcomes { found: 0, missed: 0, spurious: 1 });
    assert_eq!(by_dff[2], Outcomes { found: 0, missed: 1, spurious: 0 });
    assert_eq!(by_dff[6], Outcomes { found: 0, missed: 0, spurious: 1 });
    assert_eq!((all.precision(), all.recall(), all.accuracy()), (Some(0.5), Some(2.0 / 3.0), Some(0.4)));
    assert_eq!(all.f1(), Some(4.0 / 7.0));
}

#[test]
fn a_curve_is_read_at_the_first_threshold_that_reaches_the_recall() {
    let point = |recall: f64, precision: f64| PrPoint { threshold: 0.5, precision, recall, tp: 0, fp: 0 };
    let curve = [point(0.1, 1.0), point(0.1, 0.5), point(0.3, 0.6), point(0.5, 0.4)];
    let read = curve::at_recalls(&curve);
    let at = |r: f64| read[(r * 100.0).round() as usize - 1];
    assert_eq!([0.01, 0.1, 0.11, 0.3, 0.31, 0.5, 0.51, 1.0].map(at), [1.0, 1.0, 0.6, 0.6, 0.4, 0.4, 0.0, 0.0]);
    // The area is the average precision, 0.1 x 1 + 0.2 x 0.6 + 0.2 x 0.4.
    assert!((read.iter().sum::<f64>() / RECALLS as f64 - 0.3).abs() < 1e-12);
}

#[test]
fn the_published_average_precision_is_that_of_the_mean_over_movies() {
    // Truths 100 frames apart; every third prediction is wrong, scores fall from 0.93 in steps of 0.07.
    let at = |t: usize, score: Option<f64>| Detection { t_frame: t as f64, y_px: 0.0, x_px: 0.0, score };
    let scores_of = |n: usize| {
        let truths: Vec<Detection> = (0..n).map(|i| at(100 * i, None)).collect();
        let predicted = |i: usize| at(100 * i + if i % 3 == 1 { 50 } else { 0 }, Some(0.93 - 0.07 * i as f64));
        let predictions: Vec<Detection> = (0..9).map(predicted).collect();
        evaluate(&truths, &predictions, &Mode::Physical(Limits::new(3.0, 3.0).unwrap())).unwrap()
    };
    let of = |name: &str, n: usize| {
        let scores = scores_of(n);
        MovieScores { curve: scores.curve, ap: scores.ap, ..movie(name, 1, n) }
    };
    let paper = |movies: Vec<MovieScores>| {
        let summary = summarize(&[cell(0, 0, 1, movies)], &Resampling { n_resamples: 1, ..Resampling::default() });
        summary[0].ap_paper.map(|ap| ap.value)
    };
    // One movie, or twice the same: what is published of a single list.
    let single = scores_of(12).ap_paper.unwrap();
    assert!((paper(vec![of("a", 12)]).unwrap() - single).abs() < 1e-5);
    assert!((paper(vec![of("a", 12), of("b", 12)]).unwrap() - single).abs() < 1e-5);
    // A movie without events has no say; scores that are no probabilities are not swept.
    let mut empty = of("c", 12);
    (empty.ap, empty.curve) = (None, Vec::new());
    assert!((paper(vec![of("a", 12), empty]).unwrap() - single).abs() < 1e-5);
    let mut sigmas = of("a", 12);
    sigmas.curve[0].threshold = 8.0;
    assert_eq!(paper(vec![sigmas]), None);
    // Found and not found: mean recall 0.5 and mean precision 0.5 from the first threshold on, which the published cut
    // before the largest recall leaves out with all that follows.
    assert_eq!(
        paper(vec![movie("a", 1, 1), MovieScores { curve: Vec::new(), ap: Some(0.0), ..movie("b", 0, 1) }]),
        None
    );
}

#[test]
fn averages_are_those_of_the_hand() {
    // Two networks on two movies of 10 and 20 events.
    let cells = [
        cell(1, 0, 42, vec![movie("a", 5, 10), movie("b", 20, 20)]),
        cell(1, 0, 43, vec![movie("a", 1, 10), movie("b", 10, 20)]),
    ];
    let summary = summarize(&cells, &Resampling::default()).swap_remove(0);
    assert_eq!((summary.n_draws, summary.n_networks, summary.n_movies), (1, 2, 2));
    let value = |estimate: Option<Estimate>| estimate.unwrap().value;
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    // Means over movies: 0.75 and 0.3. Pooled over movies: 25 and 11 of 30.
    close(value(summary.ap), (0.75 + 0.3) / 2.0);
    close(value(summary.recall), (25.0 + 11.0) / 60.0);
    close(value(summary.precision), 1.0);
    close(value(summary.f1), (50.0 / 55.0 + 22.0 / 41.0) / 2.0);
    close(value(summary.missed_dim), (5.0 + 19.0) / 2.0);
    close(value(summary.missed_dim_part), 1.0 - (25.0 + 11.0) / 60.0);
    close(value(summary.by_dff[1].recall), (25.0 + 11.0) / 60.0);
    assert_eq!(summary.by_dff[0].recall, None);
    // Of four curves, all reach recall 0.1, three 0.5, one 0.75.
    let precision = |recall: usize| summary.curve[recall - 1].precision.value;
    close(precision(10), 1.0);
    close(precision(50), 0.75);
    close(precision(75), 0.25);
    let area = summary.curve.iter().map(|p| p.precision.value).sum::<f64>() / RECALLS as f64;
    close(area, value(summary.ap));
    close(summary.dice.as_ref().unwrap().mean.value, (0.5 + 1.0 + 0.1 + 0.5) / 4.0);
    close(summary.dice.as_ref().unwrap().median.value, 0.5);
}

#[test]
fn intervals_cover_the_mean_and_narrow_with_repetition() {
    let summary = summarize(&grid(0, 10), &Resampling::default()).swap_remove(0);
    let width = |s: &Summary| {
        let ap = s.ap.unwrap();
        let interval = ap.interval.unwrap();
        assert!(interval.low < ap.value && ap.value < interval.high, "{ap}");
        interval.high - interval.low
    };
    let few = width(&summary);
    // The same spread among four times as many movies.
    let mut cells = grid(0, 10);
    for cell in &mut cells {
        let again =
            |k: usize| cell.movies.iter().map(move |m| MovieScores { movie: format!("{} {k}", m.movie), ..m.clone() });
        cell.movies = (0..4).flat_map(again).collect();
    }
    let many = width(&summarize(&cells, &Resampling::default())[0]);
    assert!(many < 0.75 * few, "{many} {few}");
}

#[test]
fn an_interval_holds_the_truth_as_often_as_it_says() {
    // Networks without differences on 12 movies, each with one of two average precisions: mean 0.5.
    let mut n_covered = 0;
    let mut state = 1u64;
    for _ in 0..200 {
        let movies = (0..12).map(|m| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            movie(&format!("{m:02}"), if state >> 63 == 0 { 6 } else { 14 }, 20)
        });
        let cell = cell(0, 0, 42, movies.collect());
        let ap = summarize(&[cell], &Resampling { n_resamples: 400, ..Resampling::default() })[0].ap.unwrap();
        n_covered += usize::from(ap.interval.is_none_or(|i| i.low <= 0.5 && 0.5 <= i.high));
    }
    // 95 % nominal; the percentile interval of 12 values is somewhat narrow.
    assert!((178..=200).contains(&n_covered), "{n_covered} of 200");
}

#[test]
fn one_network_on_one_movie_has_no_interval() {
    let summary = summarize(&[cell(0, 0, 1, vec![movie("a", 5, 10)])], &Resampling::default()).swap_remove(0);
    assert_eq!(summary.ap, Some(Estimate { value: 0.5, interval: None }));
    assert_eq!(summary.dice.unwrap().peak.interval, None);
}

#[test]
fn order_and_threads_change_nothing() {
    let mut cells = [grid(4, 12), grid(0, 10)].concat();
    let forwards = summarize(&cells, &Resampling::default());
    cells.reverse();
    cells.iter_mut().for_each(|cell| cell.movies.reverse());
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(single.install(|| summarize(&cells, &Resampling::default())), forwards);
    assert_eq!(forwards.iter().map(|s| s.condition.ratio).collect::<Vec<_>>(), [0, 4]);
}

#[test]
fn a_repeated_cell_counts_once() {
    let cells = [cell(0, 0, 1, vec![movie("a", 5, 10)]), cell(0, 0, 1, vec![movie("a", 7, 10)])];
    let summary = summarize(&cells, &Resampling::default()).swap_remove(0);
    assert_eq!((summary.n_networks, summary.ap.unwrap().value), (1, 0.7));
}

#[test]
fn the_best_ratio_is_told_from_none_where_the_intervals_part() {
    let summaries = summarize(&[grid(0, 5), grid(1, 8), grid(64, 14)].concat(), &Resampling::default());
    let far = best_against_none(&summaries).swap_remove(0);
    assert_eq!((far.best_ratio, far.intervals_overlap), (64, Some(false)));
    assert!(far.sentence().contains("1:64") && far.sentence().contains("the intervals do not overlap"));
    let summaries = summarize(&[grid(0, 5), grid(1, 6)].concat(), &Resampling::default());
    let near = best_against_none(&summaries).swap_remove(0);
    assert_eq!((near.best_ratio, near.intervals_overlap), (1, Some(true)));
    assert!(near.sentence().contains("the intervals overlap"), "{}", near.sentence());
    // The two differ by one event in 20 on every movie, draw and seed: the pairs know it although the intervals overlap.
    let difference = near.difference.interval.unwrap();
    assert!((difference.low - 0.05).abs() < 1e-9 && (difference.high - 0.05).abs() < 1e-9, "{difference:?}");
    assert!(best_against_none(&summaries[1..]).is_empty(), "nothing to compare with");
}

#[test]
fn a_density_integrates_to_one_and_peaks_where_values_are() {
    let values: Vec<f64> = (0..101).map(|i| 0.4 + 0.002 * f64::from(i)).collect();
    let density = density::density(&values, 101.0).unwrap();
    let area: f64 = density.iter().sum::<f64>() / DICE_STEPS as f64;
    assert!((area - 1.0).abs() < 1e-3, "{area}");
    assert!((density::peak(&density).unwrap() - 0.5).abs() < 0.006);
    assert_eq!(density::density(&[], 0.0), None);
    let same = density::density(&[0.25; 9], 9.0).unwrap();
    assert_eq!(density::peak(&same), Some(0.25));
}

#[test]
fn densities_agree_with_scipy() {
    // scipy.stats.gaussian_kde([0.2, 0.5, 0.6, 0.8])([0, 0.5, 1]), scipy 1.17.1
    let density = density::density(&[0.2, 0.5, 0.6, 0.8], 4.0).unwrap();
    for (position, expected) in [(0, 0.321295), (100, 1.284925), (200, 0.374481)] {
        assert!((density[position] - expected).abs() < 1e-3, "{position}: {} {expected}", density[position]);
    }
}

#[test]
fn published_counts_give_the_published_ratios() {
    // Ratios of the sums of the bar charts: precision, recall, F1.
    let known =
        [(0, 0.465, 0.730, 0.568), (1, 0.816, 0.615, 0.701), (2, 0.790, 0.603, 0.684), (4, 0.822, 0.610, 0.700)];
    for (ratio, precision, recall, f1) in known {
        let all: Outcomes = published::outcomes(Model::UNet, ratio).unwrap().into_iter().sum();
        let found = [all.precision().unwrap(), all.recall().unwrap(), published::f1(Model::UNet, ratio).unwrap()];
        for (found, expected) in found.into_iter().zip([precision, recall, f1]) {
            assert!((found - expected).abs() < 6e-4, "1:{ratio}: {found} {expected}");
        }
    }
    assert_eq!(published::outcomes(Model::StarDist, 0), None);
    assert!((published::missed_dim_part(Model::UNet, 1).unwrap() - 198.0 / 381.0).abs() < 1e-12);
}

#[test]
fn the_table_has_every_measure_of_every_condition() {
    let table = summary_table(&summarize(&[grid(0, 5), grid(64, 14)].concat(), &Resampling::default()));
    assert_eq!(table.n_rows(), 2 * (7 + 3 * N_DFF_BINS + 4));
    let text = |column: &str, row: usize| table.column(column).unwrap()[row].to_string();
    let row = (0..table.n_rows()).find(|&r| text("ratio", r) == "64" && text("measure", r) == "ap_paper").unwrap();
    assert_eq!(text("published", row), "0.59");
    assert!((0..table.n_rows()).any(|r| text("measure", r) == "recall_dff_0.5" && !text("ci_low", r).is_empty()));
}
