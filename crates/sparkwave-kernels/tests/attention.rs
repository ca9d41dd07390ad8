//! Attention, layer normalisation and the Gaussian error unit against their definitions.

use crate::random::{assert_close, on_any_threads, sets, values};
use sparkwave_kernels::attention::{Tokens, forward};
use sparkwave_kernels::{gelu, layer_norm};

/// Samples, heads, queries, keys, length, length of a value: ends of vectors, panels, blocks of keys and of numbers.
const SHAPES: [[usize; 6]; 9] = [
    [1, 1, 1, 1, 1, 1],
    [2, 3, 5, 7, 4, 9],
    [3, 2, 16, 16, 96, 96],
    [1, 8, 49, 9, 16, 16],
    [2, 1, 64, 65, 72, 33],
    [1, 1, 50, 200, 256, 64],
    [1, 2, 196, 196, 56, 56],
    [1, 1, 300, 130, 130, 8],
    [2, 2, 4, 0, 8, 8],
];

/// The definition, `[samples, queries, heads, length of a value]`.
fn attention([samples, heads, n_q, n_k, length, of_value]: [usize; 6], q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for (sample, query, head) in (0..samples * n_q * heads).map(|i| (i / heads / n_q, i / heads % n_q, i % heads)) {
        let place = |n: usize, token: usize, length: usize| ((sample * n + token) * heads + head) * length;
        let q = &q[place(n_q, query, length)..][..length];
        let scores: Vec<f64> = (0..n_k)
            .map(|key| {
                let k = &k[place(n_k, key, length)..][..length];
                q.iter().zip(k).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / (length as f64).sqrt()
            })
            .collect();
        let top = scores.iter().fold(f64::MIN, |top, v| top.max(*v));
        let weights: Vec<f64> = scores.iter().map(|v| (v - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        for i in 0..of_value {
            let sum: f64 =
                weights.iter().enumerate().map(|(key, w)| w * f64::from(v[place(n_k, key, of_value) + i])).sum();
            y.push(if n_k == 0 { 0.0 } else { (sum / total) as f32 });
        }
    }
    y
}

fn times(factor: f32, values: Vec<f32>) -> Vec<f32> {
    values.into_iter().map(|v| factor * v).collect()
}

#[test]
fn attention_is_a_mean_by_softmax() {
    for shape @ [samples, heads, n_q, n_k, length, of_value] in SHAPES {
        let of = |seed, tokens, length| values(seed, samples * tokens * heads * length);
        // Scores of up to some ten, so that some weights are next to nothing and maxima are met late.
        let (q, k, v) = (times(6.0, of(1, n_q, length)), times(6.0, of(2, n_k, length)), of(3, n_k, of_value));
        let expected = attention(shape, &q, &k, &v);
        for isa in sets() {
            let found = on_any_threads(|| {
                let mut y = vec![f32::NAN; expected.len()];
                let tokens = [
                    Tokens::contiguous(&q, n_q, heads, length),
                    Tokens::contiguous(&k, n_k, heads, length),
                    Tokens::contiguous(&v, n_k, heads, of_value),
                ];
                forward(isa, samples, heads, tokens[0], tokens[1], tokens[2], &mut y).unwrap();
                y
            });
            assert_close(&found, &expected, 1e-5, &format!("{isa:?} {shape:?}"));
        }
    }
}

#[test]
fn tokens_are_read_where_they_are() {
    // Queries, keys and values side by side, as one projection makes them.
    let [samples, heads, tokens, length] = [2, 3, 20, 8];
    let width = heads * length;
    let together = values(4, samples * tokens * 3 * width);
    let part = |i: usize| -> Vec<f32> {
        together.chunks_exact(3 * width).flat_map(|token| &token[i * width..][..width]).copied().collect()
    };
    let expected = attention([samples, heads, tokens, tokens, length, length], &part(0), &part(1), &part(2));
    let strides = [tokens * 3 * width, 3 * width, length];
    let of = |i: usize| Tokens { data: &together[i * width..], tokens, length, strides };
    for isa in sets() {
        let mut y = vec![f32::NAN; expected.len()];
        forward(isa, samples, heads, of(0), of(1), of(2), &mut y).unwrap();
        assert_close(&y, &expected, 1e-5, &format!("{isa:?}"));
    }
}

#[test]
fn one_key_is_all_there_is_and_what_is_no_number_stays_none() {
    for isa in sets() {
        let (q, v) = (values(1, 8), values(2, 5));
        let mut y = vec![0.0; 5];
        let run = |q: &[f32], y: &mut [f32]| {
            let of = |data, length| Tokens::contiguous(data, 1, 1, length);
            forward(isa, 1, 1, of(q, 8), of(&[1e4; 8], 8), of(&v, 5), y).unwrap();
        };
        run(&q, &mut y);
        assert_eq!(y, v, "a softmax of one is 1");
        run(&[f32::NAN; 8], &mut y);
        assert!(y.iter().all(|v| v.is_nan()));
    }
}

#[test]
fn tokens_that_do_not_fit_are_refused() {
    let isa = sets()[0];
    let data = [0.0; 64];
    let of = |tokens, length| Tokens::contiguous(&data, tokens, 2, length);
    let run = |k: Tokens<'_>, v: Tokens<'_>, n: usize| forward(isa, 1, 2, of(4, 8), k, v, &mut vec![0.0; n]);
    assert!(run(of(4, 8), of(4, 8), 64).is_ok());
    assert!(run(of(4, 7), of(4, 8), 64).is_err());
    assert!(run(of(4, 8), of(3, 8), 64).is_err());
    assert!(run(of(5, 8), of(5, 8), 64).is_err());
    assert!(run(of(4, 8), of(4, 8), 63).is_err());
    let far = Tokens { strides: [usize::MAX, usize::MAX, 8], ..of(4, 8) };
    assert!(run(far, of(4, 8), 64).is_err());
}

#[test]
fn every_vector_is_normalised_by_itself() {
    for [vectors, channels] in [[1, 1], [3, 5], [7, 64], [40, 96], [5, 1152], [3000, 16]] {
        let x: Vec<f32> = values(1, vectors * channels).iter().map(|v| 3.0 * v + 5.0).collect();
        let (scale, shift) = (values(2, channels), values(3, channels));
        let expected: Vec<f32> = x
            .chunks_exact(channels)
            .flat_map(|x| {
                let n = channels as f64;
                let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
                let variance = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
                let normal = move |v: &f32| (f64::from(*v) - mean) / (variance + 1e-6).sqrt();
                let line = |(v, (a, b)): (f64, (&f32, &f32))| (v * f64::from(*a) + f64::from(*b)) as f32;
                x.iter().map(normal).zip(scale.iter().zip(&shift)).map(line).collect::<Vec<_>>()
            })
            .collect();
        for isa in sets() {
            let found = on_any_threads(|| {
                let mut y = vec![f32::NAN; x.len()];
                layer_norm::forward(isa, &scale, &shift, 1e-6, &x, &mut y).unwrap();
                y
            });
            assert_close(&found, &expected, 2e-6, &format!("{isa:?} {vectors} x {channels}"));
        }
    }
    let (three, four) = (&[1.0f32; 3], &mut [0.0f32; 4]);
    assert!(layer_norm::forward(sets()[0], three, three, 1e-6, &[0.0; 4], four).is_err());
    assert!(layer_norm::forward(sets()[0], &[], &[], 1e-6, &[0.0; 4], four).is_err());
}

#[test]
fn the_gaussian_unit_is_x_times_its_probability() {
    // By the series of the error function, which converges everywhere in double precision below 6.
    let phi = |x: f64| {
        let (mut term, mut sum) = (x, x);
        for k in 1..200 {
            term *= -x * x / (2.0 * f64::from(k));
            sum += term / (2.0 * f64::from(k) + 1.0);
        }
        0.5 + sum / std::f64::consts::TAU.sqrt()
    };
    let x: Vec<f32> = (-5000..=5000).map(|i| i as f32 / 1000.0).collect();
    for isa in sets() {
        let mut y = x.clone();
        gelu::gelu(isa, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let expected = f64::from(*x) * phi(f64::from(*x));
            let slack = 4e-7 * f64::from(x.abs()).max(0.1);
            assert!((f64::from(*y) - expected).abs() < slack, "{isa:?}: {y} of {x}, expected {expected}");
        }
        let mut ends = [-50.0, 50.0, f32::NEG_INFINITY, f32::NAN];
        gelu::gelu(isa, &mut ends);
        assert!(ends[0].abs() < 1e-30 && ends[1] == 50.0 && ends[3].is_nan(), "{ends:?}");
    }
}
