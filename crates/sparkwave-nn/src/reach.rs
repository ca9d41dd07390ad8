//! How far the output of a U-Net looks: a voxel depends on the input within its reach and on nothing else.

use crate::models::unet3d::UNet3dConfig;

/// Voxels `[t, y, x]` of input on each side that an output voxel depends on, whatever its place relative to the pooling.
#[must_use]
pub fn reach(config: &UNet3dConfig) -> [usize; 3] {
    std::array::from_fn(|axis| {
        let strides: Vec<i64> = config.pools.iter().map(|p| p[axis] as i64).collect();
        let period: i64 = strides.iter().product();
        (0..period)
            .map(|at| {
                let (low, high) = seen(&strides, at, at);
                (at - low).max(high - at)
            })
            .max()
            .unwrap_or(0) as usize
    })
}

/// The input that the outputs `low..=high` of the levels with these strides depend on.
fn seen(strides: &[i64], low: i64, high: i64) -> (i64, i64) {
    /// Two convolutions of kernel 3.
    const STAGE: i64 = 2;
    let (low, high) = (low - STAGE, high + STAGE);
    let Some((&stride, below)) = strides.split_first() else { return (low, high) };
    // The transposed convolution of kernel 3 and padding 1 gives output o from inputs (o - 1) / stride to (o + 1) / stride.
    let (below_low, below_high) =
        ((low - 1).div_euclid(stride) + i64::from((low - 1).rem_euclid(stride) != 0), (high + 1).div_euclid(stride));
    let (pooled_low, pooled_high) = seen(below, below_low, below_high);
    // A pooled voxel sees its window; the skip is seen directly.
    let (from_low, from_high) = (pooled_low * stride, pooled_high * stride + stride - 1);
    (low.min(from_low) - STAGE, high.max(from_high) + STAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::models::unet3d::UNet3d;
    use crate::train::Voxelwise;
    use burn::tensor::Device;

    /// With weights of 1 and nothing to subtract, light spreads as far as it can.
    fn all_pass(config: &UNet3dConfig) -> Engine {
        let model = UNet3d::new(config, 4, &Device::flex()).expect("valid");
        let mut weights = model.weights();
        for (name, array) in &mut weights.parameters {
            let is_zero = name.ends_with("bias") || name.ends_with("running_mean");
            array.values.fill(if is_zero { 0.0 } else { 1.0 });
        }
        Engine::new(config, &weights).expect("they fit")
    }

    #[test]
    fn the_reach_is_how_far_light_spreads() {
        let config = UNet3dConfig { width: 1, pools: vec![[1, 2, 2], [2, 1, 2]], ..UNet3dConfig::sparks() };
        let mut engine = all_pass(&config);
        let reach = reach(&config);
        for axis in 0..3 {
            let mut extent = [4usize; 3];
            extent[axis] = 128;
            let n: usize = extent.iter().product();
            let stride: usize = extent[axis + 1..].iter().product();
            let mut furthest = 0;
            for centre in 60..68 {
                let mut input = vec![0.0; n];
                input[centre * stride] = 1.0;
                let mut output = vec![0.0; n];
                engine.run(&input, extent, &extent.map(|n| 0..n), &mut output);
                let lit = output.iter().enumerate().filter(|(_, p)| **p > 0.5);
                let distances = lit.map(|(i, _)| (i / stride % extent[axis]).abs_diff(centre));
                furthest = furthest.max(distances.max().unwrap_or(0));
            }
            assert_eq!(furthest, reach[axis], "axis {axis}");
        }
    }
}
