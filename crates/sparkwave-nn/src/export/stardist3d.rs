//! The graph of [`crate::models::stardist3d`].

use super::Builder;
use crate::models::stardist3d::{StarDist3dConfig, number_on_the_way_up, unnamed};
use sparkwave_core::graph::{Dimension, Interpolation, Operator, Port};

/// Pushes the distances as a second output; gives the logits of the object probability.
pub(super) fn logits(config: &StarDist3dConfig, b: &mut Builder) -> String {
    let (n, depth) = (config.convolutions, config.depth);
    let mut x = "input".to_owned();
    for (stage, pool) in config.grid_pools().iter().enumerate() {
        for i in 0..n {
            x = rectified(b, &x, &unnamed(stage * n + i));
        }
        x = b.push(Operator::max_pool(pool), &[&x]);
    }
    let mut skips = Vec::new();
    for level in 0..depth {
        for i in 0..n {
            x = rectified(b, &x, &format!("down_level_{level}_no_{i}"));
        }
        skips.push(x.clone());
        x = b.push(Operator::max_pool(&[2; 3]), &[&x]);
    }
    let numbers: Vec<usize> = (0..n).map(|i| number_on_the_way_up(i, n)).collect();
    for i in &numbers {
        x = rectified(b, &x, &format!("middle_{i}"));
    }
    for (level, skip) in skips.iter().enumerate().rev() {
        let repeated = Operator::Upsample { factors: vec![1, 1, 2, 2, 2], interpolation: Interpolation::Nearest };
        let up = b.push(repeated, &[&x]);
        x = b.join(&up, skip);
        for i in &numbers {
            x = rectified(b, &x, &format!("up_level_{level}_no_{i}"));
        }
    }
    if config.features > 0 {
        x = rectified(b, &x, "features");
    }
    b.graph.push(Operator::conv(&[1; 3]), &[&x, "dist.weight", "dist.bias"], "distances");
    b.graph.outputs = vec![cells("probability", 1), cells("distances", config.n_rays)];
    b.conv(&x, "prob", 1, 1)
}

fn rectified(b: &mut Builder, x: &str, name: &str) -> String {
    let x = b.conv(x, name, 3, 1);
    b.rectify(&x, 0.0)
}

/// An array on the grid.
fn cells(name: &str, n_channels: usize) -> Port {
    let named = |name: &str| Dimension::Named(name.to_owned());
    let shape = vec![named("batch"), Dimension::Fixed(n_channels), named("cell_t"), named("cell_y"), named("cell_x")];
    Port { name: name.to_owned(), shape }
}
