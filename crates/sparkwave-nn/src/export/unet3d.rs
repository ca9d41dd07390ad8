//! The graph of [`crate::models::unet3d`].

use super::Builder;
use crate::models::unet3d::{UNet3d, UNet3dConfig};
use sparkwave_core::graph::Operator;

pub(super) fn logits(config: &UNet3dConfig, b: &mut Builder) -> String {
    let mut x = "input".to_owned();
    let mut skips = Vec::new();
    for (level, pool) in config.pools.iter().enumerate() {
        let skip = stage(b, &x, &format!("down_convs.{level}"), UNet3d::SLOPE);
        x = b.push(Operator::max_pool(pool), &[&skip]);
        skips.push(skip);
    }
    for (conv, norm) in [("bottleneck.dilated_conv.0", "bottleneck.norm0"), ("bottleneck.conv2", "bottleneck.norm1")] {
        x = b.conv(&x, conv, 3, 1);
        if config.normalised_bottleneck {
            x = b.norm(&x, norm);
        }
        x = b.rectify(&x, 0.0);
    }
    for (i, (skip, pool)) in skips.iter().zip(&config.pools).rev().enumerate() {
        let up = b.transposed(&x, &format!("up_convs.{i}.upconv"), 3, *pool);
        let joined = b.join(skip, &up);
        x = stage(b, &joined, &format!("up_convs.{i}"), 0.0);
    }
    b.conv(&x, "final_conv", 1, 1)
}

fn stage(b: &mut Builder, x: &str, name: &str, slope: f32) -> String {
    let mut x = x.to_owned();
    for (conv, norm) in [(0, 1), (3, 4)] {
        x = b.conv(&x, &format!("{name}.convs.{conv}"), 3, 1);
        x = b.norm(&x, &format!("{name}.convs.{norm}"));
        x = b.rectify(&x, slope);
    }
    x
}
