//! Images of another size. Each of PyTorch's ways is linear and works along one axis after the other, so each is two
//! products with a matrix of weights.

use burn::tensor::{Device, Tensor, TensorData};

/// How values between pixels are made. Pixel centres are at half integers, edges are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Between two pixels; looks at no more than two, so it skips pixels when an image becomes smaller.
    Bilinear,
    /// A triangle as wide as a new pixel and its neighbours, when an image becomes smaller.
    Antialiased,
    /// Keys' cubic convolution with a = -0.75.
    Bicubic,
}

/// `[n, c, y, x]` to `[n, c, to y, to x]`.
pub(crate) fn resample(x: Tensor<4>, kernel: Kernel, to: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == to {
        return x;
    }
    let device = x.device();
    let rows = matrix(kernel, h, to[0], &device);
    let columns = matrix(kernel, w, to[1], &device);
    rows.unsqueeze::<4>().matmul(x).matmul(columns.swap_dims(0, 1).unsqueeze::<4>())
}

/// `[to, from]`.
fn matrix(kernel: Kernel, from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; to * from];
    for (i, row) in values.chunks_exact_mut(from).enumerate() {
        weights(kernel, i, row, to);
    }
    Tensor::from_data(TensorData::new(values, [to, from]), device)
}

/// What pixel `i` of `to` takes of each old pixel.
fn weights(kernel: Kernel, i: usize, row: &mut [f32], to: usize) {
    let n = row.len();
    let scale = n as f64 / to as f64;
    let centre = (i as f64 + 0.5) * scale;
    let last = (n - 1) as f64;
    match kernel {
        Kernel::Bilinear => {
            let at = (centre - 0.5).clamp(0.0, last);
            let first = at.floor();
            let part = at - first;
            row[first as usize] += (1.0 - part) as f32;
            row[(first + 1.0).min(last) as usize] += part as f32;
        }
        Kernel::Antialiased => {
            let support = scale.max(1.0);
            let triangle = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / support).abs()).max(0.0);
            let sum: f64 = (0..n).map(triangle).sum();
            for (j, weight) in row.iter_mut().enumerate() {
                *weight = (triangle(j) / sum) as f32;
            }
        }
        Kernel::Bicubic => {
            let at = centre - 0.5;
            let first = at.floor();
            for step in -1..=2 {
                let place = (first + f64::from(step)).clamp(0.0, last);
                row[place as usize] += keys(at - first - f64::from(step)) as f32;
            }
        }
    }
}

/// Keys' kernel (IEEE Trans. Acoust. 1981) at a distance.
fn keys(distance: f64) -> f64 {
    const A: f64 = -0.75;
    let d = distance.abs();
    if d <= 1.0 {
        ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        A * (((d - 5.0) * d + 8.0) * d - 4.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_pixel_is_a_mean() {
        for kernel in [Kernel::Bilinear, Kernel::Antialiased, Kernel::Bicubic] {
            for (from, to) in [(7, 32), (32, 7), (16, 64), (64, 16), (5, 5)] {
                for i in 0..to {
                    let mut row = vec![0.0; from];
                    weights(kernel, i, &mut row, to);
                    let sum: f32 = row.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-6, "{kernel:?} {from} to {to}");
                    // Away from the edges, where pixels are repeated, two pixels keep a ramp; the others need not.
                    let expected = (i as f32 + 0.5) * from as f32 / to as f32;
                    if kernel == Kernel::Bilinear && (0.5..from as f32 - 0.5).contains(&expected) {
                        let ramp: f32 = row.iter().enumerate().map(|(j, weight)| weight * (j as f32 + 0.5)).sum();
                        assert!((ramp - expected).abs() < 1e-5 * from as f32, "{from} to {to}: {ramp}");
                    }
                }
            }
        }
    }

    #[test]
    fn known_values() {
        let device = crate::cpu();
        let x: Tensor<4> = Tensor::from_data(TensorData::new(vec![0.0f32, 1.0, 2.0, 3.0], [1, 1, 2, 2]), &device);
        let y: Vec<f32> = resample(x, Kernel::Bilinear, [4; 2]).into_data().iter::<f32>().collect();
        let expected = [0.0, 0.25, 0.75, 1.0, 0.5, 0.75, 1.25, 1.5, 1.5, 1.75, 2.25, 2.5, 2.0, 2.25, 2.75, 3.0];
        assert!(y.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{y:?}");
        // A pixel half as large: the triangle reaches over four old ones.
        let mut row = vec![0.0; 8];
        weights(Kernel::Antialiased, 1, &mut row, 4);
        assert_eq!(row, [0.0, 0.125, 0.375, 0.375, 0.125, 0.0, 0.0, 0.0]);
        // Half-way between two pixels, Keys' kernel with a = -0.75.
        let mut row = vec![0.0; 4];
        weights(Kernel::Bicubic, 1, &mut row, 3);
        assert_eq!(row, [-0.09375, 0.59375, 0.59375, -0.09375]);
    }
}
