use super::super::basins::{Prominence, basins};
use super::super::sparse::tests::active;
use super::*;
use proptest::prelude::*;
use sparkwave_core::axes::Voxel;
use std::collections::BTreeSet;

const SHAPE: [usize; 3] = [5, 6, 7];

/// A volume of [`SHAPE`] where some voxels are missing, and its strengths.
fn volume(values: &[Option<u8>]) -> (SparseVolume, Vec<f32>) {
    let [_, height, width] = SHAPE.map(|n| n as u32);
    let voxel = |(i, value): (u32, &Option<u8>)| {
        value.map(|v| active(i / (height * width), i / width % height, i % width, f32::from(v) / 8.0))
    };
    let volume = SparseVolume::new((0..).zip(values).filter_map(voxel).collect(), SHAPE[1]);
    let strength = volume.voxels().iter().map(|a| a.strength).collect();
    (volume, strength)
}

/// Strengths of eighths, so that many are equal and sums are exact.
fn values() -> impl Strategy<Value = Vec<Option<u8>>> {
    let n = SHAPE.iter().product::<usize>();
    (0.05f64..0.6)
        .prop_flat_map(move |density| proptest::collection::vec(proptest::option::weighted(density, 0u8..=8), n))
}

/// The connected sets of the voxels stronger than a threshold, by search over all pairs.
fn connected_sets(volume: &SparseVolume, strength: &[f32], threshold: f32) -> Vec<Vec<usize>> {
    let voxels = volume.voxels();
    let mut left: BTreeSet<usize> = (0..voxels.len()).filter(|&i| strength[i] > threshold).collect();
    let touch = |a: Voxel, b: Voxel| a.t.abs_diff(b.t).max(a.y.abs_diff(b.y)).max(a.x.abs_diff(b.x)) <= 1;
    let mut sets = Vec::new();
    while let Some(start) = left.pop_first() {
        let mut set = vec![start];
        let mut next = 0;
        while next < set.len() {
            let near: Vec<usize> =
                left.iter().copied().filter(|&j| touch(voxels[j].voxel, voxels[set[next]].voxel)).collect();
            near.iter().for_each(|j| assert!(left.remove(j)));
            set.extend(near);
            next += 1;
        }
        set.sort_unstable();
        sets.push(set);
    }
    sets
}

/// What a component of these voxels should be.
fn described(volume: &SparseVolume, strength: &[f32], set: &[usize]) -> Component {
    let at = |i: usize| volume.voxels()[i].voxel;
    let mean = |weight: &dyn Fn(usize) -> f64| {
        let total: f64 = set.iter().map(|&i| weight(i)).sum();
        let along = |axis: fn(Voxel) -> u32| set.iter().map(|&i| weight(i) * f64::from(axis(at(i)))).sum::<f64>();
        Centroid { t_frame: along(|v| v.t) / total, y_px: along(|v| v.y) / total, x_px: along(|v| v.x) / total }
    };
    let corner = |of: fn(u32, u32) -> u32| {
        let corner = |a: Voxel, b: Voxel| Voxel { t: of(a.t, b.t), y: of(a.y, b.y), x: of(a.x, b.x) };
        set.iter().map(|&i| at(i)).reduce(corner).unwrap()
    };
    let peak = *set.iter().reduce(|best, i| if strength[*i] > strength[*best] { i } else { best }).unwrap();
    let strength_sum: f64 = set.iter().map(|&i| f64::from(strength[i])).sum();
    Component {
        node: 0,
        n_voxels: set.len(),
        first: corner(u32::min),
        last: corner(u32::max),
        centroid: mean(&|_| 1.0),
        weighted_centroid: if strength_sum > 0.0 { mean(&|i| f64::from(strength[i])) } else { mean(&|_| 1.0) },
        peak: at(peak),
        peak_strength: strength[peak],
        strength_sum,
        merges_at: None,
    }
}

/// Components without what the search does not know.
fn plain(components: &[Component]) -> Vec<Component> {
    components.iter().map(|&c| Component { node: 0, merges_at: None, ..c }).collect()
}

/// All levels of [`values`], between them, below and above, in no order.
const THRESHOLDS: [f32; 12] = [0.5, 0.25, -1.0, 0.0, 0.125, 0.3, 0.375, 0.625, 1.0, 0.75, 0.875, 0.25];

proptest! {
    #[test]
    fn the_sweep_equals_a_labelling_at_every_threshold(values in values()) {
        let (volume, strength) = volume(&values);
        let tree = ComponentTree::new(&volume, &strength);
        for filter in [BoxFilter::ALL, BoxFilter::PUBLISHED, BoxFilter::PUBLISHED_SCORES] {
            let found = tree.sweep(&THRESHOLDS, filter);
            prop_assert_eq!(found.len(), THRESHOLDS.len());
            for (found, threshold) in found.iter().zip(THRESHOLDS) {
                let sets = connected_sets(&volume, &strength, threshold);
                let mut expected: Vec<Component> = sets.iter().map(|s| described(&volume, &strength, s)).collect();
                expected.retain(|c| {
                    c.last.t + 1 >= c.first.t + filter.min_frames as u32
                        && c.last.y + 1 >= c.first.y + filter.min_side_px as u32
                        && c.last.x + 1 >= c.first.x + filter.min_side_px as u32
                });
                expected.sort_by_key(|c| c.peak);
                prop_assert_eq!(plain(found), expected);
            }
        }
    }

    #[test]
    fn labels_are_those_of_the_components_and_nested(values in values()) {
        let (volume, strength) = volume(&values);
        let tree = ComponentTree::new(&volume, &strength);
        let mut ascending = THRESHOLDS;
        ascending.sort_by(f32::total_cmp);
        let sweep = tree.sweep(&ascending, BoxFilter::ALL);
        let labels: Vec<Vec<u32>> = sweep.iter().map(|components| tree.labels(components)).collect();
        for ((labels, components), threshold) in labels.iter().zip(&sweep).zip(ascending) {
            let mut found: Vec<Vec<usize>> = vec![Vec::new(); components.len() + 1];
            labels.iter().enumerate().for_each(|(i, &label)| found[label as usize].push(i));
            let mut found = found.split_off(1);
            found.sort();
            prop_assert_eq!(found, connected_sets(&volume, &strength, threshold));
        }
        for (lower, higher) in labels.iter().zip(&labels[1..]) {
            let within: BTreeSet<(u32, u32)> =
                higher.iter().copied().zip(lower.iter().copied()).filter(|(inner, _)| *inner > 0).collect();
            let inner: BTreeSet<u32> = within.iter().map(|pair| pair.0).collect();
            prop_assert_eq!(inner.len(), within.len(), "a component lies in one of those below");
            prop_assert!(within.iter().all(|pair| pair.1 > 0));
        }
    }

    #[test]
    fn hysteresis_keeps_the_connected_sets_with_a_strong_voxel(values in values(), low in 0u8..9, high in 0u8..9) {
        let (volume, strength) = volume(&values);
        let (low, high) = (f32::from(low) / 8.0, f32::from(high) / 8.0);
        let mut expected: Vec<Component> = connected_sets(&volume, &strength, low.min(high))
            .iter()
            .map(|set| described(&volume, &strength, set))
            .filter(|c| c.peak_strength > high)
            .collect();
        expected.sort_by_key(|c| c.peak);
        prop_assert_eq!(plain(&ComponentTree::new(&volume, &strength).hysteresis(low, high)), expected);
    }

    #[test]
    fn peaks_that_persist_are_those_of_the_watershed(values in values(), absolute in 0u8..6, relative in 0u8..4) {
        let (volume, strength) = volume(&values);
        let (absolute, relative) = (f32::from(absolute) / 8.0, f32::from(relative) / 4.0);
        let mut expected = basins(&volume, &strength, Prominence { absolute, relative });
        expected.sort_unstable();
        expected.dedup();
        let expected: Vec<Voxel> = expected.iter().map(|&i| volume.voxels()[i as usize].voxel).collect();
        let tree = ComponentTree::new(&volume, &strength);
        let components: Vec<Component> = (0..tree.nodes.len()).map(|n| tree.component(n)).collect();
        let stands_out = |c: &&Component| {
            c.merges_at.is_none() || c.persistence(f32::NAN) > absolute.max(relative * c.peak_strength)
        };
        let found: BTreeSet<Voxel> = components.iter().filter(stands_out).map(|c| c.peak).collect();
        prop_assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}

fn line(strength: &[f32]) -> SparseVolume {
    SparseVolume::new((0..).zip(strength).map(|(t, &s)| active(t, 0, 0, s)).collect(), 1)
}

#[test]
fn a_side_peak_stands_out_from_the_valley() {
    let strength = [3.0, 9.0, 5.0, 4.0, 7.0, 3.0];
    let volume = line(&strength);
    let tree = ComponentTree::new(&volume, &strength);
    let sweep = tree.sweep(&[4.0, 2.0, 9.0], BoxFilter::ALL);
    let [main, side] = sweep[0][..] else { panic!("two components above the valley: {:?}", sweep[0]) };
    assert_eq!((main.peak.t, main.n_voxels, main.merges_at), (1, 2, None));
    assert_eq!((main.mean(), main.strength_sum, main.persistence(1.0)), (7.0, 14.0, 8.0));
    assert_eq!((main.centroid.t_frame, main.weighted_centroid.t_frame), (1.5, 19.0 / 14.0));
    assert_eq!((side.peak.t, side.n_voxels, side.merges_at), (4, 1, Some(4.0)));
    assert_eq!(side.persistence(1.0), 3.0);
    assert_eq!(sweep[1].iter().map(|c| (c.n_voxels, c.peak.t, c.merges_at)).collect::<Vec<_>>(), [(6, 1, None)]);
    assert_eq!(sweep[2], [], "nothing is stronger than the strongest");
    assert_eq!(tree.labels(&sweep[0]), [0, 1, 1, 0, 2, 0]);
    assert_eq!(tree.labels(&[sweep[1][0], side]), [1, 1, 1, 1, 2, 1], "the smallest component counts");
}

#[test]
fn voxels_without_a_finite_strength_belong_to_nothing() {
    let strength = [2.0, f32::NAN, 1.0, f32::INFINITY, 1.0, 1.0];
    let volume = line(&strength);
    let tree = ComponentTree::new(&volume, &strength);
    let components = tree.hysteresis(0.5, 0.5);
    assert_eq!(components.iter().map(|c| (c.first.t, c.last.t)).collect::<Vec<_>>(), [(0, 0), (2, 2), (4, 5)]);
    assert_eq!(tree.labels(&components), [1, 0, 2, 0, 3, 3]);
    let empty = line(&[]);
    assert_eq!(ComponentTree::new(&empty, &[]).sweep(&[0.5], BoxFilter::ALL), [[]]);
}

#[test]
fn strengths_that_add_up_to_nothing_weigh_alike() {
    let strength = [-1.0, -3.0, 4.0];
    let volume = line(&strength);
    let [all] = ComponentTree::new(&volume, &strength).hysteresis(-5.0, 0.0)[..] else { panic!("one component") };
    assert_eq!((all.strength_sum, all.weighted_centroid), (0.0, all.centroid));
}
