//! Reproducible values, and comparisons.

use sparkwave_kernels::{Isa, Volume};

/// Values between -1 and 1 that a seed determines.
pub(crate) fn values(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// Shapes that try ends of rows, vectors, tiles and blocks: samples, volume, channels in, channels out.
pub(crate) const SHAPES: [(usize, [usize; 3], usize, usize); 9] = [
    (1, [1, 1, 1], 1, 1),
    (3, [2, 2, 2], 5, 9),
    (2, [3, 4, 5], 1, 5),
    (1, [1, 7, 19], 5, 3),
    (2, [4, 5, 1], 3, 2),
    (1, [2, 3, 50], 9, 8),
    (2, [4, 4, 4], 17, 64),
    (2, [5, 6, 8], 8, 16),
    (1, [3, 16, 64], 2, 1),
];

pub(crate) fn volume([depth, height, width]: [usize; 3]) -> Volume {
    Volume::new(depth, height, width)
}

#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.1f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}, value {i}: {a} against {b}");
    }
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The gradient of `loss` by central differences, exact up to rounding where the loss is a polynomial of degree 2.
pub(crate) fn differences(at: &[f32], step: f32, loss: impl Fn(&[f32]) -> f64) -> Vec<f32> {
    let mut moved = at.to_vec();
    let one = |i: usize| {
        moved[i] = at[i] + step;
        let above = loss(&moved);
        moved[i] = at[i] - step;
        let below = loss(&moved);
        moved[i] = at[i];
        ((above - below) / (2.0 * f64::from(step))) as f32
    };
    (0..at.len()).map(one).collect()
}

/// What `run` gives on pools of 1 and of 3 threads, which must be the same bits.
#[track_caller]
pub(crate) fn on_any_threads<T: PartialEq + Send + std::fmt::Debug>(run: impl Fn() -> T + Sync) -> T {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let one = pool(1).install(&run);
    assert_eq!(one, pool(3).install(&run), "the result depends on the number of threads");
    one
}

pub(crate) fn sets() -> Vec<Isa> {
    Isa::available()
}
