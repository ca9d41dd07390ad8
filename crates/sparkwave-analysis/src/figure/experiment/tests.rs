//! What the figures of the experiment show.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::evaluate::detection::{PrPoint, Resampling};
use crate::experiment::{Cell, MovieScores, N_DFF_BINS, Outcomes, summarize};

/// A network with precision 1 up to a recall of `found` in 10, on a movie.
fn cell(model: Model, ratio: u32, seed: u64, found: usize) -> Cell {
    let of_movie = |m: usize| {
        let found = found + m;
        let recall = found as f64 / 10.0;
        let outcomes = Outcomes { found, missed: 10 - found, spurious: 1 };
        let mut by_dff = [Outcomes::default(); N_DFF_BINS];
        by_dff[0] = outcomes;
        MovieScores {
            movie: m.to_string(),
            curve: vec![PrPoint { threshold: 0.5, precision: 1.0, recall, tp: found, fp: 0 }],
            ap: Some(recall),
            outcomes,
            by_dff,
            dice: vec![0.2, 0.5, 0.6, 0.7],
        }
    };
    let movies = vec![of_movie(0), of_movie(1)];
    Cell { condition: Condition { model, subset: 0.25, ratio }, draw: 0, seed, movies }
}

fn summaries() -> Vec<Summary> {
    let cells: Vec<Cell> = [Model::UNet, Model::StarDist]
        .into_iter()
        .flat_map(|model| [(0, 3), (1, 4), (64, 7)].map(|(ratio, found)| (model, ratio, found)))
        .flat_map(|(model, ratio, found)| [42, 43].map(|seed| cell(model, ratio, seed, found)))
        .collect();
    summarize(&cells, &Resampling { n_resamples: 100, ..Resampling::default() })
}

fn column(figure: &Figure, name: &str) -> Vec<String> {
    figure.data.as_ref().unwrap().column(name).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn every_figure_names_what_is_published_and_has_its_numbers() {
    let summaries = summaries();
    let all = figures(&summaries);
    assert_eq!(all, figures(&summaries), "the same bytes");
    for figure in &all {
        assert!(figure.svg.contains("published"), "{}", figure.name);
        assert!(figure.svg.contains("3D U-Net, 25 % of the recordings"), "{}", figure.name);
        assert!(figure.svg.contains("StarDist-3D, 25 % of the recordings"), "{}", figure.name);
        assert!(
            figure.caption.contains("2 networks") && figure.caption.contains("2 test movies"),
            "{}",
            figure.caption
        );
        let data = figure.data.as_ref().unwrap();
        assert!(data.n_rows() > 0);
        assert!(data.columns().iter().any(|c| c.name.ends_with("_ci_low")), "{}", figure.name);
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf\""), "{}", figure.name);
    }
    let mut names: Vec<&str> = all.iter().map(|figure| figure.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}

#[test]
fn scores_stand_beside_the_published_ones() {
    let figure = scores_against_ratio(&summaries());
    assert_eq!(column(&figure, "ratio"), ["0", "1", "64", "0", "1", "64"]);
    assert_eq!(column(&figure, "ap")[..3], ["0.35", "0.45", "0.75"]);
    assert_eq!(column(&figure, "ap_paper_published"), ["", "", "0.59", "", "", ""]);
    assert!(column(&figure, "f1_published")[0].starts_with("0.56"));
    assert_eq!(column(&figure, "missed_dim")[0], "13");
    // One open diamond in the panel of the published AP, two each for F1 and missed events, one in the key.
    assert_eq!(diamonds(&figure), 1 + 2 + 2 + 1);
}

/// Number of open marks: closed shapes of four corners, filled with paper and outlined in the colour of a network.
fn diamonds(figure: &Figure) -> usize {
    let is_open = |line: &&str| {
        line.contains("#ffffff") && line.contains("stroke=\"#0072b2\"") && line.matches(['L', 'H', 'V']).count() == 3
    };
    figure.svg.lines().filter(is_open).count()
}

#[test]
fn the_mean_curve_ends_where_no_network_gets_further() {
    let figure = mean_precision_recall(&summaries());
    let precision: Vec<f64> = column(&figure, "precision").iter().map(|p| p.parse().unwrap()).collect();
    // 1:0 finds 3 and 4 of 10: one of two movies is there beyond recall 0.3, none beyond 0.4.
    assert_eq!([29, 30, 39, 40].map(|i: usize| precision[i]), [1.0, 0.5, 0.5, 0.0]);
    assert_eq!(mean_curves::reached(&summaries()[0].curve).len(), 40);
    // StarDist 1:0 at recall 0.1, row 3 x 100 + 9.
    assert_eq!(column(&figure, "published_precision")[309], "0.716");
}

#[test]
fn a_matrix_has_percent_with_intervals_and_dashes_for_nothing() {
    let figure = amplitude_matrix(&summaries(), Metric::Recall);
    // 7 of 20 events below 0.5 at 1:0; no events elsewhere.
    assert!(figure.svg.contains(">35<") && figure.svg.contains(">30–40<"), "{}", figure.svg);
    assert_eq!(figure.svg.matches(">–<").count(), 6 * 6);
    // Published at 1:1: 59 of 231.
    assert!(figure.svg.contains("one network each") && figure.svg.contains(">26<"));
    assert_eq!(column(&figure, "recall")[..2], ["0.35", ""]);
    assert!(column(&amplitude_matrix(&summaries(), Metric::Accuracy), "accuracy")[0].starts_with("0.31"));
}

#[test]
fn ridges_stand_against_the_experts() {
    let figure = dice_ridgelines(&summaries());
    assert!(figure.svg.contains("two experts (published)") && figure.svg.contains("one expert, twice (published)"));
    assert!(figure.caption.contains("0.74") && figure.caption.contains("0.82 and 0.81"), "{}", figure.caption);
    assert_eq!(column(&figure, "dice_mean")[0], "0.5");
    assert_eq!(column(&figure, "dice_peak_published"), ["0.766", "0.737", "0.737", "0.645", "0.609", "0.681"]);
}

#[test]
fn without_results_figures_say_so() {
    let mut bare = cell(Model::UNet, 0, 1, 3);
    for movie in &mut bare.movies {
        movie.dice.clear();
        movie.curve.clear();
        movie.ap = None;
        movie.outcomes = Outcomes::default();
        movie.by_dff = [Outcomes::default(); N_DFF_BINS];
    }
    for summaries in [Vec::new(), summarize(&[bare], &Resampling::default())] {
        for figure in figures(&summaries) {
            let says_so = figure.svg.contains("No results to show") || figure.svg.contains("Not known");
            assert!(says_so && !figure.svg.contains("NaN"), "{}", figure.name);
        }
    }
}
