#![allow(clippy::unwrap_used)]

use ndarray::{Array2, array};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// `n` points around each of the centres, within 0.5 along every axis.
fn clouds(centres: &[[f64; 2]], n: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_fn((centres.len() * n, 2), |(i, j)| centres[i / n][j] + rng.random::<f64>() - 0.5)
}

const CORNERS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 10.0], [10.0, 0.0], [10.0, 10.0]];

#[test]
fn groups_by_hand_are_numbered_by_size() {
    let points = array![[0.0], [1.0], [10.0], [11.0], [12.0], [40.0]];
    let found = k_means(points.view(), 3, &KMeansParams::default()).unwrap();
    assert_eq!(found.labels, [1, 1, 0, 0, 0, 2]);
    assert_eq!(found.centres, [[11.0], [0.5], [40.0]]);
    assert_eq!(found.sizes, [3, 2, 1]);
    assert_eq!((found.inertia, found.is_settled), (2.5, true));
    assert_eq!(assign(array![[5.0], [30.0], [5.75]].view(), &found.centres).unwrap(), [1, 2, 0]);
}

#[test]
fn as_many_groups_as_distinct_points_and_no_more() {
    let points = array![[0.0, 1.0], [2.0, 3.0], [0.0, 1.0], [-0.0, 1.0]];
    let found = k_means(points.view(), 2, &KMeansParams::default()).unwrap();
    assert_eq!((found.labels.as_slice(), found.inertia), ([0, 1, 0, 0].as_slice(), 0.0));
    let refused = k_means(points.view(), 3, &KMeansParams::default()).unwrap_err();
    assert_eq!(refused.to_string(), "subtypes: expected 1 to 2 groups of 4 points, 2 of them distinct, found 3");
    assert!(matches!(k_means(points.view(), 0, &KMeansParams::default()), Err(Error::GroupCount { .. })));
    assert!(matches!(k_means(Array2::zeros((0, 2)).view(), 1, &KMeansParams::default()), Err(Error::Nothing { .. })));
    let bad = array![[0.0, f64::NAN]];
    assert!(matches!(k_means(bad.view(), 1, &KMeansParams::default()), Err(Error::NotFinite { feature: 1, .. })));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let points = clouds(&[[0.0, 0.0], [0.6, 0.3], [0.2, 0.9]], 300, 5);
    let all = || {
        let found = k_means(points.view(), 5, &KMeansParams::default()).unwrap();
        let width = silhouette(points.view(), &found.labels, &SilhouetteParams::default()).unwrap().unwrap();
        let params = StabilityParams { n_resamples: 5, ..StabilityParams::default() };
        let stable = stability(points.view(), &found, &params).unwrap();
        let gap = gap_statistic(points.view(), &[1, 2, 3], &GapParams { n_references: 3, ..GapParams::default() });
        (found, width, stable, gap.unwrap())
    };
    let in_pool = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(all);
    assert_eq!(in_pool(1), in_pool(3));
}

#[test]
fn a_silhouette_by_hand_and_from_a_sample() {
    let points = array![[0.0], [1.0], [4.0], [9.0]];
    let found = silhouette(points.view(), &[0, 0, 1, 2], &SilhouetteParams::default()).unwrap().unwrap();
    // Point 0: a = 1, b = 4; point 1: a = 1, b = 3; the others are alone.
    assert_eq!(found.of_group, [Some((0.75 + 2.0 / 3.0) / 2.0), Some(0.0), Some(0.0)]);
    assert_eq!((found.n_points, found.is_sampled), (4, false));
    assert_eq!(silhouette(points.view(), &[0; 4], &SilhouetteParams::default()).unwrap(), None);

    let points = clouds(&CORNERS, 500, 1);
    let labels: Vec<usize> = (0..2000).map(|i| i / 500).collect();
    let exact = silhouette(points.view(), &labels, &SilhouetteParams::default()).unwrap().unwrap();
    let params = SilhouetteParams { max_exact: 1000, n_sampled: 200, seed: 3 };
    let sampled = silhouette(points.view(), &labels, &params).unwrap().unwrap();
    assert_eq!((sampled.n_points, sampled.is_sampled), (200, true));
    assert!((sampled.mean - exact.mean).abs() < 0.01, "{} {}", sampled.mean, exact.mean);
}

#[test]
fn silhouettes_of_several_divisions_are_those_of_each() {
    let points = clouds(&[[0.0, 0.0], [0.6, 0.3], [0.2, 0.9]], 500, 6);
    let divisions: Vec<Vec<usize>> = (2..6).map(|k| (0..1500).map(|i| i * 7919 % 31 % k).collect()).collect();
    let mut labels: Vec<&[usize]> = divisions.iter().map(Vec::as_slice).collect();
    let one = vec![0; 1500];
    labels.push(&one);
    let params = SilhouetteParams { max_exact: 1000, n_sampled: 300, seed: 3 };
    let together = silhouettes(points.view(), &labels, &params).unwrap();
    assert_eq!((together.len(), &together[4]), (5, &None));
    for (labels, found) in labels.iter().zip(&together).take(4) {
        let (alone, found) = (silhouette(points.view(), labels, &params).unwrap().unwrap(), found.as_ref().unwrap());
        assert!((alone.mean - found.mean).abs() < 1e-13 && alone.n_points == found.n_points);
        let both = alone.of_group.iter().zip(&found.of_group);
        assert!(both.into_iter().all(|(a, b)| (a.unwrap() - b.unwrap()).abs() < 1e-13));
    }
    assert!(matches!(silhouettes(points.view(), &[&[0, 0]], &params), Err(Error::Length { .. })));
}

#[test]
fn all_four_answers_find_four_corners() {
    let points = clouds(&CORNERS, 40, 2);
    let ks: Vec<usize> = (1..=7).collect();
    let found = k_means_range(points.view(), &ks, &KMeansParams::default()).unwrap();
    let curve: Vec<(usize, f64)> = ks.iter().copied().zip(found.iter().map(|c| c.inertia)).collect();
    assert_eq!(elbow(&curve).k, Some(4));
    let width =
        |c: &Clustering| silhouette(points.view(), &c.labels, &SilhouetteParams::default()).unwrap().map(|s| s.mean);
    let best = found[1..].iter().max_by(|a, b| width(a).partial_cmp(&width(b)).unwrap()).unwrap();
    assert_eq!(best.k(), 4);
    assert_eq!(gap_statistic(points.view(), &ks, &GapParams::default()).unwrap().k, Some(4));
    let four = stability(points.view(), &found[3], &StabilityParams::default()).unwrap();
    assert_eq!((four.adjusted_rand, four.n_resamples), (Some(1.0), 50));
    assert_eq!(four.jaccard, [Some(1.0); 4]);
    // A sixth group cuts a corner in two, elsewhere in each resample.
    let six = stability(points.view(), &found[5], &StabilityParams::default()).unwrap();
    assert!(six.jaccard.iter().flatten().any(|j| *j < 0.75), "{:?}", six.jaccard);
}

#[test]
fn points_without_groups_have_one_by_the_gap() {
    let points = clouds(&[[0.0, 0.0]], 300, 4);
    let gap = gap_statistic(points.view(), &[1, 2, 3, 4], &GapParams::default()).unwrap();
    assert_eq!((gap.k, gap.n_points), (Some(1), 300));
    let few = GapParams { max_points: 100, ..GapParams::default() };
    assert_eq!(gap_statistic(points.view(), &[1, 2], &few).unwrap().n_points, 100);
}

#[test]
fn an_elbow_by_hand() {
    let found = elbow(&[(1, 100.0), (2, 20.0), (3, 10.0), (4, 0.0)]);
    assert_eq!(found.k, Some(2));
    assert_eq!(found.second_differences, [(2, 70.0), (3, 0.0)]);
    assert_eq!(elbow(&[(1, 3.0), (2, 2.0), (3, 1.0)]).k, None, "a straight line has no elbow");
    assert_eq!(elbow(&[]).k, None);
}

#[test]
fn agreement_of_divisions() {
    let index = |a: &[usize], b: &[usize]| adjusted_rand_index(a, b).unwrap();
    assert_eq!(index(&[0, 0, 1, 1], &[1, 1, 0, 0]), Some(1.0));
    // 6 pairs, 2 together in each, none in both: (0 - 2/3) / (2 - 2/3).
    assert!((index(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
    assert_eq!(index(&[0, 0], &[0, 0]), Some(1.0));
    assert_eq!(index(&[0], &[0]), None);
    assert!(matches!(adjusted_rand_index(&[9], &[0]), Err(Error::Label { .. })));
}

#[test]
fn medians_barcode_and_proportions_by_hand() {
    let values = array![[1.0, 5.0], [3.0, 5.0], [10.0, 5.0], [0.0, 5.0]];
    let found = profile(values.view(), &[0, 0, 1, 2], 4).unwrap();
    assert_eq!(found.medians, [[Some(2.0), Some(5.0)], [Some(10.0), Some(5.0)], [Some(0.0), Some(5.0)], [None, None]]);
    let first: Vec<_> = found.barcode.iter().map(|group| group[0]).collect();
    assert_eq!(first, [Some(0.2), Some(1.0), Some(0.0), None]);
    assert!(found.barcode.iter().all(|group| group[1].is_none()), "all medians are equal");
    assert!(matches!(profile(values.view(), &[0, 0, 1, 4], 4), Err(Error::Label { last: 3, found: 4 })));

    let names = ["before".to_owned(), "after".to_owned()];
    let table = proportions(&[0, 0, 1, 2], 3, &[0, 1, 1, 1], &names).unwrap();
    assert_eq!(table.counts, [[1, 0, 0], [1, 1, 1]]);
    assert_eq!(table.row_proportions[1][2], Some(1.0 / 3.0));
    assert!(matches!(proportions(&[0], 1, &[2], &names), Err(Error::Label { .. })));
}

#[test]
fn examples_are_the_nearest_that_may_be_shown() {
    let points = array![[0.0], [2.0], [3.0], [20.0], [22.0]];
    let found = examples(points.view(), &[0, 0, 0, 1, 1], &[vec![2.5], vec![21.0]], 2, |row| row != 2).unwrap();
    let rows: Vec<Vec<usize>> = found.iter().map(|group| group.iter().map(|e| e.row).collect()).collect();
    assert_eq!(rows, [vec![1, 0], vec![3, 4]]);
    assert_eq!(found[0][0].distance, 0.5);
}

#[test]
fn a_map_turns_points_onto_their_widest_plane() {
    // Along (3, 4) / 5 with a little across.
    let points = array![[3.0, 4.0, 0.0], [-3.0, -4.0, 0.0], [0.4, -0.3, 0.0], [-0.4, 0.3, 0.0]];
    let found = map(points.view()).unwrap();
    let along: Vec<f64> = found.positions.iter().map(|p| p[0]).collect();
    for (found, expected) in along.iter().zip([5.0, -5.0, 0.0, 0.0]) {
        assert!((found - expected).abs() < 1e-12, "{along:?}");
    }
    assert!((found.variance_parts[0] - 50.0 / 50.5).abs() < 1e-12);
    assert!(found.axes[0][1] > 0.0 && found.axes[1].iter().any(|a| *a > 0.7));
    assert_eq!(map(array![[2.0], [2.0]].view()).unwrap().positions, [[0.0, 0.0]; 2]);
}

/// Points along three branches that part at one place, with a little noise in five dimensions, and how far out each is.
fn tree(n: usize) -> (Array2<f64>, Vec<(usize, f64)>) {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let at: Vec<(usize, f64)> = (0..3 * n).map(|i| (i % 3, 10.0 * rng.random::<f64>())).collect();
    let points = Array2::from_shape_fn((3 * n, 5), |(i, j)| {
        let (branch, out) = at[i];
        0.3 * (rng.random::<f64>() - 0.5) + if branch == j { out } else { 0.0 }
    });
    (points, at)
}

#[test]
fn neighbours_stay_neighbours() {
    let (points, at) = tree(150);
    let found = neighbour_map(points.view(), &NeighbourMapParams::default()).unwrap().unwrap();
    assert_eq!((found.rows.len(), found.perplexity), (450, 30));
    let apart =
        |i: usize, j: usize| (0..2).map(|d| (found.positions[i][d] - found.positions[j][d]).powi(2)).sum::<f64>();
    let nearest = |i: usize| {
        let others = (0..450).filter(|j| *j != i);
        others.min_by(|&a, &b| apart(i, a).total_cmp(&apart(i, b))).unwrap()
    };
    let outside: Vec<usize> = (0..450).filter(|i| at[*i].1 > 1.0).collect();
    let kept = outside.iter().filter(|&&i| at[nearest(i)].0 == at[i].0 && (at[nearest(i)].1 - at[i].1).abs() < 1.0);
    assert!(kept.count() * 100 >= 98 * outside.len(), "a neighbour in the map is one on the branch");
    // Two points of a branch that are far apart along it are far apart in the map.
    let tip =
        |branch: usize| (0..450).filter(|i| at[*i].0 == branch).max_by(|a, b| at[*a].1.total_cmp(&at[*b].1)).unwrap();
    let middle = (0..450).min_by(|a, b| at[*a].1.total_cmp(&at[*b].1)).unwrap();
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        assert!(apart(tip(one), tip(other)) > apart(tip(one), middle).min(apart(tip(other), middle)));
    }
}

#[test]
fn a_map_of_neighbours_is_the_same_on_any_number_of_threads() {
    let points = clouds(&CORNERS, 100, 7);
    let params = NeighbourMapParams { max_points: 120, n_rounds: 300, ..NeighbourMapParams::default() };
    let made = || neighbour_map(points.view(), &params).unwrap().unwrap();
    let in_pool = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(made);
    let (one, three) = (in_pool(1), in_pool(3));
    assert_eq!(one, three);
    assert_eq!((one.rows.len(), one.positions.len()), (120, 120));
    assert!(one.rows.windows(2).all(|two| two[0] < two[1]) && one.rows[119] < 400);
    let other = NeighbourMapParams { seed: 1, ..params };
    assert_ne!(neighbour_map(points.view(), &other).unwrap().unwrap().rows, one.rows);
}

#[test]
fn odd_points_have_a_map_or_none() {
    let made = |points: Array2<f64>| neighbour_map(points.view(), &NeighbourMapParams::default());
    assert_eq!(made(Array2::from_shape_fn((9, 2), |(i, j)| (i * 3 + j) as f64)).unwrap(), None, "too few");
    assert_eq!(made(Array2::from_elem((50, 3), 2.5)).unwrap(), None, "all the same");
    let ten = made(Array2::from_shape_fn((10, 1), |(i, _)| i as f64)).unwrap().unwrap();
    assert_eq!((ten.perplexity, ten.positions.len()), (3, 10));
    // Many the same, one far away.
    let found = made(Array2::from_shape_fn((60, 2), |(i, _)| if i == 0 { 300.0 } else { (i % 2) as f64 })).unwrap();
    assert_eq!(found.unwrap().positions.len(), 60);
    let far = Array2::from_shape_fn((20, 1), |(i, _)| if i < 10 { 1e200 } else { -1e200 });
    assert!(matches!(made(far), Err(Error::NeighbourMap { .. } | Error::Components { .. })));
    assert!(matches!(made(array![[f64::NAN]]), Err(Error::NotFinite { .. })));
}

proptest! {
    #[test]
    fn centres_are_means_and_no_point_is_nearer_to_another(
        points in prop::collection::vec((-3i32..4, -3i32..4), 8..40),
        k in 1usize..6,
    ) {
        let points = Array2::from_shape_fn((points.len(), 2), |(i, j)| f64::from([points[i].0, points[i].1][j]) / 2.0);
        let params = KMeansParams { n_restarts: 2, ..KMeansParams::default() };
        let Ok(found) = k_means(points.view(), k, &params) else { return Ok(()) };
        prop_assert!(found.is_settled);
        prop_assert!(found.sizes.windows(2).all(|s| s[0] >= s[1]) && found.sizes.iter().all(|s| *s > 0));
        let squared = |i: usize, centre: &[f64]| (0..2).map(|j| (points[[i, j]] - centre[j]).powi(2)).sum::<f64>();
        for (i, &label) in found.labels.iter().enumerate() {
            let own = squared(i, &found.centres[label]);
            prop_assert!(found.centres.iter().all(|c| own <= squared(i, c) + 1e-12));
        }
        for (group, centre) in found.centres.iter().enumerate() {
            let rows: Vec<usize> = (0..points.nrows()).filter(|&i| found.labels[i] == group).collect();
            for j in 0..2 {
                let mean = rows.iter().map(|&i| points[[i, j]]).sum::<f64>() / rows.len() as f64;
                prop_assert!((centre[j] - mean).abs() < 1e-12);
            }
        }
    }
}
