//! Times the components of a simulated probability movie above a hundred thresholds: from the component tree, and by
//! labelling what is above each threshold anew. Both have to find the same.
//!
//! ```sh
//! cargo run --release -p sparkwave-imgproc --example tree_speed
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::Voxel;
use sparkwave_imgproc::link::SparseVolume;
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::link::tree::{BoxFilter, ComponentTree};
use std::collections::BTreeMap;
use std::time::Instant;

const SHAPE: [u32; 3] = [600, 512, 512];
const FLOOR: f32 = 0.01;
/// How sure the network is: the number of events, and between what their heights lie. A probability saturates at 1.
const CASES: [(&str, usize, std::ops::Range<f64>); 2] = [("doubtful", 1_300, 0.2..3.0), ("sure", 700, 2.0..40.0)];
const N_SPECKS: usize = 60_000;
const ROUNDS: usize = 5;

/// Voxels above the floor: events whose probability falls off as a Gaussian, with noise, and single doubtful voxels.
fn movie(n_events: usize, heights: &std::ops::Range<f64>) -> Vec<Active> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut found = BTreeMap::<Voxel, f32>::new();
    let mut offer = |voxel: Voxel, p: f32| {
        let highest = found.entry(voxel).or_insert(0.0);
        *highest = highest.max(p);
    };
    for _ in 0..n_events {
        let centre = SHAPE.map(|n| rng.random_range(10.0..f64::from(n) - 10.0));
        let sd = [rng.random_range(0.9..1.5), rng.random_range(1.5..2.5), rng.random_range(1.5..2.5)];
        let height = rng.random_range(heights.clone());
        let around = |axis: usize| (centre[axis] - 10.0).ceil() as u32..(centre[axis] + 10.0) as u32;
        for (t, y, x) in around(0).flat_map(|t| around(1).flat_map(move |y| around(2).map(move |x| (t, y, x)))) {
            let distance = |at: u32, axis: usize| ((f64::from(at) - centre[axis]) / sd[axis]).powi(2);
            let fall = (-0.5 * (distance(t, 0) + distance(y, 1) + distance(x, 2))).exp();
            let p: f64 = height * fall * rng.random_range(0.8..1.2);
            offer(Voxel { t, y, x }, p.min(0.9999) as f32);
        }
    }
    for _ in 0..N_SPECKS {
        let [t, y, x] = SHAPE.map(|n| rng.random_range(0..n));
        offer(Voxel { t, y, x }, rng.random_range(FLOOR..0.1));
    }
    let above = found.into_iter().filter(|(_, p)| *p > FLOOR);
    above.map(|(voxel, p)| Active { voxel, dff: p, strength: p, level: p }).collect()
}

/// A component without the tree: voxels, box, sums of coordinates.
type Labelled = (usize, [Voxel; 2], [u64; 3]);

fn label_anew(volume: &SparseVolume, threshold: f32, filter: BoxFilter) -> Vec<Labelled> {
    let above: Vec<Active> = volume.voxels().iter().copied().filter(|a| a.strength > threshold).collect();
    let above = SparseVolume::new(above, SHAPE[1] as usize);
    let mut place = vec![usize::MAX; above.voxels().len()];
    let mut found: Vec<Labelled> = Vec::new();
    for (a, c) in above.voxels().iter().zip(above.components()) {
        let Voxel { t, y, x } = a.voxel;
        if place[c as usize] == usize::MAX {
            place[c as usize] = found.len();
            found.push((0, [a.voxel; 2], [0; 3]));
        }
        let (n, [first, last], sums) = &mut found[place[c as usize]];
        *n += 1;
        *first = Voxel { t: first.t.min(t), y: first.y.min(y), x: first.x.min(x) };
        *last = Voxel { t: last.t.max(t), y: last.y.max(y), x: last.x.max(x) };
        sums.iter_mut().zip([t, y, x]).for_each(|(sum, at)| *sum += u64::from(at));
    }
    let extent = |first: u32, last: u32| (last - first) as usize + 1;
    found.retain(|(_, [a, b], _)| {
        extent(a.t, b.t) >= filter.min_frames && extent(a.y, b.y).min(extent(a.x, b.x)) >= filter.min_side_px
    });
    found
}

fn main() {
    for (name, n_events, heights) in CASES {
        let volume = SparseVolume::new(movie(n_events, &heights), SHAPE[1] as usize);
        let n = volume.voxels().len();
        let share = n as f64 / SHAPE.map(f64::from).iter().product::<f64>();
        println!("{name}: {n} voxels above {FLOOR}, {:.2} % of {SHAPE:?}", 100.0 * share);
        compare(&volume);
    }
}

fn compare(volume: &SparseVolume) {
    let thresholds: Vec<f32> = (0..100).map(|k| (0.01 + 0.99 * f64::from(k) / 99.0) as f32).collect();
    let filter = BoxFilter::PUBLISHED;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let strength: Vec<f32> = volume.voxels().iter().map(|a| a.strength).collect();
        let tree = ComponentTree::new(volume, &strength);
        let built = start.elapsed().as_secs_f64();
        let swept = tree.sweep(&thresholds, filter);
        let by_tree = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let labelled: Vec<Vec<Labelled>> = thresholds.iter().map(|&t| label_anew(volume, t, filter)).collect();
        let anew = start.elapsed().as_secs_f64();
        let start = Instant::now();
        label_anew(volume, thresholds[0], filter);
        let once = start.elapsed().as_secs_f64();

        for (found, mut expected) in swept.into_iter().zip(labelled) {
            let mut found: Vec<Labelled> = found
                .iter()
                .map(|c| {
                    let sums = [c.centroid.t_frame, c.centroid.y_px, c.centroid.x_px];
                    (c.n_voxels, [c.first, c.last], sums.map(|mean| (mean * c.n_voxels as f64).round() as u64))
                })
                .collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
        let ratio = anew / by_tree;
        println!(
            "tree {built:.3} s, with sweep {by_tree:.3} s; one labelling {once:.3} s, all {anew:.3} s; {ratio:.1} x"
        );
    }
}
