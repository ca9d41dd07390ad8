//! Linear layers, rotations and attention within windows against their definitions.

use crate::random::{assert_close, on_any_threads, sets, values};
use sparkwave_kernels::attention::windows::{self, Windows};
use sparkwave_kernels::attention::{self, Tokens};
use sparkwave_kernels::depthwise::{self, Images};
use sparkwave_kernels::linear::{self, After, Linear};
use sparkwave_kernels::rotate;

/// Vectors, inputs, outputs: ends of registers, panels, blocks of vectors and of numbers.
const SHAPES: [[usize; 3]; 8] =
    [[1, 1, 1], [7, 5, 16], [64, 128, 48], [65, 130, 49], [3, 300, 100], [1030, 17, 33], [5, 0, 4], [0, 3, 4]];

fn definition(layer: &Linear<'_>, [vectors, inputs, outputs]: [usize; 3], input: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for (vector, output) in (0..vectors * outputs).map(|i| (i / outputs, i % outputs)) {
        let (x, w) = (&input[vector * inputs..][..inputs], &layer.weight[output * inputs..][..inputs]);
        let sum: f64 = x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let sum = sum + layer.bias.map_or(0.0, |bias| f64::from(bias[output]));
        let sum = match layer.after {
            After::Nothing => sum,
            After::Relu => sum.max(0.0),
            After::Gelu => {
                let mut one = [sum as f32];
                sparkwave_kernels::gelu::gelu(sparkwave_kernels::Isa::portable(), &mut one);
                f64::from(one[0])
            }
        };
        y.push((sum + layer.residual.map_or(0.0, |past| f64::from(past[vector * outputs + output]))) as f32);
    }
    y
}

#[test]
fn a_linear_layer_is_products_and_what_follows() {
    for shape @ [vectors, inputs, outputs] in SHAPES {
        let (x, w) = (values(1, vectors * inputs), values(2, outputs * inputs));
        let (bias, past) = (values(3, outputs), values(4, vectors * outputs));
        for (after, bias, residual) in [
            (After::Nothing, None, None),
            (After::Relu, Some(&bias[..]), None),
            (After::Gelu, Some(&bias[..]), Some(&past[..])),
        ] {
            let layer = Linear { weight: &w, bias, after, residual };
            let expected = definition(&layer, shape, &x);
            for isa in sets() {
                let found = on_any_threads(|| {
                    let mut y = vec![f32::NAN; expected.len()];
                    linear::forward(isa, &layer, shape, &x, &mut y).unwrap();
                    y
                });
                assert_close(&found, &expected, 2e-5, &format!("{isa:?} {shape:?} {after:?}"));
            }
        }
    }
    let layer = Linear { weight: &[0.0; 6], bias: Some(&[0.0; 3]), after: After::Nothing, residual: None };
    let isa = sets()[0];
    assert!(linear::forward(isa, &layer, [2, 2, 3], &[0.0; 4], &mut [0.0; 5]).is_err());
    assert!(linear::forward(isa, &layer, [2, 2, 2], &[0.0; 4], &mut [0.0; 4]).is_err());
}

/// The image filled up and cut into windows, as the definition has it.
fn within_windows(shape: Windows, qkv: &[f32], beyond: &[f32]) -> Vec<f32> {
    let Windows { images, height, width, heads, length, edge, pooled } = shape;
    let (step, each) = (if pooled { 2 } else { 1 }, heads * length);
    let mut y = vec![0.0; images * (height / step) * (width / step) * each];
    let at = |image: usize, y: usize, x: usize| {
        let inside = y < height && x < width;
        if inside { &qkv[((image * height + y) * width + x) * 3 * each..][..3 * each] } else { beyond }
    };
    for (image, top, left) in (0..images * height * width).map(|i| (i / width / height, i / width % height, i % width))
    {
        if top % edge > 0 || left % edge > 0 {
            continue;
        }
        let part = |i: usize| -> Vec<f32> {
            let pixels = (0..edge * edge).flat_map(|p| &at(image, top + p / edge, left + p % edge)[i * each..][..each]);
            pixels.copied().collect()
        };
        let (mut q, k, v) = (part(0), part(1), part(2));
        let queries = edge / step;
        if pooled {
            let of = |y: usize, x: usize, i: usize| q[(y * edge + x) * each + i];
            let largest = |(at, i): (usize, usize)| {
                let (y, x) = (at / queries * 2, at % queries * 2);
                of(y, x, i).max(of(y, x + 1, i)).max(of(y + 1, x, i)).max(of(y + 1, x + 1, i))
            };
            q = (0..queries * queries).flat_map(|at| (0..each).map(move |i| (at, i))).map(largest).collect();
        }
        let mut mixed = vec![0.0; queries * queries * each];
        let tokens = |all, n| Tokens::contiguous(all, n, heads, length);
        let (q, k, v) = (tokens(&q, queries * queries), tokens(&k, edge * edge), tokens(&v, edge * edge));
        attention::forward(sets()[0], 1, heads, q, k, v, &mut mixed).unwrap();
        for (p, vector) in mixed.chunks_exact(each).enumerate() {
            let (row, column) = (top / step + p / queries, left / step + p % queries);
            if row < height / step && column < width / step {
                let place = (image * (height / step) + row) * (width / step) + column;
                y[place * each..][..each].copy_from_slice(vector);
            }
        }
    }
    y
}

#[test]
fn windows_are_those_of_the_image_filled_up() {
    let shape = |height, width, edge, pooled| Windows { images: 2, height, width, heads: 2, length: 24, edge, pooled };
    for shape in [
        shape(8, 8, 4, false),
        shape(10, 6, 4, true),
        shape(5, 9, 4, false),
        shape(4, 4, 14, true),
        shape(6, 6, 6, true),
    ] {
        let n = shape.images * shape.height * shape.width * 3 * shape.heads * shape.length;
        let qkv: Vec<f32> = values(1, n).into_iter().map(|v| 3.0 * v).collect();
        let beyond = values(2, 3 * shape.heads * shape.length);
        let expected = within_windows(shape, &qkv, &beyond);
        for isa in sets() {
            let found = on_any_threads(|| {
                let mut y = vec![f32::NAN; expected.len()];
                windows::forward(isa, shape, &qkv, &beyond, &mut y).unwrap();
                y
            });
            assert_close(&found, &expected, 1e-5, &format!("{isa:?} {shape:?}"));
        }
    }
    let odd = shape(5, 4, 2, true);
    assert!(windows::forward(sets()[0], odd, &values(1, 2 * 20 * 144), &[0.0; 144], &mut [0.0; 1]).is_err());
}

#[test]
fn pairs_are_turned_place_by_place() {
    let [samples, vectors, length, places, placed] = [2, 7, 10, 3, 6];
    let angles: Vec<f32> = values(1, places * length / 2);
    let [cos, sin] = [f32::cos, f32::sin].map(|f| angles.iter().map(|a| f(*a)).collect::<Vec<f32>>());
    let x = values(2, samples * vectors * length);
    for isa in sets() {
        let mut y = x.clone();
        rotate::forward(isa, [samples, vectors, length], placed, [&cos, &sin], &mut y).unwrap();
        for (i, (x, y)) in x.chunks_exact(length).zip(y.chunks_exact(length)).enumerate() {
            let (half, vector) = (length / 2, i % vectors);
            for j in 0..half {
                let angle = if vector < placed { angles[vector % places * half + j] } else { 0.0 };
                let (a, b) = (x[j], x[half + j]);
                assert!((y[j] - (a * angle.cos() - b * angle.sin())).abs() < 1e-6);
                assert!((y[half + j] - (a * angle.sin() + b * angle.cos())).abs() < 1e-6);
            }
        }
    }
    assert!(rotate::forward(sets()[0], [1, 2, 4], 3, [&cos, &sin], &mut [0.0; 8]).is_err());
}

#[test]
fn each_channel_is_filtered_by_itself() {
    for (images, edge) in [
        (Images { n: 2, height: 5, width: 6, channels: 3 }, 3),
        (Images { n: 1, height: 9, width: 4, channels: 70 }, 7),
        (Images { n: 1, height: 1, width: 1, channels: 64 }, 5),
    ] {
        let Images { n, height, width, channels } = images;
        let (x, w) = (values(1, n * height * width * channels), values(2, channels * edge * edge));
        let bias = values(3, channels);
        let mut expected = Vec::new();
        for (image, y, x_, c) in (0..n * height * width * channels)
            .map(|i| (i / channels / width / height, i / channels / width % height, i / channels % width, i % channels))
        {
            let mut sum = f64::from(bias[c]);
            for (i, j) in (0..edge * edge).map(|tap| (tap / edge, tap % edge)) {
                let (from_y, from_x) = ((y + i).wrapping_sub(edge / 2), (x_ + j).wrapping_sub(edge / 2));
                if from_y < height && from_x < width {
                    let value = x[((image * height + from_y) * width + from_x) * channels + c];
                    sum += f64::from(value) * f64::from(w[(c * edge + i) * edge + j]);
                }
            }
            expected.push(sum as f32);
        }
        for isa in sets() {
            let found = on_any_threads(|| {
                let mut y = vec![f32::NAN; expected.len()];
                depthwise::forward(isa, images, edge, &w, &bias, &x, &mut y).unwrap();
                y
            });
            assert_close(&found, &expected, 1e-5, &format!("{isa:?} {images:?}"));
        }
    }
    let images = Images { n: 1, height: 2, width: 2, channels: 1 };
    assert!(depthwise::forward(sets()[0], images, 2, &[0.0; 4], &[0.0], &[0.0; 4], &mut [0.0; 4]).is_err());
}
