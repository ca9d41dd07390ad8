//! Where a token is and when, in numbers that a network can use.

use std::f64::consts::TAU;

use burn::tensor::{Device, Tensor, TensorData};

/// The longest wave of a sine, in units of TAU.
const TEMPERATURE: f64 = 10_000.0;

/// Sines and cosines of the place in a square image, `[1, side, side, c]`: the first half of the channels is y, the second
/// x, from TAU / side to TAU, in waves of c / 4 lengths (Carion et al., ECCV 2020).
pub(crate) fn sine(side: usize, c: usize, device: &Device) -> Tensor<4> {
    let half = c / 2;
    let mut axis = Vec::with_capacity(side * half);
    for i in 1..=side {
        let place = i as f64 / (side as f64 + 1e-6) * TAU;
        for k in 0..half {
            let angle = place / TEMPERATURE.powf((k - k % 2) as f64 / half as f64);
            axis.push(if k % 2 == 0 { angle.sin() } else { angle.cos() } as f32);
        }
    }
    let mut values = Vec::with_capacity(side * side * c);
    for y in axis.chunks_exact(half) {
        for x in axis.chunks_exact(half) {
            values.extend_from_slice(y);
            values.extend_from_slice(x);
        }
    }
    Tensor::from_data(TensorData::new(values, [1, side, side, c]), device)
}

/// Sines, then cosines, of each time, `[times, c]` (Vaswani et al. 2017).
pub(crate) fn sine_of_time(times: &[f32], c: usize, device: &Device) -> Tensor<2> {
    let half = c / 2;
    let mut values = Vec::with_capacity(times.len() * c);
    for &time in times {
        let angle = |k: usize| f64::from(time) / TEMPERATURE.powf((k - k % 2) as f64 / half as f64);
        values.extend((0..half).map(|k| angle(k).sin() as f32));
        values.extend((0..half).map(|k| angle(k).cos() as f32));
    }
    Tensor::from_data(TensorData::new(values, [times.len(), c]), device)
}

/// Sines, then cosines, of the projections of places `[n, 2]` (x, y as parts of the image, 0 to 1) on frequencies
/// `[2, c / 2]`: `[n, c]` (Tancik et al., NeurIPS 2020).
pub(crate) fn fourier(places: Tensor<2>, frequencies: Tensor<2>) -> Tensor<2> {
    let angles = (places * 2.0 - 1.0).matmul(frequencies) * TAU;
    Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
}

/// The middles of the pixels of a square image as parts of it, x before y, row by row: `[side * side, 2]`.
pub(crate) fn grid(side: usize, device: &Device) -> Tensor<2> {
    let part = |i: usize| ((i as f64 + 0.5) / side as f64) as f32;
    let values: Vec<f32> = (0..side * side).flat_map(|i| [part(i % side), part(i / side)]).collect();
    Tensor::from_data(TensorData::new(values, [side * side, 2]), device)
}

/// Cosines and sines by which the tokens of a square image are turned (Heo et al., ECCV 2024): each `[side * side, c / 2]`,
/// where the first half of the angles grows with x and the second with y.
pub(crate) fn rotations(side: usize, c: usize, device: &Device) -> [Tensor<2>; 2] {
    let quarter = c / 4;
    let mut angles = Vec::with_capacity(side * side * c / 2);
    for i in 0..side * side {
        for place in [i % side, i / side] {
            angles.extend((0..quarter).map(|k| place as f64 / TEMPERATURE.powf((4 * k) as f64 / c as f64)));
        }
    }
    let of = |f: fn(f64) -> f64| {
        let values: Vec<f32> = angles.iter().map(|&angle| f(angle) as f32).collect();
        Tensor::from_data(TensorData::new(values, [side * side, c / 2]), device)
    };
    [of(f64::cos), of(f64::sin)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_sines_of_a_place_and_of_a_time() {
        let found = values(sine(2, 8, &cpu()));
        // The token at y = 0, x = 1: half a turn and a whole one, then both a hundred times slower.
        let [half, whole] = [TAU / 2.0, TAU].map(|v| (v, v / 100.0));
        let expected = [half.0.sin(), half.0.cos(), half.1.sin(), half.1.cos()];
        let expected = expected.into_iter().chain([whole.0.sin(), whole.0.cos(), whole.1.sin(), whole.1.cos()]);
        for (found, expected) in found[8..16].iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} {expected}");
        }
        let found = values(sine_of_time(&[0.5], 8, &cpu()));
        let expected = [0.5f64.sin(), 0.5f64.sin(), 0.005f64.sin(), 0.005f64.sin(), 0.5f64.cos()];
        assert!(found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn rotations_turn_by_the_place() {
        let [cos, sin] = rotations(3, 8, &cpu()).map(values);
        // The token at y = 2, x = 1; two angles an axis, the second a hundred times slower.
        let expected = [1.0f32, 0.01, 2.0, 0.02];
        for (k, angle) in expected.iter().enumerate() {
            assert!((cos[7 * 4 + k] - angle.cos()).abs() < 1e-6 && (sin[7 * 4 + k] - angle.sin()).abs() < 1e-6);
        }
    }
}
