//! How far the output of a network looks: a voxel depends on the input within its reach and on nothing else.

use crate::models::stardist3d::StarDist3dConfig;
use crate::models::unet2d::UNet2dConfig;
use crate::models::unet3d::UNet3dConfig;

/// Voxels `[t, y, x]` of input on each side that an output voxel of a U-Net depends on, whatever its place relative to the
/// pooling.
#[must_use]
pub fn reach(config: &UNet3dConfig) -> [usize; 3] {
    /// Two convolutions of kernel 3.
    const STAGE: i64 = 2;
    std::array::from_fn(|axis| {
        let strides: Vec<i64> = config.pools.iter().map(|p| p[axis] as i64).collect();
        let rising = Rising::Transposed;
        furthest(strides.iter().product(), |at| seen(&strides, STAGE, rising, (at, at)))
    })
}

/// The same of the cell of an output voxel of StarDist.
#[must_use]
pub fn of_stars(config: &StarDist3dConfig) -> [usize; 3] {
    let (stage, multiple) = (config.convolutions as i64, config.multiple());
    let strides = vec![2; config.depth];
    std::array::from_fn(|axis| {
        furthest(multiple[axis] as i64, |at| {
            let cell = at.div_euclid(config.grid[axis] as i64);
            let features = i64::from(config.features > 0);
            let range = seen(&strides, stage, Rising::Nearest, (cell - features, cell + features));
            let pools = config.grid_pools();
            pools.iter().rev().fold(range, |(low, high), pool| {
                let stride = pool[axis] as i64;
                (low * stride - stage, high * stride + stride - 1 + stage)
            })
        })
    })
}

/// The same of a U-Net for frames.
#[must_use]
pub fn of_frames(config: &UNet2dConfig) -> [usize; 3] {
    const STAGE: i64 = 2;
    let strides = vec![2; config.depth];
    let in_plane = furthest(1 << config.depth, |at| seen(&strides, STAGE, Rising::Nearest, (at, at)));
    [0, in_plane, in_plane]
}

/// The longest way that is seen from any place of a period.
fn furthest(period: i64, seen: impl Fn(i64) -> (i64, i64)) -> usize {
    let longest = (0..period).map(|at| {
        let (low, high) = seen(at);
        (at - low).max(high - at)
    });
    longest.max().unwrap_or(0) as usize
}

/// How a level comes back to the resolution above.
#[derive(Clone, Copy)]
enum Rising {
    /// By a transposed convolution of kernel 3 and padding 1: output o comes from inputs (o - 1) / stride to
    /// (o + 1) / stride.
    Transposed,
    /// By repetition, or a transposed convolution as long as its stride.
    Nearest,
}

/// The input that the outputs `low..=high` of the levels with these strides depend on, with `stage` convolutions of kernel 3
/// on each way.
fn seen(strides: &[i64], stage: i64, rising: Rising, (low, high): (i64, i64)) -> (i64, i64) {
    let (low, high) = (low - stage, high + stage);
    let Some((&stride, below)) = strides.split_first() else { return (low, high) };
    let from_below = match rising {
        Rising::Transposed => {
            let up = (low - 1).div_euclid(stride) + i64::from((low - 1).rem_euclid(stride) != 0);
            (up, (high + 1).div_euclid(stride))
        }
        Rising::Nearest => (low.div_euclid(stride), high.div_euclid(stride)),
    };
    let (pooled_low, pooled_high) = seen(below, stage, rising, from_below);
    // A pooled voxel sees its window; the skip is seen directly.
    let (from_low, from_high) = (pooled_low * stride, pooled_high * stride + stride - 1);
    (low.min(from_low) - stage, high.max(from_high) + stage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Architecture;
    use crate::network::{Network, open, untrained};
    use ndarray::Array3;

    /// With weights of 1 and nothing to subtract, light spreads as far as it can.
    fn all_pass(architecture: &Architecture) -> Box<dyn Network> {
        let mut weights = untrained(architecture, 4).expect("valid");
        for (name, array) in &mut weights.parameters {
            let is_zero = name.ends_with("bias") || name.ends_with("running_mean");
            array.values.fill(if is_zero { 0.0 } else { 1.0 });
        }
        open(architecture, &weights, &crate::cpu()).expect("they fit")
    }

    #[test]
    fn the_reach_is_how_far_light_spreads() {
        let unet = UNet3dConfig { width: 1, pools: vec![[1, 2, 2], [2, 1, 2]], ..UNet3dConfig::sparks() };
        spreads(&Architecture::Unet3d(unet.clone()), reach(&unet));
        let frames = UNet2dConfig { width: 1, depth: 2, ..UNet2dConfig::frames() };
        spreads(&Architecture::Unet2d(frames.clone()), of_frames(&frames));
        let shallow = StarDist3dConfig { width: 1, features: 1, n_rays: 12, ..StarDist3dConfig::sparks() };
        spreads(&Architecture::Stardist3d(shallow.clone()), of_stars(&shallow));
        let deep = StarDist3dConfig { depth: 2, convolutions: 1, features: 0, grid: [1, 2, 4], ..shallow };
        spreads(&Architecture::Stardist3d(deep.clone()), of_stars(&deep));
    }

    fn spreads(architecture: &Architecture, reach: [usize; 3]) {
        let mut network = all_pass(architecture);
        for axis in 0..3 {
            let mut extent = [8usize, 16, 16];
            extent[axis] = 128;
            let mut furthest = 0;
            for centre in 56..72 {
                let mut input = Array3::zeros(extent);
                let mut at = [0; 3];
                at[axis] = centre;
                input[at] = 1.0;
                let lit = network.whole(input.view()).expect("computed");
                let places = lit.indexed_iter().filter(|(_, p)| **p > 0.5).map(|((t, y, x), _)| [t, y, x]);
                furthest = furthest.max(places.map(|place| place[axis].abs_diff(centre)).max().unwrap_or(0));
            }
            assert_eq!(furthest, reach[axis], "{architecture:?}, axis {axis}");
        }
    }
}
