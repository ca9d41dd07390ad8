//! The graph of [`crate::models::attention_unet`].

use super::Builder;
use crate::models::attention_unet::AttentionUNetConfig;
use sparkwave_core::graph::Operator;

pub(super) fn logits(config: &AttentionUNetConfig, b: &mut Builder) -> String {
    let x = block(b, "input", "model.0", 1);
    let x = level(config, b, &x, "model.1", 0);
    b.conv(&x, "model.2.conv", 1, 1)
}

/// One level and all below it: down, whatever is there, up again.
fn level(config: &AttentionUNetConfig, b: &mut Builder, skip: &str, name: &str, depth: usize) -> String {
    let is_last = depth + 2 == config.channels.len();
    let below = if is_last {
        block(b, skip, &format!("{name}.submodule"), 2)
    } else {
        let down = block(b, skip, &format!("{name}.submodule.0"), 2);
        level(config, b, &down, &format!("{name}.submodule.1"), depth + 1)
    };
    let up = b.transposed(&below, &format!("{name}.upconv.up.conv"), 3, [2; 3]);
    let up = b.norm(&up, &format!("{name}.upconv.up.adn.N"));
    let up = b.rectify(&up, 0.0);
    let passed = gate(b, &up, skip, &format!("{name}.attention"));
    let joined = b.join(&passed, &up);
    let merged = b.conv(&joined, &format!("{name}.merge.conv"), 3, 1);
    let merged = b.instance_norm(&merged, config.channels[depth]);
    b.push(Operator::PRelu, &[&merged, &format!("{name}.merge.adn.A.weight")])
}

fn gate(b: &mut Builder, gate: &str, skip: &str, name: &str) -> String {
    let mut part = |of: &str, which: &str| {
        let x = b.conv(of, &format!("{name}.{which}.0.conv"), 1, 1);
        b.norm(&x, &format!("{name}.{which}.1"))
    };
    let (of_gate, of_skip) = (part(gate, "W_g"), part(skip, "W_x"));
    let sum = b.push(Operator::Add, &[&of_gate, &of_skip]);
    let sum = b.rectify(&sum, 0.0);
    let psi = b.conv(&sum, &format!("{name}.psi.0.conv"), 1, 1);
    let psi = b.norm(&psi, &format!("{name}.psi.1"));
    let psi = b.push(Operator::Sigmoid, &[&psi]);
    b.push(Operator::Mul, &[skip, &psi])
}

fn block(b: &mut Builder, x: &str, name: &str, stride: usize) -> String {
    let mut x = x.to_owned();
    for (i, stride) in [(0, stride), (1, 1)] {
        x = b.conv(&x, &format!("{name}.conv.{i}.conv"), 3, stride);
        x = b.norm(&x, &format!("{name}.conv.{i}.adn.N"));
        x = b.rectify(&x, 0.0);
    }
    x
}
