//! The graph of [`crate::models::unet2d`].

use super::Builder;
use crate::models::unet2d::UNet2dConfig;
use sparkwave_core::graph::Operator;

pub(super) fn logits(config: &UNet2dConfig, b: &mut Builder) -> String {
    let mut x = stage(b, "input", "inc");
    let mut skips = Vec::new();
    for level in 1..=config.depth {
        let pooled = b.push(Operator::max_pool(&[1, 2, 2]), &[&x]);
        skips.push(x);
        x = stage(b, &pooled, &format!("down{level}.maxpool_conv.1"));
    }
    for (i, skip) in skips.iter().rev().enumerate() {
        let up = b.transposed(&x, &format!("up{}.up", i + 1), 2, [1, 2, 2]);
        let joined = b.join(skip, &up);
        x = stage(b, &joined, &format!("up{}.conv", i + 1));
    }
    b.conv(&x, "outc.conv", 1, 1)
}

fn stage(b: &mut Builder, x: &str, name: &str) -> String {
    let mut x = x.to_owned();
    for (conv, norm) in [(0, 1), (3, 4)] {
        x = b.with_parameters(Operator::conv(&[1, 3, 3]), &x, &format!("{name}.double_conv.{conv}"));
        x = b.norm(&x, &format!("{name}.double_conv.{norm}"));
        x = b.rectify(&x, 0.0);
    }
    x
}
