//! The speed of a wave: the distribution of its local speeds.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::slowness::Fronts;

/// Local speeds of a wave, in units of length per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed {
    /// Median over the pixels where a front can be made out.
    pub(super) median: f64,
    /// 95 % interval of the median.
    pub(super) interval: Option<(f64, f64)>,
    /// First and third quartile.
    pub(super) quartiles: (f64, f64),
    /// Number of these pixels.
    pub(super) n: usize,
}

const N_RESAMPLES: u64 = 1000;
const SEED: u64 = 0;
/// Blocks that an interval needs.
const MIN_BLOCKS: usize = 4;

/// Summarises the local speeds; `None` if there are none.
///
/// The interval is a percentile interval of 1000 block bootstraps (seed 0): what is drawn with replacement are square
/// blocks as wide as the window of the plane fits, since neighbouring pixels share most of their window and pixels
/// drawn one by one would give intervals that are far too narrow. It tells how far the median depends on which tissue
/// the wave happened to cross; it is empty for fewer than four blocks.
pub(super) fn measure(fronts: &Fronts) -> Option<Speed> {
    let blocks_per_row = fronts.at.ncols() / block_edge(fronts, 1) + 1;
    let mut speeds: Vec<(f64, usize)> = fronts
        .with_speed()
        .map(|((y, x), speed)| (speed, y / block_edge(fronts, 0) * blocks_per_row + x / block_edge(fronts, 1)))
        .collect();
    speeds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ascending: Vec<f64> = speeds.iter().map(|s| s.0).collect();
    Some(Speed {
        median: quantile(&ascending, 0.5)?,
        interval: interval(&speeds),
        quartiles: (quantile(&ascending, 0.25)?, quantile(&ascending, 0.75)?),
        n: ascending.len(),
    })
}

fn block_edge(fronts: &Fronts, axis: usize) -> usize {
    2 * fronts.half_window_px[axis] + 1
}

/// The interval of the median of rising speeds, each with its block.
fn interval(speeds: &[(f64, usize)]) -> Option<(f64, f64)> {
    let mut names: Vec<usize> = speeds.iter().map(|s| s.1).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < MIN_BLOCKS {
        return None;
    }
    let ranked: Vec<(f64, usize)> =
        speeds.iter().map(|&(speed, name)| (speed, names.partition_point(|n| *n < name))).collect();
    let mut sizes = vec![0; names.len()];
    ranked.iter().for_each(|&(_, block)| sizes[block] += 1);
    let mut medians: Vec<f64> = (0..N_RESAMPLES)
        .filter_map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(SEED);
            rng.set_stream(stream);
            let mut drawn = vec![0usize; names.len()];
            (0..names.len()).for_each(|_| drawn[rng.random_range(0..names.len())] += 1);
            let total: usize = sizes.iter().zip(&drawn).map(|(size, times)| size * times).sum();
            let mut passed = 0;
            let middle = ranked.iter().find(|&&(_, block)| {
                passed += drawn[block];
                2 * passed >= total
            });
            middle.map(|m| m.0)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Some((quantile(&medians, 0.025)?, quantile(&medians, 0.975)?))
}

/// A quantile of rising values, linear between them; `None` for none.
pub(super) fn quantile(ascending: &[f64], q: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(ascending[below] + (ascending[above] - ascending[below]) * (position - below as f64))
}
