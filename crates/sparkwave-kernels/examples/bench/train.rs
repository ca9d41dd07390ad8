//! All layers of a training step of a U-Net, each with its own tensors: `name:DxHxW:samples`, names as in `unet`.
//!
//! Forward passes, then input and weight gradients, of convolutions, batch norm with activation, pooling and transposed
//! convolutions. Loss, sigmoid and optimiser are not in it.

use crate::{Case, layers};
use sparkwave_kernels::Isa;

pub(crate) fn step(isa: Isa, rest: &str) -> Case {
    let fields: Vec<&str> = rest.split(':').collect();
    let (depth, up) = if fields[0] == "small" { (4, "up2") } else { (5, "up") };
    let full = layers::volume(fields[1]);
    let of_level =
        |level: usize| format!("{0}x{1}x{2}", full.depth >> level, full.height >> level, full.width >> level);
    let samples = fields[2];
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    let mut add = |layer: String, is_first: bool| {
        forward.push(format!("{layer}:forward"));
        if layer.starts_with("norm") || layer.starts_with("pool") {
            backward.push(format!("{layer}:backward"));
        } else {
            backward.push(format!("{layer}:weight"));
            if !is_first {
                backward.push(format!("{layer}:input"));
            }
        }
    };
    let mut block = |level: usize, inputs: usize, outputs: usize, normed: bool| {
        let size = of_level(level);
        for (i, channels) in [inputs, outputs].into_iter().enumerate() {
            add(format!("conv:{channels}:{outputs}:{size}:{samples}"), i == 0 && channels == 1);
            if normed {
                add(format!("norm:{outputs}:{size}:{samples}"), false);
            }
        }
    };
    for level in 0..depth {
        block(level, if level == 0 { 1 } else { 4 << level }, 8 << level, true);
        block(level, 16 << level, 8 << level, true);
    }
    block(depth, 4 << depth, 8 << depth, false);
    for level in 0..depth {
        add(format!("pool:{}:{}:{samples}", 8 << level, of_level(level)), false);
        add(format!("{up}:{}:{}:{}:{samples}", 16 << level, 8 << level, of_level(level + 1)), false);
    }
    add(format!("conv1:8:1:{}:{samples}", of_level(0)), false);
    backward.reverse();
    let case = |name: &String| {
        let (kind, rest) = name.split_once(':').unwrap();
        layers::case(isa, kind, rest)
    };
    let mut cases: Vec<Case> = forward.iter().chain(&backward).map(case).collect();
    let flop = cases.iter().map(|case| case.flop).sum();
    Case { run: Box::new(move || cases.iter_mut().for_each(|case| (case.run)())), flop }
}
